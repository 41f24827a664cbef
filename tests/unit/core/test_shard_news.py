"""Which updates are recent where several shards tell of them."""

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.decisions import Change, Decision
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.reference import ImageTag
from argocd_image_updater.core.report import CycleReport, ResourceResult
from argocd_image_updater.core.shard_news import lists, named_updates, news_of
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


def part(cycle, *decisions, earlier=()):
    return ResourcePart(ResourceResult(1, len(decisions)), decisions, cycle=cycle, earlier=earlier)


def told_of(**parts):
    """Return what is told of one resource whose shards ``s0``, ``s1``… say this."""
    return {ONE: {int(name[1:]): item for name, item in parts.items()}}


def news(found, told=()):
    return [item.application.name for item in news_of(found, told)[ONE]]


def test_an_update_is_news_once():
    first = told_of(s0=part("a/1", updated("x")), s1=part("b/1", idle("y")))
    assert news(first) == ["x"]
    told = named_updates(first).keys()
    assert news(first, told) == []
    later = told_of(s0=part("a/2", idle("x"), earlier=(("a/1", updated("x")),)))
    assert news(later, told) == []


def test_what_was_updated_a_short_while_ago_stays_beside_what_is_new():
    before = told_of(s0=part("a/1", updated("x")))
    now = told_of(
        s0=part("a/2", idle("x"), earlier=(("a/1", updated("x")),)),
        s1=part("b/1", updated("y")),
    )
    assert news(now, named_updates(before).keys()) == ["x", "y"]


def test_an_application_counts_once_for_each_version():
    found = told_of(
        s0=part("a/3", updated("x"), earlier=(("a/1", updated("x")), ("a/2", updated("x", "1.2")))),
        s1=part("b/1", updated("y")),
    )
    entries = recent_updates(news_of(found, ())[ONE], now=NOW)
    assert [(entry["newVersion"], entry["applicationsUpdated"]) for entry in entries] == [
        ("1.1", 2),
        ("1.2", 1),
    ]


def test_a_status_lists_a_version_for_a_number_of_applications():
    entry = {"alias": "web", "newVersion": "1.1", "applicationsUpdated": 2}
    status = {"recentUpdates": [entry, "nonsense"]}
    assert lists(status, [updated("x"), updated("y"), updated("y")])
    assert not lists(status, [updated("x"), updated("y"), updated("z")])
    assert not lists(status, [updated("x", "1.2")])
    assert not lists({}, [updated("x")])
    assert lists({"recentUpdates": "nonsense"}, [])
    entry["applicationsUpdated"] = "many"
    assert not lists(status, [updated("x")])


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
