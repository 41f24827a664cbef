"""Undecoded objects of the API to the values of the core, by the decoders of the core.

Only the fields that those look at are decoded: the managed fields, the resource tree and the
history of an Application, most of its bytes, are passed over. An object whose fields have other
types than expected is decoded in full, so that the core says what is wrong with it, exactly as it
does for a manifest in a folder.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict

import msgspec

from argocd_image_updater.core.application import Application, ObjectKey, Origin
from argocd_image_updater.core.applications import decode_application
from argocd_image_updater.core.resource import Resource, decode_resource
from argocd_image_updater.kube.nesting import decode_any_depth

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.core.settings import Problem

ORIGIN = Origin()  # it reads "cluster"
# What kubectl keeps of the last manifest: as large as the object, and of no use here.
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class _Metadata(TypedDict, total=False):
    name: str
    namespace: str
    uid: str
    resourceVersion: str
    generation: int
    creationTimestamp: str
    deletionTimestamp: str
    finalizers: list[str]
    labels: dict[str, str]
    annotations: dict[str, str]


class _Revisions(TypedDict, total=False):
    status: Any
    revision: Any
    revisions: Any


class _Health(TypedDict, total=False):
    status: Any


class _Operation(TypedDict, total=False):
    phase: Any
    message: Any
    finishedAt: Any
    syncResult: _Revisions


class _HydrateOperation(TypedDict, total=False):
    drySHA: Any


class _Hydrator(TypedDict, total=False):
    currentOperation: _HydrateOperation
    lastSuccessfulOperation: _HydrateOperation


class _ApplicationStatus(TypedDict, total=False):
    sync: _Revisions
    health: _Health
    operationState: _Operation
    sourceHydrator: _Hydrator
    sourceType: Any
    sourceTypes: Any
    summary: Any


class _ApplicationSpec(TypedDict, total=False):
    project: Any
    destination: Any
    source: Any
    sources: Any
    sourceHydrator: Any


class _Application(TypedDict, total=False):
    metadata: _Metadata
    spec: _ApplicationSpec
    status: _ApplicationStatus


class _Resource(TypedDict, total=False):
    metadata: _Metadata
    spec: Any
    status: Any


class _OnlyMetadata(TypedDict, total=False):
    metadata: _Metadata


_APPLICATION = msgspec.json.Decoder(_Application)
_RESOURCE = msgspec.json.Decoder(_Resource)
_METADATA = msgspec.json.Decoder(_OnlyMetadata)
_ANY = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True, slots=True)
class Decoded:
    """One object as the cluster has it now.

    value: None where the core refuses it; problems and warnings say why. status and finalizers: of
    an ImageUpdater, for whoever writes them. uid: tells an object from an earlier one of its name.
    """

    key: ObjectKey
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    deleting: bool = False
    value: Resource | Application | None = None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    status: Mapping[str, Any] = field(default_factory=dict)
    finalizers: tuple[str, ...] = ()


def decode_application_object(raw: bytes | msgspec.Raw) -> Decoded:
    """Return an Application as a snapshot, or what is wrong with it."""
    document = _decode(_APPLICATION, raw)
    metadata = document.get("metadata") or {}
    if annotations := metadata.get("annotations"):
        annotations.pop(_LAST_APPLIED, None)
    value, problems, warnings = decode_application(document, origin=ORIGIN)
    return _decoded(metadata, value, problems=problems, warnings=warnings)


def decode_resource_object(raw: bytes | msgspec.Raw) -> Decoded:
    """Return an ImageUpdater as a snapshot, or what is wrong with it.

    With any problem there is no value: it is treated like the same manifest in a folder.
    """
    document = _decode(_RESOURCE, raw)
    metadata = document.get("metadata") or {}
    value, problems, warnings = decode_resource(document, origin=ORIGIN)
    status = document.get("status")
    return _decoded(
        metadata,
        None if problems else value,
        problems=problems,
        warnings=warnings,
        status=status if isinstance(status, dict) else {},
        finalizers=tuple(metadata.get("finalizers") or ()),
    )


def decode_metadata(raw: bytes | msgspec.Raw) -> Mapping[str, Any]:
    """Return name, namespace and version of an object of any kind."""
    found = _decode(_METADATA, raw).get("metadata")
    return found if isinstance(found, dict) else {}


def key_of(metadata: Mapping[str, Any]) -> ObjectKey:
    """Return the key of an object that the API server has, so that it has a name."""
    return ObjectKey(str(metadata.get("namespace", "")), str(metadata.get("name", "")))


def _decode(decoder: msgspec.json.Decoder[Any], raw: bytes | msgspec.Raw) -> dict[str, Any]:
    try:
        document: dict[str, Any] = decode_any_depth(decoder.decode, raw)
    except msgspec.ValidationError:
        document = decode_any_depth(_ANY.decode, raw)
    return document


def _decoded(
    metadata: Mapping[str, Any],
    value: Resource | Application | None,
    *,
    problems: list[Problem],
    warnings: list[str],
    status: Mapping[str, Any] | None = None,
    finalizers: tuple[str, ...] = (),
) -> Decoded:
    return Decoded(
        key=key_of(metadata),
        uid=str(metadata.get("uid", "")),
        resource_version=str(metadata.get("resourceVersion", "")),
        generation=int(metadata.get("generation") or 0),
        deleting=bool(metadata.get("deletionTimestamp")),
        value=value,
        problems=tuple(problems),
        warnings=tuple(warnings),
        status=status or {},
        finalizers=finalizers,
    )
