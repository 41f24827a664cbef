"""Override files, kustomizations and Application manifests beyond the recorded cases."""

import pytest

from argocd_image_updater.core.application import EnvEntry, HelmParameter, SourceRef
from argocd_image_updater.core.edits.application_manifest import edit_application_manifest
from argocd_image_updater.core.edits.kustomization import (
    KustomizeEntry,
    edit_kustomization,
    kustomize_entry,
    read_kustomization_images,
)
from argocd_image_updater.core.edits.override import (
    OverrideContent,
    edit_override,
    read_override,
)
from argocd_image_updater.core.edits.result import EditRefused
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.settings import ApplicationType

HELM, KUSTOMIZE, PLUGIN = (
    ApplicationType.HELM,
    ApplicationType.KUSTOMIZE,
    ApplicationType.PLUGIN,
)
TAG = HelmParameter("image.tag", "v2", force_string=True)


def override(text, **lists):
    content = None if text is None else text.encode()
    return edit_override(content, file=".argocd-source-web.yaml", **lists)


def application(text, **options):
    options = {"document": 0, "source": SourceRef(), "kind": HELM, **options}
    return edit_application_manifest(text.encode(), file="apps.yaml", **options)


def kustomization(text, *images):
    entries = [kustomize_entry(image) for image in images]
    return edit_kustomization(text.encode(), entries, file="kustomization.yaml")


def test_an_override_file_is_read_with_its_flags_in_any_case():
    text = (
        "helm:\n  parameters:\n  - {name: a, value: 1, forceString: true}\n  - text\n"
        "  - {name: b, value: x, FORCESTRING: false}\n"
        "kustomize: {images: [nginx:1]}\nplugin: {env: [{name: E, value: v}]}\n"
    )
    assert read_override(text.encode()) == OverrideContent(
        (
            HelmParameter("a", "1", force_string=True),
            HelmParameter("", ""),
            HelmParameter("b", "x"),
        ),
        ("nginx:1",),
        (EnvEntry("E", "v"),),
    )


@pytest.mark.parametrize(
    "text", ["", "# c\n", "[]\n", "text\n", "helm:\n", "helm: {parameters: }\n"]
)
def test_an_override_file_without_lists_reads_as_empty(text):
    assert read_override(text.encode()) == OverrideContent()


@pytest.mark.parametrize(
    "text", ["- a\n", "text\n", "helm: text\n", "helm:\n  parameters: {}\n", "helm: [\n"]
)
def test_an_override_file_of_another_shape_is_not_overwritten(text):
    with pytest.raises(EditRefused):
        override(text, kind=HELM, helm=[TAG])


def test_an_override_of_an_unsupported_type_is_refused():
    with pytest.raises(EditRefused) as caught:
        override(None, kind=ApplicationType.UNSUPPORTED)
    assert caught.value.reason is Reason.SOURCE_UNSUPPORTED


def test_comments_alone_get_the_block_behind_them():
    edit = override("# by hand\n", kind=PLUGIN, plugin=[EnvEntry("TAG", "1.20")])
    assert edit.content.decode() == (
        '# by hand\nplugin:\n  env:\n  - name: TAG\n    value: "1.20"\n'
    )


def test_a_flow_list_grows_in_flow():
    edit = override("kustomize: {images: [nginx:1]}\n", kind=KUSTOMIZE, kustomize=["redis:7"])
    assert edit.content == b"kustomize: {images: [nginx:1, 'redis:7']}\n"


def test_a_value_of_several_lines_stays_a_block_of_its_own():
    text = 'plugin:\n  env:\n  - name: A\n    value: "1"\n'
    edit = override(text, kind=PLUGIN, plugin=[EnvEntry("A", "two\n\nlines")])
    assert edit.content.decode() == (
        "plugin:\n  env:\n  - name: A\n    value: |-\n      two\n\n      lines\n"
    )
    back = override(edit.content.decode(), kind=PLUGIN, plugin=[EnvEntry("A", "1")])
    assert back.content.decode() == text


def test_values_shared_by_an_anchor_are_told():
    text = (
        "helm:\n  parameters:\n  - {name: image.tag, value: &v v1}\n  - {name: other, value: *v}\n"
    )
    assert override(text, kind=HELM, helm=[TAG]).also_changed == ("helm.parameters[1].value",)


def test_a_kustomization_is_read_through_anchors_and_merges():
    text = "x: &x {newTag: v1}\nimages:\n- <<: *x\n  name: nginx\n- text\n- name: a\n  digest: d\n"
    assert read_kustomization_images(text.encode()) == (
        KustomizeEntry("nginx", new_tag="v1"),
        KustomizeEntry("a", digest="d"),
    )
    assert read_kustomization_images(b"") == read_kustomization_images(b"images:\n") == ()


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("nginx:1", KustomizeEntry("nginx", "", "1", "")),
        ("docker.io/library/nginx:1", KustomizeEntry("docker.io/library/nginx", "", "1", "")),
        ("index.docker.io/a/b:1", KustomizeEntry("index.docker.io/a/b", "", "1", "")),
        ("a=b=c:v1", KustomizeEntry("a", "b=c", "v1", "")),
        ("x=localhost:5000/y", KustomizeEntry("x", "localhost:5000/y", "", "")),
        ("=nginx:1", KustomizeEntry("nginx", "", "1", "")),
    ],
)
def test_an_override_text_keeps_its_spelling(text, entry):
    assert kustomize_entry(text) == entry


@pytest.mark.parametrize("text", ["", ":v1", "@sha256:ab"])
def test_an_override_text_without_a_name_is_refused(text):
    with pytest.raises(EditRefused):
        kustomize_entry(text)


def test_a_digest_that_a_merge_brings_is_not_overridden_by_a_tag():
    text = "x: &x {digest: d}\nimages:\n- <<: *x\n  name: nginx\n"
    with pytest.raises(EditRefused, match="digest"):
        kustomization(text, "nginx:v2")


def test_one_entry_reached_twice_is_changed_once():
    text = "images:\n- &i {name: nginx, newTag: v1}\n- *i\n"
    edit = kustomization(text, "nginx:v2")
    assert edit.content.decode() == text.replace("v1", "v2")


@pytest.mark.parametrize("text", ["images: {}\n", "images: x\n", "a: 1\n---\nb: 2\n", "- a\n"])
def test_a_file_that_is_no_single_kustomization_is_refused(text):
    with pytest.raises(EditRefused):
        kustomization(text, "nginx:v2")


APP = "kind: Application\nspec:\n  source:\n    path: .\n"


def test_an_equal_list_changes_nothing():
    text = APP + "    helm:\n      parameters:\n      - {name: image.tag, value: v2}\n"
    assert application(text, helm=[TAG]).changed is False


def test_a_block_without_list_gets_one_in_the_style_of_the_file():
    text = APP + "    helm: {valueFiles: [a.yaml]}\n"
    edit = application(text, helm=[TAG])
    assert edit.content.decode() == APP + (
        "    helm: {valueFiles: [a.yaml], "
        "parameters: [{name: image.tag, value: v2, forceString: true}]}\n"
    )


def test_an_empty_list_in_json_stays_json():
    text = '{"kind": "Application", "spec": {"source": {"kustomize": {"images": []}}}}'
    edit = application(text, kind=KUSTOMIZE, kustomize=["nginx:1"])
    assert edit.content.decode() == text.replace("[]", '["nginx:1"]')


@pytest.mark.parametrize(
    "options",
    [
        {"document": 1},
        {"item": 0},
        {"source": SourceRef(index=0)},
        {"source": SourceRef(dry=True)},
        {"kind": ApplicationType.UNSUPPORTED},
    ],
)
def test_an_application_or_source_that_is_not_there_is_refused(options):
    with pytest.raises(EditRefused):
        application(APP, **{"helm": [TAG], **options})


def test_another_kind_in_its_place_is_refused():
    with pytest.raises(EditRefused, match="no Application"):
        application(APP.replace("Application", "AppProject"), helm=[TAG])


@pytest.mark.parametrize("helm", [[], [TAG], [TAG, HelmParameter("a", "1")]])
def test_a_list_that_lost_or_moved_entries_is_refused(helm):
    text = APP + "    helm: {parameters: [{name: a, value: '1'}, {name: image.tag, value: v1}]}\n"
    with pytest.raises(EditRefused) as caught:
        application(text, helm=helm)
    assert caught.value.reason is Reason.AMBIGUOUS


def test_images_of_a_manifest_are_matched_by_position():
    text = APP + "    kustomize:\n      images:\n      - nginx:1 # a\n      - 'redis:6'\n"
    edit = application(text, kind=KUSTOMIZE, kustomize=["nginx:1", "redis:7", "x=y:1"])
    assert edit.content.decode() == text.replace("redis:6", "redis:7") + "      - x=y:1\n"


def test_comments_stay_where_a_value_of_several_lines_comes_or_goes():
    text = 'plugin:\n  env:\n  - name: A\n    value: "1" # why\n'
    edit = override(text, kind=PLUGIN, plugin=[EnvEntry("A", "two\nlines")])
    assert edit.content.decode() == text.replace('"1"', '"two\\nlines"')
    text = "plugin:\n  env:\n  - name: A\n    value: |- # why\n      two\n      lines\n"
    edit = override(text, kind=PLUGIN, plugin=[EnvEntry("A", " 1")])
    assert edit.content.decode() == text.replace("|- # why\n      two\n      lines", "' 1' # why")
    edit = override(text, kind=PLUGIN, plugin=[EnvEntry("A", "one\ntwo")])
    assert edit.content.decode() == text.replace("two\n      lines", "one\n      two")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("v1\n", "|\n      v1"),
        ("a\nb", "|-\n      a\n      b"),
        ("a \nb", '"a \\nb"'),
        ("\x01\x1b", '"\\x01\\e"'),
        ("\U0001f600", '"\\U0001F600"'),
        ("\ufeff", '"\\uFEFF"'),
    ],
)
def test_a_new_override_file_writes_odd_values_as_usual_yaml_writers_do(value, written):
    parameter = HelmParameter("image.tag", value, force_string=True)
    text = override(None, kind=HELM, helm=(parameter,)).content.decode()
    assert text.endswith(f"name: image.tag\n    value: {written}\n    forcestring: true\n")
