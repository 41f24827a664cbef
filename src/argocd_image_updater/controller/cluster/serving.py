"""The servers that every replica of the controller has: probes and metrics.

What is not served is not imported either. An address that cannot be used ends the start.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from argocd_image_updater.web.addresses import parse_bind_address

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from argocd_image_updater.controller.cluster.options import ControllerOptions
    from argocd_image_updater.controller.metrics import Metrics
    from argocd_image_updater.kube.client import KubeClient
    from argocd_image_updater.web.addresses import BindAddress
    from argocd_image_updater.web.readiness import Readiness
    from argocd_image_updater.web.server import WebServer

PROBE_FLAG = "health-probe-bind-address"
METRICS_FLAG = "metrics-bind-address"


def serves_metrics(options: ControllerOptions) -> bool:
    """Whether somebody will be able to read the metrics.

    Raises:
        ConfigError: the address is none.
    """
    return parse_bind_address(options.metrics_address, flag=METRICS_FLAG) is not None


@asynccontextmanager
async def serving(
    options: ControllerOptions,
    *,
    readiness: Readiness,
    metrics: Metrics,
    client: KubeClient,
    hostname: str,
) -> AsyncIterator[tuple[WebServer, ...]]:
    """Serve what the options ask for; yield the servers, probes first.

    client: reviews tokens, for metrics over TLS. hostname: stands in their certificate.

    Raises:
        ConfigError: an address is none, or is taken.
    """
    probes = parse_bind_address(options.probe_address, flag=PROBE_FLAG)
    scrapes = parse_bind_address(options.metrics_address, flag=METRICS_FLAG)
    servers: list[WebServer] = []
    if probes is not None and not options.once:
        servers.append(_probe_server(probes, readiness))
    if scrapes is not None:
        servers.append(
            await _secure_server(scrapes, metrics, client=client, hostname=hostname)
            if options.metrics_secure
            else _open_server(scrapes, metrics)
        )
    async with AsyncExitStack() as opened:
        for server in servers:
            await opened.enter_async_context(server)
        yield tuple(servers)


def _probe_server(address: BindAddress, readiness: Readiness) -> WebServer:
    from argocd_image_updater.web.probes import probe_routes  # noqa: PLC0415 - paid on use
    from argocd_image_updater.web.server import WebServer  # noqa: PLC0415 - paid on use

    return WebServer(address, flag=PROBE_FLAG, routes=probe_routes(readiness))


def _open_server(address: BindAddress, metrics: Metrics) -> WebServer:
    from argocd_image_updater.web.metrics_server import metrics_routes  # noqa: PLC0415 - paid on use
    from argocd_image_updater.web.server import WebServer  # noqa: PLC0415 - paid on use

    routes = metrics_routes(metrics.scrape, gate=None)
    return WebServer(address, flag=METRICS_FLAG, routes=routes)


async def _secure_server(
    address: BindAddress, metrics: Metrics, *, client: KubeClient, hostname: str
) -> WebServer:
    from argocd_image_updater.kube.token_review import AccessReviews  # noqa: PLC0415 - paid on use
    from argocd_image_updater.web.bearer import BearerGate  # noqa: PLC0415 - paid on use
    from argocd_image_updater.web.certificates import (  # noqa: PLC0415 - paid on use
        self_signed_context,
    )
    from argocd_image_updater.web.metrics_server import (  # noqa: PLC0415 - paid on use
        METRICS_PATH,
        metrics_routes,
    )
    from argocd_image_updater.web.server import WebServer  # noqa: PLC0415 - paid on use

    gate = BearerGate(AccessReviews(client), path=METRICS_PATH)
    tls = await asyncio.to_thread(self_signed_context, hostname)
    routes = metrics_routes(metrics.scrape, gate=gate)
    return WebServer(address, flag=METRICS_FLAG, routes=routes, tls=tls)
