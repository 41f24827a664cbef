"""What is wrong with the configuration, found without asking anybody: for ``validate``.

Every fault is found, not only the first. Other than a cycle, which works with what can be used, a
doubt counts as a fault here. Source of the rules: docs/validating.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from argocd_image_updater.controller.cycle import resolve_all
from argocd_image_updater.controller.settings_files import read_registries_file
from argocd_image_updater.core.resolution import Context
from argocd_image_updater.errors import ConfigError
from argocd_image_updater.manifests.store import TEMPLATE_REMARK, read_snapshot
from argocd_image_updater.registry.certificates import CA_DIRECTORIES
from argocd_image_updater.registry.credentials.reference import (
    CredentialReferenceError,
    parse_credential_reference,
)
from argocd_image_updater.registry.endpoint_loading import load_table
from argocd_image_updater.registry.registries_extra import EXTRA_FILE
from argocd_image_updater.registry.strict_yaml import Faults

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.resolution import Resolution
    from argocd_image_updater.core.settings import ImageSettings, Problem
    from argocd_image_updater.core.snapshot import Snapshot
    from argocd_image_updater.registry.endpoints import EndpointTable

_File = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked at. registries: file that was named, None = that of the manifests."""

    manifests: tuple[Path, ...]
    registries: Path | None
    argocd_namespace: str
    default_platform: str
    ca_directories: tuple[Path, ...] = CA_DIRECTORIES


@dataclass(slots=True)
class Findings:
    """faults: to be corrected. remarks: to be known. Lines without an end, in order, each once."""

    faults: dict[str, None] = field(default_factory=dict)
    remarks: dict[str, None] = field(default_factory=dict)
    registries: int = 0
    resources: int = 0
    images: int = 0


def validate(wanted: Wanted) -> Findings:
    """Look through the files; blocks on the disk.

    Raises:
        ConfigError: a folder or file cannot be read at all.
    """
    found = Findings()
    if not wanted.manifests:
        _check_registries(*_files_beside(wanted.registries), wanted, found)
        return found
    snapshot = read_snapshot(
        wanted.manifests,
        registries_conf_path=wanted.registries,
        default_namespace=wanted.argocd_namespace,
    )
    table = _check_registries(snapshot.registries_conf, snapshot.registries_extra, wanted, found)
    _check_resources(snapshot, table, wanted, found)
    return found


def _files_beside(path: Path | None) -> tuple[_File | None, _File | None]:
    """Return a registries file and the one with further settings beside it, as text and name."""
    if path is None:
        return None, None
    beside = path.with_name(EXTRA_FILE)
    text, extra = read_registries_file(str(path)), read_registries_file(str(beside))
    return (
        None if text is None else (text, str(path)),
        None if extra is None else (extra, str(beside)),
    )


def _check_registries(
    registries: _File | None, extra: _File | None, wanted: Wanted, found: Findings
) -> EndpointTable:
    text, file = registries or ("", "registries.conf")
    faults = Faults(collects=True)
    table = load_table(
        text, file=file, ca_directories=wanted.ca_directories, extra=extra, faults=faults
    )
    for fault in faults.found:
        found.faults[f"{fault}; {fault.hint}" if fault.hint else str(fault)] = None
    for warning in table.warnings:
        (found.remarks if warning in table.remarks else found.faults)[warning] = None
    found.registries = len(table.endpoints)
    return table


def _check_resources(
    snapshot: Snapshot, table: EndpointTable, wanted: Wanted, found: Findings
) -> None:
    places = {item.key: str(item.origin) for item in snapshot.resources}
    context = Context(
        controller_namespace=wanted.argocd_namespace,
        default_platform=wanted.default_platform,
        secrets=snapshot.secrets,
        standalone=True,
    )
    resolutions = resolve_all(snapshot, context)
    problems = [*snapshot.problems]
    problems += (item for one in resolutions for item in one.all_problems if not item.quiet)
    for problem in problems:
        found.faults[_line(problem, places)] = None
    for warning in (*snapshot.warnings, *(text for one in resolutions for text in one.warnings)):
        is_template = warning.endswith(TEMPLATE_REMARK)
        (found.remarks if is_template else found.faults)[warning] = None
    found.resources = len(snapshot.resources)
    for resolution in resolutions:
        _check_images(resolution, table, found, place=places[resolution.resource.key])


def _check_images(
    resolution: Resolution, table: EndpointTable, found: Findings, *, place: str
) -> None:
    for intent in resolution.intents:
        for image in intent.images:
            found.images += 1
            about = f"{place}: Application {intent.application.key}: {image.reference.full_name}"
            for fault in (*_image_faults(image, table), *image.warnings):
                found.faults[f"{about}: {fault}"] = None


def _image_faults(image: ImageSettings, table: EndpointTable) -> Iterator[str]:
    """Yield why no registry can be asked for an image, or not with its pull secret."""
    try:
        table.repository_of(table.lookup(image.reference), image.reference)
    except ConfigError as error:
        yield str(error)
    if image.pull_secret:
        try:
            parse_credential_reference(image.pull_secret)
        except CredentialReferenceError as error:
            yield f"pullSecret: the reference {error}"


def _line(problem: Problem, places: dict[ObjectKey, str]) -> str:
    place = places.get(problem.resource, "") if problem.resource is not None else ""
    field_path = f"{problem.field_path}: " if problem.field_path else ""
    if not place or problem.message.startswith(place):
        return problem.message
    return f"{place}: {field_path}{problem.message}"
