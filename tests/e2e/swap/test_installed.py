"""The program with exactly the rights that it is installed with, in one namespace and in all.

Two sets of roles: those of the first releases for all namespaces, and those that are shipped here.
Whatever it does from its start to its end has to be allowed, and kubectl has to show what it did.
"""

import os
import subprocess

import pytest
import yaml

from clusters.first_definitions import (
    define,
    first_definition,
    newest_definition,
)
from clusters.first_releases import (
    ACCOUNT,
    FINALIZER,
    installed_cluster_roles,
    installed_roles,
)
from clusters.samples import RESOURCE, RESOURCE_DEFINITION
from clusters.shipped import apply_install
from e2e.swap.installation import NAMESPACE, counted, forget_rights, refused, scrape, wait_until
from lab import find_program
from stages.cluster import condition
from stages.standalone import git_write_back, reference, resource, source
from stages.standalone import images as listed

pytestmark = pytest.mark.lab(
    "etcd", "kube-apiserver", "argocd", "kubectl", "kustomize", "docker-registry", "git", "nginx",
    "fcgiwrap",
)  # fmt: skip
TEAM = "team-a"
OURS = yaml.safe_load(RESOURCE_DEFINITION.read_text())
CHART = {"repoURL": "https://charts.example", "chart": "web", "targetRevision": "1.0.0"}


def first_releases(server):
    define(server, newest_definition())
    server.objects.apply(list(installed_cluster_roles(NAMESPACE)))


def shipped(overlay):
    def install(server):
        apply_install(server, namespace=NAMESPACE, overlay=overlay)
        define(server, OURS)

    return install


# Name → how it is installed, and the namespaces that are watched.
INSTALLATIONS = {
    "roles-of-the-first-releases-for-all-namespaces": (first_releases, "*", [NAMESPACE, TEAM]),
    "namespace-install": (shipped("namespace-install"), "", [NAMESPACE]),
    "cluster-install": (shipped("cluster-install"), "*", [NAMESPACE, TEAM]),
}


@pytest.fixture(params=INSTALLATIONS)
def installed(request, server, installation):
    """An installation with something to do in each watched namespace; return these."""
    install, watched, namespaces = INSTALLATIONS[request.param]
    server.objects.namespace(TEAM)
    forget_rights(server)
    install(server)
    installation.configure(interval="1s", log__format="json", watch__namespaces=watched)
    web = installation.image("web")
    for namespace in namespaces:
        have_work(installation, web, namespace=namespace, repository=f"{request.param}-{namespace}")
    yield namespaces
    installation.clear(*namespaces)


def have_work(installation, web, *, namespace, repository):
    """Have one Application that is written in the cluster, and one that is written in Git."""
    text = f"web:\n  name: {web}\n  tag: 1.0.0\n"
    installation.git.repository(repository, {"web/values.yaml": text.encode()})
    kustomize = {"kustomize": {"images": [f"{web}:1.0.0"]}}
    more = {"namespace": namespace}
    installation.add("direct", CHART | kustomize, "Kustomize", f"{web}:1.0.0", **more)
    place = source(installation.git.url(repository), "web")
    installation.add("in-git", place, "Helm", f"{web}:1.0.0", **more)
    target = {"manifestTargets": {"helm": {"name": "web.name", "tag": "web.tag"}}}
    listing = [
        reference("direct", listed(web=f"{web}:1.x")),
        reference("in-git", listed(web=(f"{web}:1.x", target)), **git_write_back("helmvalues")),
    ]
    document = resource("work", listing, namespace=namespace)
    document["metadata"]["finalizers"] = [FINALIZER]
    installation.objects.create(document)


def is_written(installation, namespace):
    status = installation.resource("work", namespace).get("status", {})
    updates = status.get("recentUpdates", [])
    return bool(updates) and updates[0]["applicationsUpdated"] == 2


def test_everything_is_done_with_the_installed_rights_alone(installation, installed):
    web = installation.image("web")
    with installation.program(account=ACCOUNT) as program:
        for namespace in installed:
            wait_until(lambda where=namespace: is_written(installation, where), program=program)
            found = installation.application("direct", namespace)
            assert found["spec"]["source"]["kustomize"]["images"] == [f"{web}:1.2.0"]
        assert "argocd_image_updater_images_updated_total" in scrape(program)
        for namespace in installed:
            installation.objects.delete(RESOURCE, "work", namespace=namespace)
            wait_until(
                lambda where=namespace: (
                    installation.objects.find(RESOURCE, "work", namespace=where) is None
                ),
                program=program,
            )
        assert program.stop() == 0
    requests = installation.requests(program)
    assert refused(requests) == []
    # It looked for credentials of Git, recorded events, and asked who scrapes.
    done = counted(requests)
    assert done["list", "secrets"]
    assert done["create", "events"] >= 2 * len(installed)
    assert done["create", "tokenreviews"] == 1


def test_the_very_first_definition_can_stay(server, installation):
    forget_rights(server)
    server.objects.apply(list(installed_roles(NAMESPACE)))
    define(server, first_definition())
    installation.configure()
    web = installation.image("web")
    kustomize = {"kustomize": {"images": [f"{web}:1.0.0"]}}
    installation.add("direct", CHART | kustomize, "Kustomize", f"{web}:1.0.0")
    listing = [reference("direct", listed(web=f"{web}:1.x"), commonUpdateSettings={})]
    document = resource("work", listing, namespace=NAMESPACE)
    document["spec"]["namespace"] = NAMESPACE
    stored = installation.objects.create(document)
    assert stored["spec"]["applicationRefs"][0]["commonUpdateSettings"] == {
        "updateStrategy": "semver", "forceUpdate": False,
    }  # fmt: skip
    with installation.program("--once", account=ACCOUNT) as program:
        assert program.wait() == 0
    images = installation.application("direct")["spec"]["source"]["kustomize"]["images"]
    after = installation.resource("work")
    installation.clear(NAMESPACE)
    assert images == [f"{web}:1.2.0"]
    assert after["spec"] == stored["spec"]
    assert condition(after["status"], "Ready") == ("True", "ReconcileSucceeded")
    assert "level=error" not in program.log()
    assert "level=warning" not in program.log()
    assert refused(installation.requests(program)) == []


@pytest.fixture
def kubectl(server, tmp_path):
    """Return a function that runs kubectl and returns what it printed."""

    def run(*words):
        command = [find_program("kubectl"), f"--kubeconfig={server.kubeconfig()}", *words]
        environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        return done.stdout

    return run


@pytest.fixture
def troubled(server, installation):
    """Resources with a good image, one of no repository, an unfit Application and a bad pattern."""
    forget_rights(server)
    shipped("namespace-install")(server)
    installation.configure(interval="1s")
    web, lost = installation.image("web"), installation.image("lost")
    kustomize = CHART | {"kustomize": {"images": [f"{web}:1.2.0"]}}
    installation.add("shop", kustomize, "Kustomize", f"{web}:1.2.0", f"{lost}:1.0.0")
    installation.add("site", CHART, "Directory", f"{web}:1.2.0")
    listing = [
        reference("shop", listed(web=f"{web}:1.x", lost=f"{lost}:1.x")),
        reference("site", listed(web=f"{web}:1.x")),
    ]
    installation.objects.create(resource("shop", listing, namespace=NAMESPACE))
    broken = [reference("[a-", listed(web=web))]
    installation.objects.create(resource("typo", broken, namespace=NAMESPACE))
    with installation.program("--once", account=ACCOUNT) as program:
        assert program.wait() == 1  # one resource cannot be used as a whole
    yield
    installation.clear(NAMESPACE)


@pytest.mark.usefixtures("troubled")
def test_kubectl_shows_what_is_wrong_and_where(installation, kubectl):
    status = installation.resource("shop")["status"]
    assert condition(status, "Ready") == ("True", "ReconcileCompletedWithErrors")
    head, *rows = kubectl("get", "imageupdaters", "-n", NAMESPACE).splitlines()
    assert head.split() == ["NAME", "APPS", "IMAGES", "LAST", "CHECKED", "READY"]
    assert [row.split()[:3] + row.split()[-1:] for row in rows] == [
        ["shop", "1", "2", "True"],
        ["typo", "0", "0", "False"],
    ]
    told = kubectl("describe", "imageupdater", "shop", "-n", NAMESPACE)
    lost = installation.image("lost")
    for line in (
        f"The last check met 2 errors: shop [lost] RepositoryUnknown: tag list of {lost}:",
        "site SourceUnsupported: source type 'Directory' is none of Helm, Kustomize, Plugin;",
        "1 Application matched, 2 errors, 0 images updated.",
        "Reason:                RepositoryUnknown",
        "Repository Unknown:  1",
        "Source Unsupported:  1",
        "Up To Date:          1",
    ):
        assert line in told, told
    told = kubectl("describe", "imageupdater", "typo", "-n", NAMESPACE)
    assert "The check failed: spec.applicationRefs[0].namePattern: malformed pattern" in told
    told = kubectl("events", "-n", NAMESPACE, "--for", "application/shop")
    assert "ImageUpdateFailed" in told
    assert "ImageUpdater shop: RepositoryUnknown: lost:" in told
