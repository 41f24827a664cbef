"""What one command needs to reach one repository: trust, proxy, and a credential it cannot leak.

Invariants: certificates and host keys are verified unless the Secret itself says otherwise. A
user's password or token goes into the environment of the one process that needs it. While it is
sent without being asked for, redirections are not followed, so that it reaches no other host;
where a server redirects, a tiny script answers git's question instead, and only for the host of
the URL. Keys are files of mode 0600 in a folder of mode 0700 that lives as long as the command.
"""

from __future__ import annotations

import base64
import contextlib
import shlex
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.git import ssh_proxy
from argocd_image_updater.git.credentials import CredentialKind, GitCredential
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.process import Surroundings
from argocd_image_updater.git.proxying import port_of, proxy_of
from argocd_image_updater.git.tls import authority_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from argocd_image_updater.git.tls import Trust
    from argocd_image_updater.git.urls import RepositoryUrl

TOKEN_USER = "x-access-token"  # noqa: S105 - the user name forges expect beside a token
PRIVATE_PREFIX = "private-"

# A shell of ssh reads it, after ssh has put in its own words for those with a percent sign.
_PROXY_COMMAND = (
    shlex.join([sys.executable, "-I", "-S", ssh_proxy.__file__]).replace("%", "%%") + " %h %p"
)

# git asks "Username for 'https://host': " and "Password for 'https://user@host': ".
_ASKPASS = """\
#!/bin/sh
case "$1" in
  *"//$AIU_HOST'"*|*"@$AIU_HOST'"*) ;;
  *) exit 1 ;;
esac
case "$1" in
  Username*) printf '%s' "$AIU_USERNAME" ;;
  Password*) printf '%s' "$AIU_PASSWORD" ;;
  *) exit 1 ;;
esac
"""


@dataclass(frozen=True, slots=True)
class Connection:
    """A repository, the credential for it and whom to trust.

    pin: where the name of the host, or of its proxy, leads, as curl reads it; empty = git looks.
    """

    url: RepositoryUrl
    credential: GitCredential
    trust: Trust
    pin: str = field(default="", compare=False)

    @property
    def can_ask(self) -> bool:
        """Whether git may ask for this credential; it knows no question for a bearer token."""
        return self.url.is_http and self._user_and_password() is not None

    @contextlib.contextmanager
    def surroundings(
        self, folder: Path, *, keep_open: tuple[int, ...] = (), ask: bool = False
    ) -> Iterator[Surroundings]:
        """Yield what a command gets; private files live below `folder` and are removed.

        ask: answer git's questions instead of sending the credential at once; for servers that
        redirect.
        """
        private = _PrivateFiles(folder)
        variables = {"GIT_ALLOW_PROTOCOL": self.url.scheme}
        configuration = {"remote.origin.url": self.url.text}
        try:
            if self.url.is_http:
                self._add_http(variables, configuration, private=private, ask=ask)
            elif self.url.scheme == "ssh":
                variables.update(self._ssh_variables(private))
            yield Surroundings(variables, configuration, self._secrets(), keep_open)
        finally:
            private.remove()

    def _add_http(
        self,
        variables: dict[str, str],
        configuration: dict[str, str],
        *,
        private: _PrivateFiles,
        ask: bool,
    ) -> None:
        header = self._authorization()
        if header and ask:
            variables.update(self._askpass_variables(private))
        elif header:
            configuration["http.extraHeader"] = f"Authorization: {header}"
            configuration["http.followRedirects"] = "false"
        if self.credential.client_certificate and self.credential.client_key:
            variables["GIT_SSL_CERT"] = private.write("cert", self.credential.client_certificate)
            variables["GIT_SSL_KEY"] = private.write("key", self.credential.client_key)
        if self.credential.insecure:
            variables["GIT_SSL_NO_VERIFY"] = "true"
        elif authority := authority_file(self.trust, self.url.host):
            variables["GIT_SSL_CAINFO"] = str(authority)
        if self.pin:
            configuration["http.curloptResolve"] = self.pin
        if self.credential.proxy:
            configuration["http.proxy"] = self.credential.proxy
            variables["no_proxy"] = variables["NO_PROXY"] = self.credential.no_proxy

    def _user_and_password(self) -> tuple[str, str] | None:
        if self.credential.kind is CredentialKind.BASIC:
            return self.credential.username or TOKEN_USER, self.credential.password
        if self.credential.kind is CredentialKind.NONE and self.url.username:
            return self.url.username, self.url.password
        return None

    def _authorization(self) -> str:
        kind = self.credential.kind
        if kind is CredentialKind.BEARER:
            return f"Bearer {_one_line(self.credential.bearer_token)}"
        if pair := self._user_and_password():
            return "Basic " + base64.b64encode(":".join(pair).encode()).decode()
        if kind in {CredentialKind.NONE, CredentialKind.CLIENT_CERTIFICATE}:
            return ""
        raise _unusable(f"a credential of kind {kind} does not fit the https URL {self.url.shown}")

    def _askpass_variables(self, private: _PrivateFiles) -> dict[str, str]:
        pair = self._user_and_password()
        if pair is None:
            raise _unusable(f"{self.url.shown} redirects: configure the address it leads to")
        authority = self.url.text.split("://", 1)[1].split("/", 1)[0]
        return {
            "GIT_ASKPASS": private.write("askpass", _ASKPASS, mode=0o700),
            "AIU_HOST": authority,
            "AIU_USERNAME": pair[0],
            "AIU_PASSWORD": pair[1],
        }

    def _ssh_variables(self, private: _PrivateFiles) -> dict[str, str]:
        credential = self.credential
        if credential.kind not in {CredentialKind.SSH, CredentialKind.NONE}:
            raise _unusable(
                f"a credential of kind {credential.kind} does not fit the SSH URL "
                f"{self.url.shown}: set sshPrivateKey"
            )
        variables = {"GIT_SSH_VARIANT": "ssh"}
        config = self.trust.ssh_config
        words = ["ssh", *(["-F", str(config)] if config is not None and config.is_file() else [])]
        words += ["-o", "BatchMode=yes"]
        if proxy := proxy_of(credential, self.url.host, port_of(self.url)):
            variables[ssh_proxy.VARIABLE] = self._checked_proxy(proxy)
            words += ["-o", f"ProxyCommand={_PROXY_COMMAND}", "-o", "ProxyUseFdpass=yes"]
        if credential.ssh_private_key:
            key = private.write("id", credential.ssh_private_key.rstrip("\n") + "\n")
            words += ["-i", key, "-o", "IdentitiesOnly=yes"]
        if credential.insecure:
            words += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        else:
            words += ["-o", "StrictHostKeyChecking=yes"]
            if files := self.trust.known_hosts_files:
                words += ["-o", f"UserKnownHostsFile={' '.join(map(_ssh_path, files))}"]
        return {**variables, "GIT_SSH_COMMAND": shlex.join(words)}

    def _checked_proxy(self, proxy: str) -> str:
        """Return a proxy's URL that the program for it understands."""
        if urlsplit(proxy).scheme not in (*ssh_proxy.HTTP, *ssh_proxy.SOCKS):
            raise _unusable(f"{self.url.shown}: a proxy for SSH is socks5://HOST or http://HOST")
        return proxy

    def _secrets(self) -> tuple[str, ...]:
        """Return what must never be shown, the longest first."""
        found = {self.credential.password, self.credential.bearer_token, self.url.password}
        found.add(self.credential.username.partition("%")[2])  # a session's token of AWS
        found.update(_proxy_passwords(self.credential.proxy))
        if self.url.is_http and self.credential.kind is not CredentialKind.NONE:
            found.add(self._authorization().partition(" ")[2])
        return tuple(sorted((text for text in found if text), key=len, reverse=True))


class _PrivateFiles:
    """A folder of mode 0700 that comes into being with its first file."""

    def __init__(self, parent: Path) -> None:
        self._parent = parent
        self._folder: Path | None = None

    def write(self, name: str, text: str, *, mode: int = 0o600) -> str:
        """Write a file that only this user can read, and return its path."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix=PRIVATE_PREFIX, dir=self._parent))
        path = self._folder / name
        path.touch(mode=mode)
        path.chmod(mode)
        path.write_text(text, encoding="utf-8")
        return str(path)

    def remove(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _proxy_passwords(proxy: str) -> tuple[str, ...]:
    """Return what in the URL of a proxy is secret, in both of its forms."""
    user_info, at, _ = proxy.rpartition("://")[2].rpartition("@")
    password = user_info.partition(":")[2] if at else ""
    return password, unquote(password)


def _ssh_path(file: Path) -> str:
    """Return a path as a value of an ssh option, which is split at blanks and expanded."""
    text = str(file).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{text}"'


def _one_line(token: str) -> str:
    if any(character in token for character in "\r\n\0"):
        raise _unusable("the bearer token has a line break: store it without one")
    return token


def _unusable(message: str) -> GitError:
    return GitError(FailureKind.CREDENTIALS, message)
