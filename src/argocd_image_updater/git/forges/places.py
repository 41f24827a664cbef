"""What a repository URL says about its forge: address and path of the repository."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.git.failures import GitError

if TYPE_CHECKING:
    from argocd_image_updater.git.connection import Connection


def address_of(connection: Connection) -> str:
    """Return scheme, host and port of a repository URL: ``https://git.example.com:8443``."""
    parts = urlsplit(connection.url.text)
    return f"{parts.scheme}://{parts.netloc.lower()}"


def path_parts(connection: Connection, *, least: int, form: str) -> list[str]:
    """Return the decoded parts of the path, ``.git`` removed.

    Raises:
        GitError: there are fewer than `least`, or one that is a step; `form` says what is wanted.
    """
    path = urlsplit(connection.url.text).path.strip("/").removesuffix(".git")
    parts = [unquote(part) for part in path.split("/")]
    if len(parts) < least or any(part in {"", ".", ".."} for part in parts):
        raise GitError(FailureKind.CONFIG, f"{connection.url.shown} is not of the form {form}")
    return parts
