"""The grammar of image references: text in, parts out, nothing interpreted.

The standard grammar knows tags and digests only. A configured image carries a constraint in the tag
slot (``ghcr.io/acme/app:^1.2``), which that grammar refuses; such a text is cut into repository,
constraint and digest, and the repository alone goes through the standard grammar, so that the form
of the constraint never changes which image is meant. What still does not fit is cut at fixed
characters. Nothing fails.

Source of the rules: https://github.com/distribution/reference,
tests/vectors/data/image_reference.json.
"""

from __future__ import annotations

import re
from typing import NamedTuple

HUB = "docker.io"
_HUB_INDEX = "index.docker.io"
_HUB_NAMESPACE = "library/"
_PATH_LIMIT_BYTES = 255

_DOMAIN = (
    r"(?:[a-zA-Z0-9]+(?:-+[a-zA-Z0-9]+)*(?:\.[a-zA-Z0-9]+(?:-+[a-zA-Z0-9]+)*)*|\[[a-fA-F0-9:]+\])"
    r"(?::[0-9]+)?"
)
_COMPONENT = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_DIGEST = r"sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128}"
_STANDARD = re.compile(
    rf"(?:({_DOMAIN})/)?({_COMPONENT}(?:/{_COMPONENT})*)"
    rf"(?::([A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}}))?(?:@({_DIGEST}))?"
)
_IMAGE_ID = re.compile(r"[a-f0-9]{64}")
# A first piece whose colons do not begin the constraint.
_HOST = re.compile(r"(?:\[[^/]*\](?::[0-9]+)?|[^/:@]*:[0-9]+)/")


class Parts(NamedTuple):
    """The parts of a reference.

    tag, digest: None where their separator is absent. written: the repository as it was written,
    where rendering registry and name would spell it in another way.
    """

    registry: str
    name: str
    tag: str | None = None
    digest: str | None = None
    written: str = ""


def cut_identifier(identifier: str) -> tuple[str, Parts]:
    """Return alias and parts of ``[alias=]reference``."""
    alias, equals, reference = identifier.partition("=")
    if not equals:
        alias, reference = "", identifier
    parts = _cut_standard(reference) or _cut_constrained(reference)
    return alias, parts or _cut_anything(identifier, reference)


def _cut_standard(reference: str) -> Parts | None:
    """Return the parts of a text that fits the standard grammar."""
    if _IMAGE_ID.fullmatch(reference):
        return None
    domain, remainder = _split_domain(reference)
    repository = remainder.partition(":")[0]
    if repository != repository.lower():
        return None
    match = _STANDARD.fullmatch(f"{domain}/{remainder}")
    if match is None:
        return None
    registry, path, tag, digest = match.groups()
    if len(path) > _PATH_LIMIT_BYTES:  # the grammar admits ASCII only
        return None
    if registry != HUB:
        return Parts(registry or "", path, tag, digest)
    # COMPAT: tests/vectors/data/image_reference.json - library/redis and redis stay different.
    bare = path.removeprefix(_HUB_NAMESPACE)
    if not reference.startswith(_HUB_NAMESPACE) and "/" not in bare:
        path = bare
    is_explicit = re.split("[/:@]", reference, maxsplit=1)[0] == HUB
    return Parts(HUB if is_explicit else "", path, tag, digest)


def _split_domain(reference: str) -> tuple[str, str]:
    """Split a reference into domain and remainder, completed for Docker Hub."""
    domain, slash, remainder = reference.partition("/")
    is_domain = domain == "localhost" or "." in domain or ":" in domain or domain != domain.lower()
    if not slash or not is_domain:
        domain, remainder = HUB, reference
    elif domain == _HUB_INDEX:
        domain = HUB
    if domain == HUB and "/" not in remainder:
        remainder = _HUB_NAMESPACE + remainder
    return domain, remainder


def _cut_constrained(reference: str) -> Parts | None:
    """Return the parts of a standard repository with anything but ``/`` in the tag slot."""
    image, at, digest = reference.partition("@")
    host = _HOST.match(image)
    colon = image.find(":", host.end() if host else 0)
    repository = image if colon < 0 else image[:colon]
    constraint = None if colon < 0 else image[colon + 1 :]
    if constraint and "/" in constraint:
        return None
    parts = _cut_standard(repository)
    if parts is None:
        return None
    spelled = f"{parts.registry}/{parts.name}" if parts.registry else parts.name
    return Parts(
        parts.registry,
        parts.name,
        constraint,
        digest if at else None,
        repository if repository != spelled else "",
    )


def _cut_anything(identifier: str, reference: str) -> Parts:
    """Cut a text that no grammar accepts at its first separators."""
    # COMPAT: tests/vectors/data/image_reference.json - the registry is looked for between the
    # first and the second = of the whole identifier, the rest after the first.
    pieces = identifier.split("=")
    registry, slash, _ = pieces[1 if len(pieces) > 1 else 0].partition("/")
    if not slash or "." not in registry:
        registry = ""
    domain, slash, rest = reference.partition("/")
    remainder = rest if slash and "." in domain else reference
    if "@" not in remainder:
        name, colon, tag = remainder.partition(":")
        return Parts(registry, name, tag if colon else None)
    left, _, digest = remainder.partition("@")
    colon_at = left.rfind(":")
    if colon_at > left.rfind("/"):
        return Parts(registry, left[:colon_at], left[colon_at + 1 :], digest)
    return Parts(registry, left, None, digest)
