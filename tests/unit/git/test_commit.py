import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argocd_image_updater.errors import ConfigError
from argocd_image_updater.git.commit import (
    DEFAULT_MESSAGE,
    checked_identity,
    clean_message,
    encode_commit,
    signed_off,
)

BOT = checked_identity("Bot", "bot@example.com", sign_off=True)


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="ab# \t\n:-", max_size=40))
def test_a_message_is_cleaned_up_as_git_does(text):
    told = subprocess.run(
        ["git", "stripspace"], input=text.encode(), capture_output=True, check=True
    ).stdout.decode()
    assert clean_message(text) == (told or DEFAULT_MESSAGE + "\n")


def test_lines_that_look_like_comments_stay():
    assert clean_message("a\n\n# b\n") == "a\n\n# b\n"


@pytest.mark.parametrize("text", ["", " \n\t\n", "\0"])
def test_a_message_of_nothing_becomes_the_default(text):
    assert clean_message(text) == "Update parameters\n"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("a\n", "a\n\nSigned-off-by: Bot <bot@example.com>\n"),
        ("build: a\n\nb\n", "build: a\n\nb\n\nSigned-off-by: Bot <bot@example.com>\n"),
        ("a\n\nFixes: b\n", "a\n\nFixes: b\nSigned-off-by: Bot <bot@example.com>\n"),
        (
            "a\n\nSigned-off-by: Bot <bot@example.com>\n",
            "a\n\nSigned-off-by: Bot <bot@example.com>\n",
        ),
    ],
)
def test_the_sign_off_is_the_last_trailer(message, expected):
    assert signed_off(message, BOT) == expected


def test_a_commit_is_written_in_utc():
    plain = checked_identity("Bot", "bot@example.com", sign_off=False)
    assert encode_commit("T", "P", identity=plain, time_s=7, text="ä").decode() == (
        "tree T\nparent P\nauthor Bot <bot@example.com> 7 +0000\n"
        "committer Bot <bot@example.com> 7 +0000\n\nä\n"
    )


def test_a_name_cannot_forge_a_header():
    identity = checked_identity("B\nparent <x>ot", "e@x\0", sign_off=False)
    assert str(identity) == "Bparent xot <e@x>"


@pytest.mark.parametrize(("name", "email"), [("", "a@b"), ("a", ""), ("<>", "a@b")])
def test_user_and_email_are_both_needed(name, email):
    with pytest.raises(ConfigError):
        checked_identity(name, email, sign_off=False)
