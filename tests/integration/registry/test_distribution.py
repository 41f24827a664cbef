"""The client against CNCF Distribution: tags, digests, indexes, authentication, TLS.

Faults are in test_faults.py; what a real registry never sends is in the vector runners.
"""

from functools import partial

import pytest
import trustme

from argocd_image_updater.core.facts import Failure, FailureKind
from argocd_image_updater.registry.cache_lookups import Cache, CacheLookup
from argocd_image_updater.registry.endpoint import Credentials
from argocd_image_updater.registry.metadata import Purpose, read_metadata
from argocd_image_updater.registry.network import RegistryNetwork
from argocd_image_updater.registry.timestamps import parse_created
from registries.distribution import (
    PASSWORD,
    USERNAME,
    DistributionRegistry,
    basic_header,
    htpasswd_auth,
)
from registries.identities import GivenCredentials, OneClient, given, pair
from registries.token_service import REFRESH_TOKEN, TokenService

pytestmark = pytest.mark.lab("docker-registry")


async def test_all_tags_are_listed_over_several_pages(distribution, repository):
    tags = [f"1.0.{number}" for number in range(1_205)]
    distribution.push_tags(repository, tags)
    async with OneClient(distribution.url, repository) as client:
        listed = await client.list_tags()
    assert sorted(listed.tags) == sorted(tags)


async def test_an_unknown_repository_is_not_found(distribution, repository):
    async with OneClient(distribution.url, repository) as client:
        failure = await client.list_tags()
    assert failure.kind is FailureKind.NOT_FOUND


async def test_head_and_manifest_agree_on_the_digest(distribution, repository):
    digest = distribution.push_image(repository, "1.0")
    async with OneClient(distribution.url, repository) as client:
        assert await client.head("1.0") == digest
        assert (await client.manifest("1.0")).digest == digest
        assert (await client.manifest(digest)).digest == digest


async def test_a_deleted_tag_has_no_digest(distribution, repository):
    distribution.push_image(repository, "1.0")
    distribution.push_image(repository, "1.1", created="2024-02-01T00:00:00Z")
    distribution.delete_tag(repository, "1.0")
    async with OneClient(distribution.url, repository) as client:
        assert await client.head("1.0") is None
        assert (await client.list_tags()).tags == ("1.1",)


async def test_metadata_of_an_image(distribution, repository):
    digest = distribution.push_image(
        repository, "1.0", created="2024-03-01T10:00:00.5Z", labels={"revision": "abc"}
    )
    async with OneClient(distribution.url, repository) as client:
        metadata = await read_metadata(
            client, "1.0", platforms=("linux/amd64",), purpose=Purpose.METADATA
        )
    assert metadata.digest == digest
    assert metadata.created_ns == parse_created("2024-03-01T10:00:00.5Z")
    assert metadata.labels == {"revision": "abc"}


async def test_metadata_of_an_index_is_that_of_the_wanted_platform(distribution, repository):
    digest = distribution.push_index(
        repository,
        "1.0",
        [
            ("linux/amd64", {"created": "2024-01-01T00:00:00Z", "labels": {"for": "amd64"}}),
            ("linux/arm64/v8", {"created": "2024-06-01T00:00:00Z", "labels": {"for": "arm64"}}),
        ],
    )
    async with OneClient(distribution.url, repository) as client:
        amd64 = await read_metadata(
            client, "1.0", platforms=("linux/amd64",), purpose=Purpose.METADATA
        )
        both = await read_metadata(client, "1.0", platforms=(), purpose=Purpose.METADATA)
        other = await read_metadata(
            client, "1.0", platforms=("windows/amd64",), purpose=Purpose.METADATA
        )
    assert (amd64.digest, amd64.labels) == (digest, {"for": "amd64"})
    assert (both.digest, both.labels) == (digest, {"for": "arm64"})
    assert other.kind is FailureKind.NO_PLATFORM


async def test_a_digest_costs_one_request(distribution, repository):
    distribution.push_index(repository, "1.0", [("linux/amd64", {}), ("linux/arm64", {})])
    async with OneClient(distribution.url, repository) as client:
        await client.head("1.0")
        before = distribution.request_counts()
        await read_metadata(client, "1.0", platforms=("linux/amd64",), purpose=Purpose.DIGEST)
        await client.head("1.0")  # its access line stands behind those of the requests before it
    asked = distribution.request_counts() - before
    assert asked["GET", f"/v2/{repository}/manifests/1.0"] == 1
    assert not [path for method, path in asked if "/blobs/" in path or "/sha256:" in path]


async def test_a_missing_date_is_taken_from_the_annotation(distribution, repository):
    distribution.push_image(
        repository,
        "1.0",
        created=None,
        annotations={"org.opencontainers.image.created": "2024-05-01T00:00:00Z"},
    )
    distribution.push_image(repository, "1.1", created=None)
    async with OneClient(distribution.url, repository) as client:
        annotated = await read_metadata(client, "1.0", platforms=(), purpose=Purpose.METADATA)
        undated = await read_metadata(client, "1.1", platforms=(), purpose=Purpose.METADATA)
    assert annotated.created_ns == parse_created("2024-05-01T00:00:00Z")
    assert (undated.created_ns, len(undated.warnings)) == (None, 1)


async def test_referrers_are_none_where_the_registry_has_no_such_list(distribution, repository):
    digest = distribution.push_image(repository, "1.0")
    async with OneClient(distribution.url, repository) as client:
        assert await client.referrers(digest) == ()


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """A registry that wants Basic authentication."""
    auth = htpasswd_auth(tmp_path_factory.mktemp("htpasswd"))
    authorization = basic_header(USERNAME, PASSWORD)
    with DistributionRegistry(auth=auth, push_authorization=authorization) as registry:
        registry.push_image("team/app", "1.0")
        yield registry


async def test_basic_credentials_open_a_registry(locked):
    async with OneClient(locked.url, "team/app", credentials=given(USERNAME, PASSWORD)) as client:
        assert (await client.list_tags()).tags == ("1.0",)


async def test_no_credentials_are_a_denial_that_says_what_to_do(locked):
    async with OneClient(locked.url, "team/app") as client:
        failure = await client.list_tags()
    assert failure.kind is FailureKind.DENIED
    assert "pull secret" in failure.message


async def test_rotated_credentials_are_read_again_once(locked):
    credentials = GivenCredentials(pair(USERNAME, "old"), pair(USERNAME, PASSWORD))
    async with OneClient(locked.url, "team/app", credentials=credentials) as client:
        assert (await client.list_tags()).tags == ("1.0",)
        assert (await client.head("1.0")).startswith("sha256:")
    assert credentials.rejections == 1


async def test_wrong_credentials_are_denied_without_reading_them_for_every_request(locked):
    credentials = given(USERNAME, "wrong")
    async with OneClient(locked.url, "team/app", credentials=credentials) as client:
        failures = [await client.list_tags(), await client.head("1.0"), await client.head("1.0")]
    assert {failure.kind for failure in failures} == {FailureKind.DENIED}
    assert credentials.rejections == 1
    assert not any("wrong" in failure.message for failure in failures)


@pytest.fixture(scope="module")
def token_service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("token")
    with TokenService(folder, anonymous=("team/public",)) as service:
        yield service


@pytest.fixture(scope="module")
def guarded(token_service):
    """A registry that wants tokens, with the repositories team/app and team/public."""
    scopes = [f"repository:{name}:pull,push" for name in ("team/app", "team/public")]
    with DistributionRegistry(
        auth=token_service.auth(), push_authorization=f"Bearer {token_service.token(scopes)}"
    ) as registry:
        for repository in ("team/app", "team/public"):
            registry.push_image(repository, "1.0")
        yield registry


async def test_one_token_serves_all_requests_of_a_repository(guarded, token_service):
    token_service.requests.clear()
    async with OneClient(guarded.url, "team/app", credentials=given(USERNAME, PASSWORD)) as client:
        assert (await client.list_tags()).tags == ("1.0",)
        metadata = await read_metadata(client, "1.0", platforms=(), purpose=Purpose.METADATA)
    assert metadata.digest.startswith("sha256:")
    [(query, authorization)] = token_service.requests
    assert query["scope"] == ["repository:team/app:pull"]
    assert query["account"] == [USERNAME]
    assert authorization == basic_header(USERNAME, PASSWORD)


async def test_a_request_for_a_token_is_told_with_the_registry_that_it_is_for(guarded):
    seen, lookups = [], []
    watched = RegistryNetwork(observe=seen.append, observe_cache=lookups.append)
    async with OneClient(guarded.url, "team/public", network=watched) as client:
        await client.list_tags()
        await client.head("1.0")
    assert [one.token_of for one in seen] == ["", guarded.host, "", ""]
    assert {one.host for one in seen if not one.token_of} == {guarded.host}
    token = partial(CacheLookup, guarded.host, Cache.TOKEN)
    assert lookups == [token(is_hit=False), token(is_hit=True)]


async def test_a_public_repository_needs_an_anonymous_token_only(guarded):
    async with OneClient(guarded.url, "team/public") as client:
        assert (await client.list_tags()).tags == ("1.0",)


async def test_a_private_repository_is_denied_to_the_anonymous(guarded):
    async with OneClient(guarded.url, "team/app") as client:
        failure = await client.list_tags()
    assert failure.kind is FailureKind.DENIED


async def test_a_wrong_password_is_denied_by_the_token_service(guarded):
    async with OneClient(guarded.url, "team/app", credentials=given(USERNAME, "secret")) as client:
        failure = await client.list_tags()
    assert failure.kind is FailureKind.DENIED
    assert "incorrect username or password" in failure.message
    assert "secret" not in failure.message


async def test_an_identity_token_is_traded_for_an_access_token(guarded, token_service):
    token_service.requests.clear()
    login = Credentials(source="a test", identity_token=REFRESH_TOKEN)
    credentials = GivenCredentials(login)
    async with OneClient(guarded.url, "team/app", credentials=credentials) as client:
        assert (await client.list_tags()).tags == ("1.0",)
    [(form, authorization)] = token_service.requests
    assert form["scope"] == "repository:team/app:pull"
    assert authorization == ""


async def test_a_refused_identity_token_is_not_repeated(guarded):
    credentials = GivenCredentials(Credentials(source="a test", identity_token="r3fused-token"))
    async with OneClient(guarded.url, "team/app", credentials=credentials) as client:
        failure = await client.list_tags()
    assert failure.kind is FailureKind.DENIED
    assert "not known: [hidden]" in failure.message


async def test_an_identity_token_is_of_no_use_for_basic_authentication(locked):
    credentials = GivenCredentials(Credentials(source="a login", identity_token=REFRESH_TOKEN))
    async with OneClient(locked.url, "team/app", credentials=credentials) as client:
        failure = await client.list_tags()
    assert failure.kind is FailureKind.DENIED
    assert "the credentials from a login are an identity token" in failure.message


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory):
    """A registry behind TLS with an authority of its own, and the PEM text of that."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    leaf = authority.issue_cert("localhost")
    certificate, key = folder / "tls.crt", folder / "tls.key"
    for pem in leaf.cert_chain_pems:
        pem.write_to_path(str(certificate), append=True)
    leaf.private_key_pem.write_to_path(str(key))
    with DistributionRegistry(tls=(certificate, key)) as registry:
        registry.push_image("team/app", "1.0")
        yield registry, authority.cert_pem.bytes().decode()


async def test_an_own_certificate_authority_is_trusted(encrypted):
    registry, ca_pem = encrypted
    text = f"our authority\n{ca_pem}\nand no more"
    async with OneClient(registry.url, "team/app", ca_pem=text) as client:
        assert (await client.list_tags()).tags == ("1.0",)


async def test_an_unknown_certificate_authority_is_refused(encrypted):
    registry, _ = encrypted
    async with OneClient(registry.url, "team/app") as client:
        failure = await client.list_tags()
    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.CONFIG
    assert "certificate" in failure.message


async def test_insecure_asks_for_no_certificate(encrypted):
    registry, _ = encrypted
    async with OneClient(registry.url, "team/app", insecure=True, ca_pem="broken") as client:
        assert (await client.list_tags()).tags == ("1.0",)
