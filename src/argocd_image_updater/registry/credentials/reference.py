"""Credential references: where user and password of a registry come from.

``[<anything>=]<kind>:<definition>`` with the kinds ``secret``, ``pullsecret``, ``env`` and ``ext``,
and ``aws``, ``gcp`` and ``azure`` for the identity that a cloud gives to this program. Whoever
checks a reference checks the parsed value, never its text: the kind may be written in any letter
case and the part before ``=`` is ignored.
Rules: ``tests/vectors/data/credential_source.json``; the clouds: docs/credentials.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from argocd_image_updater.clouds.library import Cloud
from argocd_image_updater.errors import ConfigError
from argocd_image_updater.registry.credentials.clouds import is_aws_region

DOCKER_CONFIG_FIELD = ".dockerconfigjson"
# Names of Kubernetes objects have at most 253 characters, paths 4096.
REFERENCE_LIMIT = 8_192
# The definition of a cloud identity that says: as the name of the registry's host tells.
AUTO = "auto"
# The definition of an identity at the public registry of AWS.
PUBLIC = "public"

_CLOUDS = {cloud.value: cloud for cloud in Cloud}
_CLIENT_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class CredentialKind(StrEnum):
    """The kinds of sources."""

    SECRET = "secret"  # noqa: S105 - the name of a kind
    PULL_SECRET = "pullsecret"  # noqa: S105 - the name of a kind
    ENV = "env"
    EXT = "ext"
    AWS = "aws"
    GCP = "gcp"
    AZURE = "azure"

    @property
    def cloud(self) -> Cloud | None:
        """The cloud whose identity this kind means; None for the others."""
        return _CLOUDS.get(self.value)


class CredentialReferenceError(ConfigError):
    """A credential reference cannot be read. The message does not repeat it."""


@dataclass(frozen=True, slots=True)
class CredentialReference:
    """A parsed reference.

    name: of the Secret, the variable or the path of the program; the definition of a cloud
    identity. namespace, field: of a Secret.
    registry: the ignored part before ``=``.
    """

    kind: CredentialKind
    name: str
    namespace: str = ""
    field: str = ""
    registry: str = ""

    def __str__(self) -> str:
        if self.kind is CredentialKind.SECRET:
            return f"{self.kind}:{self.namespace}/{self.name}#{self.field}"
        if self.kind is CredentialKind.PULL_SECRET:
            return f"{self.kind}:{self.namespace}/{self.name}"
        return f"{self.kind}:{self.name}"


def parse_credential_reference(text: str, *, require_registry: bool = False) -> CredentialReference:
    """Return the reference that `text` describes; raise CredentialReferenceError otherwise.

    COMPAT: nothing is trimmed and a part before ``=`` is ignored (credential_source.json).
    """
    if len(text) > REFERENCE_LIMIT:
        raise CredentialReferenceError(f"is longer than {REFERENCE_LIMIT} characters")
    registry, equals, rest = text.partition("=")
    if not (equals and registry and rest):
        if require_registry:
            raise CredentialReferenceError("must have the form registry=kind:definition")
        registry, rest = "", text
    kind_text, _, definition = rest.partition(":")
    if not kind_text or not definition or ":" in definition:
        raise CredentialReferenceError(
            "must have the form kind:definition with exactly one colon",
            hint="e.g. pullsecret:namespace/name, secret:namespace/name#field or env:VARIABLE",
        )
    try:
        kind = CredentialKind(kind_text.lower())
    except ValueError:
        kinds = ", ".join(CredentialKind)
        raise CredentialReferenceError(f"has an unknown kind; use one of {kinds}") from None
    return _DEFINITIONS[kind](kind, definition, registry)


def _named(kind: CredentialKind, definition: str, registry: str) -> CredentialReference:
    return CredentialReference(kind, definition, registry=registry)


def _secret(kind: CredentialKind, definition: str, registry: str) -> CredentialReference:
    object_text, hash_sign, field = definition.partition("#")
    namespace, name = _namespaced(object_text)
    if not hash_sign or not field or "#" in field or not name:
        raise CredentialReferenceError("must have the form secret:namespace/name#field")
    return CredentialReference(kind, name, namespace, field, registry)


def _pull_secret(kind: CredentialKind, definition: str, registry: str) -> CredentialReference:
    namespace, name = _namespaced(definition)
    if not name:
        raise CredentialReferenceError("must have the form pullsecret:namespace/name")
    return CredentialReference(kind, name, namespace, DOCKER_CONFIG_FIELD, registry)


def _aws(kind: CredentialKind, definition: str, registry: str) -> CredentialReference:
    if definition not in (AUTO, PUBLIC) and not is_aws_region(definition):
        raise CredentialReferenceError(
            f"must have the form {kind}:{AUTO}, {kind}:{PUBLIC} or {kind}:REGION"
        )
    return CredentialReference(kind, definition, registry=registry)


def _gcp(kind: CredentialKind, definition: str, registry: str) -> CredentialReference:
    if definition != AUTO:
        raise CredentialReferenceError(f"must have the form {kind}:{AUTO}")
    return CredentialReference(kind, definition, registry=registry)


def _azure(kind: CredentialKind, definition: str, registry: str) -> CredentialReference:
    if definition != AUTO and not _CLIENT_ID.fullmatch(definition):
        raise CredentialReferenceError(f"must have the form {kind}:{AUTO} or {kind}:CLIENT-ID")
    return CredentialReference(kind, definition.lower(), registry=registry)


def _namespaced(text: str) -> tuple[str, str]:
    """Return namespace and name; both empty unless there are exactly these two parts."""
    parts = text.split("/")
    two = 2
    return (parts[0], parts[1]) if len(parts) == two and all(parts) else ("", "")


_DEFINITIONS = {
    CredentialKind.SECRET: _secret,
    CredentialKind.PULL_SECRET: _pull_secret,
    CredentialKind.ENV: _named,
    CredentialKind.EXT: _named,
    CredentialKind.AWS: _aws,
    CredentialKind.GCP: _gcp,
    CredentialKind.AZURE: _azure,
}
