"""What raises the series; `test_metrics_page` holds their names against the docs."""

import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest

from argocd_image_updater.controller.metrics import MAX_REGISTRIES, Metrics
from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.decisions import Decision
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.report import Counters, CycleReport, ResourceResult
from argocd_image_updater.core.settings import Problem
from argocd_image_updater.git.settings import GitStatistics
from argocd_image_updater.kube.client import KubeExchange
from argocd_image_updater.registry.cache_lookups import Cache, CacheLookup
from argocd_image_updater.registry.traffic import Exchange
from metric_samples import read_samples

TEAM = ObjectKey("team", "web")
OTHER = ObjectKey("team", "other")
NOW_S = 1_700_000_000.0
CR = {"image_updater_cr_name": "web", "image_updater_cr_namespace": "team"}


def a_result(applications=2, *, images=3, updated=1, errors=0, failure=None):
    return ResourceResult(
        generation=1,
        applications=applications,
        counters=Counters(
            applications=applications,
            images_considered=images,
            images_updated=updated,
            errors=errors,
        ),
        failure=failure,
    )


def a_report(resources, *, reasons=(), **fields):
    decisions = tuple(
        Decision(key, ObjectKey("argocd", "a"), "x", "acme/x", reason, "")
        for key, reason in reasons
    )
    errors = sum(result.counters.errors for result in resources.values())
    return CycleReport(
        resources=resources,
        decisions=decisions,
        counters=Counters(errors=errors),
        duration_s=1.5,
        **fields,
    )


FAILED = a_result(
    0, images=0, updated=0, errors=1, failure=Problem(Reason.SETTINGS_INVALID, "a pattern")
)


@pytest.fixture
def metrics():
    return Metrics(now=lambda: NOW_S)


async def read(metrics):
    return read_samples(await metrics.scrape())


async def value(metrics, name, /, **labels):
    return (await read(metrics)).get((name, frozenset(labels.items())))


async def of_team(metrics, name, /, **labels):
    return await value(metrics, f"argocd_image_updater_{name}", **CR, **labels)


async def test_a_cycle_sets_gauges_and_raises_counters(metrics):
    for _ in range(2):
        metrics.cycle_over(a_report({TEAM: a_result(2, images=3, updated=1, errors=4)}))
    assert await of_team(metrics, "applications_watched_total") == 2
    assert await of_team(metrics, "images_watched_total") == 3
    assert await of_team(metrics, "images_updated_total") == 2
    assert await of_team(metrics, "images_errors_total") == 8
    assert await of_team(metrics, "resource_last_success_timestamp_seconds") == NOW_S


async def test_the_counters_appear_with_the_first_application(metrics):
    metrics.cycle_over(a_report({TEAM: a_result(0, images=0, updated=0)}))
    assert await of_team(metrics, "applications_watched_total") == 0
    assert await of_team(metrics, "images_updated_total") is None
    metrics.cycle_over(a_report({TEAM: a_result(1, images=0, updated=0)}))
    assert await of_team(metrics, "images_updated_total") == 0
    assert await of_team(metrics, "images_errors_total") == 0


async def test_a_dry_run_updates_nothing(metrics):
    metrics.cycle_over(a_report({TEAM: a_result(updated=1, errors=1)}, dry_run=True))
    assert await of_team(metrics, "images_updated_total") == 0
    assert await of_team(metrics, "images_errors_total") == 1
    assert await of_team(metrics, "images_watched_total") == 3


async def test_a_resource_that_could_not_be_used_keeps_its_gauges(metrics):
    metrics.cycle_over(a_report({TEAM: a_result()}))
    metrics.cycle_over(a_report({TEAM: FAILED}))
    assert await of_team(metrics, "applications_watched_total") == 2
    assert await of_team(metrics, "images_watched_total") == 3
    assert await of_team(metrics, "images_errors_total") == 0


async def test_a_cycle_over_one_resource_leaves_the_others_alone(metrics):
    metrics.cycle_over(a_report({TEAM: a_result()}, reasons=[(TEAM, Reason.UPDATED)]))
    before = {name: amount for name, amount in (await read(metrics)).items() if "team" in str(name)}
    metrics.cycle_over(a_report({OTHER: a_result(7)}))
    after = await read(metrics)
    assert {name: after[name] for name in before} == before


async def test_a_cycle_over_some_images_only_counts(metrics):
    metrics.cycle_over(a_report({TEAM: a_result(2, images=3)}, reasons=[(TEAM, Reason.UP_TO_DATE)]))
    part = a_report({TEAM: a_result(1, images=1, updated=1)}, reasons=[(TEAM, Reason.UPDATED)])
    metrics.cycle_over(part, is_partial=True)
    assert await of_team(metrics, "applications_watched_total") == 2
    assert await of_team(metrics, "images_watched_total") == 3
    assert await of_team(metrics, "images_updated_total") == 2
    assert await of_team(metrics, "images_by_reason", reason="UpToDate") == 1
    decided = "argocd_image_updater_decisions_total"
    assert await value(metrics, decided, reason="Updated") == 1


async def test_a_reason_that_is_over_has_no_series(metrics):
    twice = [(TEAM, Reason.UPDATED), (TEAM, Reason.UPDATED), (TEAM, Reason.NO_TAGS)]
    metrics.cycle_over(a_report({TEAM: a_result()}, reasons=twice))
    assert await of_team(metrics, "images_by_reason", reason="Updated") == 2
    metrics.cycle_over(a_report({TEAM: a_result()}, reasons=[(TEAM, Reason.NO_TAGS)]))
    assert await of_team(metrics, "images_by_reason", reason="Updated") is None
    assert await of_team(metrics, "images_by_reason", reason="NoTags") == 1


async def test_a_deleted_resource_takes_its_series_with_it(metrics):
    metrics.forget(TEAM)
    metrics.cycle_over(
        a_report({TEAM: a_result(), OTHER: a_result()}, reasons=[(TEAM, Reason.UPDATED)])
    )
    metrics.forget(TEAM)
    names = [labels for _, labels in await read(metrics)]
    assert not any(("image_updater_cr_name", "web") in labels for labels in names)
    assert any(("image_updater_cr_name", "other") in labels for labels in names)


async def test_a_resource_with_errors_only_is_forgotten_too(metrics):
    part = a_report({TEAM: a_result(0, images=0, updated=0, errors=1)})
    metrics.cycle_over(part, is_partial=True)
    metrics.forget(TEAM)
    assert await of_team(metrics, "images_errors_total") is None


@pytest.mark.parametrize(("repeats", "result"), [(True, "requeue_after"), (False, "success")])
async def test_each_resource_counts_as_worked_on(repeats, result):
    metrics = Metrics(repeats=repeats)
    metrics.cycle_began(2)
    active = "controller_runtime_active_workers"
    assert await value(metrics, active, controller="imageupdater") == 1
    metrics.cycle_over(a_report({TEAM: a_result(), OTHER: FAILED}))
    found = await read(metrics)

    def of_controller(name, /, **labels):
        return found[name, frozenset({"controller": "imageupdater", **labels}.items())]

    total = "controller_runtime_reconcile_total"
    assert of_controller(active) == 0
    assert of_controller(total, result=result) == 1
    assert of_controller(total, result="error") == 1
    assert of_controller("controller_runtime_reconcile_errors_total") == 1
    assert of_controller("controller_runtime_reconcile_time_seconds_count") == 2
    assert of_controller("workqueue_adds_total", name="imageupdater") == 2


async def test_cycles_are_told_apart_by_how_they_end(metrics):
    metrics.cycle_over(a_report({TEAM: a_result()}))
    metrics.cycle_over(a_report({TEAM: a_result(errors=1)}))
    metrics.cycle_began(3)
    metrics.cycle_failed(OSError("gone"))
    for result in ("success", "partial", "failed"):
        assert await value(metrics, "argocd_image_updater_cycles_total", result=result) == 1
    assert await value(metrics, "argocd_image_updater_cycle_duration_seconds_count") == 2
    assert await value(metrics, "controller_runtime_active_workers", controller="imageupdater") == 0


async def test_the_last_success_is_not_there_before_there_was_one(metrics):
    name = "argocd_image_updater_last_success_timestamp_seconds"
    assert await value(metrics, name) is None
    metrics.cycle_over(a_report({}))
    metrics.cycle_over(a_report({}))
    assert await value(metrics, name) == NOW_S


@pytest.mark.parametrize(
    ("method", "status", "failed", "label"),
    [
        ("GET", 200, 0, "2xx"),
        ("GET", 304, 0, "304"),
        ("GET", 401, 0, "401"),
        ("HEAD", 404, 0, "404"),
        ("GET", 404, 1, "404"),
        ("GET", 429, 1, "429"),
        ("GET", 418, 1, "4xx"),
        ("GET", 503, 1, "5xx"),
        ("GET", 0, 1, "none"),
    ],
)
async def test_a_registry_request_is_counted(metrics, *, method, status, failed, label):
    metrics.observe_registry(Exchange("ghcr.io", method, status, 0.2, quota_left=7))
    found = await read(metrics)
    ours = "argocd_image_updater_registry_"
    registry = ("registry", "ghcr.io")
    assert found[f"{ours}requests_total", frozenset({registry})] == 1
    assert found[f"{ours}requests_failed_total", frozenset({registry})] == failed
    assert found[f"{ours}responses_total", frozenset({registry, ("status", label)})] == 1
    assert found[f"{ours}request_duration_seconds_sum", frozenset({registry})] == 0.2
    assert found[f"{ours}quota_left", frozenset({registry})] == 7


async def test_a_limit_that_a_registry_tells_is_shown_beside_what_is_left(metrics):
    metrics.observe_registry(Exchange("hub", "GET", 200, 0.1, quota_left=76, quota_limit=100))
    metrics.observe_registry(Exchange("hub", "GET", 200, 0.1))
    ours = "argocd_image_updater_registry_quota"
    assert await value(metrics, f"{ours}_left", registry="hub") == 76
    assert await value(metrics, f"{ours}_limit", registry="hub") == 100


async def test_requests_for_tokens_count_for_the_registry_that_they_are_for(metrics):
    metrics.observe_registry(Exchange("auth.example", "GET", 200, 0.1, token_of="ghcr.io"))
    metrics.observe_registry(Exchange("auth.example", "GET", 503, 0.1, token_of="ghcr.io"))
    metrics.observe_registry(Exchange("ghcr.io", "GET", 200, 0.1))
    tokens = "argocd_image_updater_registry_token_requests_total"
    assert await value(metrics, tokens, registry="ghcr.io", status="2xx") == 1
    assert await value(metrics, tokens, registry="ghcr.io", status="5xx") == 1
    requests = "argocd_image_updater_registry_requests_total"
    assert await value(metrics, requests, registry="auth.example") == 2


async def test_looks_into_a_cache_are_told_apart(metrics):
    for is_hit in (True, True, False):
        metrics.observe_cache(CacheLookup("ghcr.io", Cache.IMAGE, is_hit=is_hit))
    lookups = "argocd_image_updater_registry_cache_lookups_total"
    found = {
        result: await value(metrics, lookups, registry="ghcr.io", cache="image", result=result)
        for result in ("hit", "miss")
    }
    assert found == {"hit": 2, "miss": 1}


async def test_registries_without_number_share_a_series(metrics):
    for number in range(MAX_REGISTRIES + 50):
        host = f"r{number}.example"
        metrics.observe_registry(Exchange(host, "GET", 200, 0.1, 1, 2, token_of=host))
        metrics.observe_cache(CacheLookup(host, Cache.TOKEN, is_hit=False))
    series = Counter(name for name, labels in await read(metrics) if dict(labels).get("registry"))
    ours = "argocd_image_updater_registry"
    for name in ("quota_limit", "token_requests_total", "cache_lookups_total", "quota_left"):
        assert series[f"{ours}_{name}"] == MAX_REGISTRIES + 1, name
    found = [name for name in await read(metrics) if name[0].endswith("registry_requests_total")]
    assert len(found) == MAX_REGISTRIES + 1
    requests = "argocd_image_updater_registry_requests_total"
    assert await value(metrics, requests, registry="other") == 50


@pytest.mark.parametrize(
    ("status", "errors", "code"),
    [(200, 0, "200"), (404, 0, "404"), (409, 1, "409"), (0, 1, "<error>")],
)
async def test_a_request_to_the_cluster_is_counted(metrics, status, errors, code):
    metrics.observe_kube(KubeExchange("10.0.0.1:443", "GET", status, 0.01))
    assert await value(metrics, "argocd_image_updater_k8s_api_requests_total") == 1
    assert await value(metrics, "argocd_image_updater_k8s_api_errors_total") == errors
    labels = {"code": code, "host": "10.0.0.1:443", "method": "GET"}
    assert await value(metrics, "rest_client_requests_total", **labels) == 1


async def test_git_is_followed_over_a_new_engine(metrics):
    statistics = GitStatistics(questions=3, pushes=1)
    metrics.follow_git(lambda: statistics)
    for _ in range(2):
        assert await value(metrics, "argocd_image_updater_git_questions_total") == 3
    statistics = GitStatistics(questions=1)
    assert await value(metrics, "argocd_image_updater_git_questions_total") == 4
    assert await value(metrics, "argocd_image_updater_git_pushes_total") == 1


async def test_the_queue_is_asked_at_each_scrape(metrics):
    waiting = [5.0]
    metrics.follow_queue(depth=lambda: len(waiting), age_s=lambda: max(waiting))
    assert await value(metrics, "argocd_image_updater_queue_age_seconds") == 5
    waiting.append(9.0)
    assert await value(metrics, "argocd_image_updater_queue_age_seconds") == 9
    queue = {"controller": "imageupdater", "name": "imageupdater"}
    assert await value(metrics, "workqueue_depth", **queue) == 2


async def test_leadership_shards_and_settings_are_told(metrics):
    metrics.set_leader("c21b75f2.argoproj.io", is_leader=True)
    metrics.set_shards(2)
    metrics.settings_read(is_good=True)
    metrics.settings_read(is_good=False)
    name = "leader_election_master_status"
    assert await value(metrics, name, name="c21b75f2.argoproj.io") == 1
    assert await value(metrics, "argocd_image_updater_shards_held") == 2
    reloads = "argocd_image_updater_settings_reloads_total"
    assert await value(metrics, reloads, result="failure") == 1
    assert await value(metrics, "argocd_image_updater_settings_last_reload_successful") == 0
    metrics.set_leader("c21b75f2.argoproj.io", is_leader=False)
    assert await value(metrics, name, name="c21b75f2.argoproj.io") == 0


async def test_every_reason_is_there_from_the_start(metrics):
    found = await read(metrics)
    for reason in Reason:
        assert (
            found["argocd_image_updater_decisions_total", frozenset({("reason", reason.value)})]
            == 0
        )


async def test_two_instances_in_one_process_do_not_know_each_other(metrics):
    other = Metrics(now=lambda: NOW_S)
    metrics.cycle_over(a_report({TEAM: a_result()}))
    assert await of_team(other, "images_updated_total") is None


async def test_a_counter_has_no_series_of_its_birth(metrics):
    metrics.cycle_over(a_report({TEAM: a_result()}))
    metrics.observe_registry(Exchange("ghcr.io", "GET", 200, 0.2))
    text = (await metrics.scrape()).decode()
    assert "_created" not in text
    assert "# TYPE argocd_image_updater_images_updated_total counter" in text
    assert "# TYPE argocd_image_updater_images_watched_total gauge" in text


def test_metrics_that_nobody_reads_cost_nothing_and_disturb_nobody():
    metrics = Metrics(is_served=False)
    metrics.cycle_began(1)
    metrics.cycle_over(a_report({TEAM: a_result()}, reasons=[(TEAM, Reason.UPDATED)]))
    metrics.cycle_over(replace(a_report({TEAM: FAILED}), dry_run=True))
    metrics.cycle_failed(OSError())
    metrics.observe_registry(Exchange("ghcr.io", "GET", 200, 0.2, quota_left=1))
    metrics.observe_kube(KubeExchange("h", "GET", 0, 0.1))
    metrics.set_leader("l", is_leader=True)
    metrics.set_shards(1)
    metrics.settings_read(is_good=False)
    metrics.forget(TEAM)


def test_metrics_that_nobody_reads_do_not_load_their_library():
    script = (
        "import sys; from argocd_image_updater.controller.metrics import Metrics; "
        "Metrics(is_served=False); print('prometheus_client' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
