"""Check a decoded YAML or JSON document against a table of shapes.

The outcome is the document as a Kubernetes API server would store it: nulls and unknown fields
dropped, defaults filled in; beside it every fault with its field path and every unknown field with
the nearest known name. Only fields of the table are visited, so a hostile document costs nothing.

Source of the rules: structural schemas of Kubernetes custom resources,
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from argocd_image_updater.errors import shorten

# A document with more faults than this is told about the first ones only.
FAULT_LIMIT = 50


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault at one field; `fatal` = the document cannot be read at all."""

    path: str
    message: str
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """A string; the pattern must match it whole."""

    pattern: str = ""
    min_length: int = 0
    max_length: int | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Flag:
    """A boolean."""


@dataclass(frozen=True, slots=True)
class Number:
    """An integer."""


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of one shape; `key` names the item field that must differ in every item."""

    item: Shape
    key: str = ""
    min_items: int = 0
    max_items: int | None = None


@dataclass(frozen=True, slots=True)
class MapOf:
    """A map with free keys and values of one shape."""

    value: Shape


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition over several fields of a block, checked after defaults are in.

    cel: the same in the API server's expression language, for the resource's definition.
    one_of: the fields of which exactly one is there, in place of an expression where it would be
    too dear for the API server, which counts a list without a limit as very long.
    """

    holds: Callable[[Mapping[str, Any]], bool]
    message: str
    cel: str = ""
    one_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """An object with named fields; an `is_open` one has further fields that are nobody's fault."""

    fields: Mapping[str, Shape]
    required: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    is_open: bool = False


Shape = Text | Flag | Number | ListOf | MapOf | Block


@dataclass(slots=True)
class Report:
    """What was found while checking one document."""

    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def fault(self, path: str, message: str, *, fatal: bool = False) -> None:
        """Record a fault, unless there are enough of them."""
        if len(self.faults) < FAULT_LIMIT or (fatal and not self.is_fatal):
            self.faults.append(Fault(path, message, fatal))

    @property
    def is_fatal(self) -> bool:
        return any(fault.fatal for fault in self.faults)


def check(shape: Shape, value: object, path: str, *, report: Report) -> Any:
    """Return `value` cleaned after `shape`, or None where it has the wrong type."""
    match shape:
        case Text():
            return _check_text(shape, value, path, report=report)
        case Flag():
            return _typed(value, bool, path, wanted="true or false", report=report)
        case Number():
            if isinstance(value, bool):
                value = None
            return _typed(value, int, path, wanted="a whole number", report=report)
        case ListOf():
            return _check_list(shape, value, path, report=report)
        case MapOf():
            return _check_map(shape, value, path, report=report)
        case Block():
            return _check_block(shape, value, path, report=report)


def _typed(value: object, kind: type, path: str, *, wanted: str, report: Report) -> Any:
    if isinstance(value, kind):
        return value
    report.fault(path, f"must be {wanted}, not {_describe(value)}", fatal=True)
    return None


def _describe(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the text {shorten(value, 40)!r}"
        case list():
            return "a list"
        case _:
            return "a map"


def _check_text(shape: Text, value: object, path: str, *, report: Report) -> str | None:
    if not isinstance(value, str):
        hint = "" if isinstance(value, list | dict) or value is None else "; write it in quotes"
        report.fault(path, f"must be text, not {_describe(value)}{hint}", fatal=True)
        return None
    if len(value) < shape.min_length:
        report.fault(path, f"must have at least {shape.min_length} character(s)")
    if shape.max_length is not None and len(value) > shape.max_length:
        report.fault(path, f"must have at most {shape.max_length} characters")
    if shape.pattern and not re.fullmatch(shape.pattern, value):
        report.fault(path, f"{shorten(value, 60)!r} must match ^{shape.pattern}$")
    if shape.choices and value not in shape.choices:
        report.fault(path, f"{shorten(value, 60)!r} must be one of {', '.join(shape.choices)}")
    return value


def _check_list(shape: ListOf, value: object, path: str, *, report: Report) -> list[Any] | None:
    items = _typed(value, list, path, wanted="a list", report=report)
    if items is None:
        return None
    if len(items) < shape.min_items:
        report.fault(path, f"must have at least {shape.min_items} item(s)")
    if shape.max_items is not None and len(items) > shape.max_items:
        report.fault(path, f"must have at most {shape.max_items} items")
    cleaned = [
        check(shape.item, item, f"{path}[{index}]", report=report)
        for index, item in enumerate(items)
    ]
    if shape.key:
        _check_unique(cleaned, shape.key, path, report=report)
    return cleaned


def _check_unique(items: list[Any], key: str, path: str, *, report: Report) -> None:
    seen: dict[str, int] = {}
    for index, item in enumerate(items):
        name = item.get(key) if isinstance(item, dict) else None
        if not isinstance(name, str):
            continue
        if name in seen:
            report.fault(f"{path}[{index}]", f"repeats {key} {name!r} of {path}[{seen[name]}]")
        seen.setdefault(name, index)


def _check_map(shape: MapOf, value: object, path: str, *, report: Report) -> dict[str, Any] | None:
    entries = _typed(value, Mapping, path, wanted="a map", report=report)
    if entries is None:
        return None
    return {
        str(key): check(shape.value, item, f"{path}.{key}", report=report)
        for key, item in entries.items()
    }


def _check_block(shape: Block, value: object, path: str, *, report: Report) -> Any:
    given = _typed(value, Mapping, path, wanted="a map", report=report)
    if given is None:
        return None
    cleaned: dict[str, Any] = {}
    for name, item in given.items():
        known = shape.fields.get(name)
        if known is None:
            if not shape.is_open:
                report.warnings.append(_unknown(str(name), shape, path))
        elif item is not None:
            cleaned[name] = check(known, item, _join(path, name), report=report)
    for name in shape.required:
        if name not in cleaned:
            report.fault(_join(path, name), "is required", fatal=True)
    for name, default in shape.defaults.items():
        cleaned.setdefault(name, default)
    for rule in shape.rules:
        if not rule.holds(cleaned):
            report.fault(path, rule.message)
    return cleaned


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _unknown(name: str, shape: Block, path: str) -> str:
    nearest = difflib.get_close_matches(name, shape.fields, n=1)
    hint = f"; did you mean {nearest[0]}?" if nearest else ""
    return f"unknown field {_join(path, shorten(name, 80))} is ignored{hint}"
