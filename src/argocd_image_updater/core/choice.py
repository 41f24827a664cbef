"""Choose one tag for one image from facts: filter, date, select.

The choice never looks at the running tag, except that it needs no minimum age. It is complete or it
is not made: a transient failure on any fact that could change the choice ends the image with a
reason; permanent oddities of one tag drop that tag only.

Source of the rules: docs/strategies.md, tests/vectors/data/strategy_select.json.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from argocd_image_updater.core.ages import (
    AgeUnknown,
    age_rule,
    judge,
    ready_text,
    search,
    too_young,
)
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
    dated_by_push,
    push_times,
    read_images,
    unread_images,
)
from argocd_image_updater.core.platforms import parse_platforms
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.settings import ImageSettings, NewestBy, Strategy
from argocd_image_updater.core.strategy import (
    Candidate,
    Selection,
    dated_by_position,
    eligible,
    explain,
    ranked,
    select,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from argocd_image_updater.core.ages import AgeRule, TooYoung

__all__ = ["Choice", "Facts", "NoChoice", "Pending", "choose", "failure_reason", "settle_age"]

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
    now_ns: int = 0,
) -> Choice | NoChoice | Pending:
    """Choose a tag for one image, or say what is missing, or why there is none.

    current: names of the running tags; like the chosen one they are read afresh in every cycle, and
    a minimum age is not asked of them. now_ns: the instant by which ages are told.
    """
    platforms = wanted_platforms(settings.platforms, default_platform)
    if settings.strategy is Strategy.DIGEST:
        return _choose_digest(settings, repository, facts=facts, platforms=platforms)
    rule = age_rule(settings, repository, platforms=platforms, now_ns=now_ns)
    question = TagListQuestion(repository)
    answer = facts.get(question)
    if answer is None:
        return Pending(frozenset((question,)))
    if isinstance(answer, Failure):
        return NoChoice(failure_reason(answer), answer.message)
    assert isinstance(answer, TagList)
    by_push = settings.newest_by is NewestBy.PUSHED
    if settings.strategy is Strategy.NEWEST_BUILD and (by_push or not answer.sort):
        return _choose_newest(
            settings, answer, rule, facts=facts, platforms=platforms, current=current
        )
    listed = (
        answer,
        settings.strategy,
        constraint_of(settings),
        settings.allow_tags,
        settings.ignore_tags,
    )
    found = _choose_listed(*listed)
    if isinstance(found, NoChoice) or not settings.minimum_age_ns:
        return found
    return _old_enough(
        settings, found, rule, best_first=_ranked_listed(*listed), running=current, facts=facts
    )


def settle_age(
    settings: ImageSettings,
    repository: RepositoryKey,
    choice: Choice,
    *,
    facts: Facts,
    default_platform: str,
    now_ns: int,
) -> Choice | NoChoice | Pending:
    """Return the choice if its tag is old enough, which `choose` may have left open."""
    if not choice.age_is_open:
        return choice
    platforms = wanted_platforms(settings.platforms, default_platform)
    rule = age_rule(settings, repository, platforms=platforms, now_ns=now_ns)
    verdict = judge(rule, choice.chosen.name, digest=choice.chosen.digest, facts=facts)
    if isinstance(verdict, frozenset):
        return Pending(verdict)
    if isinstance(verdict, AgeUnknown):
        return _age_unknown(verdict)
    if verdict is None:
        return replace(choice, age_is_open=False)
    # It is behind the tags that wait already, so that these are named first.
    waiting = (*choice.waiting, verdict)
    trace = _trace(settings, choice, waiting=waiting)
    due_at_ns = min(item.ready_ns for item in waiting)
    return NoChoice(Reason.TOO_YOUNG, too_young(settings, waiting), trace, due_at_ns)


def _old_enough(
    settings: ImageSettings,
    choice: Choice,
    rule: AgeRule,
    *,
    best_first: Iterable[Candidate],
    running: Collection[str],
    facts: Facts,
) -> Choice | NoChoice | Pending:
    """Return the best of the candidates that is old enough, or runs."""
    found = search(best_first, rule, running=running, facts=facts)
    if isinstance(found, frozenset):
        return Pending(found)
    if isinstance(found, AgeUnknown):
        return _age_unknown(found)
    gone = {tag: f"metadata: {why}" for tag, why in found.gone}
    choice = replace(choice, waiting=found.waiting, dropped={**choice.dropped, **gone})
    trace = _trace(settings, choice, waiting=found.waiting)
    if found.chosen is not None:
        return replace(choice, chosen=found.chosen, age_is_open=found.is_open, trace=trace)
    if not found.waiting:
        return NoChoice(Reason.NO_CANDIDATE, "no tag that may be chosen is there", trace)
    return NoChoice(Reason.TOO_YOUNG, too_young(settings, found.waiting), trace, choice.due_at_ns)


def _age_unknown(unknown: AgeUnknown) -> NoChoice:
    return NoChoice(
        failure_reason(unknown.failure),
        f"the age of tag {unknown.tag} cannot be told: {unknown.failure.message}",
    )


def _trace(
    settings: ImageSettings, choice: Choice, *, waiting: Iterable[TooYoung]
) -> Callable[[], tuple[TagVerdict, ...]]:
    """Return what tells of every tag what became of it, with those that wait."""
    until = {item.tag: f"until {ready_text(item)}" for item in waiting}
    if choice.listed is None:
        chosen = choice.chosen
        (rule, detail) = ("tooYoung", until[chosen.name]) if until else ("chosen", chosen.digest)
        verdict = TagVerdict(chosen.name, rule, detail, chosen.created_ns)
        return lambda: (verdict,)
    listed = choice.listed
    return lambda: explain(
        listed,
        allow=parse_allow_tags(settings.allow_tags),
        ignore=parse_ignore_tags(settings.ignore_tags),
        strategy=settings.strategy,
        constraint=constraint_of(settings),
        candidates=choice.candidates,
        dropped=choice.dropped,
        waiting=until,
    )


@lru_cache(maxsize=512)
def _ranked_listed(
    tag_list: TagList,
    strategy: Strategy,
    constraint: str,
    allow_tags: str,
    ignore_tags: tuple[str, ...],
) -> tuple[Candidate, ...]:
    """Return what may be chosen by name or position, the best first."""
    found = _choose_listed(tag_list, strategy, constraint, allow_tags, ignore_tags)
    assert isinstance(found, Choice)
    return ranked(strategy, constraint, found.candidates.values())


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
    tag_list: TagList,
    rule: AgeRule,
    *,
    facts: Facts,
    platforms: tuple[str, ...],
    current: tuple[str, ...],
) -> Choice | NoChoice | Pending:
    repository = rule.repository
    kept = _kept(settings, tag_list.tags)
    times = push_times(settings, repository, facts)
    if isinstance(times, Pending | NoChoice):
        return times
    images = read_images(repository, kept, facts=facts, platforms=platforms)
    if isinstance(images, BuildImages) and times is not None:
        images = dated_by_push(images, times)
    if not isinstance(images, BuildImages):
        return images

    choice: Choice | NoChoice | Pending = _newest_of(settings, tag_list, images, kept=kept)
    if not isinstance(choice, Choice):
        return choice
    if settings.minimum_age_ns:
        best = ranked(settings.strategy, "", images.candidates.values())
        choice = _old_enough(settings, choice, rule, best_first=best, running=current, facts=facts)
        if not isinstance(choice, Choice):
            return choice
    passed = {item.tag for item in choice.waiting} | choice.dropped.keys()
    unread = unread_images(
        {tag: item for tag, item in images.candidates.items() if tag not in passed},
        chosen=choice.chosen.name,
        current=set(current) & set(kept),
        moved=images.moved,
        question=lambda tag: MetadataQuestion(repository, tag, platforms, fresh=True),
        facts=facts,
    )
    return Pending(unread) if unread else choice


def _newest_of(
    settings: ImageSettings,
    tag_list: TagList,
    images: BuildImages,
    *,
    kept: tuple[str, ...],
) -> Choice | NoChoice:
    """Return the newest of the images that were read, whatever its age."""

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
    return Choice(
        candidate,
        None,
        frozenset((tag,)),
        {tag: candidate},
        {},
        lambda: verdict,
        age_is_open=settings.minimum_age_ns > 0,
    )


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
