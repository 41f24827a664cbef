"""Every text reads back as exactly that text, whichever YAML version the reader follows."""

import json

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from argocd_image_updater.core.edits.scalars import (
    canonical,
    double_quoted,
    is_plain,
    literal_lines,
    restyled,
    single_quoted,
)
from property.yaml_documents import NASTY_VALUES, values
from vectors.core_schema import CoreLoader

YAML_1_1, YAML_1_2 = yaml.CSafeLoader, CoreLoader
# what one of the two versions reads as a number, boolean, null or date, near misses included
almost = st.from_regex(r"[-+]?[0-9._:xobeETZn-]{1,12}", fullmatch=True)
words = st.sampled_from(
    ["Yes", "nO", "ON", "oFF", "Y", "N", "TRUE", "Null", "NULL", ".INF", ".Nan"]
)
texts = st.one_of(values, almost, words)


def reads(text, *, loader):
    return yaml.load(text, Loader=loader)


def assert_reads_back(written, text):
    for loader in (YAML_1_1, YAML_1_2):
        assert reads(f"key: {written} # comment\n", loader=loader) == {"key": text}
        assert reads(f"- {written}\n", loader=loader) == [text]


@given(texts, st.sampled_from(["", "'", '"', "|", ">"]))
def test_a_restyled_scalar_reads_back_in_a_block(text, style):
    assert_reads_back(restyled(text, style=style, flow=False, old="v1"), text)


@given(texts, st.sampled_from(["", "'", '"']), st.sampled_from(["v1", "a:1"]))
def test_a_restyled_scalar_reads_back_in_a_flow_collection(text, style, old):
    written = restyled(text, style=style, flow=True, old=old)
    for loader in (YAML_1_1, YAML_1_2):
        assert reads(f"{{a: {written}, b: [{written}, {written}]}}", loader=loader) == {
            "a": text,
            "b": [text, text],
        }


@given(texts)
def test_a_canonical_scalar_reads_back(text):
    assert_reads_back(canonical(text), text)


@given(texts)
@example("\u2028")
def test_double_quotes_are_json_too(text):
    assert json.loads(double_quoted(text)) == text


@given(texts)
def test_single_quotes_and_literal_lines_read_back_where_they_are_offered(text):
    quoted, lines = single_quoted(text), literal_lines(text)
    if quoted is not None:
        assert reads(quoted, loader=YAML_1_2) == text
    if lines is not None:
        block = "".join(f"  {line}\n" if line else "\n" for line in lines)
        assert reads(f"key: |-\n{block}other: 1\n", loader=YAML_1_2)["key"] == text


@pytest.mark.parametrize(
    "text", ["v1", "1.2.3", "1.2.3-rc.1", "main-1a2b3c", "nginx:1.20", "a@sha256:ab", "é", "7.0.x"]
)
def test_ordinary_tags_and_names_stay_plain(text):
    assert is_plain(text)


@pytest.mark.parametrize("text", [text for text in NASTY_VALUES if text.strip() and text < "~"])
def test_a_plain_scalar_never_reads_as_something_else(text):
    if is_plain(text):
        assert reads(text, loader=YAML_1_1) == reads(text, loader=YAML_1_2) == text
