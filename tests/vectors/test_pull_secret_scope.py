"""An image may use Secrets of its Application's namespace and no others."""

from argocd_image_updater.core.facts import Failure, FailureKind
from argocd_image_updater.core.reference import parse_image
from argocd_image_updater.registry.endpoint_loading import load_table
from vectors.credential_cases import resolver

VECTORS = "pull_secret_scope"


async def test_only_secrets_of_the_own_namespace_are_used(case):
    secrets = {
        (secret["namespace"], secret["name"]): {
            key: text.encode() for key, text in secret["data"].items()
        }
        for secret in case["secrets"]
    }
    image = parse_image("reg.scope.test/team/app")
    answer = await resolver(environ=case["env"], secrets=secrets).fetch(
        load_table(None, ca_directories=()).lookup(image),
        pull_secret=case["pull_secret"],
        namespace=case["application_namespace"],
        repository=image.name,
    )
    if case.get("error") or "deviation_allowed" in case:
        assert isinstance(answer, Failure)
        if "deviation_allowed" in case:
            assert answer.kind is FailureKind.REFUSED
    else:
        assert {"username": answer.username, "password": answer.password} == case["expect"]
