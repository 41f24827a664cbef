"""The state directory: private to the user, held by one process at a time.

It holds nothing that cannot be learned again: facts by digest and Git mirrors. It survives a
restart, not the loss of its volume.

Source of the rules: docs/standalone.md.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from argocd_image_updater.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

PRIVATE = 0o700


class StateBusy(ConfigError):
    """Another process holds the state directory."""


@dataclass(slots=True)
class StateDirectory:
    """An open state directory; ``close`` gives it up."""

    path: Path
    _descriptor: int

    @classmethod
    def open(cls, path: Path) -> Self:
        """Create the directory where it is missing, make it private and lock it.

        Raises:
            StateBusy: another process uses it.
            ConfigError: it cannot be created or belongs to somebody else.
        """
        descriptor = _open_lock(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            os.close(descriptor)
            raise StateBusy(
                f"state directory {path} is in use by process {holder or 'unknown'}; "
                "wait for it or name another with --state-dir"
            ) from error
        with contextlib.suppress(OSError):  # on a full disk the lock holds without the number
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return cls(path, descriptor)

    def close(self) -> None:
        """Give the directory up; the operating system does the same when the process dies."""
        with contextlib.suppress(OSError):
            os.close(self._descriptor)


def check_state_directory(path: Path) -> None:
    """Make sure that the directory could be opened, and leave it to whoever holds it.

    Raises:
        ConfigError: it cannot be created or belongs to somebody else.
    """
    os.close(_open_lock(path))


def _open_lock(path: Path) -> int:
    """Create the directory where it is missing, make it private and open its lock."""
    try:
        path.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        status = path.stat()
        if status.st_uid != os.geteuid():
            raise ConfigError(
                f"state directory {path} belongs to another user; name another with --state-dir"
            )
        if status.st_mode & 0o777 != PRIVATE:
            path.chmod(PRIVATE)
        return os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(
            f"state directory {path} cannot be used: {error.strerror}; name another with "
            "--state-dir"
        ) from error
