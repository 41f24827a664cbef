"""Globs agree with a matcher that simply tries everything."""

from hypothesis import given
from hypothesis import strategies as st

from argocd_image_updater.core.globs import MalformedGlob, compile_glob

ALPHABET = "ab-]é\n"
characters = st.sampled_from(ALPHABET)
bounds = st.tuples(characters, characters)
literals = st.sampled_from("ab!^-]{é\n*?[\\").map(lambda c: ("\\" + c, lambda x: x == c))
stars = st.just(("*", None))
singles = st.just(("?", lambda x: x != "/"))


def class_element(items, negated):
    text = "".join(f"\\{low}-\\{high}" if low != high else f"\\{low}" for low, high in items)
    return (
        f"[{'^' if negated else ''}{text}]",
        lambda x: any(low <= x <= high for low, high in items) != negated,
    )


classes = st.builds(class_element, st.lists(bounds, min_size=1, max_size=3), st.booleans())


def simply_matches(elements, text):
    """Match element by element, trying every length of every star."""
    if not elements:
        return not text
    accepts = elements[0][1]
    if accepts is None:
        return simply_matches(elements[1:], text) or (
            bool(text) and text[0] != "/" and simply_matches(elements, text[1:])
        )
    return bool(text) and accepts(text[0]) and simply_matches(elements[1:], text[1:])


@given(
    st.lists(st.one_of(literals, stars, singles, classes), max_size=7),
    st.text(alphabet=ALPHABET, max_size=8),
)
def test_a_pattern_matches_a_text_without_slashes_as_the_simple_matcher_does(elements, text):
    pattern = "".join(element[0] for element in elements)
    assert compile_glob(pattern).matches(text) == simply_matches(elements, text)


@given(
    st.lists(st.one_of(st.just(("/", lambda x: x == "/")), literals, stars, singles), max_size=7),
    st.text(alphabet="ab/", max_size=8),
)
def test_a_pattern_without_classes_matches_paths_as_the_simple_matcher_does(elements, text):
    pattern = "".join(element[0] for element in elements)
    assert compile_glob(pattern).matches(text) == simply_matches(elements, text)


@given(st.text(max_size=12))
def test_an_escaped_text_matches_itself_only(text):
    glob = compile_glob("".join(f"\\{character}" for character in text))
    assert glob.matches(text)
    assert not glob.matches(text + "x")
    assert not glob.matches("x" + text)


@given(st.text(alphabet="ab*?[]^-\\/é", max_size=12), st.text(alphabet="ab/-é", max_size=8))
def test_any_pattern_is_malformed_or_matches_or_does_not(pattern, text):
    try:
        glob = compile_glob(pattern)
    except MalformedGlob:
        return
    assert glob.matches(text) in (True, False)
