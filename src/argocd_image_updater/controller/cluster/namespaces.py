"""Which namespaces are watched, where Argo CD lives, and where the Lease is.

Source of the rules: docs/controller.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.errors import ConfigError

if TYPE_CHECKING:
    from argocd_image_updater.controller.cluster.options import ControllerOptions

ALL_NAMESPACES = "*"
POD_NAMESPACE = "POD_NAMESPACE"


@dataclass(frozen=True, slots=True)
class Namespaces:
    """watched: empty = the whole cluster. lease: empty = not known."""

    watched: tuple[str, ...]
    argocd: str
    lease: str

    @property
    def watched_text(self) -> str:
        """Name what is watched."""
        if not self.watched:
            return "all namespaces"
        return f"{'namespaces' if len(self.watched) > 1 else 'namespace'} {', '.join(self.watched)}"


def resolve_namespaces(
    options: ControllerOptions, *, pod_namespace: str, client_namespace: str
) -> Namespaces:
    """Return the namespaces.

    pod_namespace: of the service account's files, empty outside a Pod. client_namespace: of the
    access to the cluster.

    Raises:
        ConfigError: nothing says where the Lease of the leader is to be.
    """
    inside = options.environment.get(POD_NAMESPACE, "") or pod_namespace
    argocd = options.argocd_namespace or inside or client_namespace
    own = inside or argocd
    wanted = options.watch_namespaces
    if wanted == (ALL_NAMESPACES,):
        watched: tuple[str, ...] = ()
    else:
        watched = wanted or (own,)
    lease = options.lease_namespace or pod_namespace or options.environment.get(POD_NAMESPACE, "")
    if options.leader_election and not lease:
        raise ConfigError(
            "the namespace of the leader's Lease is not known outside a Pod",
            hint="name it with --leader-election-namespace, or switch it off with "
            "--leader-election=false",
        )
    return Namespaces(watched, argocd, lease)
