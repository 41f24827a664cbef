"""Where the engine gets Kubernetes Secrets from: a protocol, and the source of a plain mapping."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.snapshot import Secret


class SecretSource(Protocol):
    """Reads Secrets; an error of it is raised as an UpdaterError."""

    async def read(self, key: ObjectKey) -> Secret | None:
        """Return one Secret, None when it does not exist."""
        ...

    async def list_labelled(
        self, namespace: str, *, label: str, values: frozenset[str]
    ) -> Sequence[Secret]:
        """Return the Secrets of a namespace whose label has one of the values."""
        ...


@dataclass(frozen=True, slots=True)
class MappedSecrets:
    """Secrets that are known already."""

    secrets: Mapping[ObjectKey, Secret] = field(default_factory=dict, repr=False)

    async def read(self, key: ObjectKey) -> Secret | None:
        return self.secrets.get(key)

    async def list_labelled(
        self, namespace: str, *, label: str, values: frozenset[str]
    ) -> Sequence[Secret]:
        return [
            secret
            for key, secret in sorted(self.secrets.items())
            if key.namespace == namespace and secret.labels.get(label) in values
        ]
