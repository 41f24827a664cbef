"""Which credential Argo CD's own repository Secrets and templates give a repository.

Rules and their quirks: ``tests/vectors/data/git_creds.json``. Fields and labels are Argo CD's
(https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/). Invariant: a
repository Secret that is bound to another project is never used. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from argocd_image_updater.core.argocd_secrets import (
    REPOSITORY_TYPE,
    SECRET_TYPE_LABEL,
    TEMPLATE_TYPE,
    WRITE_REPOSITORY_TYPE,
    WRITE_TEMPLATE_TYPE,
    SecretFields,
    is_boolean,
    is_true,
    text_fields,
)
from argocd_image_updater.git.cloud_fields import (
    INHERITED_CLOUD_FIELDS,
    OWN_IDENTITY,
    cloud_credential,
    has_cloud_identity,
)
from argocd_image_updater.git.credentials import CredentialKind, GitCredential
from argocd_image_updater.git.secret_fields import credential_fault, number_field
from argocd_image_updater.git.urls import mask_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from argocd_image_updater.core.snapshot import Secret

_HAS_CREDENTIALS = (
    "username",
    "password",
    "bearerToken",
    "sshPrivateKey",
    "tlsClientCertData",
    "githubAppPrivateKey",
)
_INHERITED = (
    *_HAS_CREDENTIALS,
    "tlsClientCertKey",
    "githubAppID",
    "githubAppInstallationID",
    "githubAppEnterpriseBaseUrl",
    *INHERITED_CLOUD_FIELDS,
    "proxy",
    "noProxy",
)
# COMPAT: these come from the template alone, see tests/vectors/data/git_creds.json.
_TEMPLATE_ONLY = (
    "forceHttpBasicAuth",
    "enableOCI",
    "insecureOCIForceHttp",
    "useAzureWorkloadIdentity",
)
_BOOLEANS = (
    "insecure",
    "insecureIgnoreHostKey",
    "insecureOCIForceHttp",
    "enableLfs",
    "enableOCI",
    "forceHttpBasicAuth",
    *OWN_IDENTITY,
)
_NUMBERS = ("githubAppID", "githubAppInstallationID", "depth")


@dataclass(frozen=True, slots=True)
class _Kinds:
    """The labels of Secrets for one purpose."""

    repository: str
    template: str


_READ = _Kinds(REPOSITORY_TYPE, TEMPLATE_TYPE)
_WRITE = _Kinds(WRITE_REPOSITORY_TYPE, WRITE_TEMPLATE_TYPE)


@dataclass(frozen=True, slots=True)
class _Found:
    """What the Secrets of one purpose say about a repository; no origin = nothing."""

    fields: SecretFields = field(default_factory=dict, repr=False)
    origin: str = ""
    warnings: tuple[str, ...] = ()


def repository_credential(
    secrets: Iterable[Secret], repository: str, *, project: str
) -> GitCredential:
    """Return the credential that Argo CD's repository Secrets and templates give a repository.

    COMPAT: those for pushes are preferred, but only for a repository that Argo CD can read: alone
    they make no repository known, see tests/vectors/data/git_creds.json.
    """
    known = [(secret, text_fields(secret.data)) for secret in secrets]
    wanted = comparable_url(repository)
    found = _find(known, wanted, project=project, kinds=_READ)
    if found.origin:
        pushing = _find(known, wanted, project=project, kinds=_WRITE)
        found = pushing if _has_credentials(pushing.fields) else found
    if not _has_credentials(found.fields):
        raise credential_fault(
            f"credentials for {mask_url(repository)!r} are not configured in Argo CD settings: "
            "add a repository Secret or a credential template"
        )
    return _usable(found.fields, repository, origin=found.origin, warnings=found.warnings)


def _find(
    known: list[tuple[Secret, SecretFields]], wanted: str, *, project: str, kinds: _Kinds
) -> _Found:
    """Return the fields of a repository's Secret, completed by those of the template."""
    own, warnings = _own_fields(known, wanted, project=project, kind=kinds.repository)
    fields, origin = (own[1], f"Secret {own[0].key}") if own else ({}, "")
    _check_values(fields, origin)
    if not _has_credentials(fields):
        template = _longest_template(known, wanted, kind=kinds.template)
        if template is not None:
            origin = f"Secret {template[0].key}"
            _check_values(template[1], origin)
            fields = _merged(fields, template[1])
            warnings += _prefix_warning(template[1].get("url", ""), wanted)
    return _Found(fields, origin, warnings)


def comparable_url(url: str) -> str:
    """Return the form in which Argo CD compares repository URLs."""
    text = url.strip().lower()
    if "://" not in text and (match := re.fullmatch(r"([^@/\s]+@[^:/\s]+):(.+)", text)):
        text = f"{match[1]}/{match[2]}"
    return text.removesuffix(".git").removeprefix("ssh://")


def _own_fields(
    known: list[tuple[Secret, SecretFields]], wanted: str, *, project: str, kind: str
) -> tuple[tuple[Secret, SecretFields] | None, tuple[str, ...]]:
    """Return the repository Secret: that of the project before one of no project."""
    equal = [
        (secret, fields)
        for secret, fields in known
        if secret.labels.get(SECRET_TYPE_LABEL) == kind
        and comparable_url(fields.get("url", "")) == wanted
    ]
    for stated in dict.fromkeys((project, "")):
        found = sorted(
            (item for item in equal if item[1].get("project", "") == stated),
            key=lambda item: item[0].key,
        )
        if found:
            warning = f"{len(found)} repository Secrets have this URL; {found[0][0].key} is used"
            return found[0], ((warning,) if len(found) > 1 else ())
    return None, ()


def _longest_template(
    known: list[tuple[Secret, SecretFields]], wanted: str, *, kind: str
) -> tuple[Secret, SecretFields] | None:
    """Return the template with the longest URL that begins the repository's URL."""
    fitting = [
        (secret, fields)
        for secret, fields in known
        if secret.labels.get(SECRET_TYPE_LABEL) == kind
        and fields.get("url")
        and wanted.startswith(comparable_url(fields["url"]))
    ]
    longest = sorted(fitting, key=lambda item: (-len(comparable_url(item[1]["url"])), item[0].key))
    return longest[0] if longest else None


def _prefix_warning(url: str, wanted: str) -> tuple[str, ...]:
    """COMPAT: a template may end inside a path part (git_creds.json); worth a warning."""
    prefix = comparable_url(url)
    rest = wanted.removeprefix(prefix)
    if not rest or prefix.endswith("/") or rest.startswith("/"):
        return ()
    return (f"the credential template for {mask_url(url)!r} ends inside a path part",)


def _merged(own: SecretFields, template: SecretFields) -> SecretFields:
    merged = {**own}
    for name in _INHERITED:
        if not merged.get(name) and template.get(name):
            merged[name] = template[name]
    for name in _TEMPLATE_ONLY:
        merged.pop(name, None)
        if template.get(name):
            merged[name] = template[name]
    for name in ("insecure", "insecureIgnoreHostKey"):
        if not merged.get(name) and template.get(name):
            merged[name] = template[name]
    return merged


def _usable(
    fields: SecretFields, repository: str, *, origin: str, warnings: tuple[str, ...]
) -> GitCredential:
    """Return the first credential that the fields make up, in Argo CD's order."""
    common = GitCredential(
        client_certificate=fields.get("tlsClientCertData", ""),
        client_key=fields.get("tlsClientCertKey", ""),
        insecure=any(
            is_true(fields.get(name))
            for name in ("insecure", "insecureIgnoreHostKey", "insecureOCIForceHttp")
        ),
        force_basic_auth=is_true(fields.get("forceHttpBasicAuth")),
        proxy=fields.get("proxy", ""),
        no_proxy=fields.get("noProxy", ""),
        origin=origin,
        warnings=warnings,
    )
    if fields.get("password"):
        return replace(
            common,
            kind=CredentialKind.BASIC,
            username=fields.get("username", ""),
            password=fields["password"],
        )
    if fields.get("sshPrivateKey"):
        return replace(common, kind=CredentialKind.SSH, ssh_private_key=fields["sshPrivateKey"])
    app_id = number_field(fields, "githubAppID", default=0)
    installation_id = number_field(fields, "githubAppInstallationID", default=0)
    if fields.get("githubAppPrivateKey") and app_id:  # the installation can be found
        return replace(
            common,
            kind=CredentialKind.GITHUB_APP,
            app_id=app_id,
            installation_id=installation_id,
            private_key=fields["githubAppPrivateKey"],
            enterprise_base_url=fields.get("githubAppEnterpriseBaseUrl", ""),
        )
    if credential := cloud_credential(fields, common):
        return credential
    if fields.get("bearerToken"):
        return replace(common, kind=CredentialKind.BEARER, bearer_token=fields["bearerToken"])
    if common.client_certificate and common.client_key:
        return replace(common, kind=CredentialKind.CLIENT_CERTIFICATE)
    raise credential_fault(
        f"the credentials for {mask_url(repository)!r} in {origin} are incomplete or of a kind "
        "that is not supported: set password, bearerToken, sshPrivateKey, the githubApp keys, "
        "the identity of a cloud, or tlsClientCertData with tlsClientCertKey"
    )


def _has_credentials(fields: Mapping[str, str]) -> bool:
    return any(fields.get(name) for name in _HAS_CREDENTIALS) or has_cloud_identity(fields)


def _check_values(fields: Mapping[str, str], origin: str) -> None:
    for name in _BOOLEANS:
        if fields.get(name) and not is_boolean(fields[name]):
            raise credential_fault(f"{origin}: field {name} must be true or false")
    for name in _NUMBERS:
        if fields.get(name):
            number_field(fields, name)
