"""The identity that a cloud gives to this program, as the login of a registry of that cloud.

Rules: 1. an entry of registries.conf may ask for it (``aws:``, ``gcp:``, ``azure:``); 2. without
credentials, a host that is known to belong to a cloud gets it only where the operator switched that
cloud on, and never one that serves everybody; 3. an image may never ask for it; 4. it is sent over
TLS only, and unverified TLS must be an entry's own wish; 5. a login is replaced at 80 % of its
life, fetched once for all who ask, and dropped when a registry refuses it.
Described in docs/credentials.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from argocd_image_updater.clouds.library import Cloud, CloudIdentityError, in_thread
from argocd_image_updater.core.facts import Failure
from argocd_image_updater.net.lifetimes import Lifetimes, Lived
from argocd_image_updater.net.proxies import is_loopback
from argocd_image_updater.registry.api import Api, parse_api
from argocd_image_updater.registry.credentials import aws, azure, gcp
from argocd_image_updater.registry.credentials.clouds import (
    AWS_PUBLIC_REGION,
    CloudRegistry,
    find_cloud_registry,
)
from argocd_image_updater.registry.credentials.reference import (
    AUTO,
    PUBLIC,
    CredentialKind,
    CredentialReference,
)
from argocd_image_updater.registry.endpoint import Credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.registry.credentials.cloud_login import CloudLogin
    from argocd_image_updater.registry.endpoint import Endpoint
    from argocd_image_updater.registry.traffic import Traffic

# The flag that lets registries of a cloud have its identity without an entry that asks for it.
AMBIENT_SETTING = "--cloud-identities"
DOCS = "docs/credentials.md"


@dataclass(frozen=True, slots=True)
class _AwsQuestion:
    """What a login of AWS is good for."""

    region: str
    fips: bool = False
    public: bool = False


class CloudIdentities:
    """Logins of all clouds; one for the process.

    environ: says which identity of Azure is meant. ambient: clouds whose registries get the
    identity without being configured.
    """

    def __init__(
        self,
        traffic: Traffic,
        *,
        environ: Mapping[str, str],
        ambient: frozenset[Cloud] = frozenset(),
    ) -> None:
        self._traffic = traffic
        self._environ = environ
        self._ambient = ambient
        self._logins: Lifetimes[Credentials] = Lifetimes(traffic.timing.monotonic)
        self._entra: Lifetimes[str] = Lifetimes(traffic.timing.monotonic)

    def ambient_reference(self, endpoint: Endpoint) -> CredentialReference | None:
        """Return the identity that an endpoint without credentials gets, if any."""
        if endpoint.insecure:
            return None
        found = find_cloud_registry(endpoint.api_url)
        if found is None or found.public or found.cloud not in self._ambient:
            return None
        return CredentialReference(CredentialKind(found.cloud), AUTO)

    async def log_in(self, reference: CredentialReference, endpoint: Endpoint) -> Credentials:
        """Return the login of a registry with the identity that a reference names.

        Raises:
            CloudIdentityError: there is none; the message says what to do.
        """
        api = parse_api(endpoint)
        if isinstance(api, Failure):
            raise CloudIdentityError(api.message)
        if api.scheme != "https" and not is_loopback(api.hostname):
            raise CloudIdentityError("a cloud identity is sent over https only; correct api_url")
        registry = find_cloud_registry(endpoint.api_url)
        if reference.kind.cloud is Cloud.AWS:
            question = _aws_question(reference.name, registry)
            key, fetch = (question, str(reference)), partial(self._aws, reference, question)
            return await self._logins.get(key, fetch, max_age_s=endpoint.credentials_expire_s)
        if reference.kind.cloud is Cloud.GCP:
            return await self._logins.get(
                str(reference),
                partial(self._gcp, reference),
                max_age_s=endpoint.credentials_expire_s,
            )
        return await self._logins.get(
            (str(reference), api.host, api.tls, api.route),
            partial(self._azure, reference, api),
            max_age_s=endpoint.credentials_expire_s,
        )

    def drop(self, used: Credentials) -> bool:
        """Forget a login that was refused; say whether it was kept."""
        return self._logins.drop(used)

    async def _aws(
        self, reference: CredentialReference, question: _AwsQuestion
    ) -> Lived[Credentials]:
        ask = partial(
            aws.log_in,
            region=question.region,
            fips=question.fips,
            public=question.public,
            unix=self._traffic.timing.unix,
        )
        return _lived(reference, await in_thread(Cloud.AWS, ask, docs=DOCS))

    async def _gcp(self, reference: CredentialReference) -> Lived[Credentials]:
        ask = partial(gcp.log_in, unix=self._traffic.timing.unix)
        return _lived(reference, await in_thread(Cloud.GCP, ask, docs=DOCS))

    async def _azure(self, reference: CredentialReference, api: Api) -> Lived[Credentials]:
        client_id = "" if reference.name == AUTO else reference.name
        token = await self._entra.get(client_id, partial(self._entra_token, client_id))
        login = await azure.exchange(
            token, api=api, identity=azure.identity_of(self._environ), traffic=self._traffic
        )
        if isinstance(login, CloudIdentityError):
            self._entra.drop(token)
            raise login
        return _lived(reference, login)

    async def _entra_token(self, client_id: str) -> Lived[str]:
        ask = partial(
            azure.entra_token, client_id, environ=self._environ, unix=self._traffic.timing.unix
        )
        return await in_thread(Cloud.AZURE, ask, docs=DOCS)


def _aws_question(definition: str, registry: CloudRegistry | None) -> _AwsQuestion:
    if definition == PUBLIC:
        return _AwsQuestion(AWS_PUBLIC_REGION, public=True)
    if registry is not None and registry.cloud is Cloud.AWS:
        region = registry.region if definition == AUTO else definition
        return _AwsQuestion(region, fips=registry.fips, public=registry.public)
    if definition == AUTO:
        raise CloudIdentityError(
            "the host of this registry tells no region of AWS; write aws:REGION instead of aws:auto"
        )
    return _AwsQuestion(definition)


def _lived(reference: CredentialReference, login: CloudLogin) -> Lived[Credentials]:
    source = f"{reference} ({login.identity})"
    return Lived(Credentials(login.username, login.password, source), login.life_s)
