"""Whose turn it is: what this replica may work on, asked between cycles only.

Within a cycle the answer does not grow: what is taken meanwhile is worked on from the next one on;
what others ask for is given back when the cycle is over, and what is lost ends the cycle.

Source of the rules: docs/high-availability.md, docs/sharding.md.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from argocd_image_updater.core.shards import WHOLE, Share

if TYPE_CHECKING:
    from collections.abc import Callable

    from argocd_image_updater.kube.shards.leases import ShardLeases


class Turns(Protocol):
    """The part of the work that belongs to this replica."""

    @property
    def share(self) -> Share: ...

    @property
    def telling(self) -> asyncio.Lock:
        """Held by whoever tells what was found: meanwhile nothing is given back."""
        ...

    async def settle(self) -> bool:
        """Bring the share up to date; return whether there is more to do than before."""
        ...

    async def moved(self) -> None:
        """Wait until there may be something to settle."""
        ...

    def check(self) -> None:
        """Make sure that the share is still ours, right before something is written.

        Raises:
            LeaseLost: it is not.
        """
        ...


class Always:
    """Without leader election everything belongs to this process, always."""

    share = WHOLE

    def __init__(self) -> None:
        self.telling = asyncio.Lock()

    async def settle(self) -> bool:
        return False

    async def moved(self) -> None:
        await asyncio.Event().wait()

    def check(self) -> None: ...


class LeaseTurns:
    """What the Leases say. told: called with the share whenever it is brought up to date."""

    def __init__(self, leases: ShardLeases, *, told: Callable[[Share], None]) -> None:
        self._leases = leases
        self._told = told
        self._held: frozenset[int] = frozenset()
        self.telling = asyncio.Lock()

    @property
    def share(self) -> Share:
        return Share(self._leases.shards, self._held & self._leases.held)

    async def settle(self) -> bool:
        async with self.telling:
            await self._leases.give_back()
        before, self._held = self._held, self._leases.held
        self._told(self.share)
        return bool(self._held - before)

    async def moved(self) -> None:
        await self._leases.wait_change()

    def check(self) -> None:
        self._leases.check(self._held)
