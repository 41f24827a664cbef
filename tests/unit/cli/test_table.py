"""The table of a cycle: rows, widths, folding, what needs attention, and the summary."""

import re

from argocd_image_updater.cli.render.hints import HINT_OF
from argocd_image_updater.cli.render.table import render_report, summary_line
from argocd_image_updater.cli.render.terminal import Terminal
from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.reasons import OUTCOME_OF, Outcome, Reason
from argocd_image_updater.core.reference import ImageTag
from argocd_image_updater.core.settings import Problem
from unit.cli.reports import DIGEST, RESOURCE, SHOP, decision, full_report, report

PLAIN = Terminal()
TTY = Terminal(is_tty=True, width=100, colour=True)
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def test_a_plain_table_has_one_full_line_per_image():
    lines = render_report(full_report(), PLAIN).splitlines()
    assert lines[0].split() == [
        "APPLICATION",
        "IMAGE",
        "FROM",
        "→",
        "TO",
        "REASON",
        "WRITTEN",
        "TO",
    ]
    assert lines[1] == (
        "argocd/shop  ghcr.io/acme/web  1.0.0 → 1.1.0  Updated        "
        "https://git.example/shop.git main apps/shop/values.yaml"
    )
    assert lines[2].split() == ["argocd/shop", "quay.io/acme/db", "5", "RegistryError"]


def test_what_failed_is_told_with_field_path_and_hint():
    text = render_report(full_report(), PLAIN)
    assert "argocd/shop quay.io/acme/db: RegistryError: the image ends as RegistryError\n" in text
    assert "the next cycle tries again\n" in text
    assert (
        "ImageUpdater argocd/updater spec.applicationRefs[0].images[0].commonUpdateSettings."
        "forceUpdate: SettingsInvalid: forceUpdate must be a boolean\n"
    ) in text
    assert "argocd/shop ghcr.io/acme/web: warning: created is missing\n" in text


def test_warnings_of_the_cycle_are_told_last():
    text = render_report(report(decision(), warnings=("the file has two roofs",)), PLAIN)
    assert "\n\nwarning: the file has two roofs\n\n1 application" in text


def test_a_problem_that_a_decision_tells_already_is_told_once():
    told = decision(Reason.CONSTRAINT_INVALID, message="no constraint", new=None)
    same = Problem(
        Reason.CONSTRAINT_INVALID, "no constraint", RESOURCE, SHOP, alias="web", image="x"
    )
    assert render_report(report(told, problems=(same,)), PLAIN).count("no constraint") == 1


def test_the_summary_counts_outcomes_time_and_requests():
    assert summary_line(full_report()) == (
        "1 application, 2 images: 1 updated, 1 failed; 1.2 s; tag lists 3"
    )
    dry = report(decision(Reason.WOULD_UPDATE), dry_run=True)
    assert summary_line(dry).startswith("1 application, 1 image: 1 to update; ")
    assert summary_line(dry).endswith("dry run, nothing was written")
    assert summary_line(report()).startswith("0 applications, 0 images; ")


def test_an_unchanged_image_shows_its_tag_alone_and_digests_are_cut():
    same = decision(Reason.UP_TO_DATE, old="1.0", new="1.0")
    pinned = decision(Reason.UPDATED, new=ImageTag("", DIGEST))
    text = render_report(report(same, pinned), PLAIN)
    assert "ghcr.io/acme/web  1.0                           UpToDate" in text
    assert "1.0.0 → sha256:0123456789ab…" in text


def test_on_a_terminal_the_table_fits_its_width_and_is_coloured():
    long = decision(application=ObjectKey("argocd", "an-application-with-a-rather-long-name" * 2))
    text = render_report(report(long), TTY)
    assert "\x1b[" in text
    table = ESCAPES.sub("", text).split("\n\n")[0].splitlines()
    assert max(map(len, table)) <= 100


def test_a_table_that_is_too_wide_tells_where_it_wrote_on_lines_of_their_own():
    text = render_report(full_report(), Terminal(is_tty=True, width=80))
    assert text.splitlines()[:4] == [
        "APPLICATION  IMAGE             FROM → TO      REASON",
        "argocd/shop  ghcr.io/acme/web  1.0.0 → 1.1.0  Updated",
        "  → https://git.example/shop.git main apps/shop/values.yaml",
        "argocd/shop  quay.io/acme/db   5              RegistryError",
    ]


def test_on_a_narrow_terminal_the_change_has_a_line_of_its_own_and_no_word_is_broken():
    tags = "2026-01-05-nightly", "2026-01-12-nightly"
    told = report(
        decision(old=tags[0], new=tags[1], written_to="values.yaml"),
        decision(Reason.UP_TO_DATE, old=tags[0], new=tags[0]),
    )
    table, summary = render_report(told, Terminal(is_tty=True, width=45)).split("\n\n")
    assert table.splitlines() == [
        "APPLICATION  IMAGE             REASON",
        "argocd/shop  ghcr.io/acme/web  Updated",
        "  2026-01-05-nightly → 2026-01-12-nightly",
        "  → values.yaml",
        "argocd/shop  ghcr.io/acme/web  UpToDate",
        "  2026-01-05-nightly",
    ]
    assert max(map(len, summary.splitlines())) <= 45
    assert " ".join(summary.split()) == summary_line(told)


def test_a_table_that_fits_the_terminal_keeps_its_last_column():
    text = render_report(full_report(), Terminal(is_tty=True, width=140))
    row = next(line for line in text.splitlines() if "Updated" in line)
    assert row.endswith("https://git.example/shop.git main apps/shop/values.yaml")


def test_without_colour_a_terminal_gets_no_escape():
    terminal = Terminal(is_tty=True, width=100, colour=False)
    assert "\x1b" not in render_report(full_report(), terminal)


def test_a_terminal_without_unicode_gets_ascii_only():
    assert render_report(full_report(), Terminal(is_tty=True, unicode=False)).isascii()


def test_markup_and_escapes_in_foreign_text_do_nothing():
    hostile = decision(
        image="[red]x[/red]\x1b[2J", message="m\x1b]0;t\x07", new=None, reason=Reason.REGISTRY_ERROR
    )
    for terminal in (PLAIN, Terminal(is_tty=True, width=200)):
        text = render_report(report(hostile), terminal)
        assert "[red]x[/red]\\x1b[2J" in text
        assert "\x1b" not in text
        assert "\x07" not in text


def test_many_up_to_date_images_are_folded_on_a_terminal_only():
    many = [decision(Reason.UP_TO_DATE, alias=str(n), new="1.0.0") for n in range(100)]
    cycle = report(*many, decision())
    assert "and 100 images up to date" in render_report(cycle, TTY)
    assert render_report(cycle, PLAIN).count("UpToDate") == 100


def test_every_reason_that_needs_somebody_has_a_hint():
    acting = {Outcome.ERROR, Outcome.HELD}
    assert {r for r in Reason if OUTCOME_OF[r] in acting} <= set(HINT_OF)
