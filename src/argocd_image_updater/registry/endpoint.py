"""One registry endpoint: where an image registry is asked, and how."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Settings of one registry.

    prefix: table key; host[:port][/path] of the images it serves. api_url: base to which ``/v2/…``
    is appended. credentials: credential reference, empty = anonymous. credentials_expire_s: 0 =
    never. tag_sort: ``""``, ``latest-first`` or ``latest-last``. limit_per_s: 0 = unlimited.
    ca_pem: extra root certificates, PEM text. inferred: made from an image's host.
    """

    name: str
    prefix: str
    api_url: str
    default_namespace: str = ""
    credentials: str = ""
    credentials_expire_s: float = 0.0
    tag_sort: str = ""
    limit_per_s: int = 0
    insecure: bool = False
    ca_file: str = ""
    ca_pem: str = ""
    is_default: bool = False
    inferred: bool = False


@dataclass(frozen=True, slots=True)
class Credentials:
    """User and password for one registry; ``source`` names where they came from, never a value.

    identity_token: in their place, a refresh token for the registry's token service.
    """

    username: str = ""
    password: str = ""
    source: str = "anonymous"
    identity_token: str = ""

    def __repr__(self) -> str:
        return f"Credentials(source={self.source!r})"


ANONYMOUS = Credentials()
