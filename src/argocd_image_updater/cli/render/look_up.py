"""What ``test`` found: the tags as a page for people, and everything as a document for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from argocd_image_updater.cli.logging import hide_user_information
from argocd_image_updater.cli.render.hints import NEXT_CYCLE, hint_of
from argocd_image_updater.cli.render.json_report import SCHEMA_VERSION, tag_document
from argocd_image_updater.cli.render.tags import render_tags, tag_documents
from argocd_image_updater.cli.render.terminal import printable
from argocd_image_updater.core.choice import Choice, NoChoice
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.reference import ImageTag, with_tag

if TYPE_CHECKING:
    from argocd_image_updater.cli.render.terminal import Terminal
    from argocd_image_updater.core.decisions import TagVerdict
    from argocd_image_updater.core.settings import ImageSettings
    from argocd_image_updater.registry.endpoint import Endpoint

# Where the flags of the command are what must change.
_HINTS = {
    Reason.CONSTRAINT_INVALID: "correct --semver-constraint; a word such as latest needs "
    "--update-strategy digest",
    Reason.RATE_LIMITED: "give --credentials or a lower --rate-limit, or wait",
}


def look_up_hint(reason: Reason) -> str:
    """Return what to do about a reason, or an empty text; there is no next cycle here."""
    return _HINTS.get(reason) or hint_of(reason).removesuffix(NEXT_CYCLE)


def chosen_reference(settings: ImageSettings, choice: Choice) -> str:
    """Return the image with the chosen tag, as a container runtime takes it."""
    return with_tag(settings.reference, _tag(choice)).full


def render_look_up(
    settings: ImageSettings,
    found: Choice | NoChoice,
    terminal: Terminal,
    *,
    endpoint: Endpoint,
    all_tags: bool,
) -> str:
    """Return the page, ending in a newline; empty where no tag is known."""
    tags = render_tags(_verdicts(found), terminal, all_tags=all_tags)
    if not tags:
        return ""
    rows = (
        ("Image", settings.reference.full_name),
        ("Registry", endpoint.api_url),
        ("Strategy", settings.strategy.value),
        ("Constraint", _constraint(settings) or "-"),
    )
    lines = [f"{terminal.paint(f'{name:<10}', 'bold')}  {printable(text)}" for name, text in rows]
    return "\n".join([*lines, "", tags]) + "\n"


def look_up_document(
    settings: ImageSettings,
    found: Choice | NoChoice,
    *,
    endpoint: Endpoint,
    warnings: tuple[str, ...],
) -> dict[str, Any]:
    """Return the JSON document: all tags, nothing cut."""
    choice = found if isinstance(found, Choice) else None
    refusal = found if isinstance(found, NoChoice) else None
    return {
        "schemaVersion": SCHEMA_VERSION,
        "kind": "ImageTest",
        "image": settings.reference.full_name,
        "registry": hide_user_information(endpoint.api_url),
        "strategy": settings.strategy.value,
        "constraint": _constraint(settings),
        "reference": chosen_reference(settings, choice) if choice else None,
        "chosen": tag_document(_tag(choice)) if choice else None,
        "reason": refusal.reason.value if refusal else None,
        "message": hide_user_information(refusal.message) if refusal else "",
        "hint": look_up_hint(refusal.reason) if refusal else "",
        "tags": tag_documents(_verdicts(found)),
        "warnings": [hide_user_information(warning) for warning in warnings],
    }


def _tag(choice: Choice) -> ImageTag:
    return ImageTag(choice.chosen.name, choice.chosen.digest)


def _constraint(settings: ImageSettings) -> str:
    return settings.reference.tag.name if settings.reference.tag else ""


def _verdicts(found: Choice | NoChoice) -> tuple[TagVerdict, ...]:
    return found.trace() if found.trace else ()
