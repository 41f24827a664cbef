"""Secrets of Argo CD for pushes, and kinds of credentials that are more than user and password."""

import pytest

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.snapshot import Secret
from argocd_image_updater.git.credentials import CredentialKind
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.repository_secrets import repository_credential

URL = "https://git.example.com/acme/deploy.git"
GROUP = "https://git.example.com/acme"
READ, READ_GROUP = "repository", "repo-creds"
WRITE, WRITE_GROUP = "repository-write", "repo-write-creds"


def secret(kind, *, name="", url=URL, **fields):
    data = {"url": url, **fields}
    return Secret(
        ObjectKey("argocd", name or kind),
        {field: text.encode() for field, text in data.items()},
        {"argocd.argoproj.io/secret-type": kind},
    )


def login(kind, user, **more):
    return secret(kind, username=user, password="p", **more)


def find(*secrets, project="default"):
    return repository_credential(secrets, URL, project=project)


@pytest.mark.parametrize("kind", [WRITE, WRITE_GROUP])
@pytest.mark.parametrize("reading", [secret(READ), login(READ, "r"), login(READ_GROUP, "r")])
def test_secrets_for_pushes_are_preferred(kind, reading):
    found = find(reading, login(kind, "pusher"))
    assert (found.username, found.origin) == ("pusher", f"Secret argocd/{kind}")


def test_a_secret_for_pushes_is_completed_by_the_template_for_pushes_alone():
    template = login(WRITE_GROUP, "other", url=GROUP)
    found = find(login(READ, "r"), secret(WRITE), template)
    assert found.username == "other"
    found = find(login(READ, "r"), secret(WRITE), login(READ_GROUP, "x", url=GROUP))
    assert found.username == "r"


def test_a_secret_for_pushes_without_credentials_changes_nothing():
    assert find(login(READ, "r"), secret(WRITE)).username == "r"


def test_secrets_for_pushes_alone_make_no_repository_known():
    with pytest.raises(GitError, match="not configured in Argo CD"):
        find(login(WRITE, "pusher"))


def test_a_secret_for_pushes_of_another_project_is_not_used():
    foreign = login(WRITE, "pusher", project="other")
    assert find(login(READ, "r"), foreign).username == "r"
    assert find(login(READ, "r"), foreign, project="other").username == "pusher"


def test_an_app_without_installation_is_complete():
    found = find(secret(READ, githubAppID="12", githubAppPrivateKey="PEM"))
    assert found.kind is CredentialKind.GITHUB_APP
    assert found.installation_id == 0


PRINCIPAL = {
    "azureServicePrincipalClientId": "client",
    "azureServicePrincipalTenantId": "tenant",
    "azureServicePrincipalClientSecret": "s3cret",
}
ACCESS_KEY = {"awsAccessKeyId": "AKIA", "awsSecretAccessKey": "s3cret"}


@pytest.mark.parametrize(
    ("fields", "kind", "own"),
    [
        ({"gcpServiceAccountKey": "{}"}, CredentialKind.GOOGLE_CLOUD, False),
        ({"useGoogleIdentity": "true"}, CredentialKind.GOOGLE_CLOUD, True),
        (PRINCIPAL, CredentialKind.AZURE, False),
        ({"useAzureWorkloadIdentity": "true"}, CredentialKind.AZURE, True),
        (ACCESS_KEY, CredentialKind.AWS, False),
        ({"useAwsIdentity": "1"}, CredentialKind.AWS, True),
        ({"bearerToken": "t", "useAwsIdentity": "false"}, CredentialKind.BEARER, False),
    ],
)
def test_identities_of_clouds_are_credentials(fields, kind, own):
    found = find(secret(READ_GROUP, **fields))
    assert (found.kind, found.cloud.own) == (kind, own)
    assert "s3cret" not in repr(found)


def test_an_identity_comes_from_the_template_as_other_credentials_do():
    own = secret(READ, proxy="http://proxy:1")
    found = find(own, secret(READ_GROUP, url=GROUP, **ACCESS_KEY))
    assert (found.kind, found.proxy) == (CredentialKind.AWS, "http://proxy:1")


@pytest.mark.parametrize("name", ["useGoogleIdentity", "useAwsIdentity"])
def test_what_is_no_boolean_is_told(name):
    with pytest.raises(GitError, match=f"{name} must be true or false"):
        find(secret(READ, **{name: "yes"}))
