"""Container images in plain manifests, as targets of Applications of type Directory."""

import pytest

from argocd_image_updater.core.application import Application, ObjectKey, Source, SourceRef
from argocd_image_updater.core.conflicts import resolve_conflicts
from argocd_image_updater.core.edits.result import EditRefused
from argocd_image_updater.core.manifest_files import edit_manifest_file, images_in_manifest
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.reference import ImageTag
from argocd_image_updater.core.settings import ApplicationType, TargetKind
from argocd_image_updater.core.targets import ImageWrite
from argocd_image_updater.core.write_back_texts import parse_target
from argocd_image_updater.errors import ConfigError
from unit.core.resolving import GITOPS, application, image, resource, run

IMAGE = "ghcr.io/acme/web"
DIGEST = "sha256:" + "4f" * 32
DIRECTORY = application(source_type="Directory")


def intent_of(target="manifest:/all.yaml", *images, found=DIRECTORY, **context):
    refs = [{"namePattern": "*", "images": list(images) or [image()]}]
    config = {"method": "git", "gitConfig": {"writeBackTarget": target}}
    [intent] = run(resource(refs, writeBackConfig=config), found, **context).intents
    return intent


def edit(text, intent=None, *, tag="1.1.0", digest=""):
    intent = intent or intent_of()
    writes = [ImageWrite(item, ImageTag(tag, digest), "") for item in intent.images]
    result = edit_manifest_file(intent, text.encode(), writes, file="all.yaml")
    again = edit_manifest_file(intent, result.content, writes, file="all.yaml")
    assert (again.content, again.changed) == (result.content, False)
    return result


def edited(text, intent=None, **new):
    return edit(text, intent, **new).content.decode()


def declared(text, intent=None):
    intent = intent or intent_of()
    [settings] = intent.images
    found = images_in_manifest(intent, text.encode(), settings, file="all.yaml")
    return [item.tag.name for item in found]


def deployment(name="web", kind="Deployment", text=f"{IMAGE}:1.0.0"):
    return (
        f"apiVersion: apps/v1\nkind: {kind}\nmetadata:\n  name: {name} # {name}\nspec:\n"
        "  template:\n    spec:\n      containers:\n      - name: main\n"
        f"        image: {text}   # by robots\n        ports: []\n"
    )


def test_a_directory_becomes_an_application_that_can_be_written():
    intent = intent_of("manifest:web.yaml#Deployment/web")
    assert intent.application_type is ApplicationType.MANIFEST
    assert intent.source_type == "Directory"
    where = intent.write_back
    assert (where.target_kind, where.target) == (
        TargetKind.MANIFEST,
        "apps/web/web.yaml#Deployment/web",
    )
    with pytest.raises(ConfigError, match="names no file"):
        parse_target("manifest:#web")
    assert parse_target("manifests/a.yaml").word == ""


def test_an_application_that_nobody_compared_is_a_directory_by_its_target():
    found = application(source_type="")
    assert intent_of(found=found, standalone=True).application_type is ApplicationType.MANIFEST


def test_of_several_sources_the_directory_is_meant():
    found = Application(
        ObjectKey("argocd", "web"),
        sources=(
            Source(GITOPS, path="chart", target_revision="main", helm_parameters=()),
            Source(GITOPS, path="plain", target_revision="main"),
        ),
        source_types=("Helm", "Directory"),
        has_status=True,
    )
    intent = intent_of("manifest:web.yaml", found=found)
    assert intent.write_source == SourceRef(1)
    assert intent.write_back.target_path == "plain/web.yaml"


@pytest.mark.parametrize(
    "kind",
    [
        "Deployment",
        "StatefulSet",
        "DaemonSet",
        "ReplicaSet",
        "ReplicationController",
        "Job",
        "Rollout",
        "Other",
    ],
)
def test_only_the_tag_of_a_container_changes(kind):
    text = deployment(kind=kind)
    assert edited(text) == text.replace(":1.0.0 ", ":1.1.0 ")
    assert declared(text) == ["1.0.0"]


def test_pods_cron_jobs_pod_templates_and_all_lists_of_containers_count():
    text = (
        "kind: Pod\nmetadata: {name: a}\nspec:\n"
        f"  initContainers: [{{image: '{IMAGE}:1.0.0'}}]\n  containers:\n  - image: other:1\n"
        f'  - image: "{IMAGE}:0.9.0"\n  ephemeralContainers:\n  - {{image: {IMAGE}}}\n---\n'
        "kind: CronJob\nspec:\n  jobTemplate:\n    spec:\n      template:\n        spec:\n"
        f"          containers:\n          - image: {IMAGE}:1.0.0@{DIGEST}\n---\n"
        f"kind: PodTemplate\ntemplate:\n  spec:\n    containers:\n    - image: {IMAGE}:1.0.0\n"
    )
    wanted = (
        text.replace(f"1.0.0@{DIGEST}", "1.1.0")
        .replace("1.0.0", "1.1.0")
        .replace("0.9.0", "1.1.0")
        .replace(f"{{image: {IMAGE}}}", f'{{image: "{IMAGE}:1.1.0"}}')
    )
    assert edited(text) == wanted
    assert set(declared(text)) == {"1.0.0", "0.9.0", ""}


def test_a_repository_stays_as_it_is_spelled_and_a_digest_is_written_behind_it():
    hub = intent_of("manifest:/a.yaml", image("nginx", "nginx:1.x"))
    text = deployment(text="docker.io/library/nginx:1.0.0")
    assert edited(text, hub) == text.replace("1.0.0", "1.1.0")
    assert edited(deployment(text="other/nginx:1") + "---\n" + text, hub).startswith(
        deployment(text="other/nginx:1")
    )
    plain = deployment()
    assert edited(plain, tag="latest", digest=DIGEST) == plain.replace(
        ":1.0.0 ", f":latest@{DIGEST} "
    )
    port = intent_of("manifest:/a.yaml", image("x", "localhost:5000/x:1.x"))
    text = deployment(text="localhost:5000/x")
    assert edited(text, port) == text.replace("5000/x ", "5000/x:1.1.0 ")


def test_objects_are_selected_by_kind_and_name():
    texts = [deployment(), deployment("api"), deployment(kind="Job")]
    text = "---\n".join(texts)

    def touched(name):
        parts = edited(text, intent_of(f"manifest:/a.yaml{name}")).split("---\n")
        return [part != old for part, old in zip(parts, texts, strict=True)]

    assert touched("") == [True, True, True]
    assert touched("#web") == [True, False, True]
    assert touched("#deployment/web") == [True, False, False]
    assert touched("#Job/") == [False, False, True]
    with pytest.raises(EditRefused) as refusal:
        touched("#Deployment/nope")
    assert refusal.value.reason is Reason.TARGET_MISSING


def test_items_of_lists_json_crlf_and_a_byte_order_mark():
    text = (
        "kind: DeploymentList\nitems:\n- spec:\n    template:\n      spec:\n"
        f"        containers: [{{image: {IMAGE}:1}}]\n"
    )
    assert edited(text) == text.replace(":1}", ":1.1.0}")
    json = f'{{"kind":"Pod","spec":{{"containers":[{{"name":"a","image":"{IMAGE}:1"}}]}}}}'
    assert edited(json) == json.replace(':1"', ':1.1.0"')
    windows = "\ufeff" + deployment().replace("\n", "\r\n")
    assert edited(windows) == windows.replace(":1.0.0 ", ":1.1.0 ")


def test_an_anchor_is_followed_and_told():
    head = f"kind: Pod\nx-image: &i {IMAGE}:1.0.0\n"
    text = head + "spec:\n  containers:\n  - image: *i\n  - image: *i\n"
    result = edit(text)
    assert result.content.decode() == text.replace("1.0.0", "1.1.0")
    assert result.also_changed == ("x-image",)
    with pytest.raises(EditRefused, match="through an anchor"):
        edit(text, intent_of(refuse_shared=True))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Reason.TARGET_MISSING),
        ("kind: ConfigMap\n", Reason.TARGET_MISSING),
        (deployment(text="other:1"), Reason.TARGET_MISSING),
        ("kind: Pod\nspec: {containers: x}\n", Reason.TARGET_MISSING),
        ("kind: Pod\nspec: {containers: [1, {image: [a]}, {image: }]}\n", Reason.TARGET_MISSING),
        ("{{ if .x }}\nkind: Pod\n{{ end }}\n", Reason.TARGET_UNREADABLE),
        (deployment(text=f"'{IMAGE}:{{{{ .tag }}}}'"), Reason.AMBIGUOUS),
    ],
)
def test_what_cannot_be_edited_without_doubt_is_refused(text, reason):
    with pytest.raises(EditRefused) as refusal:
        edit(text)
    assert refusal.value.reason is reason


def test_two_settings_of_one_container_are_refused():
    intent = intent_of("manifest:/a.yaml", image("a"), image("b"))
    writes = [
        ImageWrite(item, ImageTag(tag), "")
        for item, tag in zip(intent.images, ("1.1.0", "1.2.0"), strict=True)
    ]
    with pytest.raises(EditRefused, match="two settings want this image"):
        edit_manifest_file(intent, deployment().encode(), writes, file="a.yaml")


def test_two_resources_with_one_image_in_one_file_conflict():
    config = {"method": "git", "gitConfig": {"writeBackTarget": "manifest:/a.yaml"}}
    refs = [{"namePattern": "*", "images": [image()]}]
    old, new = (
        resource(refs, name=name, created=f"{year}-01-01T00:00:00Z", writeBackConfig=config)
        for name, year in (("old", 2024), ("new", 2025))
    )
    found = [application(name, source_type="Directory") for name in "ab"]
    _, lost = resolve_conflicts([run(old, found[0]), run(new, found[1])])
    assert [item.reason for item in lost.problems] == [Reason.CONFLICT]
