"""Which lines of a cycle are told again, and which have been told."""

import logging
from dataclasses import replace

import pytest

from argocd_image_updater.cli import report_log
from argocd_image_updater.cli.report_log import REPEAT_S, ReportLog
from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.report import Counters
from unit.core.reporting import KEY, a_decision, a_problem, a_report, moved, updated

OTHER = ObjectKey("argocd", "other")
LIMITED = a_decision(Reason.RATE_LIMITED, message="try again in 17 s")


@pytest.fixture
def log(caplog):
    """Return a function that logs a report at some second; it returns the lines above debug."""
    caplog.set_level(logging.DEBUG, report_log.__name__)
    clock = [0.0]
    lines = ReportLog(lambda: clock[0])

    def write(*decisions, at_s=0.0, **more):
        clock[0] = at_s
        caplog.clear()
        report = a_report(*decisions, problems=more.pop("problems", ()))
        lines(replace(report, by_resource={KEY: Counters()}, **more))
        return [
            (record.levelname, record.getMessage())
            for record in caplog.records
            if record.levelno > logging.DEBUG and "Processing results" not in record.getMessage()
        ]

    write.lines = lines
    return write


def test_trouble_that_lasts_is_told_when_it_begins_and_once_an_hour(log):
    line = ("ERROR", "try again in 17 s")
    assert log(LIMITED) == [line]
    assert log(replace(LIMITED, message="try again in 4 s"), at_s=120) == []
    assert log(LIMITED, at_s=REPEAT_S - 1) == []
    assert log(LIMITED, at_s=REPEAT_S) == [line]
    assert log(LIMITED, at_s=REPEAT_S + 120) == []


def test_what_was_told_is_still_written_at_debug(log, caplog):
    log(LIMITED)
    log(LIMITED, at_s=120)
    (record,) = (r for r in caplog.records if r.levelno == logging.DEBUG)
    assert (record.getMessage(), record.reason) == ("try again in 17 s", "RateLimited")


def test_another_trouble_of_the_same_image_is_told(log):
    log(LIMITED)
    unknown = a_decision(Reason.REPOSITORY_UNKNOWN, message="no such repository")
    assert log(unknown, at_s=120) == [("ERROR", "no such repository")]


def test_the_same_trouble_of_another_image_is_told(log):
    log(LIMITED)
    assert len(log(LIMITED, replace(LIMITED, alias="db"), at_s=120)) == 1


def test_the_end_of_trouble_is_told_and_so_is_its_return(log):
    log(LIMITED)
    ended = ("INFO", "because (before: RateLimited)")
    assert log(a_decision(), at_s=120) == [ended]
    assert log(a_decision(), at_s=240) == []
    assert log(LIMITED, at_s=360) == [("ERROR", "try again in 17 s")]


def test_an_update_after_trouble_is_told_as_its_end(log):
    log(LIMITED)
    assert log(updated(), at_s=120) == [("INFO", "because (before: RateLimited)")]


def test_every_update_is_told(log):
    assert log(updated()) == log(updated(), at_s=120) == [("INFO", "because")]


def test_problems_and_warnings_that_last_are_told_once(log):
    problem = a_problem(application="web")
    more = {"problems": [problem], "warnings": ("registries.conf is broken",)}
    assert log(**more) == [("WARNING", "registries.conf is broken"), ("ERROR", "no good")]
    assert log(**more, at_s=120) == []
    assert log(at_s=240) == []
    assert len(log(**more, at_s=360)) == 2


def test_a_cycle_about_other_resources_forgets_nothing(log):
    log(LIMITED)
    report = moved(a_report(a_decision()), OTHER)
    log.lines(replace(report, by_resource={OTHER: Counters()}))
    assert log(LIMITED, at_s=120) == []


def test_what_is_remembered_is_bounded(log, monkeypatch):
    monkeypatch.setattr(report_log, "REMEMBERED", 3)
    many = [replace(LIMITED, alias=f"image-{letter}") for letter in "abcdef"]
    assert len(log(*many)) == len(log(*many, at_s=120)) == 6
    assert len(log.lines._told) == len(log.lines._troubled) == 3


def test_where_an_update_was_written_is_a_field(log, caplog):
    log(replace(updated(), written_to="main of https://git.example/r.git"))
    (record,) = (r for r in caplog.records if hasattr(r, "written_to"))
    assert record.written_to == "main of https://git.example/r.git"
