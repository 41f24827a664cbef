"""Image references: every text parses, and what is rendered reads back as the same image."""

from hypothesis import assume, given
from hypothesis import strategies as st

from argocd_image_updater.core.reference import (
    ImageTag,
    is_long_form,
    live_matches,
    parse_image,
    same_for_override,
    same_image,
    with_tag,
)

hosts = st.sampled_from(
    ["", "ghcr.io/", "docker.io/", "index.docker.io/", "localhost:5000/", "[::1]:5000/", "Reg/"]
)
components = st.from_regex(r"[a-z0-9]{1,4}(?:(?:\.|_|__|-{1,2})[a-z0-9]{1,3}){0,2}", fullmatch=True)
repositories = st.builds(
    lambda host, path: host + "/".join(path),
    hosts,
    st.lists(st.one_of(st.just("library"), components), min_size=1, max_size=3),
)
tag_names = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
digests = st.from_regex(r"sha256:[a-f0-9]{64}", fullmatch=True)
tags = st.builds(ImageTag, st.one_of(st.just(""), tag_names), st.one_of(st.just(""), digests))
constraints = st.sampled_from(["^1", "~1.2", ">=1, <2 || 3.x", "*", ">1 <2", "!=7"])


@given(st.text(alphabet="aA1.:/@=[]-_ ^~é\n", max_size=40))
def test_every_text_gives_an_image_that_renders(text):
    image = parse_image(text)
    assert image.original == text
    assert image.alias == (text.partition("=")[0] if "=" in text else "")
    assert image.full.startswith(image.full_name)
    assert image.display.endswith(image.full)


@given(repositories, tags)
def test_a_rendered_image_reads_back_as_the_same_image(repository, tag):
    image = with_tag(parse_image(repository), tag)
    # index.docker.io/a.b/c is rendered without its host, and a.b/c then names another registry
    assume(image.registry or not is_long_form(image.full_name))
    again = parse_image(image.full)
    assert same_image(image, again)
    assert (again.tag or ImageTag()) == tag


@given(repositories, constraints)
def test_a_constraint_does_not_change_who_the_image_is(repository, constraint):
    plain, constrained = (
        parse_image(f"web={repository}"),
        parse_image(f"web={repository}:{constraint}"),
    )
    assert same_image(plain, constrained)
    assert constrained.tag == ImageTag(constraint)
    assert same_image(parse_image(constrained.full_name), constrained)


@given(st.lists(repositories, max_size=6), repositories, st.one_of(st.none(), repositories))
def test_only_images_of_one_identity_match(running, configured, original):
    live = [parse_image(text) for text in running]
    wanted = parse_image(configured)
    kustomize_image = parse_image(original) if original is not None else None
    found = live_matches(live, wanted, kustomize_image=kustomize_image)
    assert len({(image.registry, image.name) for image in found}) <= 1
    assert all(same_for_override(found[0], image) for image in found)
    if any(same_image(image, wanted) for image in live):
        assert found


@given(repositories, repositories)
def test_equalities_are_symmetric_and_the_looser_one_is_looser(a, b):
    left, right = parse_image(a), parse_image(b)
    assert same_image(left, right) == same_image(right, left)
    assert same_for_override(left, right) == same_for_override(right, left)
    if same_image(left, right):
        assert same_for_override(left, right)
