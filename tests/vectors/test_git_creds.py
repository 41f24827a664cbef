"""Which Git credential results from a method, a repository URL and the Secrets that are there."""

import asyncio

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.facts import BranchKey
from argocd_image_updater.core.snapshot import Secret
from argocd_image_updater.core.write_back_texts import parse_method
from argocd_image_updater.errors import ConfigError
from argocd_image_updater.git.access import find_credential
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.secrets import MappedSecrets
from vectors.flags import is_flagged, rule_of

VECTORS = "git_creds"

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
    outcome = outcome_of(case)
    if is_flagged(case) and outcome != recorded(case):
        rule = rule_of(case, RULES) or refused_or_from_one_secret
        assert rule(case, outcome), outcome
    else:
        assert outcome == recorded(case)


def outcome_of(case):
    """Return the binding fields of the credential, or the stage at which there is none."""
    try:
        credential = find(case)
    except GitError:
        return "commit"
    except ConfigError:
        return "configuration"
    expect = case.get("expect") or {}
    found = binding_fields(case, shown(credential), recorded=expect)
    if "pull_request_capable" in expect and expect["kind"] == found["kind"]:
        found["pull_request_capable"] = credential.can_call_forge
    return found


def recorded(case):
    if case.get("error"):
        return case.get("error_stage", "commit")
    return binding_fields(case, case["expect"], recorded=case["expect"])


def binding_fields(case, fields, *, recorded):
    ignored = set(KNOWN_BY_KIND - recorded.keys())
    if case["method"].startswith("git:secret:"):
        ignored |= INFORMATIVE
    return {name: value for name, value in fields.items() if name not in ignored}


def understood_or_refused(case, outcome):
    """What is configured is used as what it is, or refused as not enough; never left out."""
    data = configured_data(case)
    app_id, key = data.get("githubAppID"), data.get("githubAppPrivateKey")
    if key and app_id not in (None, "0"):  # the installation can be found
        return outcome == {"kind": "github-app", "app_id": int(app_id), "private_key": key}
    if data.get("bearerToken"):
        return outcome == {"kind": "bearer", "bearer_token": data["bearerToken"]}
    if data.get("gcpServiceAccountKey"):
        return outcome == {"kind": "google-cloud"}
    certificate, key = data.get("tlsClientCertData"), data.get("tlsClientCertKey")
    if certificate and key and not data.get("username"):
        wanted = {"tls_client_cert": certificate, "tls_client_key": key}
        return outcome in ({"kind": "client-certificate", **wanted}, "commit")
    return outcome == "commit"


def configured_data(case):
    """Return the fields of the Secret that the method or the repository's URL names."""
    method, repository = case["method"], case["repository"]
    if method.startswith("git:secret:"):
        name = method.removeprefix("git:secret:").rpartition("/")[2]
        return next(one["data"] for one in case["secrets"] if one["name"] == name)
    urls = [one["data"] for one in case["secrets"] if one["data"].get("url")]
    fitting = [data for data in urls if repository.startswith(data["url"])]
    return max(fitting, key=lambda data: len(data["url"]), default={})


def refused_or_from_one_secret(case, outcome):
    """Invariant of this file: no credential, or one made of the fields of one Secret."""
    if isinstance(outcome, str):
        return True
    values = {str(value) for key, value in outcome.items() if isinstance(value, str)}
    values -= {outcome["kind"]}
    return outcome["kind"] != "none" and any(
        values <= set(one["data"].values()) for one in case["secrets"]
    )


RULES = {
    "bearer tokens are not supported": understood_or_refused,
    "does not understand": understood_or_refused,
    "service account key alone": understood_or_refused,
}


def test_a_secret_of_ones_own_verifies_unless_it_says_otherwise(case):
    if not case["method"].startswith("git:secret:") or isinstance(outcome_of(case), str):
        return
    stated = configured_data(case).get("insecure", "")
    assert find(case).insecure == (stated == "true")
