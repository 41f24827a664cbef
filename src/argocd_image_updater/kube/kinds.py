"""The kinds of objects this product touches, and the paths of the API that lead to them.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from argocd_image_updater.core.application import ObjectKey


@dataclass(frozen=True, slots=True)
class Kind:
    """group: empty for the core kinds."""

    group: str
    version: str
    plural: str
    name: str

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def collection_path(self, namespace: str) -> str:
        """Return the path of all objects of a namespace; empty = of the whole cluster."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        inside = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
        return f"{root}{inside}/{self.plural}"

    def object_path(self, key: ObjectKey, *, subresource: str = "") -> str:
        """Return the path of one object or of its part, such as ``status``."""
        path = f"{self.collection_path(key.namespace)}/{quote(key.name, safe='')}"
        return f"{path}/{subresource}" if subresource else path


IMAGE_UPDATERS = Kind(
    "argocd-image-updater.argoproj.io", "v1alpha1", "imageupdaters", "ImageUpdater"
)
APPLICATIONS = Kind("argoproj.io", "v1alpha1", "applications", "Application")
SECRETS = Kind("", "v1", "secrets", "Secret")
SERVICE_ACCOUNTS = Kind("", "v1", "serviceaccounts", "ServiceAccount")
PROJECTS = Kind("argoproj.io", "v1alpha1", "appprojects", "AppProject")
CONFIG_MAPS = Kind("", "v1", "configmaps", "ConfigMap")
EVENTS = Kind("", "v1", "events", "Event")
LEASES = Kind("coordination.k8s.io", "v1", "leases", "Lease")
TOKEN_REVIEWS = Kind("authentication.k8s.io", "v1", "tokenreviews", "TokenReview")
SUBJECT_ACCESS_REVIEWS = Kind(
    "authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview"
)
