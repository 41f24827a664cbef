"""Title and body of a request, also where images and templates are hostile."""

import pytest

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.decisions import Change
from argocd_image_updater.core.pull_requests import Marker, read_marker
from argocd_image_updater.core.reference import ImageTag
from argocd_image_updater.core.request_text import BODY_CHARACTERS, Row, request_text

MARKER = Marker("1" * 64, "a" * 40, "b" * 40)
MESSAGE = "build: automatic update of web\n\nupdates image acme/web tag '1.0' to '1.1'\n"
DIFF = "--- a/values.yaml\n+++ b/values.yaml\n@@ -1 +1 @@\n-tag: 1.0\n+tag: 1.1\n"


def row(old="1.0", new="1.1", digest="", **labels):
    named = {f"org.opencontainers.image.{name}": value for name, value in labels.items()}
    change = Change(
        "web", "ghcr.io/acme/web", "acme/web", ImageTag(old, ""), ImageTag(new, digest), named
    )
    return Row(ObjectKey("argocd", "web"), change)


def text(message=MESSAGE, rows=None, diff=DIFF):
    return request_text(
        message, rows or [row()], default_title="chore: update images", diff=diff, marker=MARKER
    )


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
