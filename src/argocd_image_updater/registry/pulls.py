"""Pulls of a registry that counts them: never more than are left beyond a reserve.

Docker Hub counts each ``GET`` of a manifest as a pull, of an account or of an address, in a window
of hours, and the nodes of a cluster often share the address with this program. Lists of tags,
``HEAD`` and blobs are not counted. Rules: 1. before the first pull the registry is asked by a
``HEAD`` how many are left; 2. a pull is taken only where more than the reserve would be left, with
those under way counted as made; 3. each answer corrects the count, and one that is old is asked for
again; 4. an answer without a count means that this account has no limit.
Source: https://docs.docker.com/docker-hub/usage/pulls/
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argocd_image_updater.registry.quotas import Quota

KNOWN_S = 300.0  # others pull too: an older count is asked for again
UNLIMITED_S = 3_600.0
MAX_ACCOUNTS = 4_096


@dataclass(frozen=True, slots=True)
class PullAccount:
    """Whose pulls: those of a user, or of our address where the name is empty.

    reserve: pulls that are left to others.
    """

    host: str
    username: str
    reserve: int

    def __str__(self) -> str:
        return f"{self.host}, {'this account' if self.username else 'anonymous from this address'}"


class PullBudget:
    """The count of one account. looking: held by who asks for the count."""

    def __init__(self, account: PullAccount) -> None:
        self.account = account
        self.looking = asyncio.Lock()
        self._quota: Quota | None = None
        self._left: int | None = None
        self._known_until = 0.0
        self._under_way = 0
        self._noted_at = 0.0
        self._exhausted_at: float | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nobody is in the middle of a pull."""
        return not self._under_way and not self.looking.locked()

    def is_known(self, now: float) -> bool:
        """Tell whether the count is fresh enough to decide by."""
        return now < self._known_until

    def take(self, now: float) -> bool:
        """Take one pull, to be given back by `settle`; False where none may be taken."""
        if self._left is not None and self._left <= self.account.reserve:
            if self._exhausted_at is None:
                self._exhausted_at = now
            return False
        if self._left is not None:
            self._left -= 1
        self._under_way += 1
        return True

    def settle(self) -> None:
        """Note that a pull has its answer, or has failed."""
        self._under_way -= 1

    def note(self, quota: Quota | None, now: float) -> None:
        """Note what an answer says; pulls under way may not be in its count yet."""
        self._quota, self._noted_at = quota, now
        if quota is None:
            self._left, self._known_until = None, now + UNLIMITED_S
            self._exhausted_at = None
            return
        self._left, self._known_until = quota.remaining - self._under_way, now + KNOWN_S
        if self._left > self.account.reserve:
            self._exhausted_at = None

    def come_back_s(self, now: float) -> float:
        """Return after which time pulls are left again, at the latest."""
        quota = self._quota
        if quota is None:
            return 0.0
        if quota.reset_s is not None:
            return max(0.0, self._noted_at + quota.reset_s - now)
        since = now if self._exhausted_at is None else self._exhausted_at
        return max(0.0, since + (quota.window_s or KNOWN_S) - now)

    def refusal(self, now: float) -> str:
        """Say why no pull may be taken, and what helps."""
        left = max(0, self._left or 0)
        limit = f" of {self._quota.limit}" if self._quota and self._quota.limit else ""
        return (
            f"{left}{limit} pulls are left ({self.account}) and {self.account.reserve} are kept "
            f"for others (pullReserve); more come back within {_span(self.come_back_s(now))}"
        )


class PullBudgets:
    """The budgets of all accounts, made on first use; idle ones are given up where many are."""

    def __init__(self) -> None:
        self._budgets: dict[PullAccount, PullBudget] = {}

    def of(self, account: PullAccount) -> PullBudget:
        """Return the budget of an account."""
        found = self._budgets.get(account)
        if found is None:
            if len(self._budgets) >= MAX_ACCOUNTS:
                busy = {key: one for key, one in self._budgets.items() if not one.is_idle}
                self._budgets = busy
            found = self._budgets[account] = PullBudget(account)
        return found


def _span(seconds: float) -> str:
    minutes = int(seconds // 60) + 1
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"  # noqa: PLR2004 - minutes of an hour
