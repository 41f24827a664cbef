"""Whether the target already says what is due, and where a write would go.

Source of the rules: docs/write-back.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypedDict

from argocd_image_updater.core.application import Source
from argocd_image_updater.core.choice import Facts, Pending
from argocd_image_updater.core.edits.result import EditRefused
from argocd_image_updater.core.parameters.dispatch import TargetMismatch, already_set, set_image
from argocd_image_updater.core.parameters.kustomize import repository_text
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.repository_files import Stop, base_branch, read_files, source_of
from argocd_image_updater.core.targets import (
    ImageWrite,
    is_declared,
    pick_target,
    placement_of,
    target_paths,
)
from argocd_image_updater.core.template_engine import TemplateFault
from argocd_image_updater.core.templates import branch_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from argocd_image_updater.core.application import SourceRef
    from argocd_image_updater.core.decisions import Change
    from argocd_image_updater.core.due import Due
    from argocd_image_updater.core.facts import BranchKey, Failure, FileFact
    from argocd_image_updater.core.reference import ImageTag
    from argocd_image_updater.core.settings import (
        ApplicationIntent,
        ApplicationType,
        ImageSettings,
    )


class _Arguments(TypedDict):
    """What both questions about a source are asked with."""

    settings: ImageSettings
    application_type: ApplicationType
    source_type: str
    tag: ImageTag
    running_repository: str


@dataclass(frozen=True, slots=True)
class GitDestination:
    """Where a Git write goes: the branch that is read and the one that is pushed (full name).

    target_key: set where a pull request is wanted; its branch depends on all that goes into it.
    """

    base: BranchKey
    push_branch: str
    target_key: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """Which of the due images the target declares already, and how it is called."""

    declared: frozenset[int]
    destination: GitDestination | None
    name: str


def look_at_target(
    intent: ApplicationIntent,
    due: Sequence[tuple[ImageSettings, Due]],
    changes: Sequence[Change],
    *,
    facts: Facts,
) -> Target | Pending | Stop:
    """Look at one target; changes: of the whole Application, for they name the branch."""
    if intent.write_back.method != "git":
        declared = _said_by_the_source(intent, due)
        return Target(declared, None, f"Application {intent.application.key}")
    base = base_branch(intent)
    try:
        branch = _push_branch(intent, changes)
    except TemplateFault as fault:
        return Stop(Reason.SETTINGS_INVALID, str(fault))
    files: Mapping[str, FileFact | Failure] | Pending | Stop
    files = read_files(
        replace(base, branch=branch) if branch else base, target_paths(intent), facts
    )
    if branch and isinstance(files, Stop) and files.reason is Reason.GIT_BRANCH_MISSING:
        files = read_files(base, target_paths(intent), facts)
    if isinstance(files, Pending | Stop):
        return files
    try:
        path, content = pick_target(intent, files)
        declared = frozenset(
            id(settings)
            for settings, state in due
            if is_declared(
                intent,
                ImageWrite(settings, state.tag, state.live.original),
                source=source_of(intent),
                content=content,
                file=path,
            )
        )
    except (EditRefused, TargetMismatch) as refusal:
        return Stop(refusal.reason, str(refusal))
    key = intent.write_back.target_key if intent.write_back.pull_request else ""
    return Target(declared, GitDestination(base, branch, key), path)


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


def _said_by_the_source(
    intent: ApplicationIntent, due: Sequence[tuple[ImageSettings, Due]]
) -> frozenset[int]:
    """Return the images that the source asks for already.

    They are taken one after the other: what the first image of two with one name writes, the second
    one finds.
    """
    sources: dict[SourceRef, Source] = {}
    declared = set()
    for settings, state in due:
        place = placement_of(intent, settings)
        source = sources.get(place.ref) or intent.application.source_at(place.ref) or Source()
        arguments = _Arguments(
            settings=settings,
            application_type=place.application_type,
            source_type=place.source_type,
            tag=state.tag,
            running_repository=repository_text(state.live.original),
        )
        if already_set(source, **arguments):
            declared.add(id(settings))
        else:
            sources[place.ref] = set_image(source, **arguments)
    return frozenset(declared)
