"""Media types of manifests and configs, and what each of them is read as.

Source: the OCI image specification (manifest, index, config) and Docker's image manifest version 2,
schema 2. Schema 1 is not supported.
"""

from __future__ import annotations

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"

MANIFESTS = (OCI_MANIFEST, DOCKER_MANIFEST, DOCKER_LIST, OCI_INDEX)
"""Every manifest type we read, in the order in which we ask for them."""

INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})

OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"

GENERIC = frozenset(
    {"", "application/json", "application/octet-stream", "binary/octet-stream", "text/plain"}
)
"""Content types that say nothing: the document itself is asked then."""

IMAGE_CONFIGS = frozenset({OCI_CONFIG, DOCKER_CONFIG}) | GENERIC
"""Config types that may describe an image; charts, signatures and other artifacts have others."""

WEB_PAGES = frozenset({"text/html", "application/xhtml+xml"})
"""A page for people in place of a document: a proxy or portal answered, not the registry."""


def essence(content_type: str) -> str:
    """Return the media type without parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()
