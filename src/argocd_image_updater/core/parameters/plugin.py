"""Images as environment variables of a configuration management plugin.

An image is written either into one variable (the full image) or into one or two (name, tag); a
variable that is not configured is not written. Of several entries with one name the first counts.
Rules: ``tests/vectors/data/set_plugin_image.json`` and ``get_current_from_params.json``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.core.application import EnvEntry

if TYPE_CHECKING:
    from argocd_image_updater.core.reference import ImageReference
    from argocd_image_updater.core.settings import ManifestTarget


def variable_names(target: ManifestTarget) -> tuple[str, ...]:
    """Return the configured variables: that of the full image alone, or those of name and tag."""
    if target.plugin_spec:
        return (target.plugin_spec,)
    return tuple(name for name in (target.plugin_name, target.plugin_tag) if name)


def wanted_variables(target: ManifestTarget, *, image: ImageReference) -> tuple[EnvEntry, ...]:
    """Return the variables that `image` asks for; empty when none is configured."""
    if target.plugin_spec:
        return (EnvEntry(target.plugin_spec, image.full),)
    pairs = ((target.plugin_name, image.full_name), (target.plugin_tag, image.tag_value))
    name, tag = (EnvEntry(variable, value) for variable, value in pairs)
    wanted = (name,) if name.name else ()
    return (*wanted, tag) if tag.name and tag.value else wanted


def set_plugin(
    env: tuple[EnvEntry, ...], *, target: ManifestTarget, image: ImageReference
) -> tuple[EnvEntry, ...]:
    """Return `env` with `image` in it: the first entry of a name is replaced, else appended."""
    result = list(env)
    for entry in wanted_variables(target, image=image):
        index = next((i for i, old in enumerate(result) if old.name == entry.name), len(result))
        result[index : index + 1] = [entry]
    return tuple(result)


def get_plugin(env: tuple[EnvEntry, ...], *, target: ManifestTarget) -> str:
    """Return the image the variables ask for now; empty unless all of its parts have a value."""
    values: dict[str, str] = {}
    for entry in env:
        values.setdefault(entry.name, entry.value)
    if target.plugin_spec:
        return values.get(target.plugin_spec, "")
    if not (target.plugin_name and target.plugin_tag):
        return ""
    name, tag = (values.get(variable, "") for variable in (target.plugin_name, target.plugin_tag))
    return f"{name}:{tag}" if name and tag else ""


def plugin_already_set(
    env: tuple[EnvEntry, ...], *, target: ManifestTarget, image: ImageReference
) -> bool:
    """Tell whether writing `image` would change nothing."""
    return set_plugin(env, target=target, image=image) == env
