"""Which key signs commits, as a value: the path of a private key, or what gpg calls one.

Source of the rules: docs/write-back.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class SigningMethod(StrEnum):
    """What kind of signature commits get."""

    OPENPGP = "openpgp"
    SSH = "ssh"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """key: for SSH the path of a private key; for OpenPGP that, or what gpg calls a key."""

    method: SigningMethod
    key: str

    @property
    def file(self) -> Path | None:
        """The file with the private key, None where gpg has it."""
        is_path = self.method is SigningMethod.SSH or self.key.startswith("/")
        return Path(self.key) if is_path else None
