"""Override files: exact text of new files, and what an edit does to existing ones."""

import yaml

from argocd_image_updater.core.application import EnvEntry, HelmParameter, Source
from argocd_image_updater.core.edits.override import edit_override
from argocd_image_updater.core.edits.result import EditRefused
from argocd_image_updater.core.parameters.ownership import managed_helm, managed_plugin
from argocd_image_updater.core.reference import parse_image
from argocd_image_updater.core.settings import ApplicationType, ImageSettings, ManifestTarget
from vectors.core_schema import load_documents
from vectors.flags import is_flagged, rule_of

VECTORS = "argocd_source_file"

REFUSED = "refused"
TARGET_KEYS = ("helm_name", "helm_tag", "helm_spec", "env_name", "env_tag", "env_spec")
LISTS = {
    "helm": ("helm", "parameters"),
    "kustomize": ("kustomize", "images"),
    "plugin": ("plugin", "env"),
}


def test_an_override_file_has_exactly_this_text_after_the_edit(case):
    outcome = edited(case)
    expected = case["expect"]["text"]
    if not is_flagged(case):
        assert outcome == expected
        return
    rule = rule_of(case, RULES) or intended_or_refused
    assert outcome == expected or rule(case, outcome)


def parsed(text):
    """Return the documents of a text, None where it does not parse or says no mapping."""
    try:
        documents = load_documents(text or "")
    except yaml.YAMLError:
        return None
    return documents if all(isinstance(one, dict) for one in documents) else None


def entries_of(document, kind):
    """Return the list of a kind in one document, with every key in its usual spelling."""
    block, key = LISTS[kind]
    items = (document.get(block) or {}).get(key) or []
    return [
        item
        if isinstance(item, str)
        else {"name": ""} | {name.lower(): value for name, value in item.items()}
        for item in items
    ]


def managed_names(case):
    """Return the names of parameters and variables that the configured images own."""
    names = set()
    for image in case.get("images") or ():
        given = {key: image.get(key, "") for key in TARGET_KEYS}
        if case["application_type"] == "plugin":
            pair = (given["env_name"], given["env_tag"])
            names.update([given["env_spec"]] if given["env_spec"] else pair)
            continue
        spec = given["helm_spec"].strip()
        pair = (given["helm_name"] or "image.name", given["helm_tag"] or "image.tag")
        names.update([spec] if spec else pair)
    return names - {""}


def intended(case):
    """Return existing documents with the recorded list in place; what is not owned stays."""
    kind = case["application_type"]
    documents = parsed(case["existing"])
    if documents is None:
        return REFUSED
    documents = documents or [{}]
    target = next((one for one in documents if LISTS[kind][0] in one), documents[0])
    (saved,) = parsed(case["expect"]["text"]) or [{}]
    wanted, present = entries_of(saved, kind), entries_of(target, kind)
    if kind == "helm":
        owned = managed_names(case)
        wanted = [item for item in wanted if item["name"] in owned]
        wanted += [item for item in present if item["name"] not in owned]
    block, key = LISTS[kind]
    target[block] = {**(target.get(block) or {}), key: wanted}
    return comparable(documents, kind)


def comparable(documents, kind):
    """Order Helm parameters by name, which is all their order says, and drop default values."""
    block, key = LISTS[kind]
    shown = []
    for document in documents:
        items = entries_of(document, kind)
        if kind == "helm":
            items = [
                {name: value for name, value in item.items() if value is not False}
                for item in sorted(items, key=lambda item: item["name"])
            ]
        shown.append({**document, block: {**(document.get(block) or {}), key: items}})
    return shown


def is_the_intended_edit(case, outcome):
    """The owned entries are set; other entries, keys, documents and comments are still there.

    A file that does not parse is refused.
    """
    wanted = intended(case)
    if REFUSED in (outcome, wanted):
        return outcome == wanted
    kept = all(line in outcome for line in comments_of(case["existing"]))
    return kept and comparable(parsed(outcome) or [{}], case["application_type"]) == wanted


def comments_of(text):
    return [line.strip() for line in (text or "").splitlines() if line.lstrip().startswith("#")]


def nothing_is_lost(case, outcome):
    """Without a block nothing is known of the list: at most entries that were given are added."""
    kind = case["application_type"]
    given = case.get("plugin_env" if kind == "plugin" else "kustomize_images") or ()
    if outcome in (case["existing"], REFUSED):
        return True
    before = parsed(case["existing"]) or [{}]
    after = parsed(outcome) or [{}]
    present = entries_of(before[0], kind)
    items = entries_of(after[0], kind)
    block, key = LISTS[kind]
    before[0][block] = {**(before[0].get(block) or {}), key: items}
    return after == before and all(item in present or item in given for item in items)


def intended_or_refused(case, outcome):
    """Invariant of this file: what was meant and nothing else, or no edit at all."""
    return outcome == REFUSED or is_the_intended_edit(case, outcome)


# Words of flagged cases, and what the better result is.
RULES = {
    "keeps what it does not own": is_the_intended_edit,
    "re-formats what was not meant": is_the_intended_edit,
    "is not recognised when reading": is_the_intended_edit,
    "writes an empty file": nothing_is_lost,
}


def edited(case):
    content = None if case["existing"] is None else case["existing"].encode()
    kind = ApplicationType(case["application_type"])
    lists = {
        "kind": kind,
        "helm": managed_helm(source_of(case), images_of(case)),
        "kustomize": case.get("kustomize_images") or (),
        "plugin": managed_plugin(source_of(case), images_of(case)),
        "file": ".argocd-source-web.yaml",
    }
    try:
        edit = edit_override(content, **lists)
    except EditRefused:
        return REFUSED
    if not is_flagged(case):
        assert edit.changed != case["expect"]["unchanged"]
    again = edit_override(edit.content, **lists)
    assert (again.content, again.changed) == (edit.content, False)
    return edit.content.decode()


def source_of(case):
    return Source(
        helm_parameters=tuple(
            HelmParameter(item["name"], item["value"], item.get("forceString", False))
            for item in case.get("helm_parameters") or ()
        ),
        plugin_env=tuple(
            EnvEntry(item["name"], item["value"]) for item in case.get("plugin_env") or ()
        ),
    )


def images_of(case):
    for image in case.get("images") or ():
        helm_name, helm_tag, helm_spec, *plugin = (image.get(key, "") for key in TARGET_KEYS)
        target = ManifestTarget(helm_name, helm_tag, helm_spec, "", *plugin)
        yield ImageSettings(image.get("alias", ""), parse_image("x"), target=target)
