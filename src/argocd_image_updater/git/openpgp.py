"""Signatures by gpg: with a key in somebody's GnuPG home, or one imported from a file.

A file is imported into a private home, anew when the file changes. gpg starts an agent that goes
on by itself; one that was not there before is ended by `close`, somebody's own is left alone.

Source: https://www.gnupg.org/documentation/manuals/gnupg/, docs/write-back.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from argocd_image_updater.errors import shorten
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.signing import read_key, signing_fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.git.signing import SigningPrograms
    from argocd_image_updater.git.signing_key import SigningKey
    from argocd_image_updater.processes.program import Ending

POD_HOME = Path("/app/.gnupg")
# The agent's sockets lie in its home; the shortest limit of a system for a path is 103 bytes, of
# which the longest name of a socket takes 20, and that of the home 15.
FOLDER_LIMIT_BYTES = 60
REMOVALS = 20
REMOVAL_PAUSE_S = 0.05
_GPG = ("gpg", "--batch", "--no-tty", "--pinentry-mode=error", "--status-fd=2")
_STATUS = "[GNUPG:] "
_IMPORTED = re.compile(r"^\[GNUPG:\] IMPORT_OK (\d+) ([0-9A-F]+)$", re.MULTILINE)
_SECRET_PART = 16  # a bit of IMPORT_OK: the key came with its private half


@dataclass(frozen=True, slots=True)
class _Ready:
    """A home with a key in it. imported: the hash of the file that it came from, or empty."""

    home: Path
    key: str
    imported: str = ""
    starts_agent: bool = True


class OpenPgpSigner:
    """Signs with one key. pod_home: where a GnuPG home is looked for when no variable names one."""

    def __init__(
        self, key: SigningKey, programs: SigningPrograms, *, pod_home: Path = POD_HOME
    ) -> None:
        self._key = key
        self._programs = programs
        self._pod_home = pod_home
        self._ready: _Ready | None = None
        self._turn = asyncio.Lock()

    async def sign(self, content: bytes) -> str:
        """Return the armored signature of a commit; GitError tells why there is none."""
        async with self._turn:
            ready = await self._prepared()
        words = ("--armor", "--detach-sign", f"--local-user={ready.key}")
        ending = await self._run(ready.home, *words, text=content)
        if ending.status != 0 or f"{_STATUS}SIG_CREATED " not in _told(ending):
            raise signing_fault(f"gpg says: {_sentence(ending)}")
        return ending.output.decode("ascii", "replace")

    async def close(self) -> None:
        """End the agent and remove what was imported."""
        await self._end()
        await asyncio.to_thread(shutil.rmtree, self._programs.folder, ignore_errors=True)

    async def _prepared(self) -> _Ready:
        """Return where the key is now."""
        file = self._key.file
        if file is None:
            if self._ready is None:
                home = gnupg_home(self._programs.variables, pod_home=self._pod_home)
                has_agent = await self._has_agent(home)
                self._ready = _Ready(home, self._key.key, starts_agent=not has_agent)
            return self._ready
        content = await asyncio.to_thread(read_key, file)
        found = hashlib.sha256(content).hexdigest()
        if self._ready is None or self._ready.imported != found:
            await self._end()
            self._ready = await self._import(content, found)
        return self._ready

    async def _import(self, content: bytes, imported: str) -> _Ready:
        home = await asyncio.to_thread(_new_home, self._programs.folder)
        self._ready = _Ready(home, "", "none")  # so that it is removed whatever comes
        ending = await self._run(home, "--import", text=content)
        keys = {
            fingerprint
            for flags, fingerprint in _IMPORTED.findall(_told(ending))
            if int(flags) & _SECRET_PART
        }
        if len(keys) != 1:
            held = f"{len(keys)} private keys, and one is needed"
            if not keys:
                held = f"no private key that gpg can read: {_sentence(ending)}"
            raise signing_fault(f"{self._key.file} holds {held}")
        return _Ready(home, keys.pop(), imported)

    async def _end(self) -> None:
        ready, self._ready = self._ready, None
        if ready is None:
            return
        if ready.starts_agent:
            variables = {"GNUPGHOME": str(ready.home)}
            with contextlib.suppress(GitError):  # without gpgconf it ends when its home is gone
                await self._programs.run(
                    "gpgconf", "--kill", "gpg-agent", text=b"", variables=variables
                )
        if ready.imported:
            await _remove(ready.home)

    async def _has_agent(self, home: Path) -> bool:
        ending = await self._programs.run(
            "gpg-connect-agent",
            "--no-autostart",
            "GETINFO pid",
            "/bye",
            text=b"",
            variables={"GNUPGHOME": str(home)},
        )
        return b"\nOK" in b"\n" + ending.output

    async def _run(self, home: Path, *words: str, text: bytes) -> Ending:
        return await self._programs.run(
            *_GPG, *words, text=text, variables={"GNUPGHOME": str(home)}
        )


def gnupg_home(variables: Mapping[str, str], *, pod_home: Path = POD_HOME) -> Path:
    """Return the GnuPG home in use: named by a variable, that of a Pod, or the user's."""
    named = variables.get("GNUPGHOME") or variables.get("ARGOCD_GNUPGHOME")
    if named:
        return Path(named)
    if pod_home.is_dir() or not variables.get("HOME"):
        return pod_home
    return Path(variables["HOME"]) / ".gnupg"


def _new_home(folder: Path) -> Path:
    """Return a new home of mode 0700, elsewhere where its path would be too long for sockets."""
    is_short = len(str(folder).encode()) <= FOLDER_LIMIT_BYTES
    try:
        return Path(tempfile.mkdtemp(prefix="gnupg-", dir=folder if is_short else None))
    except OSError as error:
        raise signing_fault(f"no home for the key can be made: {error.strerror}") from None


async def _remove(home: Path) -> None:
    """Remove a home; an agent that is about to end changes it for another moment."""
    for _ in range(REMOVALS):
        if await asyncio.to_thread(_is_removed, home):
            return
        await asyncio.sleep(REMOVAL_PAUSE_S)


def _is_removed(home: Path) -> bool:
    shutil.rmtree(home, ignore_errors=True)
    return not home.exists()


def _told(ending: Ending) -> str:
    return ending.complaint.decode("utf-8", "replace")


def _sentence(ending: Ending) -> str:
    """Return what gpg says to people."""
    lines = [line for line in _told(ending).splitlines() if not line.startswith(_STATUS)]
    found = [line.removeprefix("gpg: ") for line in lines if line.startswith("gpg: ")]
    return shorten("; ".join(found[-2:]) or f"nothing, and ended with {ending.status}")
