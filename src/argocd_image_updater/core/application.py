"""The Argo CD Application as this product sees it: a small frozen snapshot.

Only fields that are read or written stand here. Source of the fields: Argo CD's Application
specification, https://argo-cd.readthedocs.io/en/stable/user-guide/application-specification/.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from argocd_image_updater.core.deployment import UNKNOWN_DEPLOYMENT, Deployment

if TYPE_CHECKING:
    from collections.abc import Mapping

# What Argo CD calls the cluster that it runs in.
OWN_CLUSTER_URL = "https://kubernetes.default.svc"
OWN_CLUSTER_NAME = "in-cluster"


@dataclass(frozen=True, slots=True, order=True)
class ObjectKey:
    """Namespace and name of a Kubernetes object."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class HelmParameter:
    """One entry of ``helm.parameters``."""

    name: str
    value: str
    force_string: bool = False


@dataclass(frozen=True, slots=True)
class EnvEntry:
    """One entry of ``plugin.env``."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Source:
    """One source of an Application; a block that is absent is None, an empty one an empty tuple."""

    repo_url: str = ""
    path: str = ""
    target_revision: str = ""
    chart: str = ""
    ref: str = ""
    helm_parameters: tuple[HelmParameter, ...] | None = None
    helm_value_files: tuple[str, ...] = ()
    kustomize_images: tuple[str, ...] | None = None
    plugin_env: tuple[EnvEntry, ...] | None = None


@dataclass(frozen=True, slots=True)
class SourceRef:
    """Which source: ``spec.source``, ``spec.sources[index]`` or the dry source."""

    index: int | None = None
    dry: bool = False

    def __str__(self) -> str:
        if self.dry:
            return "sourceHydrator.drySource"
        return "source" if self.index is None else f"sources[{self.index}]"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an object was read: a file (with 0-based document index and 1-based line).

    item: 0-based index inside a ``List`` object, None outside.
    """

    file: str = ""
    document: int = 0
    line: int = 0
    item: int | None = None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.file else "cluster"

    @property
    def in_brackets(self) -> str:
        """Return the place in a file, to stand behind a name; an object of the cluster has none."""
        return f" ({self})" if self.file else ""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an Application is deployed to: a cluster by its URL or its name, and a namespace."""

    server: str = ""
    name: str = ""
    namespace: str = ""

    @property
    def is_own_cluster(self) -> bool:
        """Tell whether it is the cluster that Argo CD itself runs in."""
        if self.server:
            return self.server.rstrip("/") == OWN_CLUSTER_URL
        return self.name == OWN_CLUSTER_NAME


@dataclass(frozen=True, slots=True)
class Application:
    """Snapshot of one Application.

    live_images: the texts of ``status.summary.images`` in order.
    has_status: a ``status`` with a source type, source types or a summary is present.
    deployment: how it stands; another one is no change of the Application.
    """

    key: ObjectKey
    source: Source | None = None
    sources: tuple[Source, ...] = ()
    dry_source: Source | None = None
    source_type: str = ""
    source_types: tuple[str, ...] = ()
    live_images: tuple[str, ...] = ()
    has_status: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    project: str = ""
    destination: Destination = Destination()
    uid: str = ""
    resource_version: str = ""
    deleting: bool = False
    origin: Origin = Origin()
    deployment: Deployment = field(default=UNKNOWN_DEPLOYMENT, compare=False)

    def source_at(self, ref: SourceRef) -> Source | None:
        """Return the source that `ref` names, or None where there is none."""
        if ref.dry:
            return self.dry_source
        if ref.index is None:
            return self.source
        return self.sources[ref.index] if 0 <= ref.index < len(self.sources) else None
