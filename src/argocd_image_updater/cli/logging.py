"""Log lines: text or JSON, always on standard error, in the form that existing tools parse.

Text: ``time="<RFC 3339>" level=<level> msg="…" key=value …`` with sorted keys; a value is quoted
unless it consists of ``A-Za-z0-9-._/@^+`` only. JSON: one object a line. On a terminal: a coloured
short form. Fields come through ``extra`` of the standard library's loggers. User information in a
URL never reaches a line. Source: docs/reference/cli.md.
"""

from __future__ import annotations

import json
import logging
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from argocd_image_updater.core import bounded_text

if TYPE_CHECKING:
    from collections.abc import Callable

TRACE = 5
PACKAGE = "argocd_image_updater"

_LEVELS = {
    "trace": TRACE,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
_LEVEL_WORDS = {
    TRACE: "trace",
    logging.DEBUG: "debug",
    logging.INFO: "info",
    logging.WARNING: "warning",
    logging.ERROR: "error",
    logging.CRITICAL: "fatal",
}
_COLOURS = {"trace": 37, "debug": 37, "info": 36, "warning": 33, "error": 31, "fatal": 31}
_MESSAGE_WIDTH = 44  # fields start in one column on a terminal
_PLAIN = re.compile(r"[A-Za-z0-9\-._/@^+]*")
_OWN_KEYS = frozenset({"time", "level", "msg"})
_STANDARD_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",  # newer Pythons
}
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


class LineHolder(Protocol):
    """Something on the terminal that must make room for a log line."""

    def clear(self) -> None: ...


@dataclass(frozen=True, slots=True)
class LogOptions:
    """level: ``trace`` … ``error``. form: ``text``, ``json`` or ``terminal``."""

    level: str
    form: str


class LogfmtFormatter(logging.Formatter):
    """``time="…" level=info msg="…" key=value``."""

    def format(self, record: logging.LogRecord) -> str:
        head = {"time": _time(record), "level": _level(record), "msg": _message(record)}
        pairs = [*head.items(), *sorted(_fields(record).items())]
        return " ".join(f"{key}={quote(value)}" for key, value in pairs)


class JsonFormatter(logging.Formatter):
    """One JSON object with sorted keys."""

    def format(self, record: logging.LogRecord) -> str:
        line = {"time": _time(record), "level": _level(record), "msg": _message(record)}
        return json.dumps(line | _fields(record), sort_keys=True, ensure_ascii=False, default=str)


class TerminalFormatter(logging.Formatter):
    """``INFO[0000] message   key=value`` with a coloured level; seconds since the start."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._start_s = clock()

    def format(self, record: logging.LogRecord) -> str:
        level = _level(record)
        colour = f"\x1b[{_COLOURS[level]}m"
        elapsed_s = int(self._clock() - self._start_s)
        message = _without_controls(_message(record))
        fields = "".join(
            f" {colour}{key}\x1b[0m={quote(value)}"
            for key, value in sorted(_fields(record).items())
        )
        line = (
            f"{colour}{level[:4].upper()}\x1b[0m[{elapsed_s:04d}] {message:<{_MESSAGE_WIDTH}}"
            f"{fields}"
        )
        return line.rstrip()


_FORMATTERS: dict[str, Callable[[], logging.Formatter]] = {
    "text": LogfmtFormatter,
    "json": JsonFormatter,
    "terminal": TerminalFormatter,
}


class _Handler(logging.StreamHandler[TextIO]):
    """Writes to one stream and clears the live line first, if there is one."""

    holder: LineHolder | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if self.holder is not None:
            self.holder.clear()
        super().emit(record)


def set_up_logging(options: LogOptions, stream: TextIO) -> logging.Handler:
    """Send the log of this program (and warnings of libraries) to `stream`."""
    logging.addLevelName(TRACE, "TRACE")
    handler = _Handler(stream)
    handler.setFormatter(_FORMATTERS[options.form]())
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger(PACKAGE).setLevel(_LEVELS[options.level])
    return handler


def make_room_with(holder: LineHolder | None) -> None:
    """Let `holder` clear its line before each log line; None ends that."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, _Handler):
            handler.holder = holder


def quote(value: Any) -> str:
    """Return `value` as it stands in a text line."""
    text = _text(value)
    if _PLAIN.fullmatch(text):
        return text
    return '"' + "".join(_escaped(character) for character in text) + '"'


def hide_user_information(text: str) -> str:
    """Return `text` with user and password in URLs left out."""
    return bounded_text.hide_user_information(text)


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x80:  # noqa: PLR2004 - ASCII
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - the basic plane


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return hide_user_information(str(value))


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(int(record.created), tz=UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _level(record: logging.LogRecord) -> str:
    known = [level for level in _LEVEL_WORDS if level <= max(record.levelno, TRACE)]
    return _LEVEL_WORDS[max(known)]


def _message(record: logging.LogRecord) -> str:
    return hide_user_information(record.getMessage())


def _without_controls(text: str) -> str:
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields = {
        (f"fields.{key}" if key in _OWN_KEYS else key): _field(value)
        for key, value in vars(record).items()
        if key not in _STANDARD_ATTRIBUTES
    }
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        fields["error"] = hide_user_information(f"{type(error).__name__}: {error}")
        fields["stack"] = hide_user_information(
            logging.Formatter().formatException(record.exc_info)
        )
    return fields


def _field(value: Any) -> Any:
    return value if isinstance(value, (bool, int, float)) or value is None else _text(value)
