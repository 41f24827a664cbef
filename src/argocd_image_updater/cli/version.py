"""``version``: what this program is and when it was built.

A release build adds the module ``argocd_image_updater._build`` with the two texts ``COMMIT`` (the
full object id) and ``DATE`` (RFC 3339); without it both are unknown.
"""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import dataclass

from argocd_image_updater import __version__
from argocd_image_updater.cli.places import platform_of

_BUILD_MODULE = "argocd_image_updater._build"
_UNKNOWN = "unknown"
_NO_DATE = "1970-01-01T00:00:00Z"
_SHORT_COMMIT = 7


@dataclass(frozen=True, slots=True)
class Build:
    """What the release build recorded."""

    version: str = __version__
    commit: str = _UNKNOWN
    date: str = _NO_DATE

    @property
    def name(self) -> str:
        return f"v{self.version}+{self.commit[:_SHORT_COMMIT]}"


def read_build() -> Build:
    """Return the record of the release build, or one that says unknown."""
    try:
        module = importlib.import_module(_BUILD_MODULE)
    except ModuleNotFoundError:
        return Build()
    return Build(commit=str(module.COMMIT), date=str(module.DATE))


def version_text(build: Build, *, short: bool) -> str:
    """Return the version for people, ending in a newline."""
    if short:
        return build.name + "\n"
    runtime = sys.implementation
    rows = (
        f"argocd-image-updater: {build.name}",
        f"  BuildDate: {build.date}",
        f"  GitCommit: {build.commit}",
        f"  PythonVersion: {'.'.join(map(str, sys.version_info[:3]))}",
        f"  PythonImplementation: {runtime.name}",
        f"  Platform: {platform_of(sys.platform, os.uname().machine)}",
    )
    return "\n".join(rows) + "\n"
