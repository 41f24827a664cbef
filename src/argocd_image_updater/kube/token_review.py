"""Ask the API server whose a token is, and what its owner may read.

Source: https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/
and https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/subject-access-review-v1/.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from argocd_image_updater.kube.kinds import SUBJECT_ACCESS_REVIEWS, TOKEN_REVIEWS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.kube.client import KubeClient
    from argocd_image_updater.kube.kinds import Kind

# What both kinds call alike; `username` and `user` they do not.
_SHARED = ("uid", "groups", "extra")


class AccessReviews:
    """Reviews with the rights of the client: ``create`` on both kinds."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def caller(self, token: str) -> Mapping[str, Any] | None:
        """Return the user of a token (``username``, ``groups`` …), None for a token of nobody.

        Raises:
            UpdaterError: the API server could not be asked.
        """
        status = await self._review(TOKEN_REVIEWS, {"token": token})
        user = status.get("user")
        if status.get("authenticated") is not True or not isinstance(user, dict):
            return None
        return user if user.get("username") else None

    async def may_get(self, caller: Mapping[str, Any], path: str) -> bool:
        """Return whether a user may ``get`` a path that is no resource.

        Raises:
            UpdaterError: the API server could not be asked.
        """
        spec = {
            "user": caller["username"],
            "nonResourceAttributes": {"path": path, "verb": "get"},
            **{name: caller[name] for name in _SHARED if name in caller},
        }
        status = await self._review(SUBJECT_ACCESS_REVIEWS, spec)
        return status.get("allowed") is True

    async def _review(self, kind: Kind, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        document = {"apiVersion": kind.api_version, "kind": kind.name, "spec": spec}
        answer = await self._client.create(kind, document, namespace="")
        status = answer.get("status")
        return status if isinstance(status, dict) else {}
