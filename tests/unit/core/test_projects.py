"""An AppProject permits a destination only where no doubt is left."""

import pytest

from argocd_image_updater.core.application import Application, Destination, ObjectKey
from argocd_image_updater.core.projects import decode_project, deploys_here, takes

KEY = ObjectKey("argocd", "team-a")
HERE = "https://kubernetes.default.svc"


def project(*destinations, sources=()):
    spec = {"destinations": list(destinations), "sourceNamespaces": list(sources)}
    return decode_project({"spec": spec}, KEY)


def rule(namespace="*", server=HERE, **more):
    return {"namespace": namespace, "server": server, **more}


@pytest.mark.parametrize(("destinations", "permitted"), [
    ([rule("team-a")], True),
    ([rule("team-*")], True),
    ([rule("*", "*")], True),
    ([rule("*", "https://*")], True),
    ([rule("team-?")], True),
    ([{"namespace": "team-a", "name": "in-cluster"}], True),
    ([rule("team-b"), rule("team-a")], True),
    ([], False),
    ([rule("team-b")], False),
    ([rule("team")], False),
    ([rule("TEAM-A")], False),
    ([rule("team-a", "https://other.example")], False),
    ([{"namespace": "team-a", "name": "other"}], False),
    ([{"namespace": "team-a"}], False),
    ([{"server": HERE}], False),
    # what forbids beats what permits, wherever it stands
    ([rule("*"), rule("!team-a", "*")], False),
    ([rule("!team-a", "*"), rule("*")], False),
    ([rule("!team-*", "*"), rule("team-a")], False),
    ([rule("*", f"!{HERE}"), rule("*", "*")], False),
    ([{"namespace": "*", "name": "!in-cluster"}, rule("*", "*")], False),
    ([rule("!team-a", f"!{HERE}"), rule("*", "*")], False),
    ([rule("!kube-system", "*"), rule("*")], True),
    ([rule("!team-a", "https://other.example"), rule("*")], True),
    ([rule("*", "!https://other.example"), rule("*")], True),
    # and never permits
    ([rule("!kube-system", "*")], False),
    ([rule("*", "!https://other.example")], False),
    # patterns that are not read here permit nothing and forbid whatever they might be about
    ([rule("{team-a,team-b}")], False),
    ([rule("[st]eam-a")], False),
    ([rule("*"), rule("!{team-a,team-b}", "*")], False),
])  # fmt: skip
def test_a_project_permits_its_destinations(destinations, permitted):
    assert deploys_here(project(*destinations), "team-a") is permitted


@pytest.mark.parametrize(("namespace", "sources", "taken"), [
    ("argocd", [], True),
    ("team-a", [], False),
    ("team-a", ["team-a"], True),
    ("team-a", ["team-*"], True),
    ("team-a", ["team-b", "*"], True),
    ("team-a", ["team"], False),
    ("team-a", ["/team-.*/"], False),
    ("team-a", [""], False),
])  # fmt: skip
def test_a_project_takes_applications_of_its_source_namespaces(namespace, sources, taken):
    application = Application(ObjectKey(namespace, "one"), project="team-a")
    assert takes(project(sources=sources), application) is taken


@pytest.mark.parametrize("spec", [
    None, [], {"destinations": {"a": 1}}, {"destinations": ["x", {"server": 1, "namespace": []}]},
    {"sourceNamespaces": "*"}, {"sourceNamespaces": [1, None]},
])  # fmt: skip
def test_a_project_of_another_shape_permits_nothing(spec):
    found = decode_project({"spec": spec}, KEY)
    assert not deploys_here(found, "team-a")
    assert not takes(found, Application(ObjectKey("team-a", "one")))


@pytest.mark.parametrize(("destination", "own"), [
    (Destination(server=HERE), True),
    (Destination(server=f"{HERE}/"), True),
    (Destination(name="in-cluster"), True),
    (Destination(), False),
    (Destination(server="https://other.example"), False),
    (Destination(name="other"), False),
    (Destination(server="https://other.example", name="in-cluster"), False),
])  # fmt: skip
def test_only_the_cluster_of_argo_cd_is_the_own_one(destination, own):
    assert destination.is_own_cluster is own
