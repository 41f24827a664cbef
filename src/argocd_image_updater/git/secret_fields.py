"""Reads single fields of a Secret the way Argo CD reads them. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.git.failures import GitError

if TYPE_CHECKING:
    from collections.abc import Mapping

_INT64_LIMIT = 1 << 63


def number_field(
    fields: Mapping[str, str], name: str, *, secret: str = "", default: int | None = None
) -> int:
    """Return a decimal number of 64 bits, as Go reads it."""
    if default is not None and not fields.get(name):
        return default
    text = needed_field(fields, name, secret)
    if not re.fullmatch(r"[+-]?[0-9]{1,30}", text, re.ASCII):
        raise credential_fault(f"invalid value in field {name}: it is not a number")
    value = int(text)
    if not -_INT64_LIMIT <= value < _INT64_LIMIT:
        raise credential_fault(f"invalid value in field {name}: it is out of range")
    return value


def needed_field(fields: Mapping[str, str], name: str, secret: str) -> str:
    if name not in fields:
        raise credential_fault(f"invalid secret {secret}: does not contain field {name}")
    return fields[name]


def credential_fault(message: str) -> GitError:
    return GitError(FailureKind.CREDENTIALS, message)
