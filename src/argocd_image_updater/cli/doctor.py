"""``doctor registry``: what stands between this program and the registry of an image.

A line for each check as soon as it is done, then the one sentence a person needs; or a JSON
document. Source of the rules: docs/doctor.md.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from argocd_image_updater.cli import exit_codes
from argocd_image_updater.cli.console import Console, open_console
from argocd_image_updater.cli.ending import Ending
from argocd_image_updater.cli.flag import DOCTOR
from argocd_image_updater.cli.flags import BY_NAME
from argocd_image_updater.cli.render.doctor import diagnosis_document, render_check, render_verdict
from argocd_image_updater.cli.render.json_report import to_text
from argocd_image_updater.controller.doctor import examine
from argocd_image_updater.controller.doctor_checks import Blame
from argocd_image_updater.controller.settings_files import SettingsFiles
from argocd_image_updater.core.settings import ImageSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.cli.registry_options import RegistryOptions
    from argocd_image_updater.controller.doctor_checks import Check, Diagnosis

_LOG = logging.getLogger(__name__)
_DEFAULT_CONF = str(BY_NAME["registries-conf-path"].default)


def doctor_registry(options: RegistryOptions, environ: Mapping[str, str]) -> int:
    """Run the command and return its exit code."""
    console = open_console(options, environ)
    files = SettingsFiles(options.registries_conf_path or _DEFAULT_CONF, "").load()
    for warning in files.warnings:
        _LOG.warning("%s", warning, extra={"command": DOCTOR})
    wanted = options.look_up(ImageSettings(alias="", reference=options.image), files.table)
    is_table = options.output == "table"

    def show(check: Check) -> None:
        if is_table:
            console.write(render_check(check, console.out_terminal))

    with Ending() as ending:
        found = ending.run(examine(wanted, on_check=show))
    if found is None:
        return exit_codes.USAGE
    warnings = (*options.warnings, *files.warnings)
    _tell(found, console, is_table=is_table, warnings=warnings)
    return _code(found)


def _tell(found: Diagnosis, console: Console, *, is_table: bool, warnings: tuple[str, ...]) -> None:
    if is_table:
        console.write(render_verdict(found, console.out_terminal))
    else:
        console.write(to_text(diagnosis_document(found, warnings=warnings), one_line=False))


def _code(found: Diagnosis) -> int:
    failed = found.first_failed
    if failed is None:
        return exit_codes.OK
    return exit_codes.USAGE if failed.blame is Blame.CONFIGURATION else exit_codes.FAILED
