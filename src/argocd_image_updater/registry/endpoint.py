"""One registry endpoint: where an image registry is asked, and how."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from argocd_image_updater.registry.repository_patterns import RepositoryPattern, best_pattern

if TYPE_CHECKING:
    from argocd_image_updater.registry.tls import ClientCertificate

# Images that are read for one repository in one cycle: so many fit well into a minute.
DEFAULT_METADATA_READS = 2_000
# Pulls that are left to others who share the limit, such as the nodes of the cluster.
DEFAULT_PULL_RESERVE = 10
DIRECT_PROXY = "direct"


@dataclass(frozen=True, slots=True)
class MirrorSettings:
    """Another place that has the contents of a registry.

    base: URL of its API, to which ``/v2/…`` is appended. prefix: put before each repository.
    credentials: reference of its own, empty = those of the entry for its host. tags: it may say
    which tags there are and what they point at.
    """

    base: str
    prefix: str = ""
    credentials: str = ""
    tags: bool = False


@dataclass(frozen=True, slots=True)
class EndpointExtras:
    """Settings of one registry beyond those of ``registries.conf``; each default = as without.

    proxy: URL of the proxy for this registry, ``direct`` = none, empty = as the environment says.
    max_concurrency: requests under way at once, 0 = the usual number. timeout_s: of one request,
    0 = the usual one. identities: credential references by pattern of the repository. token_hosts:
    further hosts that get this registry's credentials where it names them as its token service.
    allow_link_local: it may have an address that otherwise belongs to metadata services.
    metadata_reads: images read for a repository in one cycle. pull_reserve: pulls that are left to
    others; None = the usual number where pulls are limited, which is only known of Docker Hub.
    mirrors: in the order in which they are asked.
    """

    proxy: str = field(default="", repr=False)
    client_certificate: ClientCertificate | None = None
    max_concurrency: int = 0
    timeout_s: float = 0.0
    identities: tuple[tuple[RepositoryPattern, str], ...] = ()
    token_hosts: frozenset[str] = frozenset()
    allow_link_local: bool = False
    metadata_reads: int = DEFAULT_METADATA_READS
    pull_reserve: int | None = None
    mirrors: tuple[MirrorSettings, ...] = ()


NO_EXTRAS = EndpointExtras()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Settings of one registry.

    prefix: table key; host[:port][/path] of the images it serves. api_url: base to which ``/v2/…``
    is appended. credentials: credential reference, empty = anonymous. credentials_expire_s: 0 =
    never. tag_sort: ``""``, ``latest-first`` or ``latest-last``. limit_per_s: 0 = unlimited.
    ca_pem: extra root certificates, PEM text. inferred: made from an image's host.
    """

    name: str
    prefix: str
    api_url: str
    default_namespace: str = ""
    credentials: str = ""
    credentials_expire_s: float = 0.0
    tag_sort: str = ""
    limit_per_s: int = 0
    insecure: bool = False
    ca_file: str = ""
    ca_pem: str = ""
    is_default: bool = False
    inferred: bool = False
    extras: EndpointExtras = NO_EXTRAS

    def for_repository(self, repository: str) -> Endpoint:
        """Return the endpoint with the credentials that are meant for a repository.

        Its prefix then names the part of the registry that has them.
        """
        references = dict(self.extras.identities)
        pattern = best_pattern(references, repository)
        if pattern is None:
            return self
        return replace(
            self,
            prefix=f"{self.prefix}/{pattern}",
            credentials=references[pattern],
            extras=replace(self.extras, identities=()),
        )


@dataclass(frozen=True, slots=True)
class Credentials:
    """User and password for one registry; ``source`` names where they came from, never a value.

    identity_token: in their place, a refresh token for the registry's token service.
    """

    username: str = ""
    password: str = ""
    source: str = "anonymous"
    identity_token: str = ""

    def __repr__(self) -> str:
        return f"Credentials(source={self.source!r})"


ANONYMOUS = Credentials()
