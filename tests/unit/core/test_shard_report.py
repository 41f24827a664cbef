"""What shards tell each other about their results: taken apart, written, read and put together."""

import gzip
import random

import msgspec
import pytest

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.counting import count_by_resource, total
from argocd_image_updater.core.decisions import Change, Decision
from argocd_image_updater.core.reasons import Outcome, Reason
from argocd_image_updater.core.reference import ImageTag
from argocd_image_updater.core.report import CycleReport, ResourceResult
from argocd_image_updater.core.rollouts import Stage
from argocd_image_updater.core.settings import Problem
from argocd_image_updater.core.shard_document import (
    DOCUMENT_BYTES,
    UNPACKED_BYTES,
    ReportMalformed,
    decode_report,
    encode_report,
)
from argocd_image_updater.core.shard_report import (
    ResourcePart,
    ShardReport,
    joined_report,
    renewed,
    split_report,
)
from argocd_image_updater.core.shards import Ownership

ONE, TWO = ObjectKey("argocd", "one"), ObjectKey("argocd", "two")


def decision(number, *, resource=ONE, reason=Reason.UP_TO_DATE, message="m", **more):
    return Decision(
        resource=resource,
        application=ObjectKey("argocd", f"app-{number:05}"),
        alias="web",
        image="ghcr.io/acme/web",
        reason=reason,
        message=message,
        current=ImageTag("1.0"),
        current_from="live",
        chosen=ImageTag("1.1", "sha256:" + "a" * 64),
        considered=True,
        **more,
    )


def updated(number, **more):
    change = Change("web", "ghcr.io/acme/web", "acme/web", ImageTag("1.0"), ImageTag("1.1"))
    return decision(number, reason=Reason.UPDATED, change=change, written_to="values.yaml", **more)


def a_cycle(shards=3):
    """A cycle over two resources and thirty Applications, as one process would report it."""
    decisions = [
        *(updated(number) for number in range(6)),
        *(decision(number) for number in range(6, 20)),
        *(decision(number, resource=TWO, reason=Reason.PUSH_REJECTED) for number in range(20, 30)),
    ]
    problems = (
        Problem(Reason.SETTINGS_INVALID, "all of it", resource=TWO),
        Problem(
            Reason.SETTINGS_INVALID, "one", resource=TWO, application=ObjectKey("argocd", "lost")
        ),
    )
    intents = {
        (item.resource, item.application): number % shards for number, item in enumerate(decisions)
    }
    by_resource = count_by_resource((ONE, TWO), decisions, problems=problems)
    return CycleReport(
        decisions=tuple(decisions),
        problems=problems,
        counters=total(by_resource.values()),
        by_resource=by_resource,
        resources={
            ONE: ResourceResult(4, 20, by_resource[ONE]),
            TWO: ResourceResult(7, 10, by_resource[TWO], failure=problems[0]),
        },
        ownership=Ownership(shards, intents),
    )


def reports(cycle, held, *, name="c1", shards=3):
    parts = split_report(cycle, held=held, cycle=name)
    return [ShardReport(shard, shards, "pod", parts[shard]) for shard in held]


def through_bytes(report):
    return decode_report(encode_report(report))


def joined(*found, shards=3):
    """Return what reports say together."""
    parts = {}
    for report in found:
        for key, part in report.parts.items():
            parts.setdefault(key, {})[report.shard] = part
    return joined_report(parts, shards=shards)


def same(report):
    """What a status is made of."""
    return (
        report.decisions,
        set(report.problems),
        report.counters,
        report.by_resource,
        report.resources,
    )


@pytest.mark.parametrize("shards", [1, 2, 3, 7])
def test_the_results_of_all_shards_together_are_those_of_one_process(shards):
    cycle = a_cycle(shards)
    found = [through_bytes(item) for item in reports(cycle, range(shards), shards=shards)]
    together = joined(*found, shards=shards)
    assert same(together) == same(cycle)
    assert not together.pending


def test_a_replica_of_several_shards_reports_each_by_itself():
    cycle = a_cycle()
    zero, one, two = reports(cycle, (0, 1, 2))
    assert sum(part.result.applications for part in one.parts.values()) == 10
    assert joined(zero, through_bytes(one), through_bytes(two)).counters == cycle.counters


def test_a_resource_is_worked_on_as_far_as_its_slowest_shard():
    cycle = a_cycle()
    zero, _, two = reports(cycle, (0, 1, 2))
    slow = ResourcePart(ResourceResult(generation=3))
    merged = joined(zero, ShardReport(1, 3, "pod", {ONE: slow, TWO: slow}), two)
    assert merged.resources[ONE].generation == 3


def test_a_resource_waits_for_each_shard_that_has_not_told_of_it():
    cycle = a_cycle()
    zero, one, two = reports(cycle, (0, 1, 2))
    assert joined(zero).pending == {ONE: (1, 2)}  # the other one cannot be used at all
    assert joined(zero, two).pending == {ONE: (1,)}
    assert joined(zero, one, two).pending == {}


def test_a_result_that_says_nothing_new_keeps_the_name_of_its_cycle():
    old = ResourcePart(ResourceResult(1), (decision(1),), cycle="c1")
    new = ResourcePart(ResourceResult(1), (decision(1),), cycle="c2")
    assert renewed(old, new, recent=()) is old
    assert renewed(None, new, recent=()) == new
    other = ResourcePart(ResourceResult(1), (decision(2),), cycle="c2")
    assert renewed(old, other, recent=()) == other
    news = an_update("c2")
    assert renewed(an_update("c1"), news, recent=()) == news


def an_update(cycle):
    counters = count_by_resource([ONE], [updated(1)], problems=())[ONE]
    return ResourcePart(ResourceResult(1, 1, counters), (updated(1),), cycle=cycle)


def test_what_was_updated_stays_with_the_results_for_a_while():
    idle = [ResourcePart(ResourceResult(1), (decision(1),), cycle=f"c{n}") for n in range(5)]
    first = renewed(an_update("c1"), idle[2], recent=["c1"])
    assert first.earlier == (("c1", updated(1)),)
    assert renewed(first, idle[3], recent=["c1"]) is first
    assert through_bytes(ShardReport(1, 2, "pod", {ONE: first})).parts[ONE] == first
    later = renewed(first, idle[4], recent=[])
    assert later == idle[4]


def test_what_was_updated_earlier_makes_room_for_what_is_now():
    number = 2000
    decisions = tuple(decision(n, message=f"{n * 7919 % 10**9}") for n in range(number))
    earlier = tuple((f"c{n}", updated(n)) for n in range(number))
    part = ResourcePart(ResourceResult(1), decisions, earlier=earlier)
    report = ShardReport(1, 2, "pod", {ONE: part})
    bare = ShardReport(1, 2, "pod", {ONE: ResourcePart(ResourceResult(1), decisions)})
    assert encode_report(report, limit_bytes=len(encode_report(report)) - 1) == encode_report(bare)


def test_equal_reports_are_equal_bytes():
    (report,) = reports(a_cycle(), (1,))
    assert encode_report(report) == encode_report(report)


def large(number=30_000):
    dice = random.Random(7)
    noise = [f"{dice.getrandbits(400):x}" for _ in range(number)]
    reasons = [Reason.UP_TO_DATE] * 8 + [Reason.NOT_LIVE, Reason.PUSH_REJECTED]
    decisions = tuple(
        decision(place, reason=reasons[place % 10], message=text)
        for place, text in enumerate(noise)
    )
    return ShardReport(1, 2, "pod", {ONE: ResourcePart(ResourceResult(1), decisions)})


def test_what_does_not_fit_is_left_out_the_least_important_first_and_counted():
    report = large()
    data = encode_report(report)
    assert len(data) <= DOCUMENT_BYTES
    part = decode_report(data).parts[ONE]
    kept = [item.outcome for item in part.decisions]
    assert kept.count(Outcome.ERROR) == 3000
    assert kept.count(Outcome.SKIPPED) == 3000
    assert 0 < kept.count(Outcome.CURRENT) < 24_000
    assert part.omitted == 30_000 - len(kept)
    (warning,) = joined(decode_report(data)).warnings
    assert str(part.omitted) in warning


@pytest.mark.parametrize("stage", [None, *Stage])
def test_how_far_a_change_has_come_is_told(stage):
    part = ResourcePart(ResourceResult(), (decision(1, rollout=stage),))
    (found,) = through_bytes(ShardReport(0, 2, "pod", {ONE: part})).parts[ONE].decisions
    assert found.rollout is stage


def test_a_stage_of_a_newer_version_is_left_out():
    part = ResourcePart(ResourceResult(), (decision(1, rollout=Stage.SEEN),))
    text = gzip.decompress(encode_report(ShardReport(0, 2, "pod", {ONE: part})))
    newer = gzip.compress(text.replace(b'"Seen"', b'"Paused"'))
    (found,) = decode_report(newer).parts[ONE].decisions
    assert found.rollout is None


def test_a_report_fits_whatever_it_holds():
    assert len(encode_report(large(200), limit_bytes=2000)) <= 2000
    assert decode_report(encode_report(large(200), limit_bytes=130)).parts == {}


def test_foreign_texts_are_bounded_and_printable():
    text = "a\x1b[31m\n" + "b" * 5000
    part = ResourcePart(ResourceResult(1), (decision(1, message=text),))
    found = through_bytes(ShardReport(1, 2, "pod", {ONE: part})).parts[ONE].decisions[0]
    assert found.message.isprintable()
    assert len(found.message) <= 512


VALID = {"version": 1, "shard": 1, "shards": 2, "holder": "h", "resources": []}
RESOURCE = {"namespace": "n", "name": "r", "cycle": "c"}


def packed(document):
    return gzip.compress(msgspec.json.encode(document))


# Named, for the bytes of gzip hold the time: test processes must find the same tests.
NO_REPORTS = {
    "empty": b"",
    "no gzip": b"hello",
    "nothing packed": gzip.compress(b""),
    "nesting": gzip.compress(b"[" * 100_000),
    "only a version": gzip.compress(b'{"version":1}'),
    "cut off": encode_report(ShardReport(1, 2))[:-3],
    "of the future": packed({**VALID, "version": 2, "resources": "of the future"}),
    "shard above": packed({**VALID, "shard": 2}),
    "shard below": packed({**VALID, "shard": -1}),
    "negative counter": packed(
        {**VALID, "resources": [{**RESOURCE, "counters": [-1, 0, 0, 0, 0]}]}
    ),
    "huge counter": packed(
        {**VALID, "resources": [{**RESOURCE, "counters": [10**40, 0, 0, 0, 0]}]}
    ),
    "unknown reason": packed(
        {**VALID, "resources": [{**RESOURCE, "problems": [{"reason": "Nonsense"}]}]}
    ),
    "too many": packed({**VALID, "resources": [RESOURCE] * 10_001}),
    "too large": gzip.compress(b" " * (UNPACKED_BYTES + 1)),
}


@pytest.mark.parametrize("data", NO_REPORTS.values(), ids=NO_REPORTS)
def test_what_is_no_report_is_refused(data):
    with pytest.raises(ReportMalformed):
        decode_report(data)


def test_fields_of_later_releases_are_passed_over():
    assert decode_report(packed({**VALID, "more": 1})) == ShardReport(1, 2, "h")
