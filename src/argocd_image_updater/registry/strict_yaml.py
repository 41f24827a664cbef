"""Strict YAML for the files about registries: every fault names file, line, entry and key.

The first fault ends the reading, or all of them are collected: then what comes out is not used.

A key given twice is a fault, and so is what can only be meant to exhaust us: deep nesting, merge
keys that multiply, a file larger than a ConfigMap can hold. Merge keys are followed.
"""

from __future__ import annotations

import contextlib
import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import yaml

from argocd_image_updater.errors import ConfigError, shorten

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

# A ConfigMap holds at most 1 MiB.
FILE_SIZE_LIMIT = 1 << 20
# Merge keys can multiply: more keys than this in one entry is not a configuration.
MERGE_LIMIT = 1_000

_MERGE_KEY = "<<"


class RegistriesConfError(ConfigError):
    """A file about registries cannot be used; the message names file, line, entry and key."""


@dataclass(slots=True)
class Faults:
    """What happens to a fault: it is raised at once, or collected with those behind it."""

    collects: bool = False
    found: list[RegistriesConfError] = field(default_factory=list)

    def note(self, fault: RegistriesConfError) -> None:
        """Raise a fault, or keep it."""
        if not self.collects:
            raise fault
        self.found.append(fault)

    @contextlib.contextmanager
    def of_part(self) -> Iterator[None]:
        """Let a fault end this block only."""
        try:
            yield
        except RegistriesConfError as fault:
            self.note(fault)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands, for messages."""

    file: str
    entry: str = ""

    def error(self, node: yaml.Node, message: str, *, hint: str = "") -> RegistriesConfError:
        where = f"{self.file}:{node.start_mark.line + 1}"
        about = f"{where}: {self.entry}: " if self.entry else f"{where}: "
        return RegistriesConfError(about + message, hint=hint)


def compose(text: str, *, file: str) -> yaml.Node | None:
    """Return the first document of a text as nodes, None where there is none."""
    if len(text) > FILE_SIZE_LIMIT:
        raise RegistriesConfError(f"{file}: is larger than {FILE_SIZE_LIMIT} characters")
    # The loader in Python stops at its recursion limit where the one in C would not stop at all.
    loader = yaml.SafeLoader(text.removeprefix("\ufeff"))
    try:
        return loader.get_node() if loader.check_node() else None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = shorten(str(error.problem or error.context))
        raise RegistriesConfError(f"{file}:{line}: is not YAML: {problem}") from None
    except yaml.YAMLError as error:
        raise RegistriesConfError(f"{file}: is not YAML: {shorten(str(error))}") from None
    except RecursionError:
        raise RegistriesConfError(f"{file}: is nested too deeply") from None
    finally:
        loader.dispose()


def pairs(node: yaml.Node, *, place: Place) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
    """Yield the pairs of a mapping; a key that is no scalar or stands twice is an error."""
    if not isinstance(node, yaml.MappingNode):
        raise place.error(node, "must be a mapping of keys to values")
    seen: set[str] = set()
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise place.error(key, "a key must be a single word")
        if key.value in seen:
            raise place.error(key, f"key {shorten(key.value)!r} is given twice")
        seen.add(key.value)
        yield key, value


def merged(node: yaml.Node, *, place: Place) -> dict[str, tuple[yaml.ScalarNode, yaml.Node]]:
    """Return the pairs of an entry with its merge keys followed; own keys win over merged ones."""
    own: dict[str, tuple[yaml.ScalarNode, yaml.Node]] = {}
    pending, visited = [node], 0
    while pending:
        visited += 1
        if visited > MERGE_LIMIT:
            raise place.error(node, f"merges more than {MERGE_LIMIT} mappings")
        for key, value in pairs(pending.pop(0), place=place):
            if key.value == _MERGE_KEY and key.style is None:
                pending[:0] = value.value if isinstance(value, yaml.SequenceNode) else [value]
            else:
                own.setdefault(key.value, (key, value))
    return own


def nearest(key: str, known: Collection[str]) -> str:
    """Return a hint about an unknown key."""
    close = difflib.get_close_matches(key[:64].lower(), known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"known keys: {', '.join(known)}"
