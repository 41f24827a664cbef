"""Settings and counters of the Git engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from argocd_image_updater.git.tls import Trust

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


DEFAULT_CACHE_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class GitSettings:
    """Settings of the engine.

    state_dir: mirrors live in its folder ``git``. variables: environment of the process, of which
    git gets PATH, TMPDIR, proxies and the like. blob_limit_bytes: files up to this size come with
    the fetch of a commit, larger ones in a request of their own when they are targets; so does
    every file of a repository of which more than fetch_limit_bytes would come. cache_bytes: what
    all mirrors may take together.
    pause_s: the first pause before a push is tried again; each further one is twice as long, and
    a random part of it is waited.
    """

    state_dir: Path
    user_name: str = "argocd-image-updater"
    user_email: str = "noreply@argoproj.io"
    sign_off: bool = False
    allow_local: bool = False
    allow_http: bool = False
    timeout_s: float = 90
    kill_after_s: float = 10
    push_attempts: int = 5
    pause_s: float = 0.25
    blob_limit_bytes: int = 64 << 10
    fetch_limit_bytes: int = 8 << 20
    cache_bytes: int = DEFAULT_CACHE_BYTES
    trust: Trust = field(default_factory=Trust)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(slots=True)
class GitStatistics:
    """What was asked of Git servers since the start of the process."""

    questions: int = 0
    fetches: int = 0
    pushes: int = 0
    rejected_pushes: int = 0
    rebuilt_mirrors: int = 0
    evicted_mirrors: int = 0
    received_bytes: int = 0
    sent_bytes: int = 0
