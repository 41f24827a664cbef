"""ServiceAccounts of a destination: which ones an Application's pods run as; their pull secrets.

Argo CD does not say which ServiceAccounts its Applications use, so it is the ``default`` of the
namespace unless an annotation of the Application names others.
Source of the rules: docs/credentials.md and
https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.errors import ConfigError, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.core.application import Application

KIND = "ServiceAccount"
ANNOTATION = "argocd-image-updater.argoproj.io/service-accounts"
DEFAULT_NAME = "default"
# What an Application may name, and what a ServiceAccount may: each is a request to the API server.
MAX_NAMED = 10
MAX_PULL_SECRETS = 20

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")  # RFC 1123, as Kubernetes wants it


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """pull_secrets: names of Secrets beside it, in their order."""

    key: ObjectKey
    pull_secrets: tuple[str, ...] = ()


def service_accounts_of(application: Application) -> tuple[ObjectKey, ...]:
    """Return the ServiceAccounts in the namespace that an Application is deployed to.

    Raises:
        ConfigError: the annotation names none that can exist.
    """
    text = application.annotations.get(ANNOTATION, "")
    names = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    for name in names:
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"annotation {ANNOTATION}: {shorten(repr(name))} is not the name of a "
                "ServiceAccount; write names of the destination's namespace, separated by commas"
            )
    if len(names) > MAX_NAMED:
        raise ConfigError(f"annotation {ANNOTATION} names more than {MAX_NAMED} ServiceAccounts")
    namespace = application.destination.namespace
    return tuple(ObjectKey(namespace, name) for name in names or [DEFAULT_NAME])


def decode_service_account(document: Mapping[str, Any], key: ObjectKey) -> ServiceAccount:
    """Return a ServiceAccount; entries of another shape are passed over."""
    listed = document.get("imagePullSecrets")
    names = [
        item["name"]
        for item in (listed if isinstance(listed, list) else [])
        if isinstance(item, dict)
        and isinstance(item.get("name"), str)
        and _NAME.fullmatch(item["name"])
    ]
    return ServiceAccount(key, tuple(dict.fromkeys(names))[:MAX_PULL_SECRETS])
