"""Which sources of credentials a registry has, and which of them comes first: names, no values.

The order is that of `resolver.py`; this module only tells it.
Described in docs/credentials.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from argocd_image_updater.registry.credentials.cloud_identities import AMBIENT_SETTING
from argocd_image_updater.registry.credentials.docker_files import DOCKER_CONFIG_SETTING
from argocd_image_updater.registry.credentials.secret_search import (
    ARGOCD_SETTING,
    WORKLOAD_SETTING,
)

if TYPE_CHECKING:
    from pathlib import Path

# Where what Applications bring stands in the chain: behind the links of the registry itself.
_OWN_LINKS = 2
_OF_APPLICATIONS = (
    f"pull secrets of the workload ({WORKLOAD_SETTING})",
    f"repository Secrets of Argo CD ({ARGOCD_SETTING})",
)


class SourceState(StrEnum):
    """What became of a source."""

    USED = "used"
    NOTHING = "nothing"  # it has nothing for this registry
    OFF = "off"  # it takes no part
    ELSEWHERE = "elsewhere"  # it belongs to an Application, and none is looked at
    BEHIND = "behind"  # an earlier one decided
    FAILED = "failed"  # it was chosen and gave nothing


@dataclass(frozen=True, slots=True)
class Source:
    """One source. name: what it is. reference: what it names here, empty for nothing."""

    name: str
    reference: str
    state: SourceState


@dataclass(frozen=True, slots=True)
class Chain:
    """What each link names; empty = nothing. docker_config: None = the logins take no part.

    cloud_on: whether some cloud is switched on.
    """

    given: str = ""
    of_entry: str = ""
    cloud: str = ""
    cloud_on: bool = False
    docker_config: Path | None = None


def list_sources(chain: Chain, *, used: bool, failed: bool) -> tuple[Source, ...]:
    """Return the sources in their order.

    used: there are credentials. failed: the source that was chosen gave none.
    """
    docker = str(chain.docker_config) if chain.docker_config else ""
    links = (
        ("--credentials", chain.given, True),
        ("credentials of the registry", chain.of_entry, True),
        (f"identity of the cloud ({AMBIENT_SETTING})", chain.cloud, chain.cloud_on),
        (f"logins of Docker ({DOCKER_CONFIG_SETTING})", docker, chain.docker_config is not None),
    )
    # the logins of Docker may hold none for this registry: then nobody's are used
    decided = next(
        (index for index, (_, reference, _) in enumerate(links) if reference), len(links)
    )
    if decided == len(links) - 1 and not (used or failed):
        decided = len(links)
    found = [
        Source(name, reference, _state(index, decided, is_on=is_on, failed=failed))
        for index, (name, reference, is_on) in enumerate(links)
    ]
    of_application = [Source(name, "", SourceState.ELSEWHERE) for name in _OF_APPLICATIONS]
    anonymous = SourceState.USED if decided == len(links) else SourceState.BEHIND
    own, ambient = found[:_OWN_LINKS], found[_OWN_LINKS:]
    return (*own, *of_application, *ambient, Source("none (anonymous)", "", anonymous))


def _state(index: int, decided: int, *, is_on: bool, failed: bool) -> SourceState:
    if index == decided:
        return SourceState.FAILED if failed else SourceState.USED
    if not is_on:
        return SourceState.OFF
    return SourceState.NOTHING if index < decided else SourceState.BEHIND
