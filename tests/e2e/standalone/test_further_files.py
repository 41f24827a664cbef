"""Further kinds of files as targets, each rendered by the real tool before and after."""

import subprocess

import pytest
import yaml

from lab import find_program
from servers.git_server import git
from stages.standalone import application, git_write_back, images, reference, resource, source

pytestmark = pytest.mark.lab("docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap")

CHART = {
    "chart/Chart.yaml": b"apiVersion: v2\nname: web\nversion: 0.1.0\n",
    "chart/templates/pod.yaml": (
        b"apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n"
        b"  - name: web\n"
        b'    image: "{{ .Values.image.name }}:{{ index .Values.tags "web.main" }}"\n'
        b"    env: [{name: OTHER, value: {{ .Values.other | quote }}}]\n"
    ),
    "chart/values.yaml": b"",
}


def rendered(stage, folder, tool, *words):
    """Return the documents that a tool of the lab makes of the repository as it is now."""
    place = stage.folder / folder
    git("clone", "--quiet", str(stage.bare()), str(place))
    program = find_program(tool)
    assert program, f"{tool} is not here: make lab"
    done = subprocess.run(
        [str(program), *words], cwd=place, capture_output=True, text=True, check=True
    )
    return list(yaml.safe_load_all(done.stdout))


def only_the_image_differs(before, after, *, old, new):
    """Whether nothing but one image is another one."""
    return yaml.safe_dump(before).replace(old, new) == yaml.safe_dump(after) and before != after


def test_a_json_values_file_stays_json_and_helm_renders_the_new_image(stage):
    stage.push("1.0.0", "1.1.0")
    text = (
        f'{{\n\t"image": {{"name": "{stage.image()}"}},\n'
        '\t"tags": {"web.main": "1.0.0", "x": null},\n'
        '\t"other": "a/b"\n}\n'
    )
    stage.repository(files=CHART | {"chart/prod.json": text.encode()})
    stage.add(application("web", source(stage.url(), "chart")))
    helm = {"helm": {"name": "image.name", "tag": "tags.web\\.main"}}
    listed = images(web=(f"{stage.image()}:1.x", {"manifestTargets": helm}))
    where = git_write_back("helmvalues:prod.json")
    stage.add(resource("updater", [reference("web", listed)], **where))
    words = ("template", "chart", "-f", "chart/prod.json")
    before = rendered(stage, "before", "helm", *words)
    assert stage.run().reasons == {"web": "Updated"}
    assert stage.file("chart/prod.json") == text.replace("1.0.0", "1.1.0")
    after = rendered(stage, "after", "helm", *words)
    assert only_the_image_differs(before, after, old=":1.0.0", new=":1.1.0")
    assert stage.run().reasons == {"web": "UpToDate"}


def in_git(name, helm):
    """Return the manifest of an Application with a comment or two, as people keep it."""
    return (
        "# what the cluster gets\napiVersion: argoproj.io/v1alpha1\nkind: Application\n"
        f"metadata:\n  name: {name}  # {name}\n  namespace: argocd\nspec:\n  project: default\n"
        f"  source:\n    path: chart\n    helm:\n{helm}"
    )


def values_of(documents, name):
    """Return the values that Argo CD would hand to Helm for an Application."""
    [found] = [one for one in documents if one["metadata"]["name"] == name]
    helm = found["spec"]["source"]["helm"]
    return helm.get("valuesObject") or yaml.safe_load(helm["values"])


def test_applications_kept_in_git_get_the_image_where_their_values_are(stage):
    stage.push("1.0.0", "1.1.0")
    image = stage.image()
    text = (
        f"      values: |\n        image:\n          name: {image}\n        tags:\n"
        '          # the one that counts\n          web.main: "1.0.0"   # by hand\n'
    )
    files = {
        "apps/kustomization.yaml": b"resources: [apps.yaml]\n",
        "apps/apps.yaml": "---\n".join(
            (
                in_git("web", text),
                in_git(
                    "api",
                    f"      valuesObject: {{image: {{name: {image}}}, "
                    "tags: {web.main: 1.0.0}}\n",
                ),
            )
        ).encode(),
    }
    stage.repository(files=CHART | files)
    helm = {"helm": {"name": "image.name", "tag": "tags.web\\.main"}}
    listed = images(web=(f"{image}:1.x", {"manifestTargets": helm}))
    for name in ("web", "api"):
        stage.add(application(name, source(stage.url(), "chart")))
    where = git_write_back("application:/apps/apps.yaml")
    stage.add(resource("updater", [reference("*", listed)], **where))
    before = rendered(stage, "before", "kustomize", "build", "apps")
    outcome = stage.run()
    assert outcome.reasons == {"web": "Updated", "api": "Updated"}
    assert outcome.image("web")["writtenTo"] == "apps/apps.yaml on main"
    assert stage.file("apps/apps.yaml") == files["apps/apps.yaml"].decode().replace(
        "1.0.0", "1.1.0"
    )
    after = rendered(stage, "after", "kustomize", "build", "apps")
    assert only_the_image_differs(before, after, old="1.0.0", new="1.1.0")
    for name in ("web", "api"):
        pods = []
        for number, documents in enumerate((before, after)):
            values = stage.folder / f"{name}-{number}.yaml"
            values.write_text(yaml.safe_dump(values_of(documents, name)))
            words = ("template", "chart", "-f", str(values))
            pods.append(rendered(stage, f"{name}-{number}", "helm", *words))
        assert only_the_image_differs(*pods, old=":1.0.0", new=":1.1.0")
    assert set(stage.run().reasons.values()) == {"UpToDate"}


def test_the_template_of_a_set_gets_the_image_and_its_placeholders_stay(stage):
    stage.push("1.0.0", "1.1.0")
    text = (
        "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: shops}\nspec:\n"
        "  goTemplate: true\n  generators:\n  - list: {elements: [{name: a}, {name: b}]}\n"
        "  template:\n    metadata: {name: '{{ .name }}'}\n    spec:\n      source:\n"
        "        repoURL: '{{ .repo }}'\n        helm:\n          parameters:\n"
        "          - {name: host, value: '{{ .name }}.example.com'}\n"
        f"          - {{name: image.name, value: {stage.image()}}}\n"
        "          - name: image.tag   # all of them\n            value: 1.0.0\n"
        "            forceString: true\n"
    )
    stage.repository(files=CHART | {"sets/shops.yaml": text.encode()})
    for name in ("a", "b"):
        status = {"sourceType": "Helm", "summary": {"images": [f"{stage.image()}:1.0.0"]}}
        stage.add(application(name, source(stage.url(), "chart"), status=status))
    listed = images(web=f"{stage.image()}:1.x")
    where = git_write_back("applicationset:/sets/shops.yaml#shops")
    stage.add(resource("updater", [reference("*", listed)], **where))
    outcome = stage.run()
    assert "Updated" in outcome.reasons.values()
    assert stage.file("sets/shops.yaml") == text.replace("value: 1.0.0", "value: 1.1.0")
    assert len(stage.log()) == 2
    assert set(stage.run().reasons.values()) == {"AlreadySet"}


MANIFESTS = """# the shop
apiVersion: apps/v1
kind: Deployment
metadata: {{name: shop}}
spec:
  selector: {{matchLabels: {{app: shop}}}}
  template:
    metadata: {{labels: {{app: shop}}}}
    spec:
      initContainers:
      - name: migrate
        image: "{web}:1.0.0"   # the same
      containers:
      - name: web
        image: {web}:1.0.0  # by robots
      - name: side
        image: {side}:1.0.0
---
apiVersion: batch/v1
kind: CronJob
metadata: {{name: night}}
spec:
  schedule: "0 3 * * *"
  jobTemplate: {{spec: {{template: {{spec: {{containers: [{{name: a, image: '{web}:1.0.0'}}]}}}}}}}}
"""


@pytest.mark.parametrize("is_live", [True, False], ids=["live", "declared"])
def test_containers_of_plain_manifests_get_the_image(stage, is_live):
    for name in ("web", "side"):
        stage.push("1.0.0", "1.1.0", image=name)
    text = MANIFESTS.format(web=stage.image("web"), side=stage.image("side"))
    files = {
        "shop/all.yaml": text.encode(),
        "shop/kustomization.yaml": b"resources: [all.yaml]\n",
    }
    stage.repository(files=files)
    running = [f"{stage.image(name)}:1.0.0" for name in ("web", "side")]
    status = {"sourceType": "Directory", "summary": {"images": running}} if is_live else None
    stage.add(application("shop", source(stage.url(), "shop"), status=status))
    listed = images(
        web=f"{stage.image('web')}:1.x",
        side=(
            f"{stage.image('side')}:1.x",
            {"writeBackTarget": "manifest:all.yaml#Deployment/shop"},
        ),
        gone=f"{stage.image('gone')}:1.x",
    )
    stage.add(
        resource("updater", [reference("shop", listed)], **git_write_back("manifest:all.yaml"))
    )
    before = rendered(stage, "before", "kustomize", "build", "shop")
    outcome = stage.run()
    assert outcome.reasons == {"shop": "Updated", "shop.side": "Updated", "shop.gone": "NotLive"}
    assert stage.file("shop/all.yaml") == text.replace("1.0.0", "1.1.0")
    assert len(stage.log()) == 2
    after = rendered(stage, "after", "kustomize", "build", "shop")
    assert only_the_image_differs(before, after, old=":1.0.0", new=":1.1.0")
    again = set(stage.run().reasons.values())
    assert again == ({"AlreadySet", "NotLive"} if is_live else {"UpToDate", "NotLive"})
    assert len(stage.log()) == 2


def test_a_directory_without_such_a_target_is_still_not_supported(stage):
    stage.push("1.0.0")
    stage.repository(files={"shop/a.yaml": b"kind: Pod\n"})
    status = {"sourceType": "Directory", "summary": {"images": []}}
    stage.add(application("shop", source(stage.url(), "shop"), status=status))
    refs = [reference("shop", images(web=stage.image()))]
    stage.add(resource("updater", refs, **git_write_back("")))
    [problem] = stage.run().report["problems"]
    assert problem["reason"] == "SourceUnsupported"
    assert "manifest" in problem["message"]
