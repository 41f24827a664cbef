"""Commit messages and branch names: Go ``text/template`` with its built-in functions only.

The default message needs no engine. A template of the owner's is parsed once, so a fault is known
before anything is written, and runs within a budget of steps, output and nesting.

Source of the rules: docs/write-back.md, tests/vectors/data/commit_template.json,
tests/vectors/data/branch_template.json; syntax: https://pkg.go.dev/text/template.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING

from argocd_image_updater.errors import ConfigError, shorten

if TYPE_CHECKING:
    from gotpl import ExecutionBudget, Template

    from argocd_image_updater.core.decisions import Change

# A branch name longer than this many bytes is cut: the limit of a path component on most servers.
BRANCH_NAME_BYTES = 255
TEMPLATE_CHARACTERS = 64 * 1024
OUTPUT_CHARACTERS = 256 * 1024
TEMPLATE_STEPS = 100_000
TEMPLATE_DEPTH = 50


class TemplateFault(ConfigError):
    """A template does not parse or does not run; ``stage`` is ``parse`` or ``execute``."""

    def __init__(self, message: str, *, stage: str) -> None:
        super().__init__(message)
        self.stage = stage


class _GoStruct:
    """Prints as a Go struct does: ``{a b}``."""

    __slots__ = ()

    def __str__(self) -> str:
        values = (getattr(self, item.name) for item in fields(self))  # type: ignore[arg-type] # only dataclasses derive from it
        return "{" + " ".join(map(_go_text, values)) + "}"

    __repr__ = __str__


def _go_text(value: object) -> str:
    if isinstance(value, list):
        return "[" + " ".join(map(_go_text, value)) + "]"
    if isinstance(value, Mapping):
        return "map[" + " ".join(f"{key}:{value[key]}" for key in sorted(value)) + "]"
    return str(value)


class _Items(list[_GoStruct]):
    """A list that prints as a Go slice does: ``[a b]``."""

    def __str__(self) -> str:
        return _go_text(list(self))

    __repr__ = __str__


# Field names are those of the template language, so they are written as Go writes them.
@dataclass(frozen=True, slots=True, repr=False)
class _CommitChange(_GoStruct):
    Image: str
    OldTag: str
    NewTag: str
    Labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, repr=False)
class _CommitData(_GoStruct):
    AppName: str
    AppChanges: _Items


@dataclass(frozen=True, slots=True, repr=False)
class _BranchImage(_GoStruct):
    Name: str
    Alias: str
    OldTag: str
    NewTag: str


@dataclass(frozen=True, slots=True, repr=False)
class _BranchData(_GoStruct):
    AppNamespace: str
    AppName: str
    TargetKey: str
    Images: _Items
    SHA256: str


def default_commit_message(application: str, changes: Sequence[Change]) -> str:
    """Return the built-in commit message."""
    lines = [f"build: automatic update of {application}", ""]
    lines += [
        f"updates image {change.name} tag '{change.old.text}' to '{change.new.text}'"
        for change in changes
    ]
    return "\n".join(lines) + "\n"


def fallback_commit_message(application: str) -> str:
    """Return the message used when the owner's template fails while it runs."""
    return f"build: update of application {application}"


def commit_message(application: str, changes: Sequence[Change], *, template: str = "") -> str:
    """Render the commit message of one Application; empty template = the built-in one.

    Raises:
        TemplateFault: the template does not parse or does not run.
    """
    if not template:
        return default_commit_message(application, changes)
    from gotpl import TypedMap  # noqa: PLC0415 - only an owner's own template pays for the engine

    items = [
        _CommitChange(
            change.name,
            change.old.text,
            change.new.text,
            TypedMap(dict(change.labels), zero=""),
        )
        for change in changes
    ]
    return _run(template, _CommitData(application, _Items(items)), name="commit message")


def branch_hash(changes: Sequence[Change]) -> str:
    """Return the hash over all changes that a branch name may carry."""
    text = "".join(f"{item.name}-{item.old.text}-{item.new.text}," for item in changes)
    return hashlib.sha256(text.encode()).hexdigest()


def branch_name(
    template: str,
    *,
    namespace: str,
    application: str,
    target_key: str,
    changes: Sequence[Change],
) -> str:
    """Render the name of the branch to push to.

    Raises:
        TemplateFault: the template fails. An empty name is for the caller to refuse.
    """
    if "{{" in template:
        images = [
            _BranchImage(change.name, change.alias, change.old.text, change.new.text)
            for change in changes
        ]
        data = _BranchData(namespace, application, target_key, _Items(images), branch_hash(changes))
        name = _run(template, data, name="branch name")
    else:
        name = template
    return name.encode()[:BRANCH_NAME_BYTES].decode(errors="ignore")


@lru_cache(maxsize=64)
def parse_template(text: str, name: str = "template") -> Template:
    """Parse a template of the owner's.

    Raises:
        TemplateFault: with line and column of the fault.
    """
    from gotpl import Template, TemplateError  # noqa: PLC0415 - as above

    if len(text) > TEMPLATE_CHARACTERS:
        raise TemplateFault(f"{name}: longer than {TEMPLATE_CHARACTERS} characters", stage="parse")
    try:
        return Template(text, name=name, missing_key="error", budget=_budget())
    except (TemplateError, RecursionError) as error:
        raise TemplateFault(f"{name}: {shorten(str(error))}", stage="parse") from error


def _run(text: str, data: object, *, name: str) -> str:
    from gotpl import TemplateError  # noqa: PLC0415 - as above

    template = parse_template(text, name)
    try:
        return template.render(data)
    except (TemplateError, RecursionError) as error:
        raise TemplateFault(f"{name}: {shorten(str(error))}", stage="execute") from error


def _budget() -> ExecutionBudget:
    from gotpl import ExecutionBudget  # noqa: PLC0415 - as above

    return ExecutionBudget(
        max_output_chars=OUTPUT_CHARACTERS,
        max_iterations=TEMPLATE_STEPS,
        max_template_depth=TEMPLATE_DEPTH,
        max_function_calls=TEMPLATE_STEPS,
    )
