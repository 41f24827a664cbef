"""Every overlay is taken by the API server, and its pods by the strictest rules for pods."""

import json

import pytest
import yaml

from clusters.objects import ApiError
from clusters.shipped import WATCHED_NAMESPACE, apply_install, render
from install import DEPLOY, OVERLAYS

pytestmark = pytest.mark.lab("etcd", "kube-apiserver", "kubectl", "kustomize")
NAMES = sorted(folder.name for folder in OVERLAYS.iterdir())
DEPLOYMENT = "apps/v1/Deployment", "argocd-image-updater-controller"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


def pod_of(deployment, *, namespace):
    """The pod that the Deployment's controller would make."""
    template = deployment["spec"]["template"]
    metadata = {**template["metadata"], "name": "controller", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


@pytest.mark.parametrize("name", NAMES)
def test_an_overlay_is_applied_by_kubectl_and_a_second_time_changes_nothing(
    name, namespace, kubectl, cleaning
):
    manifests = render(name, namespace=namespace)
    documents = list(yaml.safe_load_all(manifests))
    cleaning += documents
    words = ("apply", "--server-side", "--force-conflicts", "--validate=strict", "-f", "-")
    tried = kubectl(*words, "--dry-run=server", stdin=manifests)
    assert len(tried.splitlines()) == len(documents)
    kubectl(*words, stdin=manifests)
    # kubectl says nothing where nothing differs, and ends with 1 where something does.
    assert kubectl("diff", "--server-side", "--force-conflicts", "-f", "-", stdin=manifests) == ""


@pytest.mark.parametrize("name", NAMES)
def test_the_pods_of_an_overlay_may_run_where_only_restricted_pods_may(
    name, namespace, server, cleaning
):
    server.objects.apply(
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": namespace, "labels": RESTRICTED},
        }
    )
    documents = yaml.safe_load_all(render(name, namespace=namespace))
    (deployment,) = (found for found in documents if found["kind"] == "Deployment")
    pod = server.objects.create(pod_of(deployment, namespace=namespace))
    assert pod["spec"]["serviceAccountName"] == DEPLOYMENT[1]


def test_a_pod_with_more_rights_would_be_refused_there(namespace, server):
    labelled = {"name": namespace, "labels": RESTRICTED}
    server.objects.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": labelled})
    documents = yaml.safe_load_all(render(namespace=namespace))
    (deployment,) = (found for found in documents if found["kind"] == "Deployment")
    pod = pod_of(deployment, namespace=namespace)
    del pod["spec"]["containers"][0]["securityContext"]["capabilities"]
    with pytest.raises(ApiError, match="PodSecurity"):
        server.objects.create(pod)


def test_a_client_side_apply_can_go_from_one_overlay_to_another_and_back(
    namespace, kubectl, cleaning
):
    for name in ("namespace-install", "high-availability", "persistent-state", "namespace-install"):
        manifests = render(name, namespace=namespace)
        cleaning += list(yaml.safe_load_all(manifests))
        # The CRD has a page of its own: it is larger than what kubectl notes down in an object.
        rest = [d for d in yaml.safe_load_all(manifests) if d["kind"] != "CustomResourceDefinition"]
        kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(rest))
    found = json.loads(kubectl("get", "deploy", "-n", namespace, "-o", "json"))
    (deployment,) = found["items"]
    assert deployment["spec"]["replicas"] == 1
    volumes = {
        volume["name"]: volume for volume in deployment["spec"]["template"]["spec"]["volumes"]
    }
    assert volumes["state"] == {"name": "state", "emptyDir": {}}


def test_the_one_file_is_applied_into_a_namespace_that_the_user_names(
    namespace, kubectl, server, cleaning
):
    manifests = (DEPLOY / "install.yaml").read_text()
    cleaning += list(yaml.safe_load_all(manifests))
    words = ("apply", "--server-side", "--force-conflicts", "--validate=strict")
    kubectl(*words, "-n", namespace, "-f", str(DEPLOY / "install.yaml"))
    found = server.objects.get(*DEPLOYMENT, namespace=namespace)
    assert found["spec"]["template"]["spec"]["containers"][0]["args"] == [
        "--metrics-bind-address=:8443",
        "run",
    ]


def test_the_rights_in_one_more_namespace_are_applied_as_the_page_says(namespace, kubectl, server):
    manifests = render(WATCHED_NAMESPACE, namespace=namespace)
    kubectl("apply", "--server-side", "-f", "-", stdin=manifests)
    binding = "argocd-image-updater-manager-rolebinding"
    found = server.objects.get(
        "rbac.authorization.k8s.io/v1/RoleBinding", binding, namespace=namespace
    )
    (subject,) = found["subjects"]
    assert subject["namespace"] == "argocd"


def test_the_selectors_of_services_policies_and_budgets_select_the_pods(
    namespace, server, cleaning
):
    documents = apply_install(server, namespace=namespace, overlay="high-availability")
    cleaning += documents
    deployment = server.objects.get(*DEPLOYMENT, namespace=namespace)
    labels = deployment["spec"]["template"]["metadata"]["labels"].items()
    selectors = {
        "Service": lambda spec: spec["selector"],
        "NetworkPolicy": lambda spec: spec["podSelector"]["matchLabels"],
        "PodDisruptionBudget": lambda spec: spec["selector"]["matchLabels"],
    }
    seen = [
        (document["kind"], selectors[document["kind"]](document["spec"]).items() <= labels)
        for document in documents
        if document["kind"] in selectors
    ]
    assert {kind for kind, _ in seen} == set(selectors)
    assert all(selects for _, selects in seen)
