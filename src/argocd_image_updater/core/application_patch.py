"""The change of one Application in a cluster as a JSON patch (RFC 6902) of single entries.

Computed on the object as it is now, which may be newer than the one that was planned on. Only
entries that get another value are named, so that everything else, fields that nobody here knows
too, stays without being sent. A value that somebody changed since the plan was made is not
overwritten: that is a conflict. The patch holds for one version of the object, which the caller
guards.

Source of the rules: docs/write-back.md, tests/vectors/data/update_application.json.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from argocd_image_updater.core.application import EnvEntry, HelmParameter, Source
from argocd_image_updater.core.application_meanwhile import (
    check_identity,
    edited_meanwhile,
    is_there,
)
from argocd_image_updater.core.application_places import Place, values_of
from argocd_image_updater.core.edits.diff import unified_diff
from argocd_image_updater.core.edits.lists import LIST_KEYS
from argocd_image_updater.core.settings import ApplicationType
from argocd_image_updater.core.targets import merged_sources
from argocd_image_updater.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from argocd_image_updater.core.application import Application, SourceRef
    from argocd_image_updater.core.plan import ApplicationPlan
    from argocd_image_updater.core.targets import ImageWrite

Operation = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ValueChange:
    """One value that is set; old: what stands there now, None = nothing."""

    place: Place
    old: str | None
    new: str


@dataclass(frozen=True, slots=True)
class _ChangedList:
    ref: SourceRef
    kind: ApplicationType
    before: Source
    after: Source


@dataclass(frozen=True, slots=True)
class Patch:
    """What is sent for one Application; without operations everything is there already.

    diff: for people, one line for each value that changes.
    """

    operations: tuple[Operation, ...] = ()
    changes: tuple[ValueChange, ...] = ()
    diff: str = ""

    def is_stored(self, application: Application) -> bool:
        """Tell whether an Application holds every value of this patch."""
        return all(_holds(application, change) for change in self.changes)


def patch_of(
    plan: ApplicationPlan, current: Application, *, ours: Mapping[Place, str] | None = None
) -> Patch:
    """Return the patch that puts a plan into an Application as it is now.

    ours: values that this program wrote itself earlier, which are nobody's edit.

    Raises:
        ConflictError: somebody has changed what the plan rests on.
        TargetMismatch: an image's target does not fit its source.
    """
    intent, writes = plan.intent, (*plan.pins, *plan.writes)
    if current is not intent.application:
        writes = _undisturbed(plan, current, ours=ours or {})
    merged = merged_sources(intent, writes, application=current)
    lists = [
        _ChangedList(ref, kind, current.source_at(ref) or Source(), after)
        for ref, (kind, after) in merged.items()
    ]
    changed = [item for item in lists if _values(item.before, item) != _values(item.after, item)]
    operations = [operation for item in changed for operation in _operations(item)]
    return Patch(
        tuple(operations),
        tuple(change for item in changed for change in _changes(item)),
        _diff(changed, name=f"Application {current.key}"),
    )


def _undisturbed(
    plan: ApplicationPlan, current: Application, *, ours: Mapping[Place, str]
) -> tuple[ImageWrite, ...]:
    """Return what may be written: without pins of values that somebody has changed since.

    A pin only keeps what runs, so that a newer value takes its place silently; a due image whose
    value was changed is a conflict.
    """
    intent = plan.intent
    check_identity(intent, (*plan.pins, *plan.writes), current=current)
    if all(is_there(intent, write, current=current) for write in plan.writes):
        return ()  # pins are only written along
    merged = merged_sources(intent, (*plan.pins, *plan.writes), application=current)
    for write in plan.writes:
        if edit := edited_meanwhile(intent, write, current=current, merged=merged, ours=ours):
            raise ConflictError(edit)
    pins = (
        pin
        for pin in plan.pins
        if not edited_meanwhile(intent, pin, current=current, merged=merged, ours=ours)
    )
    return (*pins, *plan.writes)


def _values(source: Source, item: _ChangedList) -> Sequence[tuple[str, str]]:
    return values_of(source, item.kind)


def _changes(item: _ChangedList) -> Iterator[ValueChange]:
    """Yield each value that is set, once for each name."""
    before, after = _values(item.before, item), _values(item.after, item)
    told: set[str] = set()
    for index, (name, value) in enumerate(after):
        if (name, value) in before or name in told:
            continue
        told.add(name)
        old = next((text for other, text in before if other == name), None)
        if old is None and index < len(before) and before[index] not in after:
            old = before[index][1]  # an override of the image under another name
        yield ValueChange(Place(item.ref, item.kind, name), old, value)
    if not told:  # only superfluous overrides of an image went away
        gone = next((entry for entry in before if entry not in after), before[0])
        name, value = next((entry for entry in after if entry[0] == gone[0]), after[0])
        yield ValueChange(Place(item.ref, item.kind, name), gone[1], value)


def _holds(application: Application, change: ValueChange) -> bool:
    source = application.source_at(change.place.source)
    found = values_of(source, change.place.kind) if source is not None else ()
    return (change.place.name, change.new) in found


def _operations(item: _ChangedList) -> Iterator[Operation]:
    base = _pointer(item.ref)
    if item.ref.index is not None:
        yield from _identity(item.before, base=base)
    block, name = LIST_KEYS[item.kind]
    entries = [_entry(entry) for entry in _list(item.after, item.kind) or ()]
    old = _list(item.before, item.kind)
    if old is None:
        yield {"op": "add", "path": f"{base}/{block}", "value": {name: entries}}
    elif not old or item.kind is ApplicationType.KUSTOMIZE:
        yield {"op": "add", "path": f"{base}/{block}/{name}", "value": entries}
    else:
        yield from _entry_operations(old, item, path=f"{base}/{block}/{name}")


def _entry_operations(old: Sequence[Any], item: _ChangedList, *, path: str) -> Iterator[Operation]:
    """Yield what changes single entries: old ones keep their place, new ones follow."""
    new = _list(item.after, item.kind) or ()
    for index, (before, after) in enumerate(zip(old, new, strict=False)):
        if before.value != after.value:
            yield {"op": "add", "path": f"{path}/{index}/value", "value": after.value}
        if isinstance(after, HelmParameter) and after.force_string and not before.force_string:
            yield {"op": "add", "path": f"{path}/{index}/forceString", "value": True}
    for entry in new[len(old) :]:
        yield {"op": "add", "path": f"{path}/-", "value": _entry(entry)}


def _identity(source: Source, *, base: str) -> Iterator[Operation]:
    """Yield tests that the element of ``sources`` is the one that was meant."""
    fields = {
        "repoURL": source.repo_url,
        "chart": source.chart,
        "path": source.path,
        "ref": source.ref,
    }
    for name, value in fields.items():
        if value:
            yield {"op": "test", "path": f"{base}/{name}", "value": value}


def _pointer(ref: SourceRef) -> str:
    if ref.dry:
        return "/spec/sourceHydrator/drySource"
    return "/spec/source" if ref.index is None else f"/spec/sources/{ref.index}"


def _list(source: Source, kind: ApplicationType) -> Sequence[Any] | None:
    if kind is ApplicationType.HELM:
        return source.helm_parameters
    return source.kustomize_images if kind is ApplicationType.KUSTOMIZE else source.plugin_env


def _entry(entry: HelmParameter | EnvEntry | str) -> str | dict[str, Any]:
    if isinstance(entry, str):
        return entry
    found: dict[str, Any] = {"name": entry.name, "value": entry.value}
    if isinstance(entry, HelmParameter) and entry.force_string:
        found["forceString"] = True
    return found


def _diff(changed: Sequence[_ChangedList], *, name: str) -> str:
    before = "".join(line for item in changed for line in _lines(item, item.before))
    after = "".join(line for item in changed for line in _lines(item, item.after))
    return unified_diff(before.encode(errors="replace"), after.encode(errors="replace"), file=name)


def _lines(item: _ChangedList, source: Source) -> Iterator[str]:
    """Yield one line for each entry, such as ``spec.source.helm.parameters[image.tag]: 1.2``.

    Values that do not change stay out: nobody knows what they hold.
    """
    is_public = item.kind is ApplicationType.KUSTOMIZE
    names = {change.place.name for change in _changes(item)}
    for name, value in _values(source, item):
        if is_public or name in names:
            text = value.replace("\\", "\\\\").replace("\n", "\\n")
            yield f"{Place(item.ref, item.kind, name)}: {text}\n"
