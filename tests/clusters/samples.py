"""Objects of the two kinds that the product follows, and their definition."""

import asyncio
import time
from pathlib import Path

RESOURCE_DEFINITION = Path(__file__).parents[2] / "deploy" / "crd" / "imageupdaters.yaml"
APPLICATION = "argoproj.io/v1alpha1/Application"
RESOURCE = "argocd-image-updater.argoproj.io/v1alpha1/ImageUpdater"
LIMIT_S = 30.0


def an_application(name, namespace, *, images=("nginx:1.0",), padding=0):
    """An Application as Argo CD keeps it; padding: bytes that the product never looks at."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "project": "default",
            "destination": {"server": "https://cluster.example", "namespace": "default"},
            "source": {"repoURL": "https://git.example/r.git", "path": "."},
        },
        "status": {
            "sourceType": "Kustomize",
            "summary": {"images": list(images)},
            "resources": [
                {"kind": "Deployment", "name": f"d-{number}", "version": "v1", "status": "Synced"}
                for number in range(padding // 75)
            ],
        },
    }


def an_image_updater(name, namespace, *, pattern="*", image="nginx"):
    return {
        "apiVersion": "argocd-image-updater.argoproj.io/v1alpha1",
        "kind": "ImageUpdater",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "applicationRefs": [
                {"namePattern": pattern, "images": [{"alias": "web", "imageName": image}]}
            ]
        },
    }


async def eventually(is_true, *, limit_s=LIMIT_S):
    """Wait until the function says yes; what it looks at is changed by other tasks."""
    deadline = time.monotonic() + limit_s
    while not is_true():
        assert time.monotonic() < deadline, f"not after {limit_s} s"
        await asyncio.sleep(0.01)  # it looks at states, of which not each has an event
