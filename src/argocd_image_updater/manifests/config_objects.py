"""Decode Secrets and ConfigMaps of manifests; values of Secrets never reach a message."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.snapshot import Secret

if TYPE_CHECKING:
    from argocd_image_updater.core.application import Origin


def object_key(document: Mapping[str, Any], *, default_namespace: str) -> ObjectKey | None:
    """Return namespace and name of an object, None if it has no name."""
    metadata = _map(document.get("metadata"))
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if not isinstance(name, str) or not name:
        return None
    return ObjectKey(namespace if isinstance(namespace, str) else default_namespace, name)


def decode_secret(
    document: Mapping[str, Any], key: ObjectKey, *, origin: Origin
) -> tuple[Secret, list[str]]:
    """Return the Secret and warnings about fields that cannot be read, such as encrypted ones."""
    data: dict[str, bytes] = {}
    warnings: list[str] = []
    for name, value in _map(document.get("data")).items():
        try:
            data[name] = base64.b64decode("".join(str(value or "").split()), validate=True)
        except (binascii.Error, ValueError):
            warnings.append(f"{origin}: field {name!r} of Secret {key} is no base64 and is ignored")
    for name, value in _texts(document.get("stringData")).items():
        data[name] = value.encode()
    labels = _texts(_map(document.get("metadata")).get("labels"))
    return Secret(key, data, labels), warnings


def decode_config_map(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the text entries of a ConfigMap."""
    return _texts(document.get("data"))


def _texts(value: object) -> dict[str, str]:
    return {name: item for name, item in _map(value).items() if isinstance(item, str)}


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
