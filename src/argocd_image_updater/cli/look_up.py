"""``test``: which tag an image would be updated to, without an Application and without a cluster.

The log tells the way and, in its last line, the result, in words that tools know; they never
change. Standard output holds the resulting reference alone, or a JSON document, and nothing where
there is no result. Source of the rules: docs/testing-images.md.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.cli import exit_codes
from argocd_image_updater.cli.console import Console, open_console
from argocd_image_updater.cli.ending import Ending
from argocd_image_updater.cli.flag import TEST
from argocd_image_updater.cli.flags import BY_NAME
from argocd_image_updater.cli.render.json_report import to_text
from argocd_image_updater.cli.render.look_up import (
    chosen_reference,
    look_up_document,
    look_up_hint,
    render_look_up,
)
from argocd_image_updater.controller.looking_up import look_up
from argocd_image_updater.controller.settings_files import SettingsFiles
from argocd_image_updater.core.choice import Choice, NoChoice
from argocd_image_updater.core.reasons import OUTCOME_OF, Outcome, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.cli.look_up_options import LookUpOptions
    from argocd_image_updater.controller.looking_up import LookUp
    from argocd_image_updater.core.reference import ImageReference

_LOG = logging.getLogger(__name__)
_DEFAULT_CONF = str(BY_NAME["registries-conf-path"].default)


def test(options: LookUpOptions, environ: Mapping[str, str]) -> int:
    """Run the command and return its exit code."""
    asked = options.asked
    console = open_console(asked, environ)
    fields = _fields(asked.image)
    _LOG.info("retrieving information about image", extra=fields)
    tag = asked.image.tag
    if tag is not None and tag.name and not options.settings.reference.tag:
        _LOG.info("the tag of the image is no constraint: see --semver-constraint", extra=fields)
    files = SettingsFiles(asked.registries_conf_path or _DEFAULT_CONF, "").load()
    for warning in files.warnings:
        _LOG.warning("%s", warning, extra=fields)
    wanted = asked.look_up(options.settings, files.table, limit_per_s=options.limit_per_s)
    with Ending() as ending:
        found = ending.run(_ask(wanted, console, fields))
    if found is None:
        return exit_codes.USAGE
    return _Result(options, wanted, found, files.warnings).tell(console, fields)


async def _ask(wanted: LookUp, console: Console, fields: Mapping[str, str]) -> Choice | NoChoice:
    _LOG.info("fetching available tags and metadata from registry", extra=fields)
    _LOG.debug("the registry is asked at %s", wanted.endpoint.api_url, extra=fields)
    with console.progress(dry_run=True) as line:
        return await look_up(
            wanted,
            on_tags=lambda count: _LOG.info("found %d tags in registry", count, extra=fields),
            on_progress=line or (lambda _step: None),
        )


@dataclass(frozen=True, slots=True)
class _Result:
    """What was found, and for which options."""

    options: LookUpOptions
    wanted: LookUp
    found: Choice | NoChoice
    warnings: tuple[str, ...]

    def tell(self, console: Console, fields: Mapping[str, str]) -> int:
        """Tell it everywhere and return the exit code."""
        warnings = self.found.warnings if isinstance(self.found, Choice) else ()
        for warning in warnings:
            _LOG.warning("%s", warning, extra=fields)
        self._show_tags(console)
        code = self._log(fields)
        if self.options.asked.output == "json":
            document = look_up_document(
                self.options.settings,
                self.found,
                endpoint=self.wanted.endpoint,
                warnings=(*self.options.asked.warnings, *self.warnings, *warnings),
            )
            console.write(to_text(document, one_line=False))
        elif isinstance(self.found, Choice):
            console.write(chosen_reference(self.options.settings, self.found) + "\n")
        return code

    def _show_tags(self, console: Console) -> None:
        options = self.options
        if options.asked.output == "json" or not (console.err_terminal.is_tty or options.all_tags):
            return
        console.err.write(
            render_look_up(
                options.settings,
                self.found,
                console.err_terminal,
                endpoint=self.wanted.endpoint,
                all_tags=options.all_tags,
            )
        )
        console.err.flush()

    def _log(self, fields: Mapping[str, str]) -> int:
        """Write the last lines; their texts never change."""
        found = self.found
        if isinstance(found, Choice):
            reference = chosen_reference(self.options.settings, found)
            _LOG.info("latest image according to constraint is %s", reference, extra=fields)
            return exit_codes.OK
        why = {**fields, "reason": found.reason.value}
        if OUTCOME_OF[found.reason] in {Outcome.SKIPPED, Outcome.HELD}:
            _LOG.info("%s", found.message, extra=why)
            _LOG.info("no newer version of image found", extra=fields)
            return exit_codes.OK
        hint = look_up_hint(found.reason)
        _LOG.error("%s", found.message, extra=why | ({"hint": hint} if hint else {}))
        return exit_codes.FAILED if found.reason is Reason.INTERNAL_ERROR else exit_codes.USAGE


def _fields(image: ImageReference) -> dict[str, str]:
    fields = {"command": TEST, "image_name": image.full_name, "image_registry": image.registry}
    optional = {
        "image_alias": image.alias,
        "image_tag": image.tag.name if image.tag else "",
        "image_digest": image.tag.digest if image.tag else "",
    }
    return fields | {name: value for name, value in optional.items() if value}
