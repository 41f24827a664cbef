"""Opens the signer that a setting asks for, and proves that it can sign before anybody needs it."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from argocd_image_updater.git.openpgp import OpenPgpSigner
from argocd_image_updater.git.signing import SigningPrograms, check_signer, private_folder
from argocd_image_updater.git.signing_key import SigningMethod
from argocd_image_updater.git.ssh_signing import SshSigner

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.git.signing import Signer
    from argocd_image_updater.git.signing_key import SigningKey


def open_signer(key: SigningKey, folder: Path, variables: Mapping[str, str]) -> Signer:
    """Return a signer that keeps copies below `folder`; blocks on the disk.

    Raises:
        ConfigError: the folder cannot be used.
    """
    programs = SigningPrograms(private_folder(folder), variables)
    if key.method is SigningMethod.SSH:
        return SshSigner(Path(key.key), programs)
    return OpenPgpSigner(key, programs)


async def open_checked_signer(
    key: SigningKey | None, folder: Path, variables: Mapping[str, str]
) -> Signer | None:
    """Return a signer that has signed something, None where no key is set.

    Raises:
        ConfigError: it cannot sign.
    """
    if key is None:
        return None
    signer = await asyncio.to_thread(open_signer, key, folder, variables)
    try:
        await check_signer(signer)
    except BaseException:
        await signer.close()
        raise
    return signer


async def check_signing(key: SigningKey | None, variables: Mapping[str, str]) -> None:
    """Make sure that a key can sign, and leave nothing behind.

    Raises:
        ConfigError: it cannot.
    """
    with tempfile.TemporaryDirectory(prefix="signing-") as folder:
        signer = await open_checked_signer(key, Path(folder), variables)
        if signer is not None:
            await signer.close()
