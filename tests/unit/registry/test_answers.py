"""What a failed answer means."""

import json

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.registry.answers import is_good, read_failure
from argocd_image_updater.registry.transport import Response


def response(status, body=b"", content_type="application/json", **headers):
    lines = {"Content-Type": content_type} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return Response(status, "https://reg.test/v2/", CIMultiDictProxy(CIMultiDict(lines)), body)


def errors(*entries):
    return json.dumps({"errors": list(entries)}).encode()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, FailureKind.UNUSABLE),
        (401, FailureKind.DENIED),
        (403, FailureKind.DENIED),
        (404, FailureKind.NOT_FOUND),
        (408, FailureKind.TRANSIENT),
        (410, FailureKind.NOT_FOUND),
        (418, FailureKind.UNUSABLE),
        (429, FailureKind.RATE_LIMITED),
        (500, FailureKind.TRANSIENT),
        (503, FailureKind.TRANSIENT),
        (599, FailureKind.TRANSIENT),
    ],
)
def test_the_status_decides(status, kind):
    assert read_failure(response(status), subject="x").kind is kind


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (404, {"code": "DENIED", "message": "expired"}, FailureKind.DENIED),
        (404, {"code": "UNAUTHORIZED", "detail": 1}, FailureKind.DENIED),
        (
            404,
            {"code": "UNAUTHORIZED", "message": "authentication required"},
            FailureKind.NOT_FOUND,
        ),
        (404, {"code": "UNAUTHORIZED"}, FailureKind.NOT_FOUND),
        (400, {"code": "TOOMANYREQUESTS"}, FailureKind.RATE_LIMITED),
        (500, {"code": "DENIED", "message": "expired"}, FailureKind.TRANSIENT),
        (404, "no object", FailureKind.NOT_FOUND),
    ],
)
def test_codes_of_the_body_count_under_other_client_errors(status, error, kind):
    assert read_failure(response(status, errors(error)), subject="x").kind is kind


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        (errors({"code": "A", "message": "b"}, {"code": "C"}), "application/json", "A b; C"),
        (b'{"details": "wrong password"}', "application/json; charset=utf-8", "wrong password"),
        (b"plain words", "text/plain", "plain words"),
        (b"<html>", "text/html", None),
        (b"{broken", "application/json", None),
        (b"[1]", "application/json", None),
        (b'{"errors": 7}', "application/json", None),
        (b"[" * 100_000, "application/json", None),
    ],
)
def test_the_message_tells_what_the_registry_said(body, content_type, text):
    failure = read_failure(response(400, body, content_type), subject="tag list of a/b")
    assert failure.message == "tag list of a/b: status 400" + (f" ({text})" if text else "")


def test_the_message_is_bounded():
    body = errors({"code": "A", "message": "x" * 10_000})
    assert len(read_failure(response(400, body), subject="x").message) < 300


def test_retry_after_goes_along():
    failure = read_failure(response(429, Retry_After="7"), subject="x")
    assert failure.retry_after_s == 7.0


def test_success_is_everything_below_400():
    assert [
        status for status in (100, 200, 204, 304, 399, 400, 500) if is_good(response(status))
    ] == [
        200,
        204,
        304,
        399,
    ]
