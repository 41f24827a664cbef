"""Which credential opens a repository: Argo CD's repository Secrets, or a Secret of one's own.

Rules and their quirks: ``tests/vectors/data/git_creds.json`` and ``docs/git-credentials.md``.
Fields are Argo CD's (https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/).
Invariant: a Secret named by an Application comes from the Application's own namespace, and a
repository Secret bound to another project is never used. Pure; nothing here is ever shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.urls import mask_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from argocd_image_updater.core.snapshot import Secret

SECRET_TYPE_LABEL = "argocd.argoproj.io/secret-type"  # noqa: S105 - a label, not a password
REPOSITORY_TYPE = "repository"
TEMPLATE_TYPE = "repo-creds"

_INT64_LIMIT = 1 << 63
_TRUE = {"1", "t", "T", "true", "TRUE", "True"}
_FALSE = {"0", "f", "F", "false", "FALSE", "False"}
_HAS_CREDENTIALS = (
    "username",
    "password",
    "bearerToken",
    "sshPrivateKey",
    "tlsClientCertData",
    "githubAppPrivateKey",
    "gcpServiceAccountKey",
    "azureServicePrincipalClientSecret",
)
_INHERITED = (
    *_HAS_CREDENTIALS,
    "tlsClientCertKey",
    "githubAppID",
    "githubAppInstallationID",
    "githubAppEnterpriseBaseUrl",
    "azureServicePrincipalClientId",
    "azureServicePrincipalTenantId",
    "azureActiveDirectoryEndpoint",
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
    "useAzureWorkloadIdentity",
)
_NUMBERS = ("githubAppID", "githubAppInstallationID", "depth")
_OWN_SSH = re.compile(r"ssh://[^@:/]+@[^@]+|[^@:/]+@[^@]+")


class CredentialKind(StrEnum):
    """How a credential identifies itself."""

    BASIC = "https-basic"
    BEARER = "bearer"
    SSH = "ssh"
    GITHUB_APP = "github-app"
    GOOGLE_CLOUD = "google-cloud"
    CLIENT_CERTIFICATE = "client-certificate"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class GitCredential:
    """One credential with everything that belongs to the connection."""

    kind: CredentialKind = CredentialKind.NONE
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    bearer_token: str = field(default="", repr=False)
    ssh_private_key: str = field(default="", repr=False)
    app_id: int = 0
    installation_id: int = 0
    private_key: str = field(default="", repr=False)
    enterprise_base_url: str = ""
    google_account_key: str = field(default="", repr=False)
    client_certificate: str = field(default="", repr=False)
    client_key: str = field(default="", repr=False)
    insecure: bool = False
    force_basic_auth: bool = False
    proxy: str = field(default="", repr=False)
    no_proxy: str = ""
    origin: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def can_call_forge(self) -> bool:
        """Whether it can be used to open pull or merge requests."""
        return self.kind in {CredentialKind.BASIC, CredentialKind.GITHUB_APP}


ANONYMOUS = GitCredential(origin="none")
_Fields = dict[str, str]


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
    fields = _texts(secret.data)
    name = secret.key.name
    scheme = _own_scheme(repository)
    insecure = fields.get("insecure") in _TRUE
    common = GitCredential(
        client_certificate=fields.get("tlsClientCertData", ""),
        client_key=fields.get("tlsClientCertKey", ""),
        insecure=insecure,
        proxy=fields.get("proxy", ""),
        no_proxy=fields.get("noProxy", ""),
        origin=f"Secret {secret.key}",
    )
    if scheme == "ssh":
        return _with(
            common, CredentialKind.SSH, ssh_private_key=_needed(fields, "sshPrivateKey", name)
        )
    if "githubAppID" in fields:
        return _with(
            common,
            CredentialKind.GITHUB_APP,
            app_id=_number(fields, "githubAppID"),
            installation_id=_number(fields, "githubAppInstallationID", secret=name),
            private_key=_needed(fields, "githubAppPrivateKey", name),
            enterprise_base_url=fields.get("githubAppEnterpriseBaseUrl", ""),
        )
    if "username" in fields:
        return _with(
            common,
            CredentialKind.BASIC,
            username=fields["username"],
            password=_needed(fields, "password", name),
            force_basic_auth=fields.get("forceHttpBasicAuth") in _TRUE,
        )
    if fields.get("bearerToken"):
        return _with(common, CredentialKind.BEARER, bearer_token=fields["bearerToken"])
    raise _credential_fault(
        f"Secret {secret.key} has no usable Git credential: it needs username and password, "
        "bearerToken, or the githubApp keys"
    )


def repository_credential(
    secrets: Iterable[Secret], repository: str, *, project: str
) -> GitCredential:
    """Return the credential that Argo CD's repository Secrets and templates give a repository."""
    known = [(secret, _texts(secret.data)) for secret in secrets]
    wanted = comparable_url(repository)
    own, warnings = _own_fields(known, wanted, project=project)
    fields, origin = (own[1], f"Secret {own[0].key}") if own else ({}, "")
    _check_values(fields, origin)
    if not _has_credentials(fields):
        template = _longest_template(known, wanted)
        if template is not None:
            _check_values(template[1], f"Secret {template[0].key}")
            fields = _merged(fields, template[1])
            origin = f"Secret {template[0].key}"
            warnings += _prefix_warning(template[1].get("url", ""), wanted)
    if not _has_credentials(fields):
        raise _credential_fault(
            f"credentials for {mask_url(repository)!r} are not configured in Argo CD settings: "
            "add a repository Secret or a credential template"
        )
    return _usable(fields, repository, origin=origin, warnings=warnings)


def comparable_url(url: str) -> str:
    """Return the form in which Argo CD compares repository URLs."""
    text = url.strip().lower()
    if "://" not in text and (match := re.fullmatch(r"([^@/\s]+@[^:/\s]+):(.+)", text)):
        text = f"{match[1]}/{match[2]}"
    return text.removesuffix(".git").removeprefix("ssh://")


def _own_fields(
    known: list[tuple[Secret, _Fields]], wanted: str, *, project: str
) -> tuple[tuple[Secret, _Fields] | None, tuple[str, ...]]:
    """Return the repository Secret: that of the project before one of no project."""
    equal = [
        (secret, fields)
        for secret, fields in known
        if secret.labels.get(SECRET_TYPE_LABEL) == REPOSITORY_TYPE
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
    known: list[tuple[Secret, _Fields]], wanted: str
) -> tuple[Secret, _Fields] | None:
    """Return the template with the longest URL that begins the repository's URL."""
    fitting = [
        (secret, fields)
        for secret, fields in known
        if secret.labels.get(SECRET_TYPE_LABEL) == TEMPLATE_TYPE
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


def _merged(own: _Fields, template: _Fields) -> _Fields:
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
    fields: _Fields, repository: str, *, origin: str, warnings: tuple[str, ...]
) -> GitCredential:
    """Return the first credential that the fields make up, in Argo CD's order."""
    common = GitCredential(
        client_certificate=fields.get("tlsClientCertData", ""),
        client_key=fields.get("tlsClientCertKey", ""),
        insecure=any(
            fields.get(name) in _TRUE
            for name in ("insecure", "insecureIgnoreHostKey", "insecureOCIForceHttp")
        ),
        force_basic_auth=fields.get("forceHttpBasicAuth") in _TRUE,
        proxy=fields.get("proxy", ""),
        no_proxy=fields.get("noProxy", ""),
        origin=origin,
        warnings=warnings,
    )
    if fields.get("password"):
        return _with(
            common,
            CredentialKind.BASIC,
            username=fields.get("username", ""),
            password=fields["password"],
        )
    if fields.get("sshPrivateKey"):
        return _with(common, CredentialKind.SSH, ssh_private_key=fields["sshPrivateKey"])
    app_id = _number(fields, "githubAppID", default=0)
    installation_id = _number(fields, "githubAppInstallationID", default=0)
    if fields.get("githubAppPrivateKey") and app_id and installation_id:
        return _with(
            common,
            CredentialKind.GITHUB_APP,
            app_id=app_id,
            installation_id=installation_id,
            private_key=fields["githubAppPrivateKey"],
            enterprise_base_url=fields.get("githubAppEnterpriseBaseUrl", ""),
        )
    if fields.get("gcpServiceAccountKey"):
        return _with(
            common,
            CredentialKind.GOOGLE_CLOUD,
            google_account_key=fields["gcpServiceAccountKey"],
        )
    if fields.get("bearerToken"):
        return _with(common, CredentialKind.BEARER, bearer_token=fields["bearerToken"])
    if common.client_certificate and common.client_key:
        return _with(common, CredentialKind.CLIENT_CERTIFICATE)
    raise _credential_fault(
        f"the credentials for {mask_url(repository)!r} in {origin} are incomplete or of a kind "
        "that is not supported: set password, bearerToken, sshPrivateKey, the githubApp keys, "
        "gcpServiceAccountKey, or tlsClientCertData with tlsClientCertKey"
    )


def _with(common: GitCredential, kind: CredentialKind, **values: object) -> GitCredential:
    shared = {name: getattr(common, name) for name in GitCredential.__dataclass_fields__}
    return GitCredential(**{**shared, "kind": kind, **values})


def _has_credentials(fields: Mapping[str, str]) -> bool:
    return any(fields.get(name) for name in _HAS_CREDENTIALS) or (
        fields.get("useAzureWorkloadIdentity") in _TRUE
    )


def _check_values(fields: Mapping[str, str], origin: str) -> None:
    for name in _BOOLEANS:
        if fields.get(name) and fields[name] not in _TRUE | _FALSE:
            raise _credential_fault(f"{origin}: field {name} must be true or false")
    for name in _NUMBERS:
        if fields.get(name):
            _number(fields, name)


def _number(
    fields: Mapping[str, str], name: str, *, secret: str = "", default: int | None = None
) -> int:
    """Return a decimal number of 64 bits, as Go reads it."""
    if default is not None and not fields.get(name):
        return default
    text = _needed(fields, name, secret)
    if not re.fullmatch(r"[+-]?[0-9]{1,30}", text, re.ASCII):
        raise _credential_fault(f"invalid value in field {name}: it is not a number")
    value = int(text)
    if not -_INT64_LIMIT <= value < _INT64_LIMIT:
        raise _credential_fault(f"invalid value in field {name}: it is out of range")
    return value


def _needed(fields: Mapping[str, str], name: str, secret: str) -> str:
    if name not in fields:
        raise _credential_fault(f"invalid secret {secret}: does not contain field {name}")
    return fields[name]


def _own_scheme(repository: str) -> str:
    if repository.startswith("https://"):
        return "https"
    if "://" not in repository.removeprefix("ssh://") and _OWN_SSH.fullmatch(repository):
        return "ssh"
    raise _credential_fault(
        f"unknown repository type {mask_url(repository)!r}: a Secret of one's own needs an "
        "https:// or ssh:// URL, or the form user@host:path"
    )


def _texts(data: Mapping[str, bytes]) -> _Fields:
    return {name: value.decode("utf-8", "replace") for name, value in data.items()}


def _credential_fault(message: str) -> GitError:
    return GitError(FailureKind.CREDENTIALS, message)
