"""What ``doctor registry`` was asked, as one typed value made from its flags.

No variable has a say, as in ``test``, so that both look at the same. Source of the rules:
docs/doctor.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from argocd_image_updater.cli.credential_options import (
    CLOUDS,
    DOCKER_CONFIG,
    read_clouds,
    read_docker_config_switch,
)
from argocd_image_updater.cli.flag import DOCTOR
from argocd_image_updater.cli.look_up_options import (
    parse_image_argument,
    read_credential_flag,
    read_existing_path,
)
from argocd_image_updater.cli.options import resolve
from argocd_image_updater.cli.places import default_platform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.core.reference import ImageReference
    from argocd_image_updater.registry.credentials.clouds import Cloud


@dataclass(frozen=True, slots=True)
class DoctorOptions:
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


def read_doctor_options(
    image_text: str, *, given: Mapping[str, Any], environ: Mapping[str, str]
) -> DoctorOptions:
    """Return the options of `doctor registry`.

    Raises:
        ConfigError: a value cannot be used.
    """
    settings, _ = resolve(DOCTOR, given=given, environ={})
    value = {name: setting.value for name, setting in settings.items()}
    return DoctorOptions(
        image=parse_image_argument(image_text),
        default_platform=default_platform(),
        registries_conf_path=read_existing_path(value["registries-conf-path"]),
        credentials=read_credential_flag(value["credentials"]),
        kubeconfig=value["kubeconfig"],
        output=value["output"],
        log_level=value["loglevel"],
        cloud_identities=read_clouds(settings[CLOUDS]),
        docker_config=read_docker_config_switch(settings[DOCKER_CONFIG], usual=False),
        environment=environ,
    )
