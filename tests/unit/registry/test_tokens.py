"""Realms that may be asked, and how long a token is kept."""

from dataclasses import replace

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.net.timing import Timing
from argocd_image_updater.registry.api import parse_api
from argocd_image_updater.registry.endpoint import ANONYMOUS, Credentials, Endpoint
from argocd_image_updater.registry.tokens import TokenKey, TokenService, basic, check_realm
from argocd_image_updater.registry.traffic import Traffic
from argocd_image_updater.registry.transport import Response
from registries.identities import pair

HTTPS, HTTP = "https://reg.test", "http://reg.test:5000"
NOON = 1_709_294_400.0  # 2024-03-01T12:00:00Z
KEY = TokenKey("https://auth.test/token", "s", "repository:a:pull", ANONYMOUS)


@pytest.mark.parametrize(
    ("api_url", "realm", "kind"),
    [
        (HTTPS, "https://auth.test/token", None),
        (HTTPS, "https://reg.test/token", None),
        (HTTP, "https://auth.test/token", None),
        (HTTP, "http://reg.test/token", None),
        (HTTP, "http://reg.test:8080/token", None),
        (HTTP, "http://127.0.0.1:8080/token", None),
        (HTTPS, "http://reg.test/token", FailureKind.DENIED),
        (HTTPS, "http://127.0.0.1/token", FailureKind.DENIED),
        (HTTP, "http://auth.test/token", FailureKind.DENIED),
        (HTTP, "http://reg.test.evil/token", FailureKind.DENIED),
        (HTTPS, "", FailureKind.TRANSIENT),
        (HTTPS, "/token", FailureKind.TRANSIENT),
        (HTTPS, "ftp://auth.test/token", FailureKind.TRANSIENT),
        (HTTPS, "https://", FailureKind.TRANSIENT),
        (HTTPS, "https://auth.test:port/", FailureKind.TRANSIENT),
    ],
)
def test_credentials_go_only_to_a_realm_that_is_as_safe_as_the_registry(api_url, realm, kind):
    failure = check_realm(realm, parse_api(Endpoint(name="r", prefix="r", api_url=api_url)))
    assert (failure.kind if failure else None) is kind


class Clock:
    def __init__(self):
        self.now = 0.0
        timing = Timing(lambda: self.now, lambda: NOON + self.now)
        self.service = TokenService(Traffic(None, timing=timing))

    def keep(self, body):
        return self.service._keep(KEY, body, subject="test")

    def lives(self):
        """Return for how many seconds the token is handed out."""
        while self.service.kept(KEY):
            self.now += 1
        return self.now


@pytest.mark.parametrize(
    ("more", "seconds"),
    [
        ("", 54),
        (', "expires_in": 300', 270),
        (', "expires_in": "300"', 270),
        (', "expires_in": 10', 54),
        (', "expires_in": 3600', 3_570),
        (', "expires_in": 1e99', 86_370),
        (', "expires_in": 300, "issued_at": "2024-03-01T11:58:20Z"', 180),
        (', "expires_in": 300, "issued_at": "2024-03-01T13:00:00Z"', 270),
        (', "expires_in": 300, "issued_at": "2023-03-01T12:00:00Z"', 270),
        (', "expires_in": 300, "issued_at": "yesterday"', 270),
    ],
)
def test_a_token_is_kept_until_shortly_before_it_expires(more, seconds):
    clock = Clock()
    assert clock.keep(f'{{"token": "T"{more}}}'.encode()) == "T"
    assert clock.lives() == seconds


def test_an_access_token_comes_before_a_token():
    assert Clock().keep(b'{"token": "A", "access_token": "B"}') == "B"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"token": ""}',
        b'{"token": 7}',
        b'{"token": "a\\nb"}',
        b'{"token": "\xc3\xa4"}',
        b'{"token": "' + b"x" * 70000 + b'"}',
    ],
)
def test_an_answer_without_a_usable_token_is_an_outage(body):
    assert Clock().keep(body).kind is FailureKind.TRANSIENT


def test_only_the_token_that_was_refused_is_dropped():
    clock = Clock()
    clock.keep(b'{"token": "A"}')
    clock.service.drop(KEY, "B")
    assert clock.service.kept(KEY) == "A"
    clock.service.drop(KEY, "A")
    assert clock.service.kept(KEY) is None


def test_basic_is_written_in_utf8():
    assert basic(pair("ü", "pä:ß")) == "Basic w7w6cMOkOsOf"


class Recorder:
    """A transport that gives one answer and keeps what it was asked."""

    def __init__(self, body):
        self.requests = []
        self._body = body

    async def exchange(self, request):
        self.requests.append(request)
        return Response(200, request.url, CIMultiDictProxy(CIMultiDict()), self._body)


async def test_an_identity_token_is_traded_by_a_form_and_never_stands_in_a_url():
    transport = Recorder(b'{"access_token": "A", "expires_in": 300}')
    service = TokenService(Traffic(transport))
    credentials = Credentials(source="a test", identity_token="r3fresh")
    key = replace(KEY, realm="https://u@auth.test/oauth2/token?a=b", credentials=credentials)
    api = parse_api(Endpoint(name="r", prefix="r", api_url=HTTPS))
    assert await service.fetch(key, api) == "A"
    [request] = transport.requests
    assert (request.method, request.url) == ("POST", "https://auth.test/oauth2/token?a=b")
    assert request.authorization == ""
    assert dict(request.form) == {
        "grant_type": "refresh_token",
        "service": "s",
        "client_id": "argocd-image-updater",
        "scope": "repository:a:pull",
        "refresh_token": "r3fresh",
    }
    assert "r3fresh" not in repr(request) + repr(credentials)
