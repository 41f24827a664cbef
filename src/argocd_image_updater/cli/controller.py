"""``run`` in a cluster: from options to the controller, and from its end to an exit code."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from argocd_image_updater.cli import exit_codes
from argocd_image_updater.cli.console import open_console
from argocd_image_updater.cli.log_sources import NamesSource
from argocd_image_updater.cli.report_log import ReportLog
from argocd_image_updater.cli.starting import start_fields
from argocd_image_updater.cli.stopping import stop_on_signals
from argocd_image_updater.core.durations import NS_PER_S
from argocd_image_updater.errors import RemoteError, UpdaterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.cli.cluster_options import ClusterOptions
    from argocd_image_updater.controller.cluster.options import ControllerOptions
    from argocd_image_updater.core.report import CycleReport


_LOG = logging.getLogger(__name__)


class ControllerEnded(UpdaterError):
    """The controller could not start, or not go on: exit code 1, as Deployments know it."""


def run_in_cluster(options: ClusterOptions, environ: Mapping[str, str]) -> int:
    """Be the controller until a signal, or for one pass; return the exit code."""
    open_console(options.run, environ, log_filter=NamesSource())
    fields = start_fields(options.run, probe_address=options.health_probe_bind_address)
    _LOG.info("starting", extra=fields)
    try:
        return asyncio.run(_run(options))
    except RemoteError as error:
        raise ControllerEnded(str(error), hint=error.hint) from error


async def _run(options: ClusterOptions) -> int:
    from argocd_image_updater.controller.cluster.process import run_controller

    with stop_on_signals() as stop:
        report = await run_controller(controller_options(options), stop=stop, log=ReportLog())
    if not options.once or stop.requested:
        return exit_codes.OK
    return exit_code_of_pass(report, fail_on_image_errors=options.fail_on_image_errors)


def exit_code_of_pass(report: CycleReport | None, *, fail_on_image_errors: bool) -> int:
    """Return the exit code of ``--once``; None: the cycle could not be run at all."""
    if report is None or any(result.failure for result in report.resources.values()):
        return exit_codes.USAGE
    if fail_on_image_errors and report.failed:
        return exit_codes.FAILED
    return exit_codes.OK


def controller_options(options: ClusterOptions) -> ControllerOptions:
    """Return what the controller needs to know of the flags and the environment."""
    from argocd_image_updater.controller.cluster.options import (
        ControllerOptions,
        CredentialRules,
        GitIdentity,
    )
    from argocd_image_updater.core.settings import Downgrade

    run = options.run
    return ControllerOptions(
        state_dir=run.state_dir,
        interval_s=options.interval_ns / NS_PER_S,
        once=options.once,
        dry_run=run.dry_run,
        waits_for_first_pass=options.warmup_cache,
        kubeconfig=options.kubeconfig,
        watch_namespaces=options.watch_namespaces,
        argocd_namespace=run.argocd_namespace,
        registries_conf_path=options.registries_conf_path,
        commit_template_path=run.git.message_path,
        default_platform=run.platform,
        downgrade=Downgrade(run.downgrade),
        git=GitIdentity(
            user=run.git.user,
            email=run.git.email,
            sign_off=run.git.sign_off,
            signing=run.git.signing,
            commits_by_api=run.git.commits_by_api,
            batch_commits=run.git.batch_commits,
            refuse_shared_anchors=run.git.shared_anchors == "refuse",
            allow_local=run.git.allow_local,
            cache_bytes=run.git.cache_bytes,
        ),
        credentials=CredentialRules(
            sources=run.credentials.image_sources,
            shared_namespaces=run.credentials.shared_namespaces,
            program_timeout_s=run.credentials.program_timeout_s,
            cloud_identities=run.credentials.cloud_identities,
            docker_config=run.credentials.docker_config,
            workload_pull_secrets=run.credentials.workload_pull_secrets,
            argocd_repositories=run.credentials.argocd_repositories,
        ),
        events=not options.disable_kube_events,
        refresh_after_push=options.refresh_after_push,
        probe_address=options.health_probe_bind_address,
        metrics_address=options.metrics_bind_address,
        metrics_secure=options.metrics_secure,
        leader_election=options.leader_election,
        lease_namespace=options.leader_election_namespace,
        shards=options.shards,
        sigstore_trusted_root=run.sigstore_trusted_root,
        environment=run.environment,
    )
