"""What a repository URL says about its forge: address and path of the repository."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.git.credentials import CredentialKind
from argocd_image_updater.git.failures import GitError

if TYPE_CHECKING:
    from argocd_image_updater.git.connection import Connection


def address_of(connection: Connection) -> str:
    """Return scheme, host and port of a repository URL: ``https://git.example.com:8443``."""
    parts = urlsplit(connection.url.text)
    return f"{parts.scheme}://{parts.netloc.lower()}"


def path_parts(connection: Connection, *, least: int, form: str, suffix: str = ".git") -> list[str]:
    """Return the decoded parts of the path, `suffix` removed.

    Raises:
        GitError: there are fewer than `least`, or one that is a step; `form` says what is wanted.
    """
    path = urlsplit(connection.url.text).path.strip("/").removesuffix(suffix)
    parts = [unquote(part) for part in path.split("/")]
    if len(parts) < least or any(part in {"", ".", ".."} for part in parts):
        raise GitError(FailureKind.CONFIG, f"{connection.url.shown} is not of the form {form}")
    return parts


def authorization(connection: Connection, *, bearer_users: frozenset[str] = frozenset()) -> str:
    """Return the header for a credential: Bearer for a token, or for the password of such a user.

    Raises:
        GitError: the credential is neither user and password nor a token.
    """
    credential = connection.credential
    if credential.kind is CredentialKind.BEARER:
        return f"Bearer {credential.bearer_token}"
    if credential.kind is not CredentialKind.BASIC:
        text = f"{connection.url.shown}: the forge takes no credential of kind {credential.kind}"
        raise GitError(FailureKind.CREDENTIALS, text)
    if credential.username in bearer_users:
        return f"Bearer {credential.password}"
    pair = f"{credential.username}:{credential.password}"
    return "Basic " + base64.b64encode(pair.encode()).decode()
