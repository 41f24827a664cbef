"""The seam to the HTTP library: one request to the API server, its answer as bounded pieces.

Promises: 1. redirects are not followed, for they would carry the credential elsewhere; 2. nothing
comes from the real environment; 3. connecting and silence have deadlines; 4. every fault is an
error of the house that names the request and no secret. In this room only this module
knows aiohttp.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from argocd_image_updater.errors import ConfigError, RemoteError
from argocd_image_updater.kube.certificate_pair import load_client
from argocd_image_updater.net.faults import connection_fault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import aiohttp

    from argocd_image_updater.kube.access import Cluster, Impersonation
    from argocd_image_updater.kube.credential import Credential

CONNECT_S = 10.0  # with the TLS handshake
IDLE_CONNECTION_S = 60.0


class Silence(RemoteError):
    """Nothing came for too long."""


@dataclass(frozen=True, slots=True)
class Request:
    """query: encoded. silence_s: between two pieces of the answer. total_s: None = no end."""

    method: str
    path: str
    query: str = ""
    body: bytes | None = None
    content_type: str = ""
    silence_s: float = 30.0
    total_s: float | None = 60.0
    compressed: bool = True

    @property
    def about(self) -> str:
        """Say what is asked, for messages."""
        return f"Kubernetes API {self.method} {self.path}"


def no_proxy(_scheme: str, _host: str, _port: int | None = None) -> str:
    """Go straight to every server."""
    return ""


class Transport:
    """One connection pool, opened by the first request.

    proxy_for: scheme, host and port to the URL of a proxy, empty = none; asked only where the
    cluster names no proxy of its own.
    """

    def __init__(
        self,
        cluster: Cluster,
        *,
        headers: tuple[tuple[str, str], ...] = (),
        proxy_for: Callable[[str, str, int | None], str] = no_proxy,
    ) -> None:
        self._cluster = cluster
        parts = urlsplit(cluster.server)
        found = cluster.proxy_url or proxy_for(parts.scheme, parts.hostname or "", parts.port)
        self._proxy = found or None
        self._headers = (("Accept", "application/json"), *headers)
        self._session: aiohttp.ClientSession | None = None
        self._tls: tuple[str, ssl.SSLContext] | None = None

    @asynccontextmanager
    async def open(
        self, request: Request, credential: Credential
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request; faults while its answer is read are told like those of the sending.

        Raises:
            RemoteError: there is no complete answer.
            ConfigError: the certificate of either side is of no use.
        """
        import aiohttp  # noqa: PLC0415 - costs 300 ms, paid only by who sends a request
        from yarl import URL  # noqa: PLC0415 - comes with it

        url = URL(
            f"{self._cluster.server}{request.path}{'?' if request.query else ''}{request.query}",
            encoded=True,
        )
        try:
            async with self._opened().request(
                request.method,
                url,
                data=request.body,
                headers=self._headers_of(request, credential),
                allow_redirects=False,
                ssl=await self._tls_of(credential),
                server_hostname=self._cluster.tls_server_name or None,
                proxy=self._proxy,
                timeout=aiohttp.ClientTimeout(
                    total=request.total_s, sock_connect=CONNECT_S, sock_read=request.silence_s
                ),
            ) as response:
                yield response
        except TimeoutError:
            raise Silence(f"{request.about}: no answer in time") from None
        except aiohttp.ClientConnectorCertificateError:
            raise ConfigError(
                f"{request.about}: the certificate of {self._cluster.server} is refused; "
                "correct certificate-authority or tls-server-name in the kubeconfig"
            ) from None
        except aiohttp.ClientResponseError:  # its text repeats what was asked
            raise RemoteError(f"{request.about}: the answer is no readable HTTP") from None
        except (aiohttp.ClientError, OSError) as error:
            raise RemoteError(f"{request.about}: {connection_fault(error)}") from None

    async def close(self) -> None:
        """End all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            import aiohttp  # noqa: PLC0415 - as above

            from argocd_image_updater.net.session import open_session  # noqa: PLC0415 - as above

            # Watches stay open, so the pool has no limit; the client bounds its requests.
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_CONNECTION_S)
            self._session = open_session(connector, headers={}, decompress=True)
        return self._session

    async def _tls_of(self, credential: Credential) -> ssl.SSLContext:
        """Return the context of the certificate in use; a new one only where it was renewed."""
        if self._tls is None or self._tls[0] != credential.certificate_pem:
            context = await asyncio.to_thread(
                tls_context, self._cluster, credential.certificate_pem, credential.key_pem
            )
            self._tls = (credential.certificate_pem, context)
        return self._tls[1]

    def _headers_of(self, request: Request, credential: Credential) -> list[tuple[str, str]]:
        headers = [*self._headers]
        headers.append(("Accept-Encoding", "gzip" if request.compressed else "identity"))
        if credential.authorization:
            headers.append(("Authorization", credential.authorization))
        if request.content_type:
            headers.append(("Content-Type", request.content_type))
        return headers


def impersonation_headers(wanted: Impersonation) -> tuple[tuple[str, str], ...]:
    """Return the headers that ask the server to take us for somebody else."""
    named = (("Impersonate-User", wanted.user), ("Impersonate-Uid", wanted.uid))
    return (
        *((name, value) for name, value in named if value),
        *(("Impersonate-Group", group) for group in wanted.groups),
    )


def tls_context(cluster: Cluster, certificate_pem: str, key_pem: str) -> ssl.SSLContext:
    """Return the TLS context of a cluster and a client certificate (if there is one)."""
    try:
        context = ssl.create_default_context(cadata=cluster.ca_pem or None)
    except (ssl.SSLError, ValueError):
        raise ConfigError(f"certificate-authority of {cluster.server} is no certificate") from None
    if cluster.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate_pem:
        load_client(context, certificate_pem, key_pem, about=cluster.server)
    return context
