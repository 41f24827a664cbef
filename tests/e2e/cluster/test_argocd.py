"""Argo CD of the lab by itself: it syncs what users have, and shows which images are live."""

import pytest

from stages.workloads import kustomize_folder

pytestmark = pytest.mark.lab(
    "git", "nginx", "fcgiwrap", "docker-registry", "etcd", "kube-apiserver",
    "kube-controller-manager", "redis-server", "argocd", "kustomize", "helm",
)  # fmt: skip

TYPES = {
    "kustomize": "Kustomize", "newest": "Helm", "elsewhere": "Kustomize", "parameters": "Helm",
    "set-ignores": "Kustomize", "parent": "Directory",
}  # fmt: skip


@pytest.mark.parametrize("name", TYPES)
def test_an_application_is_synced_and_has_its_type(stage, scenes, name):
    application = stage.find(name, scenes[name].namespace)
    assert application["status"]["sourceType"] == TYPES[name]


def test_each_source_of_an_application_has_its_type(stage, scenes):
    assert stage.find("sources")["status"]["sourceTypes"] == ["Kustomize", "Helm"]


def test_an_application_of_a_set_names_it_and_a_child_its_parent(stage, scenes):
    (owner,) = stage.find("set-ignores")["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"]) == ("ApplicationSet", "set-ignores")
    tracking = stage.find("child")["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"]
    assert tracking == "parent:argoproj.io/Application:argocd/child"


def test_an_application_follows_its_repository_and_its_spec(stage, scenes):
    name, image = "followed", "registry.example/web"
    stage.repository(name, kustomize_folder("web", {"web": (image, "1.0")}))
    stage.create(stage.application(name, stage.source(name, "web")))
    stage.wait_for_live(name, f"{image}:1.0")
    stage.commit(name, kustomize_folder("web", {"web": (image, "1.1")}))
    stage.wait_for_live(name, f"{image}:1.1")
    stage.change(name, {"spec": {"source": {"kustomize": {"images": [f"{image}:1.2"]}}}})
    stage.wait_for_live(name, f"{image}:1.2")
