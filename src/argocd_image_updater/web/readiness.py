"""What probes are told: plain values in, status and text out.

Rules: 1. ``/healthz`` says that the process serves. 2. ``/readyz`` is 500 only where this replica
works and its first pass is not over; who waits for its turn is ready, or no rollout would ever end.
3. A failed answer lists the checks without their reasons; a check's own path tells its reason.

Source: docs/metrics.md; texts as https://kubernetes.io/docs/reference/using-api/health-checks/.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

_OK = 200
_FAILED = 500
_NOT_FOUND = 404
# A request may name checks that do not exist; more than these are not repeated to it.
_MAX_UNKNOWN = 8
_MAX_NAME_CHARS = 64


@dataclass(slots=True)
class Readiness:
    """The state of this replica; whoever runs it changes the fields.

    leads: it works, by election or because there is none. is_warm: its first pass is over.
    role: of this replica, as users are told. waiting_for: why it is not warm.
    """

    leads: bool = False
    is_warm: bool = False
    role: str = "standby"
    waiting_for: str = "the first pass over all ImageUpdaters is not over"


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """What a probe gets."""

    status: int
    text: str


@dataclass(frozen=True, slots=True)
class _Verdict:
    """fault: empty = passed. told: the text of a passed check at its own path."""

    fault: str = ""
    told: str = "ok"


def _healthz(_state: Readiness) -> _Verdict:
    return _Verdict()


def _warm(state: Readiness) -> _Verdict:
    return _Verdict(state.waiting_for) if state.leads and not state.is_warm else _Verdict()


def _leader(state: Readiness) -> _Verdict:
    return _Verdict(told=state.role)


CHECKS: Mapping[str, Mapping[str, Callable[[Readiness], _Verdict]]] = {
    "healthz": {"healthz": _healthz},
    "readyz": {"leader": _leader, "warmup-check": _warm},
}


def answer_probe(
    probe: str, check: str, *, state: Readiness, verbose: bool, excluded: Collection[str] = ()
) -> ProbeAnswer:
    """Answer ``/<probe>/<check>``; an empty check means all checks of the probe.

    excluded: names of checks that are left out.
    """
    checks = CHECKS[probe]
    if not check:
        return _all(checks, state, verbose=verbose, excluded=excluded)
    if check not in checks:
        return ProbeAnswer(_NOT_FOUND, "404 page not found\n")
    verdict = checks[check](state)
    if verdict.fault:
        return ProbeAnswer(_FAILED, f"internal server error: {verdict.fault}\n")
    return ProbeAnswer(_OK, verdict.told)


def _all(
    checks: Mapping[str, Callable[[Readiness], _Verdict]],
    state: Readiness,
    *,
    verbose: bool,
    excluded: Collection[str],
) -> ProbeAnswer:
    lines: list[str] = []
    failed = False
    for name, run in checks.items():
        if name in excluded:
            lines.append(f"[+]{name} excluded: ok")
        elif run(state).fault:
            failed = True
            lines.append(f"[-]{name} failed: reason withheld")
        else:
            lines.append(f"[+]{name} ok")
    if not failed and not verbose:
        return ProbeAnswer(_OK, "ok")
    lines += _unknown(excluded, checks)
    if "leader" in checks:
        lines.append(f"role: {state.role}")
    lines.append(f"healthz check {'failed' if failed else 'passed'}")
    return ProbeAnswer(_FAILED if failed else _OK, "\n".join(lines) + "\n")


def _unknown(excluded: Collection[str], known: Collection[str]) -> list[str]:
    names = sorted({name[:_MAX_NAME_CHARS] for name in excluded if name not in known})
    if not names:
        return []
    quoted = ", ".join(f'"{name}"' for name in names[:_MAX_UNKNOWN])
    return [f"warn: some health checks cannot be excluded: no matches for {quoted}"]
