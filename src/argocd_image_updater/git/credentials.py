"""A Git credential as a value, with everything that belongs to its connection.

Invariant: what is secret in it is never shown, neither in an error nor by ``repr``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class CredentialKind(StrEnum):
    """How a credential identifies itself."""

    BASIC = "https-basic"
    BEARER = "bearer"
    SSH = "ssh"
    GITHUB_APP = "github-app"
    GOOGLE_CLOUD = "google-cloud"
    AZURE = "azure"
    AWS = "aws"
    CLIENT_CERTIFICATE = "client-certificate"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class CloudIdentity:
    """Who asks a cloud for a token: this program itself, or whom a Secret names.

    A service principal has client, tenant and secret (Azure); an access key has its three (AWS).
    """

    own: bool = False
    client_id: str = ""
    tenant_id: str = ""
    login_endpoint: str = ""
    client_secret: str = field(default="", repr=False)
    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)


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
    cloud: CloudIdentity = CloudIdentity()
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
