"""Hand-made files of the kinds people keep; each folder holds one before and after its edit."""

import json
from pathlib import Path

import pytest

from argocd_image_updater.core.application import EnvEntry, HelmParameter, SourceRef
from argocd_image_updater.core.application_files import edit_application_file
from argocd_image_updater.core.edits.application_manifest import edit_application_manifest
from argocd_image_updater.core.edits.helm_values import ValueWrite, edit_helm_values
from argocd_image_updater.core.edits.kustomization import edit_kustomization, kustomize_entry
from argocd_image_updater.core.edits.override import edit_override
from argocd_image_updater.core.manifest_files import edit_manifest_file
from argocd_image_updater.core.reference import ImageTag
from argocd_image_updater.core.settings import ApplicationType
from argocd_image_updater.core.targets import ImageWrite
from unit.core.resolving import application, image, resource
from unit.core.resolving import run as run_resource

HERE = Path(__file__).parent
CASES = sorted(path.parent for path in HERE.glob("*/edit.json"))


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_an_edit_gives_exactly_the_expected_file(folder):
    wanted = json.loads((folder / "edit.json").read_text())
    original = (folder / "original").read_bytes()
    edit = run(wanted, original)
    assert edit.content.decode() == (folder / "expected").read_bytes().decode()
    assert list(edit.also_changed) == wanted.get("also_changed", [])
    again = run(wanted, edit.content)
    assert (again.content, again.changed) == (edit.content, False)


def run(wanted, content):
    file = wanted.get("file", "values.yaml")
    match wanted["kind"]:
        case "values":
            writes = [ValueWrite(*write) for write in wanted["writes"]]
            return edit_helm_values(content, writes, file=file)
        case "kustomization":
            entries = [kustomize_entry(text) for text in wanted["images"]]
            return edit_kustomization(content, entries, file=file)
        case "manifest":
            return edit_manifest_file(*in_git(wanted, "manifest", content), file=file)
        case "application-file":
            return edit_application_file(*in_git(wanted, "application", content), file=file)
        case "override":
            return edit_override(content, file=file, **lists(wanted))
        case "application":
            source = SourceRef(wanted.get("source"), dry=wanted.get("dry", False))
            return edit_application_manifest(
                content,
                document=wanted["document"],
                item=wanted.get("item"),
                source=source,
                file=file,
                **lists(wanted),
            )


def in_git(wanted, word, content):
    """Return the arguments for a file that is the target of one image of an Application ``web``."""
    where = {"method": "git", "gitConfig": {"writeBackTarget": f"{word}:/file"}}
    refs = [{"namePattern": "*", "images": [image(name=wanted["image"])]}]
    [intent] = run_resource(resource(refs, writeBackConfig=where), application()).intents
    writes = [ImageWrite(item, ImageTag(wanted["tag"]), "") for item in intent.images]
    return intent, content, writes


def lists(wanted):
    return {
        "kind": ApplicationType(wanted["type"]),
        "helm": [HelmParameter(*entry) for entry in wanted.get("helm", [])],
        "kustomize": wanted.get("kustomize", []),
        "plugin": [EnvEntry(*entry) for entry in wanted.get("plugin", [])],
    }
