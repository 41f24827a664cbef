import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argocd_image_updater.git.objects import (
    Entry,
    StoredObject,
    build_pack,
    encode_tree,
    hash_object,
    parse_commit,
    parse_tree,
)

NAMES = st.binary(min_size=1, max_size=6).filter(lambda name: not {0, 47} & set(name))
ENTRIES = st.dictionaries(
    NAMES,
    st.builds(Entry, st.sampled_from(["100644", "100755", "120000", "40000"]), st.just("ab" * 20)),
)


@given(ENTRIES)
def test_a_tree_survives_writing_and_reading(entries):
    assert parse_tree(encode_tree(entries), "sha1") == entries


@settings(max_examples=25, deadline=None)
@given(ENTRIES)
def test_a_tree_is_written_as_git_writes_it(tmp_path_factory, entries):
    folder = tmp_path_factory.getbasetemp() / "mktree.git"
    if not folder.exists():
        subprocess.run(["git", "init", "--quiet", "--bare", folder], check=True)
    kinds = {"40000": b"tree"}
    lines = b"".join(
        f"{entry.mode.zfill(6)} ".encode() + kinds.get(entry.mode, b"blob")
        + f" {entry.object_id}\t".encode() + name + b"\0"
        for name, entry in entries.items()
    )  # fmt: skip
    told = subprocess.run(
        ["git", "-C", folder, "mktree", "-z", "--missing"],
        input=lines, capture_output=True, check=True,
    ).stdout.decode().strip()  # fmt: skip
    assert hash_object(StoredObject("tree", encode_tree(entries)), "sha1") == told


def test_a_folder_sorts_as_if_it_ended_with_a_slash():
    entries = {
        b"a": Entry("40000", "00" * 20),
        b"a.b": Entry("100644", "00" * 20),
        b"a0": Entry("100644", "00" * 20),
    }
    assert list(parse_tree(encode_tree(entries), "sha1")) == [b"a.b", b"a", b"a0"]


@pytest.mark.parametrize("content", [b"100644 a", b"100644 a\0short", b"\0\0\0"])
def test_bytes_that_are_no_tree_are_told(content):
    with pytest.raises((ValueError, IndexError)):
        parse_tree(content, "sha1")


@settings(max_examples=20, deadline=None)
@given(st.lists(st.binary(max_size=300), unique=True, max_size=5))
def test_git_takes_the_packs(tmp_path_factory, contents):
    folder = tmp_path_factory.getbasetemp() / "pack.git"
    if not folder.exists():
        subprocess.run(["git", "init", "--quiet", "--bare", folder], check=True)
    items = [StoredObject("blob", content) for content in contents]
    subprocess.run(
        ["git", "-C", folder, "index-pack", "--stdin"],
        input=build_pack(items, "sha1"), capture_output=True, check=True,
    )  # fmt: skip
    for item in items:
        name = hash_object(item, "sha1")
        read = subprocess.run(
            ["git", "-C", folder, "cat-file", "blob", name], capture_output=True, check=True
        )
        assert read.stdout == item.content


def test_tree_and_parents_of_a_commit_are_read():
    fact = parse_commit(b"tree T\nparent P\nparent Q\nauthor x\n\nparent not-this\n")
    assert (fact.tree, fact.parents) == ("T", ("P", "Q"))
    with pytest.raises(ValueError, match="without a tree"):
        parse_commit(b"parent P\n\n")
