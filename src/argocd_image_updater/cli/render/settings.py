"""The settings of one image as rows: name, value, and where the value came from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from argocd_image_updater.core.ages import format_age
from argocd_image_updater.core.settings import Downgrade, NewestBy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from argocd_image_updater.core.settings import ImageSettings

_DEFAULT = "default"
_BUILT_IN = Downgrade.WHEN_EXCLUDED


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting.

    value: as in JSON. origin: ``global``, ``reference`` or ``image`` and the level's path, the
    annotation, or ``default``.
    """

    name: str
    value: Any
    origin: str

    @property
    def text(self) -> str:
        if isinstance(self.value, bool):
            return "true" if self.value else "false"
        if isinstance(self.value, list):
            return ", ".join(self.value) or "-"
        return str(self.value) if self.value not in ("", None) else "-"


def _constraint(settings: ImageSettings) -> str:
    tag = settings.reference.tag
    return (tag.name or tag.digest) if tag else ""


def _key_name(settings: ImageSettings) -> str:
    key = settings.verify_key
    return f"{key.secret_name}#{key.key}" if key else ""


def _newest_by(settings: ImageSettings) -> str:
    return settings.newest_by.value if settings.newest_by is not NewestBy.CREATED else ""


def _minimum_age(settings: ImageSettings) -> str:
    return format_age(settings.minimum_age_ns) if settings.minimum_age_ns else ""


# Names as in the resource.
_SETTINGS: tuple[tuple[str, Callable[[ImageSettings], Any]], ...] = (
    ("constraint", _constraint),
    ("updateStrategy", lambda settings: settings.strategy.value),
    ("allowTags", lambda settings: settings.allow_tags),
    ("ignoreTags", lambda settings: list(settings.ignore_tags)),
    ("platforms", lambda settings: list(settings.platforms)),
    ("forceUpdate", lambda settings: settings.force_update),
    ("downgrade", lambda settings: settings.downgrade.value),
    ("newestBy", _newest_by),
    ("minimumAge", _minimum_age),
    ("minimumAgeFrom", lambda settings: _minimum_age(settings) and settings.minimum_age_from.value),
    ("pullSecret", lambda settings: settings.pull_secret),
    ("credentials found", lambda settings: settings.found.note if settings.found else ""),
    ("manifestTargets.helm.name", lambda settings: settings.target.helm_name),
    ("manifestTargets.helm.tag", lambda settings: settings.target.helm_tag),
    ("manifestTargets.helm.spec", lambda settings: settings.target.helm_spec),
    ("manifestTargets.kustomize.name", lambda settings: settings.target.kustomize_name),
    ("manifestTargets.plugin.name", lambda settings: settings.target.plugin_name),
    ("manifestTargets.plugin.tag", lambda settings: settings.target.plugin_tag),
    ("manifestTargets.plugin.spec", lambda settings: settings.target.plugin_spec),
    ("writeBackTarget", lambda settings: settings.own_place.target if settings.own_place else ""),
    ("verify.enabled", lambda settings: settings.verify_enabled),
    ("verify.key", _key_name),
    ("verify.everyKey", lambda settings: settings.verify_every_key),
    ("verify.identities", lambda settings: [one.text for one in settings.verify_identities]),
    ("verify.everyIdentity", lambda settings: settings.verify_every_identity),
    ("verify.annotations", lambda settings: list(map("=".join, settings.verify_annotations))),
)
_ALWAYS_SHOWN = frozenset(
    {"constraint", "updateStrategy", "allowTags", "ignoreTags", "platforms", "downgrade"}
)
# Under which name the origin of a setting is recorded, where that is another one.
_RECORDED_AS: Mapping[str, str] = {
    "constraint": "reference",
    "updateStrategy": "strategy",
    "allowTags": "allow_tags",
    "ignoreTags": "ignore_tags",
    "forceUpdate": "force_update",
    "pullSecret": "pull_secret",
    "writeBackTarget": "write_back_target",
    "newestBy": "newest_by",
    "minimumAge": "minimum_age",
    "minimumAgeFrom": "minimum_age_from",
    "verify.enabled": "verify_enabled",
    "verify.key": "verify_key",
    "verify.everyKey": "verify_every_key",
    "verify.identities": "verify_identities",
    "verify.everyIdentity": "verify_every_identity",
    "verify.annotations": "verify_annotations",
}
_LEVEL_WORDS = {"spec": "global", "applicationRefs": "reference", "images": "image"}


def setting_rows(settings: ImageSettings) -> list[SettingRow]:
    """Return the rows that say something: the usual ones, and others where they are set."""
    rows = [SettingRow(name, read(settings), _origin(settings, name)) for name, read in _SETTINGS]
    return [row for row in rows if row.name in _ALWAYS_SHOWN or row.value not in ("", [], False)]


def _origin(settings: ImageSettings, name: str) -> str:
    group = "target" if name.startswith("manifestTargets.") else name
    origin = settings.origins.get(_RECORDED_AS.get(name, group), _DEFAULT)
    if name == "downgrade" and origin == _DEFAULT and settings.downgrade is not _BUILT_IN:
        return "default of this process"
    level = _LEVEL_WORDS.get(re.split(r"[.\[]", origin)[0])
    return f"{level} ({origin})" if level else origin
