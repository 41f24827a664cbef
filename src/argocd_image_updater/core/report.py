"""What a cycle did: the one value that table, JSON, logs, status and metrics read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.shards import ALONE, Ownership

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.decisions import Decision
    from argocd_image_updater.core.settings import Problem


@dataclass(frozen=True, slots=True)
class Counters:
    """The numbers of the summary line ``Processing results: …``."""

    applications: int = 0
    images_considered: int = 0
    images_skipped: int = 0
    images_updated: int = 0
    errors: int = 0


@dataclass(frozen=True, slots=True)
class ResourceResult:
    """What a cycle made of one ImageUpdater as a whole.

    generation: that was worked on. applications: that were selected, each with at least one image.
    failure: why the resource as a whole could not be used, None where it could.
    """

    generation: int = 0
    applications: int = 0
    counters: Counters = Counters()
    failure: Problem | None = None


@dataclass(frozen=True, slots=True)
class CommitRecord:
    """One commit that was pushed, or would be.

    commit: object id, empty when nothing was written. diff: unified diff of all its files.
    """

    repository: str
    branch: str
    message: str
    applications: tuple[ObjectKey, ...]
    files: tuple[str, ...]
    diff: str
    commit: str = ""


@dataclass(frozen=True, slots=True)
class PatchRecord:
    """One Application that was changed directly, or would be: where, and the unified diff."""

    application: ObjectKey
    where: str
    diff: str
    written: bool = False


@dataclass(frozen=True, slots=True)
class CycleReport:
    """The result of one cycle over all resources.

    dry_run: nothing was written; commits and patches show what would be. decisions: sorted by
    resource, application and position in the image list. resources: those that this cycle was
    about. requests: counts by kind of request
    (``tag lists``, ``manifests``, ``tokens``, ``fetches``, ``pushes`` …). warnings: what a user
    should look at although nothing was stopped. ownership: which shard each Application belongs to.

    Of a report that several shards make together: news = the recent updates of each resource, none
    where nothing is new (None = what `decisions` say); pending = resources of which some shards
    have not told yet, and which shards.
    """

    decisions: tuple[Decision, ...] = ()
    problems: tuple[Problem, ...] = ()
    counters: Counters = Counters()
    by_resource: Mapping[ObjectKey, Counters] = field(default_factory=dict)
    resources: Mapping[ObjectKey, ResourceResult] = field(default_factory=dict)
    commits: tuple[CommitRecord, ...] = ()
    patches: tuple[PatchRecord, ...] = ()
    requests: Mapping[str, int] = field(default_factory=dict)
    duration_s: float = 0.0
    dry_run: bool = False
    warnings: tuple[str, ...] = ()
    ownership: Ownership = ALONE
    news: Mapping[ObjectKey, tuple[Decision, ...]] | None = None
    pending: Mapping[ObjectKey, tuple[int, ...]] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Some object, Application or image could not be handled as it was asked for."""
        return (
            self.counters.errors > 0
            or bool(self.problems)
            or any(item.reason is Reason.ALLOW_TAGS_INVALID for item in self.decisions)
        )

    @property
    def has_work(self) -> bool:
        """Something was written or would be."""
        return bool(self.commits or self.patches)
