"""The settings that live in files, read again when the files change: no restart is needed.

Two of them: the table of registries (``registries.conf``, the files with root certificates it
names, the directories with certificates by host) and the commit message template. At the start a
file that cannot be used ends the program; later the settings that were read last stay in use and a
warning says so in every cycle until the file is mended. A file that vanishes counts as one that
cannot be used: falling back to the built-in settings could send questions to another registry.

Source of the rules: docs/settings.md.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from argocd_image_updater.controller.commit_template import read_commit_template
from argocd_image_updater.controller.kept_setting import KeptSetting
from argocd_image_updater.errors import ConfigError
from argocd_image_updater.registry.certificates import CA_DIRECTORIES, certificate_files
from argocd_image_updater.registry.endpoint_loading import load_table
from argocd_image_updater.registry.registries_conf import FILE_SIZE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from argocd_image_updater.registry.endpoints import EndpointTable

_LOG = logging.getLogger(__name__)
REGISTRIES, TEMPLATE = "registries.conf", "commit template"


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """What the files say; template: empty = the built-in one.

    warnings: of the table, and why a file is not in use. changed: something differs from what was
    returned before; the first one counts as changed.
    """

    table: EndpointTable
    template: str
    warnings: tuple[str, ...] = ()
    changed: bool = False


def _not_observed(_name: str, _failure: str) -> None: ...


class SettingsFiles:
    """The files of one process; call `load` at the beginning of each cycle, in a thread.

    Empty paths: the built-in settings. observe: called at each load with the name of each setting
    (`REGISTRIES`, `TEMPLATE`) and why its files cannot be used (empty = they can), for a metric.
    """

    def __init__(
        self,
        registries_conf_path: str,
        template_path: str,
        *,
        ca_directories: Sequence[Path] = CA_DIRECTORIES,
        observe: Callable[[str, str], None] = _not_observed,
    ) -> None:
        self._registries_path = registries_conf_path
        self._template_path = template_path
        self._ca_directories = tuple(ca_directories)
        self._observe = observe
        self._table = KeptSetting(read=self._read_table, watched=self._table_files)
        self._template = KeptSetting(read=self._read_template, watched=self._template_files)
        self._seen: set[str] = set()
        self._last: tuple[EndpointTable, str] | None = None

    def load(self) -> LoadedSettings:
        """Return the settings as the files say them now; blocks on the disk.

        Raises:
            ConfigError: a file cannot be used, and nothing was read from it before.
        """
        table, template = self._table.load(), self._template.load()
        self._observe(REGISTRIES, self._table.failure)
        self._observe(TEMPLATE, self._template.failure)
        failures = filter(None, (self._table.failure, self._template.failure))
        changed = (table, template) != self._last
        self._last = table, template
        return LoadedSettings(table, template, (*failures, *table.warnings), changed=changed)

    def _read_table(self) -> EndpointTable:
        path = self._registries_path
        text = _read_registries(path)
        if text is None:
            self._note_absence(path, "only the built-in registries are known")
            return load_table(None, ca_directories=self._ca_directories)
        table = load_table(text, file=path, ca_directories=self._ca_directories)
        self._seen.add(path)
        return table

    def _table_files(self, table: EndpointTable | None) -> Iterator[Path]:
        if self._registries_path:
            yield Path(self._registries_path)
        for directory in self._ca_directories:
            yield from certificate_files(directory)
        if table is not None:
            named = {item.ca_file for item in table.endpoints.values() if item.ca_file}
            yield from map(Path, sorted(named))

    def _read_template(self) -> str:
        path = self._template_path
        text = read_commit_template(path)
        if text is None:
            self._note_absence(path, "the built-in commit message template is used")
            return ""
        self._seen.add(path)
        return text

    def _template_files(self, _text: str | None) -> Iterator[Path]:
        if self._template_path:
            yield Path(self._template_path)

    def _note_absence(self, path: str, instead: str) -> None:
        """Tell that a file is not there, which is an error only where it was there before."""
        if not path:
            return
        if path in self._seen:
            raise ConfigError(
                f"{path} is gone", hint="put it back, or empty it to use the built-in settings"
            )
        _LOG.info("%s is not there: %s", path, instead)


def _read_registries(path: str) -> str | None:
    """Return the text of the registries file, None where there is no such file.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        # COMPAT: a directory in its place, too, is no error (docs/registries.md).
        if not path or not Path(path).is_file():
            return None
    except OSError:
        return None
    try:
        with Path(path).open("rb") as file:
            content = file.read(4 * FILE_SIZE_LIMIT + 1)  # a character has up to four bytes
        return content.decode()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text") from error
