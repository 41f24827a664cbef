"""Which Git credential results from a method, a repository URL and the Secrets that are there."""

import asyncio

import pytest

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.facts import BranchKey
from argocd_image_updater.core.snapshot import Secret
from argocd_image_updater.core.write_back_texts import parse_method
from argocd_image_updater.errors import ConfigError
from argocd_image_updater.git.access import find_credential
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.secrets import MappedSecrets

VECTORS = "git_creds"

# Where the recorded result is a defect, the better one, told there in words. None = an error.
BETTER = {
    "gcr-0031": {"kind": "bearer", "bearer_token": "tok"},
    "gcr-0091": None,  # a user name without anything else
    "gcr-0093": {"kind": "bearer", "bearer_token": "b"},
    "gcr-0098": None,  # an App without its installation
    "gcr-0101": {"kind": "google-cloud", "google_account_key": "{}"},
    "gcr-0103": None,  # a certificate without its key
    "gcr-0104": {"kind": "client-certificate", "tls_client_cert": "C", "tls_client_key": "K"},
    "gcr-0123": None,  # an App whose id is zero
    "gcr-0166": {"kind": "bearer", "bearer_token": "b"},
}
FIELDS = {
    "username": "username",
    "password": "password",
    "ssh_private_key": "ssh_private_key",
    "app_id": "app_id",
    "installation_id": "installation_id",
    "private_key": "private_key",
    "enterprise_base_url": "enterprise_base_url",
    "tls_client_cert": "client_certificate",
    "tls_client_key": "client_key",
    "insecure": "insecure",
    "force_basic_auth": "force_basic_auth",
    "proxy": "proxy",
    "bearer_token": "bearer_token",
    "google_account_key": "google_account_key",
}
INFORMATIVE = {
    "insecure",
    "proxy",
    "tls_client_cert",
    "tls_client_key",
}  # for a Secret of one's own
KNOWN_BY_KIND = {"google_account_key"}  # the recorded results do not list it


def secret_of(data):
    values = {name: text.encode() for name, text in data["data"].items()}
    return Secret(ObjectKey(data["namespace"], data["name"]), values, data["labels"])


def find(case):
    method = parse_method(case["method"], namespace=case["application_namespace"])
    key = BranchKey(
        case["repository"],
        "",
        method.credentials,
        case["application_project"],
        case["application_namespace"],
    )
    secrets = [secret_of(data) for data in case["secrets"]]
    source = MappedSecrets({secret.key: secret for secret in secrets})
    return asyncio.run(find_credential(key, source, controller_namespace=case["argocd_namespace"]))


def shown(credential):
    values = {name: getattr(credential, attribute) for name, attribute in FIELDS.items()}
    listed = {name: value for name, value in values.items() if value}
    return {"kind": str(credential.kind), **listed}


def test_a_credential_is_the_recorded_or_the_better_one(case):
    if case.get("error_stage") == "configuration":
        with pytest.raises(ConfigError):
            find(case)
        return
    expected = None if case.get("error") else dict(case["expect"])
    if not case["binding"]:
        expected = BETTER[case["id"]]
    if expected is None:
        with pytest.raises(GitError):
            find(case)
        return
    credential = find(case)
    capable = expected.pop("pull_request_capable", credential.can_call_forge)
    assert credential.can_call_forge == capable
    ignored = set(KNOWN_BY_KIND - expected.keys())
    if case["method"].startswith("git:secret:"):
        ignored |= INFORMATIVE
    found = shown(credential)
    assert {name: value for name, value in found.items() if name not in ignored} == {
        name: value for name, value in expected.items() if name not in ignored
    }


def test_a_secret_of_ones_own_verifies_unless_it_says_otherwise(case):
    if case.get("error") or not case["method"].startswith("git:secret:"):
        return
    stated = case["secrets"][0]["data"].get("insecure", "")
    assert find(case).insecure == (stated == "true")
