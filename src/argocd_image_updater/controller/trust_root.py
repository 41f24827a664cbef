"""The root of trust as a file: read in each cycle, understood once for each content.

Rules: 1. without a file the root that the library brings along counts; 2. a file that cannot be
used is never replaced by that one; 3. the library is imported only when somebody's identity is
wanted, and its absence is told with the name of the extra. docs/verification.md.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

from argocd_image_updater.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from argocd_image_updater.verify.trust import Trust

MAX_TRUSTED_ROOT_BYTES = 1_048_576  # that of the public instance has seven thousand


class TrustRoot:
    """Where the root of trust stands; one for the life of the process.

    path: of a file, None = the one that the library brings along.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._known: tuple[str, Trust] | None = None
        self._loading = asyncio.Lock()

    async def load(self) -> Trust:
        """Return the trust as the file is now.

        Raises:
            ConfigError: there is none to verify with.
        """
        async with self._loading:
            return await asyncio.to_thread(self._load)

    def _load(self) -> Trust:
        try:
            from argocd_image_updater.verify import trust  # noqa: PLC0415 - a second of work
        except ImportError as error:
            raise ConfigError(
                "keyless signatures are verified by a library that is not installed here; install "
                f"the extra: pip install 'argocd-image-updater[keyless]' (no {error.name})"
            ) from error
        content = trust.built_in() if self._path is None else self._read(self._path)
        digest = hashlib.sha256(content).hexdigest()
        if self._known is None or self._known[0] != digest:
            try:
                self._known = (digest, trust.read_trust(content))
            except trust.TrustError as error:
                raise ConfigError(f"{self._path or 'the library'} {error}") from error
        return self._known[1]

    def _read(self, path: Path) -> bytes:
        try:
            with path.open("rb") as file:
                content = file.read(MAX_TRUSTED_ROOT_BYTES + 1)
        except OSError as error:
            raise ConfigError(
                f"the root of trust {path} cannot be read: {error.strerror or error}; see "
                "--sigstore-trusted-root"
            ) from error
        if len(content) > MAX_TRUSTED_ROOT_BYTES:
            raise ConfigError(
                f"the root of trust {path} has more than {MAX_TRUSTED_ROOT_BYTES} bytes"
            )
        return content
