"""No text and no document makes reading fail in another way than the one that is promised."""

import json

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from argocd_image_updater.core.application import Origin
from argocd_image_updater.core.applications import decode_application
from argocd_image_updater.core.paths import PathOutside, inside, join
from argocd_image_updater.core.resource import decode_resource
from argocd_image_updater.manifests.yaml_documents import BrokenYaml, read_documents

# YAML knows no control characters, not even in JSON. PyYAML writes y and n without quotes, although
# YAML 1.1, which Kubernetes reads, takes them for booleans: not a text that it writes well.
TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=8).filter(
    lambda text: text.lower() not in {"y", "n"}
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | TEXT,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                (
                    "metadata",
                    "name",
                    "spec",
                    "applicationRefs",
                    "namePattern",
                    "images",
                    "alias",
                    "imageName",
                    "source",
                    "sources",
                    "helm",
                    "parameters",
                    "status",
                    "x",
                )
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.text(alphabet="ab:-[]{}&*!|>'\"#,?%@`\n\t <~0.1", max_size=60))
def test_a_text_gives_documents_or_a_line(text):
    try:
        list(read_documents(text))
    except BrokenYaml as error:
        line = error.line
    else:
        return
    assert 0 < line <= text.count("\n") + 2


@given(JSON)
def test_json_is_read_as_it_is(value):
    [document] = read_documents(json.dumps([value]))
    assert document.value == [value]


@given(JSON)
def test_what_yaml_writes_is_read_again(value):
    [document] = read_documents(yaml.safe_dump(value, allow_unicode=True))
    assert document.value == value


@settings(max_examples=200)
@given(JSON.filter(lambda value: isinstance(value, dict)))
def test_a_document_gives_an_object_or_problems(document):
    for decode in (decode_resource, decode_application):
        found, problems, _warnings = decode(document, origin=Origin())
        assert found is not None or problems


@given(st.text(alphabet="ab./", max_size=20))
def test_a_clean_path_stays_clean_and_inside(path):
    assert join(join(path)) == join(path)
    try:
        found = inside(path)
    except PathOutside:
        return
    assert not found.startswith(("/", "../"))
    assert inside(found) == found
