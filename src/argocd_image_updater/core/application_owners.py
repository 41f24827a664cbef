"""Who else writes an Application, as its metadata tells, and what to do about it.

An ApplicationSet, or a parent Application that was made from Git, puts its own values back over a
parameter that was set in the cluster; what is written then does not last.

Sources: https://argo-cd.readthedocs.io/en/stable/operator-manual/applicationset/Controlling-Resource-Modification/,
https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/,
https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from argocd_image_updater.core.applications import API_GROUP, KIND
from argocd_image_updater.core.edits.lists import LIST_KEYS
from argocd_image_updater.core.parameters.placement import SOURCE_TYPE
from argocd_image_updater.core.source_type import has_block
from argocd_image_updater.errors import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from argocd_image_updater.core.application import Application, SourceRef
    from argocd_image_updater.core.application_patch import ValueChange
    from argocd_image_updater.core.application_places import Place

APPLICATION_SET = "ApplicationSet"
TRACKING_ID = "argocd.argoproj.io/tracking-id"
INSTANCE_LABELS = ("argocd.argoproj.io/instance", "app.kubernetes.io/instance")
GUIDE = "docs/write-back.md"
_OR_GIT = "or use write-back method git"
_MOST_ENTRIES = 1000  # managed fields that are looked through; the API server keeps far fewer


@dataclass(frozen=True, slots=True)
class Owner:
    """kind: ``ApplicationSet``, ``Application``, ``manager`` (of fields), or empty = unknown."""

    kind: str = ""
    name: str = ""

    def __str__(self) -> str:
        if self.kind == "manager":
            return f"field manager {self.name!r}"
        return f"{self.kind} {self.name!r}" if self.kind else "somebody"


def application_set_of(metadata: Mapping[str, Any]) -> str:
    """Return the name of the ApplicationSet that generates an Application, empty without one."""
    for owner in _maps(metadata.get("ownerReferences")):
        group = str(owner.get("apiVersion", "")).partition("/")[0]
        if owner.get("kind") == APPLICATION_SET and group == API_GROUP:
            return shorten(str(owner.get("name", "")))
    return ""


def owner_of(metadata: Mapping[str, Any], place: Place, *, ourselves: str) -> Owner:
    """Return who most probably has put back the value of a place.

    ourselves: our own name as a field manager.
    """
    if name := application_set_of(metadata):
        return Owner(APPLICATION_SET, name)
    if name := _parent_of(metadata):
        return Owner(KIND, name)
    managers = [name for name in managers_of(metadata, place) if name != ourselves]
    return Owner("manager", shorten(managers[-1])) if managers else Owner()


def managers_of(metadata: Mapping[str, Any], place: Place) -> tuple[str, ...]:
    """Return the field managers that own the list of a place, the latest last."""
    steps = [f"f:{step}" for step in ("spec", *_steps(place.source), *LIST_KEYS[place.kind])]
    found = [
        (str(entry.get("time", "")), str(entry.get("manager", "")))
        for entry in _maps(metadata.get("managedFields"))
        if _owns(entry.get("fieldsV1"), steps)
    ]
    return tuple(name for _, name in sorted(found))


def generated_warning(application_set: str, place: Place, *, before: Application) -> str:
    """Return what to tell the first time that a generated Application is written.

    before: the Application as its owner wants it.
    """
    return (
        f"{APPLICATION_SET} {application_set!r} generates this Application and puts its own "
        f"values back: {_set_advice(place, before)}, {_OR_GIT} ({GUIDE})"
    )


def reverted_warning(owner: Owner, change: ValueChange, *, before: Application) -> str:
    """Return what to tell when a value that was written before has to be written again.

    change: of the value that stands there now. before: the Application as its owner wants it.
    """
    place = change.place
    now = "taken away" if change.old is None else f"put back to {shorten(change.old)!r}"
    what = f"{place} was set to {shorten(change.new)!r} before and was {now} by {owner}"
    return f"{what}; it is written again: {_advice(owner, place, before)}, {_OR_GIT} ({GUIDE})"


def _advice(owner: Owner, place: Place, before: Application) -> str:
    if owner.kind == APPLICATION_SET:
        return _set_advice(place, before)
    if owner.kind == KIND:
        return (
            f"have that Application ignore the difference: spec.ignoreDifferences with group "
            f"{API_GROUP}, kind {KIND} and {_selector(place, before)}, and the sync option "
            "RespectIgnoreDifferences=true"
        )
    return "let only one of the two write this list"


def _set_advice(place: Place, before: Application) -> str:
    selector = _selector(place, before)
    return f"add spec.ignoreApplicationDifferences to it with {selector}"


def _selector(place: Place, before: Application) -> str:
    """Return how Argo CD is told to pass over the list.

    An element of a list needs jq, and is compared whole: a block that its owner does not have must
    be passed over as a block.
    """
    steps = LIST_KEYS[place.kind]
    if place.source.index is None:
        return f"jsonPointers: ['/{'/'.join(('spec', *_steps(place.source), *steps))}']"
    source = before.source_at(place.source)
    is_there = source is not None and has_block(source, SOURCE_TYPE[place.kind])
    path = place.list_path if is_there else place.list_path.removesuffix(f".{steps[1]}")
    return f"jqPathExpressions: ['.{path}']"


def _steps(ref: SourceRef) -> tuple[str, ...]:
    if ref.dry:
        return ("sourceHydrator", "drySource")
    return ("source",) if ref.index is None else ("sources",)


def _parent_of(metadata: Mapping[str, Any]) -> str:
    """Return the Application that an Application is a resource of, empty without one."""
    annotations, labels = metadata.get("annotations"), metadata.get("labels")
    text = annotations.get(TRACKING_ID) if isinstance(annotations, dict) else None
    if isinstance(text, str):
        parent, _, resource = text.partition(":")
        mine = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
        # A copied annotation names another object and says nothing about this one.
        return shorten(parent) if resource == f"{API_GROUP}/{KIND}:{mine}" else ""
    found = (labels.get(name) for name in INSTANCE_LABELS) if isinstance(labels, dict) else ()
    texts = (name for name in found if isinstance(name, str) and name != metadata.get("name"))
    return shorten(next(texts, ""))


def _owns(fields: object, steps: list[str]) -> bool:
    """Tell whether a set of fields holds a path; one that ends early owns all that is below."""
    for step in steps:
        if not isinstance(fields, dict) or step not in fields:
            return False
        fields = fields[step]
        if fields == {}:
            return True
    return True


def _maps(value: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        yield from (item for item in value[:_MOST_ENTRIES] if isinstance(item, dict))
