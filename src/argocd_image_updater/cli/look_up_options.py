"""What ``test`` was asked, as one typed value made from its flags; no variable has a say.

What cannot be used at all is an error here; what only may not be meant is a warning, because that
is how cycles take it. Source of the rules: docs/testing-images.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argocd_image_updater.cli.credential_options import (
    CLOUDS,
    DOCKER_CONFIG,
    read_clouds,
    read_docker_config_switch,
)
from argocd_image_updater.cli.flag import TEST
from argocd_image_updater.cli.options import resolve
from argocd_image_updater.cli.places import default_platform
from argocd_image_updater.core.ages import parse_age
from argocd_image_updater.core.filters import parse_allow_tags, parse_ignore_tags
from argocd_image_updater.core.platforms import EVERY_PLATFORM
from argocd_image_updater.core.reference import ImageTag, parse_image
from argocd_image_updater.core.resource_schema import ALIAS_PATTERN
from argocd_image_updater.core.settings import AgeFrom, ImageSettings, Strategy
from argocd_image_updater.core.strategy import parse_strategy
from argocd_image_updater.errors import ConfigError
from argocd_image_updater.registry.credentials.reference import parse_credential_reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from argocd_image_updater.core.reference import ImageReference
    from argocd_image_updater.registry.credentials.clouds import Cloud

_REFERENCES = (
    "env:VARIABLE, ext:/path, pullsecret:namespace/name, secret:namespace/name#field, or aws:auto, "
    "gcp:auto, azure:auto"
)
_KNOWN_SYSTEMS = frozenset({"linux", "windows"})
_IGNORES_CONSTRAINT = frozenset({Strategy.NEWEST_BUILD, Strategy.ALPHABETICAL})


@dataclass(frozen=True, slots=True)
class LookUpOptions:
    """image: as given. settings: with the constraint in the tag slot of the reference.

    registries_conf_path: empty = not given. limit_per_s: None = that of the registry.
    """

    image: ImageReference
    settings: ImageSettings
    default_platform: str
    registries_conf_path: str
    credentials: str
    limit_per_s: int | None
    kubeconfig: str
    output: str
    all_tags: bool
    log_level: str
    cloud_identities: frozenset[Cloud] = frozenset()
    docker_config: bool = False
    log_format: str = "text"
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    warnings: tuple[str, ...] = ()


def read_look_up_options(
    image_text: str, *, given: Mapping[str, Any], environ: Mapping[str, str]
) -> LookUpOptions:
    """Return the options of `test`.

    Raises:
        ConfigError: a value cannot be used.
    """
    settings, _ = resolve(TEST, given=given, environ={})
    value = {name: setting.value for name, setting in settings.items()}
    image = parse_image_argument(image_text)
    strategy, warning = parse_strategy(value["update-strategy"])
    constraint = _constraint(value["semver-constraint"], strategy)
    platforms, platform_warnings = _platforms(value["platforms"])
    wanted = ImageSettings(
        alias="",
        reference=replace(image, tag=ImageTag(constraint) if constraint else None, original=""),
        strategy=strategy,
        allow_tags=value["allow-tags"],
        ignore_tags=tuple(value["ignore-tags"]),
        platforms=platforms,
        minimum_age_ns=_minimum_age(value["minimum-age"]),
        minimum_age_from=_minimum_age_from(value["minimum-age-from"]),
    )
    warnings = (warning, *platform_warnings, *_doubts(wanted))
    return LookUpOptions(
        image=image,
        settings=wanted,
        default_platform=default_platform(),
        registries_conf_path=read_existing_path(value["registries-conf-path"]),
        credentials=read_credential_flag(value["credentials"]),
        limit_per_s=None if settings["rate-limit"].is_default else value["rate-limit"],
        kubeconfig=value["kubeconfig"],
        cloud_identities=read_clouds(settings[CLOUDS]),
        docker_config=read_docker_config_switch(settings[DOCKER_CONFIG], usual=False),
        output=value["output"],
        all_tags=value["all"],
        log_level=value["loglevel"],
        environment=environ,
        warnings=tuple(text for text in warnings if text),
    )


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


def parse_image_argument(text: str) -> ImageReference:
    """Parse IMAGE; what stands before ``=`` is an alias only where it looks like one.

    Raises:
        ConfigError: it names no image.
    """
    alias, equals, _ = text.partition("=")
    is_aliased = equals and re.fullmatch(ALIAS_PATTERN, alias)
    image = parse_image(text if is_aliased or not equals else f"={text}")
    if not image.name:
        raise ConfigError(f'"{text}" names no image', hint="write for example ghcr.io/acme/web")
    return image


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


def read_existing_path(path: str) -> str:
    """Return the path of a registries file that was named; empty = none was.

    Raises:
        ConfigError: it is not there.
    """
    try:
        is_missing = bool(path) and not Path(path).is_file()
    except (OSError, ValueError):
        is_missing = True
    if is_missing:
        raise ConfigError(
            f"--registries-conf-path: there is no file {path!r}",
            hint="leave the flag out to go without",
        )
    return path


def read_credential_flag(text: str) -> str:
    """Return the credential reference of the flag, empty = none.

    Raises:
        ConfigError: it cannot be read.
    """
    if text:
        try:
            parse_credential_reference(text)
        except ConfigError as error:
            hint = error.hint or f"e.g. {_REFERENCES}"
            raise ConfigError(f"--credentials: the reference {error}", hint=hint) from None
    return text
