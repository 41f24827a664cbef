"""docs/metrics.md and a scrape tell the same series, types and labels."""

import re
from pathlib import Path

import pytest

from argocd_image_updater.controller.metrics import Metrics
from metric_samples import BusyController, read_samples, read_types

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"
ROW = re.compile(
    r"^\| `([a-z0-9_]+)` \| (gauge|counter|histogram) \| (.+?) \| (.+) \|$", re.MULTILINE
)
PARTS_OF_HISTOGRAM = re.compile(r"_(bucket|sum|count)$")
CR = {"image_updater_cr_name", "image_updater_cr_namespace"}


@pytest.fixture
async def body():
    metrics = Metrics()
    BusyController(metrics).work()
    return await metrics.scrape()


@pytest.fixture
def rows():
    return {name: (kind, labels) for name, kind, labels, _ in ROW.findall(PAGE.read_text())}


async def test_every_series_has_a_row_and_every_row_a_series(body, rows):
    assert {name: kind for name, (kind, _) in rows.items()} == read_types(body)


async def test_every_series_has_the_labels_of_its_row(body, rows):
    found = {}
    for name, labels in read_samples(body):
        family = name if name in rows else PARTS_OF_HISTOGRAM.sub("", name)
        found.setdefault(family, set()).update(label for label, _ in labels if label != "le")
    told = {
        name: set(re.findall(r"`(\w+)`", labels)) | (CR if "CR" in labels else set())
        for name, (_, labels) in rows.items()
    }
    assert told == found
