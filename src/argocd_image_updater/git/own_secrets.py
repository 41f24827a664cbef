"""The credential of a Secret that an Application names: where it may be, and how it is read.

Rules and their quirks: ``tests/vectors/data/git_creds.json``. Invariants: such a Secret comes from
the Application's own namespace, and never gives the identity of this program. Pure.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.argocd_secrets import is_true, text_fields
from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.git.cloud_fields import (
    UnusableAccountError,
    cloud_credential,
    parse_account_key,
    refuse_own_identity,
)
from argocd_image_updater.git.credentials import CredentialKind, GitCredential
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.secret_fields import credential_fault, needed_field, number_field
from argocd_image_updater.git.urls import mask_url

if TYPE_CHECKING:
    from argocd_image_updater.core.snapshot import Secret

_OWN_SSH = re.compile(r"ssh://[^@:/]+@[^@]+|[^@:/]+@[^@]+")


def secret_reference(source: str, namespace: str) -> ObjectKey | None:
    """Return the Secret that ``secret:[<ns>/]<name>`` names, None for Argo CD's own credentials.

    namespace: that of the Application; a Secret elsewhere is refused.
    """
    if source in {"", "repocreds"}:
        return None
    if not source.startswith("secret:"):
        raise GitError(
            FailureKind.CONFIG,
            "invalid git credentials source: use 'repocreds', 'secret:<secret>' or "
            "'secret:<namespace>/<secret>'",
        )
    first, slash, rest = source.removeprefix("secret:").partition("/")
    stated, name = (first, rest) if slash else (namespace, first)
    if stated != namespace or not namespace:
        raise GitError(
            FailureKind.CREDENTIALS,
            f"secret namespace {stated!r} differs from the application's namespace "
            f"{namespace!r}: use a Secret beside the Application",
            reason=Reason.SECRET_REFUSED,
        )
    return ObjectKey(namespace, name)


def own_secret_credential(secret: Secret, repository: str) -> GitCredential:
    """Return the credential of a Secret that the Application names."""
    fields = text_fields(secret.data)
    name = secret.key.name
    scheme = _own_scheme(repository)
    insecure = is_true(fields.get("insecure"))
    common = GitCredential(
        client_certificate=fields.get("tlsClientCertData", ""),
        client_key=fields.get("tlsClientCertKey", ""),
        insecure=insecure,
        proxy=fields.get("proxy", ""),
        no_proxy=fields.get("noProxy", ""),
        origin=f"Secret {secret.key}",
    )
    if scheme == "ssh":
        return replace(
            common,
            kind=CredentialKind.SSH,
            ssh_private_key=needed_field(fields, "sshPrivateKey", name),
        )
    if "githubAppID" in fields:
        return replace(
            common,
            kind=CredentialKind.GITHUB_APP,
            app_id=number_field(fields, "githubAppID"),
            installation_id=number_field(fields, "githubAppInstallationID", secret=name),
            private_key=needed_field(fields, "githubAppPrivateKey", name),
            enterprise_base_url=fields.get("githubAppEnterpriseBaseUrl", ""),
        )
    if "username" in fields:
        return replace(
            common,
            kind=CredentialKind.BASIC,
            username=fields["username"],
            password=needed_field(fields, "password", name),
            force_basic_auth=is_true(fields.get("forceHttpBasicAuth")),
        )
    refuse_own_identity(fields, common.origin)
    if credential := cloud_credential(fields, common):
        return _checked(credential)
    if fields.get("bearerToken"):
        return replace(common, kind=CredentialKind.BEARER, bearer_token=fields["bearerToken"])
    raise credential_fault(
        f"Secret {secret.key} has no usable Git credential: it needs username and password, "
        "bearerToken, the githubApp keys, or the identity of a cloud"
    )


def _checked(credential: GitCredential) -> GitCredential:
    """Refuse what is no key at once: such a Secret has no credential."""
    if credential.google_account_key:
        try:
            parse_account_key(credential.google_account_key)
        except UnusableAccountError as error:
            raise credential_fault(f"{credential.origin}: {error}") from None
    return credential


def _own_scheme(repository: str) -> str:
    if repository.startswith("https://"):
        return "https"
    if "://" not in repository.removeprefix("ssh://") and _OWN_SSH.fullmatch(repository):
        return "ssh"
    raise credential_fault(
        f"unknown repository type {mask_url(repository)!r}: a Secret of one's own needs an "
        "https:// or ssh:// URL, or the form user@host:path"
    )
