"""What Argo CD says of an Application: which revision it compared, whether it is synced, healthy.

Read leniently: nothing that is decided rests on it, so a value of another type counts as absent and
is nobody's fault. Every text is bounded. Source of the fields: Argo CD's Application specification,
https://argo-cd.readthedocs.io/en/stable/operator-manual/application.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.bounded_text import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORD_LIMIT = 64  # a status, a phase, a commit of SHA-256
_MESSAGE_LIMIT = 120  # it becomes a part of the message of a status entry
_NEXT_ATTEMPT = ". Retrying attempt #"  # and its number and time, which change with each
_SOURCES_LIMIT = 64  # revisions that are looked at: one for each source


@dataclass(frozen=True, slots=True)
class Deployment:
    """How an Application stands. All texts are empty where Argo CD does not say.

    revisions: that were compared last, one for each source. dry_revisions: the same of the dry
    source. operation_revisions: what the last sync, of `phase` and `message`, was to bring.
    is_retried: it failed, and Argo CD will try again after a pause.
    """

    sync_status: str = ""
    health: str = ""
    revisions: tuple[str, ...] = ()
    dry_revisions: tuple[str, ...] = ()
    phase: str = ""
    message: str = ""
    operation_revisions: tuple[str, ...] = ()
    is_retried: bool = False


UNKNOWN_DEPLOYMENT = Deployment()


def read_deployment(status: object) -> Deployment:
    """Return what the ``status`` of an Application says, whatever it holds."""
    sync, operation, hydrator = (
        _member(status, name) for name in ("sync", "operationState", "sourceHydrator")
    )
    phase = _word(operation, "phase")
    return Deployment(
        sync_status=_word(sync, "status"),
        health=_word(_member(status, "health"), "status"),
        revisions=tuple(_revisions(sync)),
        dry_revisions=tuple(
            dict.fromkeys(
                revision
                for name in ("currentOperation", "lastSuccessfulOperation")
                if (revision := _word(_member(hydrator, name), "drySHA"))
            )
        ),
        phase=phase,
        message=_text(operation, "message", limit=_MESSAGE_LIMIT),
        operation_revisions=tuple(_revisions(_member(operation, "syncResult"))),
        # Argo CD tells a pause between two attempts by nothing else.
        is_retried=phase == "Running" and bool(_word(operation, "finishedAt")),
    )


def _member(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, Mapping) else None


def _word(value: object, name: str) -> str:
    return _text(value, name, limit=_WORD_LIMIT)


def _text(value: object, name: str, *, limit: int) -> str:
    found = _member(value, name)
    return plain(found.partition(_NEXT_ATTEMPT)[0], limit) if isinstance(found, str) else ""


def _revisions(value: object) -> Iterator[str]:
    """Yield the revision of the only source, or those of several."""
    if revision := _word(value, "revision"):
        yield revision
    several = _member(value, "revisions")
    for revision in several[:_SOURCES_LIMIT] if isinstance(several, list) else ():
        if isinstance(revision, str) and revision:
            yield plain(revision, _WORD_LIMIT)
