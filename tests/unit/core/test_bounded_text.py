"""Texts on their way into objects of Kubernetes."""

import pytest

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.bounded_text import plain
from argocd_image_updater.core.decisions import Decision
from argocd_image_updater.core.events import warnings_of
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.report import Counters, CycleReport, ResourceResult
from argocd_image_updater.core.settings import Problem
from argocd_image_updater.core.shard_document import decode_report, encode_report
from argocd_image_updater.core.shard_report import ResourcePart, ShardReport
from argocd_image_updater.core.status import desired_status, outcomes_of

RESOURCE, APPLICATION = ObjectKey("team", "updater"), ObjectKey("team", "web")
TEXT = "https://robot:s3cret@charts.example/web is a chart repository"
SAFE = "https://***@charts.example/web is a chart repository"


def report():
    decision = Decision(
        RESOURCE, APPLICATION, alias="", image="web", reason=Reason.TARGET_MISSING, message=TEXT
    )
    problem = Problem(
        Reason.SETTINGS_INVALID, f"{TEXT}!", resource=RESOURCE, application=APPLICATION
    )
    result = ResourceResult(applications=1, counters=Counters(errors=2))
    return CycleReport(decisions=(decision,), problems=(problem,), resources={RESOURCE: result})


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (TEXT, SAFE),
        ("http://token@h/r", "http://***@h/r"),
        ("oci://u:p@h/r and https://a:b@c/d", "oci://***@h/r and https://***@c/d"),
        ("ssh://git@h/r", "ssh://git@h/r"),
        ("nginx@sha256:00 of https://h/r", "nginx@sha256:00 of https://h/r"),
    ],
)
def test_who_is_named_in_a_url_is_left_out(text, shown):
    assert plain(text, 200) == shown


def test_the_status_names_no_password_of_a_url():
    status = desired_status({}, outcomes_of(report())[RESOURCE], now="2026-01-01T00:00:00Z")
    assert "s3cret" not in str(status)
    assert SAFE in str(status["conditions"])
    assert SAFE in str(status["images"])


def test_the_events_name_no_password_of_a_url():
    events = warnings_of(report())
    assert len(events) == 2
    assert "s3cret" not in str(events)


def test_what_shards_tell_each_other_names_no_password_of_a_url():
    found = report()
    part = ResourcePart(found.resources[RESOURCE], found.decisions, found.problems)
    told = decode_report(encode_report(ShardReport(1, 2, parts={RESOURCE: part})))
    assert "s3cret" not in str(told)
