"""Identities of clouds against servers of their protocols, and Git over HTTPS with their tokens."""

import json
import os

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.facts import BranchKey, FailureKind
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.snapshot import Secret
from argocd_image_updater.git.connection import Connection
from argocd_image_updater.git.engine import Tip
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.own_secrets import own_secret_credential
from argocd_image_updater.git.tls import Trust
from argocd_image_updater.git.tokens.azure import SCOPE
from argocd_image_updater.git.tokens.codecommit import CodeCommitPasswords
from argocd_image_updater.git.tokens.exchange import TokenServices
from argocd_image_updater.git.tokens.interface import Means
from argocd_image_updater.git.urls import parse_url
from argocd_image_updater.net.timing import Timing
from forges.github_app import new_key
from integration.git.scenes import batch, errors, own_key, statuses, written
from registries.cloud_services import (
    CLIENT,
    ENTRA_TOKEN,
    GOOGLE_TOKEN,
    POD_TOKEN,
    SECRETS,
    TENANT,
    CloudServices,
    server_context,
)
from registries.connect_proxy import ConnectProxy
from servers.git_server import file_at
from servers.token_git_server import CODE_COMMIT, TokenGitServer

pytestmark = pytest.mark.lab("git", "git-http-backend", "nginx", "fcgiwrap")
EMAIL = "reader@p.iam.gserviceaccount.com"
KEY = new_key()
PREFIXES = ("AWS_", "GOOGLE_", "GCE_", "AZURE_", "CLOUDSDK_")
NOW = 1_700_000_000.0


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """A Git server that accepts the token of Entra ID as a bearer token."""
    folder = tmp_path_factory.mktemp("clouds")
    with TokenGitServer(folder, password=ENTRA_TOKEN) as running:
        running.repository("r", {"values.yaml": b"tag: 1.0\n"})
        yield running


@pytest.fixture
def proxy(host):
    """A proxy that leads the names of clouds to the Git server."""
    with ConnectProxy(host.port) as running:
        yield running


@pytest.fixture
def services(tmp_path, host):
    """The token services over TLS; `bundle` has their authority and the Git server's."""
    context, bundle = server_context(trustme.CA(), tmp_path)
    bundle.write_bytes(bundle.read_bytes() + host.ca_file.read_bytes())
    with CloudServices(tls=context, life_s=3_600) as running:
        public = serialization.load_pem_private_key(KEY.encode(), None).public_key()
        running.google_key = public
        running.entra_scope = SCOPE
        running.bundle = bundle
        yield running


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """Nothing of this machine's clouds; set variables with the returned function."""
    for name in os.environ:
        if name.startswith(PREFIXES):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_PROXY", "*")

    def use(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, str(value))

    return use


def of_team(**fields):
    """Return a Secret that an Application of `team` names."""
    return Secret(ObjectKey("team", "creds"), _bytes(fields))


def of_argocd(url, **fields):
    labels = {"argocd.argoproj.io/secret-type": "repository"}
    return Secret(ObjectKey("argocd", "r"), _bytes({"url": url, **fields}), labels)


def argocd_key(url):
    return BranchKey(url, "main", "repocreds", "default", "team")


def _bytes(fields):
    return {name: text.encode() for name, text in fields.items()}


def account(services, **fields):
    document = {
        "type": "service_account",
        "client_email": EMAIL,
        "private_key": KEY,
        "token_uri": f"{services.url}/token",
        **fields,
    }
    return json.dumps(document)


def principal(services, **fields):
    return {
        "azureServicePrincipalClientId": CLIENT,
        "azureServicePrincipalClientSecret": "key-of-the-role",
        "azureServicePrincipalTenantId": TENANT,
        "azureActiveDirectoryEndpoint": services.url,
        **fields,
    }


def tokens(environment=(), **means):
    return TokenServices(Means(environment=dict(environment), **means))


def silent(answer):
    assert not any(secret in answer.message for secret in (*SECRETS, POD_TOKEN, KEY, "ghost"))
    return answer


async def test_a_change_is_pushed_with_the_key_of_a_service_account(host, services, make_engine):
    host.accept(EMAIL, GOOGLE_TOKEN)
    secret = of_team(gcpServiceAccountKey=account(services))
    engine = make_engine(secrets=[secret], ca_file=services.bundle, exchange=tokens())
    key = own_key(host.url("r"))
    result = await engine.push(batch(key, written("google", b"1")))
    assert statuses(result) == ["pushed"], errors(result)
    assert file_at(host.root / "r.git", "google") == b"1"
    engine.begin_cycle()
    assert isinstance(await engine.tip(key), Tip)
    assert services.asked == ["google-token"]


async def test_the_secret_of_argo_cd_takes_the_key_too(host, services, make_engine):
    host.accept(EMAIL, GOOGLE_TOKEN)
    secret = of_argocd(host.url("r"), gcpServiceAccountKey=account(services))
    engine = make_engine(secrets=[secret], ca_file=services.bundle, exchange=tokens())
    assert isinstance(await engine.tip(argocd_key(host.url("r"))), Tip)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"type": "external_account", "credential_source": {"file": "/etc/passwd"}}, "no key of"),
        ({"private_key": "ghost"}, "private_key in gcpServiceAccountKey is no private key"),
        ({"private_key": None}, "lacks client_email or private_key"),
        ({"token_uri": "http://localhost/token"}, "must be an https:// URL"),
        ({"token_uri": "https://169.254.169.254/token"}, "is an address that is never asked"),
        ({"token_uri": "https://metadata.google.internal/t"}, "is an address that is never asked"),
    ],
)
async def test_what_is_no_key_of_a_service_account_is_told(
    host, services, make_engine, fields, told
):
    secret = of_team(gcpServiceAccountKey=account(services, **fields))
    engine = make_engine(secrets=[secret], ca_file=services.bundle, exchange=tokens())
    answer = silent(await engine.tip(own_key(host.url("r"))))
    assert told in answer.message
    assert services.asked == []


async def test_a_refused_key_is_told_by_its_code_alone(host, services, make_engine):
    services.refuse = {"google-token"}
    secret = of_team(gcpServiceAccountKey=account(services))
    engine = make_engine(secrets=[secret], ca_file=services.bundle, exchange=tokens())
    answer = silent(await engine.tip(own_key(host.url("r"))))
    assert answer.kind is FailureKind.CREDENTIALS
    assert answer.reason is Reason.GIT_AUTH_FAILED
    assert "Google gave no token (HTTP 400, AADSTS700016)" in answer.message


async def test_the_login_service_is_verified_although_the_repository_is_not(
    host, services, make_engine
):
    secret = of_team(gcpServiceAccountKey=account(services), insecure="true")
    engine = make_engine(secrets=[secret], exchange=tokens())
    answer = await engine.tip(own_key(host.url("r")))
    assert answer.kind is FailureKind.CONFIG
    assert "certificate of localhost is not trusted" in answer.message
    assert services.asked == []


async def test_our_own_google_identity_reaches_googles_hosts(
    host, proxy, services, make_engine, environment
):
    host.accept("oauth2accesstoken", GOOGLE_TOKEN)
    file = services.bundle.with_name("key.json")
    file.write_text(account(services))
    environment(GOOGLE_APPLICATION_CREDENTIALS=file, REQUESTS_CA_BUNDLE=services.bundle)
    url = "https://source.developers.google.com/r.git"
    secret = of_argocd(url, useGoogleIdentity="true", proxy=proxy.url)
    engine = make_engine(secrets=[secret], ca_file=services.bundle, exchange=tokens())
    answer = await engine.tip(argocd_key(url))
    assert isinstance(answer, Tip), answer
    assert services.asked == ["google-token"]
    assert set(proxy.names) == {"source.developers.google.com:443"}


@pytest.mark.parametrize(
    "field", ["useGoogleIdentity", "useAzureWorkloadIdentity", "useAwsIdentity"]
)
async def test_our_own_identity_goes_to_no_other_host(host, make_engine, field):
    secret = of_argocd(host.url("r"), **{field: "true"})
    engine = make_engine(secrets=[secret], ca_file=host.ca_file, exchange=tokens())
    answer = await engine.tip(argocd_key(host.url("r")))
    assert answer.kind is FailureKind.CREDENTIALS
    assert "localhost" in answer.message


@pytest.mark.parametrize(
    "field", ["useGoogleIdentity", "useAzureWorkloadIdentity", "useAwsIdentity"]
)
async def test_our_own_identity_is_not_for_secrets_of_tenants(host, make_engine, field):
    engine = make_engine(secrets=[of_team(**{field: "true"})], exchange=tokens())
    answer = await engine.tip(own_key(host.url("r")))
    assert answer.kind is FailureKind.CREDENTIALS
    assert f"{field} gives the identity of this program away" in answer.message


async def test_a_change_is_pushed_with_a_service_principal(host, services, make_engine):
    engine = make_engine(
        secrets=[of_team(**principal(services))], ca_file=services.bundle, exchange=tokens()
    )
    key = own_key(host.url("r", prefix="bearer/"))
    result = await engine.push(batch(key, written("azure", b"1")))
    assert statuses(result) == ["pushed"], errors(result)
    engine.begin_cycle()
    assert isinstance(await engine.tip(key), Tip)
    assert services.asked == ["entra"]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"azureServicePrincipalTenantId": "../x"}, "ID of the tenant of Azure is none"),
        ({"azureServicePrincipalClientId": ""}, "field azureServicePrincipalClientId is missing"),
        ({"azureActiveDirectoryEndpoint": "http://localhost"}, "must be an https:// URL"),
    ],
)
async def test_what_is_wrong_with_a_service_principal_is_told(
    host, services, make_engine, fields, told
):
    secret = of_team(**principal(services, **fields))
    engine = make_engine(secrets=[secret], ca_file=services.bundle, exchange=tokens())
    answer = silent(await engine.tip(own_key(host.url("r", prefix="bearer/"))))
    assert told in answer.message


async def test_a_refused_service_principal_is_told_by_its_code_alone(host, services, make_engine):
    services.refuse = {"entra"}
    engine = make_engine(
        secrets=[of_team(**principal(services))], ca_file=services.bundle, exchange=tokens()
    )
    answer = silent(await engine.tip(own_key(host.url("r", prefix="bearer/"))))
    assert "Entra ID gave no token (HTTP 400, AADSTS700016)" in answer.message


async def test_the_workload_identity_of_the_pod_reaches_azure_devops(
    host, proxy, services, make_engine, tmp_path
):
    (tmp_path / "token").write_text(f"{POD_TOKEN}\n")
    variables = {
        "AZURE_CLIENT_ID": CLIENT,
        "AZURE_TENANT_ID": TENANT,
        "AZURE_AUTHORITY_HOST": f"{services.url}/",
        "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "token"),
    }
    url = "https://dev.azure.com/bearer/r.git"
    secret = of_argocd(
        "https://dev.azure.com/", useAzureWorkloadIdentity="true", proxy=proxy.url,
        noProxy="localhost",
    )  # fmt: skip
    template = Secret(secret.key, secret.data, {"argocd.argoproj.io/secret-type": "repo-creds"})
    engine = make_engine(secrets=[template], ca_file=services.bundle, exchange=tokens(variables))
    answer = await engine.tip(argocd_key(url))
    assert isinstance(answer, Tip), answer
    assert services.asked == ["entra"]
    for gone in ("AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_ID"):
        other = make_engine(secrets=[template], exchange=tokens({**variables, gone: ""}))
        assert "no workload identity of Azure" in (await other.tip(argocd_key(url))).message
    (tmp_path / "token").unlink()
    other = make_engine(secrets=[template], exchange=tokens(variables))
    assert "AZURE_FEDERATED_TOKEN_FILE cannot be read" in (await other.tip(argocd_key(url))).message


def at(unix):
    return Timing(unix=lambda: unix)


async def signature_of(secret_fields, url, **means):
    """Return user and password that a Secret gives, as the tests of signatures know them."""
    credential = own_secret_credential(of_team(**secret_fields), url)
    service = CodeCommitPasswords(Means(timing=at(NOW), **means))
    found = await service.exchange(Connection(parse_url(url), credential, Trust()))
    return found.username, found.password


ACCESS_KEY = {
    "awsAccessKeyId": "AKIATEST",
    "awsSecretAccessKey": "ghost",
    "awsSessionToken": "session/of+the=role",
}
REPOSITORY = f"https://{CODE_COMMIT}/v1/repos/r"


async def test_a_change_is_pushed_with_a_signature(host, proxy, make_engine):
    user, password = await signature_of(ACCESS_KEY, REPOSITORY)
    assert user == "AKIATEST%session/of+the=role"
    host.accept(user, password)
    secret = of_team(**ACCESS_KEY, proxy=proxy.url)
    engine = make_engine(secrets=[secret], ca_file=host.ca_file, exchange=tokens(timing=at(NOW)))
    result = await engine.push(batch(own_key(REPOSITORY), written("aws", b"1")))
    assert statuses(result) == ["pushed"], errors(result)
    other = make_engine(
        secrets=[secret], ca_file=host.ca_file, exchange=tokens(timing=at(NOW + 60))
    )
    answer = silent(await other.tip(own_key(REPOSITORY)))
    assert answer.kind is FailureKind.DENIED
    assert "session/of" not in answer.message


async def test_the_identity_of_the_pod_signs_for_codecommit(
    host, proxy, make_engine, environment, tmp_path
):
    token = tmp_path / "pod-token"
    token.write_text(POD_TOKEN)
    key = {
        "awsAccessKeyId": "ASIATESTTESTTEST",
        "awsSecretAccessKey": "key-of-the-role",
        "awsSessionToken": "session-of-the-role",
    }
    host.accept(*await signature_of(key, REPOSITORY))
    with CloudServices() as services:
        environment(
            AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{services.url}/v1/credentials",
            AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=token,
        )
        secret = of_argocd(REPOSITORY, useAwsIdentity="true", proxy=proxy.url)
        engine = make_engine(
            secrets=[secret], ca_file=host.ca_file, exchange=tokens(timing=at(NOW))
        )
        answer = await engine.tip(argocd_key(REPOSITORY))
        assert isinstance(answer, Tip), answer
        engine.begin_cycle()
        assert isinstance(await engine.tip(argocd_key(REPOSITORY)), Tip)
        assert services.asked == ["pod-identity"]


async def test_no_identity_of_aws_is_told(make_engine, environment):
    environment()
    secret = of_argocd(REPOSITORY, useAwsIdentity="true", proxy="http://127.0.0.1:9")
    engine = make_engine(secrets=[secret], exchange=tokens())
    answer = await engine.tip(argocd_key(REPOSITORY))
    assert "no AWS identity was found" in answer.message


@pytest.mark.parametrize(
    "url",
    [
        "https://git-codecommit.eu-west-1.amazonaws.com.evil.example/v1/repos/r",
        "https://git.example.com/v1/repos/r",
    ],
)
async def test_a_signature_is_made_for_codecommit_alone(url):
    with pytest.raises(GitError, match=r"git-codecommit\.REGION"):
        await signature_of(ACCESS_KEY, url)


async def test_a_certificate_of_the_client_is_enough(host, make_engine):
    certificate, key = host.client_certificate()
    url = host.url("r", prefix="certified/")
    secret = of_argocd(url, tlsClientCertData=certificate, tlsClientCertKey=key)
    engine = make_engine(secrets=[secret], ca_file=host.ca_file)
    result = await engine.push(batch(argocd_key(url), written("certified", b"1")))
    assert statuses(result) == ["pushed"], errors(result)


async def test_a_bearer_token_is_enough(host, make_engine):
    url = host.url("r", prefix="bearer/")
    secret = of_argocd(url, bearerToken=ENTRA_TOKEN)
    engine = make_engine(secrets=[secret], ca_file=host.ca_file)
    assert isinstance(await engine.tip(argocd_key(url)), Tip)
    wrong = make_engine(secrets=[of_argocd(url, bearerToken="wr0ng")], ca_file=host.ca_file)
    answer = await wrong.tip(argocd_key(url))
    assert answer.kind is FailureKind.DENIED
    assert "wr0ng" not in answer.message
