"""Versions are totally ordered; constraints never fail on any text."""

from hypothesis import given
from hypothesis import strategies as st

from argocd_image_updater.core.constraint import InvalidConstraint, parse_constraint
from argocd_image_updater.core.settings import Strategy
from argocd_image_updater.core.strategy import Candidate, select
from argocd_image_updater.core.version import parse_version

numbers = st.one_of(st.integers(0, 3), st.integers(2**64 - 2, 2**64 - 1)).map(str)
identifiers = st.one_of(
    st.integers(0, 12).map(str),
    st.integers(2**64 - 1, 2**64 + 1).map(str),
    st.from_regex(r"[0-9a-zA-Z-]{0,2}[a-zA-Z-]", fullmatch=True),
)
versions = st.builds(
    lambda v, parts, pre, meta: v + ".".join(parts) + pre + meta,
    st.sampled_from(["", "v"]),
    st.lists(numbers, min_size=1, max_size=3),
    st.one_of(
        st.just(""), st.lists(identifiers, min_size=1, max_size=3).map(lambda p: "-" + ".".join(p))
    ),
    st.sampled_from(["", "+b1", "+01.x"]),
)
constraint_texts = st.text(alphabet="0123.xX*v-+^~<>=!|, \tra", max_size=30)
operators = st.sampled_from(["", "=", "!=", ">", "<", ">=", "=<", "~", "~>", "^"])
patterns = st.one_of(
    versions, st.sampled_from(["*", "1.x", "x-0", "1", "1.2", "0", "0.0", "0.0.0-0"])
)
constraints = st.lists(st.tuples(operators, patterns).map("".join), min_size=1, max_size=3).map(
    " ".join
)


def precedence(text):
    return parse_version(text).precedence


@given(versions, versions, versions)
def test_precedence_is_a_total_order(a, b, c):
    x, y, z = precedence(a), precedence(b), precedence(c)
    assert (x < y) + (x == y) + (x > y) == 1
    if x <= y <= z:
        assert x <= z


@given(versions)
def test_prefix_and_metadata_do_not_count(text):
    bare = text.removeprefix("v").partition("+")[0]
    assert precedence(bare) == precedence(text) == precedence(f"v{bare}+other")


@given(st.text(max_size=20))
def test_any_text_is_a_version_or_none(text):
    version = parse_version(text)
    assert version is None or text.isascii()


@given(st.one_of(constraint_texts, st.text(max_size=30)), versions)
def test_any_text_is_a_constraint_or_refused(text, version):
    try:
        constraint = parse_constraint(text)
    except InvalidConstraint:
        return
    assert constraint.accepts(parse_version(version)) in (True, False)


@given(constraints, versions)
def test_a_well_formed_constraint_is_understood_and_alternatives_add_up(text, version):
    value = parse_version(version)
    alone = parse_constraint(text).accepts(value)
    both = parse_constraint(f"{text} || {version.partition('+')[0]}")
    assert both.accepts(value)
    assert parse_constraint(f"{text}||<0.0.0-0").accepts(value) == alone


@given(constraints, versions)
def test_a_pre_release_needs_a_constraint_that_names_one(text, version):
    value, constraint = parse_version(version), parse_constraint(text)
    if value.prerelease and constraint.accepts(value):
        assert any(group.allows_prereleases for group in constraint.groups)
    if constraint.only_hides_prerelease(value):
        assert value.prerelease


@given(st.lists(versions, min_size=1, max_size=12, unique=True), constraints, st.randoms())
def test_the_choice_is_the_highest_accepted_version_in_whatever_order(tags, text, random):
    candidates = [Candidate(tag) for tag in tags]
    chosen = select(Strategy.SEMVER, text, candidates).chosen
    accepted = [tag for tag in tags if parse_constraint(text).accepts(parse_version(tag))]
    best = max(accepted, key=lambda tag: (precedence(tag), tag), default=None)
    assert (chosen.name if chosen else None) == best
    random.shuffle(candidates)
    assert select(Strategy.SEMVER, text, candidates).chosen == chosen
