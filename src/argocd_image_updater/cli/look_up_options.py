"""What ``test`` was asked, as one typed value made from its flags; no variable has a say.

What cannot be used at all is an error here; what only may not be meant is a warning, because that
is how cycles take it. Source of the rules: docs/testing-images.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from argocd_image_updater.cli.flag import TEST
from argocd_image_updater.cli.options import resolve
from argocd_image_updater.cli.registry_options import RegistryOptions, read_registry_options
from argocd_image_updater.core.ages import parse_age
from argocd_image_updater.core.filters import parse_allow_tags, parse_ignore_tags
from argocd_image_updater.core.platforms import EVERY_PLATFORM
from argocd_image_updater.core.reference import ImageTag
from argocd_image_updater.core.settings import AgeFrom, ImageSettings, NewestBy, Strategy
from argocd_image_updater.core.strategy import parse_strategy
from argocd_image_updater.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_KNOWN_SYSTEMS = frozenset({"linux", "windows"})
_IGNORES_CONSTRAINT = frozenset({Strategy.NEWEST_BUILD, Strategy.ALPHABETICAL})


@dataclass(frozen=True, slots=True)
class LookUpOptions:
    """asked: the image, and how to get there. settings: with the constraint in its tag slot.

    limit_per_s: None = that of the registry.
    """

    asked: RegistryOptions
    settings: ImageSettings
    limit_per_s: int | None
    all_tags: bool


def read_look_up_options(
    image_text: str, *, given: Mapping[str, Any], environ: Mapping[str, str]
) -> LookUpOptions:
    """Return the options of `test`.

    Raises:
        ConfigError: a value cannot be used.
    """
    settings, _ = resolve(TEST, given=given, environ={})
    value = {name: setting.value for name, setting in settings.items()}
    asked = read_registry_options(image_text, settings, environ=environ)
    strategy, warning = parse_strategy(value["update-strategy"])
    constraint = _constraint(value["semver-constraint"], strategy)
    platforms, platform_warnings = _platforms(value["platforms"])
    wanted = ImageSettings(
        alias="",
        reference=replace(
            asked.image, tag=ImageTag(constraint) if constraint else None, original=""
        ),
        strategy=strategy,
        allow_tags=value["allow-tags"],
        ignore_tags=tuple(value["ignore-tags"]),
        platforms=platforms,
        newest_by=_newest_by(value["newest-by"]),
        minimum_age_ns=_minimum_age(value["minimum-age"]),
        minimum_age_from=_minimum_age_from(value["minimum-age-from"]),
    )
    warnings = (warning, *platform_warnings, *_doubts(wanted))
    return LookUpOptions(
        asked=replace(asked, warnings=tuple(text for text in warnings if text)),
        settings=wanted,
        limit_per_s=None if settings["rate-limit"].is_default else value["rate-limit"],
        all_tags=value["all"],
    )


def _newest_by(text: str) -> NewestBy:
    try:
        return NewestBy(text)
    except ValueError:
        known = " or ".join(NewestBy)
        raise ConfigError(f'--newest-by: "{text}" must be {known}') from None


def _minimum_age(text: str) -> int:
    try:
        return parse_age(text) if text else 0
    except ValueError as error:
        raise ConfigError(f'--minimum-age: "{text}" {error}') from None


def _minimum_age_from(text: str) -> AgeFrom:
    try:
        return AgeFrom(text)
    except ValueError:
        known = " or ".join(AgeFrom)
        raise ConfigError(f'--minimum-age-from: "{text}" must be {known}') from None


def _constraint(text: str, strategy: Strategy) -> str:
    if strategy is Strategy.DIGEST and not text:
        raise ConfigError(
            "the strategy digest needs the tag to follow",
            hint="name it with --semver-constraint: the tag of IMAGE does not count",
        )
    return text


def _platforms(entries: Iterable[str]) -> tuple[tuple[str, ...], list[str]]:
    """Return the platforms one by one, and warnings about unusual ones."""
    texts = [text.strip() for entry in entries for text in entry.split(",") if text.strip()]
    for text in texts:
        parts = text.split("/")
        if text != EVERY_PLATFORM and (len(parts) not in {2, 3} or not all(parts)):
            raise ConfigError(
                f'platform "{text}" is not of the form os/arch[/variant]',
                hint="write for example --platforms linux/amd64,linux/arm64",
            )
    systems = {text.partition("/")[0].lower() for text in texts} - _KNOWN_SYSTEMS
    unusual = sorted(systems - {EVERY_PLATFORM})
    return tuple(texts), [f"images for {system} are unusual: is it meant?" for system in unusual]


def _doubts(wanted: ImageSettings) -> list[str]:
    """Return warnings about settings that a cycle would take as something else than it seems."""
    doubts = [parse_allow_tags(wanted.allow_tags).error]
    doubts += [
        f'the pattern "{pattern}" of --ignore-tags cannot be read and covers no tag'
        for pattern in parse_ignore_tags(wanted.ignore_tags).malformed
    ]
    if wanted.reference.tag is not None and wanted.strategy in _IGNORES_CONSTRAINT:
        doubts.append(
            f"the strategy {wanted.strategy.value} ignores --semver-constraint; filter with "
            "--allow-tags"
        )
    return doubts
