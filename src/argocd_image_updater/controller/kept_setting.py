"""A setting that comes from files: read when they change, kept where they cannot be used.

The first reading decides whether the program starts; later ones never take away what works. While
the files are wrong they are read each time, so that the mending of any of them is seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from argocd_image_updater.controller.file_stamps import take_stamps
from argocd_image_updater.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from argocd_image_updater.controller.file_stamps import FileStamp

_Value = TypeVar("_Value")
# What is read may name further files, and those none: a third reading happens only in a race.
_ROUNDS = 3


class KeptSetting(Generic[_Value]):
    """One setting; not for several threads at once. was_read: by the last `load`, anew or in vain.

    read: reads the files anew. watched: the paths that the setting depends on, given the value that
    was read last (None before the first reading).
    """

    def __init__(
        self,
        *,
        read: Callable[[], _Value],
        watched: Callable[[_Value | None], Iterable[Path]],
    ) -> None:
        self._read = read
        self._watched = watched
        self._value: _Value | None = None
        self._stamps: Mapping[Path, FileStamp | None] | None = None
        self._failure = ""
        self.was_read = False

    @property
    def failure(self) -> str:
        """Why the files cannot be used now, empty = they can."""
        return self._failure

    def load(self) -> _Value:
        """Return the setting as the files say it, or as they said it last; blocks on the disk.

        Raises:
            ConfigError: they cannot be used, and never could.
        """
        value = self._value
        is_same = value is not None and not self._failure and self._stamps == self._take(value)
        self.was_read = not is_same
        if value is not None and is_same:
            return value
        try:
            value = self._read_settled()
        except ConfigError as error:
            if self._value is None:
                raise
            hint = f"; {error.hint}" if error.hint else ""
            self._failure = f"{error}{hint}; until it is mended, what was read before stays in use"
            return self._value
        self._value, self._failure = value, ""
        return value

    def _read_settled(self) -> _Value:
        """Read until every file that the value depends on was looked at before the reading."""
        value = self._value
        for _ in range(_ROUNDS):
            before = self._take(value)
            value = self._read()
            self._stamps = before
            if before.keys() == self._take(value).keys():
                break
        assert value is not None
        return value

    def _take(self, value: _Value | None) -> Mapping[Path, FileStamp | None]:
        return take_stamps(self._watched(value))
