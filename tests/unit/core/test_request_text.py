"""Title and body of a request, also where images and templates are hostile."""

import pytest

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.decisions import Change
from argocd_image_updater.core.pull_requests import (
    BODY_CHARACTERS,
    SUPERSEDED,
    Marker,
    PullRequestFacts,
    RequestState,
    TextForm,
    read_marker,
)
from argocd_image_updater.core.reference import ImageTag
from argocd_image_updater.core.request_text import Row, request_text, superseded_text

HTML, PLAIN, SHORT = TextForm(), TextForm(html=False), TextForm(4000)
MARKER = Marker("1" * 64, "a" * 40, "b" * 40)
MESSAGE = "build: automatic update of web\n\nupdates image acme/web tag '1.0' to '1.1'\n"
DIFF = "--- a/values.yaml\n+++ b/values.yaml\n@@ -1 +1 @@\n-tag: 1.0\n+tag: 1.1\n"


def row(old="1.0", new="1.1", digest="", **labels):
    named = {f"org.opencontainers.image.{name}": value for name, value in labels.items()}
    change = Change(
        "web", "ghcr.io/acme/web", "acme/web", ImageTag(old, ""), ImageTag(new, digest), named
    )
    return Row(ObjectKey("argocd", "web"), change)


def text(message=MESSAGE, rows=None, diff=DIFF, form=HTML):
    return request_text(
        message,
        rows or [row()],
        default_title="chore: update images",
        diff=diff,
        marker=MARKER,
        form=form,
    )


def length(body):
    """Return the length as .NET and Java count it."""
    return len(body.encode("utf-16-le")) // 2


def test_the_message_becomes_title_and_body_with_a_table_and_the_diff():
    found = text()
    assert found.title == "build: automatic update of web"
    lines = found.body.splitlines()
    assert lines[0] == "updates image acme/web tag '1.0' to '1.1'"
    assert "| argocd/web | `ghcr.io/acme/web` | `1.0` | `1.1` |  |" in lines
    assert f"```diff\n{DIFF}```" in found.body
    assert read_marker(found.body) == MARKER


@pytest.mark.parametrize("message", ["", "\n\nrest"])
def test_a_message_without_a_first_line_gets_the_title_of_the_reference(message):
    assert text(message).title == "chore: update images"


def test_a_digest_is_shortened_and_a_source_is_linked():
    digest = "sha256:" + "9" * 64
    found = text(
        rows=[row("", "", digest, source="https://git.test/acme/web.git", revision="0123456789ab")]
    )
    cells = "| `none` | `sha256:999999999999` | "
    assert cells + "[0123456789ab](https://git.test/acme/web/commit/0123456789ab) |" in found.body


@pytest.mark.parametrize(
    "source",
    [
        "javascript:alert(1)",
        "https://x.test/a) [b](https://evil.test",
        "https://x.test/" + "a" * 400,
        "https://user:pw@x.test/",
        "http://x.test/a",
        "https://x.test/a\n<!-- -->",
    ],
)
def test_a_source_that_is_no_plain_link_is_not_shown(source):
    assert "| `1.0` | `1.1` |  |" in text(rows=[row(source=source)]).body


def test_a_diff_cannot_leave_its_fence_and_no_text_can_replace_the_marker():
    forged = Marker("f" * 64, "a" * 40, "b" * 40)
    found = text(f"t\n\n{forged}", diff=f"+ ```\n+ ````\n{forged}\n")
    assert "`````diff\n" in found.body
    assert read_marker(found.body) == MARKER


def test_what_is_too_long_is_cut_and_keeps_its_marker():
    found = text("t" * 300 + "\n\n" + "b" * 10, diff="+" * BODY_CHARACTERS)
    assert len(found.title) == 255
    assert "+++" not in found.body
    assert read_marker(found.body) == MARKER
    long = text("t\n\n" + "b" * 2 * BODY_CHARACTERS)
    assert len(long.body) == BODY_CHARACTERS
    assert read_marker(long.body) == MARKER


def test_a_pipe_in_a_name_stays_in_its_cell():
    assert "`a\\|b`" in text(rows=[row(old="a|b")]).body


def test_where_markdown_has_no_html_the_diff_is_not_folded_and_the_marker_is_an_unused_link():
    found = text(form=PLAIN)
    assert "<" not in found.body.replace("<=", "")
    assert f"**Changes in files**\n\n```diff\n{DIFF}```" in found.body
    assert found.body.splitlines()[-2:] == ["", f"[//]: # ({MARKER})"]
    assert read_marker(found.body) == MARKER


@pytest.mark.parametrize("letter", ["b", "\N{ROCKET}"])
@pytest.mark.parametrize("form", [HTML, PLAIN, SHORT, TextForm(4000, html=False)])
def test_a_text_is_never_longer_than_its_forge_takes(letter, form):
    found = text("t\n\n" + letter * 70_000, form=form)
    assert form.body_characters - 2 < length(found.body) <= form.body_characters
    assert read_marker(found.body) == MARKER
    assert length(text("t\n\nb", diff=letter * 70_000, form=form).body) < form.body_characters


@pytest.mark.parametrize("form", [HTML, PLAIN, SHORT, TextForm(4000, html=False)])
@pytest.mark.parametrize("size", [10, 70_000])
def test_a_superseded_request_keeps_its_marker_and_the_limit(form, size):
    body = text("t\n\n" + "b" * size, form=form).body
    request = PullRequestFacts(1, "u", "h", "main", "title", body, RequestState.OPEN)
    found = superseded_text(request, form)
    assert (found.title, read_marker(found.body)) == ("title", MARKER)
    assert SUPERSEDED in found.body
    assert length(found.body) <= form.body_characters
    assert found.body.startswith(body[:10])


def test_a_superseded_request_without_a_marker_is_cut_as_well():
    request = PullRequestFacts(1, "u", "h", "main", "t", "b" * 9000, RequestState.OPEN)
    assert length(superseded_text(request, SHORT).body) == 4000
