"""The settings that live in files, read again when the files change: no restart is needed.

Three of them: the table of registries (``registries.conf`` and ``registries.extra.conf`` beside it,
the files with certificates they name, the directories with certificates by host), the commit
message template and the SSH configuration. At the start a file that cannot be used ends the
program, but for that of SSH, which only some repositories need. Later the settings that were read
last stay in use and a warning says so in every cycle until the file is mended. A file that vanishes
counts as one that cannot be used: falling back to the built-in settings could send questions to
another registry.

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
from argocd_image_updater.git.ssh_config import check_ssh_config, read_ssh_config
from argocd_image_updater.registry.certificates import CA_DIRECTORIES, certificate_files
from argocd_image_updater.registry.endpoint_loading import load_table
from argocd_image_updater.registry.registries_conf import FILE_SIZE_LIMIT
from argocd_image_updater.registry.registries_extra import EXTRA_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from argocd_image_updater.registry.endpoints import EndpointTable

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """What the files say; template, ssh_config: texts, empty = the built-in one, or none.

    warnings: of the table, and why a file is not in use. changed: something differs from what was
    returned before; the first one counts as changed.
    """

    table: EndpointTable
    template: str
    warnings: tuple[str, ...] = ()
    changed: bool = False
    ssh_config: str = ""


def _not_observed(_failure: str) -> None: ...


class SettingsFiles:
    """The files of one process; call `load` at the beginning of each cycle, in a thread.

    Empty paths: the built-in settings. observe: called by each load that read a file, with why
    some file cannot be used, empty = all can; for a metric.
    """

    def __init__(
        self,
        registries_conf_path: str,
        template_path: str,
        *,
        ssh_config_path: str = "",
        ca_directories: Sequence[Path] = CA_DIRECTORIES,
        observe: Callable[[str], None] = _not_observed,
    ) -> None:
        self._registries_path = registries_conf_path
        self._template_path = template_path
        self._ssh_path = ssh_config_path
        self._ca_directories = tuple(ca_directories)
        self._observe = observe
        self._table = KeptSetting(read=self._read_table, watched=self._table_files)
        self._template = KeptSetting(read=self._read_template, watched=self._template_files)
        self._ssh = KeptSetting(read=self._read_ssh, watched=self._ssh_files)
        self._seen: set[str] = set()
        self._last: tuple[EndpointTable, str, str] | None = None

    def load(self) -> LoadedSettings:
        """Return the settings as the files say them now; blocks on the disk.

        Raises:
            ConfigError: a file cannot be used, and nothing was read from it before.
        """
        table, template = self._table.load(), self._template.load()
        ssh, ssh_failure = self._load_ssh()
        failures = tuple(filter(None, (self._table.failure, self._template.failure, ssh_failure)))
        if self._table.was_read or self._template.was_read or self._ssh.was_read:
            self._observe("; ".join(failures))
        last, self._last = self._last, (table, template, ssh)
        return LoadedSettings(
            table,
            template,
            (*failures, *table.warnings),
            changed=self._last != last,
            ssh_config=ssh,
        )

    def _read_table(self) -> EndpointTable:
        path = self._registries_path
        text = read_registries_file(path)
        if text is None:
            self._note_absence(path, "only the built-in registries are known")
        extra_path = self._extra_path
        extra = read_registries_file(extra_path)
        if extra is None and extra_path in self._seen:
            self._note_absence(extra_path, "")
        table = load_table(
            text,
            file=path,
            ca_directories=self._ca_directories,
            extra=None if extra is None else (extra, extra_path),
        )
        if text is not None:
            self._seen.add(path)
        if extra is not None:
            self._seen.add(extra_path)
        return table

    @property
    def _extra_path(self) -> str:
        path = self._registries_path
        return str(Path(path).with_name(EXTRA_FILE)) if Path(path).name else ""

    def _table_files(self, table: EndpointTable | None) -> Iterator[Path]:
        if self._registries_path:
            yield Path(self._registries_path)
        if self._extra_path:
            yield Path(self._extra_path)
        for directory in self._ca_directories:
            yield from certificate_files(directory)
        if table is not None:
            named = {item.ca_file for item in table.endpoints.values() if item.ca_file}
            yield from map(Path, sorted(named))
            yield from table.extra_files

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

    def _load_ssh(self) -> tuple[str, str]:
        """Return the SSH configuration and why it cannot be used.

        One that could never be used is returned all the same: to go without it could lead to
        another host than the owner meant.
        """
        try:
            return self._ssh.load(), self._ssh.failure
        except ConfigError as error:
            try:
                return read_ssh_config(self._ssh_path) or "", str(error)
            except ConfigError:
                return "", str(error)

    def _read_ssh(self) -> str:
        path = self._ssh_path
        text = read_ssh_config(path) if path else ""
        if text is None:
            self._note_absence(path, "ssh goes without a configuration")
            return ""
        if text:
            check_ssh_config(path)
        self._seen.add(path)
        return text

    def _ssh_files(self, _text: str | None) -> Iterator[Path]:
        if self._ssh_path:
            yield Path(self._ssh_path)

    def _note_absence(self, path: str, instead: str) -> None:
        """Tell that a file is not there, which is an error only where it was there before."""
        if not path:
            return
        if path in self._seen:
            raise ConfigError(
                f"{path} is gone", hint="put it back, or empty it to use the built-in settings"
            )
        _LOG.info("%s is not there: %s", path, instead)


def read_registries_file(path: str) -> str | None:
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
