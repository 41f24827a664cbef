"""What a flag is: the row type of the flag table, its value types and its help sections."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from argocd_image_updater.core.durations import format_duration


class Kind(StrEnum):
    """The type of a flag's value."""

    BOOL = "bool"
    INT = "int"
    DURATION = "duration"
    TEXT = "string"
    LIST = "strings"


class Section(StrEnum):
    """Headings of the help, in this order."""

    WORK = "What to work on"
    REGISTRIES = "Registries"
    GIT = "Git"
    OUTPUT = "Output and logging"
    TEST = "One image and its registry"
    CLUSTER = "In a cluster (no effect with --manifests)"


RUN, PLAN, EXPLAIN, VERSION, COMPLETION = "run", "plan", "explain", "version", "completion"
TEST, TEMPLATE, DEMO, DOCTOR = "test", "template", "demo", "doctor"
VALIDATE = "validate"
CYCLE = frozenset({RUN, PLAN, EXPLAIN})  # commands that evaluate a cycle
ONLY_RUN = frozenset({RUN})
LOG_LEVELS = ("trace", "debug", "info", "warn", "error")


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag.

    default: as parsed (durations in nanoseconds). allowed: valid numbers. env_allowed: valid
    numbers of the variable where they are narrower. choices: the valid words; `ignore_case` for
    them. path: ``file`` or ``dir`` helps the shell. defaults: other defaults for some commands.
    """

    name: str
    help: str
    kind: Kind = Kind.TEXT
    default: bool | int | str | tuple[str, ...] = ""
    env: str = ""
    section: Section = Section.WORK
    commands: frozenset[str] = CYCLE
    metavar: str = ""
    choices: tuple[str, ...] = ()
    ignore_case: bool = False
    allowed: range | None = None
    env_allowed: range | None = None
    path: str = ""
    default_note: str = ""
    defaults: tuple[tuple[str, str], ...] = ()

    @property
    def option(self) -> str:
        return f"--{self.name}"

    @property
    def is_bool(self) -> bool:
        return self.kind is Kind.BOOL

    def default_for(self, command: str) -> bool | int | str | tuple[str, ...]:
        """Return the default value in one command."""
        return dict(self.defaults).get(command, self.default)

    def default_text(self, command: str) -> str:
        """Return the default as a person would write it; empty for none."""
        if self.default_note:
            return self.default_note
        value = self.default_for(command)
        if self.kind is Kind.DURATION and isinstance(value, int):
            return format_duration(value)
        if isinstance(value, bool):
            return "true" if value else "false"
        return "" if isinstance(value, tuple) else str(value)
