"""What ``test`` and ``doctor registry`` are both asked: about which image, and how to get there.

No variable has a say, so that both look at the same. What cannot be used is an error. Sources of
the rules: docs/testing-images.md, docs/doctor.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argocd_image_updater.cli.credential_options import (
    CLOUDS,
    DOCKER_CONFIG,
    read_clouds,
    read_docker_config_switch,
)
from argocd_image_updater.cli.flag import DOCTOR
from argocd_image_updater.cli.options import resolve
from argocd_image_updater.cli.places import default_platform
from argocd_image_updater.controller.looking_up import LookUp
from argocd_image_updater.core.reference import parse_image
from argocd_image_updater.core.resource_schema import ALIAS_PATTERN
from argocd_image_updater.errors import ConfigError
from argocd_image_updater.registry.credentials.reference import parse_credential_reference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.cli.setting import Setting
    from argocd_image_updater.clouds.library import Cloud
    from argocd_image_updater.core.reference import ImageReference
    from argocd_image_updater.core.settings import ImageSettings
    from argocd_image_updater.registry.endpoints import EndpointTable

_REFERENCES = (
    "env:VARIABLE, ext:/path, pullsecret:namespace/name, secret:namespace/name#field, or aws:auto, "
    "gcp:auto, azure:auto"
)


@dataclass(frozen=True, slots=True)
class RegistryOptions:
    """image: as given. registries_conf_path: empty = not given."""

    image: ImageReference
    default_platform: str
    registries_conf_path: str
    credentials: str
    kubeconfig: str
    output: str
    log_level: str
    cloud_identities: frozenset[Cloud] = frozenset()
    docker_config: bool = False
    log_format: str = "text"
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    warnings: tuple[str, ...] = ()

    def look_up(
        self, settings: ImageSettings, table: EndpointTable, *, limit_per_s: int | None = None
    ) -> LookUp:
        """Return what to look up. limit_per_s: None = that of the registry."""
        return LookUp(
            settings,
            table,
            default_platform=self.default_platform,
            credentials=self.credentials,
            limit_per_s=limit_per_s,
            kubeconfig=self.kubeconfig,
            ambient=self.cloud_identities,
            docker_config=self.docker_config,
            environment=self.environment,
        )


def read_doctor_options(
    image_text: str, *, given: Mapping[str, Any], environ: Mapping[str, str]
) -> RegistryOptions:
    """Return the options of `doctor registry`.

    Raises:
        ConfigError: a value cannot be used.
    """
    settings, _ = resolve(DOCTOR, given=given, environ={})
    return read_registry_options(image_text, settings, environ=environ)


def read_registry_options(
    image_text: str, settings: Mapping[str, Setting], *, environ: Mapping[str, str]
) -> RegistryOptions:
    """Return what the flags say that both commands have.

    Raises:
        ConfigError: a value cannot be used.
    """
    value = {name: setting.value for name, setting in settings.items()}
    return RegistryOptions(
        image=_parse_image(image_text),
        default_platform=default_platform(),
        registries_conf_path=read_existing_path(value["registries-conf-path"]),
        credentials=_credential_reference(value["credentials"]),
        kubeconfig=value["kubeconfig"],
        output=value["output"],
        log_level=value["loglevel"],
        cloud_identities=read_clouds(settings[CLOUDS]),
        docker_config=read_docker_config_switch(settings[DOCKER_CONFIG], usual=False),
        environment=environ,
    )


def _parse_image(text: str) -> ImageReference:
    """Parse IMAGE; what stands before ``=`` is an alias only where it looks like one."""
    alias, equals, _ = text.partition("=")
    is_aliased = equals and re.fullmatch(ALIAS_PATTERN, alias)
    image = parse_image(text if is_aliased or not equals else f"={text}")
    if not image.name:
        raise ConfigError(f'"{text}" names no image', hint="write for example ghcr.io/acme/web")
    return image


def read_existing_path(path: str) -> str:
    """Return the path of a registries file that was named; empty = none was.

    Raises:
        ConfigError: it is not there.
    """
    try:
        is_missing = bool(path) and not Path(path).is_file()
    except (OSError, ValueError):
        is_missing = True
    if is_missing:
        raise ConfigError(
            f"--registries-conf-path: there is no file {path!r}",
            hint="leave the flag out to go without",
        )
    return path


def _credential_reference(text: str) -> str:
    """Return the credential reference of the flag, empty = none."""
    if text:
        try:
            parse_credential_reference(text)
        except ConfigError as error:
            hint = error.hint or f"e.g. {_REFERENCES}"
            raise ConfigError(f"--credentials: the reference {error}", hint=hint) from None
    return text
