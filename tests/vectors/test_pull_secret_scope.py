"""An image may use Secrets of its Application's namespace and no others."""

from argocd_image_updater.core.facts import Failure, FailureKind
from argocd_image_updater.core.reference import parse_image
from argocd_image_updater.registry.endpoint_loading import load_table
from vectors.credential_cases import resolver
from vectors.flags import is_flagged

VECTORS = "pull_secret_scope"


async def test_only_secrets_of_the_own_namespace_are_used(case):
    secrets = {
        (secret["namespace"], secret["name"]): {
            key: text.encode() for key, text in secret["data"].items()
        }
        for secret in case.get("secrets") or ()
    }
    image = parse_image("reg.scope.test/team/app")
    answer = await resolver(environ=case.get("env") or {}, secrets=secrets).fetch(
        load_table(None, ca_directories=()).lookup(image),
        pull_secret=case["pull_secret"],
        namespace=case["application_namespace"],
        repository=image.name,
    )
    outcome = None
    if isinstance(answer, Failure):
        assert not is_flagged(case) or answer.kind is FailureKind.REFUSED
    else:
        outcome = {"username": answer.username, "password": answer.password}
    recorded = None if case.get("error") else case["expect"]
    # Better, whatever the words of a flag: what is not of the own namespace is refused.
    assert outcome == recorded or (is_flagged(case) and outcome is None)
