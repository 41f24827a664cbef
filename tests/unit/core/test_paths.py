import pytest

from argocd_image_updater.core.paths import PathOutside, base_name, inside, join


@pytest.mark.parametrize(
    ("parts", "joined"),
    [
        (("a//b/./c",), "a/b/c"),
        (("a", "../b"), "b"),
        (("a", "../../b"), "../b"),
        (("", ""), ""),
        ((".", "x"), "x"),
        (("/a", "b"), "/a/b"),
        (("/", "../x"), "/x"),
        (("a/", "b/"), "a/b"),
    ],
)
def test_paths_are_joined_and_cleaned(parts, joined):
    assert join(*parts) == joined


@pytest.mark.parametrize(
    ("path", "cleaned"),
    [("/abs/x.yaml", "abs/x.yaml"), ("a/../b", "b"), ("", "."), ("/", "."), ("a/..", ".")],
)
def test_a_path_inside_is_relative_to_the_root(path, cleaned):
    assert inside(path) == cleaned


@pytest.mark.parametrize(
    "path", ["..", "../x", "a/../../x", "/../x", ".git/config", "a/.GIT/hooks", "a\nb", "a\x00"]
)
def test_a_path_outside_is_refused(path):
    with pytest.raises(PathOutside):
        inside(path)


def test_the_base_name_stands_behind_the_last_slash():
    assert [base_name(path) for path in ("a/b", "b", "a/")] == ["b", "b", ""]
