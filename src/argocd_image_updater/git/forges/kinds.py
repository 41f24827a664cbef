"""The forges that are known, by the name that resources give them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.git.forges.azure_devops import AZURE_DEVOPS
from argocd_image_updater.git.forges.bitbucket import BITBUCKET
from argocd_image_updater.git.forges.bitbucket_data_center import BITBUCKET_DATA_CENTER
from argocd_image_updater.git.forges.gitea import GITEA
from argocd_image_updater.git.forges.github import GITHUB
from argocd_image_updater.git.forges.gitlab import GITLAB

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.git.forges.opening import ForgeKind

FORGES: Mapping[str, ForgeKind] = {
    "github": GITHUB,
    "gitlab": GITLAB,
    "gitea": GITEA,
    "bitbucket": BITBUCKET,
    "bitbucketDataCenter": BITBUCKET_DATA_CENTER,
    "azureDevOps": AZURE_DEVOPS,
}
