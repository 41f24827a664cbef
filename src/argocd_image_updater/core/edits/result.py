"""What an edit gives back: the new bytes, or a refusal that names the reason.

Invariant: an edit either proves that only the intended values changed, or it raises `EditRefused`
and nothing is written. Source: docs/editing.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.errors import ConfigError

if TYPE_CHECKING:
    from argocd_image_updater.core.reasons import Reason


@dataclass(frozen=True, slots=True)
class Edit:
    """An edited file.

    content: the new bytes, equal to the old ones if there was nothing to do.
    changed: the parsed content differs; there are no formatting-only changes.
    also_changed: other paths whose value changes too, because they share an anchor.
    ignored: writes that the file has no scalar for and that are left out on purpose.
    """

    content: bytes
    changed: bool
    also_changed: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


class EditRefused(ConfigError):
    """The file cannot be edited without doubt; nothing is written."""

    def __init__(self, reason: Reason, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason
