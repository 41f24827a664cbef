"""From the push of a commit to the healthy Application: told to Argo CD, and told to the user.

Argo CD looks by itself every ten minutes only. So what happens in a test happens because Argo CD
was told, and what does not happen shows that it was not.
"""

import re
import time

import pytest

from e2e.cluster.scenes import NEW, OLD, updater
from stages.standalone import images
from stages.workloads import kustomize_folder

pytestmark = pytest.mark.lab(
    "git", "nginx", "fcgiwrap", "docker-registry", "etcd", "kube-apiserver",
    "kube-controller-manager", "redis-server", "argocd", "kustomize",
)  # fmt: skip

NAME, IMAGE = "rollout", "rollout/web"
POD = "v1/Pod"
READY = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
# A small part of the ten minutes, and much more than Argo CD needs when it is told.
SOON_S = 60.0
QUIET_S = 15.0


@pytest.fixture(scope="module")
def updated(stage):
    """The Application with its first image, and the ImageUpdater for it."""
    stage.repository(NAME, kustomize_folder("web", {"web": (stage.image(IMAGE), "1.0.0")}))
    stage.push(IMAGE, "1.0.0", **OLD)
    stage.create(stage.application(NAME, stage.source(NAME, "web")))
    stage.wait_for_live(NAME, stage.image(IMAGE, "1.0.0"))
    listed = images(web=stage.image(IMAGE, "1.x"))
    stage.create(updater(NAME, listed, target="kustomization"))


def push_and_wait_for_commit(stage, tag, commits):
    stage.push(IMAGE, tag, **NEW)
    stage.wait_for_commits(NAME, commits)
    return time.monotonic()


def wait_for_rollout(stage, stage_name, *, limit_s=SOON_S):
    """Wait until the entry of the image says how far it has come; return the entry."""

    def entry(status):
        (found,) = status.get("images") or [{}]
        return found

    status = stage.wait_for_status(
        NAME, lambda status: entry(status).get("rollout") == stage_name, limit_s=limit_s
    )
    return entry(status)


def be_a_node(stage):
    """Say of every Pod that it runs, as a kubelet would."""
    for pod in stage.objects.list(POD, namespace=NAME):
        name = pod["metadata"]["name"]
        change = {"status": READY}
        stage.objects.patch(POD, name, namespace=NAME, change=change, subresource="status")


def our_patches(stage):
    """Return the requests of the program that changed Applications so far."""
    return [
        event
        for event in stage.api.requests()
        if event["verb"] == "patch"
        and event["objectRef"]["resource"] == "applications"
        and "fieldManager=argocd-image-updater" in event["requestURI"]
    ]


def test_without_being_told_argo_cd_does_not_see_the_push_and_the_status_says_so(stage, updated):
    stage.api.forget_requests()
    with stage.program("--interval=1s", "--refresh-after-push=false") as program:
        push_and_wait_for_commit(stage, "1.1.0", 2)
        entry = wait_for_rollout(stage, "Written")
        time.sleep(QUIET_S)  # nothing tells that something will not happen
        assert stage.find(NAME)["status"]["summary"]["images"] == [stage.image(IMAGE, "1.0.0")]
        assert our_patches(stage) == []
        entry = wait_for_rollout(stage, "Written")
        assert entry["reason"] == "AlreadySet"
        assert re.search(
            r"; in Git since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \(commit [0-9a-f]{7}\): "
            "Argo CD has not seen it$",
            entry["message"],
        )
        assert program.stop() == 0


def test_with_it_the_push_is_live_in_seconds_and_followed_until_it_is_healthy(stage, updated):
    stage.api.forget_requests()
    with stage.program("--interval=1s") as program:
        began_s = push_and_wait_for_commit(stage, "1.2.0", 3)
        stage.wait_for_live(NAME, stage.image(IMAGE, "1.2.0"), limit_s=SOON_S)
        print(f"{time.monotonic() - began_s:.1f} s from the commit to the live image")
        entry = wait_for_rollout(stage, "Synced")
        assert entry["reason"] == "UpToDate"
        assert entry["message"].endswith(": synced, health is Progressing")
        be_a_node(stage)
        entry = wait_for_rollout(stage, "Healthy")
        assert entry["reason"] == "UpToDate"
        assert "message" not in entry
        stage.wait_for_checks(NAME)
        assert len(our_patches(stage)) == 1
        assert "Argo CD is not told" not in program.log()
        assert program.stop() == 0


def test_a_sync_that_fails_is_told_with_the_words_of_argo_cd(stage, updated):
    """Somebody's mistake, which only shows when the next image is rolled out."""
    with stage.program("--interval=1s"):
        wait_for_rollout(stage, "Healthy")
        # Pods are made by a selector that the new template no longer fits.
        broken = stage.file(NAME, "web/web.yaml").replace("labels: {app: web}", "labels: {app: x}")
        stage.commit(NAME, {"web/web.yaml": broken.encode()})
        push_and_wait_for_commit(stage, "1.3.0", 5)
        entry = wait_for_rollout(stage, "Failed")
        assert entry["reason"] == "AlreadySet"
        assert re.search(
            r"\(commit [0-9a-f]{7}\): sync failed( and is tried again)?: one or more",
            entry["message"],
        )
