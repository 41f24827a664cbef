"""Which mirrors are asked, and which are passed over for a while because they failed.

Rules: 1. a fault of the host passes over the whole mirror, a refusal one repository of it, and so
do some contents in a row that it does not have; 2. each further failure doubles the time, an answer
ends it; 3. when the time is over one question finds out for all whether the mirror is back; 4. that
a mirror begins to fail or answers again is told once. A mirror is never why an image fails.
Source of the rules: docs/registries.md.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.net.timing import Backoff

if TYPE_CHECKING:
    from collections.abc import Iterator

    from argocd_image_updater.core.facts import Failure
    from argocd_image_updater.net.timing import Timing

_LOG = logging.getLogger(__name__)

PAUSES = Backoff(first_s=60.0, longest_s=1_800.0)
MISSES = 5  # in a row: a mirror that has most of a repository is worth asking
MAX_PLACES = 20_000  # mirrors and repositories at them; beyond it what is known is forgotten

# Statements about one repository; anything else is about the mirror.
_OF_REPOSITORY = frozenset(
    {
        FailureKind.NOT_FOUND,
        FailureKind.DENIED,
        FailureKind.UNUSABLE,
        FailureKind.CREDENTIALS,
        FailureKind.REFUSED,
    }
)


@dataclass(slots=True)
class _State:
    failures: int = 0
    misses: int = 0
    until: float = 0.0
    is_probed: bool = False


class MirrorHealth:
    """What is known of all mirrors of the process."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._states: dict[tuple[str, str], _State] = {}

    @contextmanager
    def turn(self, mirror: str, repository: str) -> Iterator[bool]:
        """Tell whether to ask a mirror now; what it says is noted before the end of the turn."""
        places = ((mirror, ""), (mirror, repository))
        states = [state for place in places if (state := self._states.get(place))]
        now = self._timing.monotonic()
        if any(state.failures and (state.is_probed or now < state.until) for state in states):
            yield False
            return
        probed = [state for state in states if state.failures]
        for state in probed:
            state.is_probed = True
        try:
            yield True
        finally:
            for state in probed:
                state.is_probed = False

    def note_answer(self, mirror: str, repository: str) -> None:
        """Note that a mirror has answered."""
        self._recover(mirror, "")
        self._recover(mirror, repository)

    def note_failure(self, mirror: str, repository: str, failure: Failure) -> None:
        """Note why a mirror has not answered."""
        about = repository if failure.kind in _OF_REPOSITORY else ""
        if about:
            self._recover(mirror, "")  # it is there, after all
        state = self._state(mirror, about)
        if self._pass_over(state, failure):
            named = _named(mirror, about)
            _LOG.warning("mirror %s is passed over for a while: %s", named, failure.message)

    def _recover(self, mirror: str, repository: str) -> None:
        state = self._states.get((mirror, repository))
        # an answer within the time is older than the failure
        if state is None or self._timing.monotonic() < state.until:
            return
        del self._states[mirror, repository]
        if state.failures:
            _LOG.info("mirror %s answers again", _named(mirror, repository))

    def _pass_over(self, state: _State, failure: Failure) -> bool:
        """Begin or prolong the time; tell whether it has just begun for the first time."""
        if failure.kind is FailureKind.NOT_FOUND:
            state.misses += 1
            if state.misses < MISSES:
                return False
        now = self._timing.monotonic()
        if state.failures and now < state.until:  # others were under way when it began
            return False
        state.failures += 1
        pause_s = PAUSES.wait_s(state.failures, dice=self._timing.random())
        state.until = now + max(pause_s, failure.retry_after_s or 0.0)
        return state.failures == 1

    def _state(self, mirror: str, repository: str) -> _State:
        state = self._states.get((mirror, repository))
        if state is None:
            if len(self._states) >= MAX_PLACES:
                self._states = {}
            state = self._states[mirror, repository] = _State()
        return state


def _named(mirror: str, repository: str) -> str:
    return f"{mirror}, repository {repository}" if repository else mirror
