"""Edits of Helm values files: single edits, and the whole rule for the images of an application."""

from dataclasses import dataclass

import pytest

from argocd_image_updater.core.application import HelmParameter
from argocd_image_updater.core.edits.helm_values import (
    ValueWrite,
    edit_helm_values,
    helm_value_writes,
    read_helm_value,
)
from argocd_image_updater.core.edits.result import EditRefused
from argocd_image_updater.core.reference import ImageReference, live_matches, parse_image
from argocd_image_updater.core.settings import ImageSettings, ManifestTarget
from vectors.core_schema import load_documents
from vectors.flags import is_flagged, rule_of
from vectors.values_model import Refusal, document_with, value_at, with_values

VECTORS = "helm_values_set"

REFUSED = "refused"


@dataclass
class Image:
    settings: ImageSettings
    image: ImageReference
    running: str


def test_a_values_file_holds_the_expected_documents_after_the_edit(case):
    outcome = edited(case)
    if has_escaped_dots(case):
        assert outcome == with_keys_that_have_dots(case)
        return
    if not is_flagged(case):
        assert outcome == recorded(case)
        return
    rule = rule_of(case, RULES) or intended_or_refused
    assert outcome == recorded(case) or rule(case, outcome)


def has_escaped_dots(case):
    """Such a dot belongs to its key here, which differs from the record (docs/compatibility.md)."""
    return any("\\." in write["path"] for write in case.get("writes", ()))


def with_keys_that_have_dots(case):
    documents = load_documents(case["values"])
    for write in case["writes"]:
        *above, last = (
            key.replace("\0", ".") for key in write["path"].replace("\\.", "\0").split(".")
        )
        node = documents[0]
        for key in above:
            node = node.setdefault(key, {})
        node[last] = write["value"]
    return documents


def edited(case):
    content = None if case["values"] is None else case["values"].encode()
    try:
        writes = writes_of(case)
        edit = edit_helm_values(content, writes, file="values.yaml")
    except EditRefused:
        return REFUSED
    assert edit.changed == (edit.content != (content or b""))
    for write in writes:
        if case["kind"] == "set" and write.path not in edit.ignored:
            assert read_helm_value(edit.content, write.path) == write.value
    again = edit_helm_values(edit.content, writes, file="values.yaml")
    assert (again.content, again.changed) == (edit.content, False)
    return load_documents(edit.content.decode())


def writes_of(case):
    if case["kind"] == "set":
        return [ValueWrite(write["path"], write["value"], "tag") for write in case["writes"]]
    parameters = [
        HelmParameter(item["name"], item.get("value", "")) for item in case["helm_parameters"]
    ]
    return helm_value_writes(live_images_of(case), parameters)


def live_images_of(case):
    live = [parse_image(text) for text in case["live_images"]]
    for image in case["images"]:
        reference = parse_image(image["image"])
        found = live_matches(live, reference, kustomize_image=None)
        names = (image.get(key, "") for key in ("helm_name", "helm_tag", "helm_spec"))
        settings = ImageSettings(image.get("alias", ""), reference, target=ManifestTarget(*names))
        if found or image.get("force_update"):
            running = found[0].original if found else ""
            yield Image(settings, reference, running)


def recorded(case):
    if case.get("error"):
        return REFUSED
    return case["expect"].get("documents")


def wanted_values(case):
    """Return the (path, value) pairs that a better edit writes: never anything without a tag."""
    if case["kind"] == "set":
        return [(write["path"], write["value"]) for write in case["writes"]]
    given = {item["name"].strip(): item.get("value", "") for item in case["helm_parameters"]}
    documents = load_documents(case["values"] or "") or [{}]
    pairs = []
    for image in live_images_of(case):
        running = parse_image(image.running)
        target = image.settings.target
        spec = target.helm_spec.strip()
        tag = target.helm_tag.strip() or "image.tag"
        name = target.helm_name.strip() or "image.name"
        values = {tag: running.tag_value, name: running.full_name}
        for path, value in ({spec: ""} if spec else values).items():
            text = as_the_file_spells(documents, path, given[path]) if path in given else value
            pairs += [(path, text)] if text else []
    return pairs


def as_the_file_spells(documents, path, value):
    """Leave the registry out where the file writes the image without one."""
    present = value_at(document_with(documents, path), path)
    if not isinstance(present, str) or has_registry(present) or not has_registry(value):
        return value
    return value.partition("/")[2]


def has_registry(text):
    host, slash, _ = text.partition("/")
    return bool(slash) and "." in host


def intended(case):
    try:
        return with_values(case["values"], wanted_values(case))
    except Refusal:
        return REFUSED


def is_the_intended_edit(case, outcome):
    """Only the addressed values changed, and each reads back as the text that was asked for."""
    return outcome == intended(case)


def is_refused(_case, outcome):
    return outcome == REFUSED


def intended_or_refused(case, outcome):
    """Invariant of this file: what was meant, all of it and nothing else, or no edit at all."""
    return outcome in (REFUSED, intended(case))


# Words of flagged cases, and what the better result is.
RULES = {
    "treated as an empty mapping": is_the_intended_edit,
    "leaves the value alone": is_the_intended_edit,
    "dropped the second document": is_the_intended_edit,
    "duplicate keys": is_refused,
    "does not read back": intended_or_refused,
    "not valid YAML": intended_or_refused,
    "nested list indexes": intended_or_refused,
    "empty segment": is_refused,
}


@pytest.mark.parametrize("text", ["12", "0o17", "yes", "2024-01-02", "1e3", "~", "1_000", ""])
def test_the_loader_of_the_runner_tells_strings_from_other_scalars(text):
    assert load_documents(f'a: "{text}"\n') == [{"a": text}]
