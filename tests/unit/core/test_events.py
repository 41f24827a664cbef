"""Which events a cycle's report holds, and what stands in them."""

from argocd_image_updater.core.events import (
    WARNINGS_PER_APPLICATION,
    event_document,
    event_name,
    updates_of,
    warnings_of,
)
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.reference import ImageTag
from unit.core.reporting import KEY, a_change, a_decision, a_problem, a_report, app, updated

AT_NS = 1_772_366_400_123_456_789  # 2026-03-01T12:00:00Z


def test_one_event_tells_all_changes_of_an_application():
    report = a_report(
        updated(),
        updated(alias="db", image="redis", old="", new="7"),
        updated("api"),
        a_decision(),
    )
    first, second = updates_of(report)
    assert (first.application, second.application) == (app("api"), app("web"))
    prefix = "argocd-image-updater.image"
    assert second.annotations == {
        f"{prefix}-0/full-image-name": "ghcr.io/acme/web",
        f"{prefix}-0/image-name": "acme/web",
        f"{prefix}-0/old-tag": "1.0.0",
        f"{prefix}-0/new-tag": "1.1.0",
        f"{prefix}-1/full-image-name": "redis",
        f"{prefix}-1/image-name": "redis",
        f"{prefix}-1/old-tag": "",
        f"{prefix}-1/new-tag": "7",
    }
    assert event_document(second, uid="u-1", resource_version="42", unix_ns=AT_NS) == {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"web.{AT_NS:x}",
            "namespace": "argocd",
            "annotations": second.annotations,
        },
        "involvedObject": {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "namespace": "argocd",
            "name": "web",
            "uid": "u-1",
            "resourceVersion": "42",
        },
        "type": "Normal",
        "reason": "ImagesUpdated",
        "message": "Successfully updated application 'web'",
        "source": {"component": "ArgocdImageUpdater"},
        "count": 1,
        "firstTimestamp": "2026-03-01T12:00:00Z",
        "lastTimestamp": "2026-03-01T12:00:00Z",
    }


def test_a_digest_stands_for_its_tag():
    change = a_change()
    change = type(change)("web", "nginx", "nginx", ImageTag("main", "a"), ImageTag("main", "b"))
    (event,) = updates_of(a_report(a_decision(Reason.UPDATED, change=change)))
    assert list(event.annotations.values()) == ["nginx", "nginx", "a", "b"]


def test_a_dry_run_tells_nothing():
    report = a_report(
        a_decision(Reason.WOULD_UPDATE, change=a_change()),
        a_decision(Reason.AUTH_FAILED),
        dry_run=True,
    )
    assert updates_of(report) == warnings_of(report) == ()


def test_a_failed_write_is_one_warning_whatever_number_of_images():
    report = a_report(
        *(a_decision(Reason.PUSH_REJECTED, alias=name, message="protected") for name in "ab")
    )
    assert updates_of(report) == ()
    (event,) = warnings_of(report)
    assert (event.type, event.reason) == ("Warning", "ImageUpdateFailed")
    assert event.message == "ImageUpdater images: PushRejected: a, b: protected"
    assert event.annotations == {
        "argocd-image-updater.argoproj.io/reason": "PushRejected",
        "argocd-image-updater.argoproj.io/resource": str(KEY),
    }


def test_images_and_applications_that_failed_are_told_and_skipped_ones_are_not():
    report = a_report(
        a_decision(Reason.REGISTRY_ERROR, application="a"),
        a_decision(Reason.ALLOW_TAGS_INVALID, application="b"),
        a_decision(Reason.NOT_LIVE, application="c"),
        a_decision(Reason.WOULD_DOWNGRADE, application="d"),
        problems=[
            a_problem(Reason.SOURCE_UNSUPPORTED, "a directory", application="e"),
            a_problem(message="of the resource"),
            a_problem(message="normal", application="f", quiet=True),
        ],
    )
    found = warnings_of(report)
    assert [event.application.name for event in found] == ["a", "b", "e"]
    assert found[2].message == "ImageUpdater images: SourceUnsupported: a directory"


def test_an_application_is_told_a_few_things_in_one_cycle():
    decisions = [a_decision(Reason.AUTH_FAILED, alias=str(n), message=f"m{n}") for n in range(20)]
    assert len(warnings_of(a_report(*decisions))) == WARNINGS_PER_APPLICATION


def test_a_message_that_differs_in_numbers_is_similar():
    one, two, three = (
        warnings_of(a_report(a_decision(Reason.RATE_LIMITED, message=text)))[0]
        for text in ("wait 37 s", "wait 6 s", "wait a while")
    )
    assert one.message != two.message
    assert one.similar == two.similar != three.similar


def test_texts_from_outside_are_bounded_and_printable():
    text = "\x1b[2J\x00" + "ü" * 5000
    (warning,) = warnings_of(a_report(a_decision(Reason.REGISTRY_ERROR, message=text)))
    assert len(warning.message.encode()) <= 1024
    assert warning.message.isprintable()
    assert warning.message.endswith("…")
    many = [updated(alias=str(number), image="x" * 9000) for number in range(500)]
    (event,) = updates_of(a_report(*many))
    size = sum(len(name) + len(value) for name, value in event.annotations.items())
    assert size < 256 * 1024


def test_the_name_of_an_event_stays_a_valid_one():
    assert event_name("web", unix_ns=255) == "web.ff"
    name = event_name("a" * 235 + "-." + "b" * 16, unix_ns=AT_NS)
    assert name == "a" * 235 + f".{AT_NS:x}"
    assert len(name) <= 253
