"""Pull secrets of the workload, and Argo CD's repository Secrets, out of a folder of manifests."""

import base64
import json

import pytest

from registries.distribution import (
    PASSWORD,
    USERNAME,
    DistributionRegistry,
    basic_header,
    htpasswd_auth,
)
from stages.standalone import Stage, application, images, live, reference, resource, source

pytestmark = pytest.mark.lab("docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap")
HERE = {"server": "https://kubernetes.default.svc", "namespace": "shop"}
WORKLOAD = "--workload-pull-secrets"
ARGOCD = "--argocd-repository-credentials"


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    """A registry behind a password."""
    auth = htpasswd_auth(tmp_path_factory.mktemp("auth"))
    header = basic_header(USERNAME, PASSWORD)
    with DistributionRegistry(auth=auth, push_authorization=header) as running:
        running.push_tags("acme/web", ["1.0.0", "1.1.0"])
        yield running


@pytest.fixture
def stage(tmp_path, closed, git_server):
    stage = Stage(tmp_path, "acme", closed, git_server)
    stage.secrets.add(base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode())
    return stage


def add_application(stage, destination=HERE, name="one", **metadata):
    image = f"{stage.registry.host}/acme/web"
    one = application(
        name, source("https://git.example/r.git", "."), status=live("Kustomize", f"{image}:1.0.0"),
        **metadata,
    )  # fmt: skip
    one["spec"]["destination"] = destination
    stage.add(one)
    stage.add(resource("updater", [reference("*", images(web=f"{image}:1.x"))]))


def add_pull_secret(stage, namespace="shop", *, kind="kubernetes.io/dockerconfigjson", login=None):
    auth = base64.b64encode((login or f"{USERNAME}:{PASSWORD}").encode()).decode()
    entries = {stage.registry.host: {"auth": auth}}
    new = kind.endswith("json")
    stage.add(
        {
            "apiVersion": "v1", "kind": "Secret", "type": kind,
            "metadata": {"name": "regcred", "namespace": namespace},
            "stringData": {
                ".dockerconfigjson" if new else ".dockercfg":
                    json.dumps({"auths": entries} if new else entries),
            },
        }
    )  # fmt: skip


def add_service_account(stage, namespace="shop", name="default"):
    stage.add(
        {
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": name, "namespace": namespace},
            "imagePullSecrets": [{"name": "regcred"}],
        }
    )  # fmt: skip


def reason(stage, *words):
    (found,) = stage.run("plan", *words).report["images"]
    return found["reason"]


@pytest.mark.parametrize("kind", ["kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"])
def test_the_pull_secret_of_the_destination_opens_the_registry_where_it_is_wanted(stage, kind):
    add_application(stage)
    add_pull_secret(stage, kind=kind)
    add_service_account(stage)
    assert reason(stage) == "AuthFailed"
    assert reason(stage, WORKLOAD) == "WouldUpdate"
    done = stage.run(IMAGE_UPDATER_WORKLOAD_PULL_SECRETS="true")
    assert done.reasons == {"one": "Updated"}
    # what this identity showed is not remembered for anybody else
    assert reason(stage) in {"AuthFailed", "NotLive"}


@pytest.mark.parametrize("destination", [
    {**HERE, "server": "https://other.example"},
    {**HERE, "namespace": "else"},
    {"server": HERE["server"]},
    {"name": "other", "namespace": "shop"},
    {},
])  # fmt: skip
def test_another_cluster_or_namespace_gets_nothing_of_it(stage, destination):
    add_application(stage, destination)
    add_pull_secret(stage)
    add_service_account(stage)
    assert reason(stage, WORKLOAD) == "AuthFailed"


def test_explain_names_what_was_found_and_why_nothing_was(stage):
    add_application(stage)
    add_application(stage, {"name": "other", "namespace": "shop"}, name="far")
    add_pull_secret(stage)
    add_service_account(stage)
    words = ("web", WORKLOAD, "--output", "table")
    assert "pull secret shop/regcred of the workload" in stage.run("explain", "one", *words).out
    assert "no pull secrets of the workload: another cluster" in (
        stage.run("explain", "far", *words).out
    )


def test_an_annotation_names_another_service_account(stage):
    add_application(stage, annotations={"argocd-image-updater.argoproj.io/service-accounts": "web"})
    add_pull_secret(stage)
    add_service_account(stage, name="web")
    assert reason(stage, WORKLOAD) == "WouldUpdate"


def test_a_pull_secret_that_does_not_open_the_registry_ends_the_question(stage):
    add_application(stage)
    add_pull_secret(stage, login="someone:else-entirely")
    add_service_account(stage)
    done = stage.run("plan", WORKLOAD)
    (found,) = done.report["images"]
    assert found["reason"] == "AuthFailed"
    assert "the workload's pull secret shop/regcred" in found["message"]
    assert "else-entirely" not in done.out + done.err


def test_a_pull_secret_that_is_not_there_is_named_and_passed_over(stage):
    add_application(stage)
    add_service_account(stage)
    done = stage.run("plan", WORKLOAD)
    assert done.report["images"][0]["reason"] == "AuthFailed"
    missing = "pull secret shop/regcred of ServiceAccount shop/default does not exist"
    assert missing in done.report["warnings"]


@pytest.mark.parametrize(("project", "expected"), [
    ("", "WouldUpdate"), ("default", "WouldUpdate"), ("other", "AuthFailed"),
])  # fmt: skip
def test_a_repository_secret_of_argo_cd_opens_the_registry(stage, project, expected):
    add_application(stage)
    stage.add(
        {
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {
                "name": "charts", "namespace": "argocd",
                "labels": {"argocd.argoproj.io/secret-type": "repository"},
            },
            "stringData": {
                "type": "helm", "enableOCI": "true", "url": f"{stage.registry.host}/acme",
                "username": USERNAME, "password": PASSWORD, "project": project,
            },
        }
    )  # fmt: skip
    assert reason(stage, WORKLOAD) == "AuthFailed"
    assert reason(stage, ARGOCD) == expected
