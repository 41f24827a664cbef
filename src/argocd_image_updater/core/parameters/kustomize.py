"""Images as overrides in ``kustomize.images`` of an Application's source.

An override is ``[original=]repository[:tag][@digest]``. Overrides are compared by what they mean
(original name, registry, repository), never by the text before a colon: a registry with a port has
a colon of its own. One image leaves one override for each original name, and overrides of other
images are never touched.
Rules: ``tests/vectors/data/set_kustomize_image.json`` and ``get_current_from_params.json``; the
syntax is that of ``kustomize edit set image``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from argocd_image_updater.core.reference import parse_image

if TYPE_CHECKING:
    from argocd_image_updater.core.reference import ImageReference


@dataclass(frozen=True, slots=True)
class _Override:
    """One entry of the list; repository is its text without original, tag and digest."""

    text: str
    original: str
    repository: str
    registry: str
    name: str


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An image to be written, with the name of its original and its running spelling."""

    image: ImageReference
    kustomize_name: str
    running_repository: str

    @property
    def original(self) -> str:
        """The name the override is found by; a name with ``=`` counts up to the first one."""
        return self.kustomize_name.partition("=")[0]


def _parse(text: str) -> _Override:
    original, equals, rest = text.partition("=")
    if not equals:
        original, rest = "", text
    reference = parse_image(rest)
    return _Override(text, original, repository_text(rest), reference.registry, reference.name)


def repository_text(text: str) -> str:
    """Cut digest and tag off an image as it is spelled; a colon before a slash is a port's."""
    before_digest = text.partition("@")[0]
    folder, slash, last = before_digest.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}"


def set_kustomize(
    images: tuple[str, ...],
    *,
    image: ImageReference,
    kustomize_name: str = "",
    running_repository: str = "",
) -> tuple[str, ...]:
    """Return `images` with the override for `image`: replaced at its first position, or appended.

    kustomize_name: name of the image in the manifests when it differs from the configured one.
    running_repository: repository as the running image spells it. Kustomize compares names as
    text, so without an original name an override works only in that spelling.
    """
    wanted = _Wanted(image, kustomize_name, running_repository)
    overrides = [_parse(text) for text in images]
    targets = _targets(overrides, wanted=wanted)
    if not targets:
        return (*images, _render(None, wanted=wanted))
    if len(targets) == 1 and not kustomize_name:
        # COMPAT: a single override loses its left side (update_application.json).
        (at,) = targets
        plain = replace(overrides[at], original="")
        return (*images[:at], _render(plain, wanted=wanted), *images[at + 1 :])
    result: list[str] = []
    written: set[str] = set()
    for index, override in enumerate(overrides):
        if index not in targets:
            result.append(override.text)
            continue
        original = _written_original(override, wanted=wanted)
        if original not in written:
            written.add(original)
            result.append(_render(override, wanted=wanted))
    return tuple(result)


def get_kustomize(
    images: tuple[str, ...], *, image: ImageReference, kustomize_name: str = ""
) -> str:
    """Return the text of the first override of the image's repository; empty when there is none."""
    wanted = _Wanted(image, kustomize_name, "")
    overrides = [_parse(text) for text in images]
    indexes = _same_image(overrides, wanted=wanted)
    return overrides[indexes[0]].text if indexes else ""


def kustomize_already_set(
    images: tuple[str, ...],
    *,
    image: ImageReference,
    kustomize_name: str = "",
    running_repository: str = "",
) -> bool:
    """Tell whether every override of the image says already what would be written."""
    wanted = _Wanted(image, kustomize_name, running_repository)
    overrides = [_parse(text) for text in images]
    targets = _targets(overrides, wanted=wanted)
    return bool(targets) and all(
        _render(overrides[index], wanted=wanted) == overrides[index].text for index in targets
    )


def lost_original(
    images: tuple[str, ...], *, image: ImageReference, kustomize_name: str = ""
) -> str:
    """Return the left side that ``set_kustomize`` would drop, for a warning; mostly empty."""
    targets = kustomize_targets(images, image=image, kustomize_name=kustomize_name)
    if len(targets) != 1 or kustomize_name:
        return ""
    return _parse(images[targets[0]]).original


def kustomize_targets(
    images: tuple[str, ...], *, image: ImageReference, kustomize_name: str = ""
) -> tuple[int, ...]:
    """Return the positions of the overrides that writing `image` would replace."""
    overrides = [_parse(text) for text in images]
    return _targets(overrides, wanted=_Wanted(image, kustomize_name, ""))


def _targets(overrides: list[_Override], *, wanted: _Wanted) -> tuple[int, ...]:
    found = set(_same_image(overrides, wanted=wanted))
    found.update(index for index, item in enumerate(overrides) if _names(item, wanted=wanted))
    return tuple(sorted(found))


def _names(override: _Override, *, wanted: _Wanted) -> bool:
    """Tell whether the override is about the very name that would be written.

    COMPAT: a bare name without tag counts as the override of the configured original
    (set_kustomize_image.json).
    """
    if wanted.kustomize_name:
        return bool(wanted.original) and wanted.original in (override.original, override.text)
    return not override.original and override.repository == wanted.image.full_name


def _same_image(overrides: list[_Override], *, wanted: _Wanted) -> tuple[int, ...]:
    """Return the positions of the image's overrides, those of its own registry if there are any.

    The only override of a repository is taken even if it names another registry: that is how an
    image is moved from one registry to another.
    """
    same_name = [
        index
        for index, override in enumerate(overrides)
        if override.name == wanted.image.name
        and (
            not wanted.kustomize_name
            or not override.original
            or override.original == wanted.kustomize_name
        )
    ]
    same_registry = [
        index for index in same_name if overrides[index].registry == wanted.image.registry
    ]
    return tuple(same_registry or same_name)


def _written_original(override: _Override, *, wanted: _Wanted) -> str:
    return wanted.kustomize_name or override.original


def _render(override: _Override | None, *, wanted: _Wanted) -> str:
    image = wanted.image
    original = _written_original(override, wanted=wanted) if override else wanted.kustomize_name
    repository = image.full_name
    if not original:
        # COMPAT: without a running image the normalised name, whatever an override says
        # (set_kustomize_image.json).
        repository = wanted.running_repository or repository
    suffix = image.full.removeprefix(image.full_name)
    return f"{original}={repository}{suffix}" if original else f"{repository}{suffix}"
