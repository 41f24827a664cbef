"""Images as Helm parameters of an Application's source.

An image is written either into one parameter (the full image) or into two (name and tag). Existing
entries keep their position, unknown ones are never touched, nothing is removed or sorted.
Rules: ``tests/vectors/data/set_helm_image.json`` and ``get_current_from_params.json``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.core.application import HelmParameter

if TYPE_CHECKING:
    from argocd_image_updater.core.reference import ImageReference
    from argocd_image_updater.core.settings import ManifestTarget

DEFAULT_NAME_PARAMETER = "image.name"
DEFAULT_TAG_PARAMETER = "image.tag"


def parameter_names(target: ManifestTarget) -> tuple[str, ...]:
    """Return the parameters an image is written to: one for the full image, or name and tag.

    COMPAT: names are used as they are configured, blanks included (set_helm_image.json).
    """
    if target.helm_spec:
        return (target.helm_spec,)
    return (target.helm_name or DEFAULT_NAME_PARAMETER, target.helm_tag or DEFAULT_TAG_PARAMETER)


def wanted_parameters(
    target: ManifestTarget, *, image: ImageReference
) -> tuple[HelmParameter, ...]:
    """Return the parameters that `image` asks for; an image without tag leaves the tag out."""
    if target.helm_spec:
        return (HelmParameter(target.helm_spec, image.full, force_string=True),)
    name, tag = parameter_names(target)
    named = HelmParameter(name, image.full_name, force_string=True)
    if not image.tag_value:
        return (named,)
    return (named, HelmParameter(tag, image.tag_value, force_string=True))


def set_helm(
    parameters: tuple[HelmParameter, ...], *, target: ManifestTarget, image: ImageReference
) -> tuple[HelmParameter, ...]:
    """Return `parameters` with `image` in them: replaced where they stand, else appended.

    COMPAT: of two values for one name the first replaces existing entries, but both are appended
    where there is none (set_helm_image.json).
    """
    wanted = wanted_parameters(target, image=image)
    replacement = {parameter.name: parameter for parameter in reversed(wanted)}
    present = {parameter.name for parameter in parameters}
    kept = tuple(replacement.get(parameter.name, parameter) for parameter in parameters)
    return kept + tuple(parameter for parameter in wanted if parameter.name not in present)


def get_helm(parameters: tuple[HelmParameter, ...], *, target: ManifestTarget) -> str:
    """Return the image the parameters ask for now; empty when a parameter of it is missing."""
    values: dict[str, str] = {}
    for parameter in parameters:
        values.setdefault(parameter.name, parameter.value)
    found = [values.get(name) for name in parameter_names(target)]
    return ":".join(value for value in found if value is not None) if None not in found else ""


def helm_already_set(
    parameters: tuple[HelmParameter, ...], *, target: ManifestTarget, image: ImageReference
) -> bool:
    """Tell whether every entry that `image` would be written to holds its value already.

    Only values count: a missing ``forceString`` alone is no reason to write.
    """
    present = {parameter.name for parameter in parameters}
    written = set_helm(parameters, target=target, image=image)
    wanted = wanted_parameters(target, image=image)
    return all(parameter.name in present for parameter in wanted) and all(
        new.value == old.value for new, old in zip(written, parameters, strict=True)
    )
