"""Signatures by an SSH key: ``ssh-keygen -Y sign`` on a private copy of the key.

The copy is there because ssh-keygen refuses a key that others can read, as a mounted Secret is. It
lives as long as one command, so a key that is exchanged counts from the next commit on.

Source: https://man.openbsd.org/ssh-keygen (``-Y sign``), docs/write-back.md.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from argocd_image_updater.git.signing import read_key, signing_fault

if TYPE_CHECKING:
    from argocd_image_updater.git.signing import SigningPrograms

NAMESPACE = "git"  # what Git verifies SSH signatures for
_BEGIN = "-----BEGIN SSH SIGNATURE-----"


class SshSigner:
    """Signs with the private key in a file."""

    def __init__(self, key_file: Path, programs: SigningPrograms) -> None:
        self._key_file = key_file
        self._programs = programs

    async def sign(self, content: bytes) -> str:
        """Return the armored signature of a commit; GitError tells why there is none."""
        folder, copy = await asyncio.to_thread(self._copy)
        try:
            ending = await self._programs.run(
                "ssh-keygen", "-Y", "sign", "-n", NAMESPACE, "-f", str(copy), text=content
            )
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        signature = ending.output.decode("ascii", "replace")
        if ending.status != 0 or not signature.startswith(_BEGIN):
            why = ending.reason.replace(str(copy), str(self._key_file))
            raise signing_fault(f"ssh-keygen says: {why}")
        return signature

    async def close(self) -> None:
        """Remove what is left of the copies."""
        await asyncio.to_thread(shutil.rmtree, self._programs.folder, ignore_errors=True)

    def _copy(self) -> tuple[Path, Path]:
        """Return a new private folder and the copy in it."""
        content = read_key(self._key_file).replace(b"\r\n", b"\n").rstrip(b"\n") + b"\n"
        try:
            folder = Path(tempfile.mkdtemp(prefix="key-", dir=self._programs.folder))
            copy = folder / "key"
            copy.touch(mode=0o600)
            copy.write_bytes(content)
        except OSError as error:
            raise signing_fault(f"the key cannot be copied: {error.strerror}") from None
        return folder, copy
