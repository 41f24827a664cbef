"""Small files of the access to a cluster; reading blocks, so callers do it in a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

MAX_FILE_BYTES = 4 * 1024 * 1024  # bundles of authorities are the largest, some 300 KiB


def read_bytes(file: Path) -> bytes:
    """Return the content of a small file.

    Raises:
        ConfigError: it cannot be read or is too large; the content is not told.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from None
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError(f"{file}: has more than {MAX_FILE_BYTES} bytes")
    return content


def read_text(file: Path) -> str:
    """Return the content of a small text file."""
    try:
        return read_bytes(file).decode()
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: is no UTF-8 text") from None
