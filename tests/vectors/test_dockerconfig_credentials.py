"""Find the credentials of one registry in a Docker configuration."""

import pytest

from argocd_image_updater.registry.credentials.dockerconfig import (
    credentials_from_docker_config,
)
from argocd_image_updater.registry.credentials.values import CredentialValueError

VECTORS = "dockerconfig_credentials"

PAIR = {"username": "u", "password": "p"}


def better(case: dict) -> dict | None:
    """Return the better result of a flagged case: the pair, or None for an error."""
    flag = case["deviation_allowed"]
    if flag.startswith("BUG"):  # whole hosts are compared, and no host matches nothing
        return None
    return PAIR


def test_the_entry_of_a_registry_is_found(case):
    if "deviation_allowed" in case:
        expected = better(case)
    else:
        expected = None if case.get("error") else case["expect"]

    def find():
        return credentials_from_docker_config(
            case["dockerconfigjson"], api_url=case["registry_api"]
        )

    if expected is None:
        with pytest.raises(CredentialValueError):
            find()
        return
    found = find()
    assert {"username": found.username, "password": found.password} == expected
