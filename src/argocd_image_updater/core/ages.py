"""How old a tag is, and which tag is old enough: the cool-down before a new image is taken.

Rules: 1. age counts from when this program first saw the tag point at its digest, or from when the
registry says that it was pushed; `created` in the image counts only where the owner trusts it, for
who publishes an image writes that date too; 2. a tag that is too young is passed over, the next
best may be chosen; 3. what is too young by what was seen last is too young whatever it points at by
now, so only a tag that would be taken is looked at afresh; 4. a tag that runs ends the search: age
delays a change, it never undoes one; 5. an age that is not known just now leaves the choice open.

Source of the rules: docs/minimum-age.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from argocd_image_updater.core.durations import format_duration, parse_duration
from argocd_image_updater.core.facts import (
    Failure,
    FailureKind,
    MetadataQuestion,
    PushTimes,
    PushTimesQuestion,
    RepositoryKey,
    Sighting,
    SightingQuestion,
    TagMetadata,
)
from argocd_image_updater.core.instants import NS_PER_S, instant_of
from argocd_image_updater.core.resource_schema import AGE_PATTERN
from argocd_image_updater.core.settings import AgeFrom, ImageSettings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from argocd_image_updater.core.facts import Answer, Question
    from argocd_image_updater.core.strategy import Candidate

MAX_JUDGED = 50  # tags of one image that are looked at in the search for one that is old enough
# Before March 2013 there was no image: builds that hide their date write 1970 or 1980.
FIRST_IMAGES_NS = 1_363_737_600 * NS_PER_S
_DAY_NS = 86_400 * NS_PER_S
_AHEAD = 4  # tags that are asked for together at first; then more in each round
_SAYS_NOTHING = frozenset({FailureKind.UNUSABLE, FailureKind.NO_PLATFORM, FailureKind.NOT_FOUND})


@dataclass(frozen=True, slots=True)
class AgeRule:
    """What makes a tag of one repository old enough. platforms: of which `created` is read."""

    repository: RepositoryKey
    minimum_ns: int
    counts_from: AgeFrom
    platforms: tuple[str, ...]
    now_ns: int


@dataclass(frozen=True, slots=True)
class TooYoung:
    """A tag that must wait. ready_ns: when it will be old enough if it stays what it is."""

    tag: str
    ready_ns: int


@dataclass(frozen=True, slots=True)
class AgeUnknown:
    """A tag whose age cannot be told just now."""

    tag: str
    failure: Failure


@dataclass(frozen=True, slots=True)
class Search:
    """What was found. chosen: None = no tag is old enough. waiting: better ones, the best first.

    gone: listed tags that are not there, and why. is_open: the chosen one runs, and its age was not
    looked at.
    """

    chosen: Candidate | None
    waiting: tuple[TooYoung, ...] = ()
    gone: tuple[tuple[str, str], ...] = ()
    is_open: bool = False


def age_rule(
    settings: ImageSettings, repository: RepositoryKey, *, platforms: tuple[str, ...], now_ns: int
) -> AgeRule:
    """Return the rule of one image."""
    return AgeRule(
        repository, settings.minimum_age_ns, settings.minimum_age_from, platforms, now_ns
    )


def parse_age(text: str) -> int:
    """Return the nanoseconds of a minimum age such as ``3d``, ``72h`` or ``1d12h``.

    Raises:
        ValueError: it is none.
    """
    if not text or re.fullmatch(AGE_PATTERN, text) is None:
        raise ValueError("must be an age such as 3d, 72h or 1d12h")
    days, has_days, rest = text.rpartition("d")
    return (int(days) * _DAY_NS if has_days else 0) + parse_duration(rest or "0")


def format_age(age_ns: int) -> str:
    """Return an age as people write it: ``72h`` rather than ``72h0m0s``."""
    text = format_duration(age_ns)
    for needless in ("m0s", "h0m"):
        if text.endswith(needless):
            text = text[:-2]
    return text


def too_young(settings: ImageSettings, waiting: Sequence[TooYoung]) -> str:
    """Say that tags must wait, and until when; the best of them is named."""
    best = waiting[0]
    text = (
        f"{best.tag} is younger than minimumAge {format_age(settings.minimum_age_ns)} and may be "
        f"taken from {ready_text(best)} on"
    )
    others = len(waiting) - 1
    return text + (f"; {others} more must wait too" if others else "")


def ready_text(waiting: TooYoung) -> str:
    """Return when a tag will be old enough, in whole seconds that are not too early."""
    return instant_of(waiting.ready_ns + NS_PER_S - 1)


def search(
    ranked: Iterable[Candidate],
    rule: AgeRule,
    *,
    running: Collection[str],
    facts: Mapping[Question, Answer],
) -> Search | AgeUnknown | frozenset[Question]:
    """Return the first tag that is old enough or runs, or what must be known first.

    ranked: the tags that may be chosen, the best first. running: names of running tags.
    """
    waiting: list[TooYoung] = []
    gone: list[tuple[str, str]] = []
    missing: set[Question] = set()
    for candidate in islice(ranked, MAX_JUDGED):
        if candidate.name in running:
            return frozenset(missing) or Search(
                candidate, tuple(waiting), tuple(gone), is_open=True
            )
        verdict = judge(rule, candidate.name, facts=facts)
        if isinstance(verdict, frozenset):
            missing |= verdict
            if _is_fresh(verdict) or len(missing) >= _AHEAD * (len(waiting) + len(gone) + 1):
                return frozenset(missing)
        elif isinstance(verdict, TooYoung):
            waiting.append(verdict)
        elif isinstance(verdict, AgeUnknown) and verdict.failure.kind is FailureKind.NOT_FOUND:
            gone.append((candidate.name, verdict.failure.message))
        elif isinstance(verdict, AgeUnknown):
            return frozenset(missing) or verdict
        else:
            return frozenset(missing) or Search(candidate, tuple(waiting), tuple(gone))
    return frozenset(missing) or Search(None, tuple(waiting), tuple(gone))


def judge(
    rule: AgeRule, tag: str, *, facts: Mapping[Question, Answer], digest: str = ""
) -> TooYoung | AgeUnknown | frozenset[Question] | None:
    """Return why a tag must wait, None where it is old enough, or what must be known first.

    digest: what will be written, where that is known; otherwise what the tag points at counts.
    """
    for fresh in (True,) if digest else (False, True):
        since_ns = _since_ns(rule, tag, digest=digest, fresh=fresh, facts=facts)
        if isinstance(since_ns, frozenset):
            return since_ns
        if isinstance(since_ns, Failure):
            return AgeUnknown(tag, since_ns)
        ready_ns = since_ns + rule.minimum_ns
        if ready_ns > rule.now_ns:
            return TooYoung(tag, ready_ns)
    return None


def _since_ns(
    rule: AgeRule, tag: str, *, digest: str, fresh: bool, facts: Mapping[Question, Answer]
) -> int | Failure | frozenset[Question]:
    """Return since when a tag counts as being what it is.

    When it was pushed is asked only where that could end a wait.
    """
    since_ns = _seen_ns(rule, tag, digest=digest, fresh=fresh, facts=facts)
    if not isinstance(since_ns, tuple):
        return since_ns
    first_ns, seen_digest = since_ns
    if first_ns + rule.minimum_ns <= rule.now_ns:
        return first_ns
    question = PushTimesQuestion(rule.repository)
    answer = facts.get(question)
    if answer is None:
        return frozenset((question,))
    pushed = answer.tags.get(tag) if isinstance(answer, PushTimes) else None
    if pushed is None or pushed.digest != seen_digest:
        return first_ns
    return min(first_ns, pushed.pushed_ns)


def _seen_ns(
    rule: AgeRule, tag: str, *, digest: str, fresh: bool, facts: Mapping[Question, Answer]
) -> tuple[int, str] | Failure | frozenset[Question]:
    """Return since when a tag counts without the registry's word, and its digest."""
    question = SightingQuestion(rule.repository, tag, digest, fresh=fresh)
    sighting = facts.get(question)
    if sighting is None:
        return frozenset((question,))
    if isinstance(sighting, Failure):
        return sighting
    assert isinstance(sighting, Sighting)
    if rule.counts_from is not AgeFrom.CREATED:
        return sighting.first_seen_ns, sighting.digest
    created_ns = _created_ns(rule, tag, sighting.digest, fresh=fresh, facts=facts)
    if isinstance(created_ns, int):
        return min(sighting.first_seen_ns, created_ns), sighting.digest
    return (sighting.first_seen_ns, sighting.digest) if created_ns is None else created_ns


def _created_ns(
    rule: AgeRule, tag: str, digest: str, *, fresh: bool, facts: Mapping[Question, Answer]
) -> int | Failure | frozenset[Question] | None:
    """Return when the image says that it was built; None where it says nothing credible."""
    question = MetadataQuestion(rule.repository, tag, rule.platforms, fresh=fresh)
    answer = facts.get(question)
    if answer is None:
        return frozenset((question,))
    if isinstance(answer, Failure):
        return None if answer.kind in _SAYS_NOTHING else answer
    assert isinstance(answer, TagMetadata)
    created_ns = answer.created_ns
    if answer.digest != digest or created_ns is None or created_ns < FIRST_IMAGES_NS:
        return None
    return created_ns


def _is_fresh(questions: Iterable[Question]) -> bool:
    """Tell whether a tag is about to be taken, so that those behind it are of no interest."""
    return any(getattr(question, "fresh", False) for question in questions)
