"""Defaults that come from the machine: its platform and the folder for remembered state."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_FOLDER = "argocd-image-updater"

STATE_DIR = Path("/app/state")  # of the image; a volume where the installation mounts one

# What kernels call a processor → what the OCI image specification calls it (Go's GOARCH names).
_ARCHITECTURES = {
    "x86_64": "amd64",
    "amd64": "amd64",
    "i386": "386",
    "i686": "386",
    "x86": "386",
    "aarch64": "arm64",
    "arm64": "arm64",
    "armv8l": "arm/v7",
    "armv7l": "arm/v7",
    "armv6l": "arm/v6",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
    "riscv64": "riscv64",
    "loongarch64": "loong64",
}


def default_platform() -> str:
    """Return the platform of this process, as ``linux/amd64``."""
    return platform_of(sys.platform, os.uname().machine)


def platform_of(system: str, machine: str) -> str:
    """Return the OCI platform for the names that the operating system uses.

    Images run in containers: on anything but Windows these are Linux images.
    """
    name = machine.lower()
    return f"{'windows' if system == 'win32' else 'linux'}/{_ARCHITECTURES.get(name, name)}"


def default_state_dir(environ: Mapping[str, str]) -> Path:
    """Return the user's cache folder of this program; it need not exist.

    Source: XDG Base Directory Specification; a relative XDG_CACHE_HOME counts as not set.
    """
    cache = environ.get("XDG_CACHE_HOME", "")
    if cache and Path(cache).is_absolute():
        return Path(cache) / _FOLDER
    home = environ.get("HOME", "")
    if home and Path(home).is_absolute():
        return Path(home) / ".cache" / _FOLDER
    return temporary_state_dir(environ)


def cluster_state_dir(environ: Mapping[str, str]) -> Path:
    """Return the folder of a Pod that is meant for it, else one that a restart may lose.

    It is below the volume, whose own root belongs to root and cannot be made private.
    """
    if os.access(STATE_DIR, os.W_OK):
        return STATE_DIR / _FOLDER
    return temporary_state_dir(environ)


def temporary_state_dir(environ: Mapping[str, str]) -> Path:
    """Return a folder below the temporary one."""
    # Without a home: a name of this user's own, made private by whoever creates it.
    return Path(environ.get("TMPDIR") or tempfile.gettempdir()) / f"{_FOLDER}-{os.getuid()}"
