"""Time limits of Git, by the variables that Argo CD uses for them; docs/reference/cli.md.

A limit bounds what a cycle can wait for, so there is always one: a text that is no duration above
zero counts as not set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.durations import NS_PER_S, parse_duration

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class GitTimes:
    """command_s: of one git command, kill_after_s: to end when asked to, request_s: of a token."""

    command_s: float = 90.0
    kill_after_s: float = 10.0
    request_s: float = 15.0


def read_git_times(environment: Mapping[str, str]) -> GitTimes:
    """Return the limits that the environment sets."""
    usual = GitTimes()
    return GitTimes(
        command_s=_seconds(environment, "ARGOCD_EXEC_TIMEOUT", usual.command_s),
        kill_after_s=_seconds(environment, "ARGOCD_EXEC_FATAL_TIMEOUT", usual.kill_after_s),
        request_s=_seconds(environment, "ARGOCD_GIT_REQUEST_TIMEOUT", usual.request_s),
    )


def _seconds(environment: Mapping[str, str], name: str, default_s: float) -> float:
    try:
        duration_ns = parse_duration(environment.get(name, ""))
    except ValueError:
        return default_s
    return duration_ns / NS_PER_S if duration_ns > 0 else default_s
