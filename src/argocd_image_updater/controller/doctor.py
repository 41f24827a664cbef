"""Examine the registry of one image step by step: where does it stop, and what is to be done?

Endpoints, credentials, tokens and limits are those of a cycle. Rules: 1. each step has a time in
which it must end; 2. what a failed step makes impossible is told as not looked at; 3. nothing is
tried again, because a fault that passes is what is looked for; 4. of at most `NEWEST` tags the
images are read. The operator asks, so references may name any Secret.
Source of the rules: docs/doctor.md.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from argocd_image_updater.controller import doctor_answers as answers
from argocd_image_updater.controller import doctor_way as ways
from argocd_image_updater.controller.doctor_checks import (
    Blame,
    Check,
    CheckName,
    CheckOutcome,
    Diagnosis,
    failed,
    skipped,
)
from argocd_image_updater.controller.doctor_images import ImageReader, pick_tags, read_images
from argocd_image_updater.controller.doctor_mirrors import Asker, examine_mirrors
from argocd_image_updater.controller.looking_up import SecretsOnDemand
from argocd_image_updater.core.facts import Failure, FailureKind, RepositoryKey, TagList
from argocd_image_updater.errors import ConfigError
from argocd_image_updater.net.proxies import read_proxies
from argocd_image_updater.registry import probing
from argocd_image_updater.registry.answer_notes import NotingExchanger
from argocd_image_updater.registry.answers import UNAUTHORIZED, read_failure
from argocd_image_updater.registry.api import Api, parse_api
from argocd_image_updater.registry.authorization import (
    MAX_PING_BYTES,
    Authorizer,
    Grant,
    Subject,
)
from argocd_image_updater.registry.client import RegistryClient
from argocd_image_updater.registry.credentials.chain import ChainSettings, open_chain
from argocd_image_updater.registry.credentials.cloud_identities import CloudIdentities
from argocd_image_updater.registry.credentials.docker_files import DockerConfigFile
from argocd_image_updater.registry.credentials.sources import Chain, list_sources
from argocd_image_updater.registry.endpoint import ANONYMOUS
from argocd_image_updater.registry.engine import CycleCredentials
from argocd_image_updater.registry.retry import RetryPolicy
from argocd_image_updater.registry.traffic import Traffic
from argocd_image_updater.registry.transport import Request, Response, Transport

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from argocd_image_updater.controller.looking_up import LookUp
    from argocd_image_updater.registry.endpoint import Credentials, Endpoint

STEP_S = 30.0  # of a step without one of its own; a program for credentials has as long
WAY_S = 90.0  # several addresses, each with its own deadline
LIST_S = 120.0  # long lists have many pages
ONCE = RetryPolicy(attempts=1, deadline_s=STEP_S)
_OK = 200
_ABOUT_CONTENT = frozenset({FailureKind.NOT_FOUND, FailureKind.UNUSABLE})
_ABOUT_THE_CALLER = frozenset({FailureKind.DENIED, FailureKind.CREDENTIALS, FailureKind.REFUSED})


@dataclass(slots=True)
class _Seen:
    """What the steps have found out so far."""

    endpoint: Endpoint
    repository: str = ""
    api: Api | None = None
    way: probing.Way | None = None
    addresses: tuple[str, ...] = ()
    address: str = ""
    credentials: Credentials = ANONYMOUS
    listed: TagList | Failure | None = None
    images: list[tuple[str, ImageReader]] = field(default_factory=list)


def _unseen(_check: Check) -> None: ...


async def examine(wanted: LookUp, *, on_check: Callable[[Check], None] = _unseen) -> Diagnosis:
    """Return the diagnosis. on_check: called with each check when it is done."""
    async with AsyncExitStack() as opened:
        return await _Examination(wanted, opened, on_check).run()


class _Examination:
    """One examination; the steps run in order and each returns its check."""

    def __init__(
        self, wanted: LookUp, opened: AsyncExitStack, on_check: Callable[[Check], None]
    ) -> None:
        self._wanted = wanted
        self._opened = opened
        self._on_check = on_check
        self._image = wanted.settings.reference
        self._seen = _Seen(wanted.endpoint)
        self._checks: dict[CheckName, Check] = {}
        self._root: dict[CheckName, CheckName] = {}  # which failure is behind a check

    async def run(self) -> Diagnosis:
        """Take all steps."""
        for name, needs, limit_s, step in self._steps():
            behind = next((self._root[one] for one in needs if one in self._root), None)
            if behind is None:
                check = await self._timed(name, limit_s, step)
            else:
                check = skipped(name, because=behind)
                self._root[name] = behind
            if check.outcome is CheckOutcome.FAILED:
                self._root[name] = name
            self._checks[name] = check
            self._on_check(check)
        listed = self._seen.listed
        return Diagnosis(
            image=self._image.full_name,
            api_url=self._seen.endpoint.api_url,
            repository=self._seen.repository,
            checks=tuple(self._checks.values()),
            tag_count=len(listed.tags) if isinstance(listed, TagList) else 0,
        )

    def _steps(
        self,
    ) -> tuple[tuple[CheckName, tuple[CheckName, ...], float, Callable[[], Awaitable[Check]]], ...]:
        """Return the steps: name, what must not have failed, seconds, what is done."""
        name = CheckName
        return (
            (name.ENTRY, (), STEP_S, self._entry),
            (name.NAME, (name.ENTRY,), STEP_S, self._name),
            (name.CONNECTION, (name.NAME,), WAY_S, self._connection),
            (name.TLS, (name.CONNECTION,), STEP_S, self._tls),
            (name.CREDENTIALS, (name.ENTRY,), STEP_S, self._credentials),
            (name.API, (name.TLS,), STEP_S, self._api),
            (name.LOGIN, (name.API, name.CREDENTIALS), LIST_S, self._login),
            (name.TAGS, (name.LOGIN,), STEP_S, self._tags),
            (name.NEWEST, (name.TAGS,), LIST_S, self._newest),
            (name.PLATFORMS, (name.NEWEST,), STEP_S, self._platforms),
            (name.MIRRORS, (name.TAGS,), STEP_S, self._mirrors),
            (name.LIMITS, (name.TLS,), STEP_S, self._limits),
        )

    async def _timed(
        self, name: CheckName, limit_s: float, step: Callable[[], Awaitable[Check]]
    ) -> Check:
        try:
            async with asyncio.timeout(limit_s):
                return await step()
        except TimeoutError:
            text = f"no end within {limit_s:.0f} s"
            host = self._seen.api.host if self._seen.api else self._seen.endpoint.name
            advice = (
                f"The check {name} of {host} did not end within {limit_s:.0f} s: look at what is "
                "on the way, or what credentials come from, and try again."
            )
            is_local = name is CheckName.CREDENTIALS
            blame = Blame.CONFIGURATION if is_local else Blame.REGISTRY
            return failed(name, text, advice=advice, blame=blame)

    # --- the way ------------------------------------------------------------------------------

    async def _entry(self) -> Check:
        seen = self._seen
        why = ways.why_this_entry(self._wanted.table, self._image, seen.endpoint)
        api = parse_api(seen.endpoint)
        if isinstance(api, Failure):
            return ways.unusable_entry(why, api.message)
        try:
            seen.repository = self._wanted.table.repository_of(seen.endpoint, self._image)
        except ConfigError as error:
            return ways.unusable_entry(why, f"{error}; {error.hint}")
        seen.api = api
        self._open(api)
        return ways.entry_check(why, seen.endpoint, repository=seen.repository)

    def _open(self, api: Api) -> None:
        """Open everything that asks; it is closed at the end of the examination."""
        environ = self._wanted.environment
        secrets = SecretsOnDemand(environ, kubeconfig=self._wanted.kubeconfig)
        self._opened.push_async_callback(secrets.close)
        transport = Transport(proxies=read_proxies(environ))
        self._opened.push_async_callback(transport.aclose)
        self._notes = NotingExchanger(transport, base=api.base, unix=time.time)
        self._traffic = Traffic(self._notes, policy=ONCE)
        self._authorizer = Authorizer(self._traffic)
        self._resolver = open_chain(
            self._chain_settings,
            traffic=self._traffic,
            environ=environ,
            secret_reader=secrets.read_data,
        )
        seen = self._seen
        key = RepositoryKey(seen.endpoint.prefix, seen.repository)
        endpoint = seen.endpoint.for_repository(seen.repository)
        self._provider = CycleCredentials(self._resolver, endpoint, key)
        self._client = RegistryClient(
            seen.endpoint,
            seen.repository,
            traffic=self._traffic,
            authorizer=self._authorizer,
            credentials=self._provider,
        )

    @property
    def _chain_settings(self) -> ChainSettings:
        return ChainSettings(ambient=self._wanted.ambient, docker_config=self._wanted.docker_config)

    async def _name(self) -> Check:
        seen = self._seen
        api = self._api_known
        way = probing.way_to(api, read_proxies(self._wanted.environment))
        if isinstance(way, probing.Fault):
            return ways.name_check(way, way, host=api.hostname)
        found = await probing.resolve(way)
        seen.way = way
        seen.addresses = () if isinstance(found, probing.Fault) else found
        return ways.name_check(way, found, host=api.hostname)

    async def _connection(self) -> Check:
        way = self._way_known
        found = await probing.connect(way, self._seen.addresses)
        self._seen.address = found if isinstance(found, str) else ""
        return ways.connection_check(way, found)

    async def _tls(self) -> Check:
        way = self._way_known
        if not way.encrypted:
            return ways.unencrypted_check(way)
        found = await probing.shake_hands(way, self._seen.address)
        return ways.tls_check(way, found, unix_now=time.time())

    # --- the answers --------------------------------------------------------------------------

    async def _credentials(self) -> Check:
        found = await self._provider()
        fault = found if isinstance(found, Failure) else None
        if not isinstance(found, Failure):
            self._seen.credentials = found
        is_used = fault is None and found != ANONYMOUS
        sources = list_sources(self._chain(), used=is_used, failed=fault is not None)
        return answers.credentials_check(sources, fault, source=self._source)

    def _chain(self) -> Chain:
        """Return what each source of credentials names, as the resolver will find it."""
        wanted, environ = self._wanted, self._wanted.environment
        endpoint = self._seen.endpoint.for_repository(self._seen.repository)
        clouds = CloudIdentities(self._traffic, environ=environ, ambient=wanted.ambient)
        docker = DockerConfigFile(environ=environ, monotonic=time.monotonic, timeout_s=STEP_S)
        cloud = clouds.ambient_reference(endpoint)
        return Chain(
            given=wanted.credentials,
            of_entry="" if wanted.credentials else endpoint.credentials,
            cloud=str(cloud) if cloud else "",
            cloud_on=bool(wanted.ambient),
            docker_config=docker.path if wanted.docker_config else None,
        )

    async def _api(self) -> Check:
        api = self._api_known
        request = Request(url=api.url(""), max_bytes=MAX_PING_BYTES, tls=api.tls, route=api.route)
        found = await self._traffic.send(request, host=api.host, connections=api.max_concurrency)
        if isinstance(found, Failure):
            return answers.api_check(self._asked, found, version="", status=0)
        return answers.api_check(
            self._asked,
            _ping_failure(found, api),
            version=found.header(answers.API_VERSION),
            status=found.status,
        )

    async def _login(self) -> Check:
        """Log in as for a list of tags, and ask for one: only that shows what a login is worth."""
        seen, api = self._seen, self._api_known
        grant = await self._authorizer.grant(Subject(api, seen.repository, seen.credentials))
        fault = grant.withheld if isinstance(grant, Grant) else grant
        if fault is None:
            seen.listed = await self._client.list_tags()
            fault = _refusal(seen.listed)
        return answers.login_check(
            self._asked,
            self._notes.challenges,
            fault,
            scope=api.scope(seen.repository),
            withheld=isinstance(grant, Grant) and grant.withheld is not None,
        )

    async def _tags(self) -> Check:
        listed = self._seen.listed
        assert listed is not None, "the login comes first"
        return answers.tags_check(self._asked, listed)

    async def _newest(self) -> Check:
        seen = self._seen
        assert isinstance(seen.listed, TagList), "the tags come first"
        tags, order = pick_tags(seen.listed, count=answers.NEWEST)
        found = await read_images(
            self._client,
            tags,
            platform=self._wanted.default_platform,
            keep_order=bool(seen.listed.sort),
        )
        seen.images = list(found.readers)
        return answers.newest_check(self._asked, found.images, found.fault, order=order)

    async def _platforms(self) -> Check:
        for tag, reader in self._seen.images:
            platforms = await reader.platforms()
            if not isinstance(platforms, Failure):
                return answers.platforms_check(tag, platforms)
        return answers.platforms_check("", ())

    async def _mirrors(self) -> Check:
        seen = self._seen
        assert isinstance(seen.listed, TagList), "the tags come first"
        tags, _ = pick_tags(seen.listed, count=1)
        return await examine_mirrors(
            self._wanted.table,
            seen.endpoint,
            seen.repository,
            own=self._client,
            tags=[tag for tag, _ in seen.images] or tags,
            asker=Asker(self._traffic, self._authorizer, self._resolver),
        )

    async def _limits(self) -> Check:
        return answers.limits_check(
            self._asked, self._notes.quota, retry_after_s=self._notes.retry_after_s
        )

    # --- what earlier steps have found out ------------------------------------------------------

    @property
    def _source(self) -> str:
        credentials = self._seen.credentials
        return "" if credentials == ANONYMOUS else credentials.source

    @property
    def _asked(self) -> answers.Asked:
        return answers.Asked(
            self._api_known,
            self._seen.repository,
            source=self._source,
            is_web_page=self._notes.is_web_page,
        )

    @property
    def _api_known(self) -> Api:
        assert self._seen.api is not None, "the entry comes first"
        return self._seen.api

    @property
    def _way_known(self) -> probing.Way:
        assert self._seen.way is not None, "the name comes first"
        return self._seen.way


def _ping_failure(response: Response, api: Api) -> Failure | None:
    """Return why the answer to the first question is not that of a registry."""
    if response.status in (_OK, UNAUTHORIZED):
        return None
    subject = f"the registry at {api.base} did not accept GET /v2/"
    failure = read_failure(response, subject=subject, unix_now=time.time())
    if failure.kind in _ABOUT_CONTENT:  # nothing was asked about an image
        return replace(failure, kind=FailureKind.CONFIG)
    return failure


def _refusal(listed: TagList | Failure) -> Failure | None:
    """Return the failure of a list if it is about who asked."""
    return listed if isinstance(listed, Failure) and listed.kind in _ABOUT_THE_CALLER else None
