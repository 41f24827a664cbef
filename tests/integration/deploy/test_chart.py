"""The chart renders with every set of values beside it, and the API server takes the result."""

import subprocess

import pytest
import yaml

from clusters.objects import ApiError
from clusters.shipped import render
from install import CHART
from lab import find_program
from lab_go import KUBERNETES_VERSION

pytestmark = pytest.mark.lab("etcd", "kube-apiserver", "kubectl", "kustomize", "helm")
VALUES = [None, *sorted((CHART / "ci").glob("*-values.yaml"))]
RELEASE = "argocd-image-updater"


def helm(*words, values=None, refused=False):
    command = [find_program("helm"), *map(str, words)]
    if values:
        command.append(f"--values={values}")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert bool(done.returncode) == refused, done.stderr
    return done.stderr if refused else done.stdout


def template(*words, namespace="argocd", **options):
    fixed = ("template", RELEASE, CHART, f"--namespace={namespace}")
    return helm(*fixed, f"--kube-version={KUBERNETES_VERSION}", *words, **options)


def documents(text):
    return [document for document in yaml.safe_load_all(text) if document]


def of_kind(found, kind):
    return {
        document["metadata"]["name"]: document for document in found if document["kind"] == kind
    }


def container(found):
    (deployment,) = of_kind(found, "Deployment").values()
    return deployment["spec"]["template"]["spec"]["containers"][0]


def settings(found, name="argocd-image-updater-config"):
    return of_kind(found, "ConfigMap")[name].get("data", {})


@pytest.mark.parametrize("values", VALUES, ids=lambda file: file.stem if file else "defaults")
def test_the_chart_is_without_fault_and_is_applied(values, namespace, server, kubectl, cleaning):
    assert "0 chart(s) failed" in helm("lint", "--strict", CHART, values=values)
    server.objects.namespace("team-a")  # one of the watched namespaces of some values
    server.objects.namespace("argocd")
    text = template(namespace=namespace, values=values)
    found = documents(text)
    cleaning += found
    words = ("apply", "--server-side", "--force-conflicts", "--validate=strict", "-f", "-")
    assert len(kubectl(*words, "--dry-run=server", stdin=text).splitlines()) == len(found)
    kubectl(*words, stdin=text)
    (deployment,) = of_kind(found, "Deployment")
    stored = server.objects.get("apps/v1/Deployment", deployment, namespace=namespace)
    assert stored["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "Helm"


def test_the_pods_of_the_chart_may_run_where_only_restricted_pods_may(namespace, server):
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    server.objects.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}
    )
    for values in VALUES:
        found = documents(template(namespace=namespace, values=values))
        (deployment,) = of_kind(found, "Deployment").values()
        pod = deployment["spec"]["template"]
        pod["metadata"] = {**pod["metadata"], "generateName": "p-", "namespace": namespace}
        server.objects.create({"apiVersion": "v1", "kind": "Pod", **pod})
        pod["spec"]["hostNetwork"] = True  # the namespace does refuse what is not restricted
        with pytest.raises(ApiError, match="violates PodSecurity"):
            server.objects.create({"apiVersion": "v1", "kind": "Pod", **pod})


def test_by_default_it_installs_the_roles_and_pods_of_the_overlay():
    ours, shipped = documents(template()), documents(render(namespace="argocd"))
    for kind in ("Role", "RoleBinding", "ServiceAccount", "Secret", "Deployment"):
        assert of_kind(ours, kind).keys() == of_kind(shipped, kind).keys(), kind
    for name, role in of_kind(shipped, "Role").items():
        assert of_kind(ours, "Role")[name]["rules"] == role["rules"]
    here, there = container(ours), container(shipped)
    assert here["args"] == ["run"]
    for key in ("env", "volumeMounts", "resources", "securityContext", "image"):
        assert here[key] == there[key], key


def test_settings_under_friendly_names_and_under_keys_reach_the_config_map():
    found = documents(template(values=CHART / "ci" / "everything-values.yaml"))
    data = settings(found)
    registries = yaml.safe_load(data.pop("registries.conf"))
    assert registries["registries"][0]["credentials"] == "ext:/scripts/login.sh"
    assert data == {
        "argocd.namespace": "argocd",
        "watch.namespaces": "argocd, team-a",
        "interval": "1m",
        "max_concurrent_reconciles": "2",
        "webhook.ratelimit-allowed": "1000000",
        "webhook.enable": "true",
        "webhook.port": "8082",
        "log.level": "debug",
        "kube.events": "true",
        "git.user": "updater",
        "git.email": "updater@example.com",
        "git.commit-message-template": "build: {{ .AppName }}",
        "git.commit-sign-off": "true",
        "workload-pull-secrets": "true",
    }
    assert container(found)["args"] == [
        "--metrics-bind-address=:8443",
        "--metrics-secure=true",
        "run",
        "--shards=2",
        "--platform=linux/arm64",
    ]


def test_roles_are_made_in_the_namespaces_that_are_watched():
    words = ("--set", r"config.watch\.namespaces=team-a\,team-b")
    found = documents(template(*words))
    names = [
        document["metadata"]["namespace"]
        for document in found
        if document["kind"] == "Role" and document["metadata"]["name"].endswith("manager-role")
    ]
    assert names == ["team-a", "team-b"]
    assert of_kind(found, "ClusterRole") == {}


def test_all_namespaces_need_one_cluster_role_with_the_rules_of_a_watched_one():
    found = documents(template(values=CHART / "ci" / "all-namespaces-values.yaml"))
    rules = documents(template())
    name = f"{RELEASE}-manager-role"
    assert of_kind(found, "ClusterRole")[name]["rules"] == of_kind(rules, "Role")[name]["rules"]
    assert name not in of_kind(found, "Role")


def test_nothing_is_cluster_wide_where_the_values_say_so():
    found = documents(template(values=CHART / "ci" / "nothing-cluster-wide-values.yaml"))
    kinds = {document["kind"] for document in found}
    assert not kinds & {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "Secret"}


def test_the_definition_stays_when_the_release_goes():
    (definition,) = of_kind(documents(template()), "CustomResourceDefinition").values()
    assert definition["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    (loose,) = of_kind(
        documents(template("--set", "crds.keep=false")), "CustomResourceDefinition"
    ).values()
    assert not loose["metadata"].get("annotations")


def test_a_changed_setting_makes_a_new_pod():
    def annotations(*words):
        (deployment,) = of_kind(documents(template(*words)), "Deployment").values()
        return deployment["spec"]["template"]["metadata"]["annotations"]

    assert annotations() != annotations("--set", "config.interval=5m")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--set", "replicaCont=2"), "replicaCont"),
        (("--set", r"config.git\.usr=x"), "git.usr"),
        (("--set", "config.logLevel=loud"), "logLevel"),
        (("--set", "config.shards=2"), "config.shards"),
        (("--set", "persistence.enabled=true,replicaCount=2"), "replicaCount 1"),
        (("--set", "ingress.enabled=true"), "webhook.enabled"),
    ],
)
def test_a_mistake_in_the_values_is_named(words, told):
    assert told in template(*words, refused=True)


def test_pull_secrets_of_the_workload_bring_their_rights():
    on = ("--set", "workloadPullSecrets.enabled=true")
    found = documents(template(*on, "--set", "workloadPullSecrets.namespaces={shop,web}"))
    assert settings(found)["workload-pull-secrets"] == "true"
    roles = [
        (document["metadata"]["namespace"], document["rules"])
        for document in found
        if document["kind"] == "Role" and "destination" in document["metadata"]["name"]
    ]
    rules = [{"apiGroups": [""], "resources": ["serviceaccounts", "secrets"], "verbs": ["get"]}]
    assert roles == [("shop", rules), ("web", rules)]
    everywhere = of_kind(
        documents(template(*on, "--set", "workloadPullSecrets.namespaces={*}")), "ClusterRole"
    )
    assert everywhere[f"{RELEASE}-destination-role"]["rules"] == rules
    off = documents(template())
    assert "workload-pull-secrets" not in settings(off)
    assert not [document for document in off if "destination" in document["metadata"]["name"]]
