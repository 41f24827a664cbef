"""Decide for one image whether an update is due: live or declared image against the choice.

Rules this module owns:

1. An image without a running (or, without a cluster, declared) counterpart takes no part.
2. Of several running images of one name any that differs makes the update due; the first that
   differs is the old one. Strategy ``digest`` tells them apart by tag and digest instead.
3. Being due is an inequality, not an order; the order is the guard's business.
4. What is due and must be verified is due only with its proof.
5. What runs needs no minimum age; where nothing but the age of a better tag is in the way, that is
   the reason.

Source: docs/strategies.md, tests/vectors/data/strategy_select.json.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from argocd_image_updater.core.ages import too_young
from argocd_image_updater.core.choice import (
    Choice,
    Facts,
    NoChoice,
    Pending,
    choose,
    constraint_of,
    settle_age,
)
from argocd_image_updater.core.facts import RepositoryKey
from argocd_image_updater.core.guard import guard
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.reference import (
    ImageReference,
    ImageTag,
    hub_equivalent,
    live_matches,
    reselect_for_digest,
    same_image,
    tags_equal,
)
from argocd_image_updater.core.settings import ImageSettings, Problem, Strategy
from argocd_image_updater.core.verification import Unproven, verify

if TYPE_CHECKING:
    from argocd_image_updater.core.decisions import TagVerdict
    from argocd_image_updater.core.strategy import Candidate

# Where the images of an Application were read; else the path of a file.
LIVE, PARAMETERS = "live", "parameters"
# How the edges find the repository of an image: (image, pull secret, namespace).
Locate = Callable[[ImageReference, str, str], RepositoryKey | Problem]


@dataclass(frozen=True, slots=True)
class Policy:
    """What every decision of a process shares.

    default_platform: ``os/arch`` used where an image names no platform.
    declared_counts: an Application without status takes its declared images for the running ones.
    now_ns: the instant of the cycle in nanoseconds since 1970, by which the age of images is told.
    """

    default_platform: str
    locate: Locate
    declared_counts: bool = False
    now_ns: int = 0


@dataclass(frozen=True, slots=True)
class Settled:
    """The image ended here: nothing is due for it.

    live: the running image, where it takes part; it is pinned when its Application is written.
    """

    reason: Reason
    message: str
    considered: bool = False
    live: ImageReference | None = None
    chosen: ImageTag | None = None
    trace: Callable[[], tuple[TagVerdict, ...]] | None = None
    pin: ImageTag | None = None
    warnings: tuple[str, ...] = ()
    due_at_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """An update is due: from the live image's tag to the chosen one."""

    live: ImageReference
    chosen: Candidate
    downgrade: bool
    trace: Callable[[], tuple[TagVerdict, ...]] | None = None
    warnings: tuple[str, ...] = ()
    due_at_ns: int | None = None

    @property
    def tag(self) -> ImageTag:
        return ImageTag(self.chosen.name, self.chosen.digest)


def decide_image(
    settings: ImageSettings,
    live: tuple[ImageReference, ...],
    *,
    namespace: str,
    facts: Facts,
    policy: Policy,
    where: str = LIVE,
) -> Settled | Due | Pending:
    """Decide for one configured image against the live images of its Application.

    where: where the images were read; other than `LIVE` they are declared, not running.
    """
    matches = live_matches(live, settings.reference, kustomize_image=settings.kustomize_image)
    if not matches:
        return _not_live(settings, live, where=where)
    first = _with_tag(matches[0])
    repository = _repository(settings, namespace=namespace, policy=policy)
    if isinstance(repository, Problem):
        return Settled(repository.reason, repository.message, considered=True, live=first)
    choice = choose(
        settings,
        repository,
        facts=facts,
        default_platform=policy.default_platform,
        current=tuple(match.tag.name for match in matches if match.tag is not None),
        now_ns=policy.now_ns,
    )
    if isinstance(choice, Pending):
        return choice
    if isinstance(choice, NoChoice):
        return _settled(choice, first)
    current = tuple(_with_tag(match) for match in matches)
    differing = _differing(settings, current, live=live, choice=choice)
    if not differing:
        return _up_to_date(settings, current, live=live, choice=choice)
    aged = settle_age(
        settings,
        repository,
        choice,
        facts=facts,
        default_platform=policy.default_platform,
        now_ns=policy.now_ns,
    )
    if isinstance(aged, Pending):
        return aged
    if isinstance(aged, NoChoice):
        return replace(_settled(aged, differing[0]), chosen=_tag(choice.chosen))
    due = _guarded(
        settings, repository, differing=differing, choice=choice, facts=facts, policy=policy
    )
    if not isinstance(due, Due):
        return due
    return _verified(settings, repository, due, namespace=namespace, facts=facts)


def _repository(
    settings: ImageSettings, *, namespace: str, policy: Policy
) -> RepositoryKey | Problem:
    """Return whom to ask for an image, as whom."""
    repository = policy.locate(settings.reference, settings.pull_secret, namespace)
    if isinstance(repository, Problem) or settings.pull_secret or settings.found is None:
        return repository
    return settings.found.asked_as(repository)


def _guarded(
    settings: ImageSettings,
    repository: RepositoryKey,
    *,
    differing: tuple[ImageReference, ...],
    choice: Choice,
    facts: Facts,
    policy: Policy,
) -> Settled | Due | Pending:
    """Ask the downgrade guard for every running version that would be replaced."""
    downgrade = False
    for image in differing:
        assert image.tag is not None
        verdict = guard(
            settings,
            repository,
            choice=choice,
            current=image.tag,
            facts=facts,
            default_platform=policy.default_platform,
        )
        if isinstance(verdict, Pending):
            return verdict
        if isinstance(verdict, NoChoice):
            held = replace(verdict, trace=choice.trace)
            return replace(_settled(held, image), chosen=_tag(choice.chosen))
        downgrade = downgrade or verdict.downgrade
    return Due(
        differing[0],
        choice.chosen,
        downgrade,
        choice.trace,
        choice.warnings,
        choice.due_at_ns,
    )


def _verified(
    settings: ImageSettings,
    repository: RepositoryKey,
    due: Due,
    *,
    namespace: str,
    facts: Facts,
) -> Settled | Due | Pending:
    """Let an image through only if it is signed as its settings want."""
    verdict = verify(settings, repository, chosen=due.chosen, namespace=namespace, facts=facts)
    if not isinstance(verdict, Unproven):
        return due if verdict is None else verdict
    return Settled(
        verdict.reason,
        verdict.message,
        considered=True,
        live=due.live,
        chosen=due.tag,
        trace=due.trace,
        warnings=due.warnings,
    )


def _tag(candidate: Candidate) -> ImageTag:
    return ImageTag(candidate.name, candidate.digest)


def _with_tag(image: ImageReference) -> ImageReference:
    """Give a running image without tag an empty one, which differs from every choice."""
    return image if image.tag is not None else replace(image, tag=ImageTag())


def _settled(choice: NoChoice, live: ImageReference) -> Settled:
    return Settled(
        choice.reason,
        choice.message,
        considered=True,
        live=live,
        trace=choice.trace,
        due_at_ns=choice.due_at_ns,
    )


def _not_live(settings: ImageSettings, live: tuple[ImageReference, ...], *, where: str) -> Settled:
    name = settings.reference.full_name
    if where != LIVE:
        place = "the parameters of the Application" if where == PARAMETERS else where
        message = f"{name} is not declared in {place}; forceUpdate: true writes it there"
        return Settled(Reason.NOT_LIVE, message)
    message = f"{name} is not among the Application's images"
    for image in live:
        if hub_equivalent(image, settings.reference):
            return Settled(
                Reason.NOT_LIVE,
                f"{message}, but {image.full_name} is: write that spelling in imageName",
            )
    return Settled(Reason.NOT_LIVE, message)


def _differing(
    settings: ImageSettings,
    current: tuple[ImageReference, ...],
    *,
    live: tuple[ImageReference, ...],
    choice: Choice,
) -> tuple[ImageReference, ...]:
    """Return the running images that make an update due, in list order."""
    if settings.strategy is Strategy.DIGEST:
        image = _digest_current(settings, current, live=live, choice=choice)
        assert image.tag is not None
        stale = image.tag.digest != choice.chosen.digest or not image.tag.digest
        return (image,) if stale or _original_runs(settings, image) else ()
    chosen = _tag(choice.chosen)
    return tuple(
        image
        for image in current
        if _original_runs(settings, image) or not tags_equal(image.tag or ImageTag(), chosen)
    )


def _digest_current(
    settings: ImageSettings,
    current: tuple[ImageReference, ...],
    *,
    live: tuple[ImageReference, ...],
    choice: Choice,
) -> ImageReference:
    again = reselect_for_digest(
        live,
        settings.reference,
        constraint=constraint_of(settings),
        digest=choice.chosen.digest,
    )
    return _with_tag(again) if again is not None else current[0]


def _original_runs(settings: ImageSettings, image: ImageReference) -> bool:
    """Say whether the image to be replaced by Kustomize still runs under its original name."""
    return settings.kustomize_image is not None and not same_image(image, settings.reference)


def _up_to_date(
    settings: ImageSettings,
    current: tuple[ImageReference, ...],
    *,
    live: tuple[ImageReference, ...],
    choice: Choice,
) -> Settled:
    image = current[0]
    if settings.strategy is Strategy.DIGEST:
        image = _digest_current(settings, current, live=live, choice=choice)
    tag = image.tag or ImageTag()
    pin = tag
    if settings.strategy is Strategy.DIGEST and not tag.name:
        pin = ImageTag(constraint_of(settings), tag.digest)
    reason, message = Reason.UP_TO_DATE, f"{tag.text} is the newest allowed tag"
    if choice.waiting:
        reason, message = Reason.TOO_YOUNG, too_young(settings, choice.waiting)
    return Settled(
        reason,
        message,
        considered=True,
        live=image,
        chosen=_tag(choice.chosen),
        trace=choice.trace,
        pin=pin,
        warnings=choice.warnings,
        due_at_ns=choice.due_at_ns,
    )
