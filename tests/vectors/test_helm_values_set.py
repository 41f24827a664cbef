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

VECTORS = "helm_values_set"

REFUSED = "refused"
# Better results of cases that record a defect, where the note tells them in words. A path with an
# empty part, a collection in place of a value, or a key that stands twice is refused.
BETTER = {
    "img-0021": [{"image": {"repository": "ghcr.io/acme/web", "tag": "v2"}}],
    "img-0022": [{"image": {"repository": "ghcr.io/acme/web", "tag": "v1"}}],
    "img-0023": [{"image": {"repository": "ghcr.io/acme/web", "tag": "v2"}}],
    "img-0024": [{"image": {"repository": "ghcr.io/acme/web", "tag": "v2"}}],
    "img-0026": [{"image": {"repository": "ghcr.io/acme/web", "tag": "v2"}}],
    # a reference without tag is never written
    "img-0058": "unchanged",
    "img-0062": "unchanged",
    "img-0064": "unchanged",
    "img-0066": "unchanged",
    # blanks around a path mean the path
    "img-0067": [
        {"deep": {"ref": "acme/web:v1"}, "full": "ghcr.io/acme/web:v1", "img": "acme/web:v2"}
    ],
    "set-0011": [{"image": {"tag": "1.20"}}, {"image": {"tag": "v2"}}],
    "set-0044": REFUSED,
    "set-0066": [{"image": {"tag": "v2.0.0"}}],
    "set-0068": [{"image": {"tag": "v2.0.0"}}],
    "set-0069": [{"image": {"tag": "1.20"}}],
    "set-0083": [{"image": {"repository": "nginx", "tag": "1.20"}, "image.tag": "literal"}],
    "set-0092": [{"image": {"newKey": "x1", "tag": "v1"}}, {"other": {"tag": "v2"}}],
    "set-0253": REFUSED,
    "set-0274": REFUSED,
    "set-0277": REFUSED,
    "set-0291": REFUSED,
    "set-0301": REFUSED,
    "set-0302": REFUSED,
    "set-0303": REFUSED,
    "set-0304": REFUSED,
    "set-0305": REFUSED,
    "set-0307": REFUSED,
}
# Cases whose recorded output is no valid YAML or not what was asked for: the value that counts.
BETTER_VALUES = {
    "set-0208": {"n": "7.10"},
    "set-0212": {"e": "7.10"},
    "set-0218": {"h": "7.10"},
    "set-0222": {"o": "7.10"},
}


@dataclass
class Image:
    settings: ImageSettings
    image: ImageReference
    running: str


def test_a_values_file_holds_the_expected_documents_after_the_edit(case):
    outcome = edited(case)
    if case["binding"]:
        assert outcome == recorded(case)
    else:
        assert outcome in (recorded(case), better(case))


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
    parameters = [HelmParameter(item["name"], item["value"]) for item in case["helm_parameters"]]
    live = [parse_image(text) for text in case["live_images"]]
    return helm_value_writes(live_images_of(case, live), parameters)


def live_images_of(case, live):
    for image in case["images"]:
        reference = parse_image(image["image"])
        found = live_matches(live, reference, kustomize_image=None)
        target = ManifestTarget(image["helm_name"], image["helm_tag"], image["helm_spec"])
        settings = ImageSettings(image["alias"], reference, target=target)
        if found or image["force_update"]:
            running = found[0].original if found else ""
            yield Image(settings, reference, running)


def recorded(case):
    if case.get("error"):
        return REFUSED
    return case["expect"].get("documents")


def better(case):
    name = case["id"]
    if name in BETTER_VALUES:
        return [{**load_documents(case["values"])[0], **BETTER_VALUES[name]}]
    if name == "set-0275":
        document = load_documents(case["values"])[0]
        document["matrix"][0][1] = "v6"
        return [document]
    result = BETTER.get(name)
    return load_documents(case["values"]) if result == "unchanged" else result


@pytest.mark.parametrize("text", ["12", "0o17", "yes", "2024-01-02", "1e3", "~", "1_000", ""])
def test_the_loader_of_the_runner_tells_strings_from_other_scalars(text):
    assert load_documents(f'a: "{text}"\n') == [{"a": text}]
