"""The reference pages say what the program does: tables are fresh, members documented."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

import cli_reference
from argocd_image_updater.cli.plan import render_plan
from argocd_image_updater.cli.render.explain import explanation_document
from argocd_image_updater.cli.render.json_report import report_document, to_text
from argocd_image_updater.cli.render.look_up import look_up_document
from argocd_image_updater.cli.render.table import render_report
from argocd_image_updater.cli.render.terminal import Terminal
from argocd_image_updater.core.choice import Choice
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.reference import ImageTag
from argocd_image_updater.core.strategy import Candidate
from argocd_image_updater.registry.endpoint import Endpoint
from unit.cli.reports import DIGEST, SETTINGS, VERDICTS, decision, full_report, report

DOCS = Path(cli_reference.PAGE).parent
_NAMED = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)


def members(value, path=""):
    """Yield the path of every member in a document, lists as ``name[]``."""
    if isinstance(value, dict) and not path.endswith("requests"):
        for name, child in value.items():
            yield from members(child, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        yield f"{path}[]"
        for child in value:
            yield from members(child, f"{path}[]")
    else:
        yield path


def sections(page):
    """Return the documented members of each section by its heading."""
    parts = re.split(r"^##+ (.+)$", page, flags=re.MULTILINE)[1:]
    return {
        title: set(_NAMED.findall(text))
        for title, text in zip(parts[::2], parts[1::2], strict=True)
    }


def flattened(document, groups):
    """Return the members of a document, those of shared shapes named by their own section."""
    found = {name: set() for name in (*groups.values(), "")}
    for path in members(document):
        group = next((prefix for prefix in groups if path.startswith(f"{prefix}.")), "")
        found[groups.get(group, "")].add(path.removeprefix(f"{group}.") if group else path)
    return found


def test_the_tables_of_the_command_line_page_are_fresh():
    page = cli_reference.PAGE.read_text()
    assert page == cli_reference.rendered(page), "run: python tools/cli_reference.py"
    assert page.count("<!-- begin ") == 3


def test_every_member_of_the_report_is_documented_and_no_other():
    groups = {
        "resources[].summary": "Counters",
        "summary": "Counters",
        "images[]": "Images",
        "problems[]": "Problems",
        "commits[]": "Commits",
        "patches[]": "Patches",
    }
    found = flattened(report_document(full_report()), groups)
    documented = sections((DOCS / "json-report.md").read_text())
    for section in set(groups.values()) - {"Images"}:
        assert found[section] == documented[section], section
    assert found["Images"] == documented["Images"] - {"current"}
    top = {"summary", "resources[].summary"}
    assert found[""] | top == documented["CycleReport"]


def test_every_member_of_an_explanation_is_documented():
    document = explanation_document([decision()], full_report().problems)
    documented = sections((DOCS / "json-report.md").read_text())
    known = documented["Explanation"] | {f"images[].{name}" for name in documented["Images"]}
    known |= {f"problems[].{name}" for name in documented["Problems"]}
    assert set(members(document)) <= known


def test_every_member_of_an_image_test_is_documented_and_no_other():
    candidate = Candidate("1.1.0")
    choice = Choice(candidate, None, frozenset(), {}, {}, lambda: VERDICTS)
    endpoint = Endpoint("GitHub", "ghcr.io", "https://ghcr.io")
    document = look_up_document(SETTINGS, choice, endpoint=endpoint, warnings=())
    documented = sections((DOCS / "json-report.md").read_text())["Image test"]
    assert set(members(document)) | {"chosen"} == documented


@pytest.mark.parametrize("one_line", [True, False])
def test_a_document_is_text_with_one_final_newline(one_line):
    text = to_text(report_document(full_report()), one_line=one_line)
    assert text.endswith("}\n")
    assert (text.count("\n") == 1) is one_line


def test_nothing_is_cut_in_the_document():
    pinned = report(decision(new=ImageTag("1.1", DIGEST)))
    [image] = report_document(pinned)["images"]
    assert image["chosen"] == {"tag": "1.1", "digest": DIGEST}


def test_passwords_in_urls_are_left_out():
    cycle = full_report()
    secret = "https://bob:s3cr3t@git.example/shop.git"
    commits = (replace(cycle.commits[0], repository=secret),)
    decisions = (decision(Reason.GIT_AUTH_FAILED, message=f"{secret} refused", written_to=secret),)
    leaky = replace(cycle, commits=commits, decisions=decisions)
    assert "s3cr3t" not in to_text(report_document(leaky), one_line=True)
    assert "s3cr3t" not in render_report(leaky, Terminal())
    assert "s3cr3t" not in render_plan(leaky, Terminal())
