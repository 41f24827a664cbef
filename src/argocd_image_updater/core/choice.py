"""Choose one tag for one image from facts: filter, date, select.

The choice never looks at the running tag. It is complete or it is not made: a transient failure on
any fact that could change the choice ends the image with a reason; permanent oddities of one tag
drop that tag only.

Source of the rules: docs/strategies.md, tests/vectors/data/strategy_select.json.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from argocd_image_updater.core.decisions import TagVerdict
from argocd_image_updater.core.facts import (
    Answer,
    DigestQuestion,
    Failure,
    FailureKind,
    MetadataQuestion,
    Question,
    RepositoryKey,
    TagList,
    TagListQuestion,
    TagMetadata,
)
from argocd_image_updater.core.filters import parse_allow_tags, parse_ignore_tags
from argocd_image_updater.core.platforms import parse_platforms
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.settings import ImageSettings, Strategy
from argocd_image_updater.core.strategy import (
    Candidate,
    Selection,
    dated_by_position,
    eligible,
    explain,
    newest,
    select,
)

Facts = Mapping[Question, Answer]


@dataclass(frozen=True, slots=True)
class Pending:
    """Facts that are needed before anything can be said."""

    questions: frozenset[Question]


@dataclass(frozen=True, slots=True)
class NoChoice:
    """Why no tag was chosen."""

    reason: Reason
    message: str
    trace: Callable[[], tuple[TagVerdict, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen tag and what it was chosen from.

    listed: all tags of the repository, None where no list was needed (strategy ``digest``).
    kept: the tags that passed the filters. candidates: those with usable metadata, by name.
    dropped: kept tags that are no candidates, with ``platform: why`` or ``metadata: why``.
    """

    chosen: Candidate
    listed: tuple[str, ...] | None
    kept: frozenset[str]
    candidates: Mapping[str, Candidate]
    dropped: Mapping[str, str]
    trace: Callable[[], tuple[TagVerdict, ...]] | None = None
    warnings: tuple[str, ...] = ()


_FAILED: dict[FailureKind, Reason] = {
    FailureKind.TRANSIENT: Reason.REGISTRY_ERROR,
    FailureKind.RATE_LIMITED: Reason.RATE_LIMITED,
    FailureKind.DENIED: Reason.AUTH_FAILED,
    FailureKind.CREDENTIALS: Reason.CREDENTIALS_UNAVAILABLE,
    FailureKind.NOT_FOUND: Reason.REPOSITORY_UNKNOWN,
    FailureKind.UNUSABLE: Reason.REGISTRY_ERROR,
    FailureKind.NO_PLATFORM: Reason.PLATFORM_UNMATCHED,
    FailureKind.CONFIG: Reason.SETTINGS_INVALID,
    FailureKind.POSTPONED: Reason.METADATA_INCOMPLETE,
    FailureKind.REFUSED: Reason.SECRET_REFUSED,
    FailureKind.LOCAL: Reason.REGISTRY_ERROR,
    FailureKind.INTERNAL: Reason.INTERNAL_ERROR,
}
_SHOWN_TAGS = 5
# A tag with one of these is left out; every other failure leaves the choice open.
_DROPS_TAG = {
    FailureKind.NOT_FOUND: "metadata",
    FailureKind.UNUSABLE: "metadata",
    FailureKind.NO_PLATFORM: "platform",
}
_SELECTION_REASONS: dict[str, Reason] = {
    "no-tags": Reason.NO_TAGS,
    "not-versions": Reason.NO_CANDIDATE,
    "constraint-invalid": Reason.CONSTRAINT_INVALID,
    "constraint-unmatched": Reason.CONSTRAINT_UNMATCHED,
}


def failure_reason(failure: Failure) -> Reason:
    """Return the reason for an image whose registry question failed."""
    return _FAILED[failure.kind]


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


@dataclass(frozen=True, slots=True)
class _Images:
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
    images = _read_images(repository, kept, facts=facts, platforms=platforms)
    if not isinstance(images, _Images):
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
            return _all_dropped(images.dropped, trace)
        return _nothing(
            selection,
            listed=tag_list.tags,
            kept=kept,
            allow_tags=settings.allow_tags,
            ignore_tags=settings.ignore_tags,
            trace=trace,
        )
    unread = _unread(
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


def _read_images(
    repository: RepositoryKey,
    kept: tuple[str, ...],
    *,
    facts: Facts,
    platforms: tuple[str, ...],
) -> _Images | NoChoice | Pending:
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
    return incomplete or _Images(candidates, dropped, moved)


def _unread(
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


def _all_dropped(
    dropped: Mapping[str, str], trace: Callable[[], tuple[TagVerdict, ...]]
) -> NoChoice:
    if any(why.startswith("platform") for why in dropped.values()):
        return NoChoice(
            Reason.PLATFORM_UNMATCHED, "no tag offers a wanted platform; see platforms", trace
        )
    return NoChoice(Reason.NO_CANDIDATE, "no tag holds a readable image", trace)


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
