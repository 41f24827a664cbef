"""Passwords and tokens appear nowhere: not in output, arguments of programs, or files that stay.

Every run of every test here and beside it is looked through by the stage; these add the ways in
which credentials come, failures that invite telling them, and the arguments of all processes.
"""

import base64
import json
import threading
import time
from pathlib import Path

import pytest

from faults.http_proxy import FaultProxy, status
from stages.standalone import application, git_write_back, images, reference, resource, source

pytestmark = pytest.mark.lab("docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap")
PASSWORD = "rEgistry-pAss-7788"
TOKEN = "tOken-of-a-service-5544"
JSON = ("Content-Type", "application/json")
ANSWERS = {"refused": 401, "forbidden": 403, "broken": 500}


class Watch(threading.Thread):
    """Reads the arguments of all processes of a session again and again."""

    def __init__(self, session):
        super().__init__()
        self.session = session
        self.seen = set()
        self.over = threading.Event()

    def run(self):
        while not self.over.is_set():
            for place in Path("/proc").glob("[0-9]*"):
                try:
                    text = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode("latin-1")
                    if str(self.session) in text or "git" in text or "login" in text:
                        self.seen.add(text)
                except OSError:  # it has ended
                    continue
            time.sleep(0.005)


def credential(kind, stage, host):
    """Return how the registry's credential is configured, in one of the ways there are."""
    pair = f"reader:{PASSWORD}"
    if kind == "env":
        stage.environment["LOGIN"] = pair
        return "env:LOGIN"
    if kind == "ext":
        script = stage.folder / "login.sh"
        script.write_text(f"#!/bin/sh\necho some noise >&2\necho {pair}\n")
        script.chmod(0o700)
        return f"ext:{script}"
    auth = base64.b64encode(pair.encode()).decode()
    if kind == "docker login":
        folder = stage.folder / "home" / ".docker"
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
        return ""
    if kind == "docker helper":
        helper = stage.folder / "programs" / "docker-credential-login"
        document = {"ServerURL": host, "Username": "reader", "Secret": PASSWORD}
        helper.write_text(f"#!/bin/sh\necho some noise >&2\necho '{json.dumps(document)}'\n")
        helper.chmod(0o700)
        stage.environment["DOCKER_CONFIG"] = str(stage.folder)
        (stage.folder / "config.json").write_text('{"credsStore": "login"}')
        return ""
    if kind == "secret":
        data = {"creds": pair}
        name = "secret:argocd/registry#creds"
    else:
        data = {".dockerconfigjson": json.dumps({"auths": {host: {"auth": auth}}})}
        name = "pullsecret:argocd/registry"
    stage.add(
        {
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "registry", "namespace": "argocd"}, "stringData": data,
        }
    )  # fmt: skip
    return name


@pytest.mark.parametrize(("kind", "scheme", "answer"), [
    ("env", "Basic", "good"),
    ("ext", "Bearer", "good"),
    ("secret", "Bearer", "good"),
    ("pullsecret", "Basic", "good"),
    ("docker login", "Basic", "good"),
    ("docker helper", "Bearer", "good"),
    ("env", "Bearer", "refused"),
    ("ext", "Basic", "refused"),
    ("pullsecret", "Bearer", "forbidden"),
    ("secret", "Basic", "broken"),
    ("docker helper", "Basic", "refused"),
])  # fmt: skip
def test_no_credential_of_a_registry_or_of_git_is_shown(stage, kind, scheme, answer):
    encoded = base64.b64encode(f"reader:{PASSWORD}".encode()).decode()
    stage.secrets |= {PASSWORD, TOKEN, encoded}
    stage.push("1.0.0", "1.1.0")
    stage.repository(files=stage.values("one"))
    stage.helm("one")
    with FaultProxy(stage.registry) as proxy:
        spoil(proxy, scheme, answer)
        stage.credentials = credential(kind, stage, proxy.host)
        stage.write_registries(proxy.base)
        process = stage.start("run", "--once", "--output", "json", "--loglevel", "trace")
        watch = Watch(stage.folder)
        watch.start()
        try:
            done = stage.finish(process)
        finally:
            watch.over.set()
            watch.join()
        sent = [value for _, value in proxy.authorizations]
    assert not [text for text in watch.seen if any(secret in text for secret in stage.secrets)]
    assert any(str(stage.folder) in text for text in watch.seen)
    assert any(encoded in value for value in sent), "the credential was not used"
    if answer == "good":
        assert done.reasons == {"one": "Updated"}, done.out
        assert scheme == "Basic" or any(TOKEN in value for value in sent)
    else:
        assert done.code == 2
        assert done.image("one")["outcome"] == "error"


def spoil(proxy, scheme, answer):
    """Ask for a credential; a refusal gives back what was sent, also in plain words."""
    realm = "Basic realm=r"
    if scheme == "Bearer":
        realm = f'Bearer realm="{proxy.base}/token",service="s"'
    header = ("WWW-Authenticate", realm)

    def serve(exchange):
        sent = exchange.headers.get("Authorization", "")
        if not sent:
            exchange.send(401, [header], b"{}")
        elif answer == "good":
            exchange.send(*exchange.upstream())
        else:
            words = PASSWORD if scheme == "Basic" else TOKEN
            told = json.dumps({"errors": [{"message": f"not {sent}, not {words}"}]})
            exchange.send(ANSWERS[answer], [JSON, header], told.encode())

    proxy.on("/v2/", serve)
    proxy.on("/token", status(200, JSON, body=json.dumps({"token": TOKEN}).encode()))


@pytest.mark.parametrize("how", ["in the address", "own secret", "wrong password"])
def test_no_credential_of_git_is_shown(stage, how):
    stage.push("1.0.0", "1.1.0")
    stage.repository(files=stage.values("one"))
    password = "wrOng-pAss-31" if how == "wrong password" else stage.git.password
    stage.secrets |= {password, base64.b64encode(f"bot:{password}".encode()).decode()}
    url, method = stage.url(), "git:secret:own"
    if how == "in the address":
        _, trusted = stage.git_access()
        stage.add(trusted, file="secret-git-server.yaml")
        url, method = url.replace("://", f"://bot:{password}@"), "git"
    else:
        stage.add(
            {
                "apiVersion": "v1", "kind": "Secret",
                "metadata": {"name": "own", "namespace": "argocd"},
                "stringData": {"username": "bot", "password": password},
            }
        )  # fmt: skip
    stage.add(application("one", source(url, "one")))
    listed = images(web=f"{stage.image()}:1.x")
    stage.add(resource("r", [reference("one", listed)], **git_write_back(method=method)))
    for words in (("plan",), ("plan", "--output", "table"), ("explain", "one", "web"), ()):
        done = stage.run(*words)
    expected = "GitAuthFailed" if how == "wrong password" else "Updated"
    assert done.reasons == {"one": expected}, done.out


def test_a_program_that_fails_is_not_quoted_with_the_secret_it_printed(stage):
    script = stage.folder / "login.sh"
    script.write_text(f"#!/bin/sh\necho reader:{PASSWORD}\nexit 3\n")
    script.chmod(0o700)
    stage.secrets.add(PASSWORD)
    stage.push("1.0.0", "1.1.0")
    stage.repository(files=stage.values("one"))
    stage.helm("one")
    stage.credentials = f"ext:{script}"
    stage.write_registries(stage.registry.url)
    done = stage.run()
    assert done.reasons == {"one": "CredentialsUnavailable"}, done.out
    assert str(script) in done.image("one")["message"]
