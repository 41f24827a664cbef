"""Prometheus' text format read into a table, and metrics of which every series has a value."""

import dataclasses

from prometheus_client.parser import text_string_to_metric_families

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.decisions import Decision
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.report import Counters, CycleReport, ResourceResult
from argocd_image_updater.core.settings import Problem
from argocd_image_updater.git.settings import GitStatistics
from argocd_image_updater.kube.client import KubeExchange
from argocd_image_updater.registry.cache_lookups import Cache, CacheLookup
from argocd_image_updater.registry.traffic import Exchange

LEASE = "c21b75f2.argoproj.io"


def read_samples(body):
    """Return {(name, frozenset of its labels): value}."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def read_types(body):
    """Return {name: type} as the text declares them."""
    lines = (line.split() for line in body.decode().splitlines() if line.startswith("# TYPE "))
    return {name: kind for _, _, name, kind in lines}


class BusyController:
    """Raises every series of some metrics a bit, each time it works."""

    def __init__(self, metrics):
        self._metrics = metrics
        self._git = GitStatistics()
        metrics.follow_git(lambda: self._git)
        metrics.follow_queue(depth=lambda: 1, age_s=lambda: 2.5)
        metrics.set_leader(LEASE, is_leader=True)
        metrics.set_shards(1)

    def work(self):
        metrics = self._metrics
        metrics.settings_read(is_good=True)
        metrics.cycle_began(2)
        metrics.cycle_over(_report())
        for status in (200, 404, 429, 0):
            metrics.observe_registry(Exchange("ghcr.io", "GET", status, 0.2, 90, 100, "ghcr.io"))
            metrics.observe_cache(CacheLookup("ghcr.io", Cache.IMAGE, is_hit=status < 400))
            metrics.observe_kube(KubeExchange("10.0.0.1:443", "GET", status, 0.01))
        counts = dataclasses.asdict(self._git)
        self._git = GitStatistics(**{name: count + 1 for name, count in counts.items()})


def _report():
    good, bad = ObjectKey("team", "web"), ObjectKey("team", "broken")
    counters = Counters(
        applications=2, images_considered=2, images_skipped=0, images_updated=1, errors=1
    )
    problem = Problem(Reason.SETTINGS_INVALID, "no spec", resource=bad)
    return CycleReport(
        decisions=tuple(
            Decision(good, ObjectKey("argocd", "web"), "web", "acme/web", reason, "")
            for reason in (Reason.UPDATED, Reason.REGISTRY_ERROR)
        ),
        problems=(problem,),
        counters=counters,
        resources={
            good: ResourceResult(1, 2, counters),
            bad: ResourceResult(1, failure=problem),
        },
        duration_s=0.3,
    )
