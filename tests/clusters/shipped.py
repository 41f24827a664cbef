"""What ``deploy/`` installs, put into the API server of a test, and access as its controller.

The overlays are rendered by the kustomize of the lab as a user would do it: by a kustomization of
their own that names the overlay and the namespace.
"""

import json
import os
import tempfile
from pathlib import Path

from install import DEFAULT_OVERLAY, DEPLOY, OVERLAYS, build

SERVICE_ACCOUNT = "argocd-image-updater-controller"
# The CRD stays: the other tests of the process use it.
CLUSTER_WIDE = ("ClusterRole", "ClusterRoleBinding")
WATCHED_NAMESPACE = DEPLOY / "kustomize" / "watched-namespace"
DESTINATION_NAMESPACE = DEPLOY / "kustomize" / "destination-namespace"


def render(overlay=DEFAULT_OVERLAY, *, namespace):
    """Return the manifests of an overlay (a name, or a folder) for a namespace, as YAML."""
    folder = overlay if isinstance(overlay, Path) else OVERLAYS / overlay
    with tempfile.TemporaryDirectory() as own:
        kustomization = {"resources": [os.path.relpath(folder, own)], "namespace": namespace}
        (Path(own) / "kustomization.yaml").write_text(json.dumps(kustomization))
        return build(Path(own))


def apply_install(api, *, namespace="argocd", overlay=DEFAULT_OVERLAY):
    """Have the namespace and everything that the overlay installs there; return the objects."""
    api.objects.namespace(namespace)
    return api.objects.apply(render(overlay, namespace=namespace))


def remove_cluster_wide(api, documents):
    """Remove the roles and bindings among applied objects that hold in the whole cluster."""
    for document in documents:
        if document["kind"] in CLUSTER_WIDE:
            kind = f"{document['apiVersion']}/{document['kind']}"
            name = document["metadata"]["name"]
            if api.objects.find(kind, name):
                api.objects.delete(kind, name)


def controller_user(namespace):
    """Return the name under which the API server knows the installed controller."""
    return f"system:serviceaccount:{namespace}:{SERVICE_ACCOUNT}"


def kubeconfig_of_controller(api, namespace):
    """Write a kubeconfig for the installed controller, with a token as its pod has; return it."""
    token = api.service_account_token(namespace, SERVICE_ACCOUNT)
    return api.kubeconfig(controller_user(namespace), token=token, namespace=namespace)
