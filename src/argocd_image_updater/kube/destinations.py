"""What stands in the namespaces that Applications are deployed to, and what permits them that.

ServiceAccounts and AppProjects are read when they are needed and kept nowhere. Which namespaces may
be read for whom is the caller's rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.core.projects import Project, decode_project
from argocd_image_updater.core.service_accounts import ServiceAccount, decode_service_account
from argocd_image_updater.kube.kinds import PROJECTS, SERVICE_ACCOUNTS

if TYPE_CHECKING:
    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.kube.client import KubeClient


class ClusterDestinations:
    """Reads ServiceAccounts and AppProjects of the cluster."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def service_account(self, key: ObjectKey) -> ServiceAccount | None:
        """Return a ServiceAccount, None where there is none."""
        document = await self._client.get(SERVICE_ACCOUNTS, key)
        return None if document is None else decode_service_account(document, key)

    async def project(self, key: ObjectKey) -> Project | None:
        """Return an AppProject, None where there is none."""
        document = await self._client.get(PROJECTS, key)
        return None if document is None else decode_project(document, key)
