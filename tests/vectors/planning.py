"""Plan one Application against registries that are given as data: the core alone, no edges."""

from dataclasses import replace

from argocd_image_updater.core.application import Origin
from argocd_image_updater.core.applications import decode_application
from argocd_image_updater.core.choice import Pending
from argocd_image_updater.core.due import Policy
from argocd_image_updater.core.facts import (
    DigestQuestion,
    Failure,
    FailureKind,
    MetadataQuestion,
    RepositoryKey,
    TagExistsQuestion,
    TagList,
    TagListQuestion,
    TagMetadata,
)
from argocd_image_updater.core.plan import plan_application
from argocd_image_updater.core.reasons import OUTCOME_OF, Outcome, Reason
from argocd_image_updater.core.settings import Downgrade, Problem
from argocd_image_updater.errors import ConfigError
from argocd_image_updater.registry.credentials.reference import parse_credential_reference
from argocd_image_updater.registry.endpoints import DOCKER_HUB, EndpointTable
from argocd_image_updater.registry.timestamps import parse_created

PLATFORM = "linux/amd64"
TABLE = EndpointTable(endpoints={"docker.io": DOCKER_HUB}, default=DOCKER_HUB)


def decoded(application):
    document = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", **application}
    found, problems, _ = decode_application(document, origin=Origin())
    assert not problems, problems
    return found


def locate(table=TABLE):
    """Return a locator as a session has it: endpoint, repository and the namespace rule."""

    def find(image, pull_secret, namespace):
        endpoint = table.lookup(image)
        try:
            repository = table.repository_of(endpoint, image)
            if pull_secret:
                reference = parse_credential_reference(pull_secret)
                if reference.namespace and reference.namespace != namespace:
                    return Problem(Reason.SECRET_REFUSED, "a Secret of another namespace")
        except ConfigError as error:
            return Problem(Reason.SETTINGS_INVALID, str(error))
        return RepositoryKey(endpoint.prefix, repository, pull_secret, namespace)

    return find


def answer(question, registry, asked, *, sort=""):
    """Answer one question from ``{"<prefix>/<repository>": {"tags": [...], "meta": {...}}}``."""
    name = f"{question.repository.endpoint}/{question.repository.repository}"
    asked.add(name)
    entry = registry.get(name)
    if entry is None or entry.get("tagsError"):
        return Failure(FailureKind.TRANSIENT, "listing failed")
    if isinstance(question, TagListQuestion):
        return TagList(tuple(entry["tags"]), sort)
    if isinstance(question, TagExistsQuestion):
        return question.tag in entry["tags"]
    if question.tag not in entry["tags"]:
        return Failure(FailureKind.NOT_FOUND, "no such tag")
    meta = entry.get("meta", {}).get(question.tag)
    if meta is None:
        return Failure(FailureKind.UNUSABLE, "no manifest")
    assert isinstance(question, MetadataQuestion | DigestQuestion)
    created = parse_created(meta["created"]) if meta.get("created") else None
    return TagMetadata(meta.get("digest", ""), created, meta.get("labels", {}))


def plan(intent, registry, *, sort="", table=TABLE, downgrade=Downgrade.ALLOW):
    """Return the plan and the names of the repositories that were asked."""
    images = tuple(replace(item, downgrade=downgrade) for item in intent.images)
    intent = replace(intent, images=images)
    policy = Policy(PLATFORM, locate(table))
    facts, asked = {}, set()
    for _ in range(10):
        result = plan_application(intent, facts=facts, policy=policy)
        if not isinstance(result, Pending):
            return result, asked
        for question in result.questions:
            facts[question] = answer(question, registry, asked, sort=sort)
    raise AssertionError("the plan never ends")


def counts(decisions):
    """Count decisions as the summary line does."""
    outcomes = [OUTCOME_OF[item.reason] for item in decisions]
    return {
        "considered": sum(item.considered for item in decisions),
        "updated": outcomes.count(Outcome.UPDATED),
        "skipped": outcomes.count(Outcome.SKIPPED),
        "errors": outcomes.count(Outcome.ERROR),
    }
