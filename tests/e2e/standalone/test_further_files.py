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
        f'{{\n\t"image": {{"name": "{stage.image()}"}},\n\t"tags": {{"web.main": "1.0.0", "x": null}},\n'
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
