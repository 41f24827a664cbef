"""What a repository holds for Argo CD to render: Deployments, Kustomize folders, Helm charts.

No node runs the Pods, so a rolling update would wait for ever: every Deployment says ``Recreate``.
"""

_DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
spec:
  strategy: {{type: Recreate}}
  selector:
    matchLabels: {{app: {name}}}
  template:
    metadata:
      labels: {{app: {name}}}
    spec:
      containers:
      - name: {name}
        image: {image}
"""
_CHART = "apiVersion: v2\nname: {name}\nversion: 1.0.0\n"


def kustomize_folder(path, images):
    """Return a folder with a Deployment for each of the images, name → (image, tag)."""
    entries = "".join(
        f"- name: {image}\n  newTag: {tag!r} # of the stage\n" for image, tag in images.values()
    )
    resources = "".join(f"- {name}.yaml\n" for name in images)
    return {
        f"{path}/kustomization.yaml": f"resources:\n{resources}images:\n{entries}".encode(),
        **{
            f"{path}/{name}.yaml": _DEPLOYMENT.format(name=name, image=image).encode()
            for name, (image, _) in images.items()
        },
    }


def plain_folder(path, images):
    """Return a folder with the manifest of a Deployment for each of the images."""
    return {
        f"{path}/{name}.yaml": _DEPLOYMENT.format(name=name, image=f"{image}:{tag}").encode()
        for name, (image, tag) in images.items()
    }


def helm_chart(path, images):
    """Return a chart whose values hold each image and its tag below its name."""
    values = "".join(
        f"{name}:\n  name: {image}\n  tag: {tag!r} # of the stage\n"
        for name, (image, tag) in images.items()
    )
    return {
        f"{path}/Chart.yaml": _CHART.format(name=path).encode(),
        f"{path}/values.yaml": values.encode(),
        **{
            f"{path}/templates/{name}.yaml": _DEPLOYMENT.format(
                name=name, image=f'"{{{{ .Values.{name}.name }}}}:{{{{ .Values.{name}.tag }}}}"'
            ).encode()
            for name in images
        },
    }
