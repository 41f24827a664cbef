"""Edits of values inside a text: what comes out is the same text around the edited values."""

from types import SimpleNamespace

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from argocd_image_updater.core.edits.helm_values import ValueWrite, edit_helm_values
from argocd_image_updater.core.edits.layout import detect_style
from argocd_image_updater.core.edits.objects import node_at
from argocd_image_updater.core.edits.operations import edit_text
from argocd_image_updater.core.edits.result import EditRefused
from argocd_image_updater.core.edits.source_images import SourceEdit, helm_places, plan_helm
from argocd_image_updater.core.edits.yamltext import parse
from property.yaml_documents import documents, encoded, encodings, values

relaxed = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def embedded(text, *, step, keep):
    """Return an Application with the text as its values, in a block of lines."""
    pad = " " * (4 + step)
    rows = [pad + row if row else "" for row in text.removesuffix("\n").split("\n")]
    head = f"spec:\n  source:\n    helm:  # values\n      values: |{step - 2}{keep} # text\n"
    return SimpleNamespace(text=head + "\n".join(rows) + "\n    path: web # behind\n")


def edit(content, path, value):
    doc = parse(content, file="app.yaml")
    source = node_at(doc, doc.roots[0], "spec", "source")
    planned = SourceEdit()
    writes = [ValueWrite(path, value, "tag")]
    plan_helm(helm_places(doc, source, below=("spec", "source")), writes, edit=planned)
    if not planned.operations:
        return content
    return edit_text(doc, planned.operations, style=detect_style(doc))


@relaxed
@given(documents(), st.integers(3, 6), encodings, values, st.data())
def test_the_lines_around_a_value_in_a_text_keep_their_bytes(document, step, how, value, data):
    text, leaves, mappings, _ = document
    keep = data.draw(st.sampled_from(["", "-", "+"]))
    path = data.draw(
        st.sampled_from([*leaves, *(f"{one}.new" if one else "new" for one in mappings)])
    )
    text = text.rstrip("\n ") + "\n"
    before = encoded(embedded(text, step=step, keep=keep).text, how)
    held = yaml.safe_load(before.decode("utf-8-sig"))["spec"]["source"]["helm"]["values"]
    assert held.rstrip("\n") == text.rstrip("\n")
    try:
        wanted = edit_helm_values(held.encode(), [ValueWrite(path, value, "tag")], file="v")
    except EditRefused:
        return
    after = edit(before, path, value)
    spelled = wanted.content.decode().rstrip("\n") + "\n"
    assert after == encoded(embedded(spelled, step=step, keep=keep).text, how)
    assert edit(after, path, value) == after
