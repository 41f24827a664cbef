"""The search for credentials: who may look where, what is read how often, and what ends whom."""

import base64
import json
from collections import Counter

import pytest

from argocd_image_updater.controller.credential_search import (
    MAX_WARNINGS,
    CredentialSearch,
    SearchRules,
)
from argocd_image_updater.core.application import Application, Destination, ObjectKey, SourceRef
from argocd_image_updater.core.facts import RepositoryKey
from argocd_image_updater.core.found_credentials import Finder, FoundCredentials
from argocd_image_updater.core.projects import decode_project
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.reference import parse_image
from argocd_image_updater.core.service_accounts import ANNOTATION, ServiceAccount
from argocd_image_updater.core.settings import (
    ApplicationIntent,
    ApplicationType,
    ImageSettings,
    WriteBack,
)
from argocd_image_updater.core.snapshot import Secret
from argocd_image_updater.errors import DeniedError
from argocd_image_updater.registry.endpoint_loading import load_table

HERE = "https://kubernetes.default.svc"
CONF = """
registries:
- {name: Closed, prefix: closed.example, api_url: "https://closed.example"}
- {name: Own, prefix: own.example, api_url: "https://own.example", credentials: "env:A"}
"""
LABELS = {"argocd.argoproj.io/secret-type": "repository"}


class Cluster:
    """Objects by kind and key; an exception in place of an object is raised."""

    def __init__(self):
        self.accounts, self.projects, self.secrets = {}, {}, {}
        self.listed = []
        self.reads = Counter()

    def _get(self, kind, objects, key):
        self.reads[kind, str(key)] += 1
        found = objects.get(key)
        if isinstance(found, Exception):
            raise found
        return found

    async def service_account(self, key):
        return self._get("account", self.accounts, key)

    async def project(self, key):
        return self._get("project", self.projects, key)

    async def read(self, key):
        return self._get("secret", self.secrets, key)

    async def list_labelled(self, namespace, *, label, values):
        assert label in LABELS
        assert values == {"repository", "repo-creds"}
        self.reads["list", namespace] += 1
        if isinstance(self.listed, Exception):
            raise self.listed
        return [item for item in self.listed if item.key.namespace == namespace]

    def allow(self, project="default", *, to="*", sources=()):
        key = ObjectKey("argocd", project)
        spec = {
            "destinations": [{"server": HERE, "namespace": to}],
            "sourceNamespaces": list(sources),
        }
        self.projects[key] = decode_project({"spec": spec}, key)

    def pull(self, namespace, account="default", *, secret="regcred", host="closed.example"):
        auth = base64.b64encode(f"{namespace}:p".encode()).decode()
        value = json.dumps({"auths": {host: {"auth": auth}}}).encode()
        key = ObjectKey(namespace, account)
        names = (*getattr(self.accounts.get(key), "pull_secrets", ()), secret)
        self.accounts[key] = ServiceAccount(key, names)
        self.secrets[ObjectKey(namespace, secret)] = Secret(
            ObjectKey(namespace, secret), {".dockerconfigjson": value}
        )

    def repository(self, name, **fields):
        data = {"type": "oci", "url": "oci://closed.example", "username": "u", "password": "p"}
        found = {field: value.encode() for field, value in (data | fields).items()}
        self.listed.append(Secret(ObjectKey("argocd", name), found, LABELS))


@pytest.fixture
def cluster():
    return Cluster()


def an_application(name="one", *, to="shop", namespace="argocd", project="default", **more):
    destination = more.pop("destination", Destination(server=HERE, namespace=to))
    key = ObjectKey(namespace, name)
    return Application(key, project=project, destination=destination, **more)


def an_intent(application, *images, pull_secret=""):
    return ApplicationIntent(
        resource=ObjectKey(application.key.namespace, "updater"),
        application=application,
        pattern="*",
        images=tuple(
            ImageSettings(image, parse_image(image), pull_secret=pull_secret)
            for image in images or ("closed.example/acme/web",)
        ),
        write_back=WriteBack(),
        source_type="Helm",
        application_type=ApplicationType.HELM,
        write_source=SourceRef(),
    )


async def search(cluster, *intents, **rules):
    """Return the found credentials of all images, and the warnings."""
    rules = {"workload": True} | rules
    searching = CredentialSearch(
        SearchRules("argocd", **rules),
        table=load_table(CONF),
        destinations=cluster,
        secrets=cluster,
    )
    completed = await searching.complete(intents)
    assert [item.application for item in completed] == [item.application for item in intents]
    found = [settings.found for intent in completed for settings in intent.images]
    return found, searching.warnings


async def one(cluster, application, **rules):
    (found,), warnings = await search(cluster, an_intent(application), **rules)
    return found, warnings


async def test_an_image_gets_the_pull_secret_of_its_destination(cluster):
    cluster.allow()
    cluster.pull("shop")
    found, warnings = await one(cluster, an_application())
    secret = ObjectKey("shop", "regcred")
    assert found == FoundCredentials(Finder.WORKLOAD, secret, note=found.note)
    assert not warnings
    asked = found.asked_as(RepositoryKey("closed.example", "acme/web"))
    assert asked == RepositoryKey(
        "closed.example", "acme/web", "shop/regcred", "shop", found_by="workload"
    )


async def test_what_is_configured_is_not_looked_for(cluster):
    cluster.allow()
    cluster.pull("shop")
    application = an_application()
    named = an_intent(application, pull_secret="pullsecret:argocd/x")
    entry = an_intent(application, "own.example/web", "closed.example/A//b")
    found, _ = await search(cluster, named, entry)
    assert found == [None, None, None]
    assert not cluster.reads


@pytest.mark.parametrize(("destination", "why"), [
    (Destination(server="https://other.example", namespace="shop"), "another cluster"),
    (Destination(name="other", namespace="shop"), "another cluster"),
    (Destination(namespace="shop"), "no cluster named"),
    (Destination(server=HERE), "names no namespace"),
])  # fmt: skip
async def test_other_clusters_are_passed_over_in_silence(cluster, destination, why):
    cluster.allow()
    cluster.pull("shop")
    found, warnings = await one(cluster, an_application(destination=destination))
    assert found.finder is None
    assert found.problem is None
    assert why in found.note
    assert not warnings
    assert not cluster.reads
    plain = RepositoryKey("closed.example", "acme/web")
    assert found.asked_as(plain) == plain


@pytest.mark.parametrize(("namespace", "permit", "why"), [
    ("argocd", None, "AppProject argocd/default does not exist"),
    ("argocd", {"to": "else"}, "does not permit namespace shop"),
    ("team-a", {}, "takes no Applications of team-a"),
    ("team-a", {"sources": ["team-b"]}, "takes no Applications of team-a"),
])  # fmt: skip
async def test_a_namespace_is_opened_only_by_a_project_that_permits_it(
    cluster, namespace, permit, why
):
    if permit is not None:
        cluster.allow(**permit)
    cluster.pull("shop")
    found, (warning,) = await one(cluster, an_application(namespace=namespace))
    assert found.finder is None
    assert why in warning
    assert not [kind for kind, _ in cluster.reads if kind != "project"]


async def test_a_project_opens_its_namespace_to_its_tenants(cluster):
    cluster.allow("team-a", to="shop", sources=["team-a"])
    cluster.pull("shop")
    found, _ = await one(cluster, an_application(namespace="team-a", project="team-a"))
    assert found.finder is Finder.WORKLOAD


async def test_the_folders_of_one_owner_need_no_project(cluster):
    cluster.pull("shop")
    found, _ = await one(cluster, an_application(), projects_decide=False)
    assert found.finder is Finder.WORKLOAD


async def test_named_service_accounts_are_looked_at_in_place_of_the_default_one(cluster):
    cluster.allow()
    cluster.pull("shop", secret="of-default")
    cluster.pull("shop", "web", secret="of-web")
    named = an_application(annotations={ANNOTATION: "web, gone"})
    found, warnings = await one(cluster, named)
    assert found.secret.name == "of-web"
    assert warnings == ("ServiceAccount shop/gone, named by argocd/one, does not exist",)
    (refused, _) = await one(cluster, an_application(annotations={ANNOTATION: "../x"}))
    assert refused.problem.reason is Reason.SETTINGS_INVALID


async def test_a_secret_that_is_not_there_is_passed_over_with_a_warning(cluster):
    cluster.allow()
    cluster.pull("shop", secret="gone")
    cluster.pull("shop", secret="there")
    del cluster.secrets[ObjectKey("shop", "gone")]
    found, warnings = await one(cluster, an_application())
    assert found.secret.name == "there"
    assert warnings == ("pull secret shop/gone of ServiceAccount shop/default does not exist",)


async def test_a_namespace_without_service_account_or_entry_has_nothing_to_say(cluster):
    cluster.allow()
    cluster.pull("other", host="else.example")
    found, warnings = await search(
        cluster, an_intent(an_application()), an_intent(an_application("two", to="other"))
    )
    assert [item.finder for item in found] == [None, None]
    assert not warnings


@pytest.mark.parametrize("kind", ["accounts", "secrets", "projects"])
async def test_what_may_not_be_read_ends_its_images_and_no_others(cluster, kind):
    cluster.allow()
    cluster.allow("other")
    cluster.pull("shop")
    cluster.pull("works")
    name = {"accounts": ("shop", "default"), "secrets": ("shop", "regcred")}
    key = ObjectKey(*name.get(kind, ("argocd", "default")))
    getattr(cluster, kind)[key] = DeniedError("it is forbidden", hint="grant it")
    found, _ = await search(
        cluster,
        an_intent(an_application()),
        an_intent(an_application("two", to="works", project="other")),
    )
    assert found[0].problem.reason is Reason.CREDENTIALS_UNAVAILABLE
    assert found[0].problem.message == (
        "pull secrets of the workload (--workload-pull-secrets): it is forbidden; grant it"
    )
    assert found[0].asked_as(RepositoryKey("a", "b")) is found[0].problem
    assert found[1].finder is Finder.WORKLOAD


async def test_a_secret_that_cannot_be_understood_ends_its_images(cluster):
    cluster.allow()
    cluster.pull("shop")
    key = ObjectKey("shop", "regcred")
    cluster.secrets[key] = Secret(key, {".dockerconfigjson": b"top secret"})
    found, _ = await one(cluster, an_application())
    assert found.problem.reason is Reason.CREDENTIALS_UNAVAILABLE
    assert "shop/regcred: the value is not JSON" in found.problem.message


async def test_each_object_is_read_once_however_many_ask(cluster):
    cluster.allow()
    cluster.pull("shop")
    intents = [an_intent(an_application(f"a{number}")) for number in range(30)]
    found, _ = await search(cluster, *intents, argocd=True)
    assert {item.finder for item in found} == {Finder.WORKLOAD}
    assert cluster.reads == {
        ("project", "argocd/default"): 1,
        ("account", "shop/default"): 1,
        ("secret", "shop/regcred"): 1,
        ("list", "argocd"): 1,
    }


async def test_warnings_are_bounded(cluster):
    cluster.allow(to="nowhere")
    intents = [an_intent(an_application(f"a{number}")) for number in range(MAX_WARNINGS + 5)]
    _, warnings = await search(cluster, *intents)
    assert len(warnings) == MAX_WARNINGS + 1
    assert warnings[-1] == "5 more of these"


async def test_repository_secrets_come_after_the_pull_secrets_of_the_workload(cluster):
    cluster.allow()
    cluster.repository("creds")
    found, _ = await one(cluster, an_application(), argocd=True)
    assert (found.finder, found.secret) == (Finder.ARGOCD, ObjectKey("argocd", "creds"))
    cluster.pull("shop")
    found, _ = await one(cluster, an_application(), argocd=True)
    assert found.finder is Finder.WORKLOAD
    found, _ = await one(cluster, an_application(), workload=False, argocd=True)
    assert found.finder is Finder.ARGOCD
    assert (await one(cluster, an_application(), workload=False))[0] == FoundCredentials()


async def test_repository_secrets_serve_applications_of_other_clusters_too(cluster):
    cluster.allow()
    cluster.repository("creds")
    destination = Destination(name="other", namespace="shop")
    found, _ = await one(cluster, an_application(destination=destination), argocd=True)
    assert found.finder is Finder.ARGOCD


@pytest.mark.parametrize(("namespace", "project", "sources", "served"), [
    ("argocd", "team-a", [], True),
    ("argocd", "team-b", [], False),
    ("team-a", "team-a", ["team-a"], True),
    ("team-a", "team-a", [], False),
    ("team-b", "team-a", ["team-a"], False),
    ("team-a", "gone", [], False),
])  # fmt: skip
async def test_a_secret_of_a_project_serves_only_who_really_belongs_to_it(
    cluster, namespace, project, sources, served
):
    cluster.allow("team-a", sources=sources)
    cluster.repository("creds", project="team-a")
    application = an_application(namespace=namespace, project=project)
    found, _ = await one(cluster, application, workload=False, argocd=True)
    assert (found.finder is Finder.ARGOCD) is served


async def test_projects_are_read_only_where_a_secret_is_bound_to_one(cluster):
    cluster.repository("creds")
    cluster.projects[ObjectKey("argocd", "default")] = DeniedError("no project")
    application = an_application(namespace="team-a")
    found, _ = await one(cluster, application, workload=False, argocd=True)
    assert found.finder is Finder.ARGOCD
    cluster.repository("of-a", project="team-a")
    found, _ = await one(cluster, application, workload=False, argocd=True)
    assert found.problem.message.endswith(": no project")


async def test_repository_secrets_that_may_not_be_listed_end_the_images(cluster):
    cluster.listed = DeniedError("no list")
    found, _ = await one(cluster, an_application(), workload=False, argocd=True)
    assert found.problem.message == (
        "repository Secrets of Argo CD (--argocd-repository-credentials): no list"
    )


async def test_tenants_with_other_secrets_ask_as_others(cluster):
    cluster.allow()
    for namespace in ("shop", "shop2"):
        cluster.pull(namespace)
    found, _ = await search(
        cluster,
        an_intent(an_application()),
        an_intent(an_application("same")),
        an_intent(an_application("two", to="shop2")),
        an_intent(an_application("none", to="empty")),
    )
    plain = RepositoryKey("closed.example", "acme/web")
    asked = [item.asked_as(plain) for item in found]
    assert asked[0] == asked[1]
    assert len(set(asked)) == 3
    assert asked[3] == plain
