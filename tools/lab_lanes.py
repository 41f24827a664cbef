"""Several builds side by side, and words about them while they take their minutes.

Parts of one module share most packages and go one after the other, in a lane; lanes of different
modules fill each other's pauses: one fetches or links while the other compiles. All commands stay
in our process group, so that an interrupt ends them with us. Only the standard library is used.
"""

from __future__ import annotations

import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Protocol, TypeVar

from lab_toolchain import LabError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

LANES_AT_ONCE = 2
TELL_EVERY_S = 60.0


class Buildable(Protocol):
    """What a lane needs to know of a part."""

    @property
    def name(self) -> str: ...
    @property
    def module(self) -> str: ...
    @property
    def version(self) -> str: ...


_Part = TypeVar("_Part", bound=Buildable)


def build_all(parts: Iterable[_Part], build: Callable[[_Part], object]) -> None:
    """Build every part. A lane ends with its first fault, the others go on.

    Raises:
        LabError: with the faults of all lanes.
    """
    lanes: dict[tuple[str, str], list[_Part]] = {}
    for part in parts:
        lanes.setdefault((part.module, part.version), []).append(part)
    started: dict[str, float] = {}
    pool = ThreadPoolExecutor(LANES_AT_ONCE)
    try:
        running = {
            pool.submit(_build_lane, lane, build=build, started=started) for lane in lanes.values()
        }
        faults = _watch(running, started)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # an interrupt begins nothing new
    if faults:
        raise LabError("\nlab: ".join(faults))


def _build_lane(
    lane: Sequence[_Part], *, build: Callable[[_Part], object], started: dict[str, float]
) -> None:
    for part in lane:
        started[part.name] = time.monotonic()
        _say(f"building {part.name} {part.version} (minutes)")
        build(part)
        _say(f"{part.name} took {_age_s(started.pop(part.name)):.0f} s")


def _watch(running: set[Future[None]], started: dict[str, float]) -> list[str]:
    """Wait for all lanes, say now and then what they do, and return their faults."""
    faults = []
    while running:
        done, running = wait(running, timeout=TELL_EVERY_S, return_when=FIRST_COMPLETED)
        for lane in done:
            error = lane.exception()
            if isinstance(error, LabError):
                faults.append(str(error))
            elif error:
                raise error
        if not done:
            ages = ", ".join(f"{name} ({_age_s(at):.0f} s)" for name, at in [*started.items()])
            _say(f"still building {ages}")
    return faults


def _say(text: str) -> None:
    """Print a line in one piece: several lanes speak at once."""
    print(f"lab: {text}\n", end="", flush=True)


def _age_s(since: float) -> float:
    return time.monotonic() - since
