"""Secrets and ConfigMaps, read from the API when they are needed and kept nowhere.

Which namespaces may be read for whom is the caller's rule. A value never reaches a message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.snapshot import Secret
from argocd_image_updater.errors import RemoteError
from argocd_image_updater.kube.kinds import CONFIG_MAPS, SECRETS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from argocd_image_updater.kube.client import KubeClient

MAX_LISTED = 10_000  # Secrets of one label in one namespace; a guard against a wrong label


class _Metadata(msgspec.Struct):
    name: str
    namespace: str = ""
    labels: dict[str, str] | None = None


class _Secret(msgspec.Struct):
    metadata: _Metadata
    data: dict[str, bytes] | None = None  # base64 in JSON


class _ConfigMap(msgspec.Struct):
    metadata: _Metadata
    data: dict[str, str] | None = None


_SECRET = msgspec.json.Decoder(_Secret)


class ClusterSecrets:
    """Reads Secrets and ConfigMaps of the cluster."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def read(self, key: ObjectKey) -> Secret | None:
        """Return a Secret, None where there is none."""
        document = await self._client.get(SECRETS, key)
        if document is None:
            return None
        try:
            return _secret(msgspec.convert(document, _Secret))
        except msgspec.ValidationError:
            raise _unreadable(f"Secret {key}") from None

    async def list_labelled(
        self, namespace: str, *, label: str, values: frozenset[str]
    ) -> Sequence[Secret]:
        """Return the Secrets of a namespace whose label has one of the values."""
        selector = f"{label} in ({','.join(sorted(values))})"
        found: list[Secret] = []
        async for page in self._client.pages(SECRETS, namespace=namespace, label_selector=selector):
            for raw in page.items or ():
                try:
                    found.append(_secret(_SECRET.decode(raw)))
                except msgspec.DecodeError:
                    raise _unreadable(f"a Secret in {namespace}") from None
            if len(found) > MAX_LISTED:
                raise RemoteError(
                    f"namespace {namespace} has more than {MAX_LISTED} Secrets with {selector}",
                    temporary=False,
                )
        return found

    async def read_config_map(self, key: ObjectKey) -> Mapping[str, str] | None:
        """Return the texts of a ConfigMap, None where there is none."""
        document = await self._client.get(CONFIG_MAPS, key)
        if document is None:
            return None
        try:
            return msgspec.convert(document, _ConfigMap).data or {}
        except msgspec.ValidationError:
            raise _unreadable(f"ConfigMap {key}") from None


def _secret(found: _Secret) -> Secret:
    key = ObjectKey(found.metadata.namespace, found.metadata.name)
    return Secret(key, found.data or {}, found.metadata.labels or {})


def _unreadable(what: str) -> RemoteError:
    return RemoteError(f"{what}: the API server's answer has another shape", temporary=False)
