"""Repository URLs: which are allowed, how they are compared, and how they are shown.

Pure. Allowed are https and ssh (also in the form ``user@host:path``); http and local folders only
on request. Everything else, above all a text that git could take for an option or for a program
to run (``ext::``), is refused. A password inside a URL is taken out and never shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.git.failures import GitError

URL_LIMIT = 4096  # characters; longer ones are mistakes or attacks

_SCP = re.compile(
    r"(?P<user>[A-Za-z0-9._~+-]+)@(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\]):(?P<path>.+)"
)
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?\.?|[0-9A-Fa-f:.]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_USER_INFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)[^/@\s]*(?::[^/\s]*)?@")
_DEFAULT_PORTS = {"https": 443, "http": 80, "ssh": 22}


@dataclass(frozen=True, slots=True)
class RepositoryUrl:
    """A checked repository URL.

    text: what git is given, without a password. shown: for people. identity: equal for spellings
    of one repository (scheme, user, ``.git`` and default port do not count); names the mirror.
    """

    scheme: str  # https | http | ssh | file
    text: str
    shown: str
    identity: str
    host: str = ""
    username: str = ""
    password: str = field(default="", repr=False)

    @property
    def is_http(self) -> bool:
        return self.scheme in {"https", "http"}


def mask_url(text: str) -> str:
    """Return text with the user information of every URL in it hidden."""
    return _USER_INFO.sub(r"\g<scheme>***@", text)


def parse_url(text: str, *, allow_local: bool = False, allow_http: bool = False) -> RepositoryUrl:
    """Check a repository URL; GitError(CONFIG) names what is wrong."""
    if not text or len(text) > URL_LIMIT or _CONTROL.search(text) or text != text.strip():
        raise _fault(text[:80], "is empty, too long, or has blanks or control characters")
    if text.startswith("-"):
        raise _fault(text, "begins with '-'")
    if match := _SCP.fullmatch(text):
        return _parse_scp(text, match)
    scheme = text.split("://", 1)[0].lower() if "://" in text else ""
    if scheme in {"https", "ssh"} or (scheme == "http" and allow_http):
        return _parse_network(text, scheme)
    if scheme == "http":
        raise _fault(text, "is not encrypted: use https")
    if scheme == "file" or text.startswith("/"):
        return _parse_local(text, allowed=allow_local)
    raise _fault(text, "is not an https:// or ssh:// URL, nor of the form user@host:path")


def _parse_scp(text: str, match: re.Match[str]) -> RepositoryUrl:
    path = match["path"]
    if path.startswith("-"):
        raise _fault(text, "has a path that begins with '-'")
    host = match["host"].strip("[]").lower()
    return RepositoryUrl("ssh", text, text, _identity(host, "", path), host, match["user"])


def _parse_network(text: str, scheme: str) -> RepositoryUrl:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _fault(text, "has a wrong host or port") from None
    username, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not _HOST.fullmatch(host) or username.startswith("-") or not parts.path.strip("/"):
        raise _fault(text, "needs a host and a path, neither of them beginning with '-'")
    if parts.query or parts.fragment:
        raise _fault(text, "must not have a query or fragment")
    bare_host = f"[{host}]" if ":" in host else host
    netloc = bare_host if port is None else f"{bare_host}:{port}"
    if scheme == "ssh" and parts.username:
        netloc = f"{parts.username}@{netloc}"
    clean = urlunsplit((scheme, netloc, parts.path, "", ""))
    suffix = "" if port in {None, _DEFAULT_PORTS[scheme]} else f":{port}"
    identity = _identity(host, suffix, parts.path)
    return RepositoryUrl(scheme, clean, clean, identity, host, username, password)


def _parse_local(text: str, *, allowed: bool) -> RepositoryUrl:
    if not allowed:
        raise _fault(text, "is a local folder, which is not allowed here")
    path = text.removeprefix("file://") if "://" in text else text
    if not path.startswith("/"):
        raise _fault(text, "must be an absolute path")
    url = f"file://{path}"
    return RepositoryUrl("file", url, url, url)


def _identity(host: str, port: str, path: str) -> str:
    return f"{host.lower()}{port}/{path.strip('/').removesuffix('.git').rstrip('/')}"


def _fault(text: str, why: str) -> GitError:
    return GitError(FailureKind.CONFIG, f"repository URL {mask_url(text)!r} {why}")
