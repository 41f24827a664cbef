"""Kubernetes events about Applications: what was written, and what could not be.

One ``Normal`` event for each Application that was written to, with the old and new tags as
annotations; one ``Warning`` event for each cause of a failure. Nothing here is sent or remembered:
`warnings_of` says what could be told, its sender keeps to the limits of repetition.

Source of the rules: docs/status.md, and of the fields
https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from argocd_image_updater.core.bounded_text import plain, plain_bytes
from argocd_image_updater.core.failures import failures_of
from argocd_image_updater.core.instants import instant_of
from argocd_image_updater.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.decisions import Change
    from argocd_image_updater.core.failures import Failure
    from argocd_image_updater.core.report import CycleReport

NORMAL, WARNING = "Normal", "Warning"
IMAGES_UPDATED, IMAGE_UPDATE_FAILED = "ImagesUpdated", "ImageUpdateFailed"
COMPONENT = "ArgocdImageUpdater"
NAME_LIMIT = 253
MESSAGE_LIMIT_BYTES = 1024  # the API server's
# Annotations of an object have 256 KiB together; four for each change, of bounded values.
ANNOTATED_CHANGES = 100
_VALUE_LIMIT_BYTES = 512
# What one Application can be told in one cycle.
WARNINGS_PER_APPLICATION = 5
_NAMES_LIMIT = 200
_CHANGES_PREFIX = "argocd-image-updater.image-"
_FAILURE_PREFIX = "argocd-image-updater.argoproj.io/"
_NUMBER = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class Event:
    """What is told about an Application; similar: equal for what says the same again."""

    application: ObjectKey
    type: str
    reason: str
    message: str
    annotations: Mapping[str, str]
    similar: str = ""


def updates_of(report: CycleReport) -> tuple[Event, ...]:
    """Return the events about Applications that were written to; none for a dry run."""
    if report.dry_run:
        return ()
    changes: dict[ObjectKey, list[Change]] = defaultdict(list)
    for decision in report.decisions:
        if decision.reason is Reason.UPDATED and decision.change is not None:
            changes[decision.application].append(decision.change)
    return tuple(
        Event(
            application,
            NORMAL,
            IMAGES_UPDATED,
            f"Successfully updated application '{application.name}'",
            _told_changes(found),
        )
        for application, found in sorted(changes.items())
    )


def warnings_of(report: CycleReport) -> tuple[Event, ...]:
    """Return the events about what failed, at most a few for each Application."""
    if report.dry_run:
        return ()
    found: dict[ObjectKey, list[Event]] = defaultdict(list)
    for failure in failures_of(report.decisions, report.problems):
        if failure.application is not None:
            told = found[failure.application]
            if len(told) < WARNINGS_PER_APPLICATION:
                told.append(_warning(failure, failure.application))
    return tuple(event for _, events in sorted(found.items()) for event in events)


def event_document(
    event: Event, *, uid: str, resource_version: str, unix_ns: int
) -> dict[str, Any]:
    """Return the object of an event; uid and version: of the Application, empty = not known."""
    moment = instant_of(unix_ns)
    about = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "namespace": event.application.namespace,
        "name": event.application.name,
        "uid": uid,
        "resourceVersion": resource_version,
    }
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": event_name(event.application.name, unix_ns=unix_ns),
            "namespace": event.application.namespace,
            "annotations": dict(event.annotations),
        },
        "involvedObject": {name: value for name, value in about.items() if value},
        "type": event.type,
        "reason": event.reason,
        "message": event.message,
        "source": {"component": COMPONENT},
        "count": 1,
        "firstTimestamp": moment,
        "lastTimestamp": moment,
    }


def event_name(application: str, *, unix_ns: int) -> str:
    """Return ``<application>.<nanoseconds in hexadecimal>``, which stays a valid name."""
    suffix = f".{unix_ns:x}"
    return application[: NAME_LIMIT - len(suffix)].rstrip("-.") + suffix


def _told_changes(changes: Sequence[Change]) -> dict[str, str]:
    annotations: dict[str, str] = {}
    for index, change in enumerate(changes[:ANNOTATED_CHANGES]):
        values = {
            "full-image-name": change.image,
            "image-name": change.name,
            "old-tag": change.old.text,
            "new-tag": change.new.text,
        }
        for name, value in values.items():
            told = plain_bytes(value, _VALUE_LIMIT_BYTES)
            annotations[f"{_CHANGES_PREFIX}{index}/{name}"] = told
    return annotations


def _warning(failure: Failure, application: ObjectKey) -> Event:
    names = plain(", ".join(failure.images), _NAMES_LIMIT)
    text = f"{failure.reason}: {names}: {failure.message}"
    if not names:
        text = f"{failure.reason}: {failure.message}"
    annotations = {f"{_FAILURE_PREFIX}reason": str(failure.reason)}
    if failure.resource is not None:
        text = f"ImageUpdater {failure.resource.name}: {text}"
        annotations[f"{_FAILURE_PREFIX}resource"] = str(failure.resource)
    message = plain_bytes(text, MESSAGE_LIMIT_BYTES)
    # A time to wait or an attempt that is counted in a message does not make it another one.
    similar = _NUMBER.sub("0", message)
    return Event(application, WARNING, IMAGE_UPDATE_FAILED, message, annotations, similar)
