"""What a cycle's report makes of a resource's status."""

import json

import pytest

from argocd_image_updater.core.reasons import Outcome, Reason
from argocd_image_updater.core.reference import ImageTag
from argocd_image_updater.core.report import CycleReport
from argocd_image_updater.core.status import (
    Kept,
    as_meant,
    begun_status,
    desired_status,
    kept_after,
    outcomes_of,
    status_patch,
)
from unit.core.reporting import KEY, a_change, a_decision, a_problem, a_report, updated

NOW, BEFORE = "2026-03-01T12:00:00Z", "2026-02-01T00:00:00Z"


def after(report, previous=None, *, now=NOW, **more):
    return desired_status(previous or {}, outcomes_of(report)[KEY], now=now, **more)


def conditions(status):
    return {item["type"]: item for item in status["conditions"]}


def short(status):
    return [(item["type"], item["status"], item["reason"]) for item in status["conditions"]]


def test_a_cycle_without_errors_is_ready():
    status = after(a_report(updated(), a_decision(alias="db")))
    assert short(status) == [
        ("Reconciling", "False", "Idle"),
        ("Error", "False", "NoErrors"),
        ("Ready", "True", "ReconcileSucceeded"),
    ]
    assert conditions(status)["Ready"]["message"] == "1 Application matched, 1 image updated."
    assert status["observedGeneration"] == 7
    assert status["lastCheckedAt"] == NOW
    assert (status["applicationsMatched"], status["imagesManaged"]) == (1, 2)
    assert all(item["observedGeneration"] == 7 for item in status["conditions"])
    assert all(item["lastTransitionTime"] == NOW for item in status["conditions"])


def test_some_errors_leave_it_ready_and_are_told():
    report = a_report(
        a_decision(Reason.RATE_LIMITED, message="ghcr.io: too many requests"),
        updated("api"),
        errors=1,
    )
    status = after(report)
    assert short(status)[1:] == [
        ("Error", "True", "PartialErrors"),
        ("Ready", "True", "ReconcileCompletedWithErrors"),
    ]
    assert conditions(status)["Error"]["message"] == (
        "The last check met 1 error: web [web] RateLimited: ghcr.io: too many requests"
    )
    expected = "2 Applications matched, 1 error, 1 image updated."
    assert conditions(status)["Ready"]["message"] == expected


def test_a_selection_that_failed_is_not_ready():
    failure = a_problem(message="namePattern [: malformed")
    status = after(a_report(failure=failure, problems=[failure], errors=1))
    assert short(status) == [
        ("Reconciling", "False", "Idle"),
        ("Error", "True", "ReconcileError"),
        ("Ready", "False", "ReconcileFailed"),
    ]
    assert conditions(status)["Error"]["message"] == "namePattern [: malformed"
    assert conditions(status)["Ready"]["message"] == "The check failed: namePattern [: malformed"
    assert (status["applicationsMatched"], status["imagesManaged"]) == (0, 0)
    assert (status["images"], status["reasons"]) == ([], {})
    assert status["lastCheckedAt"] == NOW


def test_a_resource_that_never_got_to_be_worked_on_fails_in_the_same_way():
    report = CycleReport(problems=(a_problem(message="spec is required"),))
    status = after(report, generation=3)
    assert short(status)[2] == ("Ready", "False", "ReconcileFailed")
    assert conditions(status)["Error"]["message"] == "spec is required"
    assert status["observedGeneration"] == 3


def test_a_cycle_that_runs_leaves_the_other_conditions_alone():
    ended = after(a_report(updated()), now=BEFORE)
    status = begun_status(ended, now=NOW, generation=8)
    begun = conditions(status)["Reconciling"]
    assert (begun["status"], begun["reason"]) == ("True", "Reconciling")
    assert (begun["lastTransitionTime"], begun["observedGeneration"]) == (NOW, 8)
    assert status["conditions"][1:] == ended["conditions"][1:]
    assert begun_status(status, now="2027-01-01T00:00:00Z", generation=8) == status


def test_the_time_of_a_condition_changes_with_its_status_only():
    first = after(a_report(a_decision()), now=BEFORE)
    errors = a_report(a_decision(Reason.AUTH_FAILED), errors=1)
    second = after(errors, first)
    times = {name: item["lastTransitionTime"] for name, item in conditions(second).items()}
    assert times == {"Reconciling": BEFORE, "Error": NOW, "Ready": BEFORE}
    assert conditions(second)["Ready"]["reason"] == "ReconcileCompletedWithErrors"


def test_conditions_of_others_and_the_order_are_kept():
    foreign = {"type": "example.org/Audited", "status": "Unknown", "anything": 1}
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": BEFORE}
    status = after(a_report(a_decision()), {"conditions": [ready, foreign, foreign, "odd", {}]})
    names = [item["type"] for item in status["conditions"]]
    assert names == ["Ready", "example.org/Audited", "Reconciling", "Error"]
    assert status["conditions"][1] is foreign
    assert status["conditions"][0]["lastTransitionTime"] == BEFORE


def test_only_what_was_written_is_an_update():
    failed = a_decision(Reason.PUSH_REJECTED, application="lost", alias="aa")
    status = after(a_report(updated("web"), updated("api"), failed, errors=1))
    assert status["recentUpdates"] == [
        {
            "alias": "web",
            "image": "ghcr.io/acme/web",
            "newVersion": "1.1.0",
            "applicationsUpdated": 2,
            "updatedAt": NOW,
            "message": "1.0.0 → 1.1.0",
        }
    ]
    assert status["lastUpdatedAt"] == NOW


def test_updates_are_sorted_by_alias_and_bounded():
    changes = [updated(alias=f"a{number:03}") for number in reversed(range(150))]
    aliases = [item["alias"] for item in after(a_report(*changes))["recentUpdates"]]
    assert aliases == [f"a{number:03}" for number in range(100)]


def test_an_image_without_alias_goes_by_its_name_and_a_digest_is_its_version():
    change = a_change("", old="", new="main")
    digest = ImageTag("main", "sha256:" + "a" * 64)
    change = type(change)("", change.image, change.name, ImageTag(), digest)
    decision = a_decision(Reason.UPDATED, alias="", change=change)
    (entry,) = after(a_report(decision))["recentUpdates"]
    assert (entry["alias"], entry["newVersion"]) == ("acme/web", digest.digest)
    assert entry["message"] == f"→ {digest.digest}"


def test_a_cycle_without_update_keeps_the_last_ones():
    first = after(a_report(updated()), now=BEFORE)
    second = after(a_report(a_decision()), first)
    assert second["recentUpdates"] == first["recentUpdates"]
    assert second["lastUpdatedAt"] == BEFORE


def test_a_dry_run_claims_nothing_and_says_so():
    due = a_decision(Reason.WOULD_UPDATE, change=a_change())
    status = after(a_report(due, dry_run=True), {"lastUpdatedAt": BEFORE, "recentUpdates": []})
    assert (status["lastUpdatedAt"], status["recentUpdates"]) == (BEFORE, [])
    message = conditions(status)["Ready"]["message"]
    assert message == (
        "1 Application matched, 1 image would be updated; dry run: nothing was written."
    )
    assert "lastUpdatedAt" not in after(a_report(due, dry_run=True))


def test_images_of_one_cause_are_one_error_and_the_rest_is_counted():
    pushes = [a_decision(Reason.PUSH_REJECTED, alias=alias, message="protected") for alias in "abc"]
    others = [
        a_decision(Reason.NO_TAGS, application="quiet"),
        *(a_decision(Reason.AUTH_FAILED, application=f"app-{number}") for number in range(9)),
    ]
    message = conditions(after(a_report(*pushes, *others, errors=10)))["Error"]["message"]
    assert message.startswith("The last check met 10 errors: web [a, b, c] PushRejected: protected")
    assert message.count(";") == 5
    assert message.endswith("; and 5 more")


def test_a_conflict_names_the_winner():
    text = "Application argocd/web: image web is kept by the older resource argocd/first"
    conflict = a_decision(Reason.CONFLICT, message=text)
    message = conditions(after(a_report(conflict, errors=1)))["Error"]["message"]
    assert message.endswith(
        "web [web] Conflict: image web is kept by the older resource argocd/first"
    )


def test_problems_of_the_resource_and_of_applications_are_told():
    problems = [
        a_problem(message="labelSelectors: bad key"),
        a_problem(Reason.SOURCE_UNSUPPORTED, "a directory", application="plain"),
    ]
    status = after(a_report(problems=problems, errors=2))
    message = conditions(status)["Error"]["message"]
    assert "SettingsInvalid: labelSelectors: bad key; plain SourceUnsupported" in message
    (entry,) = status["images"]
    assert (entry["application"], entry["reason"]) == ("plain", "SourceUnsupported")
    assert "image" not in entry


def test_messages_are_printable_and_far_below_the_limit():
    text = "bad \x00\x1b[31m\ud800 thing\n" + "x" * 100_000
    decisions = [
        a_decision(Reason.REGISTRY_ERROR, application=f"a{number}", message=text, alias="y" * 9999)
        for number in range(20)
    ]
    status = after(a_report(*decisions, errors=20))
    failed = after(a_report(failure=a_problem(message=text), errors=1))
    for item in (*status["conditions"], *failed["conditions"]):
        assert len(item["message"]) <= 2000
        assert item["message"].isprintable()
    assert all(len(entry["message"]) <= 256 for entry in status["images"])
    json.dumps(status).encode()


def test_each_image_has_an_entry_that_says_how_it_stands():
    decision = a_decision(
        Reason.WOULD_DOWNGRADE, chosen=ImageTag("0.9.0", "sha256:ab"), message="older"
    )
    status = after(a_report(decision, a_decision(alias="", message="as it should be")))
    assert status["images"] == [
        {
            "application": "web",
            "image": "ghcr.io/acme/web",
            "alias": "web",
            "current": "1.0.0",
            "chosen": "0.9.0@sha256:ab",
            "reason": "WouldDowngrade",
            "message": "older",
            "lastTransitionTime": NOW,
        },
        {
            "application": "web",
            "image": "ghcr.io/acme/web",
            "current": "1.0.0",
            "reason": "UpToDate",
            "lastTransitionTime": NOW,
        },
    ]
    assert status["reasons"] == {"UpToDate": 1, "WouldDowngrade": 1}
    assert "imagesOmitted" not in status


def test_the_worst_come_first():
    reasons = [
        Reason.UP_TO_DATE,
        Reason.NO_TAGS,
        Reason.UPDATED,
        Reason.LIST_INCOMPLETE,
        Reason.AUTH_FAILED,
        Reason.ALLOW_TAGS_INVALID,
    ]
    decisions = [
        a_decision(reason, application=f"a{number}") for number, reason in enumerate(reasons)
    ]
    listed = [entry["reason"] for entry in after(a_report(*decisions, errors=1))["images"]]
    assert listed == [
        "AuthFailed",
        "AllowTagsInvalid",
        "ListIncomplete",
        "Updated",
        "NoTags",
        "UpToDate",
    ]


def test_two_hundred_entries_are_listed_and_the_rest_is_counted():
    decisions = [a_decision(application=f"a{number:03}") for number in range(250)]
    decisions.append(a_decision(Reason.RATE_LIMITED, application="z"))
    status = after(a_report(*decisions, errors=1))
    assert len(status["images"]) == 200
    assert status["imagesOmitted"] == 51
    assert status["images"][0]["application"] == "z"
    assert status["reasons"] == {"RateLimited": 1, "UpToDate": 250}
    fewer = after(a_report(a_decision()), status)
    assert "imagesOmitted" not in fewer
    assert status_patch(status, fewer)["imagesOmitted"] is None


def test_the_time_of_an_entry_changes_with_its_reason_only():
    first = after(a_report(a_decision(), a_decision(alias="db")), now=BEFORE)
    newer = a_decision(current=ImageTag("2.0"))
    second = after(a_report(newer, a_decision(Reason.NO_TAGS, alias="db")), first)
    times = {entry["alias"]: entry["lastTransitionTime"] for entry in second["images"]}
    assert times == {"web": BEFORE, "db": NOW}


@pytest.mark.parametrize(
    "value", [None, 7, "text", True, [], ["x", None, 3], {"a": [1]}, [{"type": ["a"]}], [{}]]
)
@pytest.mark.parametrize(
    "name", ["conditions", "images", "reasons", "recentUpdates", "lastCheckedAt", "imagesOmitted"]
)
def test_a_malformed_status_before_is_replaced(name, value):
    clean = after(a_report(updated()))
    assert after(a_report(updated()), {name: value}) == clean


def test_times_that_are_none_are_not_taken_over():
    first = after(a_report(a_decision()), now=BEFORE)
    first["images"][0]["lastTransitionTime"] = "yesterday"
    first["conditions"][2]["lastTransitionTime"] = 17
    second = after(a_report(a_decision()), first)
    assert second["images"][0]["lastTransitionTime"] == NOW
    assert conditions(second)["Ready"]["lastTransitionTime"] == NOW


def test_members_of_others_are_kept():
    assert after(a_report(a_decision()), {"other": {"a": None}})["other"] == {"a": None}


def test_nothing_new_costs_the_time_of_the_check_alone():
    first = after(a_report(a_decision(), a_decision(Reason.NO_TAGS, alias="x")), now=BEFORE)
    second = after(a_report(a_decision(), a_decision(Reason.NO_TAGS, alias="x")), first)
    assert status_patch(first, second) == {"lastCheckedAt": NOW}
    assert status_patch(second, second) == {"lastCheckedAt": NOW}


def test_a_report_is_shared_out_to_its_resources():
    other = type(KEY)("argocd", "other")
    report = a_report(a_decision(), a_decision(key=other, application="api"))
    found = outcomes_of(report)
    assert list(found) == [KEY]  # the other was not what this cycle was about
    assert [item.application.name for item in found[KEY].decisions] == ["web"]


def test_what_the_server_does_not_keep_is_sent_once():
    first = after(a_report(a_decision()), now=BEFORE)
    patch = status_patch({}, first)
    pruned = {name: value for name, value in first.items() if name not in {"images", "reasons"}}
    kept = kept_after({}, patch=patch, desired=first, answer=pruned)
    assert kept == {
        "images": Kept(first["images"], None),
        "reasons": Kept(first["reasons"], None),
    }
    meant = as_meant(pruned, kept)
    second = after(a_report(a_decision()), meant)
    patch = status_patch(meant, second)
    assert patch == {"lastCheckedAt": NOW}
    answer = {**pruned, "lastCheckedAt": NOW}
    assert kept_after(kept, patch=patch, desired=second, answer=answer) == kept


def test_what_somebody_else_took_away_is_written_again():
    first = after(a_report(a_decision()), now=BEFORE)
    kept = kept_after({}, patch=status_patch({}, first), desired=first, answer=first)
    assert kept == {}
    without = {name: value for name, value in first.items() if name != "images"}
    meant = as_meant(without, kept)
    assert "images" in status_patch(meant, after(a_report(a_decision()), meant))


def test_a_member_that_others_changed_since_is_not_what_was_meant():
    kept = {"images": Kept([{"a": 1}], None)}
    assert as_meant({"images": []}, kept) == {"images": []}


def test_every_outcome_has_a_rank():
    for reason in Reason:
        (entry,) = after(a_report(a_decision(reason)))["images"]
        assert entry["reason"] == reason
    assert {outcome.value for outcome in Outcome} == {
        "updated",
        "current",
        "skipped",
        "held",
        "error",
    }


def test_the_message_of_an_image_does_not_repeat_its_application():
    kept = a_decision(Reason.CONFLICT, message="Application argocd/web: kept by another")
    odd = a_problem(application="odd", message="Application argocd/odd: no source")
    status = after(a_report(kept, problems=[odd]))
    assert [image["message"] for image in status["images"]] == ["no source", "kept by another"]
