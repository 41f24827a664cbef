"""A credential resolver with Secrets from a dictionary and a clock that stands still."""

from collections.abc import Callable

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.registry.credentials.reference import CredentialKind
from argocd_image_updater.registry.credentials.resolver import (
    CredentialResolver,
    ImageSourcePolicy,
)

EVERYTHING = ImageSourcePolicy(kinds=frozenset((CredentialKind.ENV, CredentialKind.EXT)))


def resolver(
    *,
    environ: dict[str, str],
    secrets: dict[tuple[str, str], dict[str, bytes]] | None = None,
    clock: Callable[[], float] = lambda: 0.0,
    policy: ImageSourcePolicy = EVERYTHING,
) -> CredentialResolver:
    async def read_secret(key: ObjectKey) -> dict[str, bytes] | None:
        return secrets.get((key.namespace, key.name))

    return CredentialResolver(
        environ=environ,
        clock=clock,
        secret_reader=None if secrets is None else read_secret,
        policy=policy,
    )
