import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argocd_image_updater.git.refs import branch_fault, revision_fault


@pytest.mark.parametrize("name", ["main", "release/1.2", "a.b", "ä", "up@date", "x{y}", "v1.x-dev"])
def test_ordinary_names_are_branches(name):
    assert branch_fault(name) == ""


@pytest.mark.parametrize(
    "name",
    ["", "-x", "@", "HEAD", "a b", "a..b", "a~", "a^", "a:", "a?", "a*", "a[", "a\\b", "a\tb",
     "/a", "a/", "a//b", "a.", ".a", "a/.b", "a.lock", "a.lock/b", "a@{b", "x" * 256],
)  # fmt: skip
def test_names_that_git_forbids_are_refused(name):
    assert branch_fault(name)


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="ab./-@{~^:?*[\\ \x01lock", min_size=1, max_size=8))
def test_the_rules_agree_with_git(name):
    git = subprocess.run(["git", "check-ref-format", f"refs/heads/{name}"], check=False)
    stricter = name.startswith("-") or name == "@"
    assert (not branch_fault(name)) == (git.returncode == 0 and not stricter)


@pytest.mark.parametrize(
    "revision",
    ["0" * 40, "a" * 64, "refs/tags/v1", ">=1.0", "^1.2", "1.*", "1.x", "1.0 - 2.0", "~1", "a,b"],
)
def test_what_can_be_deployed_from_but_not_written_to_is_told(revision):
    assert revision_fault(revision)


@pytest.mark.parametrize("revision", ["main", "refs/heads/main", "1.0", "release-1"])
def test_what_may_be_a_branch_passes(revision):
    assert revision_fault(revision) == ""
