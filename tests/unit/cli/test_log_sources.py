"""What lines of the controller carry beside their message: the part that speaks, the settings."""

import json
import logging

import pytest

from argocd_image_updater.cli.log_sources import NamesSource
from argocd_image_updater.cli.logging import PACKAGE, TRACE
from argocd_image_updater.cli.report_log import ReportLog
from argocd_image_updater.core.application import ObjectKey
from unit.cli.reports import decision, report

OURS = "argocd_image_updater"


@pytest.mark.parametrize(
    ("module", "word"),
    [
        (f"{OURS}.controller.cluster.loop", "reconcile"),
        (f"{OURS}.controller.cluster.process", "controller-setup"),
        (f"{OURS}.controller.settings_files", "controller-setup"),
        (f"{OURS}.kube.shards.leases", "controller-setup"),
        (f"{OURS}.writers.applications", "reconcile"),
        (f"{OURS}.cli.controller", "controller-setup"),
        (f"{OURS}_other", None),
        ("asyncio", None),
    ],
)
def test_a_line_names_the_part_it_comes_from(module, word):
    record = logging.makeLogRecord({"name": module})
    assert NamesSource().filter(record)
    assert getattr(record, "logger", None) == word


def test_a_line_that_names_a_part_itself_keeps_it():
    record = logging.makeLogRecord({"name": f"{OURS}.kube.x", "logger": "reconcile"})
    NamesSource().filter(record)
    assert record.logger == "reconcile"


def test_settings_are_told_at_level_trace_for_each_application(caplog):
    cycle = report(
        decision(), decision(alias="db"), decision(application=ObjectKey("team", "blog"))
    )
    with caplog.at_level(TRACE, logger=PACKAGE):
        ReportLog()(cycle)
    lines = [item for item in caplog.records if item.getMessage().startswith("settings: ")]
    assert [line.application for line in lines] == ["argocd/shop", "team/blog"]
    images = json.loads(lines[0].getMessage().removeprefix("settings: "))
    assert [image["alias"] for image in images] == ["web", "db"]
    assert images[0]["constraint"] == "^1.0"
    assert images[0]["downgrade"] == "never"


def test_settings_are_not_told_at_other_levels(caplog):
    with caplog.at_level(logging.DEBUG, logger=PACKAGE):
        ReportLog()(report(decision()))
    assert [item for item in caplog.records if "settings: " in item.getMessage()] == []
