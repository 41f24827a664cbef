"""Whose credentials images may use, from flags and environment to typed values.

These settings open doors, so nothing in them is guessed or passed over: a word that is not known is
an error wherever it was written. Rules: docs/registries.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.cli.flags import BY_NAME
from argocd_image_updater.clouds.library import Cloud
from argocd_image_updater.core.durations import NS_PER_S, format_duration
from argocd_image_updater.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.cli.setting import Setting

SOURCES = "image-credential-sources"
NAMESPACES = "shared-secret-namespaces"
TIMEOUT = "credential-program-timeout"
WORKLOADS = "workload-pull-secrets"
ARGOCD = "argocd-repository-credentials"
CLOUDS = "cloud-identities"
DOCKER_CONFIG = "docker-config"

NO_SOURCE = "none"
_SOURCES = ("env", "ext")
_AUTO, _ON = "auto", "on"  # of the logins of Docker
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")  # a Kubernetes label (RFC 1123)
_LONGEST_TIMEOUT_NS = 3600 * NS_PER_S  # a cycle waits for the program


@dataclass(frozen=True, slots=True)
class CredentialOptions:
    """What images may name, and how long programs may take.

    image_sources: kinds beside Secrets, None = not said. shared_namespaces: whose Secrets every
    image may use. cloud_identities: clouds whose registries get this program's identity.
    docker_config: whether the logins of Docker are used. workload_pull_secrets: whether those of
    the destination's ServiceAccounts are. argocd_repositories: whether Argo CD's own are.
    """

    image_sources: frozenset[str] | None
    shared_namespaces: frozenset[str]
    program_timeout_s: float
    cloud_identities: frozenset[Cloud]
    docker_config: bool
    workload_pull_secrets: bool
    argocd_repositories: bool


def read_credential_options(settings: Mapping[str, Setting]) -> CredentialOptions:
    """Return the options of all flags about credentials.

    Raises:
        ConfigError: a value cannot be used.
    """
    return CredentialOptions(
        image_sources=_sources(settings[SOURCES]),
        shared_namespaces=_namespaces(settings[NAMESPACES]),
        program_timeout_s=_timeout_s(settings[TIMEOUT]),
        cloud_identities=read_clouds(settings[CLOUDS]),
        docker_config=read_docker_config_switch(
            settings[DOCKER_CONFIG], usual=bool(settings["manifests"].value)
        ),
        workload_pull_secrets=settings[WORKLOADS].value,
        argocd_repositories=settings[ARGOCD].value,
    )


def read_clouds(setting: Setting) -> frozenset[Cloud]:
    """Return the clouds that are switched on."""
    words = _words(setting.value)
    if words == (NO_SOURCE,):
        return frozenset()
    for word in words:
        if word not in tuple(Cloud):
            raise ConfigError(
                f'{_where(CLOUDS, setting)}: "{word}" is not a cloud whose identity can be used',
                hint=f"write {NO_SOURCE} alone, or some of {', '.join(Cloud)} separated by commas",
            )
    return frozenset(map(Cloud, words))


def read_docker_config_switch(setting: Setting, *, usual: bool) -> bool:
    """Return whether the logins of Docker are used. usual: what ``auto`` means here."""
    return usual if setting.value == _AUTO else setting.value == _ON


def _sources(setting: Setting) -> frozenset[str] | None:
    if setting.is_default:
        return None
    words = _words(setting.value)
    if words == (NO_SOURCE,):
        return frozenset()
    for word in words:
        if word not in _SOURCES:
            raise ConfigError(
                f'{_where(SOURCES, setting)}: "{word}" is not a source that can be allowed',
                hint=f"write {NO_SOURCE} alone, or {' and '.join(_SOURCES)} separated by commas",
            )
    return frozenset(words)


def _namespaces(setting: Setting) -> frozenset[str]:
    words = _words(setting.value)
    for word in words:
        if not _NAMESPACE.fullmatch(word):
            raise ConfigError(
                f'{_where(NAMESPACES, setting)}: "{word}" is not the name of a namespace',
                hint="write whole names separated by commas; there are no patterns here",
            )
    return frozenset(words)


def _timeout_s(setting: Setting) -> float:
    value: int = setting.value
    if not 0 < value <= _LONGEST_TIMEOUT_NS:
        raise ConfigError(
            f"{_where(TIMEOUT, setting)}: {format_duration(value)} is no time a program can have",
            hint=f"write more than 0 and at most {format_duration(_LONGEST_TIMEOUT_NS)}",
        )
    return value / NS_PER_S


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _where(name: str, setting: Setting) -> str:
    return BY_NAME[name].option if setting.is_flag else f"environment variable {setting.origin}"
