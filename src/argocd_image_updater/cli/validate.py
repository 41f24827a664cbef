"""``validate``: every fault of the configuration, before it is put to use.

Source of the rules: docs/validating.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argocd_image_updater.cli import exit_codes
from argocd_image_updater.cli.console import open_console
from argocd_image_updater.cli.flag import VALIDATE
from argocd_image_updater.cli.flags import BY_NAME
from argocd_image_updater.cli.logging import hide_user_information
from argocd_image_updater.cli.options import resolve
from argocd_image_updater.cli.places import default_platform
from argocd_image_updater.cli.registry_options import read_existing_path
from argocd_image_updater.cli.render.terminal import printable
from argocd_image_updater.cli.session import DEFAULT_NAMESPACE
from argocd_image_updater.controller.validation import Findings, Wanted, validate
from argocd_image_updater.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

_DEFAULT_CONF = Path(str(BY_NAME["registries-conf-path"].default))


@dataclass(frozen=True, slots=True)
class ValidateOptions:
    """What is looked at, and the log, which only tells of the options."""

    wanted: Wanted
    log_level: str = "warn"
    log_format: str = "text"
    warnings: tuple[str, ...] = ()


def read_validate_options(
    *, given: Mapping[str, Any], environ: Mapping[str, str]
) -> ValidateOptions:
    """Return the options of `validate`.

    Raises:
        ConfigError: there is nothing to look at, or a named file is not there.
    """
    settings, warnings = resolve(VALIDATE, given=given, environ=environ)
    manifests = tuple(Path(folder) for folder in settings["manifests"].value)
    named = read_existing_path(settings["registries-conf-path"].value)
    registries = Path(named) if named else None
    if registries is None and not manifests:
        registries = _DEFAULT_CONF
        if not registries.is_file():
            raise ConfigError(
                f"there is nothing to validate: {registries} is not there",
                hint="name a folder with --manifests, or a file with --registries-conf-path",
            )
    namespace = settings["argocd-namespace"].value or DEFAULT_NAMESPACE
    wanted = Wanted(manifests, registries, namespace, default_platform())
    return ValidateOptions(wanted, warnings=warnings)


def run_validate(options: ValidateOptions, environ: Mapping[str, str]) -> int:
    """Run the command and return its exit code."""
    console = open_console(options, environ)
    found = validate(options.wanted)
    terminal = console.out_terminal
    for kind, style, lines in (("fault", "red", found.faults), ("note", "yellow", found.remarks)):
        for line in lines:
            text = printable(hide_user_information(line))
            console.write(f"{terminal.paint(kind, style)}: {text}\n")
    style = "red" if found.faults else "green"
    console.write(f"{terminal.paint(_verdict(found), style)}\n")
    return exit_codes.USAGE if found.faults else exit_codes.OK


def _verdict(found: Findings) -> str:
    if found.faults:
        return f"{_count(len(found.faults), 'fault')}: correct what is named above"
    parts = [_count(found.registries, "registry", "registries")]
    if found.resources:
        parts += [_count(found.resources, "ImageUpdater"), _count(found.images, "image")]
    return f"no fault in {', '.join(parts)}"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one}" if number == 1 else f"{number} {many or one + 's'}"
