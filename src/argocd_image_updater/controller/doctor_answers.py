"""The words about what a registry answers: its API, the login, tags, images and limits.

Pure: what was seen goes in, a check comes out. Only names of credentials come in here, never their
values. Source of the words: docs/doctor.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from argocd_image_updater.controller.doctor_checks import (
    Blame,
    Check,
    CheckName,
    failed,
    passed,
    sentence,
    warned,
)
from argocd_image_updater.core.facts import Failure, FailureKind, TagList, TagMetadata
from argocd_image_updater.errors import shorten
from argocd_image_updater.registry.credentials.sources import SourceState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argocd_image_updater.registry.api import Api
    from argocd_image_updater.registry.challenges import Challenge
    from argocd_image_updater.registry.credentials.sources import Source
    from argocd_image_updater.registry.quotas import Quota

NEWEST = 5  # tags whose images are read
MAX_PLATFORMS = 32  # that are shown of one image
NANOSECONDS = 1_000_000_000
API_VERSION = "Docker-Distribution-Api-Version"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the answers are about. source: name of the credentials, empty for none.

    is_web_page: whether the last answer was a page for people.
    """

    api: Api
    repository: str
    source: str = ""
    is_web_page: bool = False

    @property
    def who(self) -> str:
        """As whom the registry was asked."""
        return f"the credentials {self.source}" if self.source else "an anonymous caller"


def credentials_check(sources: Sequence[Source], fault: Failure | None, *, source: str) -> Check:
    """Return the check of the chain of credentials. source: which was used, empty for none."""
    lines = [_source_line(one) for one in sources]
    if fault is not None:
        advice = f"The credentials cannot be read, {shorten(fault.message)}: correct the source."
        return failed(
            CheckName.CREDENTIALS,
            fault.message,
            *lines,
            advice=advice,
            blame=Blame.CONFIGURATION,
        )
    return passed(CheckName.CREDENTIALS, source or "none: asked anonymously", *lines)


def _source_line(source: Source) -> str:
    words = {
        SourceState.USED: "used",
        SourceState.NOTHING: "nothing for this registry",
        SourceState.OFF: "off",
        SourceState.ELSEWHERE: "of an Application only, see explain",
        SourceState.BEHIND: "not reached",
        SourceState.FAILED: "failed",
    }
    named = f" {source.reference}" if source.reference else ""
    return f"{source.name}{named}: {words[source.state]}"


def api_check(asked: Asked, fault: Failure | None, *, version: str, status: int) -> Check:
    """Return the check of the first question. fault: None where it was answered as it should."""
    if fault is not None:
        advice = failure_advice(asked, fault)
        return failed(CheckName.API, fault.message, advice=advice)
    told = shorten(version) or "not told"
    text = f"GET /v2/ answered {status}, version {told}"
    if asked.is_web_page:
        return warned(CheckName.API, f"{text}, with a web page in place of a document")
    return passed(CheckName.API, text)


def login_check(
    asked: Asked,
    challenges: Sequence[Challenge],
    fault: Failure | None,
    *,
    scope: str,
    withheld: bool = False,
) -> Check:
    """Return the check of the login.

    fault: None where it was not refused. withheld: there are credentials, and they were not sent.
    """
    lines = [_challenge_line(one, scope=scope) for one in challenges]
    if fault is not None:
        explained = withheld and asked.source  # the message says what to do
        advice = sentence(fault.message) if explained else failure_advice(asked, fault)
        return failed(CheckName.LOGIN, fault.message, *lines, advice=advice)
    if not challenges:
        return passed(CheckName.LOGIN, "the registry wants none")
    return passed(CheckName.LOGIN, f"accepted: {asked.who}", *lines)


def _challenge_line(challenge: Challenge, *, scope: str) -> str:
    parameters = challenge.parameters
    realm = parameters.get("realm", "")
    if challenge.scheme != "bearer":
        return shorten(f"scheme {challenge.scheme}" + (f', realm "{realm}"' if realm else ""))
    service = parameters.get("service", "")
    return shorten(
        f"scheme bearer, token service {_host(realm) or 'not named'}"
        + (f', service "{service}"' if service else "")
        + f", scope {scope}"
    )


def tags_check(asked: Asked, found: TagList | Failure) -> Check:
    """Return the check of the list of tags."""
    if isinstance(found, Failure):
        return failed(CheckName.TAGS, found.message, advice=failure_advice(asked, found))
    if not found.tags:
        advice = (
            f"The repository {asked.repository} at {asked.api.host} has no tags: correct the name "
            "of the image, or push one."
        )
        return failed(CheckName.TAGS, "the list is empty", advice=advice)
    return passed(CheckName.TAGS, f"{len(found.tags)} listed")


def newest_check(
    asked: Asked,
    images: Sequence[tuple[str, TagMetadata | Failure]],
    fault: Failure | None,
    *,
    order: str,
) -> Check:
    """Return the check of the newest tags. fault: an answer that says nothing about a tag."""
    lines = [_image_line(tag, image) for tag, image in images]
    if fault is not None:
        advice = failure_advice(asked, fault)
        return failed(CheckName.NEWEST, fault.message, *lines, advice=advice)
    if not any(isinstance(image, TagMetadata) for _, image in images):
        return warned(CheckName.NEWEST, f"none of these {order} holds an image", *lines)
    return passed(CheckName.NEWEST, f"newest of the {order}", *lines)


def _image_line(tag: str, image: TagMetadata | Failure) -> str:
    if isinstance(image, Failure):
        return f"{tag}: {shorten(image.message)}"
    if image.created_ns is None:
        return f"{tag}: no creation time, {image.digest[:19]}"
    try:
        created = datetime.fromtimestamp(image.created_ns / NANOSECONDS, UTC)
    except (OverflowError, ValueError, OSError):
        return f"{tag}: a creation time beyond the calendar, {image.digest[:19]}"
    return f"{tag}: created {created:%Y-%m-%d %H:%M} UTC, {image.digest[:19]}"


def platforms_check(tag: str, platforms: Sequence[str]) -> Check:
    """Return the check of the platforms of the newest image."""
    if not tag:
        return warned(CheckName.PLATFORMS, "no image to look at")
    shown = list(dict.fromkeys(platforms))
    more = ", …" if len(shown) > MAX_PLATFORMS else ""
    text = ", ".join(shown[:MAX_PLATFORMS]) + more
    return passed(CheckName.PLATFORMS, f"{tag}: {text or 'none is told'}")


def limits_check(asked: Asked, quota: Quota | None, *, retry_after_s: float | None) -> Check:
    """Return the check of what the registry told about its limits. None = it did not."""
    parts = _quota_words(quota) if quota else []
    if retry_after_s is not None:
        parts.append(f"asks to wait {retry_after_s:.0f} s")
    text = ", ".join(parts) or "the registry tells none"
    if quota and quota.remaining == 0:
        wait_s = retry_after_s or quota.reset_s
        return failed(CheckName.LIMITS, text, advice=_limit_advice(asked, wait_s))
    if retry_after_s is not None:
        return warned(CheckName.LIMITS, text)
    return passed(CheckName.LIMITS, text)


def _quota_words(quota: Quota) -> list[str]:
    words = [f"{quota.remaining} requests left"]
    if quota.limit is not None:
        window = f" in {quota.window_s:.0f} s" if quota.window_s else ""
        words.append(f"limit {quota.limit}{window}")
    if quota.reset_s:
        words.append(f"renewed in {quota.reset_s:.0f} s")
    return words


def failure_advice(asked: Asked, fault: Failure) -> str:
    """Return, in one sentence, what a failure means and what to do."""
    host, repository = asked.api.host, asked.repository
    if fault.kind is FailureKind.RATE_LIMITED:
        return _limit_advice(asked, fault.retry_after_s)
    if fault.kind is FailureKind.DENIED and asked.source:
        return (
            f"{host} refuses the credentials {asked.source} for {repository}: renew them, or give "
            "them the right to pull."
        )
    if fault.kind is FailureKind.DENIED:
        return (
            f"{host} gives {repository} to nobody without a login: set credentials for the "
            "registry in registries.conf (to try them: --credentials), or correct the name."
        )
    if fault.kind is FailureKind.NOT_FOUND:
        return (
            f"{host} has no repository {repository}, or hides it from {asked.who}: correct the "
            "name of the image, or the credentials."
        )
    if asked.is_web_page:
        return (
            f"A web page came from {host} in place of the registry's answer: correct api_url, or "
            "look for a proxy or login portal on the way."
        )
    if fault.kind is FailureKind.TRANSIENT:
        return (
            f"The registry {host} does not answer as it should ({shorten(fault.message)}): try "
            "again, and tell who runs it if that stays."
        )
    return f"The registry {host} cannot be used, {shorten(fault.message)}: correct api_url."


def _limit_advice(asked: Asked, retry_after_s: float | None) -> str:
    wait = f"wait {retry_after_s:.0f} s" if retry_after_s else "wait"
    more = "use credentials with a higher limit" if asked.source else "log in for a higher limit"
    return f"{asked.api.host} has used up its limit of requests for us: {wait}, or {more}."


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
