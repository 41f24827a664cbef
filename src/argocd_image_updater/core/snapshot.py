"""Everything a cycle knows of the outside configuration, as one value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.core.application import Application, ObjectKey
    from argocd_image_updater.core.resource import Resource
    from argocd_image_updater.core.service_accounts import ServiceAccount
    from argocd_image_updater.core.settings import Problem


@dataclass(frozen=True, slots=True)
class Secret:
    """A Kubernetes Secret; values are bytes and never shown."""

    key: ObjectKey
    data: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Resources, Applications and what stands beside them, at one moment.

    registries_conf: text of the registries file and where it was read, None = none found.
    registries_extra: the same of the file with further settings.
    problems: faults found while reading (they end only the object they concern).
    warnings: things a user should look at that stop nothing.
    """

    resources: tuple[Resource, ...] = ()
    applications: tuple[Application, ...] = ()
    secrets: Mapping[ObjectKey, Secret] = field(default_factory=dict)
    service_accounts: Mapping[ObjectKey, ServiceAccount] = field(default_factory=dict)
    config_maps: Mapping[ObjectKey, Mapping[str, str]] = field(default_factory=dict)
    registries_conf: tuple[str, str] | None = None
    registries_extra: tuple[str, str] | None = None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
