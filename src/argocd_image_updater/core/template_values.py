"""The values that templates see, printed as Go prints structs, lists and maps.

Source of the rules: https://pkg.go.dev/fmt, tests/vectors/data/commit_template.json.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from gotpl import GoFormatSpec, TemplateExecutionError, TypedMap
from gotpl.runtime.gofmt import sprintf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argocd_image_updater.core.decisions import Change

_PLAIN = GoFormatSpec("v", "", None, None)


class _GoStruct:
    """Prints as a Go struct does: ``{a b}``, with ``%+v`` ``{F:a G:b}``."""

    __slots__ = ()

    def __gotemplate_lookup__(self, name: str) -> object:
        """Return a field; what is none ends the rendering, as it does in Go."""
        if all(item.name != name for item in fields(self)):  # type: ignore[arg-type] # as below
            raise TemplateExecutionError(f"there is no field {name}")
        return getattr(self, name)

    def __go_format__(self, spec: GoFormatSpec) -> str:
        is_named = spec.verb == "v" and "+" in spec.flags
        parts = [
            (f"{item.name}:" if is_named else "") + _formatted(getattr(self, item.name), spec)
            for item in fields(self)  # type: ignore[arg-type] # only dataclasses derive from it
        ]
        return "{" + " ".join(parts) + "}"

    def __str__(self) -> str:
        return self.__go_format__(_PLAIN)

    __repr__ = __str__


class GoList(list[object]):
    """A list that prints as a Go slice does: ``[a b]``."""

    def __go_format__(self, spec: GoFormatSpec) -> str:
        return "[" + " ".join(_formatted(item, spec) for item in self) + "]"

    def __str__(self) -> str:
        return self.__go_format__(_PLAIN)

    __repr__ = __str__


class GoMap(TypedMap[str, str]):
    """Texts by text, which print as a Go map does: ``map[k:v]``, sorted by key."""

    def __go_format__(self, spec: GoFormatSpec) -> str:
        parts = [f"{_formatted(key, spec)}:{_formatted(self[key], spec)}" for key in sorted(self)]
        return "map[" + " ".join(parts) + "]"

    def __str__(self) -> str:
        return self.__go_format__(_PLAIN)

    __repr__ = __str__


def _formatted(value: object, spec: GoFormatSpec) -> str:
    """Return one part of a value by the verb that the whole is printed with."""
    if isinstance(value, _GoStruct | GoList | GoMap):
        return value.__go_format__(spec)
    flags = spec.flags if spec.verb != "v" else spec.flags.replace("+", "")
    width = "" if spec.width is None else str(spec.width)
    precision = "" if spec.precision is None else f".{spec.precision}"
    return sprintf(f"%{flags}{width}{precision}{spec.verb}", value)


# Field names are those of the template language, so they are written as Go writes them.
@dataclass(frozen=True, slots=True, repr=False)
class CommitChange(_GoStruct):
    """One changed image of a commit message."""

    Image: str
    OldTag: str
    NewTag: str
    Labels: GoMap


@dataclass(frozen=True, slots=True, repr=False)
class CommitData(_GoStruct):
    """What ``.`` is in a commit message."""

    AppName: str
    AppChanges: GoList


@dataclass(frozen=True, slots=True, repr=False)
class BranchImage(_GoStruct):
    """One changed image of a branch name."""

    Name: str
    Alias: str
    OldTag: str
    NewTag: str


@dataclass(frozen=True, slots=True, repr=False)
class BranchData(_GoStruct):
    """What ``.`` is in a branch name."""

    AppNamespace: str
    AppName: str
    TargetKey: str
    Images: GoList
    SHA256: str


def commit_data(application: str, changes: Sequence[Change]) -> CommitData:
    """Return the data of a commit message."""
    items = [
        CommitChange(
            change.name, change.old.text, change.new.text, GoMap(dict(change.labels), zero="")
        )
        for change in changes
    ]
    return CommitData(application, GoList(items))


def branch_data(  # one value per field of the template
    namespace: str, application: str, target_key: str, changes: Sequence[Change], digest: str
) -> BranchData:
    """Return the data of a branch name."""
    images = [
        BranchImage(change.name, change.alias, change.old.text, change.new.text)
        for change in changes
    ]
    return BranchData(namespace, application, target_key, GoList(images), digest)
