"""The plan as text: destinations, commits, messages, differences; and its exit code."""

from dataclasses import replace

from argocd_image_updater.cli import exit_codes
from argocd_image_updater.cli.plan import render_plan
from argocd_image_updater.cli.render.diffs import paint_diff
from argocd_image_updater.cli.render.terminal import Terminal
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.report import Counters
from unit.cli.reports import DIFF, decision, full_report, report

COLOUR = Terminal(is_tty=True, colour=True)


def test_commits_stand_under_their_branch_and_patches_under_their_file():
    assert render_plan(full_report(dry_run=True), Terminal()).startswith(
        "repository https://git.example/shop.git, branch main\n"
        "commit 1 of 1: argocd/shop\n"
        "\n"
        "    build: update shop\n"
        "\n"
        "    updates image web\n"
        "\n" + DIFF + "\n"
        "file manifests/blog.yaml\n"
        "patch: argocd/blog\n"
        "\n" + DIFF + "\n"
    )


def test_two_commits_of_one_branch_share_its_heading():
    cycle = full_report()
    two = replace(cycle, commits=cycle.commits * 2)
    text = render_plan(two, Terminal())
    assert text.count("repository https://") == 1
    assert "commit 1 of 2" in text
    assert "commit 2 of 2" in text


def test_the_default_branch_is_said_where_no_branch_is_named():
    cycle = full_report()
    unnamed = replace(cycle, commits=(replace(cycle.commits[0], branch=""),))
    assert "shop.git, default branch\n" in render_plan(unnamed, Terminal())


def test_nothing_to_write_is_said():
    current = report(decision(Reason.UP_TO_DATE, new="1.0.0"), dry_run=True)
    assert render_plan(current, Terminal()).startswith("Nothing to write.\n\n1 application")


def test_an_image_that_is_passed_over_is_told_with_its_reason():
    skipped = report(decision(Reason.NOT_LIVE), decision(Reason.UP_TO_DATE), dry_run=True)
    [line] = [line for line in render_plan(skipped, Terminal()).splitlines() if "argocd/" in line]
    assert ": NotLive: " in line


def test_a_difference_is_coloured_line_by_line():
    lines = paint_diff(DIFF, COLOUR).splitlines()
    assert lines[0] == "\x1b[1m--- a/apps/shop/values.yaml\x1b[0m"
    assert lines[2].startswith("\x1b[36m@@")
    assert lines[3] == " image:"
    assert lines[4] == "\x1b[31m-  tag: 1.0.0\x1b[0m"
    assert lines[5] == "\x1b[32m+  tag: 1.1.0\x1b[0m"


def test_escapes_in_a_difference_are_made_visible():
    assert paint_diff("+\x1b[2Jx\n", Terminal()) == "+\\x1b[2Jx"


def test_the_exit_code_tells_work_to_do_unless_something_failed():
    work = report(decision(Reason.WOULD_UPDATE), commits=full_report().commits)
    assert exit_codes.of_plan(work) == 3
    assert exit_codes.of_plan(full_report()) == 2
    assert exit_codes.of_plan(report(decision(Reason.UP_TO_DATE))) == 0
    assert exit_codes.of_report(replace(work, counters=Counters(errors=1))) == 2
