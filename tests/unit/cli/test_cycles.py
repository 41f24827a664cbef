"""Running cycles: once and repeated, what is printed and logged, errors, and signals."""

import asyncio
import io
import json
import logging
import os
import signal
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from argocd_image_updater.cli.console import Console
from argocd_image_updater.cli.cycle import single_cycle
from argocd_image_updater.cli.options import read_options
from argocd_image_updater.cli.render.terminal import Terminal
from argocd_image_updater.cli.run import run_cycles
from argocd_image_updater.cli.stopping import Interrupted, Stop
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.errors import RemoteError
from unit.cli.reports import decision, full_report, report

ONCE = read_options("run", given={"manifests": ("m",), "once": True}, environ={"HOME": "/h"})
REPEATED = replace(ONCE, once=False, interval_ns=1)
CURRENT = report(decision(Reason.UP_TO_DATE))


class Session:
    """A session whose cycles are a list: reports, errors to raise, or functions to call."""

    def __init__(self, *cycles):
        self.cycles = list(cycles)
        self.closed = False

    async def run_cycle(self, *, progress=None):
        cycle = self.cycles.pop(0)
        if progress is not None:
            progress(Step())
        if callable(cycle):
            cycle = await cycle()
        if isinstance(cycle, Exception):
            raise cycle
        return cycle

    @asynccontextmanager
    async def open(self):
        try:
            yield self
        finally:
            self.closed = True


class Step:
    phase, done, total = "reading", 0, 0


def console(*, is_tty=False):
    terminal = Terminal(is_tty=is_tty)
    return Console(io.StringIO(), io.StringIO(), Terminal(), terminal)


async def signalled(result=CURRENT):
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0)
    return result


async def test_one_cycle_prints_its_table_and_ends_by_its_result():
    session, screen = Session(CURRENT), console()
    assert await run_cycles(session.open(), ONCE, screen) == 0
    assert screen.out.getvalue().startswith("APPLICATION")
    assert session.closed
    assert await run_cycles(Session(full_report()).open(), ONCE, console()) == 2


async def test_json_of_one_cycle_is_a_document_and_of_many_one_line_each():
    screen = console()
    await run_cycles(Session(full_report()).open(), replace(ONCE, output="json"), screen)
    assert json.loads(screen.out.getvalue())["kind"] == "CycleReport"
    assert len(screen.out.getvalue().splitlines()) > 1
    screen = console()
    session = Session(full_report(), CURRENT, signalled)
    await run_cycles(session.open(), replace(REPEATED, output="json"), screen)
    lines = screen.out.getvalue().splitlines()
    assert [json.loads(line)["summary"]["errors"] for line in lines] == [1, 0, 0]


async def test_a_signal_ends_the_repetition_after_the_running_cycle_with_exit_code_zero():
    session = Session(CURRENT, signalled)
    assert await run_cycles(session.open(), REPEATED, console()) == 0
    assert session.cycles == []
    assert session.closed


async def test_an_error_of_a_later_cycle_is_logged_and_the_next_one_runs(caplog):
    session = Session(CURRENT, RemoteError("disk full", hint="free some"), signalled)
    assert await run_cycles(session.open(), REPEATED, console()) == 0
    [record] = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert record.getMessage() == "the cycle failed: disk full"
    assert record.hint == "free some"


async def test_an_error_of_the_first_cycle_ends_the_command():
    session = Session(RemoteError("disk full"))
    with pytest.raises(RemoteError):
        await run_cycles(session.open(), REPEATED, console())
    assert session.closed


async def test_a_cycle_that_does_not_end_in_its_grace_is_abandoned_and_cleans_up():
    cleaned = []

    async def endless():
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(True)

    stop = Stop()
    asyncio.get_running_loop().call_soon(stop.request)
    with pytest.raises(Interrupted):
        await stop.finish(endless(), grace_s=0.01)
    assert cleaned == [True]


def test_a_cycle_that_only_looks_is_abandoned_at_once():
    async def endless():
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    options = read_options("plan", given={"manifests": ("m",)}, environ={"HOME": "/h"})
    with pytest.raises(Interrupted):
        single_cycle(Session(endless).open(), options, console())


async def test_the_live_line_is_shown_on_a_terminal_only_and_taken_away():
    for is_tty in (True, False):
        screen = console(is_tty=is_tty)
        await run_cycles(Session(CURRENT).open(), ONCE, screen)
        shown = screen.err.getvalue()
        assert ("reading manifests" in shown) is is_tty
        assert shown.endswith("\r\x1b[2K" if is_tty else "")


async def test_a_cycle_is_logged_with_the_fields_that_tools_know(caplog):
    caplog.set_level(logging.DEBUG, "argocd_image_updater")
    await run_cycles(Session(full_report()).open(), ONCE, console())
    by_message = {record.getMessage(): vars(record) for record in caplog.records}
    summary = by_message[
        "Processing results: applications=1 images_considered=2 images_skipped=0 "
        "images_updated=1 errors=1"
    ]
    assert summary["levelname"] == "INFO"
    assert summary["imageUpdater_namespace"] == "argocd"
    assert summary["imageUpdater_name"] == "updater"
    assert summary["controllerKind"] == "ImageUpdater"
    updated = by_message["the image ends as Updated"]
    assert updated["application"] == "argocd/shop"
    assert updated["image_name"] == "ghcr.io/acme/web"
    assert updated["image_registry"] == "ghcr.io"
    assert updated["image_alias"] == "web"
    assert updated["image_tag"] == "1.0.0"
    assert "image_digest" not in updated
    assert by_message["the image ends as RegistryError"]["levelname"] == "ERROR"
    assert by_message["created is missing"]["levelname"] == "WARNING"
    fault = by_message["forceUpdate must be a boolean"]
    assert fault["field"].startswith("spec.applicationRefs[0]")


async def test_a_cycle_without_resources_says_so_and_still_logs_its_results(caplog):
    caplog.set_level(logging.INFO, "argocd_image_updater")
    await run_cycles(Session(report(by_resource={})).open(), ONCE, console())
    warning, results = (record.getMessage() for record in caplog.records)
    assert warning == "no ImageUpdater was found in m"
    assert results.startswith("Processing results: ")
