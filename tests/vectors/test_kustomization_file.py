"""Edits of kustomization files: documents after the edit, and whether anything is committed."""

from argocd_image_updater.core.edits.kustomization import edit_kustomization, kustomize_entry
from argocd_image_updater.core.edits.result import EditRefused
from vectors.core_schema import load_documents

VECTORS = "kustomization_file"

REFUSED = "refused"
STANDARD = {
    "apiVersion": "kustomize.config.k8s.io/v1beta1",
    "kind": "Kustomization",
    "resources": ["deployment.yaml"],
}
NGINX = [{"name": "nginx", "newTag": "v3"}]


def with_images(case, images):
    return [{**load_documents(case["existing"])[0], "images": images}]


def redis_and_db(first):
    digest = "sha256:" + "b" * 64
    return [first, {"name": "redis", "newTag": 6}, {"digest": digest, "name": "db"}]


# Better results of cases that record a defect, where the note tells them in words.
BETTER = {
    # the name stays as it is written
    "kus-0010": lambda case: with_images(
        case, [{"name": "index.docker.io/acme/web", "newTag": "1.1"}]
    ),
    # only the tag changes, also where the entry is found through its newName
    "kus-0037": lambda case: with_images(
        case, redis_and_db({"name": "web", "newName": "ghcr.io/acme/web", "newTag": "1.1"})
    ),
    "kus-0039": lambda case: with_images(
        case, redis_and_db({"name": "web", "newName": "ghcr.io/acme/web", "newTag": "1.1"})
    ),
    # nothing to set: nothing is written
    "kus-0031": lambda case: load_documents(case["existing"]),
    "kus-0160": lambda case: load_documents(case["existing"]),
    # an empty list is filled, an empty file counts as an empty kustomization
    "kus-0051": lambda case: with_images(case, NGINX),
    "kus-0052": lambda case: with_images(case, NGINX),
    "kus-0101": lambda _case: [{"images": NGINX}],
    "kus-0103": lambda _case: [{"images": NGINX}],
    "kus-0104": lambda _case: [{"images": NGINX}],
    # other keys of the entry, anchors and merge keys stay
    "kus-0076": lambda case: with_images(
        case, [{"name": "nginx", "newTag": "v3", "tagSuffix": "-alpine"}]
    ),
    "kus-0081": lambda _case: [{**STANDARD, "images": NGINX, "y": NGINX}],
    "kus-0082": lambda _case: [{**STANDARD, "images": RENAMED, "y": RENAMED}],
    "kus-0100": lambda _case: [{**STANDARD, "images": NGINX}],
    "kus-0122": lambda case: with_images(case, NGINX),
    "kus-0131": lambda case: with_images(case, NGINX),
}
RENAMED = [{"name": "nginx", "newName": "ghcr.io/x/nginx", "newTag": "v3"}]


def test_a_kustomization_holds_the_expected_document_after_the_edit(case):
    outcome = edited(case)
    if case["binding"]:
        assert outcome == recorded(case)
    else:
        assert outcome in (recorded(case), BETTER.get(case["id"], recorded)(case))


def edited(case):
    content = case["existing"].encode()
    entries = [kustomize_entry(text) for text in case["images"]]
    try:
        edit = edit_kustomization(content, entries, file="kustomization.yaml")
    except EditRefused:
        return REFUSED
    assert edit.changed == (edit.content != content)
    if case["binding"] and case["expect"]["unchanged"]:
        assert not edit.changed
    again = edit_kustomization(edit.content, entries, file="kustomization.yaml")
    assert (again.content, again.changed) == (edit.content, False)
    return load_documents(edit.content.decode())


def recorded(case):
    return REFUSED if case.get("error") else case["expect"]["documents"]
