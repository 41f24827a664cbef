"""What raises the series: cycles, requests, and the state that is asked for at each scrape.

Rules: 1. only resources that a cycle was about are touched, so that a cycle over some never zeroes
the others; 2. a dry run updates nothing; 3. where a resource could not be used its gauges stay;
4. labels have a bounded number of values, and the series of a resource go with it; 5. where metrics
are not served nothing is kept.

Source: docs/metrics.md.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from argocd_image_updater.controller.series import CONTROLLER, Series
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.refreshes import RefreshEnd

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry

    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.report import CycleReport, ResourceResult
    from argocd_image_updater.git.settings import GitStatistics
    from argocd_image_updater.kube.client import KubeExchange
    from argocd_image_updater.registry.cache_lookups import CacheLookup
    from argocd_image_updater.registry.traffic import Exchange

# Hosts come from image names, which users choose; more than these share one series.
MAX_REGISTRIES = 200
OTHER_REGISTRIES = "other"
_RESULTS = ("error", "requeue", "requeue_after", "success")
_CYCLE_RESULTS = ("success", "partial", "failed")
_TOLD_APART = frozenset({304, 401, 403, 404, 429})
_NO_ANSWER = "none"


class Metrics:
    """The metrics of one process.

    is_served: somebody can read them. repeats: an ImageUpdater comes back after the interval.
    now: seconds since 1970.
    """

    def __init__(
        self,
        *,
        is_served: bool = True,
        repeats: bool = True,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._series = Series() if is_served else cast("Series", _Unheard())
        self._result = "requeue_after" if repeats else "success"
        self._now = now
        self._registries: set[str] = set()
        self._reasons: dict[ObjectKey, frozenset[Reason]] = {}
        self._git: dict[str, int] = {}
        self._read_git: Callable[[], GitStatistics | None] = lambda: None
        self._depth: Callable[[], int] = lambda: 0
        self._age_s: Callable[[], float] = lambda: 0.0
        self._begin_at_zero()

    @property
    def registry(self) -> CollectorRegistry:
        """Where parts with series of their own register them."""
        return self._series.registry

    async def scrape(self) -> bytes:
        """Return all series in the text format of Prometheus."""
        self._pull()
        return await asyncio.to_thread(self._series.render)

    def follow_queue(self, *, depth: Callable[[], int], age_s: Callable[[], float]) -> None:
        """Ask these at each scrape: how many resources wait, and how long the first has waited."""
        self._depth, self._age_s = depth, age_s

    def follow_git(self, read: Callable[[], GitStatistics | None]) -> None:
        """Ask this at each scrape for what was asked of Git servers so far."""
        self._read_git = read

    def cycle_began(self, due: int) -> None:
        """Note the start of a cycle over so many resources."""
        self._series.cycle.active.set(1)
        self._series.cycle.adds.inc(due)

    def cycle_over(self, report: CycleReport, *, is_partial: bool = False) -> None:
        """Note what a cycle did.

        is_partial: it was about some images of its resources only, as after an event of a
        registry; what it counted says nothing about the others.
        """
        cycle = self._series.cycle
        cycle.active.set(0)
        cycle.time.observe(report.duration_s)
        cycle.cycles.labels("partial" if report.failed else "success").inc()
        for reason, count in Counter(item.reason for item in report.decisions).items():
            cycle.decisions.labels(reason.value).inc(count)
        for key, result in report.resources.items():
            if result.failure is None:
                self._count(key, result, is_dry=report.dry_run)
        if not is_partial:
            self._take_stock(report)

    def cycle_failed(self, _error: BaseException) -> None:
        """Note a cycle that could not be run."""
        cycle = self._series.cycle
        cycle.active.set(0)
        cycle.cycles.labels("failed").inc()
        cycle.reconciles.labels(CONTROLLER, "error").inc()
        cycle.reconcile_errors.inc()

    def forget(self, key: ObjectKey) -> None:
        """Drop the series of a resource."""
        if key not in self._reasons:
            return
        series, label = self._series.resource, _labels(key)
        for gone in (series.applications, series.images, series.updated, series.errors):
            gone.remove(*label)
        series.succeeded.remove(*label)
        for reason in self._reasons.pop(key):
            series.reasons.remove(*label, reason.value)

    def observe_registry(self, exchange: Exchange) -> None:
        """Count a request to a registry."""
        traffic = self._series.traffic
        name = self._registry_label(exchange.host)
        traffic.registry.labels(name).inc()
        failed = traffic.registry_failed.labels(name)
        if _is_registry_fault(exchange):
            failed.inc()
        traffic.registry_answers.labels(name, _status_label(exchange.status)).inc()
        traffic.registry_time.labels(name).observe(exchange.elapsed_s)
        if exchange.quota_left is not None:
            traffic.registry_quota.labels(name).set(exchange.quota_left)
        if exchange.quota_limit is not None:
            traffic.registry_limit.labels(name).set(exchange.quota_limit)
        if exchange.token_of:
            owner = self._registry_label(exchange.token_of)
            traffic.registry_tokens.labels(owner, _status_label(exchange.status)).inc()

    def observe_cache(self, lookup: CacheLookup) -> None:
        """Count a look into what is kept of a registry."""
        result = "hit" if lookup.is_hit else "miss"
        name = self._registry_label(lookup.host)
        self._series.traffic.registry_cache.labels(name, lookup.cache.value, result).inc()

    def observe_kube(self, exchange: KubeExchange) -> None:
        """Count a request to the Kubernetes API."""
        traffic = self._series.traffic
        traffic.kube.inc()
        if _is_kube_fault(exchange.status):
            traffic.kube_errors.inc()
        code = str(exchange.status) if exchange.status else "<error>"
        traffic.rest_client.labels(code, exchange.host, exchange.method).inc()
        traffic.kube_time.observe(exchange.elapsed_s)

    def observe_refresh(self, end: RefreshEnd) -> None:
        """Count how asking Argo CD to look at an Application ended."""
        self._series.cycle.refreshes.labels(end.value).inc()

    def set_leader(self, lease: str, *, is_leader: bool) -> None:
        """Note whether this replica holds a Lease."""
        self._series.process.leads.labels(lease).set(is_leader)

    def set_shards(self, held: int) -> None:
        """Note how many shards this replica works on; 1 where there are none and it works."""
        self._series.process.shards.set(held)

    def settings_read(self, *, is_good: bool) -> None:
        """Note that the settings files were read: anew, or in vain and the old ones stay."""
        process = self._series.process
        process.reloads.labels("success" if is_good else "failure").inc()
        process.settings_good.set(is_good)

    def _begin_at_zero(self) -> None:
        """Have the series from the start whose labels are known: growth shows from the first."""
        cycle, process = self._series.cycle, self._series.process
        for result in _RESULTS:
            cycle.reconciles.labels(CONTROLLER, result)
        for result in _CYCLE_RESULTS:
            cycle.cycles.labels(result)
        for reason in Reason:
            cycle.decisions.labels(reason.value)
        for end in RefreshEnd:
            cycle.refreshes.labels(end.value)
        for result in ("success", "failure"):
            process.reloads.labels(result)
        process.settings_good.set(1)

    def _count(self, key: ObjectKey, result: ResourceResult, *, is_dry: bool) -> None:
        """Raise the counters of a resource; they appear with its first Application."""
        counters, label = result.counters, _labels(key)
        updated = 0 if is_dry else counters.images_updated
        if not (result.applications or updated or counters.errors):
            return
        self._reasons.setdefault(key, frozenset())
        self._series.resource.updated.labels(*label).inc(updated)
        self._series.resource.errors.labels(*label).inc(counters.errors)

    def _take_stock(self, report: CycleReport) -> None:
        """Note what a cycle over whole resources found in each of them."""
        now_s, cycle = self._now(), self._series.cycle
        self._series.succeeded(now_s)
        found: dict[ObjectKey, Counter[Reason]] = defaultdict(Counter)
        for decision in report.decisions:
            found[decision.resource][decision.reason] += 1
        for key, result in report.resources.items():
            cycle.reconcile_time.observe(report.duration_s)
            if result.failure is not None:
                cycle.reconciles.labels(CONTROLLER, "error").inc()
                cycle.reconcile_errors.inc()
                continue
            cycle.reconciles.labels(CONTROLLER, self._result).inc()
            series, label = self._series.resource, _labels(key)
            series.applications.labels(*label).set(result.applications)
            series.images.labels(*label).set(result.counters.images_considered)
            series.succeeded.labels(*label).set(now_s)
            self._set_reasons(key, found[key])

    def _set_reasons(self, key: ObjectKey, found: Counter[Reason]) -> None:
        gauge, label = self._series.resource.reasons, _labels(key)
        for gone in self._reasons.get(key, frozenset()) - found.keys():
            gauge.remove(*label, gone.value)
        for reason, count in found.items():
            gauge.labels(*label, reason.value).set(count)
        self._reasons[key] = frozenset(found)

    def _registry_label(self, host: str) -> str:
        if host not in self._registries:
            if len(self._registries) >= MAX_REGISTRIES:
                return OTHER_REGISTRIES
            self._registries.add(host)
        return host

    def _pull(self) -> None:
        cycle = self._series.cycle
        cycle.depth.set(self._depth())
        cycle.age.set(self._age_s())
        statistics = self._read_git()
        if statistics is None:
            return
        for field, counter in self._series.traffic.git.items():
            total = int(getattr(statistics, field))
            before = self._git.get(field, 0)
            # An engine that was opened anew begins at 0.
            counter.inc(total - before if total >= before else total)
            self._git[field] = total


class _Unheard:
    """Stands for series that nobody can read: takes every call and does nothing."""

    def __getattr__(self, _name: str) -> Any:
        return self

    def __call__(self, *_values: object, **_named: object) -> Any:
        return self


def _labels(key: ObjectKey) -> tuple[str, str]:
    return key.name, key.namespace


def _is_registry_fault(exchange: Exchange) -> bool:
    """Whether a request was in vain.

    401 is how a registry asks for a token; 404 to HEAD answers whether something exists.
    """
    match exchange.status:
        case 0:
            return True
        case HTTPStatus.UNAUTHORIZED:
            return False
        case HTTPStatus.NOT_FOUND:
            return exchange.method != "HEAD"
    return exchange.status >= HTTPStatus.BAD_REQUEST


def _is_kube_fault(status: int) -> bool:
    """Whether a request was in vain; 404 answers whether an object exists."""
    return status == 0 or (status >= HTTPStatus.BAD_REQUEST and status != HTTPStatus.NOT_FOUND)


def _status_label(status: int) -> str:
    """Return a status that is told apart, else its class."""
    if status in _TOLD_APART:
        return str(status)
    return f"{status // 100}xx" if status else _NO_ANSWER
