"""Which registry gets which cloud's identity, and which never does."""

import pytest

from argocd_image_updater.clouds.library import Cloud, CloudIdentityError
from argocd_image_updater.core.facts import Failure, FailureKind
from argocd_image_updater.registry.credentials import azure, cloud_identities
from argocd_image_updater.registry.credentials.cloud_identities import CloudIdentities
from argocd_image_updater.registry.credentials.cloud_login import CloudLogin
from argocd_image_updater.registry.credentials.reference import (
    CredentialReferenceError,
    parse_credential_reference,
)
from argocd_image_updater.registry.credentials.resolver import (
    CredentialResolver,
    ImageSourcePolicy,
)
from argocd_image_updater.registry.endpoint import ANONYMOUS, Endpoint
from argocd_image_updater.registry.traffic import Traffic

ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
CLIENT = "66666666-7777-8888-9999-AAAAAAAAAAAA"
ALL = frozenset(Cloud)


def endpoint(host, *, scheme="https", **more):
    return Endpoint(host, host, f"{scheme}://{host}", **more)


def identities(**more):
    return CloudIdentities(Traffic(None), environ={}, **more)


@pytest.fixture
def logins(monkeypatch):
    """Logins without a cloud; what was asked for."""
    asked = []

    async def at_once(cloud, work, docs):
        asked.append((cloud, work.keywords))
        return CloudLogin("AWS", f"token {len(asked)}", 43_200, "a test")

    monkeypatch.setattr(cloud_identities, "in_thread", at_once)
    return asked


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("aws:auto", "auto"),
        ("AWS:eu-west-1", "eu-west-1"),
        ("aws:public", "public"),
        ("gcp:auto", "auto"),
        ("x=azure:auto", "auto"),
        (f"azure:{CLIENT}", CLIENT.lower()),
    ],
)
def test_the_identity_of_a_cloud_is_a_kind_of_reference(text, name):
    reference = parse_credential_reference(text)
    assert reference.name == name
    assert reference.kind.cloud is Cloud(str(reference.kind))


@pytest.mark.parametrize("text", ["aws:", "aws:nowhere", "gcp:key.json", "azure:me", "aws"])
def test_what_no_cloud_understands_is_refused_when_it_is_read(text):
    with pytest.raises(CredentialReferenceError):
        parse_credential_reference(text)


@pytest.mark.parametrize(
    ("host", "kind"),
    [(ECR, "aws:auto"), ("eu.gcr.io", "gcp:auto"), ("acme.azurecr.cn", "azure:auto")],
)
def test_a_cloud_that_is_switched_on_serves_its_registries(host, kind):
    assert str(identities(ambient=ALL).ambient_reference(endpoint(host))) == kind
    others = ALL - {Cloud(kind.partition(":")[0])}
    assert identities(ambient=others).ambient_reference(endpoint(host)) is None
    assert identities().ambient_reference(endpoint(host)) is None


@pytest.mark.parametrize(
    "unfit",
    [
        endpoint(ECR, insecure=True),
        endpoint(ECR, scheme="http"),
        endpoint("public.ecr.aws"),
        endpoint("registry.test"),
    ],
)
def test_nothing_else_gets_an_identity_unasked(unfit):
    assert identities(ambient=ALL).ambient_reference(unfit) is None


@pytest.mark.parametrize(
    ("text", "host", "expected"),
    [
        ("aws:auto", ECR, ("eu-west-1", False, False)),
        ("aws:us-east-1", ECR, ("us-east-1", False, False)),
        ("aws:us-east-1", "mirror.test", ("us-east-1", False, False)),
        ("aws:auto", ECR.replace("ecr", "ecr-fips"), ("eu-west-1", True, False)),
        ("aws:auto", "public.ecr.aws", ("us-east-1", False, True)),
        ("aws:public", "mirror.test", ("us-east-1", False, True)),
    ],
)
async def test_aws_is_asked_for_what_the_reference_and_the_host_say(logins, text, host, expected):
    await identities().log_in(parse_credential_reference(text), endpoint(host))
    [(_, keywords)] = logins
    assert (keywords["region"], keywords["fips"], keywords["public"]) == expected


async def test_registries_of_one_region_share_a_login_of_aws(logins):
    own = identities()
    for account in ("123456789012", "210987654321"):
        host = f"{account}.dkr.ecr.eu-west-1.amazonaws.com"
        await own.log_in(parse_credential_reference("aws:auto"), endpoint(host))
    assert len(logins) == 1


async def test_a_host_without_region_asks_for_one():
    with pytest.raises(CloudIdentityError, match="write aws:REGION"):
        await identities().log_in(parse_credential_reference("aws:auto"), endpoint("mirror.test"))


async def test_no_identity_goes_over_a_line_that_others_can_read():
    open_line = endpoint("registry.test", scheme="http")
    with pytest.raises(CloudIdentityError, match="over https only"):
        await identities().log_in(parse_credential_reference("gcp:auto"), open_line)


@pytest.mark.parametrize(
    ("environ", "identity"),
    [
        ({}, "managed identity"),
        ({"AZURE_FEDERATED_TOKEN_FILE": "f"}, "workload identity"),
        ({"AZURE_FEDERATED_TOKEN_FILE": "f", "AZURE_CLIENT_SECRET": "s"}, "service principal"),
        ({"AZURE_CLIENT_CERTIFICATE_PATH": "c"}, "service principal"),
    ],
)
def test_the_environment_chooses_the_identity_of_azure(environ, identity):
    assert azure.identity_of(environ) == identity


@pytest.mark.parametrize(
    ("token", "life_s"),
    [
        ("e30.eyJleHAiOjIwMDB9.s", 1_000.0),
        ("e30.e30.s", 600.0),
        ("opaque", 600.0),
        ("a.%%%.c", 600.0),
    ],
)
def test_a_token_of_azure_tells_its_end_or_gets_a_short_life(token, life_s):
    assert azure._life_s(token, 1_000.0) == life_s


# --- in the chain -------------------------------------------------------------------------------


def resolver(clouds, **more):
    return CredentialResolver(environ={"LOGIN": "u:p"}, clock=lambda: 0.0, clouds=clouds, **more)


async def test_an_image_may_never_name_an_identity():
    policy = ImageSourcePolicy.for_watched(frozenset({"argocd"}))
    own = resolver(identities(ambient=ALL), policy=policy)
    answer = await own.fetch(endpoint(ECR), pull_secret="aws:auto", namespace="argocd")
    assert answer.kind is FailureKind.REFUSED
    assert "registries.conf" in answer.message


async def test_what_is_configured_comes_before_the_identity(logins):
    own = resolver(identities(ambient=ALL))
    configured = endpoint(ECR, credentials="env:LOGIN")
    assert (await own.fetch(configured)).source == "env:LOGIN"
    assert (await own.fetch(endpoint(ECR))).source == "aws:auto (a test)"
    assert await own.fetch(endpoint("registry.test")) is ANONYMOUS
    assert len(logins) == 1


async def test_an_identity_that_fails_is_a_failure_and_never_no_identity(monkeypatch):
    async def fails(cloud, work, docs):
        raise CloudIdentityError("no AWS identity was found")

    monkeypatch.setattr(cloud_identities, "in_thread", fails)
    answer = await resolver(identities(ambient=ALL)).fetch(endpoint(ECR))
    assert isinstance(answer, Failure)
    assert answer.kind is FailureKind.CREDENTIALS
    assert answer.message == (
        f"identity for registry {ECR} (aws:auto by --cloud-identities): no AWS identity was found"
    )


async def test_a_refused_login_is_fetched_again(logins):
    clock = [0.0]
    traffic = Traffic(None)
    own = CloudIdentities(traffic, environ={}, ambient=ALL)
    own._logins._monotonic = lambda: clock[0]
    chain = resolver(own)
    first = await chain.fetch(endpoint(ECR))
    clock[0] += 100
    assert chain.invalidate(endpoint(ECR), used=first)
    second = await chain.fetch(endpoint(ECR))
    assert (first.password, second.password) == ("token 1", "token 2")
