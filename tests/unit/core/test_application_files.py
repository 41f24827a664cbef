"""Applications and ApplicationSets that are kept in Git, as targets."""

import pytest

from argocd_image_updater.core.application import Application, ObjectKey, Source
from argocd_image_updater.core.application_files import edit_application_file
from argocd_image_updater.core.declared import declared_in_file
from argocd_image_updater.core.edits.result import EditRefused
from argocd_image_updater.core.parameters.dispatch import TargetMismatch
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.reference import ImageTag
from argocd_image_updater.core.settings import ApplicationType, TargetKind
from argocd_image_updater.core.targets import ImageWrite
from argocd_image_updater.core.write_back_texts import Target, parse_target
from argocd_image_updater.errors import ConfigError
from unit.core.resolving import GITOPS, application, image, resource, run

HELM = {"manifestTargets": {"helm": {"name": "image.name", "tag": "image.tag"}}}
IMAGE = "ghcr.io/acme/web"


def intent_of(target="application:/apps.yaml", *images, found=None, **context):
    images = images or (image(**HELM),)
    refs = [{"namePattern": "*", "images": list(images)}]
    config = {"method": "git", "gitConfig": {"writeBackTarget": target}}
    [intent] = run(
        resource(refs, writeBackConfig=config), found or application(), **context
    ).intents
    return intent


def edit(text, intent=None, *, tag="1.1.0", running=f"{IMAGE}:1.0.0"):
    intent = intent or intent_of()
    writes = [ImageWrite(item, ImageTag(tag), running) for item in intent.images]
    result = edit_application_file(intent, text.encode(), writes, file="apps.yaml")
    again = edit_application_file(intent, result.content, writes, file="apps.yaml")
    assert (again.content, again.changed) == (result.content, False)
    return result


def manifest(source, *, name="web", kind="Application", head="spec:\n  source:\n"):
    lines = "".join(f"    {line}\n" if line else "\n" for line in source.split("\n"))
    return (
        f"apiVersion: argoproj.io/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\n{head}{lines}"
    )


def declared(text, intent=None):
    intent = intent or intent_of()
    [settings] = intent.images
    [found] = declared_in_file(
        intent, settings, source=Source(), content=text.encode(), file="apps.yaml"
    )
    return found


def test_the_words_need_their_colon_and_a_file():
    assert parse_target("application") == Target("", "application", is_rooted=True)
    assert parse_target("applications/a.yaml").word == ""
    assert parse_target("application:a.yaml#web") == Target(
        "application", "a.yaml", is_rooted=False, name="web"
    )
    assert parse_target("applicationset:/a.yaml").is_rooted
    for text in ("application:", "application:#x", "applicationset: / "):
        with pytest.raises(ConfigError, match="names no file"):
            parse_target(text)


def test_the_place_is_the_file_with_the_object():
    intent = intent_of("application:/apps/all.yaml#other")
    where = intent.write_back
    assert (where.target_kind, where.target) == (TargetKind.APPLICATION, "apps/all.yaml#other")
    assert intent_of("application:all.yaml").write_back.target_path == "apps/web/all.yaml"
    keys = {intent_of(f"application:/a.yaml{name}").write_back.target_key for name in ("", "#b")}
    assert len(keys) == 2


def test_a_parameter_is_changed_where_it_stands():
    text = manifest(
        "helm:\n  parameters:\n  - {name: image.tag, value: 1.0.0} # tag\n"
        "  - name: image.name\n    value: " + IMAGE + "\n  values: |\n    image: {tag: x}"
    )
    result = edit(text)
    assert result.content.decode() == text.replace(
        "value: 1.0.0} # tag", "value: 1.1.0, forceString: true} # tag"
    )
    assert declared(text).tag.name == "1.0.0"


def test_values_in_a_block_are_edited_inside_the_text():
    text = manifest(
        f"helm:\n  values: |  # by hand\n    # the image\n    image:\n      name: {IMAGE}\n\n"
        "      tag: 1.0.0   # here\n    other: |\n      a\n       b\n\npath: web"
    )
    assert edit(text).content.decode() == text.replace("tag: 1.0.0   #", "tag: 1.1.0   #")
    assert declared(text).tag.name == "1.0.0"


def test_a_value_that_is_missing_goes_beside_the_others():
    in_object = manifest(
        "helm:\n  valuesObject:\n    replicas: 2\n  values: |\n    image: {tag: x}"
    )
    assert edit(in_object).content.decode() == manifest(
        "helm:\n  valuesObject:\n    replicas: 2\n    image:\n      tag: 1.1.0\n"
        f"      name: {IMAGE}\n  values: |\n    image: {{tag: x}}"
    )
    in_text = manifest("helm:\n  values: |\n    replicas: 2\npath: web")
    assert edit(in_text).content.decode() == manifest(
        "helm:\n  values: |\n    replicas: 2\n    image:\n      tag: 1.1.0\n"
        f"      name: {IMAGE}\npath: web"
    )
    nowhere = manifest("path: web")
    assert edit(nowhere).content.decode() == manifest(
        "path: web\nhelm:\n  parameters:\n"
        "  - name: image.tag\n    value: 1.1.0\n    forceString: true\n"
        f"  - name: image.name\n    value: {IMAGE}\n    forceString: true"
    )


def test_values_object_counts_and_values_do_not():
    text = manifest(
        f"helm:\n  valuesObject: {{image: {{name: {IMAGE}, tag: 1.0.0}}}}\n"
        "  values: |\n    image: {tag: 9}"
    )
    assert edit(text).content.decode() == text.replace("1.0.0", "1.1.0")


def test_kustomize_images_are_edited():
    found = application(source_type="Kustomize")
    intent = intent_of("application:/apps.yaml", image(), found=found)
    text = manifest(f"kustomize:\n  images:\n  - other:1\n  - {IMAGE}:1.0.0 # web")
    result = edit(text, intent)
    assert result.content.decode() == text.replace(":1.0.0 # web", ":1.1.0 # web")
    assert declared(text, intent).tag.name == "1.0.0"


def test_variables_of_a_plugin_are_edited():
    found = application(source_type="Plugin")
    target = {"manifestTargets": {"plugin": {"name": "IMAGE", "tag": "TAG"}}}
    intent = intent_of("application:/apps.yaml", image(**target), found=found)
    assert intent.application_type is ApplicationType.PLUGIN
    text = manifest(
        f"plugin:\n  env:\n  - {{name: TAG, value: 1.0.0}}\n  - {{name: IMAGE, value: {IMAGE}}}"
    )
    assert edit(text, intent).content.decode() == text.replace("1.0.0", "1.1.0")
    assert declared(text, intent).tag.name == "1.0.0"


def test_each_image_goes_to_the_source_that_holds_it():
    text = (
        "kind: Application\nmetadata: {name: web}\nspec:\n  sources:\n"
        "  - helm:\n      valuesObject: {a: {tag: 1.0.0, name: " + IMAGE + "}}\n"
        "  - kustomize:\n      images: ['ghcr.io/acme/api:1.0.0']\n"
    )
    listed = (Source(GITOPS, path="a", target_revision="main"),) * 2
    found = Application(
        ObjectKey("argocd", "web"),
        sources=listed,
        source_types=("Helm", "Kustomize"),
        has_status=True,
    )
    at = {"manifestTargets": {"helm": {"name": "a.name", "tag": "a.tag"}}}
    other = {"manifestTargets": {"kustomize": {"name": "ghcr.io/acme/api"}}}
    intent = intent_of(
        "application:/apps.yaml",
        image(**at),
        image("api", "ghcr.io/acme/api:1.x", **other),
        found=found,
    )
    writes = [
        ImageWrite(item, ImageTag("1.1.0"), f"{item.reference.full_name}:1.0.0")
        for item in intent.images
    ]
    result = edit_application_file(intent, text.encode(), writes, file="apps.yaml")
    after = result.content.decode()
    assert "a: {tag: 1.1.0," in after
    assert "ghcr.io/acme/api:1.1.0" in after
    assert len(after.splitlines()) == len(text.splitlines())


def test_the_object_is_found_among_others_by_kind_and_name():
    wanted = manifest(
        "helm: {parameters: [{name: image.tag, value: 1.0.0}, "
        f"{{name: image.name, value: {IMAGE}}}]}}"
    )
    others = manifest("path: x", name="api") + "---\n" + manifest("path: y", kind="AppProject")
    text = f"{others}---\n{wanted}"
    changed = text.replace("value: 1.0.0", "value: 1.1.0, forceString: true")
    assert edit(text).content.decode() == changed
    assert edit(text).content.decode().startswith(others)
    renamed = intent_of("application:/apps.yaml#api")
    assert edit(text, renamed).content.decode().endswith(wanted)


def test_an_item_of_a_list_is_found():
    text = (
        "kind: ApplicationList\nitems:\n- metadata: {name: web}\n  spec:\n    source:\n"
        f"      helm:\n        valuesObject: {{image: {{name: {IMAGE}, tag: 1.0.0}}}}\n"
    )
    assert edit(text).content.decode() == text.replace("1.0.0", "1.1.0")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("kind: Application\nmetadata: {name: other}\n", Reason.TARGET_MISSING),
        ("kind: Application\nmetadata: {name: web}\n", Reason.TARGET_MISSING),
        (manifest("path: a") + "---\n" + manifest("path: b"), Reason.AMBIGUOUS),
        (manifest("helm: {values: '{{ .x }}'}"), Reason.AMBIGUOUS),
        (manifest("helm:\n  values: |\n    image: {{ .x }}\n    y: {{ a }}: b"), Reason.AMBIGUOUS),
        (manifest("helm: {valuesObject: {image: {tag: '{{ .tag }}'}}}"), Reason.AMBIGUOUS),
        (manifest("helm:\n  values: >\n    image: {tag: a}"), Reason.AMBIGUOUS),
        (manifest("helm: {valuesObject: {image: [1]}}"), Reason.TARGET_MISMATCH),
        (manifest("helm:\n  values: |\n    image: [1]"), Reason.TARGET_MISMATCH),
        ("{{ if x }}\nkind: Application\n", Reason.TARGET_UNREADABLE),
        ("", Reason.TARGET_MISSING),
        (
            manifest("helm: &h {valuesObject: {image: {tag: a}}}\nb: 1") + "x: *nope\n",
            Reason.TARGET_UNREADABLE,
        ),
    ],
)
def test_what_cannot_be_edited_without_doubt_is_refused(text, reason):
    with pytest.raises(EditRefused) as refusal:
        edit(text)
    assert refusal.value.reason is reason


def test_a_source_with_the_block_of_another_tool_is_a_mismatch():
    found = application(source_type="Kustomize")
    intent = intent_of("application:/apps.yaml", image(), found=found)
    text = (
        "kind: Application\nmetadata: {name: web}\nspec:\n  sources:\n  - helm: {releaseName: x}\n"
    )
    with pytest.raises(TargetMismatch):
        edit(text, intent)


def test_anchors_are_followed_told_and_refused_where_that_is_asked():
    text = manifest(
        f"helm:\n  valuesObject:\n    one: &v {{tag: 1.0.0, name: {IMAGE}}}\n    image: *v\npath: x"
    )
    result = edit(text)
    assert result.content.decode() == text.replace("1.0.0", "1.1.0")
    assert result.also_changed == ("spec.source.helm.valuesObject.one.tag",)
    with pytest.raises(EditRefused) as refusal:
        edit(text, intent_of(refuse_shared=True))
    assert refusal.value.reason is Reason.AMBIGUOUS


def test_a_set_has_its_sources_in_its_template():
    head = (
        "spec:\n  goTemplate: true\n  generators: [{list: {elements: []}}]\n  template:\n"
        "    metadata: {name: '{{.name}}-x'}\n    spec:\n      source:\n"
    )
    body = (
        "        repoURL: '{{.repo}}'\n        helm:\n          parameters:\n"
        "          - name: image.tag\n            value: 1.0.0\n          - name: image.name\n"
        f"            value: {IMAGE}\n"
        "          values: |\n            host: {{.name}}.example.com\n"
    )
    text = f"kind: ApplicationSet\nmetadata: {{name: all}}\n{head}{body}"
    intent = intent_of("applicationset:/sets.yaml")
    result = edit(text, intent).content.decode()
    assert result == text.replace("value: 1.0.0\n", "value: 1.1.0\n            forceString: true\n")
    assert declared(text, intent).tag.name == "1.0.0"
    two = f"{text}---\n{text.replace('name: all', 'name: b')}"
    with pytest.raises(EditRefused, match="more than one ApplicationSet"):
        edit(two, intent)
    named = intent_of("applicationset:/sets.yaml#b")
    assert edit(two, named).content.decode().startswith(text)
    with pytest.raises(EditRefused, match="is a template"):
        edit(text.replace("value: 1.0.0", "value: '{{.tag}}'"), intent)


def test_a_directory_stays_unsupported_with_a_manifest_of_its_application():
    refs = [{"namePattern": "*", "images": [image()]}]
    config = {"method": "git", "gitConfig": {"writeBackTarget": "application:/a.yaml"}}
    found = run(resource(refs, writeBackConfig=config), application(source_type="Directory"))
    assert [item.reason for item in found.problems] == [Reason.SOURCE_UNSUPPORTED]
