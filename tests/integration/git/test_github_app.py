"""GitHub Apps against a server that looks at signatures, and Git over HTTPS with its tokens."""

import asyncio
import base64

import pytest

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.facts import BranchKey, FailureKind
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.snapshot import Secret
from argocd_image_updater.git.engine import Tip
from argocd_image_updater.git.tokens.exchange import TokenServices
from argocd_image_updater.git.tokens.interface import Means
from argocd_image_updater.net.timing import Timing
from forges.github_app import GitHubApp, new_key
from forges.server import Fault, ForgeServer
from integration.git.scenes import batch, errors, own_key, planned, statuses
from servers.git_server import HttpsGitServer, file_at

pytestmark = pytest.mark.lab("git", "git-http-backend", "nginx", "fcgiwrap")

APP, INSTALLATION = 12, 34
TOKEN_CALL = f"POST /api/v3/app/installations/{INSTALLATION}/access_tokens"
FIND_CALL = "GET /api/v3/repos/acme/deploy/installation"
HOUR_S = 3600


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    with HttpsGitServer(
        tmp_path_factory.mktemp("github"), username="x-access-token", password="unset"
    ) as running:
        running.repository("acme/deploy", {"values.yaml": b"tag: 1.0\n"})
        yield running


class Clock:
    """Time that a test moves on."""

    def __init__(self):
        self.monotonic_s = 0.0

    def timing(self):
        async def sleep(_seconds):
            return None

        return Timing(monotonic=lambda: self.monotonic_s, sleep=sleep)


class GitHub:
    """The API, and the Git server that accepts the newest token only."""

    def __init__(self, host, make_engine):
        self.host = host
        self.app = GitHubApp(APP, {"acme/deploy": INSTALLATION})
        self.server = ForgeServer(self._answer, port=host.api_port)
        self.clock = Clock()
        self.tokens = TokenServices(Means(timing=self.clock.timing()))
        self.key = own_key(host.url("acme/deploy"))
        self._make_engine = make_engine
        self.accept("nothing")

    def _answer(self, call):
        answer = self.app(call)
        if self.app.tokens:
            self.accept(self.app.tokens[-1][1])
        return answer

    def accept(self, token):
        (self.host.folder / "users").write_text(f"x-access-token:{{PLAIN}}{token}\n")

    def secret(self, **fields):
        data = {
            "githubAppID": str(APP),
            "githubAppInstallationID": str(INSTALLATION),
            "githubAppPrivateKey": self.app.private_key,
        } | fields
        return Secret(ObjectKey("team", "creds"), _bytes(data))

    def argocd_secret(self, **fields):
        """Return a repository Secret of Argo CD that names no installation."""
        data = {"githubAppID": str(APP), "githubAppPrivateKey": self.app.private_key}
        data |= {"url": self.host.url("acme/deploy"), **fields}
        labels = {"argocd.argoproj.io/secret-type": "repository"}
        return Secret(ObjectKey("argocd", "r"), _bytes(data), labels)

    def engine(self, *secrets, **options):
        secrets = secrets or (self.secret(),)
        options = {"exchange": self.tokens, "ca_file": self.host.ca_file, **options}
        return self._make_engine(secrets=secrets, **options)


def _bytes(data):
    return {name: text.encode() for name, text in data.items() if text is not None}


@pytest.fixture
def github(host, make_engine):
    made = GitHub(host, make_engine)
    with made.server:
        yield made


def argocd_key(github):
    return BranchKey(github.host.url("acme/deploy"), "main", "repocreds", "default", "team")


async def test_a_change_is_pushed_with_a_token_of_the_installation(github):
    engine = github.engine()
    result = await engine.push(batch(github.key, planned("values.yaml", b"1.0", b"1.1")))
    assert statuses(result) == ["pushed"], errors(result)
    assert file_at(github.host.root / "acme/deploy.git", "values.yaml") == b"tag: 1.1\n"
    connection = await engine.connection(github.key)
    assert connection.credential.username == "x-access-token"
    assert connection.credential.can_call_forge
    assert connection.credential.app_id == APP
    assert connection.credential.private_key == ""


async def test_a_token_is_kept_until_a_minute_before_its_end(github):
    engine = github.engine()
    for at_s in (0, 10, HOUR_S - 65):
        github.clock.monotonic_s = at_s
        engine.begin_cycle()
        assert isinstance(await engine.tip(github.key), Tip)
    assert github.server.calls == [TOKEN_CALL]
    github.clock.monotonic_s = HOUR_S - 59
    engine.begin_cycle()
    assert isinstance(await engine.tip(github.key), Tip)
    assert github.server.calls == [TOKEN_CALL] * 2


async def test_many_who_ask_at_once_share_one_token(github):
    github.host.repository("acme/other", {"values.yaml": b"tag: 1.0\n"})
    engine = github.engine()
    keys = [own_key(github.host.url(f"acme/{name}")) for name in ("deploy", "other")]
    tips = await asyncio.gather(*(engine.tip(key) for key in keys * 5))
    assert all(isinstance(tip, Tip) for tip in tips)
    assert github.server.calls == [TOKEN_CALL]


async def test_an_old_token_that_git_refuses_is_replaced_in_the_same_cycle(github):
    engine = github.engine()
    assert isinstance(await engine.tip(github.key), Tip)
    github.accept("revoked")
    github.clock.monotonic_s = 120
    engine.begin_cycle()
    assert isinstance(await engine.tip(github.key), Tip)
    assert github.server.calls == [TOKEN_CALL] * 2


async def test_a_fresh_token_that_git_refuses_is_not_asked_for_again_and_again(github):
    github.app.tokens = []
    engine = github.engine()
    assert isinstance(await engine.tip(github.key), Tip)
    github.accept("revoked")
    engine.begin_cycle()
    answer = await engine.tip(github.key)
    assert answer.kind is FailureKind.DENIED
    assert github.server.calls == [TOKEN_CALL]


async def test_an_installation_that_is_not_named_is_found(github):
    engine = github.engine(github.argocd_secret())
    assert isinstance(await engine.tip(argocd_key(github)), Tip)
    engine.begin_cycle()
    assert isinstance(await engine.tip(argocd_key(github)), Tip)
    assert github.server.calls == [FIND_CALL, TOKEN_CALL]
    connection = await engine.connection(argocd_key(github))
    assert connection.credential.installation_id == INSTALLATION


async def test_an_app_that_is_installed_anew_is_found_again(github):
    engine = github.engine(github.argocd_secret())
    assert isinstance(await engine.tip(argocd_key(github)), Tip)
    github.app.installations["acme/deploy"] = 35
    github.clock.monotonic_s = HOUR_S - 59
    engine.begin_cycle()
    answer = await engine.tip(argocd_key(github))
    assert "no installation 34" in answer.message
    engine.begin_cycle()
    assert isinstance(await engine.tip(argocd_key(github)), Tip)


async def test_an_app_that_is_not_installed_is_told(github):
    github.app.installations = {}
    answer = await github.engine(github.argocd_secret()).tip(argocd_key(github))
    assert answer.kind is FailureKind.CREDENTIALS
    assert answer.reason is Reason.GIT_AUTH_FAILED
    assert "GitHub App 12 is not installed for this repository" in answer.message


async def test_a_stated_base_url_is_asked_instead_of_the_host_of_the_repository(github):
    stated = f"https://127.0.0.1:{github.host.port}/api/v3/"
    engine = github.engine(github.secret(githubAppEnterpriseBaseUrl=stated))
    assert isinstance(await engine.tip(github.key), Tip)
    assert github.server.calls == [TOKEN_CALL]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"githubAppID": "13"}, "check githubAppID, githubAppPrivateKey and the clock"),
        ({"githubAppInstallationID": "35"}, "has no installation 35"),
        ({"githubAppPrivateKey": "n0nsense"}, "githubAppPrivateKey is no private key in PEM form"),
        ({"githubAppPrivateKey": new_key()}, "check githubAppID, githubAppPrivateKey"),
        ({"githubAppEnterpriseBaseUrl": "http://localhost/api/v3"}, "must be an https:// URL"),
    ],
)
async def test_what_is_wrong_with_an_app_is_told_and_its_key_is_not(github, fields, told):
    secret = github.secret(**fields)
    answer = await github.engine(secret).tip(github.key)
    assert answer.kind is FailureKind.CREDENTIALS
    assert told in answer.message
    assert "team/creds" in answer.message
    key = secret.data["githubAppPrivateKey"].decode()
    assert key not in answer.message
    assert base64.b64encode(key.encode()).decode() not in answer.message


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (500, FailureKind.TRANSIENT),
        (429, FailureKind.RATE_LIMITED),
        (403, FailureKind.DENIED),
        (422, FailureKind.REFUSED),
    ],
)
async def test_a_failing_api_is_told_as_what_it_is(github, status, kind):
    github.server.faults.append(Fault("access_tokens", status, b'{"message": "sentence"}', times=9))
    answer = await github.engine().tip(github.key)
    assert answer.kind is kind
    assert answer.reason in {Reason.GIT_UNREACHABLE, Reason.GIT_AUTH_FAILED}
    assert f"HTTP {status}: sentence" in answer.message


async def test_a_refusal_names_each_repository_that_it_concerns(github):
    engine = github.engine(github.secret(githubAppID="13"))
    github.host.repository("acme/third", {"values.yaml": b"tag: 1.0\n"})
    for name in ("deploy", "third"):
        answer = await engine.tip(own_key(github.host.url(f"acme/{name}")))
        assert answer.message.startswith(github.host.url(f"acme/{name}"))
    assert github.server.calls == [TOKEN_CALL]


async def test_a_nonsensical_answer_is_no_token(github):
    for body in (b'{"token": "two words"}', b'{"token": 1}', b"[]", b"{}"):
        github.server.faults.append(Fault("access_tokens", 201, body))
        answer = await github.engine(exchange=TokenServices(Means())).tip(github.key)
        assert answer.kind is FailureKind.CREDENTIALS
        assert "got no token" in answer.message


async def test_an_api_that_is_silent_is_not_waited_for(github):
    tokens = TokenServices(Means(timeout_s=0.05))
    github.server.faults.append(Fault("access_tokens", 503, headers={"Retry-After": "20"}, times=9))
    answer = await github.engine(exchange=tokens).tip(github.key)
    assert answer.kind is FailureKind.TRANSIENT
    assert "no token within 0.05 s" in answer.message


async def test_a_certificate_that_is_not_trusted_stops_the_exchange(github):
    answer = await github.engine(ca_file=None).tip(github.key)
    assert answer.kind is FailureKind.CONFIG
    assert github.server.calls == []
    insecure = github.engine(github.secret(insecure="true"), ca_file=None)
    assert isinstance(await insecure.tip(github.key), Tip)
