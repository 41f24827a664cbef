"""Which updates are recent where several shards tell of them."""

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.decisions import Change, Decision
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.reference import ImageTag
from argocd_image_updater.core.report import CycleReport, ResourceResult
from argocd_image_updater.core.shard_news import NOTHING_TOLD, forget, lists, names_of, tell
from argocd_image_updater.core.shard_report import ResourcePart
from argocd_image_updater.core.status import desired_status, outcomes_of, recent_updates

ONE = ObjectKey("argocd", "one")
NOW = "2026-01-01T00:00:00Z"


def updated(name, version="1.1"):
    change = Change("web", "acme/web", "acme/web", ImageTag("1.0"), ImageTag(version))
    return Decision(
        ONE, ObjectKey("argocd", name), "web", "acme/web", Reason.UPDATED, "", change=change
    )


def idle(name):
    return Decision(ONE, ObjectKey("argocd", name), "web", "acme/web", Reason.ALREADY_SET, "")


def part(cycle, *decisions):
    return ResourcePart(ResourceResult(1, len(decisions)), decisions, cycle=cycle)


def names(found):
    return [item.application.name for item in found]


class Writer:
    """Tells one state of the reports after the other."""

    def __init__(self):
        self.told = NOTHING_TOLD

    def tell(self, now_s=0.0, **parts):
        found = {ONE: {int(name[1:]): item for name, item in parts.items()}}
        self.told, news = tell(self.told, found, now_s=now_s, recent_s=60)
        return names(news[ONE])


def test_an_update_is_news_once():
    writer = Writer()
    zero, one = part("a/1", updated("x")), part("b/1", updated("y"))
    assert writer.tell(s0=zero) == ["x"]
    assert writer.tell(s0=zero) == []
    assert writer.tell(s0=zero, s1=one) == ["x", "y"]
    assert writer.tell(s0=part("a/2", idle("x")), s1=one) == []


def test_what_was_told_a_short_while_ago_stays_beside_it():
    writer = Writer()
    idle_now = part("a/2", idle("x"))
    writer.tell(s0=part("a/1", updated("x")))
    assert writer.tell(now_s=59, s0=idle_now, s1=part("b/1", updated("y"))) == ["x", "y"]
    assert writer.tell(now_s=61, s0=idle_now, s1=part("b/2", updated("z"))) == ["y", "z"]


def test_an_application_counts_once_for_each_version():
    writer = Writer()
    writer.tell(s0=part("a/1", updated("x")))
    writer.tell(now_s=1, s0=part("a/2", updated("x")))
    writer.tell(now_s=2, s0=part("a/3", updated("x", "1.2")))
    _, news = tell(
        writer.told, {ONE: {1: part("b/1", updated("y"))}}, now_s=3, recent_s=60
    )  # fmt: skip
    entries = recent_updates(news[ONE], now=NOW)
    assert [(entry["newVersion"], entry["applicationsUpdated"]) for entry in entries] == [
        ("1.1", 2),
        ("1.2", 1),
    ]


def test_what_no_report_has_any_more_is_forgotten():
    found = {ONE: {0: part("a/1", updated("x"))}}
    told, _ = tell(NOTHING_TOLD, found, now_s=0, recent_s=60)
    assert forget(told, parts=names_of(found), known=[ONE]) == told
    assert forget(told, parts=(), known=()) == NOTHING_TOLD


def test_a_status_lists_an_update_by_its_alias_and_version():
    status = {"recentUpdates": [{"alias": "web", "newVersion": "1.1"}, "nonsense"]}
    assert lists(status, [updated("x"), idle("y")])
    assert not lists(status, [updated("x", "1.2")])
    assert not lists({}, [updated("x")])
    assert lists({"recentUpdates": "nonsense"}, [idle("x")])


def test_the_status_lists_the_news_and_not_what_each_shard_did_last():
    report = CycleReport(
        decisions=(updated("x"),), resources={ONE: ResourceResult(1, 1)}, news={ONE: ()}
    )
    status = desired_status({}, outcomes_of(report)[ONE], now=NOW)
    assert "recentUpdates" not in status
    assert status["reasons"] == {"Updated": 1}


def test_a_status_that_waits_for_other_shards_keeps_what_it_says():
    before = desired_status(
        {},
        outcomes_of(CycleReport(resources={ONE: ResourceResult(1, 7)}))[ONE],
        now=NOW,
    )
    later = "2026-01-01T00:01:00Z"
    report = CycleReport(resources={ONE: ResourceResult(2, 3)}, pending={ONE: (1, 2)})
    status = desired_status(before, outcomes_of(report)[ONE], now=later)
    changed = {name for name in status if status[name] != before.get(name)}
    assert changed == {"lastCheckedAt", "conditions"}
    reconciling, *others = status["conditions"]
    assert (reconciling["status"], others) == ("True", before["conditions"][1:])
    assert "shard 1, 2" in reconciling["message"]
