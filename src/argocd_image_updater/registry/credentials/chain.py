"""The chain of credential sources as a process has it: put together in one place for all modes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from argocd_image_updater.registry.credentials.cloud_identities import CloudIdentities
from argocd_image_updater.registry.credentials.docker_files import DockerConfigFile
from argocd_image_updater.registry.credentials.program import DEFAULT_TIMEOUT_S
from argocd_image_updater.registry.credentials.resolver import (
    CredentialResolver,
    ImageSourcePolicy,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.clouds.library import Cloud
    from argocd_image_updater.registry.credentials.resolver import SecretReader
    from argocd_image_updater.registry.traffic import Traffic


@dataclass(frozen=True, slots=True)
class ChainSettings:
    """What the operator decides about credentials.

    images: what pull secrets may name. ambient: clouds whose registries get this program's identity
    without an entry. docker_config: whether the logins of Docker on this machine are used.
    """

    images: ImageSourcePolicy = field(default_factory=ImageSourcePolicy)
    program_timeout_s: float = DEFAULT_TIMEOUT_S
    ambient: frozenset[Cloud] = frozenset()
    docker_config: bool = False


def open_chain(
    settings: ChainSettings,
    *,
    traffic: Traffic,
    environ: Mapping[str, str],
    secret_reader: SecretReader | None,
) -> CredentialResolver:
    """Return the chain. traffic: of the registries, for what is asked over HTTP, and its clock."""
    monotonic = traffic.timing.monotonic
    docker_config = None
    if settings.docker_config:
        docker_config = DockerConfigFile(
            environ=environ, monotonic=monotonic, timeout_s=settings.program_timeout_s
        )
    return CredentialResolver(
        environ=environ,
        clock=monotonic,
        secret_reader=secret_reader,
        policy=settings.images,
        program_timeout_s=settings.program_timeout_s,
        clouds=CloudIdentities(traffic, environ=environ, ambient=settings.ambient),
        docker_config=docker_config,
    )
