"""Image references: parsing, renderings, identity and matching against running images."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImageTag:
    """A tag name with an optional digest; either may be empty."""

    name: str = ""
    digest: str = ""

    @property
    def text(self) -> str:
        """Digest if there is one, else the tag name: the form of messages and events."""
        return self.digest or self.name


@dataclass(frozen=True, slots=True)
class ImageReference:
    """A parsed image identifier ``[alias=][registry/]name[:tag][@digest]``.

    registry: host[:port], empty for Docker Hub names written without a host.
    tag: None when neither tag nor digest stands in the text; in a configured image its name is the
    constraint.
    """

    registry: str
    name: str
    tag: ImageTag | None = None
    alias: str = ""
    original: str = ""
