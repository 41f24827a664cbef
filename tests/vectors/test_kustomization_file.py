"""Edits of kustomization files: documents after the edit, and whether anything is committed."""

from argocd_image_updater.core.edits.kustomization import edit_kustomization, kustomize_entry
from argocd_image_updater.core.edits.result import EditRefused
from vectors.core_schema import load_documents
from vectors.flags import is_flagged, rule_of

VECTORS = "kustomization_file"

REFUSED = "refused"


def test_a_kustomization_holds_the_expected_document_after_the_edit(case):
    outcome = edited(case)
    if not is_flagged(case):
        assert outcome == recorded(case)
        return
    rule = rule_of(case, RULES) or nothing_but_the_entries_changed
    assert outcome == recorded(case) or rule(case, outcome)


def edited(case):
    content = case["existing"].encode()
    try:
        entries = [kustomize_entry(text) for text in case["images"]]
        edit = edit_kustomization(content, entries, file="kustomization.yaml")
    except EditRefused:
        return REFUSED
    assert edit.changed == (edit.content != content)
    if not is_flagged(case) and not case.get("error") and case["expect"].get("unchanged"):
        assert not edit.changed
    again = edit_kustomization(edit.content, entries, file="kustomization.yaml")
    assert (again.content, again.changed) == (edit.content, False)
    return load_documents(edit.content.decode())


def recorded(case):
    return REFUSED if case.get("error") else case["expect"]["documents"]


def intended(case):
    """Make the better edit on parsed data: fields of the addressed entries, all else as it was.

    Parsed aliases are one object, so what an anchor shares changes with it.
    """
    documents = load_documents(case["existing"]) or [{}]
    images = list(documents[0].get("images") or [])
    for text in case["images"]:
        set_entry(images, **fields_of(text))
    if case["images"]:
        documents[0]["images"] = [entry for entry in images if entry]
    return documents if case["images"] else load_documents(case["existing"])


def fields_of(text):
    """Cut ``[original=]image[:tag][@digest]`` without normalising anything."""
    left, equals, right = text.partition("=")
    image, _, digest = (right if equals else text).partition("@")
    head, slash, last = image.rpartition("/")
    last, _, tag = last.partition(":")
    return {
        "original": left if equals else "",
        "image": head + slash + last,
        "newTag": tag,
        "digest": digest,
    }


def set_entry(images, *, original, image, **tags):
    name = original or image
    named = [entry for entry in images if entry and entry.get("name") == name]
    renamed = [entry for entry in images if entry and entry.get("newName") == image]
    found = named or ([] if original else renamed)
    if not found:
        found = [{"name": name}]
        images += found
    for entry in found:
        entry.update({"newName": image} if original else {})
        entry.update({key: value for key, value in tags.items() if value})
        if tags["newTag"] and not tags["digest"]:
            entry.pop("digest", None)


def is_the_intended_edit(case, outcome):
    return outcome == intended(case)


def nothing_but_the_entries_changed(case, outcome):
    """Invariant of this file: either the addressed fields alone change, or nothing is written."""
    return outcome in (REFUSED, intended(case))


# Words of flagged cases. Whatever weakness they name, the better result is the plain edit.
RULES = {
    "normalised away": is_the_intended_edit,
    "without any image": is_the_intended_edit,
    "newName is lost": is_the_intended_edit,
    "section 11": is_the_intended_edit,
    "null images list": is_the_intended_edit,
    "unknown keys and tagSuffix": is_the_intended_edit,
    "anchors on image entries": is_the_intended_edit,
    "YAML 1.2 directive": is_the_intended_edit,
    "an empty file could be": is_the_intended_edit,
    "artefact of the library": is_the_intended_edit,
    "merge key of the replaced entry": is_the_intended_edit,
}
