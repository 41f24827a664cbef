"""The repository Secrets of Argo CD: how they are told, and how their fields are read.

Source: https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRET_TYPE_LABEL = "argocd.argoproj.io/secret-type"  # noqa: S105 - a label, not a password
REPOSITORY_TYPE = "repository"
TEMPLATE_TYPE = "repo-creds"
REPOSITORY_TYPES = frozenset({REPOSITORY_TYPE, TEMPLATE_TYPE})
# Of Argo CD's hydrator, for pushes.
WRITE_REPOSITORY_TYPE = "repository-write"
WRITE_TEMPLATE_TYPE = "repo-write-creds"
GIT_TYPES = REPOSITORY_TYPES | {WRITE_REPOSITORY_TYPE, WRITE_TEMPLATE_TYPE}

SecretFields = dict[str, str]

_TRUE = {"1", "t", "T", "true", "TRUE", "True"}
_FALSE = {"0", "f", "F", "false", "FALSE", "False"}


def is_true(text: str | None) -> bool:
    """Whether Go reads the text as true."""
    return text in _TRUE


def is_boolean(text: str) -> bool:
    """Whether Go reads the text as a boolean."""
    return text in _TRUE | _FALSE


def text_fields(data: Mapping[str, bytes]) -> SecretFields:
    return {name: value.decode("utf-8", "replace") for name, value in data.items()}
