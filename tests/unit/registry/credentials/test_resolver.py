"""Credentials: one read for all who ask, never mixed, never shown."""

import asyncio

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.facts import Failure, FailureKind
from argocd_image_updater.errors import RemoteError
from argocd_image_updater.registry.credentials.reference import CredentialKind
from argocd_image_updater.registry.credentials.resolver import (
    IMAGE_SOURCES_SETTING,
    CredentialResolver,
    ImageSourcePolicy,
)
from argocd_image_updater.registry.endpoint import ANONYMOUS, Credentials, Endpoint

ENDPOINT = Endpoint("R", "r.test", "https://r.test", credentials="secret:ops/reg#pair")


class Secrets:
    """Secrets in memory that count how often they are read."""

    def __init__(self, **values: bytes) -> None:
        self.values = values
        self.reads = 0
        self.broken = False

    async def read(self, key: ObjectKey) -> dict[str, bytes] | None:
        self.reads += 1
        await asyncio.sleep(0)
        if self.broken:
            raise RemoteError("the API server does not answer")
        return {"pair": self.values[key.name]} if key.name in self.values else None


def resolver(secrets: Secrets | None = None, **options: object) -> CredentialResolver:
    return CredentialResolver(
        environ={"TOKEN": "u:p"},
        clock=lambda: 0.0,
        secret_reader=secrets.read if secrets else None,
        **options,
    )


async def test_all_who_ask_at_once_share_one_read():
    secrets = Secrets(reg=b"u:p\n")
    own = resolver(secrets)
    answers = await asyncio.gather(*(own.fetch(ENDPOINT) for _ in range(20)))
    assert {answer.password for answer in answers} == {"p"}
    assert secrets.reads == 1


async def test_a_pair_with_an_empty_half_is_read_each_time():
    secrets = Secrets(reg=b"u:")
    own = resolver(secrets)
    await own.fetch(ENDPOINT)
    await own.fetch(ENDPOINT)
    assert secrets.reads == 2


async def test_a_refused_pair_is_read_again_unless_it_was_replaced_meanwhile():
    secrets = Secrets(reg=b"u:old")
    own = resolver(secrets)
    old = await own.fetch(ENDPOINT)
    secrets.values["reg"] = b"u:new"
    assert own.invalidate(ENDPOINT, used=old)
    assert (await own.fetch(ENDPOINT)).password == "new"
    assert own.invalidate(ENDPOINT, used=old)
    await own.fetch(ENDPOINT)
    assert secrets.reads == 2


async def test_an_anonymous_endpoint_has_nothing_to_read_again():
    anonymous = Endpoint("R", "r.test", "https://r.test")
    own = resolver()
    assert await own.fetch(anonymous) is ANONYMOUS
    assert not own.invalidate(anonymous)


async def test_an_image_may_not_read_the_process_where_there_are_many_tenants():
    answer = await resolver().fetch(ENDPOINT, pull_secret="ENV:TOKEN", namespace="team")
    assert answer.kind is FailureKind.REFUSED
    assert IMAGE_SOURCES_SETTING in answer.message


async def test_one_watched_namespace_is_one_tenant():
    policy = ImageSourcePolicy.for_watched(frozenset({"argocd"}))
    answer = await resolver(policy=policy).fetch(ENDPOINT, pull_secret="env:TOKEN", namespace="ns")
    assert answer == Credentials("u", "p", "env:TOKEN")
    assert ImageSourcePolicy.for_watched(frozenset({"a", "b"})).kinds == frozenset()
    assert ImageSourcePolicy.for_watched(frozenset()).kinds == frozenset()


async def test_a_shared_namespace_is_open_to_all_images():
    policy = ImageSourcePolicy(namespaces=frozenset({"shared"}))
    own = resolver(Secrets(reg=b"u:p"), policy=policy)
    answer = await own.fetch(ENDPOINT, pull_secret="secret:shared/reg#pair", namespace="team")
    assert answer.username == "u"


async def test_an_endpoint_may_read_the_process_whatever_images_may():
    own = resolver(policy=ImageSourcePolicy(kinds=frozenset({CredentialKind.EXT})))
    endpoint = Endpoint("R", "r.test", "https://r.test", credentials="env:TOKEN")
    assert (await own.fetch(endpoint)).username == "u"


async def test_a_failing_source_says_which_one_and_shows_no_value():
    secrets = Secrets(reg=b"s3cret-without-colon")
    for own, part in (
        (resolver(secrets), "has not the form user:password"),
        (resolver(Secrets()), "the Secret does not exist"),
        (resolver(), "connection to a cluster"),
    ):
        answer = await own.fetch(ENDPOINT)
        assert isinstance(answer, Failure)
        assert answer.kind is FailureKind.CREDENTIALS
        assert "registry R (secret:ops/reg#pair)" in answer.message
        assert part in answer.message
        assert "s3cret" not in answer.message


async def test_a_password_written_in_place_of_a_reference_is_not_repeated():
    endpoint = Endpoint("R", "r.test", "https://r.test", credentials="admin:s3cret")
    answer = await resolver().fetch(endpoint)
    assert "s3cret" not in answer.message


async def test_an_outage_of_the_cluster_is_a_failure_that_is_not_kept():
    secrets = Secrets(reg=b"u:p")
    secrets.broken = True
    own = resolver(secrets)
    assert (await own.fetch(ENDPOINT)).kind is FailureKind.CREDENTIALS
    secrets.broken = False
    assert (await own.fetch(ENDPOINT)).username == "u"


def test_credentials_do_not_show_themselves():
    assert "s3cret" not in repr(Credentials("u", "s3cret", "env:TOKEN"))
