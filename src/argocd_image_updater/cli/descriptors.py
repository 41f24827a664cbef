"""Room for open files: connections to many registries, and one mirror for each repository.

Many systems start processes with 1,024 and allow more; who needs more has to ask.
"""

from __future__ import annotations

import resource

ENOUGH = 65_536


def make_room_for_files() -> None:
    """Raise the limit of this process as far as it is allowed to, and as far as is of use."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
