"""Choose one tag for one image from facts: filter, date, select.

The choice never looks at the running tag. It is complete or it is not made: a transient failure on
any fact that could change the choice ends the image with a reason; permanent oddities of one tag
drop that tag only.

Source of the rules: docs/strategies.md, tests/vectors/data/strategy_select.json.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from argocd_image_updater.core.choice_values import (
    Choice,
    Facts,
    NoChoice,
    Pending,
    failure_reason,
)
from argocd_image_updater.core.decisions import TagVerdict
from argocd_image_updater.core.facts import (
    DigestQuestion,
    Failure,
    FailureKind,
    MetadataQuestion,
    RepositoryKey,
    TagList,
    TagListQuestion,
    TagMetadata,
)
from argocd_image_updater.core.filters import parse_allow_tags, parse_ignore_tags
from argocd_image_updater.core.newest_build import (
    BuildImages,
    all_dropped,
    read_images,
    unread_images,
)
from argocd_image_updater.core.platforms import parse_platforms
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.settings import ImageSettings, Strategy
from argocd_image_updater.core.strategy import (
    Candidate,
    Selection,
    dated_by_position,
    eligible,
    explain,
    select,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Choice", "Facts", "NoChoice", "Pending", "choose", "failure_reason"]

_SELECTION_REASONS: dict[str, Reason] = {
    "no-tags": Reason.NO_TAGS,
    "not-versions": Reason.NO_CANDIDATE,
    "constraint-invalid": Reason.CONSTRAINT_INVALID,
    "constraint-unmatched": Reason.CONSTRAINT_UNMATCHED,
}


def constraint_of(settings: ImageSettings) -> str:
    """Return the constraint: the tag name in the configured reference, or nothing."""
    return settings.reference.tag.name if settings.reference.tag else ""


@lru_cache(maxsize=4096)
def wanted_platforms(platforms: tuple[str, ...], default: str) -> tuple[str, ...]:
    """Return the sorted platform keys an image must offer; empty = any."""
    return tuple(parse_platforms(platforms, default=default).wanted)


def choose(
    settings: ImageSettings,
    repository: RepositoryKey,
    *,
    facts: Facts,
    default_platform: str,
    current: tuple[str, ...] = (),
) -> Choice | NoChoice | Pending:
    """Choose a tag for one image, or say what is missing, or why there is none.

    current: names of the running tags; like the chosen one they are read afresh in every cycle.
    """
    platforms = wanted_platforms(settings.platforms, default_platform)
    if settings.strategy is Strategy.DIGEST:
        return _choose_digest(settings, repository, facts=facts, platforms=platforms)
    question = TagListQuestion(repository)
    answer = facts.get(question)
    if answer is None:
        return Pending(frozenset((question,)))
    if isinstance(answer, Failure):
        return NoChoice(failure_reason(answer), answer.message)
    assert isinstance(answer, TagList)
    if settings.strategy is Strategy.NEWEST_BUILD and not answer.sort:
        return _choose_newest(
            settings, repository, answer, facts=facts, platforms=platforms, current=current
        )
    return _choose_listed(
        answer,
        settings.strategy,
        constraint_of(settings),
        settings.allow_tags,
        settings.ignore_tags,
    )


def _kept(settings: ImageSettings, tags: tuple[str, ...]) -> tuple[str, ...]:
    return eligible(
        tags,
        allow=parse_allow_tags(settings.allow_tags),
        ignore=parse_ignore_tags(settings.ignore_tags),
        strategy=settings.strategy,
        constraint=constraint_of(settings),
    )


@lru_cache(maxsize=4096)
def _choose_listed(
    tag_list: TagList,
    strategy: Strategy,
    constraint: str,
    allow_tags: str,
    ignore_tags: tuple[str, ...],
) -> Choice | NoChoice:
    """Choose by name or position alone; shared by every image with the same list and rules."""
    allow = parse_allow_tags(allow_tags)
    ignore = parse_ignore_tags(ignore_tags)
    kept = eligible(
        tag_list.tags, allow=allow, ignore=ignore, strategy=strategy, constraint=constraint
    )
    candidates = {item.name: item for item in dated_by_position(kept, tag_list.sort)}

    def trace() -> tuple[TagVerdict, ...]:
        return explain(
            tag_list.tags,
            allow=allow,
            ignore=ignore,
            strategy=strategy,
            constraint=constraint,
            candidates=candidates,
            dropped={},
        )

    selection = select(strategy, constraint, tuple(candidates.values()))
    if selection.chosen is None:
        return _nothing(
            selection,
            listed=tag_list.tags,
            kept=kept,
            allow_tags=allow_tags,
            ignore_tags=ignore_tags,
            trace=trace,
        )
    return Choice(selection.chosen, tag_list.tags, frozenset(kept), candidates, {}, trace)


def _choose_newest(
    settings: ImageSettings,
    repository: RepositoryKey,
    tag_list: TagList,
    *,
    facts: Facts,
    platforms: tuple[str, ...],
    current: tuple[str, ...],
) -> Choice | NoChoice | Pending:
    kept = _kept(settings, tag_list.tags)
    images = read_images(repository, kept, facts=facts, platforms=platforms)
    if not isinstance(images, BuildImages):
        return images

    def trace() -> tuple[TagVerdict, ...]:
        return explain(
            tag_list.tags,
            allow=parse_allow_tags(settings.allow_tags),
            ignore=parse_ignore_tags(settings.ignore_tags),
            strategy=settings.strategy,
            constraint=constraint_of(settings),
            candidates=images.candidates,
            dropped=images.dropped,
        )

    selection = select(settings.strategy, "", tuple(images.candidates.values()))
    if selection.chosen is None:
        if images.dropped:
            return all_dropped(images.dropped, trace)
        return _nothing(
            selection,
            listed=tag_list.tags,
            kept=kept,
            allow_tags=settings.allow_tags,
            ignore_tags=settings.ignore_tags,
            trace=trace,
        )
    unread = unread_images(
        images.candidates,
        chosen=selection.chosen.name,
        current=set(current) & set(kept),
        moved=images.moved,
        question=lambda tag: MetadataQuestion(repository, tag, platforms, fresh=True),
        facts=facts,
    )
    if unread:
        return Pending(unread)
    return Choice(
        selection.chosen,
        tag_list.tags,
        frozenset(kept),
        images.candidates,
        images.dropped,
        trace,
        images.warnings,
    )


def _choose_digest(
    settings: ImageSettings,
    repository: RepositoryKey,
    *,
    facts: Facts,
    platforms: tuple[str, ...],
) -> Choice | NoChoice | Pending:
    tag = constraint_of(settings)
    if not tag:
        return NoChoice(
            Reason.CONSTRAINT_MISSING,
            f"strategy digest needs the tag to follow: write {settings.reference.full_name}:<tag>",
        )
    if not _kept(settings, (tag,)):
        return _filtered(settings.allow_tags, settings.ignore_tags, kept_nothing_of=1, trace=None)
    question = DigestQuestion(repository, tag, platforms)
    answer = facts.get(question)
    if answer is None:
        return Pending(frozenset((question,)))
    if isinstance(answer, Failure):
        if answer.kind is FailureKind.NOT_FOUND:
            return NoChoice(Reason.CONSTRAINT_UNMATCHED, f"the registry has no tag {tag}")
        if answer.kind is FailureKind.UNUSABLE:
            return NoChoice(Reason.NO_CANDIDATE, answer.message)
        return NoChoice(failure_reason(answer), answer.message)
    assert isinstance(answer, TagMetadata)
    candidate = Candidate(tag, answer.created_ns, answer.digest, answer.labels)
    verdict = (TagVerdict(tag, "chosen", answer.digest, answer.created_ns),)
    return Choice(candidate, None, frozenset((tag,)), {tag: candidate}, {}, lambda: verdict)


def _nothing(
    selection: Selection,
    *,
    listed: tuple[str, ...],
    kept: tuple[str, ...],
    allow_tags: str,
    ignore_tags: tuple[str, ...],
    trace: Callable[[], tuple[TagVerdict, ...]],
) -> NoChoice:
    if listed and not kept:
        return _filtered(allow_tags, ignore_tags, kept_nothing_of=len(listed), trace=trace)
    return NoChoice(_SELECTION_REASONS[selection.failure], selection.message, trace)


def _filtered(
    allow_tags: str,
    ignore_tags: tuple[str, ...],
    *,
    kept_nothing_of: int,
    trace: Callable[[], tuple[TagVerdict, ...]] | None,
) -> NoChoice:
    """Say which filter left nothing: a broken one, allowTags, or ignoreTags."""
    allow = parse_allow_tags(allow_tags)
    if not allow.valid:
        return NoChoice(Reason.ALLOW_TAGS_INVALID, allow.error, trace)
    count = f"none of {kept_nothing_of} tags" if kept_nothing_of > 1 else "the tag is not"
    if allow.kind == "regexp" and not ignore_tags:
        return NoChoice(
            Reason.FILTERED_BY_ALLOW_TAGS, f"{count} allowed by allowTags {allow_tags}", trace
        )
    if allow.kind != "regexp":
        patterns = ", ".join(ignore_tags)
        return NoChoice(
            Reason.FILTERED_BY_IGNORE_TAGS, f"{count} left by ignoreTags {patterns}", trace
        )
    return NoChoice(
        Reason.FILTERED_BY_ALLOW_TAGS,
        f"{count} left by allowTags {allow_tags} and ignoreTags {', '.join(ignore_tags)}",
        trace,
    )
