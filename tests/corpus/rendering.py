"""The corpus as Helm and Kustomize see it: one umbrella chart, and one base for each file.

One run of each program renders all files. Both are written in Go and read YAML with a library of
that language, so what they make of a file is a second opinion about the parser here.
"""

import json
import os
import subprocess

import yaml

from lab import find_program

_LIMIT_S = 120
_TEMPLATE = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  annotations:
    values: {{{{ toJson .Values | quote }}}}
spec:
  template:
    spec:
      containers:
      - name: web
        image: {{{{ {shown} | quote }}}}
"""


def chart_files(cases):
    """Return the files of the umbrella chart: path → content, without the values files."""
    files = {"charts/Chart.yaml": b"apiVersion: v2\nname: all\nversion: 1.0.0\n"}
    for case in cases:
        folder = f"charts/charts/{case.name}"
        chart = f"apiVersion: v2\nname: {case.name}\nversion: 1.0.0\n"
        files[f"{folder}/Chart.yaml"] = chart.encode()
        template = _TEMPLATE.format(name=case.name, shown=case.shown)
        files[f"{folder}/templates/app.yaml"] = template.encode()
    return files


def base_files(cases, host):
    """Return the files beside the kustomization files, and the one that puts all together."""
    files = {}
    for case in cases:
        image = case.base_image.replace("@IMAGE@", case.image_name(host))
        manifest = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": case.name},
            "spec": {
                "template": {
                    "spec": {
                        "containers": [
                            {"name": "web", "image": f"{image}:0.1"},
                            {"name": "other", "image": "other:0.1"},
                        ]
                    }
                }
            },
        }
        files[f"bases/{case.name}/app.yaml"] = yaml.safe_dump(manifest).encode()
    names = [f"bases/{case.name}" for case in cases]
    files["kustomization.yaml"] = yaml.safe_dump({"resources": names}).encode()
    return files


def helm_rendered(checkout):
    """Return name → (image, values as Helm has read them) for every file."""
    text = _run(checkout, "helm", "template", "all", "charts")
    found = {}
    for document in _documents(text):
        values = json.loads(document["metadata"]["annotations"]["values"])
        (container,) = document["spec"]["template"]["spec"]["containers"]
        found[document["metadata"]["name"]] = (container["image"], values)
    return found


def kustomize_rendered(checkout):
    """Return all documents, in order."""
    return _documents(_run(checkout, "kustomize", "build", "."))


def _documents(text):
    return [one for one in yaml.load_all(text, Loader=yaml.CSafeLoader) if one]


def _run(checkout, name, *words):
    done = subprocess.run(
        [find_program(name), *words],
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
        env={"PATH": os.environ["PATH"], "HOME": str(checkout)},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout
