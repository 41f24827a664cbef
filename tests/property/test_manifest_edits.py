"""Edits of plain manifests: only the images that are meant become others, byte for byte."""

from hypothesis import given
from hypothesis import strategies as st

from argocd_image_updater.core.manifest_files import edit_manifest_file
from argocd_image_updater.core.reference import ImageTag
from argocd_image_updater.core.targets import ImageWrite
from property.yaml_documents import COMMENTS, LINES, encoded, encodings
from unit.core.resolving import application, image, resource, run

SPECS = ["spec", "spec.template.spec", "spec.jobTemplate.spec.template.spec", "template.spec"]
OTHERS = ["nginx:1", "ghcr.io/acme/webx:1.0.0", "ghcr.io/acme/web/x:1.0.0", "acme/web:1.0.0"]
IMAGE = "ghcr.io/acme/web"
REFS = [{"namePattern": "*", "images": [image(name=f"{IMAGE}:1.x")]}]
CONFIG = {"method": "git", "gitConfig": {"writeBackTarget": "manifest:/a.yaml"}}
[INTENT] = run(resource(REFS, writeBackConfig=CONFIG), application(source_type="Directory")).intents
TAGS = ["", ":1.0.0", ":v1", "@sha256:" + "0" * 64, ":1@sha256:" + "1" * 64]


@st.composite
def manifests(draw):
    """Return a file before and after every container of the image has tag 1.1.0."""
    before: list[str] = []
    after: list[str] = []

    def add(line, new=None):
        before.append(line)
        after.append(line if new is None else new)

    for number in range(draw(st.integers(1, 3))):
        if number:
            add("---" + draw(st.sampled_from(["", " # next"])))
        add(f"kind: {draw(st.sampled_from(['Pod', 'Deployment', 'CronJob', 'Other']))}")
        pad = ""
        for key in draw(st.sampled_from(SPECS)).split("."):
            add(f"{pad}{key}:{draw(st.sampled_from(COMMENTS))}")
            pad += "  "
        for key in draw(st.sampled_from([["containers"], ["initContainers", "containers"]])):
            add(f"{pad}{key}:")
            for _ in range(draw(st.integers(1, 3))):
                add(f"{pad}- name: c{draw(st.sampled_from(COMMENTS))}")
                add(draw(st.sampled_from(LINES)))
                quote = draw(st.sampled_from(["", "'", '"']))
                tail = draw(st.sampled_from(COMMENTS))
                old = draw(st.sampled_from([f"{IMAGE}{tag}" for tag in TAGS] + OTHERS))
                new = old if old in OTHERS else f"{IMAGE}:1.1.0"
                head = f"{pad}  image: {quote}"
                add(f"{head}{old}{quote}{tail}", f"{head}{new}{quote}{tail}")
    return "\n".join(before) + "\n", "\n".join(after) + "\n"


@given(manifests(), encodings)
def test_exactly_the_containers_of_the_image_change(texts, how):
    before, after = texts
    [settings] = INTENT.images
    writes = [ImageWrite(settings, ImageTag("1.1.0"), "")]
    if f"{IMAGE}:1.1.0" not in after:
        return  # such a file is refused, which a test of its own shows
    edit = edit_manifest_file(INTENT, encoded(before, how), writes, file="a.yaml")
    assert edit.content == encoded(after, how)
    assert edit.changed == (before != after)
