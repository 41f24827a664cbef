"""Write plans of method ``argocd`` into the manifest files that the Applications were read from.

A file is read again right before it is edited, the lists are computed on what stands there now, and
the new text replaces the old one in a single rename. Nobody's change in between is lost: a file
that moved while we wrote is left alone and named.

Source of the rules: docs/standalone.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from argocd_image_updater.core.edits.application_manifest import edit_application_manifest
from argocd_image_updater.core.edits.diff import unified_diff
from argocd_image_updater.core.edits.result import EditRefused
from argocd_image_updater.core.parameters.dispatch import TargetMismatch
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.report import PatchRecord
from argocd_image_updater.core.settings import ApplicationType
from argocd_image_updater.core.targets import merged_sources
from argocd_image_updater.errors import ConflictError, internal_fault
from argocd_image_updater.manifests.reread import application_in
from argocd_image_updater.writers.result import WriteReport, WriteResult, WriteStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argocd_image_updater.core.application import Application
    from argocd_image_updater.core.plan import ApplicationPlan


async def write_manifest_files(plans: Sequence[ApplicationPlan], *, dry_run: bool) -> WriteReport:
    """Write all plans, each file once; files are handled one after the other in a thread."""
    by_file: dict[str, list[ApplicationPlan]] = defaultdict(list)
    for plan in plans:
        by_file[plan.intent.application.origin.file].append(plan)
    results: list[WriteResult] = []
    patches: list[PatchRecord] = []
    for file, group in sorted(by_file.items()):
        report = await asyncio.to_thread(_write_or_tell, Path(file), group, dry_run=dry_run)
        results += report.results
        patches += report.patches
    return WriteReport(results=tuple(results), patches=tuple(patches))


@dataclass(slots=True)
class _FileEdit:
    """The running content of one file and what became of each plan."""

    before: bytes
    content: bytes
    results: list[WriteResult]
    patches: list[PatchRecord]


def _write_or_tell(file: Path, plans: Sequence[ApplicationPlan], *, dry_run: bool) -> WriteReport:
    try:
        return _write_file(file, plans, dry_run=dry_run)
    except Exception as error:  # noqa: BLE001 - what other files were given must be reported
        return _all_failed(plans, file, internal_fault(error), reason=Reason.INTERNAL_ERROR)


def _write_file(file: Path, plans: Sequence[ApplicationPlan], *, dry_run: bool) -> WriteReport:
    """Edit one file for all plans and replace it, or leave it alone and say why."""
    try:
        before = file.read_bytes()
    except OSError as error:
        return _all_failed(plans, file, f"{file} cannot be read: {error.strerror}")
    edit = _FileEdit(before, before, [], [])
    for plan in plans:
        _edit_plan(edit, file, plan)
    if dry_run or edit.content == before:
        return _report(edit, written=False)
    try:
        _replace(file, before=before, after=edit.content)
    except ConflictError as error:
        return _all_failed(plans, file, f"{file} was not written: {error}", reason=Reason.CONFLICT)
    except OSError as error:
        return _all_failed(
            plans,
            file,
            f"{file} was not written ({error.strerror or error}): make room in its folder and let "
            "this program write there",
        )
    return _report(edit, written=True)


def _edit_plan(edit: _FileEdit, file: Path, plan: ApplicationPlan) -> None:
    where = str(plan.intent.application.origin)
    try:
        content = _edited(edit.content, file, plan)
    except (EditRefused, TargetMismatch, ConflictError) as error:
        reason = getattr(error, "reason", Reason.CONFLICT)
        edit.results.append(WriteResult(plan, WriteStatus.FAILED, where, str(error), reason))
        return
    except Exception as error:  # noqa: BLE001 - the other Applications are written
        message = internal_fault(error)
        edit.results.append(
            WriteResult(plan, WriteStatus.FAILED, where, message, Reason.INTERNAL_ERROR)
        )
        return
    if content == edit.content:
        edit.results.append(
            WriteResult(plan, WriteStatus.UNCHANGED, where, "the manifest says it already")
        )
        return
    diff = unified_diff(edit.content, content, file=str(file).lstrip("/"))
    edit.patches.append(PatchRecord(plan.intent.application.key, where, diff))
    edit.results.append(WriteResult(plan, WriteStatus.WOULD_WRITE, where))
    edit.content = content


def _edited(content: bytes, file: Path, plan: ApplicationPlan) -> bytes:
    """Return the file with one Application changed.

    Raises:
        EditRefused, TargetMismatch: it cannot be edited without doubt.
        ConflictError: another object stands where the Application was read.
    """
    intent = plan.intent
    origin = intent.application.origin
    current = application_in(content, origin, namespace=intent.application.key.namespace)
    if current is None or current.key != intent.application.key:
        raise ConflictError(
            f"{origin} no longer holds Application {intent.application.key}: edited meanwhile"
        )
    current = _only_lists_of(current, intent.application)
    changed = merged_sources(intent, (*plan.pins, *plan.writes), application=current)
    for ref, (kind, source) in changed.items():
        content = edit_application_manifest(
            content,
            document=origin.document,
            item=origin.item,
            source=ref,
            kind=kind,
            helm=source.helm_parameters or () if kind is ApplicationType.HELM else (),
            kustomize=source.kustomize_images or () if kind is ApplicationType.KUSTOMIZE else (),
            plugin=source.plugin_env or () if kind is ApplicationType.PLUGIN else (),
            file=str(file),
        ).content
    return content


def _only_lists_of(current: Application, planned: Application) -> Application:
    """Keep the planned status: types and live images belong to the decision, not to the file."""
    return replace(current, source_type=planned.source_type, source_types=planned.source_types)


def _replace(file: Path, *, before: bytes, after: bytes) -> None:
    """Replace the file in one step; its mode stays, and its owner where that is permitted.

    The temporary name is always the same, so what a killed run left behind is overwritten.

    Raises:
        ConflictError: the file changed since it was read.
    """
    file = file.resolve()
    temporary = file.with_name(f".{file.name}.argocd-image-updater.tmp")
    status = file.stat()
    mode = status.st_mode & 0o7777
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(after)
            handle.flush()
            os.fsync(handle.fileno())
        with contextlib.suppress(PermissionError):
            os.chown(temporary, status.st_uid, status.st_gid)
        temporary.chmod(mode)  # after the owner, whose change takes the special bits away
        if file.read_bytes() != before:
            raise ConflictError("it was changed by somebody else meanwhile; the next run sees it")
        temporary.replace(file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _report(edit: _FileEdit, *, written: bool) -> WriteReport:
    if not written:
        return WriteReport(results=tuple(edit.results), patches=tuple(edit.patches))
    results = (
        replace(result, status=WriteStatus.WRITTEN)
        if result.status is WriteStatus.WOULD_WRITE
        else result
        for result in edit.results
    )
    patches = (replace(patch, written=True) for patch in edit.patches)
    return WriteReport(results=tuple(results), patches=tuple(patches))


def _all_failed(
    plans: Sequence[ApplicationPlan],
    file: Path,
    message: str,
    *,
    reason: Reason = Reason.WRITE_FAILED,
) -> WriteReport:
    return WriteReport(
        results=tuple(
            WriteResult(plan, WriteStatus.FAILED, str(file), message, reason) for plan in plans
        )
    )
