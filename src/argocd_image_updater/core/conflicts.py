"""Two resources that want the same image or the same place: the older one keeps it.

References of one resource never conflict: the first match decides there. Between resources an image
is taken by the older one (creation time, then namespace and name); the younger one loses that image
only, and is told who has it.

Source of the rules: docs/resource.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from argocd_image_updater.core.image_places import intent_of
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.settings import ApplicationType, Problem, WriteBack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.resolution import Resolution
    from argocd_image_updater.core.resource import Resource
    from argocd_image_updater.core.settings import ApplicationIntent, ImageSettings

DEFAULT_HELM_NAME = "image.name"
DEFAULT_HELM_TAG = "image.tag"
# Sorts behind every time: a resource without one is the youngest.
_NO_TIME = "~"

_Claim = tuple[str, ...]


def resolve_conflicts(resolutions: Sequence[Resolution]) -> tuple[Resolution, ...]:
    """Return the resolutions, in the given order, without what an older resource has taken."""
    owners: dict[_Claim, ObjectKey] = {}
    settled: dict[ObjectKey, Resolution] = {}
    for resolution in sorted(resolutions, key=lambda item: _age(item.resource)):
        settled[resolution.resource.key] = _without_taken(resolution, owners)
    return tuple(settled[resolution.resource.key] for resolution in resolutions)


def _age(resource: Resource) -> tuple[str, ObjectKey]:
    return resource.created_at or _NO_TIME, resource.key


def _without_taken(resolution: Resolution, owners: dict[_Claim, ObjectKey]) -> Resolution:
    """Return the resolution without images of other owners, and record its own claims."""
    me = resolution.resource.key
    intents: list[ApplicationIntent] = []
    problems = list(resolution.problems)
    for intent in resolution.intents:
        kept: list[ImageSettings] = []
        lost: list[Problem] = []
        for image in intent.images:
            claims = tuple(_claims(intent_of(intent, image), image))
            others = (owners[claim] for claim in claims if owners.get(claim, me) != me)
            winner = next(others, None)
            if winner is None:
                kept.append(image)
                owners.update(dict.fromkeys(claims, me))
            else:
                lost.append(_conflict(intent, image, winner))
        if kept:
            intents.append(replace(intent, images=tuple(kept), problems=(*intent.problems, *lost)))
        else:
            problems += [*intent.problems, *lost]
    return replace(resolution, intents=tuple(intents), problems=tuple(problems))


def _conflict(intent: ApplicationIntent, image: ImageSettings, winner: ObjectKey) -> Problem:
    name = image.alias or image.reference.full_name
    return Problem(
        Reason.CONFLICT,
        f"Application {intent.application.key}: image {name} is kept by the older resource "
        f"{winner}; take it out of one of the two",
        resource=intent.resource,
        application=intent.application.key,
        alias=image.alias,
        image=image.reference.full_name,
    )


def _claims(intent: ApplicationIntent, image: ImageSettings) -> Iterator[_Claim]:
    """Yield what an image occupies: itself in the Application, and the places it is written to."""
    reference = image.reference
    scope = str(intent.application.key)
    yield ("image", scope, reference.registry, reference.name)
    for place in value_places(intent, image):
        yield ("place", scope, place)
        if intent.write_back.method == "git":
            yield ("place", _file(intent.write_back), place)


def _file(write_back: WriteBack) -> str:
    branches = f"{write_back.base_branch}\n{write_back.push_branch}"
    return f"{write_back.repository}\n{branches}\n{write_back.target}"


def value_places(intent: ApplicationIntent, image: ImageSettings) -> tuple[str, ...]:
    """Return the names of the values, entries or variables an image is written to."""
    target = image.target
    if target.plugin_spec or target.plugin_name:
        names = (
            (target.plugin_spec,)
            if target.plugin_spec
            else (
                target.plugin_name,
                target.plugin_tag,
            )
        )
        return tuple(f"env {name}" for name in names if name)
    match intent.application_type:
        case ApplicationType.HELM if target.helm_spec:
            return (f"helm {target.helm_spec}",)
        case ApplicationType.HELM:
            return (
                f"helm {target.helm_name or DEFAULT_HELM_NAME}",
                f"helm {target.helm_tag or DEFAULT_HELM_TAG}",
            )
        case ApplicationType.MANIFEST:
            return (f"container {image.reference.full_name}",)
        case ApplicationType.KUSTOMIZE:
            return (f"kustomize {(image.kustomize_image or image.reference).full_name}",)
        case _:
            return ()
