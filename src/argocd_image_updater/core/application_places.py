"""Places of an Application that hold one value each, and what stands there.

A Helm parameter and a plugin variable are found by their name; a Kustomize override by its text
without tag and digest, because it is what Kustomize itself goes by.
Source of the fields: https://argo-cd.readthedocs.io/en/stable/user-guide/application-specification/.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.edits.lists import LIST_KEYS
from argocd_image_updater.core.parameters.kustomize import repository_text
from argocd_image_updater.core.settings import ApplicationType

if TYPE_CHECKING:
    from argocd_image_updater.core.application import Source, SourceRef


@dataclass(frozen=True, slots=True)
class Place:
    """One named value in the list of one source."""

    source: SourceRef
    kind: ApplicationType
    name: str

    @property
    def list_path(self) -> str:
        """The list as people write it: ``spec.source.helm.parameters``."""
        return ".".join(("spec", str(self.source), *LIST_KEYS[self.kind]))

    def __str__(self) -> str:
        if self.kind is ApplicationType.KUSTOMIZE:
            return self.list_path
        return f"{self.list_path}[{self.name}]"


def values_of(source: Source, kind: ApplicationType) -> tuple[tuple[str, str], ...]:
    """Return the names and values of one list in their order."""
    if kind is ApplicationType.HELM:
        return tuple((item.name, item.value) for item in source.helm_parameters or ())
    if kind is ApplicationType.KUSTOMIZE:
        return tuple((repository_text(text), text) for text in source.kustomize_images or ())
    return tuple((item.name, item.value) for item in source.plugin_env or ())
