"""What this program wrote where: the memory that flips are recognised by.

A field is one place of one destination, whoever writes it: two Applications that share a values
file share its fields. A record tells who wrote and by which settings, so that it loses its meaning
by itself when these settings change. Source of the rules: docs/safety.md.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.annotations import PREFIX
from argocd_image_updater.core.conflicts import value_places
from argocd_image_updater.core.image_places import intent_of
from argocd_image_updater.core.reference import with_tag
from argocd_image_updater.core.targets import placement_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from argocd_image_updater.core.application import Application, ObjectKey
    from argocd_image_updater.core.decisions import Change
    from argocd_image_updater.core.plan import ApplicationPlan
    from argocd_image_updater.core.resource import Resource
    from argocd_image_updater.core.settings import ApplicationIntent
    from argocd_image_updater.core.snapshot import Snapshot
    from argocd_image_updater.core.targets import ImageWrite

_BRANCHES = "refs/heads/"
_SETTINGS_DIGITS = 16


@dataclass(frozen=True, slots=True, order=True)
class FieldKey:
    """destination: repository, branch and file, or an Application and its source.

    place: the value, entry or variable in it.
    """

    destination: str
    place: str


@dataclass(frozen=True, slots=True)
class Writer:
    """Whose image it was: the resource, the Application and the alias."""

    resource: ObjectKey
    application: ObjectKey
    alias: str

    def __str__(self) -> str:
        alias = f", image {self.alias}" if self.alias else ""
        return f"ImageUpdater {self.resource}, Application {self.application}{alias}"


@dataclass(frozen=True, slots=True)
class WriteRecord:
    """One value that was written.

    old, new: images with tag; old is empty where it is not known. settings: see `settings_of`.
    """

    writer: Writer
    old: str
    new: str
    settings: str
    at_s: int


@dataclass(frozen=True, slots=True)
class Hold:
    """A value that a writer may not bring back for a while."""

    writer: Writer
    value: str
    settings: str
    since_s: int


@dataclass(frozen=True, slots=True)
class FieldHistory:
    """What is remembered of one field; records in the order of the writes."""

    records: tuple[WriteRecord, ...] = ()
    holds: tuple[Hold, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedValue:
    """One write of a plan as the history sees it."""

    write: ImageWrite
    writer: Writer
    fields: tuple[FieldKey, ...]
    old: str
    new: str


def planned_values(plan: ApplicationPlan) -> Iterator[PlannedValue]:
    """Yield the writes of a plan with the fields they are for."""
    for write, change in zip(plan.writes, plan.changes, strict=True):
        intent = intent_of(plan.intent, write.settings)
        destination = _destination(plan, intent, write)
        places = value_places(intent, write.settings)
        yield PlannedValue(
            write,
            Writer(intent.resource, intent.application.key, write.settings.alias),
            tuple(FieldKey(destination, place) for place in places),
            _old(write, change),
            write.image.full,
        )


def _old(write: ImageWrite, change: Change) -> str:
    known = change.old.name or change.old.digest
    return with_tag(write.settings.reference, change.old).full if known else ""


def _destination(plan: ApplicationPlan, intent: ApplicationIntent, write: ImageWrite) -> str:
    where = plan.destination
    if where is None:
        return f"Application {intent.application.key} {placement_of(intent, write.settings).ref}"
    branch = (where.push_branch or where.base.branch).removeprefix(_BRANCHES)
    branch = "" if branch == "HEAD" else branch
    repository = repository_place(where.base.repository)
    return f"{repository} {branch or 'default branch'} {intent.write_back.target or '.'}"


def repository_place(url: str) -> str:
    """Return a text that is equal for the usual spellings of one repository."""
    scheme, mark, rest = url.strip().lower().rpartition("://")
    host, slash, path = rest.partition("/")
    host = host.rpartition("@")[2]
    if not mark or scheme == "ssh":
        host = host.removesuffix(":22").replace(":", "/", 1)
    return f"{host}{slash}{path}".strip("/").removesuffix(".git")


def settings_of(snapshot: Snapshot, writers: Iterable[Writer]) -> Mapping[Writer, str]:
    """Return a digest of what each writer is told by its resource and its Application.

    A writer whose resource or Application is gone is left out. Labels count, for they select.
    """
    wanted = set(writers)
    resources = {item.key: item for item in snapshot.resources}
    applications = {item.key: item for item in snapshot.applications}
    specs = {
        key: _spec(resources[key])
        for key in {writer.resource for writer in wanted}
        if key in resources
    }
    return {
        writer: _digest(specs[writer.resource] + _marks(applications[writer.application]))
        for writer in wanted
        if writer.resource in specs and writer.application in applications
    }


def _spec(resource: Resource) -> str:
    spec = (resource.refs, resource.common, resource.write_back, resource.verification)
    return _digest(repr((resource.uid, spec)))


def _marks(application: Application) -> str:
    annotations = {
        key: value for key, value in application.annotations.items() if key.startswith(PREFIX)
    }
    return repr((sorted(annotations.items()), sorted(application.labels.items())))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_SETTINGS_DIGITS]
