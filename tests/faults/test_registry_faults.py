"""Registries that are dishonest: credentials go where they belong, and nowhere else.

What becomes of registries that are away, broken or slow is in `test_registry_matrix.py`.
"""

import base64
import json

import pytest

from faults.http_proxy import FaultProxy, redirect, status

pytestmark = pytest.mark.lab("docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap")
JSON = ("Content-Type", "application/json")
PASSWORD = "rEgistry-pAss-2301"


@pytest.fixture
def guarded(make_stage, proxy):
    """A registry that wants a password, which it gets through the proxy."""
    stage = make_stage(api_url=proxy.base, credentials="env:LOGIN")
    stage.secrets.add(PASSWORD)
    stage.secrets.add(base64.b64encode(f"reader:{PASSWORD}".encode()).decode())
    stage.environment["LOGIN"] = f"reader:{PASSWORD}"
    stage.push("1.0.0", "1.1.0")
    stage.repository(files=stage.values("one"))
    stage.helm("one")
    return stage


def challenge(realm):
    header = f'Bearer realm="{realm}",service="s",scope="repository:x:pull"'

    def ask(exchange):
        if "Authorization" in exchange.headers:
            exchange.send(*exchange.upstream())
        else:
            exchange.send(401, [("WWW-Authenticate", header)], b"{}")

    return ask


def test_a_redirect_elsewhere_takes_no_credentials_along(guarded, proxy, registry):
    with FaultProxy(registry) as elsewhere:
        proxy.on("GET /v2/$", challenge_basic)
        proxy.on("tags/list", redirect(f"{elsewhere.base}/v2/{guarded.name}/web/tags/list"))
        done = guarded.run()
        assert done.reasons == {"one": "Updated"}, done.out
        assert proxy.authorizations
        assert elsewhere.asked("tags/list")
        assert elsewhere.authorizations == []


def challenge_basic(exchange):
    if "Authorization" in exchange.headers:
        exchange.send(200, [JSON], b"{}")
    else:
        exchange.send(401, [("WWW-Authenticate", 'Basic realm="r"')], b"{}")


def test_a_token_service_on_another_host_without_tls_gets_no_credentials(guarded, proxy):
    proxy.on("GET /v2/", challenge("http://tokens.example.com/token"))
    done = guarded.run()
    assert done.code == 2
    image = done.image("one")
    assert image["reason"] in {"AuthFailed", "RegistryError"}, image
    assert "http://tokens.example.com/token" in image["message"]
    assert guarded.log() == ["Begin"]


def test_a_token_is_used_and_never_shown(guarded, proxy):
    token = "tOken-of-the-service-99"
    guarded.secrets.add(token)
    proxy.on("GET /v2/", challenge(f"{proxy.base}/token"))
    proxy.on("GET /token", status(200, JSON, body=json.dumps({"token": token}).encode()))
    done = guarded.run()
    assert done.reasons == {"one": "Updated"}, done.out
    assert any(token in value for _, value in proxy.authorizations)


def test_refused_credentials_are_named_without_their_text(guarded, proxy):
    def refuse(exchange):
        exchange.send(401, [("WWW-Authenticate", 'Basic realm="r"')], PASSWORD.encode())

    proxy.on("GET /v2/", refuse)
    done = guarded.run()
    assert done.reasons == {"one": "AuthFailed"}
    assert "env:LOGIN" in done.image("one")["message"] or "reader" in done.image("one")["message"]
