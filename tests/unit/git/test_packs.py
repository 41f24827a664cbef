"""Which packs are merged, and what the index of a pack says; checked against git itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argocd_image_updater.git.packs import packs_to_merge, read_index, remove_half_packs
from servers.git_server import git


@pytest.mark.parametrize(
    ("sizes", "merged"),
    [
        ({}, []),
        ({"a": 5}, []),
        ({"a": 5, "b": 5}, ["a", "b"]),
        ({"a": 1, "b": 2, "c": 100}, []),
        ({"a": 1, "b": 1, "c": 3, "d": 100}, ["a", "b", "c"]),
        ({"a": 1, "b": 2, "c": 5, "d": 1_000}, ["a", "b", "c"]),
        ({"a": 0, "b": 0, "c": 10}, []),
    ],
)
def test_small_packs_are_merged_and_large_ones_are_left_alone(sizes, merged):
    assert packs_to_merge(sizes) == merged


@given(st.lists(st.integers(1, 1 << 40), max_size=80))
def test_what_stays_after_a_merge_is_few(numbers):
    sizes = {f"p{index}": size for index, size in enumerate(numbers)}
    merged = packs_to_merge(sizes)
    after = sorted([size for name, size in sizes.items() if name not in merged])
    if merged:
        after = sorted([sum(sizes[name] for name in merged), *after])
    for index, size in enumerate(after[1:], start=1):
        assert size >= 2 * sum(after[:index])
    assert len(after) < 44


@pytest.mark.lab("git")
@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_the_ids_in_an_index_are_those_that_git_lists(tmp_path, object_format):
    path = tmp_path / "r.git"
    git("init", "--quiet", "--bare", f"--object-format={object_format}", path)
    ids = [git("-C", path, "hash-object", "-w", "--stdin", stdin=b"%d" % n) for n in range(300)]
    pack = git("-C", path, "pack-objects", "-q", tmp_path / "pack", stdin=b"".join(ids))
    content = (tmp_path / f"pack-{pack.decode().strip()}.idx").read_bytes()
    wanted = sorted(line.decode().strip() for line in ids)
    assert read_index(content, object_format) == wanted
    for damaged in (content[1:], content[:2_000]):
        with pytest.raises(ValueError, match="an index"):
            read_index(damaged, object_format)


def test_only_halves_are_removed(tmp_path):
    whole = ["pack-a.pack", "pack-a.idx", "pack-a.promisor", "pack-b.pack", "pack-b.idx"]
    halves = ["pack-c.pack", "pack-d.idx", "pack-e.promisor", "tmp_pack_x", "tmp_idx_y"]
    for name in [*whole, *halves]:
        (tmp_path / name).touch()
    remove_half_packs(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(whole)
    remove_half_packs(tmp_path / "absent")
