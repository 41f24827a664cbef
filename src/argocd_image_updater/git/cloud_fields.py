"""Identities of clouds in a Secret: whose they are, and that a tenant cannot ask for ours. Pure.

``gcpServiceAccountKey`` and the fields with ``azure`` are Argo CD's
(https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/); those of AWS and
``useGoogleIdentity`` are ours. Described in docs/git-credentials.md.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from argocd_image_updater.core.argocd_secrets import is_true
from argocd_image_updater.git.credentials import CloudIdentity, CredentialKind, GitCredential
from argocd_image_updater.git.secret_fields import credential_fault

if TYPE_CHECKING:
    from collections.abc import Mapping

USE_GOOGLE, USE_AZURE, USE_AWS = "useGoogleIdentity", "useAzureWorkloadIdentity", "useAwsIdentity"
GOOGLE_TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
KEY_LIMIT = 65_536  # characters; a key of Google has 2,400
# The identity of this program, by the field that asks for it.
OWN_IDENTITY = (USE_GOOGLE, USE_AZURE, USE_AWS)
# Fields that alone make a credential.
CLOUD_SECRETS = (
    "gcpServiceAccountKey",
    "azureServicePrincipalClientSecret",
    "awsSecretAccessKey",
)
INHERITED_CLOUD_FIELDS = (
    *CLOUD_SECRETS,
    "azureServicePrincipalClientId",
    "azureServicePrincipalTenantId",
    "azureActiveDirectoryEndpoint",
    "awsAccessKeyId",
    "awsSessionToken",
    USE_GOOGLE,
    USE_AWS,
)


class UnusableAccountError(ValueError):
    """A text is no key of a service account."""


@dataclass(frozen=True, slots=True)
class AccountKey:
    """What the key of a service account of Google says."""

    email: str
    token_url: str
    private_key: str = field(repr=False)


def parse_account_key(text: str) -> AccountKey:
    """Read the key of a service account.

    A configuration that would have files read, programs run or other addresses asked here is none.

    Raises:
        UnusableAccountError: it is no such key; the message shows nothing of it.
    """
    try:
        document = json.loads(text) if len(text) <= KEY_LIMIT else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or document.get("type") != "service_account":
        raise UnusableAccountError(
            "gcpServiceAccountKey is no key of a service account in JSON form"
        )
    email, key = document.get("client_email"), document.get("private_key")
    url = document.get("token_uri") or GOOGLE_TOKEN_URL
    if not (isinstance(email, str) and isinstance(key, str) and isinstance(url, str)):
        raise UnusableAccountError("gcpServiceAccountKey lacks client_email or private_key")
    return AccountKey(email, url, key)


def has_cloud_identity(fields: Mapping[str, str]) -> bool:
    """Whether a Secret names an identity of a cloud."""
    return any(fields.get(name) for name in CLOUD_SECRETS) or any(
        is_true(fields.get(name)) for name in OWN_IDENTITY
    )


def cloud_credential(fields: Mapping[str, str], common: GitCredential) -> GitCredential | None:
    """Return the first identity of a cloud that the fields make up, None for none."""
    if fields.get("gcpServiceAccountKey"):
        key = fields["gcpServiceAccountKey"]
        return replace(common, kind=CredentialKind.GOOGLE_CLOUD, google_account_key=key)
    if is_true(fields.get(USE_GOOGLE)):
        return _own(common, CredentialKind.GOOGLE_CLOUD)
    if fields.get("azureServicePrincipalClientSecret"):
        return replace(common, kind=CredentialKind.AZURE, cloud=_principal(fields, common.origin))
    if is_true(fields.get(USE_AZURE)):
        return _own(common, CredentialKind.AZURE)
    if fields.get("awsSecretAccessKey"):
        return replace(common, kind=CredentialKind.AWS, cloud=_access_key(fields, common.origin))
    if is_true(fields.get(USE_AWS)):
        return _own(common, CredentialKind.AWS)
    return None


def refuse_own_identity(fields: Mapping[str, str], origin: str) -> None:
    """Refuse a Secret of a tenant that asks for the identity of this program."""
    for name in OWN_IDENTITY:
        if is_true(fields.get(name)):
            raise credential_fault(
                f"{origin}: {name} gives the identity of this program away, so it counts in Argo "
                "CD's repository Secrets only"
            )


def _own(common: GitCredential, kind: CredentialKind) -> GitCredential:
    return replace(common, kind=kind, cloud=CloudIdentity(own=True))


def _principal(fields: Mapping[str, str], origin: str) -> CloudIdentity:
    return CloudIdentity(
        client_id=_needed(fields, "azureServicePrincipalClientId", origin),
        tenant_id=_needed(fields, "azureServicePrincipalTenantId", origin),
        client_secret=fields["azureServicePrincipalClientSecret"],
        login_endpoint=fields.get("azureActiveDirectoryEndpoint", ""),
    )


def _access_key(fields: Mapping[str, str], origin: str) -> CloudIdentity:
    return CloudIdentity(
        access_key_id=_needed(fields, "awsAccessKeyId", origin),
        secret_access_key=fields["awsSecretAccessKey"],
        session_token=fields.get("awsSessionToken", ""),
    )


def _needed(fields: Mapping[str, str], name: str, origin: str) -> str:
    if not fields.get(name):
        raise credential_fault(f"{origin}: field {name} is missing")
    return fields[name]
