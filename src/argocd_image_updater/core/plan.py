"""Plan one Application: the function the whole product exists for.

``plan_application(intent, facts, policy)`` returns the questions that are still open, or the plan:
one decision for every image and the writes that follow. It asks nobody and writes nothing; the same
input gives the same plan.

Order of the rules: the type must be known, the images must be live (or declared), the choice must
be complete, the update must be due, the target must not say it already.

Source of the rules: docs/strategies.md, docs/write-back.md, docs/standalone.md,
tests/vectors/data/update_application.json.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from argocd_image_updater.core.choice import Facts, Pending
from argocd_image_updater.core.decisions import Change, Decision
from argocd_image_updater.core.due import Due, Policy, Settled, decide_image
from argocd_image_updater.core.image_places import parts_of
from argocd_image_updater.core.parameters.dispatch import TargetMismatch, way_of
from argocd_image_updater.core.parameters.kustomize import lost_original
from argocd_image_updater.core.parameters.ownership import shared_names
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.reference import ImageTag
from argocd_image_updater.core.repository_files import Stop, find_type, source_of
from argocd_image_updater.core.running import running_images
from argocd_image_updater.core.settings import ApplicationType
from argocd_image_updater.core.target_state import GitDestination, Target, look_at_target
from argocd_image_updater.core.targets import ImageWrite, placement_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argocd_image_updater.core.facts import Question
    from argocd_image_updater.core.settings import ApplicationIntent, ImageSettings


@dataclass(frozen=True, slots=True)
class ApplicationPlan:
    """The plan of one Application.

    decisions: one per configured image, in their order; those in `writes` say ``WouldUpdate``.
    writes: what is due; nothing is written without one. pins: current images that are written
    along where the target wants to be complete. changes: one per write.
    destination: None = the Application itself (method ``argocd``).
    """

    intent: ApplicationIntent
    decisions: tuple[Decision, ...]
    writes: tuple[ImageWrite, ...] = ()
    pins: tuple[ImageWrite, ...] = ()
    changes: tuple[Change, ...] = ()
    destination: GitDestination | None = None
    warnings: tuple[str, ...] = ()


def plan_application(
    intent: ApplicationIntent, *, facts: Facts, policy: Policy
) -> ApplicationPlan | Pending:
    """Plan one Application, or return the questions whose answers are needed first."""
    typed = find_type(intent, facts)
    if isinstance(typed, Pending):
        return typed
    if isinstance(typed, Stop):
        return _stopped(intent, typed)
    parts: list[_Part] = []
    open_questions: set[Question] = set()
    for intent_part in parts_of(typed):
        part = _decided(intent_part, facts=facts, policy=policy)
        if isinstance(part, Pending):
            open_questions |= part.questions
        else:
            parts.append(part)
    if open_questions:
        return Pending(frozenset(open_questions))
    return _finish(typed, parts, facts=facts)


def stopped_plan(intent: ApplicationIntent, *, reason: Reason, message: str) -> ApplicationPlan:
    """Return the plan of an Application that ends as a whole with one reason."""
    return _stopped(intent, Stop(reason, message))


@dataclass(frozen=True, slots=True)
class _Part:
    """What is due at one target; where: what told the running images."""

    intent: ApplicationIntent
    states: tuple[Settled | Due, ...]
    where: str

    @property
    def due(self) -> list[tuple[ImageSettings, Due]]:
        pairs = zip(self.intent.images, self.states, strict=True)
        return [(settings, state) for settings, state in pairs if isinstance(state, Due)]


@dataclass(frozen=True, slots=True)
class _Image:
    """One image with the part it belongs to and what its target says."""

    intent: ApplicationIntent
    state: Settled | Due
    where: str
    target: Target | Stop


def _decided(intent: ApplicationIntent, *, facts: Facts, policy: Policy) -> _Part | Pending:
    """Decide the images of one target."""
    running = running_images(intent, facts=facts, policy=policy)
    if isinstance(running, Pending):
        return running
    if isinstance(running, Stop):
        ended = Settled(running.reason, running.message, considered=True)
        return _Part(intent, (ended,) * len(intent.images), "")
    states: list[Settled | Due] = []
    open_questions: set[Question] = set()
    for settings, images in zip(intent.images, running.lists, strict=True):
        state = decide_image(
            settings,
            images,
            namespace=intent.application.key.namespace,
            facts=facts,
            policy=policy,
            where=running.where,
        )
        if isinstance(state, Pending):
            open_questions |= state.questions
        else:
            states.append(state)
    if open_questions:
        return Pending(frozenset(open_questions))
    return _Part(intent, tuple(_checked(intent, states)), running.where)


def _checked(intent: ApplicationIntent, states: Sequence[Settled | Due]) -> list[Settled | Due]:
    """Turn an image whose target does not fit into an error."""
    checked: list[Settled | Due] = []
    for settings, state in zip(intent.images, states, strict=True):
        if isinstance(state, Settled) and state.pin is None:
            checked.append(state)
            continue
        try:
            place = placement_of(intent, settings)
            way_of(
                settings,
                application_type=place.application_type,
                source_type=place.source_type,
            )
        except TargetMismatch as error:
            checked.append(
                Settled(
                    error.reason, str(error), considered=True, live=state.live, trace=state.trace
                )
            )
            continue
        checked.append(state)
    return checked


def _finish(
    intent: ApplicationIntent, parts: Sequence[_Part], *, facts: Facts
) -> ApplicationPlan | Pending:
    due = {id(settings): (settings, state) for part in parts for settings, state in part.due}
    ordered = [due[id(settings)] for settings in intent.images if id(settings) in due]
    # Of two images with one alias the last one names the branch.
    changes = {settings.alias: _change(settings, state) for settings, state in ordered}
    images: dict[int, _Image] = {}
    open_questions: set[Question] = set()
    for part in parts:
        target: Target | Pending | Stop = Target(frozenset(), None, "")
        if part.due:
            target = look_at_target(part.intent, part.due, tuple(changes.values()), facts=facts)
        if isinstance(target, Pending):
            open_questions |= target.questions
            continue
        for settings, state in zip(part.intent.images, part.states, strict=True):
            images[id(settings)] = _Image(part.intent, state, part.where, target)
    if open_questions:
        return Pending(frozenset(open_questions))
    return _assemble(intent, [images[id(settings)] for settings in intent.images])


def _assemble(intent: ApplicationIntent, images: Sequence[_Image]) -> ApplicationPlan:
    decisions: list[Decision] = []
    writes: list[ImageWrite] = []
    pins: list[ImageWrite] = []
    changes: list[Change] = []
    for settings, image in zip(intent.images, images, strict=True):
        state, target = image.state, image.target
        decision = _decision_at(settings, image)
        if isinstance(state, Due):
            if isinstance(target, Target) and id(settings) not in target.declared:
                writes.append(ImageWrite(settings, state.tag, state.live.original))
                changes.append(_change(settings, state))
        elif isinstance(target, Target) and state.pin is not None and state.live is not None:
            pins.append(ImageWrite(settings, state.pin, state.live.original))
        decisions.append(decision)
    written = {id(write.settings) for write in writes}
    targets = (
        image.target
        for settings, image in zip(intent.images, images, strict=True)
        if id(settings) in written and isinstance(image.target, Target)
    )
    return ApplicationPlan(
        intent,
        tuple(decisions),
        tuple(writes),
        tuple(pins),
        tuple(changes),
        # All parts have the same; one without writes has none.
        next((target.destination for target in targets), None),
        _shared_names(intent) if writes else (),
    )


def _shared_names(intent: ApplicationIntent) -> tuple[str, ...]:
    return tuple(
        text
        for part in parts_of(intent)
        for text in shared_names(part.images, application_type=part.application_type)
    )


def _decision_at(settings: ImageSettings, image: _Image) -> Decision:
    """Return the decision about one image, by what its target says."""
    state, target, intent, where = image.state, image.target, image.intent, image.where
    decision = _decision(intent, settings, state, where=where)
    if not isinstance(state, Due):
        return decision
    if isinstance(target, Stop):
        return _stopped_decision(intent, settings, state, stop=target, where=where)
    if id(settings) in target.declared:
        return replace(
            decision,
            reason=Reason.ALREADY_SET,
            message=f"{target.name} already asks for {state.tag.text}",
            change=None,
        )
    lost = _lost_override(intent, settings)
    return replace(decision, written_to=target.name, warnings=(*decision.warnings, *lost))


def _lost_override(intent: ApplicationIntent, settings: ImageSettings) -> tuple[str, ...]:
    """Warn about an override whose original name is not configured and goes with the write."""
    if intent.application_type is not ApplicationType.KUSTOMIZE:
        return ()
    original = lost_original(
        source_of(intent).kustomize_images or (),
        image=settings.reference,
        kustomize_name=settings.target.kustomize_name,
    )
    if not original:
        return ()
    return (
        (
            f"the override of {original} is replaced by one of {settings.reference.full_name}; "
            f"set manifestTargets.kustomize.name: {original} to keep it"
        ),
    )


def _change(settings: ImageSettings, state: Due) -> Change:
    return Change(
        alias=settings.alias,
        image=settings.reference.full_name,
        name=settings.reference.name,
        old=state.live.tag or ImageTag(),
        new=state.tag,
        labels=state.chosen.labels,
    )


def _decision(
    intent: ApplicationIntent, settings: ImageSettings, state: Settled | Due, *, where: str
) -> Decision:
    common = {
        "resource": intent.resource,
        "application": intent.application.key,
        "alias": settings.alias,
        "image": settings.reference.full_name,
        "settings": settings,
        "trace": state.trace,
        "warnings": (*settings.warnings, *state.warnings),
        "due_at_ns": state.due_at_ns,
    }
    if isinstance(state, Settled):
        return Decision(
            **common,  # type: ignore[arg-type] # one table of shared keywords
            reason=state.reason,
            message=state.message,
            current=state.live.tag if state.live else None,
            current_from=where if state.live else "",
            chosen=state.chosen,
            considered=state.considered,
        )
    old = (state.live.tag or ImageTag()).text
    kind = "downgrade" if state.downgrade else "update"
    return Decision(
        **common,  # type: ignore[arg-type] # one table of shared keywords
        reason=Reason.WOULD_UPDATE,
        message=f"{kind} from {old or 'no tag'} to {state.tag.text}",
        current=state.live.tag,
        current_from=where,
        chosen=state.tag,
        change=_change(settings, state),
        considered=True,
    )


def _stopped(intent: ApplicationIntent, stop: Stop) -> ApplicationPlan:
    """End every image with one reason."""
    decisions = (
        _stopped_decision(intent, settings, None, stop=stop, where="") for settings in intent.images
    )
    return ApplicationPlan(intent, tuple(decisions))


def _stopped_decision(
    intent: ApplicationIntent, settings: ImageSettings, state: Due | None, *, stop: Stop, where: str
) -> Decision:
    """End one image that would have been looked at, or written."""
    ended = Settled(stop.reason, stop.message, considered=True)
    decision = _decision(intent, settings, ended, where=where)
    if state is None:
        return decision
    return replace(decision, current=state.live.tag, current_from=where, chosen=state.tag)
