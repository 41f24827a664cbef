"""Log lines: the forms that tools parse, the terminal form, and what never appears."""

import io
import json
import logging

import pytest

from argocd_image_updater.cli.logging import (
    PACKAGE,
    TRACE,
    LogOptions,
    TerminalFormatter,
    make_room_with,
    quote,
    set_up_logging,
)

LOG = logging.getLogger(f"{PACKAGE}.somewhere")


@pytest.fixture
def lines():
    """Give a function that sets up logging in a form and returns what is written."""
    root, package = logging.getLogger(), logging.getLogger(PACKAGE)
    levels, stream = (root.level, package.level), io.StringIO()
    handlers = []

    def start(form, level="info"):
        handlers.append(set_up_logging(LogOptions(level, form), stream))
        return stream

    yield start
    for handler in handlers:
        root.removeHandler(handler)
    root.setLevel(levels[0])
    package.setLevel(levels[1])


def test_a_text_line_has_time_level_message_and_sorted_fields(lines):
    stream = lines("text")
    LOG.info("Processing results: errors=0", extra={"zone": "a b", "application": "argocd/shop"})
    line = stream.getvalue()
    assert line.startswith('time="20')
    assert line.endswith(
        'Z" level=info msg="Processing results: errors=0" application=argocd/shop zone="a b"\n'
    )


def test_a_message_of_one_plain_word_is_not_quoted(lines):
    stream = lines("text")
    LOG.warning("starting")
    assert "level=warning msg=starting\n" in stream.getvalue()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("A-z0.9_/@^+", "A-z0.9_/@^+"),
        ("", ""),
        ("a:b", '"a:b"'),
        ('say "x"\n', r'"say \"x\"\n"'),
        ("back\\slash", r'"back\\slash"'),
        ("é", '"é"'),
        ("\x1b[31m", r'"\x1b[31m"'),
        ("\u202eabc", r'"\u202eabc"'),
        (True, "true"),
        (7, "7"),
    ],
)
def test_a_value_is_quoted_unless_it_is_plain(value, text):
    assert quote(value) == text


def test_a_json_line_is_one_object_with_the_fields(lines):
    stream = lines("json", "trace")
    LOG.log(TRACE, "merged", extra={"count": 3, "level": "clash", "application": "a/b"})
    document = json.loads(stream.getvalue())
    assert list(document) == sorted(document)
    assert document.pop("time").endswith("Z")
    assert document == {
        "level": "trace",
        "msg": "merged",
        "count": 3,
        "fields.level": "clash",
        "application": "a/b",
    }


@pytest.mark.parametrize(
    ("call", "word"),
    [(logging.DEBUG, "debug"), (logging.ERROR, "error"), (logging.CRITICAL, "fatal")],
)
def test_level_words_are_those_of_the_field(lines, call, word):
    stream = lines("text", "debug")
    LOG.log(call, "x")
    assert f"level={word} " in stream.getvalue()


def test_lines_below_the_level_and_chatter_of_libraries_are_left_out(lines):
    stream = lines("text", "warn")
    LOG.info("x")
    logging.getLogger("asyncio").info("x")
    assert stream.getvalue() == ""


def test_an_error_gives_its_text_and_stack_as_fields(lines):
    stream = lines("json")
    try:
        raise ValueError("https://bob:s3cr3t@git.example is wrong")
    except ValueError:
        LOG.exception("failed")
    document = json.loads(stream.getvalue())
    assert document["error"] == "ValueError: https://***@git.example is wrong"
    assert "Traceback" in document["stack"]
    assert "s3cr3t" not in stream.getvalue()


@pytest.mark.parametrize("form", ["text", "json", "terminal"])
def test_user_information_in_urls_never_appears(lines, form):
    stream = lines(form)
    LOG.info("clone https://t0ken@git.example/x", extra={"url": "https://u:t0k/en@h"})
    LOG.info("clone https://u:t0k@en@git.example/x ssh://git@git.example/x")
    assert "t0ken" not in stream.getvalue()
    assert "en@git" not in stream.getvalue()
    assert "ssh://git@git.example" in stream.getvalue()


def test_the_terminal_form_shows_level_seconds_message_and_fields():
    times = iter([10.0, 13.7])
    formatter = TerminalFormatter(clock=lambda: next(times))
    record = logging.makeLogRecord(
        {"levelno": logging.INFO, "msg": "starting\x1b[2J", "application": "a/b"}
    )
    line = formatter.format(record)
    assert line.startswith("\x1b[36mINFO\x1b[0m[0003] starting\\x1b[2J   ")
    assert line.endswith("\x1b[36mapplication\x1b[0m=a/b")


def test_a_live_line_makes_room_for_each_log_line(lines):
    stream = lines("text")

    class Holder:
        def clear(self):
            stream.write("<cleared>")

    make_room_with(Holder())
    LOG.info("x")
    make_room_with(None)
    LOG.info("y")
    assert stream.getvalue().count("<cleared>") == 1
    assert stream.getvalue().startswith("<cleared>time=")
