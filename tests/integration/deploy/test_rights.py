"""The shipped roles give the controller what it needs and nothing else: the server judges."""

import json
import os

import pytest

from argocd_image_updater.errors import DeniedError
from argocd_image_updater.kube.kinds import APPLICATIONS
from clusters.shipped import (
    DESTINATION_NAMESPACE,
    SERVICE_ACCOUNT,
    WATCHED_NAMESPACE,
    apply_install,
    controller_user,
    kubeconfig_of_controller,
    render,
)
from install import DEFAULT_OVERLAY, DEPLOY, OVERLAYS

pytestmark = pytest.mark.lab("etcd", "kube-apiserver", "kustomize")
OURS, ARGO = "argocd-image-updater.argoproj.io", "argoproj.io"
WATCHED = {
    (OURS, "imageupdaters"): {"get", "list", "watch", "patch"},
    (OURS, "imageupdaters/status"): {"patch"},
    (ARGO, "applications"): {"get", "list", "watch", "patch"},
    ("", "events"): {"create"},
    ("", "secrets"): {"get"},
}
OWN = WATCHED | {
    ("", "secrets"): {"get", "list"},
    ("", "configmaps"): {"get"},
    ("coordination.k8s.io", "leases"): {"get", "list", "watch", "create", "patch"},
    ("authentication.k8s.io", "tokenreviews"): {"create"},
    ("authorization.k8s.io", "subjectaccessreviews"): {"create"},
}
ELSEWHERE = {key: OWN[key] for key in OWN if key[0].startswith("auth")}


def rights_of(server, user_namespace, *, namespace):
    """Return (group, resource) → verbs that the controller has in a namespace."""
    token = server.service_account_token(user_namespace, SERVICE_ACCOUNT)
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    client = server.objects_as(token=token)
    answer = client.request("POST", path, body=review)["status"]
    client.close()
    assert not answer["incomplete"]
    found = {}
    for rule in answer["resourceRules"]:
        assert not rule.get("resourceNames")
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                if not resource.startswith("self"):  # what every user may ask about itself
                    found.setdefault((group, resource), set()).update(rule["verbs"])
    return found


def may(server, user_namespace, verb, *, resource, group="", namespace="", path=""):
    spec = {
        "user": controller_user(user_namespace),
        "groups": ["system:serviceaccounts", "system:authenticated"],
    }
    if path:
        spec["nonResourceAttributes"] = {"path": path, "verb": verb}
    else:
        spec["resourceAttributes"] = {
            "verb": verb,
            "group": group,
            "resource": resource,
            "namespace": namespace,
        }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": spec,
    }
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    return server.objects.request("POST", path, body=review)["status"]["allowed"]


@pytest.fixture
def install(server, namespace, cleaning):
    """Return a function that installs an overlay into the test's namespace."""

    def apply(overlay):
        cleaning.extend(apply_install(server, namespace=namespace, overlay=overlay))

    return apply


@pytest.fixture
def other(server, namespace):
    return server.objects.namespace(f"{namespace}-other")


def test_in_its_own_namespace_it_may_do_exactly_what_it_does(server, namespace, install):
    install("namespace-install")
    assert rights_of(server, namespace, namespace=namespace) == OWN


def test_elsewhere_it_may_only_ask_who_scrapes(server, namespace, other, install):
    install("namespace-install")
    assert rights_of(server, namespace, namespace=other) == ELSEWHERE


def test_nothing_can_be_read_in_other_namespaces_or_cluster_wide(server, namespace, other, install):
    install("namespace-install")
    for verb, group, resource in (
        ("get", "", "secrets"),
        ("list", "", "secrets"),
        ("list", ARGO, "applications"),
        ("list", OURS, "imageupdaters"),
    ):
        for where in ("", other):
            allowed = may(server, namespace, verb, resource=resource, group=group, namespace=where)
            assert not allowed, (verb, resource, where)


def test_installed_cluster_wide_it_may_do_the_same_in_every_namespace(
    server, namespace, other, install
):
    install("cluster-install")
    assert rights_of(server, namespace, namespace=other) == ELSEWHERE | WATCHED
    assert rights_of(server, namespace, namespace=namespace) == OWN
    assert not may(server, namespace, "list", resource="secrets", namespace="")
    assert not may(server, namespace, "delete", resource="applications", group=ARGO)


def test_one_more_namespace_gives_the_rights_of_a_watched_one(server, other, cleaning):
    cleaning.extend(apply_install(server, namespace="argocd"))
    server.objects.apply(render(WATCHED_NAMESPACE, namespace=other))
    assert rights_of(server, "argocd", namespace=other) == ELSEWHERE | WATCHED


def test_the_other_overlays_give_no_right_more(server, namespace, install):
    for overlay in ("high-availability", "persistent-state", "monitoring"):
        install(overlay)
        assert rights_of(server, namespace, namespace=namespace) == OWN


def test_shards_may_tell_each_other_what_they_found(server, namespace, other, install):
    install("sharded")
    reports = {("", "configmaps"): {"get", "list", "watch", "create", "patch"}}
    assert rights_of(server, namespace, namespace=namespace) == OWN | reports
    assert rights_of(server, namespace, namespace=other) == ELSEWHERE


def test_metrics_may_be_read_by_who_is_bound_to_the_reader(server, namespace, install):
    assert not may(server, namespace, "get", resource="", path="/metrics")
    install("namespace-install")
    assert may(server, namespace, "get", resource="", path="/metrics")


def kustomization(folder, *components):
    """Write a kustomization as a user does, of the default overlay and some components."""
    parts = {
        "resources": [os.path.relpath(OVERLAYS / DEFAULT_OVERLAY, folder)],
        "components": [
            os.path.relpath(DEPLOY / "kustomize" / "components" / name, folder)
            for name in components
        ],
    }
    (folder / "kustomization.yaml").write_text(json.dumps(parts))
    return folder


DESTINATION = {("", "serviceaccounts"): {"get"}, ("", "secrets"): {"get"}}
PROJECTS = {(ARGO, "appprojects"): {"get"}}


def test_pull_secrets_of_the_workload_open_only_the_namespaces_that_are_given(
    server, other, cleaning, tmp_path
):
    folder = kustomization(tmp_path, "workload-pull-secrets")
    cleaning.extend(apply_install(server, namespace="argocd", overlay=folder))
    server.objects.apply(render(DESTINATION_NAMESPACE, namespace=other))
    assert rights_of(server, "argocd", namespace="argocd") == OWN | PROJECTS
    assert rights_of(server, "argocd", namespace=other) == ELSEWHERE | DESTINATION
    third = server.objects.namespace(f"{other}-third")
    assert rights_of(server, "argocd", namespace=third) == ELSEWHERE


def test_every_destination_can_be_opened_at_once(server, namespace, other, cleaning, tmp_path):
    folder = kustomization(tmp_path, "workload-pull-secrets", "every-destination")
    cleaning.extend(apply_install(server, namespace=namespace, overlay=folder))
    own = rights_of(server, namespace, namespace=namespace)
    assert own == OWN | PROJECTS | {("", "serviceaccounts"): {"get"}}
    assert rights_of(server, namespace, namespace=other) == ELSEWHERE | DESTINATION
    assert not may(server, namespace, "list", resource="secrets", namespace=other)


async def test_the_kubeconfig_of_the_controller_reads_as_the_controller(
    server, namespace, install, connect
):
    install("namespace-install")
    client = await connect(kubeconfig=kubeconfig_of_controller(server, namespace))
    listed = [page.items async for page in client.pages(APPLICATIONS, namespace=namespace)]
    assert listed in ([[]], [None])
    with pytest.raises(DeniedError, match="applications"):
        _ = [page async for page in client.pages(APPLICATIONS)]
