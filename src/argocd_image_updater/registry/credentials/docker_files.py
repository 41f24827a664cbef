"""The logins of ``docker login`` on this machine: ``config.json`` and the programs it names.

For a registry, in this order: the program of its entry in ``credHelpers``, the program of
``credsStore``, the entry in ``auths``. A program that knows no login passes to the next; one that
fails stops, because a question without its credentials could get another answer. The file and the
programs' answers are kept for a while, so that a cycle asks once for each registry.
Sources: https://docs.docker.com/reference/cli/docker/login/ and the protocol of
https://github.com/docker/docker-credential-helpers.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import stat
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argocd_image_updater.net.lifetimes import (
    USED_PART_OF_LIFE,
    Lifetimes,
    Lived,
)
from argocd_image_updater.registry.credentials.dockerconfig import (
    docker_config_section,
    matching_keys,
    read_docker_config,
    server_name,
    usable_entry,
)
from argocd_image_updater.registry.credentials.program import check_ending, watch_program
from argocd_image_updater.registry.credentials.values import (
    VALUE_LIMIT,
    CredentialValueError,
    decode_value,
)
from argocd_image_updater.registry.endpoint import ANONYMOUS, Credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from argocd_image_updater.registry.endpoint import Endpoint

# The flag that says whether these logins are used.
DOCKER_CONFIG_SETTING = "--docker-config"
FILE_LIFE_S = 10.0  # after which it is read again
LOGIN_LIFE_S = 600.0  # after which a program is asked again

_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
# What a program of the protocol prints where it has no login.
_NOT_FOUND = "credentials not found in native keychain"
# The user of a login that is an identity token.
_TOKEN_USER = "<token>"  # noqa: S105 - a word of the protocol


class DockerConfigFile:
    """The logins of one user; one of these for the process.

    environ: ``DOCKER_CONFIG`` names the folder, else it is ``.docker`` in ``HOME``; ``PATH`` says
    where the programs are. monotonic: seconds.
    """

    def __init__(
        self, *, environ: Mapping[str, str], monotonic: Callable[[], float], timeout_s: float
    ) -> None:
        self._environ = environ
        self._timeout_s = timeout_s
        self.path = _path(environ)
        self._file: Lifetimes[dict[str, Any]] = Lifetimes(monotonic)
        self._logins: Lifetimes[Credentials] = Lifetimes(monotonic)

    async def find(self, endpoint: Endpoint, *, repository: str) -> Credentials | None:
        """Return the login for a repository, None where there is none.

        Raises:
            UpdaterError: the file cannot be used, or a program failed.
        """
        document = await self._file.get("file", self._read)
        auths = docker_config_section(document, "auths") or {}
        keys = matching_keys(auths, api_url=endpoint.api_url, repository=repository)
        server = keys[0] if keys else server_name(endpoint.api_url)
        for helper in _helpers(document, endpoint.api_url):
            login = await self._logins.get((helper, server), partial(self._ask, helper, server))
            if login != ANONYMOUS:
                return login
        filled = [auths[key] for key in keys if auths[key]]  # an empty one marks a program's login
        if not filled:
            return None
        return usable_entry(filled, source=str(self.path), identity_tokens=True)

    def drop(self, used: Credentials) -> bool:
        """Forget the login of a program that was refused; say whether it was kept."""
        return self._logins.drop(used)

    async def _read(self) -> Lived[dict[str, Any]]:
        text = await asyncio.to_thread(_read_file, self.path) if self.path else None
        document = read_docker_config(text) if text is not None else {}
        return Lived(document, FILE_LIFE_S / USED_PART_OF_LIFE)

    async def _ask(self, helper: str, server: str) -> Lived[Credentials]:
        """Ask a program; ANONYMOUS where it knows no login."""
        if not _HELPER.fullmatch(helper):
            raise CredentialValueError("the name of a credential helper has forbidden characters")
        name = f"docker-credential-{helper}"
        program = await asyncio.to_thread(shutil.which, name, path=self._environ.get("PATH", ""))
        if program is None:
            raise CredentialValueError(f"the program {name} is not on PATH")
        ending = await watch_program(
            program,
            arguments=("get",),
            question=server.encode(),
            environ=self._environ,
            timeout_s=self._timeout_s,
        )
        if ending.status != 0 and decode_value(ending.output).strip() == _NOT_FOUND:
            return Lived(ANONYMOUS, LOGIN_LIFE_S)
        check_ending(ending)
        return Lived(_login(ending.output, source=name), LOGIN_LIFE_S)


def _path(environ: Mapping[str, str]) -> Path | None:
    if folder := environ.get("DOCKER_CONFIG"):
        return Path(folder) / "config.json"
    home = environ.get("HOME")
    return Path(home) / ".docker" / "config.json" if home else None


def _read_file(path: Path) -> str | None:
    """Return the text of the file, None where there is none; not a pipe, not a huge one."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise CredentialValueError("is not a file")
            content = file.read(VALUE_LIMIT + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise CredentialValueError(f"cannot be read: {error.strerror}") from None
    if len(content) > VALUE_LIMIT:
        raise CredentialValueError(f"is longer than {VALUE_LIMIT} bytes")
    return decode_value(content)


def _helpers(document: Mapping[str, Any], api_url: str) -> list[str]:
    """Return the programs to ask for a registry, in order."""
    by_host = docker_config_section(dict(document), "credHelpers") or {}
    own = [by_host[key] for key in matching_keys(by_host, api_url=api_url)[:1]]
    store = document.get("credsStore")
    return [name for name in (*own, store) if isinstance(name, str) and name]


def _login(output: bytes, *, source: str) -> Credentials:
    try:
        document = json.loads(output)
    except (ValueError, RecursionError):
        raise CredentialValueError(f"{source} printed no JSON") from None
    found = document if isinstance(document, dict) else {}
    username, secret = found.get("Username"), found.get("Secret")
    if not (isinstance(username, str) and isinstance(secret, str) and secret):
        raise CredentialValueError(f"{source} printed no user and secret")
    if username == _TOKEN_USER:
        return Credentials(source=source, identity_token=secret)
    return Credentials(username, secret, source)
