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

import posixpath
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from argocd_image_updater.core.application import Source
from argocd_image_updater.core.choice import Facts, Pending
from argocd_image_updater.core.decisions import Change, Decision
from argocd_image_updater.core.due import Due, Policy, Settled, decide_image
from argocd_image_updater.core.edits.kustomization import KUSTOMIZATION_FILES
from argocd_image_updater.core.edits.result import EditRefused
from argocd_image_updater.core.facts import (
    BranchKey,
    Failure,
    FailureKind,
    FileFact,
    FileQuestion,
    PathKind,
    Question,
)
from argocd_image_updater.core.parameters.dispatch import TargetMismatch, already_set, way_of
from argocd_image_updater.core.parameters.kustomize import repository_text
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.reference import (
    ImageReference,
    ImageTag,
    parse_image,
    with_forced,
)
from argocd_image_updater.core.resolution import with_source_type
from argocd_image_updater.core.targets import (
    ImageWrite,
    declared_in_file,
    declared_in_source,
    is_declared,
    pick_target,
    placement_of,
    target_paths,
)
from argocd_image_updater.core.templates import TemplateFault, branch_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from argocd_image_updater.core.settings import ApplicationIntent, ImageSettings

_GIT_REASONS: dict[FailureKind, Reason] = {
    FailureKind.TRANSIENT: Reason.GIT_UNREACHABLE,
    FailureKind.RATE_LIMITED: Reason.GIT_UNREACHABLE,
    FailureKind.DENIED: Reason.GIT_AUTH_FAILED,
    FailureKind.CREDENTIALS: Reason.GIT_AUTH_FAILED,
    FailureKind.NOT_FOUND: Reason.GIT_BRANCH_MISSING,
    FailureKind.UNUSABLE: Reason.TARGET_UNREADABLE,
    FailureKind.NO_PLATFORM: Reason.TARGET_UNREADABLE,
    FailureKind.CONFIG: Reason.SETTINGS_INVALID,
    FailureKind.REFUSED: Reason.TARGET_OUTSIDE,
}


@dataclass(frozen=True, slots=True)
class GitDestination:
    """Where a Git write goes: the branch that is read and the one that is pushed (full name)."""

    base: BranchKey
    push_branch: str


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


@dataclass(frozen=True, slots=True)
class _Stop:
    """The whole Application ends with one reason."""

    reason: Reason
    message: str


def plan_application(
    intent: ApplicationIntent, *, facts: Facts, policy: Policy
) -> ApplicationPlan | Pending:
    """Plan one Application, or return the questions whose answers are needed first."""
    typed = _with_type(intent, facts)
    if isinstance(typed, Pending):
        return typed
    if isinstance(typed, _Stop):
        return _stopped(intent, typed)
    live = _live_images(typed, facts=facts, policy=policy)
    if isinstance(live, Pending):
        return live
    if isinstance(live, _Stop):
        return _stopped(typed, live)
    images, where = live
    states: list[Settled | Due] = []
    open_questions: set[Question] = set()
    for settings in typed.images:
        state = decide_image(
            settings,
            images,
            namespace=typed.application.key.namespace,
            facts=facts,
            policy=policy,
        )
        if isinstance(state, Pending):
            open_questions |= state.questions
        else:
            states.append(state)
    if open_questions:
        return Pending(frozenset(open_questions))
    return _finish(typed, _checked(typed, states), where=where, facts=facts)


# --- the type of an Application without status -------------------------------------------------


def _with_type(intent: ApplicationIntent, facts: Facts) -> ApplicationIntent | Pending | _Stop:
    """Find the type by the files at the source's path where nothing else tells it."""
    if not intent.needs_type:
        return intent
    source = _source(intent)
    key = BranchKey(
        source.repo_url,
        source.target_revision,
        intent.write_back.credentials or "repocreds",
        intent.application.project,
    )
    paths = {
        name: posixpath.normpath(posixpath.join(source.path, name))
        for name in ("Chart.yaml", *KUSTOMIZATION_FILES)
    }
    found = _read_files(key, tuple(paths.values()), facts)
    if isinstance(found, Pending | _Stop):
        return found
    for name, path in paths.items():
        fact = found[path]
        if isinstance(fact, FileFact) and fact.kind is PathKind.FILE:
            return with_source_type(intent, "Helm" if name == "Chart.yaml" else "Kustomize")
    return _Stop(
        Reason.TARGET_MISSING,
        f"neither Chart.yaml nor a kustomization stands at {source.path or '.'} of "
        f"{source.repo_url}: set writeBackTarget or a helm, kustomize or plugin block",
    )


def _read_files(
    key: BranchKey, paths: Sequence[str], facts: Facts
) -> Mapping[str, FileFact | Failure] | Pending | _Stop:
    """Return what stands at the paths; a failure of the branch itself stops the Application."""
    questions = {path: FileQuestion(key, path) for path in paths}
    missing = frozenset(question for question in questions.values() if question not in facts)
    if missing:
        return Pending(missing)
    found: dict[str, FileFact | Failure] = {}
    for path, question in questions.items():
        answer = facts[question]
        if isinstance(answer, Failure) and answer.kind is not FailureKind.REFUSED:
            return _Stop(_GIT_REASONS[answer.kind], answer.message)
        assert isinstance(answer, FileFact | Failure)
        found[path] = answer
    return found


def _source(intent: ApplicationIntent) -> Source:
    return intent.application.source_at(intent.write_source) or Source()


# --- live or declared images --------------------------------------------------------------------


def _live_images(
    intent: ApplicationIntent, *, facts: Facts, policy: Policy
) -> tuple[tuple[ImageReference, ...], str] | Pending | _Stop:
    """Return the running images and where they were read, forced ones appended."""
    forced = [(item.reference, item.kustomize_image) for item in intent.images if item.force_update]
    if intent.application.has_status or not policy.declared_counts:
        running = tuple(parse_image(text) for text in intent.application.live_images)
        return with_forced(running, forced), "live"
    if intent.write_back.method != "git":
        found = [
            declared_in_source(_image_source(intent, item), intent, item) for item in intent.images
        ]
        return with_forced(tuple(item for item in found if item), forced), "parameters"
    key = base_branch(intent)
    files = _read_files(key, target_paths(intent), facts)
    if isinstance(files, Pending | _Stop):
        return files
    try:
        path, content = pick_target(intent, files)
        found = [
            declared_in_file(intent, item, source=_source(intent), content=content, file=path)
            for item in intent.images
        ]
    except EditRefused as refusal:
        return _Stop(refusal.reason, str(refusal))
    return with_forced(tuple(item for item in found if item), forced), path


def base_branch(intent: ApplicationIntent) -> BranchKey:
    """Return the branch that a Git write-back starts from."""
    write_back = intent.write_back
    own_secret = write_back.credentials.startswith("secret:")
    return BranchKey(
        write_back.repository,
        write_back.base_branch,
        write_back.credentials,
        intent.application.project,
        # A Secret belongs to a namespace; repository credentials of Argo CD are shared, and so is
        # the push.
        intent.application.key.namespace if own_secret else "",
    )


def _image_source(intent: ApplicationIntent, settings: ImageSettings) -> Source:
    """Return the source that holds an image when the Application itself is written."""
    try:
        ref = placement_of(intent, settings).ref
    except TargetMismatch:
        ref = intent.write_source
    return intent.application.source_at(ref) or Source()


# --- checks that need the target ----------------------------------------------------------------


def _checked(intent: ApplicationIntent, states: Sequence[Settled | Due]) -> list[Settled | Due]:
    """Turn an image whose target does not fit, or which must be verified, into an error."""
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
    intent: ApplicationIntent, states: Sequence[Settled | Due], *, where: str, facts: Facts
) -> ApplicationPlan | Pending:
    due = [
        (settings, state)
        for settings, state in zip(intent.images, states, strict=True)
        if isinstance(state, Due)
    ]
    if not due:
        return _assemble(intent, states, target=_Target(frozenset(), None, ""), where=where)
    changes = {settings.alias: _change(settings, state) for settings, state in due}
    target = _declared_at_target(intent, due, tuple(changes.values()), facts=facts)
    if isinstance(target, Pending):
        return target
    if isinstance(target, _Stop):
        return _stopped(intent, target, states=states, where=where)
    return _assemble(intent, states, target=target, where=where)


@dataclass(frozen=True, slots=True)
class _Target:
    """Which of the due images the target declares already, and how it is called."""

    declared: frozenset[int]
    destination: GitDestination | None
    name: str


def _declared_at_target(
    intent: ApplicationIntent,
    due: Sequence[tuple[ImageSettings, Due]],
    changes: tuple[Change, ...],
    *,
    facts: Facts,
) -> _Target | Pending | _Stop:
    if intent.write_back.method != "git":
        declared = frozenset(
            id(settings) for settings, state in due if _source_says(intent, settings, state)
        )
        return _Target(declared, None, f"Application {intent.application.key}")
    if intent.write_back.pull_request is not None:
        # Pushing to the base branch instead would skip the review that was asked for.
        return _Stop(
            Reason.SETTINGS_INVALID,
            "pullRequest is set, and this release cannot open pull requests: nothing is pushed; "
            "remove pullRequest to have changes pushed without one",
        )
    base = base_branch(intent)
    try:
        branch = _push_branch(intent, changes)
    except TemplateFault as fault:
        return _Stop(Reason.SETTINGS_INVALID, str(fault))
    files: Mapping[str, FileFact | Failure] | Pending | _Stop
    files = _read_files(
        replace(base, branch=branch) if branch else base, target_paths(intent), facts
    )
    if branch and isinstance(files, _Stop) and files.reason is Reason.GIT_BRANCH_MISSING:
        files = _read_files(base, target_paths(intent), facts)
    if isinstance(files, Pending | _Stop):
        return files
    try:
        path, content = pick_target(intent, files)
        declared = frozenset(
            id(settings)
            for settings, state in due
            if is_declared(
                intent,
                ImageWrite(settings, state.tag, state.live.original),
                source=_source(intent),
                content=content,
                file=path,
            )
        )
    except EditRefused as refusal:
        return _Stop(refusal.reason, str(refusal))
    return _Target(declared, GitDestination(base, branch), path)


def _push_branch(intent: ApplicationIntent, changes: Sequence[Change]) -> str:
    """Return the branch to push to; empty = the base branch.

    Raises:
        TemplateFault: the template fails or gives an empty name.
    """
    template = intent.write_back.push_branch
    if not template:
        return ""
    key = intent.application.key
    name = branch_name(
        template,
        namespace=key.namespace,
        application=key.name,
        target_key=intent.write_back.target_key,
        changes=changes,
    )
    if not name:
        raise TemplateFault(f"branch {template!r} gives an empty name", stage="execute")
    return name


def _source_says(intent: ApplicationIntent, settings: ImageSettings, state: Due) -> bool:
    place = placement_of(intent, settings)
    return already_set(
        intent.application.source_at(place.ref) or Source(),
        settings=settings,
        application_type=place.application_type,
        source_type=place.source_type,
        tag=state.tag,
        running_repository=repository_text(state.live.original),
    )


# --- the plan -----------------------------------------------------------------------------------


def _assemble(
    intent: ApplicationIntent, states: Sequence[Settled | Due], *, target: _Target, where: str
) -> ApplicationPlan:
    decisions: list[Decision] = []
    writes: list[ImageWrite] = []
    pins: list[ImageWrite] = []
    changes: list[Change] = []
    for settings, state in zip(intent.images, states, strict=True):
        decision = _decision(intent, settings, state, where=where)
        if isinstance(state, Due):
            if id(settings) in target.declared:
                decision = replace(
                    decision,
                    reason=Reason.ALREADY_SET,
                    message=f"{target.name} already asks for {state.tag.text}",
                    change=None,
                )
            else:
                decision = replace(decision, written_to=target.name)
                writes.append(ImageWrite(settings, state.tag, state.live.original))
                changes.append(_change(settings, state))
        elif state.pin is not None and state.live is not None:
            pins.append(ImageWrite(settings, state.pin, state.live.original))
        decisions.append(decision)
    return ApplicationPlan(
        intent,
        tuple(decisions),
        tuple(writes),
        tuple(pins),
        tuple(changes),
        target.destination,
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
        "warnings": settings.warnings,
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


def _stopped(
    intent: ApplicationIntent,
    stop: _Stop,
    *,
    states: Sequence[Settled | Due] | None = None,
    where: str = "",
) -> ApplicationPlan:
    """End every image that would have been written (or all) with one reason."""
    decisions: list[Decision] = []
    for index, settings in enumerate(intent.images):
        state = states[index] if states is not None else None
        if isinstance(state, Settled):
            decisions.append(_decision(intent, settings, state, where=where))
            continue
        ended = Settled(stop.reason, stop.message, considered=True)
        decision = _decision(intent, settings, ended, where=where)
        if isinstance(state, Due):
            decision = replace(
                decision, current=state.live.tag, current_from=where, chosen=state.tag
            )
        decisions.append(decision)
    return ApplicationPlan(intent, tuple(decisions))
