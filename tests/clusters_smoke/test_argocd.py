"""Argo CD of the lab: an Application is synced from a folder, and shows which images are live.

No node runs the Pods, so a rolling update would wait for ever; the Deployments say ``Recreate``.
"""

import pytest

from clusters.argocd import APPLICATION, ArgoCD
from clusters.controllers import ControllerManager
from servers.git_server import bare_repository, commit_files

pytestmark = pytest.mark.lab(
    "git", "etcd", "kube-apiserver", "kube-controller-manager", "redis-server", "argocd",
    "kustomize", "helm",
)  # fmt: skip

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  strategy: {{type: Recreate}}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{containers: [{{name: {name}, image: '{image}'}}]}}
"""
KUSTOMIZATION = "resources: [web.yaml]\nimages: [{{name: registry.example/web, newTag: '{tag}'}}]\n"
CHART = "apiVersion: v2\nname: api\nversion: 1.0.0\n"


@pytest.fixture(scope="module")
def argocd(api):
    with ControllerManager(api), ArgoCD(api) as parts:
        yield parts


@pytest.fixture
def repository(tmp_path):
    web = DEPLOYMENT.format(name="web", image="registry.example/web")
    image = "registry.example/api:{{ .Values.image.tag }}"
    files = {
        "web/web.yaml": web,
        "web/kustomization.yaml": KUSTOMIZATION.format(tag="1.0"),
        "api/Chart.yaml": CHART,
        "api/values.yaml": "image: {tag: '1.0'}\n",
        "api/templates/api.yaml": DEPLOYMENT.format(name="api", image=image),
    }
    contents = {path: text.encode() for path, text in files.items()}
    return bare_repository(tmp_path / "config.git", contents)


def source(repository, path):
    return {"repoURL": f"file://{repository}", "path": path, "targetRevision": "main"}


def test_a_kustomize_application_follows_its_repository_and_its_spec(api, argocd, repository):
    argocd.application("web", source=source(repository, "web"))
    application = argocd.wait_until_synced("web", images=["registry.example/web:1.0"])
    assert application["status"]["sourceType"] == "Kustomize"
    pods = api.objects.list("v1/Pod", namespace="default")
    assert pods[0]["spec"]["containers"][0]["image"] == "registry.example/web:1.0"

    change = KUSTOMIZATION.format(tag="1.1").encode()
    commit_files(repository, {"web/kustomization.yaml": change})
    argocd.refresh("web")
    argocd.wait_until_synced("web", images=["registry.example/web:1.1"])

    override = {"spec": {"source": {"kustomize": {"images": ["registry.example/web:1.2"]}}}}
    api.objects.patch(APPLICATION, "web", change=override, namespace=argocd.namespace)
    argocd.wait_until_synced("web", images=["registry.example/web:1.2"])


def test_a_helm_application_shows_its_image(argocd, repository):
    argocd.application("api", source=source(repository, "api"))
    application = argocd.wait_until_synced("api", images=["registry.example/api:1.0"])
    assert application["status"]["sourceType"] == "Helm"
