"""Which Application follows a branch that was pushed, and what tells Argo CD to look at it now.

Argo CD's own webhook does the same on an event of a Git server: it sets an annotation, which is
taken off when Argo CD has looked. An annotation changes neither the generation nor the settings.
Source of the rules: docs/write-back.md,
https://argo-cd.readthedocs.io/en/stable/user-guide/annotations-and-labels/.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from argocd_image_updater.core.write_back_texts import same_repository
from argocd_image_updater.core.write_history import repository_place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.core.application import Application, Source

REFRESH = "argocd.argoproj.io/refresh"
HYDRATE = "argocd.argoproj.io/hydrate"
NORMAL = "normal"
_HEADS = "refs/heads/"
_DEFAULT = frozenset({"", "HEAD"})


class RefreshEnd(StrEnum):
    """How asking Argo CD to look at one Application ended."""

    REQUESTED = "requested"
    PRESENT = "present"  # somebody has asked, and Argo CD has not looked yet
    GONE = "gone"  # the Application was deleted meanwhile
    DENIED = "denied"  # the right is missing
    FAILED = "failed"
    LEFT = "left"  # not asked, because others were denied or failed


@dataclass(frozen=True, slots=True)
class Push:
    """What one push brought for one Application.

    branch: without ``refs/heads/``. is_default: it is the default branch of the repository.
    commit: with the change. tip: of the branch after the push, which Argo CD will see.
    """

    repository: str
    branch: str
    commit: str
    tip: str
    is_default: bool = False


def follows(application: Application, push: Push) -> bool:
    """Tell whether any source of an Application is the branch that was pushed."""
    sources = (application.source, *application.sources)
    return _dry_follows(application, push) or any(_tracks(source, push) for source in sources)


def refresh_change(application: Application, push: Push) -> Mapping[str, Any]:
    """Return the merge patch that has Argo CD look now; empty where that is asked for already.

    Several askings are one. What somebody asked for, such as ``hard``, is left as it is.
    """
    wanted = [REFRESH, HYDRATE] if _dry_follows(application, push) else [REFRESH]
    missing = [name for name in wanted if name not in application.annotations]
    return {"metadata": {"annotations": dict.fromkeys(missing, NORMAL)}} if missing else {}


def _dry_follows(application: Application, push: Push) -> bool:
    return _tracks(application.dry_source, push)


def _tracks(source: Source | None, push: Push) -> bool:
    if source is None or source.chart or not _is_place(source.repo_url, push.repository):
        return False
    if source.target_revision in _DEFAULT:
        return push.is_default
    return source.target_revision.removeprefix(_HEADS) == push.branch


def _is_place(one: str, other: str) -> bool:
    """Tell whether two URLs are one repository; a write-back may reach it by another protocol."""
    return same_repository(one, other) or repository_place(one) == repository_place(other)
