"""What the user asked for in a cluster: the options of every mode, and those of this one.

Source of the rules: docs/controller.md, docs/reference/cli.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from argocd_image_updater.cli.flag import RUN
from argocd_image_updater.cli.options import RunOptions, read_options, resolve
from argocd_image_updater.controller.cluster.namespaces import ALL_NAMESPACES
from argocd_image_updater.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """interval_ns: 0 = once per trigger, negative = paused.

    watch_namespaces: empty = the own one, ``*`` alone = all. registries_conf_path: empty = the
    built-in registries. Addresses: ``0`` = no server.
    """

    run: RunOptions
    once: bool
    interval_ns: int
    kubeconfig: str
    watch_namespaces: tuple[str, ...]
    registries_conf_path: str
    warmup_cache: bool
    disable_kube_events: bool
    refresh_after_push: bool
    metrics_bind_address: str
    metrics_secure: bool
    health_probe_bind_address: str
    leader_election: bool
    leader_election_namespace: str
    shards: int
    fail_on_image_errors: bool


def read_cluster_options(*, given: Mapping[str, Any], environ: Mapping[str, str]) -> ClusterOptions:
    """Return the options of `run` without manifests.

    Raises:
        ConfigError: a value cannot be used.
    """
    run = read_options(RUN, given=given, environ=environ)
    settings, _ = resolve(RUN, given=given, environ=environ)
    value = {name: setting.value for name, setting in settings.items()}
    once = bool(value["once"])
    _check_shards(value["shards"], once=once, leader_election=value["leader-election"])
    return ClusterOptions(
        run=run,
        once=once,
        interval_ns=0 if once else value["interval"],
        kubeconfig=value["kubeconfig"],
        watch_namespaces=parse_namespaces(value["watch-namespaces"]),
        registries_conf_path=value["registries-conf-path"],
        warmup_cache=value["warmup-cache"],
        disable_kube_events=value["disable-kube-events"],
        refresh_after_push=value["refresh-after-push"],
        metrics_bind_address=value["metrics-bind-address"],
        metrics_secure=value["metrics-secure"],
        health_probe_bind_address="0" if once else value["health-probe-bind-address"],
        leader_election=value["leader-election"],
        leader_election_namespace=value["leader-election-namespace"],
        shards=value["shards"],
        fail_on_image_errors=value["fail-on-image-errors"],
    )


def _check_shards(shards: int, *, once: bool, leader_election: bool) -> None:
    if shards > 1 and once:
        raise ConfigError(
            f"--shards={shards} together with --once would leave the work of others undone",
            hint="leave out --shards: one process does everything",
        )
    if shards > 1 and not leader_election:
        raise ConfigError(
            f"--shards={shards} needs the Leases of the leader election",
            hint="leave out --leader-election=false",
        )


def parse_namespaces(text: str) -> tuple[str, ...]:
    """Return the namespaces of ``--watch-namespaces``.

    Raises:
        ConfigError: it names none, or ``*`` beside others.
    """
    if not text.strip():
        return ()
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise ConfigError(f'--watch-namespaces="{text}" names no namespace')
    if ALL_NAMESPACES in names and len(names) > 1:
        raise ConfigError(
            f'--watch-namespaces="{text}" has * beside names',
            hint="* alone means all namespaces; leave it out to watch the named ones",
        )
    return names
