"""Opens the signer that a setting asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.git.openpgp import OpenPgpSigner
from argocd_image_updater.git.signing import SigningPrograms, private_folder
from argocd_image_updater.git.ssh_signing import SshSigner

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from argocd_image_updater.git.signing import Signer, SigningKey


def open_signer(key: SigningKey, folder: Path, variables: Mapping[str, str]) -> Signer:
    """Return a signer that keeps copies below `folder`; blocks on the disk.

    Raises:
        ConfigError: the folder cannot be used.
    """
    programs = SigningPrograms(private_folder(folder), variables)
    if file := key.file if key.method == "ssh" else None:
        return SshSigner(file, programs)
    return OpenPgpSigner(key, programs)
