"""Which namespaces are meant, and how they are named."""

from pathlib import Path

import pytest

from argocd_image_updater.controller.cluster.namespaces import Namespaces, resolve_namespaces
from argocd_image_updater.controller.cluster.options import ControllerOptions
from argocd_image_updater.errors import ConfigError


def resolved(pod="", client="default", **options):
    return resolve_namespaces(
        ControllerOptions(state_dir=Path("/nonexistent"), **options),
        pod_namespace=pod,
        client_namespace=client,
    )


def test_in_a_pod_everything_is_its_own_namespace():
    assert resolved(pod="tools") == Namespaces(("tools",), "tools", "tools")


def test_the_variable_goes_before_the_pod_except_for_the_lease():
    found = resolved(pod="tools", environment={"POD_NAMESPACE": "mine"})
    assert found == Namespaces(("mine",), "mine", "tools")


def test_outside_a_pod_the_namespace_of_argo_cd_is_watched():
    found = resolved(argocd_namespace="cd", leader_election=False)
    assert found == Namespaces(("cd",), "cd", "")
    assert resolved(client="ctx", leader_election=False).watched == ("ctx",)


def test_a_lease_without_a_namespace_is_refused():
    with pytest.raises(ConfigError, match="Lease") as refused:
        resolved()
    assert "--leader-election-namespace" in refused.value.hint


@pytest.mark.parametrize(
    ("watched", "text"),
    [
        (("*",), "all namespaces"),
        (("a",), "namespace a"),
        (("a", "b"), "namespaces a, b"),
        ((), "namespace tools"),
    ],
)
def test_what_is_watched_is_told(watched, text):
    assert resolved(pod="tools", watch_namespaces=watched).watched_text == text
