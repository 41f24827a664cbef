"""The program and the controllers before it never work at once.

They elect their leader with the library of Kubernetes. Its own controller manager, which uses the
same library, stands for them here: over the Lease that they have.
"""

import contextlib
import urllib.request

import pytest

from clusters.controllers import ControllerManager
from clusters.first_definitions import (
    define,
    newest_definition,
)
from clusters.first_releases import (
    ACCOUNT,
    LEASE,
    installed_roles,
)
from e2e.swap.installation import NAMESPACE, forget_rights, refused, wait_until
from stages.standalone import images as listed
from stages.standalone import reference, resource

pytestmark = pytest.mark.lab(
    "etcd", "kube-apiserver", "argocd", "kube-controller-manager", "docker-registry"
)
LEASES = "coordination.k8s.io/v1/Lease"
LEASE_S = 3
ELECTION = (
    "--leader-elect=true",
    f"--leader-elect-resource-name={LEASE}",
    f"--leader-elect-resource-namespace={NAMESPACE}",
    f"--leader-elect-lease-duration={LEASE_S}s",
    "--leader-elect-renew-deadline=2s",
    "--leader-elect-retry-period=1s",
)
CHART = {"repoURL": "https://charts.example", "chart": "web", "targetRevision": "1.0.0"}


@pytest.fixture(scope="module")
def outdated(server, installation):
    """An installation in which something is to be done, with nobody at work."""
    define(server, newest_definition())
    forget_rights(server)
    server.objects.apply(list(installed_roles(NAMESPACE)))
    installation.configure(interval="1s", log__format="json")
    web = installation.image("web")
    kustomize = {"kustomize": {"images": [f"{web}:1.0.0"]}}
    installation.add("waiting", CHART | kustomize, "Kustomize", f"{web}:1.0.0")
    listing = [reference("waiting", listed(web=f"{web}:1.x"))]
    installation.objects.create(resource("waiting", listing, namespace=NAMESPACE))
    yield installation
    installation.clear(NAMESPACE)


def holder(installation):
    found = installation.objects.find(LEASES, LEASE, namespace=NAMESPACE)
    return found["spec"].get("holderIdentity", "") if found else ""


def images_of(installation):
    return installation.application("waiting")["spec"]["source"]["kustomize"]["images"]


def role(program):
    address = f"http://127.0.0.1:{program.ports['probes']}/readyz?verbose"
    with urllib.request.urlopen(address, timeout=30) as answer:
        return answer.read().decode()


def requests_for_the_lease(installation):
    return [
        event
        for event in installation.api.requests("admin")
        if (event.get("objectRef") or {}).get("name") == LEASE
        and event.get("userAgent", "").startswith("kube-controller-manager")
    ]


def renewals(installation):
    found = requests_for_the_lease(installation)
    return sum(event["verb"] in {"update", "patch"} for event in found)


def other_controller(installation):
    return ControllerManager(
        installation.api, controllers=["replicaset-controller"], flags=ELECTION
    )


def test_ours_waits_for_another_and_another_waits_for_ours(outdated):
    web = outdated.image("web")
    with contextlib.ExitStack() as running:
        with other_controller(outdated):
            other = wait_until(lambda: holder(outdated))
            program = running.enter_context(outdated.program(account=ACCOUNT))
            program.wait_for_log(rf"waiting for Lease {LEASE}, which {other} holds")
            # As long as a holder would be waited for that does not renew.
            wait_until(lambda: renewals(outdated) > LEASE_S + 1, program=program)
            assert holder(outdated) == other
            assert images_of(outdated) == [f"{web}:1.0.0"]
            assert "role: standby" in role(program)
            assert "status" not in outdated.resource("waiting")
        # It is gone without a word, as those that were before us go.
        wait_until(lambda: images_of(outdated) == [f"{web}:1.2.0"], program=program)
        ours = holder(outdated)
        running.enter_context(other_controller(outdated))
        seen = len(requests_for_the_lease(outdated))
        wait_until(lambda: len(requests_for_the_lease(outdated)) > seen + 1, program=program)
        assert holder(outdated) == ours
        assert program.stop() == 0
        wait_until(lambda: holder(outdated) not in {"", ours}, limit_s=10)
        assert refused(outdated.requests(program)) == []
