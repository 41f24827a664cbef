"""What `doctor registry` finds out, as values: checks with their outcome, and the one verdict.

Each check says what it saw; a failed one also what to do, in one sentence. The verdict is the
sentence of the first that failed: the others follow from it.
Source of the words: docs/doctor.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

ALL_WELL = "All is well: the registry answers, and lists {count} tags of {repository}."


class CheckName(StrEnum):
    """The checks in their order."""

    ENTRY = "entry"
    NAME = "name"
    CONNECTION = "connection"
    TLS = "tls"
    CREDENTIALS = "credentials"
    API = "api"
    LOGIN = "login"
    TAGS = "tags"
    NEWEST = "newest"
    PLATFORMS = "platforms"
    MIRRORS = "mirrors"
    LIMITS = "limits"


class CheckOutcome(StrEnum):
    """How a check ended. A warning is worth a look and no obstacle."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


class Blame(StrEnum):
    """Where the fault must be mended."""

    CONFIGURATION = "configuration"
    REGISTRY = "registry"


@dataclass(frozen=True, slots=True)
class Check:
    """One check. text: what was seen. details: more lines. advice: of a failed one, a sentence."""

    name: CheckName
    outcome: CheckOutcome
    text: str
    details: tuple[str, ...] = ()
    advice: str = ""
    blame: Blame = Blame.REGISTRY


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All checks of one image's registry. api_url, repository: empty where they are not known.

    tag_count: 0 where the list is not known.
    """

    image: str
    api_url: str
    repository: str
    checks: tuple[Check, ...]
    tag_count: int = 0

    @property
    def first_failed(self) -> Check | None:
        """The check to begin with."""
        return next((one for one in self.checks if one.outcome is CheckOutcome.FAILED), None)

    @property
    def verdict(self) -> str:
        """The sentence a person needs."""
        failed = self.first_failed
        if failed is not None:
            return failed.advice
        return ALL_WELL.format(count=self.tag_count, repository=self.repository)


def passed(name: CheckName, text: str, *details: str) -> Check:
    """Return a check without a finding."""
    return Check(name, CheckOutcome.OK, text, details)


def warned(name: CheckName, text: str, *details: str) -> Check:
    """Return a check with something that is worth a look."""
    return Check(name, CheckOutcome.WARNING, text, details)


def failed(
    name: CheckName,
    text: str,
    *details: str,
    advice: str,
    blame: Blame = Blame.REGISTRY,
) -> Check:
    """Return a check that found a fault. advice: one sentence, what is wrong and what to do."""
    return Check(name, CheckOutcome.FAILED, text, details, advice, blame)


def skipped(name: CheckName, *, because: CheckName) -> Check:
    """Return a check that another one made impossible."""
    return Check(name, CheckOutcome.SKIPPED, f"not looked at: the check {because} failed")


def sentence(message: str) -> str:
    """Return a message that tells what to do, as a sentence."""
    return message[:1].upper() + message[1:].rstrip(".") + "."
