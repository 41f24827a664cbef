"""Every query of the Grafana dashboard, answered by a real Prometheus from a real scrape."""

import asyncio
import json
import math
import subprocess
import time

import aiohttp
import pytest

from argocd_image_updater.controller.cluster.options import ControllerOptions
from argocd_image_updater.controller.cluster.serving import serving
from argocd_image_updater.controller.metrics import Metrics
from argocd_image_updater.web.readiness import Readiness
from clusters.processes import Server, free_port
from dashboard import expressions, load_dashboard
from lab import find_program
from metric_samples import BusyController

pytestmark = pytest.mark.lab("prometheus")

ANSWERED_S = 60
# Names that are older than the rules for names.
KNOWN_FAULTS = {
    "argocd_image_updater_applications_watched_total",
    "argocd_image_updater_images_watched_total",
}


@pytest.fixture
async def scraped(tmp_path):
    """A controller's metrics server: its metrics and its address."""
    metrics = Metrics()
    options = ControllerOptions(
        state_dir=tmp_path,
        probe_address="0",
        metrics_address="127.0.0.1:0",
        metrics_secure=False,
    )
    async with serving(
        options, readiness=Readiness(), metrics=metrics, client=None, hostname="pod-7"
    ) as (server,):
        yield metrics, f"127.0.0.1:{server.port}"


@pytest.fixture
def prometheus(tmp_path, scraped):
    """A Prometheus that scrapes the controller; the address of its API."""
    config = {
        "global": {"scrape_interval": "250ms", "scrape_timeout": "250ms"},
        "scrape_configs": [{"job_name": "updater", "static_configs": [{"targets": [scraped[1]]}]}],
    }
    file = tmp_path / "prometheus.yml"
    file.write_text(json.dumps(config))  # JSON is YAML
    port = free_port()
    server = Server(
        [
            find_program("prometheus"),
            f"--config.file={file}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        log=tmp_path / "prometheus.log",
        folder=tmp_path,
    )
    server.start()
    yield f"http://127.0.0.1:{port}/api/v1/query"
    server.stop()


async def is_answered(http, api, query):
    """Whether there is a number; raises where the query is not one."""
    parameters = {"query": query.replace("$__rate_interval", "1m")}
    async with http.get(api, params=parameters) as answer:
        found = await answer.json()
    assert found["status"] == "success", f"{query}: {found.get('error')}"
    result = found["data"]["result"]
    return any(math.isfinite(float(series["value"][1])) for series in result)


async def test_every_query_of_the_dashboard_is_answered(scraped, prometheus):
    controller = BusyController(scraped[0])
    open_queries = expressions(load_dashboard())
    deadline = time.monotonic() + ANSWERED_S
    async with aiohttp.ClientSession() as http:
        while open_queries and time.monotonic() < deadline:
            controller.work()
            await asyncio.sleep(0.25)  # one interval of the scrapes
            try:
                open_queries = [
                    query
                    for query in open_queries
                    if not await is_answered(http, prometheus, query)
                ]
            except aiohttp.ClientConnectionError:
                continue  # not up yet
    assert open_queries == []


async def test_prometheus_finds_no_fault_with_names_of_ours(scraped):
    metrics, address = scraped
    BusyController(metrics).work()
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"http://{address}/metrics") as answer,
    ):
        text = await answer.read()
    check = await asyncio.to_thread(
        subprocess.run,
        [find_program("promtool"), "check", "metrics"],
        input=text,
        capture_output=True,
        check=False,
    )
    faults = (check.stdout + check.stderr).decode().splitlines()
    assert {fault.split()[0] for fault in faults} <= KNOWN_FAULTS
