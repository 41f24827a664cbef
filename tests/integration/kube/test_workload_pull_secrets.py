"""The controller with the rights that are shipped, and the pull secrets of destinations."""

import asyncio
import base64
import json
import os

import pytest

from argocd_image_updater.controller.cluster.options import ControllerOptions, CredentialRules
from argocd_image_updater.controller.cluster.process import run_controller
from clusters.samples import an_application, an_image_updater
from clusters.shipped import (
    DESTINATION_NAMESPACE,
    apply_install,
    kubeconfig_of_controller,
    remove_cluster_wide,
    render,
)
from install import DEFAULT_OVERLAY, DEPLOY, OVERLAYS
from registries.distribution import (
    PASSWORD,
    USERNAME,
    DistributionRegistry,
    basic_header,
    htpasswd_auth,
)

pytestmark = pytest.mark.lab("etcd", "kube-apiserver", "argocd", "docker-registry", "kustomize")
HERE = "https://kubernetes.default.svc"
ARGOCD = "argocd"  # the namespace that the shipped bindings of destinations name


class NoStop:
    def __init__(self):
        self.event = asyncio.Event()

    async def finish(self, work):
        return await work


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    """A registry behind a password."""
    auth = htpasswd_auth(tmp_path_factory.mktemp("auth"))
    header = basic_header(USERNAME, PASSWORD)
    with DistributionRegistry(auth=auth, push_authorization=header) as running:
        running.push_tags("acme/web", ["1.0.0", "1.1.0"])
        yield running


@pytest.fixture(scope="module")
def installed(api, tmp_path_factory):
    """The namespace of Argo CD, with the controller's rights as they are shipped."""
    folder = tmp_path_factory.mktemp("overlay")
    parts = {
        "resources": [os.path.relpath(OVERLAYS / DEFAULT_OVERLAY, folder)],
        "components": [
            os.path.relpath(DEPLOY / "kustomize" / "components" / "workload-pull-secrets", folder)
        ],
    }
    (folder / "kustomization.yaml").write_text(json.dumps(parts))
    documents = apply_install(api, namespace=ARGOCD, overlay=folder)
    yield kubeconfig_of_controller(api, ARGOCD)
    remove_cluster_wide(api, documents)


@pytest.fixture
def made(api, closed):
    """Return a function that makes an object; all are removed at the end."""
    kinds = {
        "ImageUpdater": "argocd-image-updater.argoproj.io/v1alpha1/ImageUpdater",
        "Application": "argoproj.io/v1alpha1/Application",
        "AppProject": "argoproj.io/v1alpha1/AppProject",
        "Secret": "v1/Secret",
    }
    created = []

    def make(document):
        created.append(document)
        api.objects.create(document)

    yield make
    for document in reversed(created):
        metadata = document["metadata"]
        api.objects.delete(
            kinds[document["kind"]], metadata["name"], namespace=metadata["namespace"]
        )


@pytest.fixture
def run_once(installed, closed, tmp_path):
    """Return a function that runs one pass as the installed controller."""
    conf = tmp_path / "registries.conf"
    entry = {"name": "closed", "prefix": closed.host, "api_url": closed.url}
    conf.write_text(json.dumps({"registries": [entry]}))

    async def run(**rules):
        options = ControllerOptions(
            state_dir=tmp_path / "state",
            once=True,
            dry_run=True,
            kubeconfig=str(installed),
            watch_namespaces=(ARGOCD,),
            argocd_namespace=ARGOCD,
            registries_conf_path=str(conf),
            credentials=CredentialRules(**{"workload_pull_secrets": True} | rules),
            leader_election=False,
            events=False,
            probe_address="0",
        )
        return await run_controller(options, stop=NoStop(), log=lambda _: None)

    return run


def a_project(*namespaces, name="shops"):
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": name, "namespace": ARGOCD},
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{"server": HERE, "namespace": item} for item in namespaces],
        },
    }


def a_shop(closed, name, *, to, server=HERE):
    image = f"{closed.host}/acme/web"
    document = an_application(name, ARGOCD, images=[f"{image}:1.0.0"])
    document["spec"] |= {"project": "shops", "destination": {"server": server, "namespace": to}}
    return document


def login_of(closed, password=PASSWORD):
    auth = base64.b64encode(f"{USERNAME}:{password}".encode()).decode()
    return {closed.host: {"auth": auth}}


def add_pull_secret(api, closed, namespace, *, old=False, password=PASSWORD):
    """Give a namespace a pull secret and have its default ServiceAccount use it."""
    login = login_of(closed, password)
    kind, value = ("dockercfg", login) if old else ("dockerconfigjson", {"auths": login})
    api.objects.apply(
        {
            "apiVersion": "v1", "kind": "Secret", "type": f"kubernetes.io/{kind}",
            "metadata": {"name": f"regcred-{kind}", "namespace": namespace},
            "data": {f".{kind}": base64.b64encode(json.dumps(value).encode()).decode()},
        }
    )  # fmt: skip
    api.objects.apply(
        {
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "default", "namespace": namespace},
            "imagePullSecrets": [{"name": f"regcred-{kind}"}],
        }
    )  # fmt: skip


def reasons(report):
    return {item.application.name: str(item.reason) for item in report.decisions}


def messages(report):
    return {item.application.name: item.message for item in report.decisions}


async def test_each_application_gets_what_its_own_destination_has_and_nothing_else(
    api, namespace, closed, made, run_once
):
    opened, older, hidden = (api.objects.namespace(f"{namespace}-{n}") for n in ("a", "b", "c"))
    barred, empty = (api.objects.namespace(f"{namespace}-{n}") for n in ("d", "e"))
    for place in (opened, older, hidden, barred):
        add_pull_secret(api, closed, place, old=place == older)
    for place in (opened, older, barred, empty):
        api.objects.apply(render(DESTINATION_NAMESPACE, namespace=place))
    made(a_project(opened, older, hidden, empty))
    made(an_image_updater("updater", ARGOCD, image=f"{closed.host}/acme/web:1.x"))
    for name, place in (
        ("opened", opened),
        ("older", older),
        ("hidden", hidden),
        ("barred", barred),
        ("empty", empty),
    ):
        made(a_shop(closed, name, to=place))
    made(a_shop(closed, "far", to=opened, server="https://cluster.example"))

    report = await run_once()
    assert reasons(report) == {
        "opened": "WouldUpdate",
        "older": "WouldUpdate",
        "hidden": "CredentialsUnavailable",  # the right to read there was not given
        "barred": "AuthFailed",  # the project does not permit the namespace
        "empty": "AuthFailed",
        "far": "AuthFailed",
    }
    told = messages(report)
    assert "serviceaccounts" in told["hidden"]
    assert hidden in told["hidden"]
    assert "Role" in told["hidden"]  # what to do
    assert any(f"does not permit namespace {barred}" in text for text in report.warnings)
    assert not any("far" in text for text in report.warnings)
    off = await run_once(workload_pull_secrets=False)
    assert set(reasons(off).values()) == {"AuthFailed"}


async def test_a_new_password_is_used_in_the_next_cycle(api, namespace, closed, made, run_once):
    place = api.objects.namespace(namespace)
    api.objects.apply(render(DESTINATION_NAMESPACE, namespace=place))
    add_pull_secret(api, closed, place, password="old-password")
    made(a_project(place))
    made(an_image_updater("updater", ARGOCD, image=f"{closed.host}/acme/web:1.x"))
    made(a_shop(closed, "shop", to=place))
    refused = await run_once()
    assert reasons(refused) == {"shop": "AuthFailed"}
    assert f"pull secret {place}/regcred-dockerconfigjson" in messages(refused)["shop"]
    add_pull_secret(api, closed, place)
    assert reasons(await run_once()) == {"shop": "WouldUpdate"}


@pytest.mark.parametrize(("project", "expected"), [
    ("", "WouldUpdate"), ("shops", "WouldUpdate"), ("others", "AuthFailed"),
])  # fmt: skip
async def test_a_repository_secret_of_argo_cd_serves_its_project(
    closed, made, run_once, project, expected
):
    fields = {
        "type": "oci", "url": f"oci://{closed.host}/acme", "username": USERNAME,
        "password": PASSWORD, "project": project,
    }  # fmt: skip
    made(
        {
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {
                "name": "images", "namespace": ARGOCD,
                "labels": {"argocd.argoproj.io/secret-type": "repository"},
            },
            "stringData": fields,
        }
    )  # fmt: skip
    made(an_image_updater("updater", ARGOCD, image=f"{closed.host}/acme/web:1.x"))
    made(a_shop(closed, "shop", to="elsewhere", server="https://cluster.example"))
    rules = {"workload_pull_secrets": False, "argocd_repositories": True}
    assert reasons(await run_once(**rules)) == {"shop": expected}
