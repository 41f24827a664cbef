"""The downgrade guard: may the choice replace a current tag that is newer?

Selection knows no direction. When the choice is older than the current tag (same scheme: version
order, or build time) the policy decides; a current tag that the owner excluded by filters or
constraint, or that was withdrawn from the registry, may be left. A current tag that exists but is
missing from the list proves the list incomplete, and incomplete knowledge never changes anything.

Source of the rules: docs/downgrades.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.choice import (
    Choice,
    Facts,
    NoChoice,
    Pending,
    failure_reason,
    wanted_platforms,
)
from argocd_image_updater.core.facts import (
    Failure,
    FailureKind,
    MetadataQuestion,
    PushTimes,
    PushTimesQuestion,
    RepositoryKey,
    TagExistsQuestion,
    TagMetadata,
)
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.settings import Downgrade, ImageSettings, NewestBy, Strategy
from argocd_image_updater.core.strategy import Candidate, is_older

if TYPE_CHECKING:
    from argocd_image_updater.core.reference import ImageTag

_GUARDED = {Strategy.SEMVER, Strategy.NEWEST_BUILD}


@dataclass(frozen=True, slots=True)
class Guarded:
    """The change may go ahead; downgrade says that it goes to an older tag on purpose."""

    downgrade: bool = False


def guard(
    settings: ImageSettings,
    repository: RepositoryKey,
    *,
    choice: Choice,
    current: ImageTag,
    facts: Facts,
    default_platform: str,
) -> Guarded | NoChoice | Pending:
    """Decide whether the chosen tag may replace `current`."""
    if (
        settings.downgrade is Downgrade.ALLOW
        or settings.strategy not in _GUARDED
        or not current.name
        or choice.listed is None
    ):
        return Guarded()
    withdrawn = False
    if current.name not in choice.listed:
        exists = _ask_existence(repository, current.name, facts)
        if not isinstance(exists, bool):
            return exists
        if exists:
            return NoChoice(
                Reason.LIST_INCOMPLETE,
                f"tag {current.name} exists but is missing from the registry's list, "
                "so the list is incomplete and nothing is changed",
            )
        withdrawn = True
    excluded = withdrawn or _is_excluded(choice, current.name)
    if excluded and settings.downgrade is Downgrade.WHEN_EXCLUDED:
        return Guarded(downgrade=_known_older(settings, choice, current.name) is True)
    older: bool | NoChoice | Pending | None = _known_older(settings, choice, current.name)
    if older is None and settings.strategy is Strategy.NEWEST_BUILD:
        older = _read_older(
            settings,
            repository,
            choice=choice,
            current=current.name,
            withdrawn=withdrawn,
            facts=facts,
            default_platform=default_platform,
        )
        if isinstance(older, NoChoice | Pending):
            return older
    if not older:
        return Guarded()
    return NoChoice(
        Reason.WOULD_DOWNGRADE,
        f"{choice.chosen.name} is, or may be, older than the current {current.name}; "
        f"policy downgrade: {settings.downgrade.value} keeps the current one",
    )


def _is_excluded(choice: Choice, current: str) -> bool:
    """Say whether the owner's settings, not a fault of the registry, keep the current tag out.

    A tag that passed the filters and is a candidate can only lose to an older one by the
    constraint. A tag whose image could not be read was not excluded by anybody.
    """
    return current not in choice.kept or not choice.dropped.get(current, "").startswith("metadata")


def _known_older(settings: ImageSettings, choice: Choice, current: str) -> bool | None:
    """Compare the choice with the current tag; None where the scheme gives no order."""
    known = choice.candidates.get(current)
    if known is None:
        if settings.strategy is Strategy.NEWEST_BUILD:
            return None
        known = Candidate(current, None, "", {})
    return is_older(settings.strategy, choice.chosen, known)


def _ask_existence(repository: RepositoryKey, tag: str, facts: Facts) -> bool | NoChoice | Pending:
    question = TagExistsQuestion(repository, tag)
    answer = facts.get(question)
    if answer is None:
        return Pending(frozenset((question,)))
    if isinstance(answer, Failure):
        return NoChoice(
            failure_reason(answer),
            f"whether the current tag {tag} was withdrawn is unknown: {answer.message}",
        )
    assert isinstance(answer, bool)
    return answer


def _pushed_before(
    repository: RepositoryKey, choice: Choice, *, current: str, facts: Facts
) -> bool:
    """Compare push times, by which the choice was made; unknown counts as older."""
    times = facts.get(PushTimesQuestion(repository))
    pushed = times.tags.get(current) if isinstance(times, PushTimes) else None
    chosen_ns = choice.chosen.created_ns
    return pushed is None or chosen_ns is None or chosen_ns < pushed.pushed_ns


def _read_older(
    settings: ImageSettings,
    repository: RepositoryKey,
    *,
    choice: Choice,
    current: str,
    withdrawn: bool,
    facts: Facts,
    default_platform: str,
) -> bool | NoChoice | Pending:
    """Compare build times where the current tag is no candidate; unknown counts as older."""
    if withdrawn:
        return True
    if settings.newest_by is NewestBy.PUSHED:
        return _pushed_before(repository, choice, current=current, facts=facts)
    platforms = wanted_platforms(settings.platforms, default_platform)
    question = MetadataQuestion(repository, current, platforms, fresh=True)
    answer = facts.get(question)
    if answer is None:
        return Pending(frozenset((question,)))
    if isinstance(answer, TagMetadata):
        known = Candidate(current, answer.created_ns, "", answer.labels)
        return is_older(settings.strategy, choice.chosen, known) is not False
    assert isinstance(answer, Failure)
    if answer.kind in {FailureKind.NOT_FOUND, FailureKind.UNUSABLE, FailureKind.NO_PLATFORM}:
        return True
    return NoChoice(failure_reason(answer), answer.message)
