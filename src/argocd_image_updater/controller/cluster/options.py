"""What the controller needs to know, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from argocd_image_updater.core.settings import Downgrade
from argocd_image_updater.git.settings import DEFAULT_CACHE_BYTES
from argocd_image_updater.registry.credentials.program import DEFAULT_TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from argocd_image_updater.clouds.library import Cloud
    from argocd_image_updater.git.signing_key import SigningKey


@dataclass(frozen=True, slots=True)
class GitIdentity:
    """How commits are made. signing: None = they are not signed."""

    user: str = "argocd-image-updater"
    email: str = "noreply@argoproj.io"
    sign_off: bool = False
    signing: SigningKey | None = None
    commits_by_api: bool = False
    batch_commits: str = "app"
    refuse_shared_anchors: bool = False
    allow_local: bool = False
    cache_bytes: int = DEFAULT_CACHE_BYTES


@dataclass(frozen=True, slots=True)
class CredentialRules:
    """What the pull secrets of images may name, and what registries without credentials get.

    sources: None = by the watched namespaces. cloud_identities: clouds whose registries get this
    program's identity. workload_pull_secrets, argocd_repositories: what is looked for.
    """

    sources: frozenset[str] | None = None
    shared_namespaces: frozenset[str] = frozenset()
    program_timeout_s: float = DEFAULT_TIMEOUT_S
    cloud_identities: frozenset[Cloud] = frozenset()
    docker_config: bool = False
    workload_pull_secrets: bool = False
    argocd_repositories: bool = False


@dataclass(frozen=True, slots=True)
class ControllerOptions:
    """interval_s: 0 = once per trigger, negative = paused.

    watch_namespaces: empty = the own one, ``*`` = all. argocd_namespace, lease_namespace: empty =
    found out. registries_conf_path, commit_template_path: empty = the built-in ones. Addresses:
    ``0`` = no server. sigstore_trusted_root: None = the one that the library brings along.
    """

    state_dir: Path
    interval_s: float = 120.0
    once: bool = False
    dry_run: bool = False
    waits_for_first_pass: bool = True
    kubeconfig: str = ""
    watch_namespaces: tuple[str, ...] = ()
    argocd_namespace: str = ""
    registries_conf_path: str = ""
    commit_template_path: str = ""
    default_platform: str = "linux/amd64"
    downgrade: Downgrade = Downgrade.WHEN_EXCLUDED
    git: GitIdentity = field(default_factory=GitIdentity)
    credentials: CredentialRules = field(default_factory=CredentialRules)
    events: bool = True
    refresh_after_push: bool = True
    probe_address: str = ":8081"
    metrics_address: str = "0"
    metrics_secure: bool = True
    leader_election: bool = True
    lease_namespace: str = ""
    shards: int = 1
    sigstore_trusted_root: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
