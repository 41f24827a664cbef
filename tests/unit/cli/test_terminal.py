"""What an output can show, and what foreign text may do to it: nothing."""

import io

import pytest

from argocd_image_updater.cli.render.terminal import (
    Terminal,
    detect_terminal,
    printable,
    tag_text,
)
from argocd_image_updater.core.reference import ImageTag
from unit.cli.reports import DIGEST


class Tty(io.StringIO):
    encoding = "UTF-8"

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("environ", "colour"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, True),
        ({"TERM": "dumb"}, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ({"FORCE_COLOR": "0"}, False),
    ],
)
def test_colours_on_a_terminal_follow_the_conventions(environ, colour):
    assert detect_terminal(Tty(), environ).colour is colour


def test_there_are_no_colours_elsewhere_unless_forced():
    assert not detect_terminal(io.StringIO(), {}).colour
    assert detect_terminal(io.StringIO(), {"FORCE_COLOR": "1"}).colour
    assert Terminal().paint("x", "red") == "x"


def test_an_output_without_unicode_gets_ascii():
    plain = Terminal(unicode=False)
    assert (plain.arrow, plain.ellipsis) == ("->", "...")
    assert not detect_terminal(io.TextIOWrapper(io.BytesIO(), encoding="latin-1"), {}).unicode


def test_control_and_direction_characters_are_made_visible():
    assert printable("a\x1b[2Jb\u202ec\n") == "a\\x1b[2Jb\\u202ec\\x0a"
    assert printable("a\nb", keep="\n") == "a\nb"
    assert printable("https://u:p@h/x") == "https://***@h/x"


def test_long_digests_are_cut_and_short_texts_are_not():
    terminal = Terminal()
    assert tag_text(ImageTag("", DIGEST), terminal) == "sha256:0123456789ab…"
    assert tag_text(ImageTag("1.0", DIGEST), terminal) == "1.0@sha256:0123456789ab…"
    assert tag_text(ImageTag("1.0"), terminal) == "1.0"
    assert tag_text(None, terminal) == "-"
