"""Credentials for a question to a registry: the chain of all sources.

In this order: the image's own reference, the endpoint's, a Secret that was found for the image,
the identity of the registry's cloud, the logins of Docker on this machine, none. The last ones take
part where the operator wants it; whoever asks looks for the Secret (`secret_search.py`). An
image's own reference is read anew each time and never mixed with the endpoint's pair; where the
chosen source fails, nothing else is tried. It may name Secrets of its own namespace only, which is
checked on the parsed reference. The pair of an endpoint is kept until it expires or is refused.
Rules: ``tests/vectors/data/credential_lifecycle.json`` and ``pull_secret_scope.json``; the chain:
docs/credentials.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.facts import Failure, FailureKind
from argocd_image_updater.core.found_credentials import Finder
from argocd_image_updater.errors import ConfigError, UpdaterError
from argocd_image_updater.net.single_flight import SingleFlight
from argocd_image_updater.registry.credentials.cloud_identities import AMBIENT_SETTING
from argocd_image_updater.registry.credentials.docker_files import DOCKER_CONFIG_SETTING
from argocd_image_updater.registry.credentials.dockerconfig import (
    credentials_from_docker_config,
)
from argocd_image_updater.registry.credentials.program import DEFAULT_TIMEOUT_S, run_program
from argocd_image_updater.registry.credentials.reference import (
    CredentialKind,
    CredentialReference,
    parse_credential_reference,
)
from argocd_image_updater.registry.credentials.secret_search import pair_in_secret
from argocd_image_updater.registry.credentials.values import decode_value, split_pair
from argocd_image_updater.registry.endpoint import ANONYMOUS, Credentials

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from argocd_image_updater.registry.credentials.cloud_identities import CloudIdentities
    from argocd_image_updater.registry.credentials.docker_files import DockerConfigFile
    from argocd_image_updater.registry.endpoint import Endpoint

    SecretReader = Callable[[ObjectKey], Awaitable[Mapping[str, bytes] | None]]

# The flags that open what is refused here.
IMAGE_SOURCES_SETTING = "--image-credential-sources"
SHARED_NAMESPACES_SETTING = "--shared-secret-namespaces"
_FOUND = {
    Finder.WORKLOAD: "the workload's pull secret",
    Finder.ARGOCD: "Argo CD's repository Secret",
}
_PROCESS_KINDS = frozenset((CredentialKind.ENV, CredentialKind.EXT))


class SourceError(UpdaterError):
    """A source of credentials gave no value."""


class ReferenceRefused(ConfigError):
    """An image names a source that is not meant for it."""


@dataclass(frozen=True, slots=True)
class ImageSourcePolicy:
    """What an image's own reference may name beside Secrets of its namespace.

    kinds: ``env`` and ``ext`` read the process and run programs in it; by default they are allowed
    only where all images belong to one tenant. namespaces: whose Secrets every image may use.
    """

    kinds: frozenset[CredentialKind] = frozenset()
    namespaces: frozenset[str] = frozenset()

    @staticmethod
    def for_watched(namespaces: frozenset[str]) -> ImageSourcePolicy:
        """Return the default: everything while exactly one namespace is watched."""
        return ImageSourcePolicy(kinds=_PROCESS_KINDS if len(namespaces) == 1 else frozenset())


@dataclass(frozen=True, slots=True)
class _Stored:
    """The raw value of an endpoint's source and when it was read."""

    reference: str
    raw: str = field(repr=False)
    read_at_s: float


class CredentialResolver:
    """Fetches credentials; one for the process.

    clock: monotonic seconds. secret_reader: None where there is no cluster; it returns None for a
    Secret that does not exist. clouds, docker_config: None where they take no part.
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str],
        clock: Callable[[], float],
        secret_reader: SecretReader | None = None,
        policy: ImageSourcePolicy | None = None,
        program_timeout_s: float = DEFAULT_TIMEOUT_S,
        clouds: CloudIdentities | None = None,
        docker_config: DockerConfigFile | None = None,
    ) -> None:
        self._environ = environ
        self._clock = clock
        self._secret_reader = secret_reader
        self._policy = policy or ImageSourcePolicy()
        self._program_timeout_s = program_timeout_s
        self._clouds = clouds
        self._docker_config = docker_config
        self._stored: dict[str, _Stored] = {}
        self._reading: SingleFlight[str] = SingleFlight()

    async def fetch(
        self,
        endpoint: Endpoint,
        *,
        pull_secret: str = "",
        namespace: str = "",
        repository: str = "",
        found_by: str = "",
    ) -> Credentials | Failure:
        """Return the credentials for a repository, or why there are none.

        pull_secret: the image's own reference. namespace: whose Secrets it may name. found_by: what
        found a Secret, in place of a reference; then `pull_secret` is its key.
        """
        if found_by:
            secret = ObjectKey(namespace, pull_secret.rpartition("/")[2])
            return await self._found(
                endpoint, secret, finder=Finder(found_by), repository=repository
            )
        text = pull_secret or endpoint.credentials
        if not text:
            return await self._unconfigured(endpoint, repository=repository)
        whose = "the image's pull secret" if pull_secret else "credentials"
        about = f"{whose} for registry {endpoint.name or endpoint.api_url}"
        try:
            reference = parse_credential_reference(text)
            about = f"{about} ({reference})"
            if pull_secret:
                self._check_allowed(reference, namespace=namespace)
                raw = await self._read_once(endpoint, reference)
                return _credentials(raw, reference, endpoint=endpoint, repository=repository)
            return await self._of_endpoint(endpoint, reference, repository=repository)
        except ReferenceRefused as error:
            return Failure(FailureKind.REFUSED, f"{about}: {error}")
        except UpdaterError as error:
            return Failure(FailureKind.CREDENTIALS, f"{about}: {error}")

    def invalidate(self, endpoint: Endpoint, *, used: Credentials | None = None) -> bool:
        """Forget the pair of an endpoint that was refused; say whether to fetch and try again.

        used: the pair that was refused; one that was read since then is kept.
        """
        dropped = used is not None and self._drop(used)
        if not endpoint.credentials:
            return dropped
        stored = self._stored.get(endpoint.prefix)
        if stored and (used is None or _may_be_of(used, stored.raw)):
            del self._stored[endpoint.prefix]
        return True

    async def _found(
        self, endpoint: Endpoint, key: ObjectKey, *, finder: Finder, repository: str
    ) -> Credentials | Failure:
        """Return what a Secret holds that was found for the image and never by its name."""
        source = f"{_FOUND[finder]} {key}"
        try:
            secret = await self._secret(key)
            return pair_in_secret(
                secret, finder, api_url=endpoint.api_url, repository=repository, source=source
            )
        except UpdaterError as error:
            about = f"{source} for registry {endpoint.name or endpoint.api_url}"
            return Failure(FailureKind.CREDENTIALS, f"{about}: {error}")

    async def _unconfigured(self, endpoint: Endpoint, *, repository: str) -> Credentials | Failure:
        """Return what an endpoint without credentials gets: of its cloud, of Docker, or none."""
        about = f"for registry {endpoint.name or endpoint.api_url}"
        try:
            if self._clouds and (identity := self._clouds.ambient_reference(endpoint)):
                about = f"identity {about} ({identity} by {AMBIENT_SETTING})"
                return await self._clouds.log_in(identity, endpoint)
            if self._docker_config:
                path = self._docker_config.path
                about = f"login {about} ({path} by {DOCKER_CONFIG_SETTING})"
                found = await self._docker_config.find(endpoint, repository=repository)
                return found or ANONYMOUS
        except UpdaterError as error:
            return Failure(FailureKind.CREDENTIALS, f"{about}: {error}")
        return ANONYMOUS

    def _drop(self, used: Credentials) -> bool:
        """Forget a login that somebody else keeps for this resolver."""
        keepers = [keeper for keeper in (self._clouds, self._docker_config) if keeper]
        return any(keeper.drop(used) for keeper in keepers)

    async def _of_endpoint(
        self, endpoint: Endpoint, reference: CredentialReference, *, repository: str
    ) -> Credentials:
        """Return the kept pair while it is complete and fresh, else read and keep it."""
        if reference.kind.cloud:
            if self._clouds is None:
                raise SourceError("cloud identities are not used by this command")
            return await self._clouds.log_in(reference, endpoint)
        stored = self._stored.get(endpoint.prefix)
        if stored is None or not self._is_fresh(stored, endpoint):
            self._stored.pop(endpoint.prefix, None)
            raw = await self._read_once(endpoint, reference)
            stored = _Stored(endpoint.credentials, raw, self._clock())
        pair = _credentials(stored.raw, reference, endpoint=endpoint, repository=repository)
        if (pair.username and pair.password) or pair.identity_token:
            self._stored[endpoint.prefix] = stored
        return pair

    def _is_fresh(self, stored: _Stored, endpoint: Endpoint) -> bool:
        lifetime_s = endpoint.credentials_expire_s
        expired = lifetime_s > 0 and self._clock() - stored.read_at_s >= lifetime_s
        return stored.reference == endpoint.credentials and not expired

    def _check_allowed(self, reference: CredentialReference, *, namespace: str) -> None:
        if reference.kind.cloud:
            raise ReferenceRefused(
                "images may never name the identity of this program; the operator can give it to "
                "the registry, in registries.conf"
            )
        if reference.kind in _PROCESS_KINDS:
            if reference.kind not in self._policy.kinds:
                raise ReferenceRefused(
                    f"images may not name {reference.kind} sources; the operator can allow it in "
                    f"{IMAGE_SOURCES_SETTING}"
                )
        elif reference.namespace not in {namespace, *self._policy.namespaces}:
            raise ReferenceRefused(
                f"the Secret is in namespace {reference.namespace!r}, the Application in "
                f"{namespace!r}; move it, or the operator can share that "
                f"namespace in {SHARED_NAMESPACES_SETTING}"
            )

    async def _read_once(self, endpoint: Endpoint, reference: CredentialReference) -> str:
        """Read a source; whoever asks for the same one meanwhile gets the same value."""
        key = (endpoint.api_url, str(reference))
        return await self._reading.run(key, lambda: self._read(reference))

    async def _read(self, reference: CredentialReference) -> str:
        if reference.kind is CredentialKind.ENV:
            if value := self._environ.get(reference.name):
                return value
            raise SourceError("the environment variable is not set or empty")
        if reference.kind is CredentialKind.EXT:
            output = await run_program(
                reference.name, environ=self._environ, timeout_s=self._program_timeout_s
            )
            return decode_value(output)
        return decode_value(await self._read_secret(reference))

    async def _secret(self, key: ObjectKey) -> Mapping[str, bytes]:
        if self._secret_reader is None:
            raise SourceError("Secrets can be read only with a connection to a cluster")
        secret = await self._secret_reader(key)
        if secret is None:
            raise SourceError("the Secret does not exist")
        return secret

    async def _read_secret(self, reference: CredentialReference) -> bytes:
        secret = await self._secret(ObjectKey(reference.namespace, reference.name))
        if reference.field not in secret:
            raise SourceError(f"the Secret has no field {reference.field!r}")
        return secret[reference.field]


def _credentials(
    raw: str, reference: CredentialReference, *, endpoint: Endpoint, repository: str
) -> Credentials:
    source = str(reference)
    if reference.kind is CredentialKind.PULL_SECRET:
        return credentials_from_docker_config(
            raw,
            api_url=endpoint.api_url,
            repository=repository,
            source=source,
            identity_tokens=True,
        )
    complete = reference.kind is CredentialKind.ENV
    return split_pair(raw, source=source, complete=complete)


def _may_be_of(used: Credentials, raw: str) -> bool:
    """Tell whether a pair can have come from a raw value; a Docker configuration always can."""
    return raw.lstrip().startswith("{") or raw.rstrip("\r\n") == f"{used.username}:{used.password}"
