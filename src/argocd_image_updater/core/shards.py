"""Which shard works on what: the same answer in every replica, without asking anybody.

Promise: work on one Git repository belongs to one shard, whatever spelling, credentials or branch
it is asked for with, so that no branch is ever pushed by two. The branch itself is left out: an
empty branch, ``HEAD`` and ``main`` may be one branch, and a template gives its name only when the
work is nearly done. Everything else belongs to its Application, and what concerns a resource as a
whole to shard 0, which writes the status.

Source of the rules: docs/sharding.md.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.plan import ApplicationPlan
    from argocd_image_updater.core.resolution import Resolution
    from argocd_image_updater.core.settings import ApplicationIntent, Problem

STATUS_SHARD = 0
MAX_SHARDS = 64
_GIT = "git"
# Owner and name: what stands before differs between HTTP and SSH on some servers.
_NAMING_PARTS = 2
# Azure DevOps puts it between the two, in one of its spellings.
_FILLERS = frozenset({"_git"})
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://[^/]*")
_SCP = re.compile(r"^[^/:]+@[^/:]+:|^[^/:]+@\[[^\]]*\]:")


def shard_of(key: str, shards: int) -> int:
    """Return the shard of a key; stable over processes, machines and releases."""
    digest = hashlib.blake2b(key.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest) % shards


def repository_name(url: str) -> str:
    """Return what spellings of one repository URL have in common: owner and name, in lower case.

    Host, port, user and scheme do not count: a server may have several of each. Two repositories
    of one name only share a shard.
    """
    text = unquote(url.strip()).lower()
    text = text.partition("?")[0].partition("#")[0]
    path = _SCHEME.sub("", text) if "://" in text else _SCP.sub("", text)
    parts = [part for part in path.split("/") if part and part not in _FILLERS]
    if not parts:
        return text
    parts[-1] = parts[-1].removesuffix(".git") or parts[-1]
    return "/".join(parts[-_NAMING_PARTS:])


def shard_of_application(application: ObjectKey, shards: int) -> int:
    """Return the shard of what is not written to Git."""
    return shard_of(f"application:{application}", shards)


def shard_of_intent(intent: ApplicationIntent, shards: int) -> int:
    """Return the shard that works on an Application as one resource wants it."""
    write_back = intent.write_back
    if write_back.method == _GIT and write_back.repository:
        return shard_of(f"repository:{repository_name(write_back.repository)}", shards)
    return shard_of_application(intent.application.key, shards)


@dataclass(frozen=True, slots=True)
class Share:
    """The part of the work that is done here: the shards that are held, out of so many."""

    shards: int = 1
    held: frozenset[int] = frozenset({STATUS_SHARD})

    @property
    def is_everything(self) -> bool:
        return len(self.held) == self.shards

    @property
    def writes_status(self) -> bool:
        return STATUS_SHARD in self.held

    def owns_intent(self, intent: ApplicationIntent) -> bool:
        return shard_of_intent(intent, self.shards) in self.held

    def owns_plan(self, plan: ApplicationPlan) -> bool:
        return self.owns_intent(plan.intent)

    def owns_problem(self, problem: Problem) -> bool:
        """Tell whether a problem without intent is told here, so that it is counted once."""
        return shard_of_problem(problem, self.shards) in self.held


def shard_of_problem(problem: Problem, shards: int) -> int:
    """Return the shard that tells a problem which belongs to no intent."""
    if problem.resource is None or problem.application is None:
        return STATUS_SHARD
    return shard_of_application(problem.application, shards)


WHOLE = Share()
Owners = dict[tuple["ObjectKey", "ObjectKey"], int]


def own_part(resolutions: Iterable[Resolution], share: Share) -> Sequence[Resolution]:
    """Return the resolutions with only what is worked on and told here.

    The parts of all shards are disjoint, and together they are the whole. Conflicts between
    resources must be settled before, for everybody sees all of them.
    """
    return [_own_part(item, share) for item in resolutions]


def _own_part(resolution: Resolution, share: Share) -> Resolution:
    if share.is_everything:
        return resolution
    owners = _owners_of(resolution, share.shards)
    key = resolution.resource.key
    return replace(
        resolution,
        intents=tuple(item for item in resolution.intents if share.owns_intent(item)),
        problems=tuple(
            item
            for item in resolution.problems
            if _shard_of_told(item, key, owners=owners, shards=share.shards) in share.held
        ),
        failed=resolution.failed and share.writes_status,
        warnings=resolution.warnings if share.writes_status else (),
    )


def owners_of(resolutions: Iterable[Resolution], shards: int) -> Owners:
    """Return the shard of each resource and Application that is spoken of."""
    found: Owners = {}
    for resolution in resolutions:
        found |= _owners_of(resolution, shards)
    return found


def _owners_of(resolution: Resolution, shards: int) -> Owners:
    key = resolution.resource.key
    owners = {
        (key, problem.application): shard_of_problem(problem, shards)
        for problem in resolution.problems
        if problem.application is not None
    }
    owners |= {
        (key, intent.application.key): shard_of_intent(intent, shards)
        for intent in resolution.intents
    }
    return owners


def _shard_of_told(
    problem: Problem,
    resource: ObjectKey,
    *,
    owners: Mapping[tuple[ObjectKey, ObjectKey], int],
    shards: int,
) -> int:
    """Return the shard of a problem: that of the Application's intent, so that both count once."""
    if problem.application is None:
        return STATUS_SHARD
    found = owners.get((resource, problem.application))
    return shard_of_problem(problem, shards) if found is None else found
