"""From options to a running session: the one place that knows the engine's names.

The engine is imported here, when a cycle is wanted, so that other commands start at once.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from argocd_image_updater.cli.flags import BY_NAME
from argocd_image_updater.errors import ConfigError

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from argocd_image_updater.cli.cycle import Session
    from argocd_image_updater.cli.options import RunOptions

_LOG = logging.getLogger(__name__)
_DEFAULT_TEMPLATE = BY_NAME["git-commit-message-path"].default
DEFAULT_NAMESPACE = "argocd"  # without a cluster nothing else says where Argo CD lives


def require_manifests(options: RunOptions) -> None:
    """Refuse to start without manifests: only `run` works in a cluster.

    Raises:
        ConfigError: no folder was named.
    """
    if not options.manifests:
        raise ConfigError(
            f"{options.command} needs --manifests DIR: only run works in a cluster",
            hint="put ImageUpdater and Application manifests into a folder and name it with "
            "--manifests",
        )


def open_session(options: RunOptions) -> AbstractAsyncContextManager[Session]:
    """Return a session for these options, not yet entered."""
    from argocd_image_updater.controller.standalone import StandaloneOptions, StandaloneSession
    from argocd_image_updater.core.settings import Downgrade

    return StandaloneSession(
        StandaloneOptions(
            manifests=options.manifests,
            state_dir=options.state_dir,
            dry_run=options.dry_run,
            registries_conf_path=options.registries_conf_path,
            argocd_namespace=options.argocd_namespace or DEFAULT_NAMESPACE,
            default_platform=options.platform,
            downgrade=Downgrade(options.downgrade),
            git_user=options.git.user,
            git_email=options.git.email,
            git_sign_off=options.git.sign_off,
            git_signing=options.git.signing,
            git_commits_by_api=options.git.commits_by_api,
            commit_template=_commit_template(options.git.message_path),
            batch_commits=options.git.batch_commits,
            refuse_shared_anchors=options.git.shared_anchors == "refuse",
            git_allow_local=options.git.allow_local,
            git_cache_bytes=options.git.cache_bytes,
            image_credential_sources=options.credentials.image_sources,
            shared_secret_namespaces=options.credentials.shared_namespaces,
            credential_program_timeout_s=options.credentials.program_timeout_s,
            cloud_identities=options.credentials.cloud_identities,
            docker_config=options.credentials.docker_config,
            workload_pull_secrets=options.credentials.workload_pull_secrets,
            argocd_repositories=options.credentials.argocd_repositories,
            sigstore_trusted_root=options.sigstore_trusted_root,
            environment=options.environment,
        )
    )


def _commit_template(path: str) -> str | None:
    """Return the text of the commit message template, or None for the built-in one.

    Raises:
        ConfigError: it exists and cannot be used.
    """
    from argocd_image_updater.controller.commit_template import read_commit_template

    text = read_commit_template(path)
    if text is None:
        level = logging.DEBUG if path == _DEFAULT_TEMPLATE else logging.INFO
        _LOG.log(level, "no commit message template at %s, using the built-in one", path)
    return text or None
