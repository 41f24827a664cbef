"""Rights that are missing, Secrets that are not for everybody, and passwords that nobody sees."""

import base64
import json
import urllib.request

import pytest

from clusters.processes import free_port
from clusters.samples import APPLICATION, RESOURCE
from faults.cluster.scene import ARGOCD, LEASE, condition

pytestmark = pytest.mark.lab(
    "etcd", "kube-apiserver", "argocd", "docker-registry", "git", "nginx", "fcgiwrap"
)
USER = "updater"  # has no right but those of these tests
PASSWORD = "pUll-pAssword-3321"
OURS = "argocd-image-updater.argoproj.io"
APPLICATIONS = {("argoproj.io", "applications"): "get list watch patch"}
WATCHED = {
    (OURS, "imageupdaters"): "get list watch patch",
    (OURS, "imageupdaters/status"): "patch",
    ("", "events"): "create",
    ("", "secrets"): "get",
}
OF_ARGOCD = {("", "secrets"): "get list", ("", "configmaps"): "get"}
OF_LEASES = {
    ("coordination.k8s.io", "leases"): "get list watch create patch",
    ("", "events"): "create",
}


def grant(place, namespace, *rules, name="some"):
    """Let the user do things in a namespace."""
    api = "rbac.authorization.k8s.io"
    metadata = {"name": name, "namespace": namespace}
    rights = {key: verbs for rule in rules for key, verbs in rule.items()}
    place.api.objects.apply(
        [
            {
                "apiVersion": f"{api}/v1",
                "kind": "Role",
                "metadata": metadata,
                "rules": [
                    {"apiGroups": [group], "resources": [resource], "verbs": verbs.split()}
                    for (group, resource), verbs in rights.items()
                ],
            },
            {
                "apiVersion": f"{api}/v1",
                "kind": "RoleBinding",
                "metadata": metadata,
                "roleRef": {"apiGroup": api, "kind": "Role", "name": name},
                "subjects": [{"apiGroup": api, "kind": "User", "name": USER}],
            },
        ]
    )


def program_of_user(place, scenes, *flags):
    """Return a controller with the rights that were granted, and those of its own namespaces."""
    leases = scenes[0].leases
    grant(place, ARGOCD, OF_ARGOCD)
    grant(place, leases, OF_LEASES)
    namespaces = [scene.namespace for scene in scenes]
    token = place.api.token(USER)
    return place.program("--interval=1h", *flags, leases=leases, namespaces=namespaces, token=token)


def test_a_right_that_is_granted_later_heals_its_namespace_without_a_restart(place):
    open_, closed = place.scene(), place.scene()
    grant(place, open_.namespace, WATCHED, APPLICATIONS)
    grant(place, closed.namespace, WATCHED)
    with program_of_user(place, [open_, closed]) as program:
        told = closed.wait_for_status(lambda now: condition(now, "Ready"))
        is_ready, reason, message = condition(told, "Ready")
        assert (is_ready, reason) == ("False", "ReconcileFailed")
        assert f"the Applications of namespace {closed.namespace} cannot be read" in message
        assert 'cannot list resource "applications"' in message
        open_.wait_for_status(lambda now: now.get("lastCheckedAt"))
        open_.check_written_once()
        open_.check_status()
        grant(place, closed.namespace, APPLICATIONS, name="more")
        closed.wait_for_status(lambda now: condition(now, "Ready")[0] == "True")
        closed.check_written_once()
        closed.check_status()
        assert program.stop() == 0


def with_secret(place, namespace):
    """Have a pull secret, and return how it is named."""
    pair = base64.b64encode(f"reader:{PASSWORD}".encode()).decode()
    auths = {"auths": {place.gate.host: {"auth": pair}}}
    place.api.objects.create(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/dockerconfigjson",
            "metadata": {"name": "registry", "namespace": namespace},
            "stringData": {".dockerconfigjson": json.dumps(auths)},
        }
    )
    return {"pullSecret": f"pullsecret:{namespace}/registry"}


def ask_for_password(exchange):
    """Answer only to who has the password."""
    pair = base64.b64encode(f"reader:{PASSWORD}".encode()).decode()
    if exchange.headers.get("Authorization") == f"Basic {pair}":
        exchange.send(*exchange.upstream())
    else:
        never_content(exchange)


def never_content(exchange):
    exchange.send(401, [("WWW-Authenticate", 'Basic realm="of the test"')], b'{"errors":[]}')


def test_a_secret_serves_its_own_namespace_only_and_nobody_sees_what_is_in_it(place):
    own, foreign, denied = scenes = [place.scene(made=False) for _ in range(3)]
    own.spec = {"commonUpdateSettings": with_secret(place, own.namespace)}
    foreign.spec = {"commonUpdateSettings": with_secret(place, place.namespace())}
    denied.spec = {"commonUpdateSettings": with_secret(place, denied.namespace)}
    place.gate.on(f"{own.name}/.*tags/list", ask_for_password)
    place.gate.on(f"{denied.name}/.*tags/list", never_content)
    for scene in scenes:
        scene.make()
        grant(place, scene.namespace, WATCHED, APPLICATIONS)
    place.api.forget_requests()
    port = free_port()
    metrics = (f"--metrics-bind-address=127.0.0.1:{port}", "--metrics-secure=false")
    with program_of_user(place, scenes, "--loglevel=trace", *metrics) as program:
        for scene in scenes:
            scene.wait_for_status(lambda now: now.get("lastCheckedAt"))
        scraped = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
        assert program.stop() == 0
    own.check_written_once()
    assert foreign.status()["reasons"] == {"SecretRefused": 2}
    assert denied.status()["reasons"] == {"AuthFailed": 2}
    assert foreign.is_untouched()
    assert denied.is_untouched()
    asked = {
        about["namespace"]
        for event in place.api.requests(USER)
        if (about := event.get("objectRef") or {}).get("resource") == "secrets"
    }
    assert asked == {own.namespace, denied.namespace, ARGOCD}
    check_nobody_tells(program.log(), scraped, *map(told_by, scenes))


def told_by(scene):
    """Return everything in the cluster that says something about a scene."""
    objects = scene.objects
    found = [objects.list(kind, namespace=scene.namespace) for kind in (RESOURCE, APPLICATION)]
    found += [objects.list(kind, namespace=scene.leases) for kind in (LEASE, "v1/Event")]
    return json.dumps([*found, scene.events()])


def check_nobody_tells(*texts):
    pair = f"reader:{PASSWORD}"
    secrets = [PASSWORD, *(base64.b64encode(x.encode()).decode() for x in (pair, PASSWORD))]
    for text in texts:
        assert len(text) > 200
        for secret in secrets:
            assert secret.rstrip("=") not in text
