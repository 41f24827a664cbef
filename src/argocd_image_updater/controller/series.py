"""Every series of metrics: name, type, labels, help text. What raises them is in `metrics`.

Names of the first two groups are those that dashboards and alerts of this field use already; gauges
whose name ends in ``_total`` among them. Each instance has a registry of its own, so that a process
may hold several. Docs and scrape are held against each other by a test.

Source: docs/metrics.md; https://prometheus.io/docs/practices/naming/ for names of ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric

OURS = "argocd_image_updater"
RESOURCE = ("image_updater_cr_name", "image_updater_cr_namespace")
CONTROLLER = "imageupdater"
_RECONCILE_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60)
_CYCLE_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_REQUEST_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class _Maker:
    """Makes series in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry

    def counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Counter:
        from prometheus_client import Counter  # noqa: PLC0415 - paid only by who serves metrics

        return Counter(name, text, labels, registry=self.registry)

    def gauge(self, name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
        from prometheus_client import Gauge  # noqa: PLC0415 - as above

        return Gauge(name, text, labels, registry=self.registry)

    def histogram(
        self, name: str, text: str, *, buckets: Sequence[float], labels: Sequence[str] = ()
    ) -> Histogram:
        from prometheus_client import Histogram  # noqa: PLC0415 - as above

        return Histogram(name, text, labels, buckets=buckets, registry=self.registry)


class ResourceSeries:
    """What is told of each ImageUpdater."""

    def __init__(self, make: _Maker) -> None:
        # COMPAT: gauges named _total.
        self.applications = make.gauge(
            f"{OURS}_applications_watched_total", "Applications that are selected.", RESOURCE
        )
        self.images = make.gauge(
            f"{OURS}_images_watched_total", "Images of Applications that take part.", RESOURCE
        )
        self.updated = make.counter(
            f"{OURS}_images_updated_total", "Images that were updated.", RESOURCE
        )
        self.errors = make.counter(
            f"{OURS}_images_errors_total", "Errors while images were updated.", RESOURCE
        )
        self.reasons = make.gauge(
            f"{OURS}_images_by_reason",
            "Images by the reason with which the last cycle ended for them.",
            (*RESOURCE, "reason"),
        )
        self.succeeded = make.gauge(
            f"{OURS}_resource_last_success_timestamp_seconds",
            "End of the last cycle in which this ImageUpdater could be used.",
            RESOURCE,
        )


class TrafficSeries:
    """What is told of requests to registries, the Kubernetes API and Git servers."""

    def __init__(self, make: _Maker) -> None:
        self.kube = make.counter(f"{OURS}_k8s_api_requests_total", "Kubernetes API requests.")
        self.kube_errors = make.counter(
            f"{OURS}_k8s_api_errors_total", "Kubernetes API requests that failed."
        )
        self.kube_time = make.histogram(
            f"{OURS}_k8s_api_request_duration_seconds",
            "Time until the answer of the Kubernetes API began.",
            buckets=_REQUEST_BUCKETS_S,
        )
        self.rest_client = make.counter(
            "rest_client_requests_total",
            "Kubernetes API requests by status code, method and host.",
            ("code", "host", "method"),
        )
        self.registry = make.counter(
            f"{OURS}_registry_requests_total", "Requests to registries.", ("registry",)
        )
        self.registry_failed = make.counter(
            f"{OURS}_registry_requests_failed_total",
            "Requests to registries that failed.",
            ("registry",),
        )
        self.registry_answers = make.counter(
            f"{OURS}_registry_responses_total",
            "Requests to registries by the status of the answer.",
            ("registry", "status"),
        )
        self.registry_time = make.histogram(
            f"{OURS}_registry_request_duration_seconds",
            "Time of a request to a registry, without waits for its limit.",
            buckets=_REQUEST_BUCKETS_S,
            labels=("registry",),
        )
        self.registry_quota = make.gauge(
            f"{OURS}_registry_quota_left",
            "Requests that a registry says are left.",
            ("registry",),
        )
        self.registry_limit = make.gauge(
            f"{OURS}_registry_quota_limit",
            "Requests that a registry says it allows in its window.",
            ("registry",),
        )
        self.registry_tokens = make.counter(
            f"{OURS}_registry_token_requests_total",
            "Requests for tokens of a registry by the status of the answer.",
            ("registry", "status"),
        )
        self.registry_cache = make.counter(
            f"{OURS}_registry_cache_lookups_total",
            "Looks into what is kept of a registry, by cache and result.",
            ("registry", "cache", "result"),
        )
        self.git = {
            field: make.counter(f"{OURS}_git_{name}_total", text)
            for field, name, text in _GIT_COUNTERS
        }


# Field of the Git engine's statistics, name, help text.
_GIT_COUNTERS = (
    ("questions", "questions", "Questions to Git servers for their branches."),
    ("fetches", "fetches", "Fetches from Git servers."),
    ("pushes", "pushes", "Pushes to Git servers."),
    ("rejected_pushes", "pushes_rejected", "Pushes that were not accepted."),
    ("rebuilt_mirrors", "mirrors_rebuilt", "Damaged local mirrors that were built anew."),
    ("evicted_mirrors", "mirrors_evicted", "Local mirrors that were removed to make room."),
    ("received_bytes", "received_bytes", "Growth of local mirrors by fetches."),
    ("sent_bytes", "sent_bytes", "Size of the objects that were sent."),
)


class CycleSeries:
    """What is told of cycles, in our words and in those of controller-runtime."""

    def __init__(self, make: _Maker) -> None:
        by_controller = ("controller",)
        self.cycles = make.counter(f"{OURS}_cycles_total", "Cycles by how they ended.", ("result",))
        self.time = make.histogram(
            f"{OURS}_cycle_duration_seconds", "Time of a cycle.", buckets=_CYCLE_BUCKETS_S
        )
        self.decisions = make.counter(
            f"{OURS}_decisions_total", "Decisions about images by reason.", ("reason",)
        )
        self.refreshes = make.counter(
            f"{OURS}_refreshes_total",
            "Applications that Argo CD was to look at after a push, by result.",
            ("result",),
        )
        self.reconciles = make.counter(
            "controller_runtime_reconcile_total",
            "ImageUpdaters worked on, by result.",
            ("controller", "result"),
        )
        self.reconcile_errors = make.counter(
            "controller_runtime_reconcile_errors_total",
            "ImageUpdaters that could not be used as a whole.",
            by_controller,
        ).labels(CONTROLLER)
        self.reconcile_time = make.histogram(
            "controller_runtime_reconcile_time_seconds",
            "Time of the cycle in which an ImageUpdater was worked on.",
            buckets=_RECONCILE_BUCKETS_S,
            labels=by_controller,
        ).labels(CONTROLLER)
        self.active = make.gauge(
            "controller_runtime_active_workers", "Cycles that run now.", by_controller
        ).labels(CONTROLLER)
        make.gauge(
            "controller_runtime_max_concurrent_reconciles",
            "Cycles that may run at the same time.",
            by_controller,
        ).labels(CONTROLLER).set(1)
        queue = ("controller", "name")
        self.depth = make.gauge(
            "workqueue_depth", "ImageUpdaters that wait for a cycle.", queue
        ).labels(CONTROLLER, CONTROLLER)
        self.adds = make.counter(
            "workqueue_adds_total", "ImageUpdaters that became due.", queue
        ).labels(CONTROLLER, CONTROLLER)
        self.age = make.gauge(
            f"{OURS}_queue_age_seconds",
            "How long the ImageUpdater that waits longest for a cycle has been due.",
        )


class ProcessSeries:
    """What is told of this replica."""

    def __init__(self, make: _Maker) -> None:
        self.leads = make.gauge(
            "leader_election_master_status", "1 while this replica holds the Lease.", ("name",)
        )
        self.shards = make.gauge(f"{OURS}_shards_held", "Shards that this replica works on.")
        self.reloads = make.counter(
            f"{OURS}_settings_reloads_total",
            "Changed settings files that were read, by result.",
            ("result",),
        )
        self.settings_good = make.gauge(
            f"{OURS}_settings_last_reload_successful",
            "1 while the settings files are in use as they stand.",
        )
        make.gauge(f"{OURS}_build_info", "The version of this program.", ("version",)).labels(
            __version__
        ).set(1)


class Series:
    """All series of one process, in one registry."""

    def __init__(self) -> None:
        from prometheus_client import (  # noqa: PLC0415 - paid only by who serves metrics
            CollectorRegistry,
            Gauge,
            ProcessCollector,
        )

        self.registry = CollectorRegistry()
        make = _Maker(self.registry)
        self.resource = ResourceSeries(make)
        self.traffic = TrafficSeries(make)
        self.cycle = CycleSeries(make)
        self.process = ProcessSeries(make)
        ProcessCollector(registry=self.registry)
        # Not there until it has happened: 0 would be taken for very long ago.
        self._last_success = Gauge(
            f"{OURS}_last_success_timestamp_seconds",
            "End of the last cycle that came to its end.",
            registry=None,
        )
        self._has_succeeded = False

    def succeeded(self, now_s: float) -> None:
        """Note the end of a cycle."""
        self._last_success.set(now_s)
        if not self._has_succeeded:
            self.registry.register(self._last_success)
            self._has_succeeded = True

    def render(self) -> bytes:
        """Return everything in the text format; may be called from another thread."""
        from prometheus_client import generate_latest  # noqa: PLC0415 - as above

        return generate_latest(_WithoutBirths(self.registry))


class _WithoutBirths:
    """A registry without the ``_created`` series, which the text format has no use for."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        for family in self._registry.collect():
            birth = f"{family.name}_created"
            family.samples = [sample for sample in family.samples if sample.name != birth]
            yield family
