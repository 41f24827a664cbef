"""The images of the tags that strategy newest-build compares: read, dropped, or still open.

Every kept tag is known before the newest is: a passing fault of any of them ends the image with a
reason, permanent oddities of one tag drop that tag only. What would be chosen, and what runs, is
read afresh in every cycle.

Source of the rules: docs/strategies.md, tests/vectors/data/strategy_select.json.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from argocd_image_updater.core.choice_values import Facts, NoChoice, Pending, failure_reason
from argocd_image_updater.core.facts import (
    Failure,
    FailureKind,
    MetadataQuestion,
    PushTimes,
    PushTimesQuestion,
    Question,
    RepositoryKey,
    TagMetadata,
)
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.settings import ImageSettings, NewestBy
from argocd_image_updater.core.strategy import Candidate, newest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from argocd_image_updater.core.decisions import TagVerdict

_SHOWN_TAGS = 5
# A tag with one of these is left out; every other failure leaves the choice open.
_DROPS_TAG = {
    FailureKind.NOT_FOUND: "metadata",
    FailureKind.UNUSABLE: "metadata",
    FailureKind.NO_PLATFORM: "platform",
}


@dataclass(frozen=True, slots=True)
class BuildImages:
    """What is known of the kept tags: candidates, and those that hold no usable image.

    moved: how many turned out to be other images than was remembered.
    """

    candidates: Mapping[str, Candidate]
    dropped: Mapping[str, str]
    moved: int = 0

    @property
    def warnings(self) -> tuple[str, ...]:
        undated = sorted(tag for tag, item in self.candidates.items() if item.created_ns is None)
        if not undated:
            return ()
        shown = ", ".join(undated[:_SHOWN_TAGS]) + (", …" if len(undated) > _SHOWN_TAGS else "")
        return (f"{len(undated)} tags have no creation time and count as oldest: {shown}",)


def read_images(
    repository: RepositoryKey,
    kept: tuple[str, ...],
    *,
    facts: Facts,
    platforms: tuple[str, ...],
) -> BuildImages | NoChoice | Pending:
    """Return the images of the kept tags; one that may be the newest must not be missing."""
    missing: set[Question] = set()
    candidates: dict[str, Candidate] = {}
    dropped: dict[str, str] = {}
    incomplete: NoChoice | None = None
    postponed: list[Failure] = []
    moved = 0
    for tag in kept:
        question = MetadataQuestion(repository, tag, platforms)
        remembered = facts.get(question)
        answer = facts.get(MetadataQuestion(repository, tag, platforms, fresh=True))
        if answer is None:
            answer = remembered
        elif remembered is not None and answer != remembered:
            moved += 1
        if answer is None:
            missing.add(question)
        elif isinstance(answer, TagMetadata):
            candidates[tag] = _candidate(tag, answer)
        elif isinstance(answer, Failure) and answer.kind in _DROPS_TAG:
            dropped[tag] = f"{_DROPS_TAG[answer.kind]}: {answer.message}"
        elif isinstance(answer, Failure) and answer.kind is FailureKind.POSTPONED:
            postponed.append(answer)
        elif isinstance(answer, Failure):
            incomplete = incomplete or _incomplete(tag, answer)
    if missing:
        return Pending(frozenset(missing))
    if postponed and incomplete is None:
        incomplete = _progress(len(kept) - len(postponed), len(kept), why=postponed[0].message)
    return incomplete or BuildImages(candidates, dropped, moved)


def push_times(
    settings: ImageSettings, repository: RepositoryKey, facts: Facts
) -> PushTimes | NoChoice | Pending | None:
    """Return when tags were pushed where that decides, None where it does not."""
    if settings.newest_by is not NewestBy.PUSHED:
        return None
    question = PushTimesQuestion(repository)
    answer = facts.get(question)
    if answer is None:
        return Pending(frozenset((question,)))
    if isinstance(answer, Failure):
        return NoChoice(failure_reason(answer), answer.message)
    assert isinstance(answer, PushTimes)
    return answer


def dated_by_push(images: BuildImages, times: PushTimes) -> BuildImages | NoChoice:
    """Return the images with the times of their pushes; none of them may be missing."""
    candidates: dict[str, Candidate] = {}
    for tag, candidate in images.candidates.items():
        pushed = times.tags.get(tag)
        if pushed is None:
            return NoChoice(
                Reason.PUSH_TIMES_UNKNOWN,
                f"the registry does not tell when tag {tag} was pushed, so the newest is unknown",
            )
        candidates[tag] = replace(candidate, created_ns=pushed.pushed_ns)
    return replace(images, candidates=candidates)


def unread_images(
    candidates: Mapping[str, Candidate],
    *,
    chosen: str,
    current: set[str],
    moved: int,
    question: Callable[[str], Question],
    facts: Facts,
) -> frozenset[Question]:
    """Return what must still be read afresh: the running tags and the newest candidate.

    The more tags have moved since they were read, the more of the next newest are read along: so a
    repository in which all of them moved takes a few rounds, not one for each tag.
    """
    if question(chosen) in facts:
        leading = [chosen]
    else:
        leading = [item.name for item in newest(candidates.values(), max(1, moved**2))]
    questions = (question(tag) for tag in {*leading, *current})
    return frozenset(item for item in questions if item not in facts)


def _candidate(tag: str, metadata: TagMetadata) -> Candidate:
    """Return a newest-build candidate; only strategy digest writes digests."""
    return Candidate(tag, metadata.created_ns, "", metadata.labels)


def _incomplete(tag: str, failure: Failure) -> NoChoice:
    reason = failure_reason(failure)
    if failure.kind is FailureKind.TRANSIENT:
        reason = Reason.METADATA_INCOMPLETE
    return NoChoice(
        reason,
        f"the image of tag {tag} could not be read, so the newest is unknown: {failure.message}",
    )


def _progress(read: int, total: int, *, why: str) -> NoChoice:
    """Say how far the reading of many images has come, which goes on in the next cycles."""
    return NoChoice(
        Reason.METADATA_INCOMPLETE,
        f"the images of {read} of {total} tags are read so far and the next cycles read the rest, "
        f"so the newest is not known yet: {why}",
    )


def all_dropped(
    dropped: Mapping[str, str], trace: Callable[[], tuple[TagVerdict, ...]]
) -> NoChoice:
    if any(why.startswith("platform") for why in dropped.values()):
        return NoChoice(
            Reason.PLATFORM_UNMATCHED, "no tag offers a wanted platform; see platforms", trace
        )
    return NoChoice(Reason.NO_CANDIDATE, "no tag holds a readable image", trace)
