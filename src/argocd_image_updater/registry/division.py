"""The limits of registries, divided between replicas: together they ask no faster than one would.

Each endpoint's limit is per registry, not per process. No part is below one request a second, so
that with more shards than requests the sum is higher than the limit.
Source of the rules: docs/sharding.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argocd_image_updater.registry.endpoint import Endpoint, EndpointExtras
    from argocd_image_updater.registry.endpoints import EndpointTable


def divided(table: EndpointTable, *, shards: int, held: int = 1) -> EndpointTable:
    """Return the table for a replica that holds so many of the shards."""
    if held >= shards:
        return table
    return replace(
        table,
        endpoints={
            prefix: _divided(endpoint, shards=shards, held=held)
            for prefix, endpoint in table.endpoints.items()
        },
        default=_divided(table.default, shards=shards, held=held),
        inferred_limit_per_s=_part(table.inferred_limit_per_s, shards=shards, held=held),
        inferred_extras=_divided_extras(table.inferred_extras, shards=shards, held=held),
    )


def _divided(endpoint: Endpoint, *, shards: int, held: int) -> Endpoint:
    limit = _part(endpoint.limit_per_s, shards=shards, held=held)
    extras = _divided_extras(endpoint.extras, shards=shards, held=held)
    return replace(endpoint, limit_per_s=limit, extras=extras)


def _divided_extras(extras: EndpointExtras, *, shards: int, held: int) -> EndpointExtras:
    concurrency = _part(extras.max_concurrency, shards=shards, held=held)
    return replace(extras, max_concurrency=concurrency)


def _part(limit: int, *, shards: int, held: int) -> int:
    """Return a part of a limit; 0 is no limit and stays so."""
    return limit and max(1, limit * max(1, held) // shards)
