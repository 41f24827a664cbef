"""The field ``logger`` of lines that do not set it themselves: which part of the controller speaks.

Tools filter by these words, so they are those of the first releases. Source of the rules:
docs/reference/cli.md.
"""

from __future__ import annotations

import logging

from argocd_image_updater.cli.logging import PACKAGE

SETUP, RECONCILE = "controller-setup", "reconcile"

# Longest first: the first part of the program that a line comes from decides.
_WORD_OF = (
    (f"{PACKAGE}.controller.cluster.process", SETUP),
    (f"{PACKAGE}.controller.cluster.serving", SETUP),
    (f"{PACKAGE}.controller.cluster", RECONCILE),
    (f"{PACKAGE}.controller.settings_files", SETUP),
    (f"{PACKAGE}.controller", RECONCILE),
    (f"{PACKAGE}.cli", SETUP),
    (f"{PACKAGE}.web", SETUP),
    (f"{PACKAGE}.kube", SETUP),
    (PACKAGE, RECONCILE),
)


class NamesSource(logging.Filter):
    """Gives each line of this program a field ``logger``; those of libraries stay without."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not hasattr(record, "logger"):
            word = next((word for part, word in _WORD_OF if _is_part(record.name, part)), "")
            if word:
                record.logger = word
        return True


def _is_part(name: str, part: str) -> bool:
    return name == part or name.startswith(f"{part}.")
