"""What is done about a pull request, for everything a forge and a branch can say."""

from dataclasses import replace

import pytest

from argocd_image_updater.core.decisions import Change
from argocd_image_updater.core.pull_requests import (
    SUPERSEDED,
    Action,
    Branches,
    Marker,
    PullRequestFacts,
    RequestState,
    TextForm,
    changes_hash,
    decide_request,
    head_branch,
    hidden,
    read_marker,
)
from argocd_image_updater.core.reference import ImageTag

KEY = "deadbeef"
HEAD = f"image-updater-{KEY}"
BASE, OTHER_BASE, PUSHED, THEIRS = "a" * 40, "b" * 40, "c" * 40, "d" * 40
CHANGES, OLDER = "1" * 64, "2" * 64
NONE = Branches(BASE, "")
BUILT = Branches(BASE, PUSHED)
MARKER = Marker(CHANGES, BASE, PUSHED)


def request(state=RequestState.OPEN, *, body=None, head=HEAD, head_commit=PUSHED, number=7):
    text = f"text\n\n{MARKER}\n" if body is None else body
    return PullRequestFacts(
        number, f"https://f/{number}", head, "main", "t", text, state, (), head_commit
    )


def decided(*found, branches=BUILT, head=HEAD, changes=CHANGES):
    return decide_request(found, target_key=KEY, head=head, changes=changes, branches=branches)


def test_the_first_request_of_a_target_is_opened_on_a_new_branch():
    course = decided(branches=NONE)
    assert (course.action, course.request, course.rebuild) == (Action.PROPOSE, None, True)


def test_an_open_request_that_says_exactly_this_is_left_alone():
    course = decided(request())
    assert (course.action, course.request) == (Action.LEAVE, request())


@pytest.mark.parametrize(
    ("marker", "branches"),
    [
        (Marker(OLDER, BASE, PUSHED), BUILT),
        (Marker(CHANGES, OTHER_BASE, PUSHED), BUILT),
    ],
)
def test_newer_changes_or_a_moved_base_make_the_branch_anew(marker, branches):
    found = request(body=str(marker))
    course = decided(found, branches=branches)
    assert (course.action, course.request, course.rebuild) == (Action.PROPOSE, found, True)


@pytest.mark.parametrize(
    "body",
    [
        str(Marker(OLDER, BASE, PUSHED, shared=True)),
        "a person has written this text anew",
    ],
)
def test_a_branch_with_commits_of_others_is_never_made_anew(body):
    course = decided(request(body=body))
    assert (course.action, course.rebuild) == (Action.PROPOSE, False)


def test_a_commit_that_somebody_added_is_built_on():
    course = decided(request(), branches=Branches(BASE, THEIRS))
    assert (course.action, course.rebuild) == (Action.PROPOSE, False)


def test_a_branch_that_somebody_removed_below_an_open_request_is_made_again():
    course = decided(request(), branches=NONE)
    assert (course.action, course.request.number, course.rebuild) == (Action.PROPOSE, 7, True)


def test_a_request_that_a_person_closed_is_not_proposed_again():
    closed = request(RequestState.CLOSED)
    assert decided(closed).action is Action.HOLD
    assert decided(closed, branches=NONE).request == closed


def test_a_newer_version_is_proposed_after_a_closed_one():
    course = decided(request(RequestState.CLOSED), changes=OLDER)
    assert (course.action, course.request, course.rebuild) == (Action.PROPOSE, None, True)


def test_what_a_person_closed_and_opened_again_is_left():
    assert decided(request(), request(RequestState.CLOSED, number=3)).action is Action.LEAVE


def test_a_request_that_was_closed_as_superseded_declines_nothing():
    closed = request(RequestState.CLOSED, body=f"{MARKER}\n{SUPERSEDED}")
    assert decided(closed).action is Action.PROPOSE


def test_the_branch_of_a_merged_request_is_made_anew_for_the_next():
    course = decided(request(RequestState.MERGED))
    assert (course.action, course.request, course.rebuild) == (Action.PROPOSE, None, True)


def test_a_branch_that_belongs_to_no_request_is_built_on():
    assert not decided(branches=Branches(BASE, THEIRS)).rebuild
    assert not decided(request(RequestState.MERGED), branches=Branches(BASE, THEIRS)).rebuild


def test_requests_of_older_names_are_superseded():
    old = request(head=f"{HEAD}-{OLDER}", number=3)
    course = decided(old, branches=NONE)
    assert (course.action, course.superseded) == (Action.PROPOSE, (old,))
    course = decided(old, request())
    assert (course.action, course.request.number) == (Action.PROPOSE, 7)
    assert course.superseded == (old,)


def test_requests_of_other_targets_and_people_are_nobodys_business():
    others = [
        request(head="image-updater-deadbee", number=1),
        request(head="image-updater-deadbeef0", number=2),
        request(head="feature", number=3),
    ]
    course = decided(*others, branches=NONE)
    assert (course.action, course.request, course.superseded) == (Action.PROPOSE, None, ())


def test_with_a_branch_for_each_version_the_newer_request_supersedes_the_older():
    old = request(head=head_branch(KEY, OLDER, per_version=True), number=3)
    new = head_branch(KEY, CHANGES, per_version=True)
    course = decided(old, head=new, branches=NONE)
    assert (course.action, course.request, course.superseded) == (Action.PROPOSE, None, (old,))


@pytest.mark.parametrize("marker", [MARKER, replace(MARKER, shared=True)])
def test_a_marker_is_read_back_and_the_last_one_counts(marker):
    forged = Marker("f" * 64, BASE, PUSHED)
    assert read_marker(f"{forged}\ntext\n{marker}\n") == marker
    assert read_marker("<!-- argocd-image-updater changes=1 base=2 head=3 -->") is None


def test_the_hash_of_changes_is_about_new_values_in_any_order():
    def change(image, old, new):
        return Change("a", image, image, ImageTag(old, ""), ImageTag(new, ""))

    one, two = change("web", "1", "2"), change("api", "1", "5")
    assert changes_hash([one, two]) == changes_hash([two, one, change("web", "1.5", "2")])
    assert changes_hash([one]) != changes_hash([change("web", "1", "3")])


@pytest.mark.parametrize("form", [TextForm(), TextForm(html=False)])
def test_a_marker_is_read_from_each_form_that_hides_it(form):
    shared = replace(MARKER, shared=True)
    for marker in (MARKER, shared):
        assert read_marker(f"text\n\n{hidden(str(marker), form)}\n") == marker


def test_a_marker_survives_an_editor_that_escapes_the_line():
    assert read_marker(f"\\[//\\]: # \\({MARKER}\\)") == MARKER


@pytest.mark.parametrize(
    ("told", "rebuild"), [(PUSHED, True), (PUSHED[:12], True), (PUSHED[:11], False), ("", False)]
)
def test_a_branch_that_was_merged_is_made_anew_also_where_the_forge_shortens_commits(told, rebuild):
    course = decided(request(RequestState.MERGED, head_commit=told))
    assert (course.action, course.rebuild) == (Action.PROPOSE, rebuild)
