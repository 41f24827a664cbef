"""The forges that are known, by the name that resources give them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.git.forges.github import GITHUB

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.git.forges.opening import ForgeKind

FORGES: Mapping[str, ForgeKind] = {"github": GITHUB}
