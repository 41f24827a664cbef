import base64
import json
import os
import textwrap
import time

import pytest

from argocd_image_updater.core.application import ObjectKey, Origin
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.errors import ConfigError
from argocd_image_updater.manifests import files
from argocd_image_updater.manifests.store import read_snapshot

RESOURCE = """
apiVersion: argocd-image-updater.argoproj.io/v1alpha1
kind: ImageUpdater
metadata:
  name: {name}
  namespace: argocd
spec:
  applicationRefs:
  - namePattern: "*"
    images:
    - alias: web
      imageName: ghcr.io/acme/web:1.x
"""

APPLICATION = """
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: {name}
  namespace: argocd
spec:
  project: default
  source:
    repoURL: https://git.example.com/acme/gitops.git
    path: apps/{name}
    targetRevision: main
    helm:
      parameters:
      - name: image.tag
        value: "1.0"
"""


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def write(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))
    return path


def test_resources_and_applications_are_read_from_every_kind_of_file(folder):
    write(folder, "a.yaml", RESOURCE.format(name="one"))
    write(
        folder,
        "deep/er/b.yml",
        APPLICATION.format(name="web") + "---" + APPLICATION.format(name="api"),
    )
    document = {
        "apiVersion": "argocd-image-updater.argoproj.io/v1alpha1",
        "kind": "ImageUpdater",
        "metadata": {"name": "two", "namespace": "team"},
        "spec": {"applicationRefs": [{"namePattern": "x", "useAnnotations": True}]},
    }
    write(folder, "c.json", json.dumps(document, indent=2))
    write(folder, "notes.txt", "not: [a manifest")
    snapshot = read_snapshot([folder])
    assert [str(item.key) for item in snapshot.resources] == ["argocd/one", "team/two"]
    assert [str(item.key) for item in snapshot.applications] == ["argocd/api", "argocd/web"]
    assert snapshot.problems == ()
    assert snapshot.warnings == ()


def test_an_object_knows_the_file_document_and_line_it_stands_in(folder):
    path = write(
        folder, "apps.yaml", APPLICATION.format(name="web") + "---" + APPLICATION.format(name="api")
    )
    api, web = read_snapshot([folder]).applications
    assert web.origin == Origin(str(path), 0, 2)
    assert api.origin == Origin(str(path), 1, 18)
    assert str(api.origin) == f"{path}:18"


def test_a_single_file_may_be_named(folder):
    path = write(folder, "one.yaml", RESOURCE.format(name="one"))
    write(folder, "other.yaml", RESOURCE.format(name="other"))
    assert [item.key.name for item in read_snapshot([path]).resources] == ["one"]


def test_a_broken_file_is_named_with_its_line_and_the_others_go_on(folder):
    broken = write(folder, "a.yaml", "kind: Application\nmetadata:\n  name: a: b\n")
    write(folder, "b.yaml", APPLICATION.format(name="web"))
    snapshot = read_snapshot([folder])
    [problem] = snapshot.problems
    assert f"{broken}:3" in problem.message
    assert problem.reason is Reason.SETTINGS_INVALID
    assert [item.key.name for item in snapshot.applications] == ["web"]


def test_a_file_that_is_no_text_is_named_and_the_others_go_on(folder):
    (folder / "a.yaml").write_bytes(b"a: 1\nb: \xff\xfe\n")
    write(folder, "b.yaml", APPLICATION.format(name="web"))
    snapshot = read_snapshot([folder])
    [problem] = snapshot.problems
    assert "a.yaml:2" in problem.message
    assert len(snapshot.applications) == 1


def test_a_helm_template_is_at_most_a_warning(folder):
    write(
        folder,
        "templates/app.yaml",
        'kind: Deployment\nmetadata:\n  {{- include "x" . | nindent 2 }}\n',
    )
    write(folder, "templates/iu.yaml", "kind: ImageUpdater\nspec: {{ .Values.spec | toYaml }}\n")
    snapshot = read_snapshot([folder])
    assert snapshot.problems == ()
    assert len(snapshot.warnings) == 2


def test_a_broken_resource_is_a_problem_even_with_a_branch_template_in_it(folder):
    write(folder, "iu.yaml", "kind: ImageUpdater\nbranch: main:iu-{{.SHA256}}: x\n")
    [problem] = read_snapshot([folder]).problems
    assert "iu.yaml:2" in problem.message


def test_two_objects_of_one_name_are_told_with_both_places(folder):
    first = write(folder, "a.yaml", APPLICATION.format(name="web"))
    second = write(folder, "b.yaml", APPLICATION.format(name="web").replace("1.0", "2.0"))
    snapshot = read_snapshot([folder])
    [application] = snapshot.applications
    assert application.source.helm_parameters[0].value == "1.0"
    [problem] = snapshot.problems
    assert f"{first}:2" in problem.message
    assert f"{second}:2" in problem.message
    assert problem.application == ObjectKey("argocd", "web")


def test_an_unknown_field_is_a_warning_with_the_nearest_name(folder):
    write(
        folder,
        "a.yaml",
        RESOURCE.format(name="one").replace("imageName", "imageName: x\n      manifestTarget"),
    )
    snapshot = read_snapshot([folder])
    [warning] = snapshot.warnings
    assert "spec.applicationRefs[0].images[0].manifestTarget" in warning
    assert "did you mean manifestTargets?" in warning


def test_a_resource_the_api_server_would_refuse_is_not_used(folder):
    write(folder, "a.yaml", RESOURCE.format(name="bad").replace("alias: web", "alias: -web"))
    write(folder, "b.yaml", RESOURCE.format(name="good"))
    snapshot = read_snapshot([folder])
    assert [item.key.name for item in snapshot.resources] == ["good"]
    [problem] = snapshot.problems
    assert problem.field_path == "spec.applicationRefs[0].images[0].alias"
    assert problem.resource == ObjectKey("argocd", "bad")
    assert "a.yaml:2" in problem.message


def test_a_resource_without_spec_is_a_problem(folder):
    text = RESOURCE.format(name="one").partition("spec:")[0]
    write(folder, "a.yaml", text)
    [problem] = read_snapshot([folder]).problems
    assert problem.field_path == "spec"


def test_a_value_that_is_no_text_is_told_by_its_field(folder):
    write(folder, "a.yaml", APPLICATION.format(name="web").replace('"1.0"', "1.10"))
    snapshot = read_snapshot([folder])
    assert snapshot.applications == ()
    [problem] = snapshot.problems
    assert problem.field_path == "spec.source.helm.parameters[0].value"
    assert "quotes" in problem.message


def test_objects_of_other_kinds_are_ignored(folder):
    write(folder, "a.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n")
    write(folder, "b.yaml", "image:\n  tag: 1.0\n")
    write(folder, "c.yaml", "- just\n- a list\n")
    write(folder, "d.yaml", "")
    snapshot = read_snapshot([folder])
    assert (snapshot.problems, snapshot.warnings, snapshot.resources) == ((), (), ())


def test_an_unknown_version_of_the_resource_is_told(folder):
    write(folder, "a.yaml", RESOURCE.format(name="one").replace("v1alpha1", "v2"))
    [warning] = read_snapshot([folder]).warnings
    assert "v2" in warning


def test_a_list_gives_its_items(folder):
    write(
        folder,
        "a.yaml",
        """\
        apiVersion: v1
        kind: List
        items:
        - apiVersion: argoproj.io/v1alpha1
          kind: Application
          metadata: {name: one}
        - apiVersion: argoproj.io/v1alpha1
          kind: Application
          metadata: {name: two}
        ---
        apiVersion: argoproj.io/v1alpha1
        kind: ApplicationList
        items:
        - metadata: {name: three}
        """,
    )
    found = {item.key.name: item.origin for item in read_snapshot([folder]).applications}
    assert {name: (at.document, at.line, at.item) for name, at in found.items()} == {
        "one": (0, 4, 0),
        "two": (0, 7, 1),
        "three": (1, 14, 0),
    }


def test_an_object_without_namespace_gets_the_default_one(folder):
    text = APPLICATION.format(name="web").replace("  namespace: argocd\n", "")
    write(folder, "a.yaml", text)
    [application] = read_snapshot([folder], default_namespace="team").applications
    assert str(application.key) == "team/web"


def test_secrets_and_config_maps_are_read(folder):
    encoded = base64.b64encode(b"\x00secret").decode()
    write(
        folder,
        "a.yaml",
        f"""\
        apiVersion: v1
        kind: Secret
        metadata: {{name: s, namespace: ns, labels: {{a: b}}}}
        data: {{one: {encoded}, two: b3Zlcg==, bad: "ENC[x]"}}
        stringData: {{two: plain}}
        ---
        apiVersion: v1
        kind: ConfigMap
        metadata: {{name: c}}
        data: {{key: value}}
        """,
    )
    snapshot = read_snapshot([folder])
    secret = snapshot.secrets[ObjectKey("ns", "s")]
    assert secret.data == {"one": b"\x00secret", "two": b"plain"}
    assert secret.labels == {"a": "b"}
    assert snapshot.config_maps[ObjectKey("argocd", "c")] == {"key": "value"}
    [warning] = snapshot.warnings
    assert "'bad'" in warning
    assert "ENC" not in warning


def test_the_registries_file_is_the_named_one_then_one_in_a_folder_then_the_config_map(folder):
    write(
        folder,
        "cm.yaml",
        """\
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: argocd-image-updater-config}
        data: {registries.conf: "of the map"}
        """,
    )
    text, place = read_snapshot([folder]).registries_conf
    assert (text, place) == ("of the map", "ConfigMap argocd/argocd-image-updater-config")
    inside = write(folder, "conf/registries.conf", "in the folder")
    assert read_snapshot([folder]).registries_conf == ("in the folder", str(inside))
    named = write(folder, "elsewhere.conf", "named")
    found = read_snapshot([folder], registries_conf_path=named).registries_conf
    assert found == ("named", str(named))
    with pytest.raises(ConfigError):
        read_snapshot([folder], registries_conf_path=folder / "missing.conf")


def test_no_registries_file_is_nothing(folder):
    assert read_snapshot([folder]).registries_conf is None


def test_a_folder_that_is_not_there_is_an_error(folder):
    with pytest.raises(ConfigError, match="no folder or file"):
        read_snapshot([folder / "missing"])


def test_single_files_are_read_by_their_name(folder):
    app = write(folder, "apps/web.yaml", APPLICATION.format(name="web"))
    conf = write(folder, "elsewhere/registries.conf", "registries: []")
    snapshot = read_snapshot([app, conf])
    assert [item.key.name for item in snapshot.applications] == ["web"]
    assert snapshot.registries_conf == ("registries: []", str(conf))
    assert not snapshot.problems


def test_links_are_not_followed_out_of_the_folder(folder):
    outside = write(folder, "outside/secret.yaml", APPLICATION.format(name="outside"))
    inside = folder / "inside"
    write(inside, "real/a.yaml", APPLICATION.format(name="web"))
    (inside / "link.yaml").symlink_to(outside)
    (inside / "linked").symlink_to(folder / "outside")
    (inside / "again.yaml").symlink_to("real/a.yaml")
    (inside / "dangling.yaml").symlink_to("nowhere.yaml")
    snapshot = read_snapshot([inside])
    assert [item.key.name for item in snapshot.applications] == ["web"]
    assert snapshot.problems == ()
    assert len(snapshot.warnings) == 2


def test_a_mounted_config_map_is_read_once(folder):
    write(folder, "..2024/a.yaml", APPLICATION.format(name="web"))
    (folder / "..data").symlink_to("..2024")
    (folder / "a.yaml").symlink_to("..data/a.yaml")
    snapshot = read_snapshot([folder])
    assert len(snapshot.applications) == 1
    assert snapshot.problems == ()


def test_the_administration_of_git_is_passed_over(folder):
    write(folder, ".git/x.yaml", "broken: [")
    write(folder, "bare.git/HEAD", "ref: refs/heads/main")
    write(folder, "bare.git/refs/x.yaml", "broken: [")
    write(folder, "bare.git/objects/x.yaml", "broken: [")
    assert read_snapshot([folder]).problems == ()


def test_a_file_that_is_too_large_is_named(folder, monkeypatch):
    monkeypatch.setattr(files, "FILE_SIZE_LIMIT_BYTES", 100)
    write(folder, "a.yaml", "x: " + "y" * 200)
    [problem] = read_snapshot([folder]).problems
    assert "larger than 100 bytes" in problem.message


def test_too_many_files_are_an_error(folder, monkeypatch):
    monkeypatch.setattr(files, "FILE_COUNT_LIMIT", 2)
    for index in range(4):
        write(folder, f"{index}.yaml", "a: 1")
    with pytest.raises(ConfigError, match="more than 2 files"):
        read_snapshot([folder])


def test_a_special_file_is_not_opened(folder):
    os.mkfifo(folder / "pipe.yaml")
    assert read_snapshot([folder]).problems == ()


def test_two_hundred_files_of_five_documents_are_read_quickly(folder):
    for index in range(200):
        texts = [APPLICATION.format(name=f"app-{index}-{number}") for number in range(5)]
        write(folder, f"{index}.yaml", "---".join(texts))
    start = time.process_time()
    snapshot = read_snapshot([folder])
    used_s = time.process_time() - start
    assert len(snapshot.applications) == 1000
    assert used_s < 2  # a quarter of a second on an idle machine
    print(f"{used_s:.2f} s")


def test_further_settings_of_registries_are_found_where_the_registries_are(folder, tmp_path):
    assert read_snapshot([folder]).registries_extra is None
    write(
        folder,
        "config.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: argocd-image-updater-config}\n"
        "data: {registries.extra.conf: of-the-map}\n",
    )
    assert read_snapshot([folder]).registries_extra == (
        "of-the-map",
        "ConfigMap argocd/argocd-image-updater-config",
    )
    deep = write(folder, "sub/registries.extra.conf", "deep")
    assert read_snapshot([folder]).registries_extra == ("deep", str(deep))
    near = write(folder, "registries.extra.conf", "near")
    assert read_snapshot([folder]).registries_extra == ("near", str(near))
    named = tmp_path / "elsewhere" / "my.conf"
    named.parent.mkdir()
    named.write_text("registries: []")
    assert read_snapshot([folder], registries_conf_path=named).registries_extra is None
    beside = named.with_name("registries.extra.conf")
    beside.write_text("beside")
    snapshot = read_snapshot([folder], registries_conf_path=named)
    assert snapshot.registries_extra == ("beside", str(beside))
