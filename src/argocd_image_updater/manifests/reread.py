"""Find an Application again in the current bytes of the file it was read from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.core import applications as application_kind
from argocd_image_updater.core.applications import decode_application
from argocd_image_updater.manifests.store import objects_of
from argocd_image_updater.manifests.yaml_documents import BrokenYaml, read_documents

if TYPE_CHECKING:
    from argocd_image_updater.core.application import Application, Origin


def application_in(content: bytes, origin: Origin, *, namespace: str) -> Application | None:
    """Return the Application that stands at `origin` now; None when there is none.

    namespace: that of an Application which names none.
    """
    try:
        documents = list(read_documents(content.decode("utf-8-sig")))
    except (BrokenYaml, UnicodeDecodeError):
        return None
    for document in documents:
        for item, place in objects_of(document, origin.file):
            same_place = (place.document, place.item) == (origin.document, origin.item)
            if same_place and item.get("kind") == application_kind.KIND:
                return decode_application(item, origin=place, default_namespace=namespace)[0]
    return None
