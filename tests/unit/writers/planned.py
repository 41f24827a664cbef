"""Plans of method ``argocd`` for tests: an Application as the API has it, and what is decided."""

import copy

from argocd_image_updater.core.application import Origin
from argocd_image_updater.core.applications import decode_application
from argocd_image_updater.core.plan import ApplicationPlan
from argocd_image_updater.core.resolution import Context, resolve
from argocd_image_updater.core.resource import decode_resource
from vectors.planning import PLATFORM, plan

PARAMETERS = [
    {"name": "replicas", "value": "3", "future": {"a": [1]}},
    {"name": "image.tag", "value": "1.0.0", "future": "kept"},
]
REGISTRY = {
    "ghcr.io/acme/api": {"tags": ["1.0.0", "1.1.0"]},
    "ghcr.io/acme/web": {"tags": ["2.0.0", "2.1.0"]},
}
API = {"alias": "api", "imageName": "ghcr.io/acme/api:1.x"}
WEB = {"alias": "web", "imageName": "ghcr.io/acme/web:2.x"}


def an_object(spec, *, images=("ghcr.io/acme/api:1.0.0",), types=("Helm",), **metadata):
    """An Application whose sources are of these types."""
    status = {"summary": {"images": list(images)}, "sourceType": types[0]}
    if len(types) > 1:
        status["sourceTypes"] = list(types)
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "demo", "namespace": "argocd", "uid": "u1", **metadata},
        "spec": {"project": "default", "destination": {"server": "https://x"}, **spec},
        "status": status,
    }


def a_chart(parameters=PARAMETERS, **source):
    """A source with Helm parameters."""
    return {
        "repoURL": "https://charts.example.com",
        "chart": "web",
        "targetRevision": "1.0.0",
        "helm": {"parameters": copy.deepcopy(parameters), "future": True},
        **source,
    }


def a_kustomization(images=(), **source):
    """A source with Kustomize images."""
    return {
        "repoURL": "https://git.example.com/r.git",
        "path": "apps",
        "targetRevision": "main",
        "kustomize": {"images": list(images), "namePrefix": "p-"},
        **source,
    }


def decoded(document):
    found, problems, _ = decode_application(document, origin=Origin())
    assert not problems, problems
    return found


def plan_for(document, *images, registry=None):
    """Return the plan for an Application with these images configured."""
    application = decoded(document)
    resource, problems, _ = decode_resource(
        {
            "apiVersion": "argocd-image-updater.argoproj.io/v1alpha1",
            "kind": "ImageUpdater",
            "metadata": {"name": "iu", "namespace": application.key.namespace},
            "spec": {"applicationRefs": [{"namePattern": "*", "images": list(images or (API,))}]},
        },
        origin=Origin(),
    )
    assert not problems, problems
    context = Context(controller_namespace="argocd", default_platform=PLATFORM, secrets={})
    (intent,) = resolve(resource, [application], context=context).intents
    found, _ = plan(intent, registry or REGISTRY)
    assert isinstance(found, ApplicationPlan)
    return found


def patched(document, operations):
    """Apply a JSON patch (RFC 6902): add, replace, test; an independent reading of the standard."""
    result = copy.deepcopy(document)
    for operation in operations:
        *parents, last = [
            part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]
        ]
        target = result
        for part in parents:
            target = target[int(part)] if isinstance(target, list) else target[part]
        match operation["op"], target:
            case "test", dict():
                assert target[last] == operation["value"], operation
            case "add", dict():
                target[last] = operation["value"]
            case "add", list() if last == "-":
                target.append(operation["value"])
            case "add", list():
                target.insert(int(last), operation["value"])
            case _:
                raise AssertionError(operation)
    return result
