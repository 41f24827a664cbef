"""A shard's report as bytes of bounded size, and back: compressed JSON of a stated version.

What does not fit is left out, the least important first, and its number stands in its place. A
document of a stranger is data like any other from outside: bounded when unpacked, checked as it is
decoded, and refused as a whole where something is wrong with it.

Source of the rules: docs/sharding.md.
"""

from __future__ import annotations

import gzip
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import msgspec

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.bounded_text import plain
from argocd_image_updater.core.decisions import Change, Decision
from argocd_image_updater.core.reasons import OUTCOME_OF, Outcome, Reason
from argocd_image_updater.core.reference import ImageTag
from argocd_image_updater.core.report import Counters, ResourceResult
from argocd_image_updater.core.rollouts import Stage
from argocd_image_updater.core.settings import Problem
from argocd_image_updater.core.shard_report import ResourcePart, ShardReport
from argocd_image_updater.errors import RemoteError

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION = 1
DOCUMENT_BYTES = 900 * 1024  # a ConfigMap holds 1 MiB
UNPACKED_BYTES = 24 * 1024 * 1024
MAX_RESOURCES = 10_000
_TEXT = 512  # characters of one message
_NAME = 512
_COMPRESSION = 6
_SHRINK = 0.8  # of what seems to fit: the rest may compress worse
# What is left out last.
_WEIGHT = {
    Outcome.ERROR: 0,
    Outcome.HELD: 1,
    Outcome.UPDATED: 2,
    Outcome.SKIPPED: 3,
    Outcome.CURRENT: 4,
}


class ReportMalformed(RemoteError):
    """A document is no report of a shard."""


_STAGES = frozenset(Stage)
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class _Tag(msgspec.Struct, omit_defaults=True):
    name: str = ""
    digest: str = ""


class _Change(msgspec.Struct, omit_defaults=True):
    name: str
    old: _Tag
    new: _Tag


class _Decision(msgspec.Struct, omit_defaults=True):
    namespace: str
    application: str
    image: str
    reason: Reason
    message: str = ""
    alias: str = ""
    current: _Tag | None = None
    from_: str = msgspec.field(name="from", default="")
    chosen: _Tag | None = None
    change: _Change | None = None
    to: str = ""
    considered: bool = False
    rollout: str = ""


class _Problem(msgspec.Struct, omit_defaults=True):
    reason: Reason
    message: str
    application: tuple[str, str] | None = None
    alias: str = ""
    image: str = ""
    field_path: str = ""
    quiet: bool = False


class _Resource(msgspec.Struct, omit_defaults=True):
    namespace: str
    name: str
    cycle: str
    generation: _Count = 0
    applications: _Count = 0
    counters: tuple[_Count, _Count, _Count, _Count, _Count] = (0, 0, 0, 0, 0)
    failure: _Problem | None = None
    decisions: list[_Decision] = []
    problems: list[_Problem] = []
    earlier: list[tuple[str, _Decision]] = []
    omitted: _Count = 0


class _Document(msgspec.Struct):
    version: int
    shard: int
    shards: int
    holder: str
    resources: list[_Resource]


class _Version(msgspec.Struct):
    version: int


_DECODER = msgspec.json.Decoder(_Document)
_VERSION = msgspec.json.Decoder(_Version)


def encode_report(report: ShardReport, *, limit_bytes: int = DOCUMENT_BYTES) -> bytes:
    """Return a report as bytes, at most so many; the same report gives the same bytes."""
    kept = sum(len(part.decisions) + len(part.problems) for part in report.parts.values())
    packed = _packed(report)
    if len(packed) > limit_bytes:  # what was updated in earlier cycles goes first
        report = replace(
            report, parts={key: replace(part, earlier=()) for key, part in report.parts.items()}
        )
        packed = _packed(report)
    while len(packed) > limit_bytes and kept:
        kept = int(kept * min(_SHRINK, _SHRINK * limit_bytes / len(packed)))
        packed = _packed(_trimmed(report, kept))
    if len(packed) > limit_bytes:
        packed = _packed(replace(report, parts={}))
    return packed


def decode_report(data: bytes) -> ShardReport:
    """Return the report that bytes hold.

    Raises:
        ReportMalformed: they hold none, or one of another version.
    """
    text = _unpacked(data)
    try:
        version = _VERSION.decode(text).version
        if version != VERSION:
            raise ReportMalformed(f"it has version {version}, and {VERSION} is understood")
        document = _DECODER.decode(text)
    except (msgspec.DecodeError, RecursionError, ValueError):
        raise ReportMalformed("it is no report") from None
    if not 0 <= document.shard < document.shards or len(document.resources) > MAX_RESOURCES:
        raise ReportMalformed("it has a wrong shard or too many resources")
    return ShardReport(
        document.shard,
        document.shards,
        plain(document.holder, _NAME),
        {ObjectKey(item.namespace, item.name): _part_of(item) for item in document.resources},
    )


def _packed(report: ShardReport) -> bytes:
    resources = sorted(report.parts.items())[:MAX_RESOURCES]
    document = _Document(
        VERSION,
        report.shard,
        report.shards,
        report.holder,
        [_resource(key, part) for key, part in resources],
    )
    return gzip.compress(msgspec.json.encode(document), _COMPRESSION, mtime=0)


def _unpacked(data: bytes) -> bytes:
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)  # gzip
    try:
        text = unpacking.decompress(data, UNPACKED_BYTES)
    except zlib.error:
        raise ReportMalformed("it is not compressed") from None
    if not unpacking.eof:
        raise ReportMalformed(f"it is cut off or has more than {UNPACKED_BYTES} bytes")
    return text


def _trimmed(report: ShardReport, kept: int) -> ShardReport:
    """Return the report with so many entries, the worst ones; each part counts what it lost."""
    ranked = sorted(_ranked(report))
    chosen = {(key, is_problem, index) for _, key, is_problem, index in ranked[:kept]}

    def trim(key: ObjectKey, part: ResourcePart) -> ResourcePart:
        decisions = tuple(
            item for index, item in enumerate(part.decisions) if (key, False, index) in chosen
        )
        problems = tuple(
            item for index, item in enumerate(part.problems) if (key, True, index) in chosen
        )
        lost = len(part.decisions) + len(part.problems) - len(decisions) - len(problems)
        return replace(part, decisions=decisions, problems=problems, omitted=part.omitted + lost)

    return replace(report, parts={key: trim(key, part) for key, part in report.parts.items()})


def _ranked(report: ShardReport) -> Iterator[tuple[int, ObjectKey, bool, int]]:
    for key, part in report.parts.items():
        for index, problem in enumerate(part.problems):
            yield _WEIGHT[OUTCOME_OF[problem.reason]], key, True, index
        for index, decision in enumerate(part.decisions):
            yield _WEIGHT[decision.outcome], key, False, index


def _resource(key: ObjectKey, part: ResourcePart) -> _Resource:
    result, counted = part.result, part.result.counters
    return _Resource(
        namespace=key.namespace,
        name=key.name,
        cycle=part.cycle,
        generation=result.generation,
        applications=result.applications,
        counters=(
            counted.applications,
            counted.images_considered,
            counted.images_skipped,
            counted.images_updated,
            counted.errors,
        ),
        failure=None if result.failure is None else _problem(result.failure),
        decisions=[_decision(item) for item in part.decisions],
        problems=[_problem(item) for item in part.problems],
        earlier=[(plain(cycle, _NAME), _decision(item)) for cycle, item in part.earlier],
        omitted=part.omitted,
    )


def _part_of(item: _Resource) -> ResourcePart:
    key = _key(item.namespace, item.name)
    result = ResourceResult(
        generation=item.generation,
        applications=item.applications,
        counters=Counters(*item.counters),
        failure=None if item.failure is None else _problem_of(item.failure, key),
    )
    return ResourcePart(
        result,
        tuple(_decision_of(found, key) for found in item.decisions),
        tuple(_problem_of(found, key) for found in item.problems),
        plain(item.cycle, _NAME),
        item.omitted,
        tuple(_earlier_of(item, key)),
    )


def _earlier_of(item: _Resource, resource: ObjectKey) -> Iterator[tuple[str, Decision]]:
    for cycle, found in item.earlier:
        if found.change is not None and found.reason is Reason.UPDATED:
            yield plain(cycle, _NAME), _decision_of(found, resource)


def _key(namespace: str, name: str) -> ObjectKey:
    return ObjectKey(plain(namespace, _NAME), plain(name, _NAME))


def _decision(item: Decision) -> _Decision:
    change = item.change
    return _Decision(
        namespace=item.application.namespace,
        application=item.application.name,
        image=plain(item.image, _NAME),
        reason=item.reason,
        message=plain(item.message, _TEXT),
        alias=plain(item.alias, _NAME),
        current=_tag(item.current),
        from_=plain(item.current_from, _NAME),
        chosen=_tag(item.chosen),
        change=None if change is None else _change(change),
        to=plain(item.written_to, _NAME),
        considered=item.considered,
        rollout=str(item.rollout or ""),
    )


def _change(change: Change) -> _Change:
    old, new = _tag(change.old), _tag(change.new)
    assert old is not None
    assert new is not None
    return _Change(plain(change.name, _NAME), old, new)


def _decision_of(item: _Decision, resource: ObjectKey) -> Decision:
    alias, image = plain(item.alias, _NAME), plain(item.image, _NAME)
    change = item.change
    return Decision(
        resource=resource,
        application=_key(item.namespace, item.application),
        alias=alias,
        image=image,
        reason=item.reason,
        message=plain(item.message, _TEXT),
        current=_tag_of(item.current),
        current_from=plain(item.from_, _NAME),
        chosen=_tag_of(item.chosen),
        change=None
        if change is None
        else Change(
            alias,
            image,
            plain(change.name, _NAME),
            _tag_of(change.old) or ImageTag(),
            _tag_of(change.new) or ImageTag(),
        ),
        written_to=plain(item.to, _NAME),
        considered=item.considered,
        # A newer version may tell of more than is known here.
        rollout=Stage(item.rollout) if item.rollout in _STAGES else None,
    )


def _tag(tag: ImageTag | None) -> _Tag | None:
    return None if tag is None else _Tag(plain(tag.name, _NAME), plain(tag.digest, _NAME))


def _tag_of(tag: _Tag | None) -> ImageTag | None:
    return None if tag is None else ImageTag(plain(tag.name, _NAME), plain(tag.digest, _NAME))


def _problem(item: Problem) -> _Problem:
    application = item.application
    return _Problem(
        reason=item.reason,
        message=plain(item.message, _TEXT),
        application=None if application is None else (application.namespace, application.name),
        alias=plain(item.alias, _NAME),
        image=plain(item.image, _NAME),
        field_path=plain(item.field_path, _NAME),
        quiet=item.quiet,
    )


def _problem_of(item: _Problem, resource: ObjectKey) -> Problem:
    return Problem(
        reason=item.reason,
        message=plain(item.message, _TEXT),
        resource=resource,
        application=None if item.application is None else _key(*item.application),
        alias=plain(item.alias, _NAME),
        image=plain(item.image, _NAME),
        field_path=plain(item.field_path, _NAME),
        quiet=item.quiet,
    )
