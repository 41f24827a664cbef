"""Who may read the metrics, asked of a real API server with the shipped kind of rights."""

import contextlib

import aiohttp
import pytest

from argocd_image_updater.controller.cluster.options import ControllerOptions
from argocd_image_updater.controller.cluster.serving import serving
from argocd_image_updater.controller.metrics import Metrics
from argocd_image_updater.kube.client import Limits
from argocd_image_updater.web.readiness import Readiness

pytestmark = pytest.mark.lab("etcd", "kube-apiserver", "argocd")

RBAC = "rbac.authorization.k8s.io/v1"
REVIEWS = [
    {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]},
    {
        "apiGroups": ["authorization.k8s.io"],
        "resources": ["subjectaccessreviews"],
        "verbs": ["create"],
    },
]
READ_METRICS = [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]


def grant(api, name, *, rules, subject):
    """Have a ClusterRole with its binding; return the function that takes both away."""
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    role = {"apiVersion": RBAC, "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}
    binding = {
        "apiVersion": RBAC,
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": reference,
        "subjects": [subject],
    }
    api.objects.apply([role, binding])

    def revoke():
        api.objects.delete(f"{RBAC}/ClusterRole", name)
        api.objects.delete(f"{RBAC}/ClusterRoleBinding", name)

    return revoke


@pytest.fixture
def may_review(api, namespace):
    """Let the user of the controller review tokens and rights, and nothing else."""
    group = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "updaters"}
    revoke = grant(api, f"reviews-{namespace}", rules=REVIEWS, subject=group)
    yield
    revoke()


@pytest.fixture
def account(api, namespace):
    """Return a function that makes a service account and returns its token."""
    with contextlib.ExitStack() as stack:

        def make(name, *, rules=()):
            metadata = {"name": name, "namespace": namespace}
            api.objects.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
            if rules:
                subject = {"kind": "ServiceAccount", **metadata}
                stack.callback(
                    grant(api, f"{name}-{namespace}", rules=list(rules), subject=subject)
                )
            return api.service_account_token(namespace, name)

        yield make


@pytest.fixture
async def scrape(connect, tmp_path):
    """Return a function that asks for the metrics of a controller; it has one server."""
    async with contextlib.AsyncExitStack() as stack:
        client = await connect("updater", limits=Limits(attempts=1))
        (server,) = await stack.enter_async_context(
            serving(
                ControllerOptions(
                    state_dir=tmp_path, probe_address="0", metrics_address="127.0.0.1:0"
                ),
                readiness=Readiness(),
                metrics=Metrics(),
                client=client,
                hostname="pod-7",
            )
        )
        http = await stack.enter_async_context(aiohttp.ClientSession())

        async def ask(token):
            headers = {"Authorization": f"Bearer {token}"}
            url = f"https://127.0.0.1:{server.port}/metrics"
            async with http.get(url, headers=headers, ssl=False) as answer:
                return answer.status, await answer.text()

        yield ask


async def test_an_account_with_the_right_reads_the_metrics(may_review, account, scrape):
    status, text = await scrape(account("prometheus", rules=READ_METRICS))
    assert status == 200
    assert "argocd_image_updater_k8s_api_requests_total" in text


async def test_an_account_without_the_right_is_refused_by_name(
    may_review, account, scrape, namespace
):
    status, text = await scrape(account("visitor"))
    assert status == 403
    who = f"system:serviceaccount:{namespace}:visitor"
    assert text == f"Authorization denied for user {who}\n"


async def test_a_token_of_nobody_is_unauthorized(may_review, scrape):
    assert await scrape("no-such-token") == (401, "Unauthorized\n")


async def test_reviews_are_asked_for_once_a_while(api, may_review, account, scrape):
    token = account("prometheus", rules=READ_METRICS)
    api.forget_requests()
    for _ in range(5):
        assert (await scrape(token))[0] == 200
    counts = api.request_counts("updater")
    assert counts == {("create", "tokenreviews"): 1, ("create", "subjectaccessreviews"): 1}


async def test_without_the_right_to_review_nobody_reads(account, scrape, caplog):
    status, text = await scrape(account("prometheus", rules=READ_METRICS))
    assert (status, text) == (500, "Authentication failed\n")
    assert "cannot create resource" in caplog.text


async def test_an_api_server_that_is_away_lets_nobody_read(
    api, may_review, account, scrape, caplog
):
    token = account("prometheus", rules=READ_METRICS)
    api.stop()
    try:
        status, text = await scrape(token)
    finally:
        api.start()
    assert (status, text) == (500, "Authentication failed\n")
    assert token not in caplog.text
    assert (await scrape(token))[0] == 200
