"""Events on a real API server: what it takes, how often, and what a fault costs."""

import asyncio

import pytest

from argocd_image_updater.core.application import Application, ObjectKey
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.report import CycleReport
from argocd_image_updater.kube import events as module
from argocd_image_updater.kube.events import EventWriter
from clusters.fault_front import FaultFront, status
from clusters.samples import an_application
from unit.core.reporting import a_decision, a_report, moved, updated

pytestmark = pytest.mark.lab("etcd", "kube-apiserver", "argocd")
HOUR_NS = 3600 * 10**9
LONG_NAME = "a" * 253


class Clock:
    def __init__(self):
        self.now_ns = 1_772_366_400_123_456_789

    def __call__(self):
        return self.now_ns


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def front(api, tmp_path):
    async with FaultFront(api) as started:
        started.config = started.kubeconfig(tmp_path / "front", token=api.token())
        yield started


@pytest.fixture
async def writer(connect, front, clock):
    return EventWriter(await connect(kubeconfig=front.config), unix_ns=clock, deadline_s=30)


@pytest.fixture
def events(api, namespace):
    """Return a function that reads the events of the namespace, oldest first."""

    def read():
        found = api.objects.list("v1/Event", namespace=namespace)
        return sorted(found, key=lambda item: item["metadata"]["name"])

    return read


def in_namespace(namespace, *decisions):
    report = a_report(*decisions)
    return moved(report, ObjectKey(namespace, "images"))


def posts(front):
    return front.count("POST")


async def test_a_written_application_has_an_event_with_the_changes(
    api, writer, events, namespace, clock
):
    stored = api.objects.create(an_application("web", namespace))
    about = {
        "uid": stored["metadata"]["uid"],
        "resource_version": stored["metadata"]["resourceVersion"],
    }
    key = ObjectKey(namespace, "web")
    report = in_namespace(namespace, updated(), updated(alias="db", image="redis", new="7"))
    assert await writer.write(report, {key: Application(key, **about)}) == ()
    (event,) = events()
    assert event["metadata"]["name"] == f"web.{clock.now_ns:x}"
    assert (event["type"], event["reason"], event["count"]) == ("Normal", "ImagesUpdated", 1)
    assert event["message"] == "Successfully updated application 'web'"
    assert event["source"] == {"component": "ArgocdImageUpdater"}
    assert event["involvedObject"] == {
        "kind": "Application",
        "apiVersion": "argoproj.io/v1alpha1",
        "namespace": namespace,
        "name": "web",
        "uid": about["uid"],
        "resourceVersion": about["resource_version"],
    }
    assert event["firstTimestamp"] == event["lastTimestamp"] == "2026-03-01T12:00:00Z"
    assert len(event["metadata"]["annotations"]) == 8
    assert event["metadata"]["annotations"]["argocd-image-updater.image-1/new-tag"] == "7"


async def test_the_same_warning_comes_once_an_hour(writer, events, namespace, clock):
    def failed(message):
        return in_namespace(namespace, a_decision(Reason.RATE_LIMITED, message=message))

    assert await writer.write(failed("wait 37 s"), {}) == ()
    clock.now_ns += HOUR_NS // 2
    assert await writer.write(failed("wait 9 s"), {}) == ()
    assert len(events()) == 1
    await writer.write(failed("something else"), {})
    assert len(events()) == 2
    clock.now_ns += HOUR_NS // 2
    await writer.write(failed("wait 9 s"), {})
    first, _, last = events()
    assert (last["type"], last["reason"]) == ("Warning", "ImageUpdateFailed")
    assert first["message"] == "ImageUpdater images: RateLimited: web: wait 37 s"
    assert last["message"] == "ImageUpdater images: RateLimited: web: wait 9 s"
    assert "uid" not in last["involvedObject"]


async def test_texts_and_names_at_their_limits_are_taken(writer, events, namespace):
    report = in_namespace(
        namespace,
        *(
            updated(LONG_NAME, alias=str(number), image="x" * 5000, new="y" * 5000)
            for number in range(300)
        ),
        a_decision(Reason.REGISTRY_ERROR, application=LONG_NAME, message="\x00\x1bü" * 9000),
    )
    assert await writer.write(report, {}) == ()
    assert sorted(event["type"] for event in events()) == ["Normal", "Warning"]


async def test_two_events_of_one_moment_have_two_names(writer, events, namespace):
    decisions = [a_decision(Reason.AUTH_FAILED, alias=name, message=name) for name in "abc"]
    assert await writer.write(in_namespace(namespace, updated(), *decisions), {}) == ()
    assert len(events()) == 4


async def test_a_dry_run_and_a_writer_that_is_turned_off_send_nothing(
    connect, writer, front, namespace
):
    report = in_namespace(namespace, updated())
    off = EventWriter(await connect(kubeconfig=front.config), disabled=True)
    assert await off.write(report, {}) == ()
    dry = CycleReport(decisions=report.decisions, dry_run=True)
    assert await writer.write(dry, {}) == ()
    assert front.lines == []


async def test_a_missing_right_is_one_warning_and_one_request(connect, api, namespace, clock):
    writer = EventWriter(await connect("updater"), unix_ns=clock)
    report = in_namespace(namespace, *(updated(f"app-{number}") for number in range(30)))
    api.forget_requests()
    (warning,) = await writer.write(report, {})
    assert "events are not sent" in warning
    assert "grant it" in warning
    assert api.request_counts("updater")["create", "events"] <= module.OPEN_REQUESTS


async def test_a_warning_that_was_not_sent_is_sent_later(writer, events, namespace, front):
    report = in_namespace(namespace, a_decision(Reason.AUTH_FAILED))
    front.faults += [("POST", status(500, "InternalError"))]
    (warning,) = await writer.write(report, {})
    assert f"Application {namespace}/web" in warning
    assert events() == []
    assert await writer.write(report, {}) == ()
    assert len(events()) == 1


async def test_many_faults_are_few_warnings(writer, namespace, front):
    report = in_namespace(namespace, *(updated(f"app-{number}") for number in range(30)))
    front.faults += [("POST", status(500, "InternalError"))] * 30
    warnings = await writer.write(report, {})
    assert len(warnings) == 6
    assert warnings[-1] == "25 more of this kind"


async def test_a_server_that_does_not_answer_holds_up_nobody(connect, front, namespace):
    waiting = asyncio.Event()

    async def never():
        await waiting.wait()

    client = await connect(kubeconfig=front.config)
    client.create = lambda *_, **__: never()
    writer = EventWriter(client, deadline_s=0.05)
    report = in_namespace(namespace, *(updated(f"app-{number}") for number in range(3)))
    assert await writer.write(report, {}) == ("3 events were not sent within 0.05 s",)


async def test_what_is_remembered_is_bounded(writer, namespace, monkeypatch):
    monkeypatch.setattr(module, "REMEMBERED", 3)
    for name in "abcdef":
        report = in_namespace(namespace, a_decision(Reason.AUTH_FAILED, application=name))
        assert await writer.write(report, {}) == ()
    assert len(writer._sent_ns) == 3


async def test_many_events_of_one_cycle_are_sent(writer, events, namespace, front):
    report = in_namespace(namespace, *(updated(f"app-{number}") for number in range(200)))
    assert await writer.write(report, {}) == ()
    assert len(events()) == posts(front) == 200
