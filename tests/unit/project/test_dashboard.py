"""The Grafana dashboard: its form, and that what it asks for exists.

That Prometheus answers its queries is shown in tests/integration/web/test_dashboard_queries.py.
"""

import re

import pytest

from argocd_image_updater.controller.metrics import Metrics
from dashboard import expressions, load_dashboard, panels
from metric_samples import BusyController, read_samples

# What PromQL has of its own, and names of labels.
GRAMMAR = re.compile(r"\b(sum|max|min|by|on|group_left|increase|rate|time|histogram_quantile)\b")
NAME = re.compile(r"\b[a-z][a-z0-9_]*_[a-z0-9_]+\b")


@pytest.fixture(scope="module")
def dashboard():
    return load_dashboard()


def test_it_has_the_known_title_and_range(dashboard):
    assert dashboard["title"] == "Argo CD Image Updater"
    assert dashboard["time"] == {"from": "now-6h", "to": "now"}
    assert 36 <= dashboard["schemaVersion"] <= 37  # what Grafana 9 reads without migration


def test_the_known_panels_come_first_and_two_stand_side_by_side(dashboard):
    known = [
        ("row", "Configuration"),
        ("timeseries", "Number of applications watched"),
        ("timeseries", "Number of images watched"),
        ("row", "Image updates"),
        ("timeseries", "Image updates (total)"),
        ("timeseries", "Image updates (per ImageUpdater)"),
        ("row", "Operational metrics"),
        ("timeseries", "Registry API requests"),
        ("timeseries", "Kubernetes API requests"),
    ]
    found = [(panel["type"], panel["title"]) for panel in dashboard["panels"]]
    assert found[: len(known)] == known
    assert {panel["gridPos"]["w"] for panel in panels(dashboard)} == {12}


def test_no_panel_lies_on_another(dashboard):
    taken = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not taken & cells
        taken |= cells
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))


def test_every_query_goes_to_the_data_source_that_is_chosen(dashboard):
    (variable,) = dashboard["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == (
        "datasource",
        "datasource",
        "prometheus",
    )
    source = {"type": "prometheus", "uid": "${datasource}"}
    for panel in panels(dashboard):
        assert panel["datasource"] == source
        assert [target["datasource"] for target in panel["targets"]] == [source] * len(
            panel["targets"]
        )
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


async def test_every_metric_it_names_is_in_a_scrape(dashboard):
    metrics = Metrics()
    BusyController(metrics).work()
    samples = read_samples(await metrics.scrape())
    known = {name for name, _ in samples} | {label for _, labels in samples for label, _ in labels}
    queries = expressions(dashboard)
    assert len(queries) > 20
    for query in queries:
        bare = re.sub(r'"[^"]*"', "", query.replace("$__rate_interval", "1m"))
        named = set(NAME.findall(bare)) - set(GRAMMAR.findall(bare))
        assert named
        assert named <= known, query
