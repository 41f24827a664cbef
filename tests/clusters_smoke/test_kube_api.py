"""The API server of the lab: kinds, users, counted requests, restart in place."""

import json
import signal
import subprocess

import pytest

from clusters.argocd import APPLICATION
from clusters.objects import ApiError
from lab import find_program

pytestmark = pytest.mark.lab("etcd", "kube-apiserver", "argocd")

READERS = """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reads-applications}
rules:
- {apiGroups: [argoproj.io], resources: [applications], verbs: [list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: reads-applications}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reads-applications}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: readers}
- {kind: ServiceAccount, name: robot, namespace: rights}
"""


def an_application(name, namespace):
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "project": "default",
            "destination": {"server": "https://cluster.example", "namespace": "default"},
            "source": {"repoURL": "https://git.example/r.git", "path": "."},
        },
    }


@pytest.fixture
def objects(api):
    return api.objects


def test_an_application_is_kept_and_changed(objects):
    namespace = objects.namespace("kept")
    objects.create(an_application("web", namespace))
    change = {"spec": {"source": {"targetRevision": "v2"}}}
    objects.patch(APPLICATION, "web", change=change, namespace=namespace)
    assert objects.get(APPLICATION, "web", namespace=namespace)["spec"]["source"] == {
        "repoURL": "https://git.example/r.git",
        "path": ".",
        "targetRevision": "v2",
    }
    objects.delete(APPLICATION, "web", namespace=namespace)
    assert objects.find(APPLICATION, "web", namespace=namespace) is None


def test_an_application_that_breaks_its_schema_is_refused(objects):
    broken = an_application("broken", "default")
    broken["spec"]["source"]["path"] = 5
    with pytest.raises(ApiError) as refusal:
        objects.create(broken)
    assert refusal.value.status == 422


def test_a_user_may_what_its_roles_say_and_its_requests_are_counted(api, objects):
    namespace = objects.namespace("rights")
    objects.apply({**_account("robot", namespace)})
    reader = api.objects_as("reader")
    robot = api.objects_as(token=api.service_account_token(namespace, "robot"))
    for client in (reader, robot):
        with pytest.raises(ApiError) as refusal:
            client.list(APPLICATION, namespace=namespace)
        assert refusal.value.status == 403
    objects.apply(READERS)
    api.forget_requests()
    for client in (reader, robot):
        assert client.list(APPLICATION, namespace=namespace) == []
        with pytest.raises(ApiError):
            client.create(an_application("web", namespace))
        client.close()
    expected = {("list", "applications"): 1, ("create", "applications"): 1}
    assert api.request_counts("reader") == expected
    assert api.request_counts("system:serviceaccount:rights:robot") == expected


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM])
def test_a_restarted_server_has_its_port_and_objects_again(api, objects, by):
    namespace = objects.namespace(f"again-{by}")
    objects.create(an_application("web", namespace))
    before = api.pid
    api.restart(by=by)
    assert api.pid != before
    assert api.objects.get(APPLICATION, "web", namespace=namespace)["metadata"]["name"] == "web"


@pytest.mark.lab("kubectl")
def test_kubectl_takes_the_kubeconfig_of_a_user(api):
    kubectl = [find_program("kubectl"), "--kubeconfig", api.kubeconfig("reader")]
    environment = {"HOME": str(api.folder), "PATH": ""}
    answer = subprocess.run(
        [*kubectl, "auth", "whoami", "-o", "json"],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(answer.stdout)["status"]["userInfo"]["username"] == "reader"


def _account(name, namespace):
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
