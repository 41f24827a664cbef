"""The fields of the first log line, which tools look for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.cli.version import read_build
from argocd_image_updater.core.durations import format_duration

if TYPE_CHECKING:
    from argocd_image_updater.cli.options import RunOptions


def start_fields(options: RunOptions, *, probe_address: str) -> dict[str, str]:
    """Return the fields of the line ``starting``. probe_address: ``0`` = no probes."""
    fields = {
        "logger": "controller-setup",
        "app": f"argocd-image-updater: {read_build().name}",
        "loglevel": options.log_level.upper(),
        "interval": format_duration(options.interval_ns) if options.interval_ns else "once",
        "healthPort": probe_address,
    }
    if options.argocd_namespace:
        fields["argocdNamespace"] = options.argocd_namespace
    return fields
