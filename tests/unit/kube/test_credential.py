"""Credentials that are renewed: token files and plugins."""

import asyncio
import json
import os
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import trustme

from argocd_image_updater.errors import ConfigError, DeniedError
from argocd_image_updater.kube.access import Access, Cluster, ExecPlugin, User
from argocd_image_updater.kube.credential import Credential, identity_of
from argocd_image_updater.kube.exec_plugin import run_plugin
from argocd_image_updater.net.timing import Timing

CLUSTER = Cluster("https://k.example", ca_pem="-----CA", tls_server_name="api.example")
API = "client.authentication.k8s.io/v1"


class Clock:
    def __init__(self):
        self.now = 1_000_000.0

    def timing(self):
        return Timing(unix=lambda: self.now)


def access_of(user):
    return Access(CLUSTER, user, "default", "a test", environment=dict(os.environ))


def a_plugin(tmp_path, body, **options):
    file = tmp_path / "plugin"
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)
    return ExecPlugin(API, str(file), **options)


def answer(**status):
    return json.dumps({"apiVersion": API, "kind": "ExecCredential", "status": status})


async def test_passwords_and_tokens_become_headers():
    basic = identity_of(access_of(User(username="me", password="pass:word")))
    assert (await basic.credential()).authorization == "Basic bWU6cGFzczp3b3Jk"
    token = identity_of(access_of(User(token="t", certificate_pem="c", key_pem="k")))
    credential = await token.credential()
    assert credential == Credential("Bearer t", "c", "k")
    assert "Bearer" not in repr(credential)
    assert not await token.renew(credential)
    nobody = identity_of(access_of(User()))
    assert await nobody.credential() == Credential()


async def test_a_token_file_is_read_again_after_a_minute_or_when_it_is_refused(tmp_path):
    file, clock = tmp_path / "token", Clock()
    file.write_text("one\n")
    identity = identity_of(access_of(User(token_file=file)), timing=clock.timing())
    first = await identity.credential()
    file.write_text("two\n")
    assert await identity.credential() == first
    clock.now += 61
    second = await identity.credential()
    assert second.authorization == "Bearer two"
    file.write_text("three\n")
    assert await identity.renew(second)
    assert (await identity.credential()).authorization == "Bearer three"
    assert not await identity.renew(await identity.credential())


async def test_files_of_a_certificate_are_read_again_beside_a_token_and_when_refused(tmp_path):
    authority, clock = trustme.CA(), Clock()
    files = certificate, key, token = [tmp_path / name for name in ("crt", "key", "token")]

    def issue(name):
        issued = authority.issue_cert(name)
        certificate.write_bytes(issued.cert_chain_pems[0].bytes())
        key.write_bytes(issued.private_key_pem.bytes())
        token.write_text(name)
        return tuple(file.read_text() for file in files)

    first = issue("one@example.org")
    user = User(
        certificate_pem=first[0], key_pem=first[1], certificate_file=certificate, key_file=key
    )
    alone = identity_of(access_of(user), timing=clock.timing())
    beside = identity_of(access_of(replace(user, token_file=token)), timing=clock.timing())
    refused = await alone.credential()
    assert (refused.certificate_pem, refused.key_pem) == first[:2]
    assert not await alone.renew(refused)
    await beside.credential()
    second = issue("two@example.org")
    assert await alone.renew(refused)
    clock.now += 61
    for identity in (alone, beside):
        found = await identity.credential()
        assert (found.certificate_pem, found.key_pem) == second[:2]
    assert found.authorization == "Bearer two@example.org"
    certificate.unlink()
    clock.now += 61
    assert (await alone.credential()).certificate_pem == second[0]


async def test_a_token_file_without_a_token_is_refused(tmp_path):
    file = tmp_path / "token"
    file.write_text("\n")
    with pytest.raises(ConfigError, match="holds no token"):
        await identity_of(access_of(User(token_file=file))).credential()


async def test_a_plugin_runs_again_only_after_its_expiry_or_a_refusal(tmp_path):
    clock = Clock()
    until = datetime.fromtimestamp(clock.now + 100, UTC).isoformat()
    runs = tmp_path / "runs"
    plugin = a_plugin(
        tmp_path,
        f"echo x >> {runs}; echo '{answer(token='T', expirationTimestamp=until)}'",
    )
    identity = identity_of(access_of(User(plugin=plugin)), timing=clock.timing())
    credentials = await asyncio.gather(*(identity.credential() for _ in range(5)))
    assert {credential.authorization for credential in credentials} == {"Bearer T"}
    assert runs.read_text() == "x\n"
    clock.now += 101
    await identity.credential()
    assert runs.read_text() == "x\nx\n"
    assert not await identity.renew(await identity.credential())


async def test_a_plugin_learns_whom_it_works_for(tmp_path):
    seen = tmp_path / "seen"
    plugin = a_plugin(
        tmp_path,
        f'printf \'%s\' "$KUBERNETES_EXEC_INFO" > {seen}; echo "$MINE $1" >> {seen}.words\n'
        f"echo '{answer(token='T')}'",
        arguments=("--role",),
        environment={"MINE": "yes"},
        wants_cluster=True,
    )
    await run_plugin(plugin, cluster=CLUSTER, environment=os.environ)
    info = json.loads(seen.read_text())
    assert (info["apiVersion"], info["kind"]) == (API, "ExecCredential")
    assert info["spec"]["interactive"] is False
    assert info["spec"]["cluster"] == {
        "server": "https://k.example",
        "certificate-authority-data": "LS0tLS1DQQ==",
        "tls-server-name": "api.example",
    }
    assert (tmp_path / "seen.words").read_text() == "yes --role\n"
    await run_plugin(replace(plugin, wants_cluster=False), cluster=CLUSTER, environment=os.environ)
    assert "cluster" not in json.loads(seen.read_text())["spec"]


async def test_a_plugin_may_give_a_certificate(tmp_path):
    body = f"echo '{answer(clientCertificateData='cert', clientKeyData='key')}'"
    identity = identity_of(access_of(User(plugin=a_plugin(tmp_path, body))))
    assert await identity.credential() == Credential("", "cert", "key")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("echo 'no such role' >&2; exit 3", "exit status 3: no such role"),
        ("echo hidden", "no ExecCredential in JSON"),
        (f"echo '{answer()}'", "neither a token nor a certificate"),
        (f"echo '{answer(token='T', clientKeyData='hidden')}'", "go together"),
        (f"echo '{answer(token='T').replace('/v1', '/v1beta1')}'", "no ExecCredential of"),
        (f"echo '{answer(token='T', expirationTimestamp='soon')}'", "no ExecCredential in JSON"),
        ("head -c 1100000 /dev/zero", "printed more than"),
        ("sleep 60", "was killed"),
    ],
)
async def test_a_plugin_that_fails_is_told_without_its_output(tmp_path, body, message):
    plugin = a_plugin(tmp_path, body)
    limit_s = 0.3 if "killed" in message else 20
    with pytest.raises(DeniedError, match=message) as refusal:
        await run_plugin(plugin, cluster=CLUSTER, environment=os.environ, timeout_s=limit_s)
    assert "hidden" not in str(refusal.value)


async def test_a_plugin_that_is_not_there_says_how_to_get_it():
    plugin = ExecPlugin(API, "no-such-plugin", install_hint="brew install it")
    with pytest.raises(DeniedError, match="no such program") as refusal:
        await run_plugin(plugin, cluster=CLUSTER, environment={"PATH": "/nowhere"})
    assert refusal.value.hint == "brew install it"
