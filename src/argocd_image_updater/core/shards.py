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
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.plan import ApplicationPlan
    from argocd_image_updater.core.resolution import Resolution
    from argocd_image_updater.core.settings import ApplicationIntent
    from argocd_image_updater.core.snapshot import Snapshot

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


WHOLE = Share()


@dataclass(frozen=True, slots=True)
class Ownership:
    """Which shard does what; intents: by resource and Application, of those that a cycle saw."""

    shards: int = 1
    intents: Mapping[tuple[ObjectKey, ObjectKey], int] = field(default_factory=dict)

    def of(self, resource: ObjectKey | None, application: ObjectKey | None) -> int:
        """Return the shard that decides about an Application, or tells a problem of it.

        What has no intent follows the intent of its Application, so that both count as one.
        """
        if resource is None or application is None:
            return STATUS_SHARD
        found = self.intents.get((resource, application))
        return shard_of_application(application, self.shards) if found is None else found


ALONE = Ownership()


def ownership_of(resolutions: Iterable[Resolution], shards: int) -> Ownership:
    """Return which shard does what of these resolutions."""
    return Ownership(
        shards,
        {
            (resolution.resource.key, intent.application.key): shard_of_intent(intent, shards)
            for resolution in resolutions
            for intent in resolution.intents
        },
    )


def own_part(resolutions: Iterable[Resolution], share: Share) -> Sequence[Resolution]:
    """Return the resolutions with only what is worked on and told here.

    The parts of all shards are disjoint, and together they are the whole. Conflicts between
    resources must be settled before, for everybody sees all of them.
    """
    if share.is_everything:
        return list(resolutions)
    return [_own_part(item, share) for item in resolutions]


def _own_part(resolution: Resolution, share: Share) -> Resolution:
    ownership = ownership_of([resolution], share.shards)
    key = resolution.resource.key
    return replace(
        resolution,
        intents=tuple(item for item in resolution.intents if share.owns_intent(item)),
        problems=tuple(
            item
            for item in resolution.problems
            if ownership.of(key, item.application) in share.held
        ),
        failed=resolution.failed and share.writes_status,
        warnings=resolution.warnings if share.writes_status else (),
    )


def own_snapshot(snapshot: Snapshot, share: Share) -> Snapshot:
    """Return the snapshot whose problems and warnings are told only by who writes the status."""
    return snapshot if share.writes_status else replace(snapshot, problems=(), warnings=())
