"""The effective settings of each Application as a log line at level trace, for bug reports.

Names are those of the resource, as in ``explain``. References of credentials are names of Secrets
and variables, never their content.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from argocd_image_updater.cli.logging import TRACE
from argocd_image_updater.cli.render.settings import setting_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from argocd_image_updater.core.decisions import Decision

_LOG = logging.getLogger(__name__)


def log_settings(
    decisions: Iterable[Decision], fields_of: Callable[[Decision], dict[str, Any]]
) -> None:
    """Write one line for each Application of each resource; nothing unless trace is on."""
    if not _LOG.isEnabledFor(TRACE):
        return
    by_application: dict[object, list[Decision]] = defaultdict(list)
    for decision in decisions:
        if decision.settings is not None:
            by_application[decision.resource, decision.application].append(decision)
    for group in by_application.values():
        _LOG.log(TRACE, "settings: %s", _text(group), extra=fields_of(group[0]))


def _text(decisions: Iterable[Decision]) -> str:
    images = [
        {"alias": decision.alias, "image": decision.image}
        | {row.name: row.value for row in setting_rows(decision.settings)}
        for decision in decisions
        if decision.settings is not None
    ]
    return json.dumps(images, ensure_ascii=False)
