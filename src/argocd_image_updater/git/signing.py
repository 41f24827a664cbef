"""Who signs commits: a key of OpenPGP or SSH, and the programs gpg and ssh-keygen that use it.

Invariants: a key is read where it was put and copied, if at all, into a file or a home of mode 0600
or 0700 below one private folder, which is removed; it is in no argument, message or log. No program
can ask for a passphrase. Each one is bounded in time and ends with all it started, but for
gpg-agent, which `close` ends where it was started here.

Source of the rules: docs/write-back.md.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.errors import ConfigError, shorten
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.process import PASSED_VARIABLES
from argocd_image_updater.processes.group import Command, NotStarted
from argocd_image_updater.processes.program import Limits, TookTooLong, run_to_end

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from argocd_image_updater.processes.program import Ending

KEY_LIMIT_BYTES = 1 << 20  # a Secret holds no more
SIGNATURE_LIMIT_BYTES = 64 << 10
COMPLAINT_LIMIT_BYTES = 16 << 10
_TRIAL = b"a trial of the signing key\n"


class Signer(Protocol):
    """Signs commits until it is closed."""

    async def sign(self, content: bytes) -> str:
        """Return the armored signature of a commit; GitError tells why there is none."""
        ...

    async def close(self) -> None:
        """End what was started and remove what was copied."""
        ...


@dataclass(frozen=True, slots=True)
class SigningPrograms:
    """Starts programs. folder: private, for copies. variables: of the process, few are used."""

    folder: Path
    variables: Mapping[str, str] = field(repr=False)
    timeout_s: float = 90

    async def run(
        self, *words: str, text: bytes, variables: Mapping[str, str] | None = None
    ) -> Ending:
        """Return how a program ended; GitError where it did not run or took too long."""
        passed = {name: self.variables[name] for name in PASSED_VARIABLES & {*self.variables}}
        passed.pop("SSH_AUTH_SOCK", None)  # only the key that was named signs
        environment = {
            **passed,
            "HOME": str(self.folder),
            "LC_ALL": "C",
            "SSH_ASKPASS_REQUIRE": "never",
            **(variables or {}),
        }
        limits = Limits(self.timeout_s, SIGNATURE_LIMIT_BYTES, COMPLAINT_LIMIT_BYTES)
        try:
            return await run_to_end(Command(words, environment), limits=limits, text=text)
        except NotStarted as error:
            raise signing_fault(f"{words[0]} cannot be started ({error}): install it") from None
        except TookTooLong as error:
            raise signing_fault(f"{words[0]} {error}") from None


def signing_fault(why: str) -> GitError:
    """Return the error for a commit that cannot be signed."""
    return GitError(
        FailureKind.LOCAL,
        f"commits cannot be signed, so nothing is pushed: {shorten(why)}; look at "
        "--git-commit-signing-key",
        reason=Reason.WRITE_FAILED,
    )


def read_key(path: Path) -> bytes:
    """Return a private key as text with plain line ends; blocks on the disk."""
    try:
        with path.open("rb") as file:
            content = file.read(KEY_LIMIT_BYTES + 1)
    except OSError as error:
        raise signing_fault(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > KEY_LIMIT_BYTES or not content.strip():
        raise signing_fault(f"{path} is empty or too large for a key")
    return content


def private_folder(parent: Path) -> Path:
    """Return an empty folder of mode 0700 for copies; what a killed process left there goes."""
    folder = parent / "signing"
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise ConfigError(
            f"{folder} cannot be made: {error.strerror}; make room there or name another "
            "--state-dir"
        ) from error
    return folder


async def check_signer(signer: Signer) -> None:
    """Sign something that nobody keeps, so that a wrong key ends the start.

    Raises:
        ConfigError: it cannot sign.
    """
    try:
        await signer.sign(_TRIAL)
    except GitError as error:
        raise ConfigError(str(error)) from None
