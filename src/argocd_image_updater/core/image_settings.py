"""From one configured image, however it was configured, to its effective settings.

A draft comes from the resource or from annotations and goes one way from here. A draft that cannot
be used becomes a problem of that image alone.

Source of the rules: docs/resource.md, tests/vectors/data/settings_inheritance.json.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.ages import parse_age
from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.inheritance import DEFAULT, merge_common, merge_verification
from argocd_image_updater.core.platforms import parse_platforms
from argocd_image_updater.core.public_keys import PublicKeyError, split_keys
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.reference import parse_image
from argocd_image_updater.core.settings import (
    AgeFrom,
    Downgrade,
    ImageSettings,
    ManifestTarget,
    NewestBy,
    Problem,
)
from argocd_image_updater.core.strategy import parse_strategy
from argocd_image_updater.errors import shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.core.inheritance import CommonSettings, Layer, Verification
    from argocd_image_updater.core.reference import ImageReference
    from argocd_image_updater.core.resource import (
        CommonUpdateSettings,
        ManifestTargets,
        NameTargets,
        VerificationBlock,
    )
    from argocd_image_updater.core.settings import CosignKey
    from argocd_image_updater.core.snapshot import Secret


@dataclass(frozen=True, slots=True)
class ImageDraft:
    """One image as configured, before its levels are merged.

    origin: name of the image's own level. field_path: where it stands, for problems.
    write_back_target: the image's own, blank = that of the Application.
    """

    alias: str
    image_name: str
    common: tuple[Layer[CommonUpdateSettings], ...]
    verification: tuple[Layer[VerificationBlock], ...]
    targets: ManifestTargets | None
    origin: str
    field_path: str
    target_origin: str = ""
    write_back_target: str = ""
    write_back_target_origin: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def reference(self) -> ImageReference:
        # The empty alias in front keeps a constraint such as `>=1.0` from being cut at its `=`.
        needs_alias = self.alias or "=" in self.image_name
        return parse_image(f"{self.alias}={self.image_name}" if needs_alias else self.image_name)


class _Unusable(Exception):
    """The image cannot be used."""


def settle_image(
    draft: ImageDraft,
    *,
    namespace: str,
    secrets: Mapping[ObjectKey, Secret],
    default_platform: str,
    default_downgrade: Downgrade,
) -> ImageSettings | Problem:
    """Return the effective settings of one image, or why it is left out."""
    common = merge_common(draft.common)
    verification = merge_verification(draft.verification)
    try:
        target = _manifest_target(draft.targets)
        minimum_age = _age(common)
        newest_by = _newest_by(common)
        key_warnings = _check_signers(verification, namespace=namespace, secrets=secrets)
    except _Unusable as error:
        return Problem(
            Reason.SETTINGS_INVALID,
            f"image {draft.alias or draft.reference.full}: {error}",
            alias=draft.alias,
            image=draft.reference.full_name,
            field_path=draft.field_path,
        )
    return _settings(
        draft,
        common,
        target=target,
        minimum_age=minimum_age,
        newest_by=newest_by,
        verification=verification,
        warnings=(*draft.warnings, *key_warnings),
        default_platform=default_platform,
        default_downgrade=default_downgrade,
    )


def _settings(
    draft: ImageDraft,
    common: CommonSettings,
    *,
    target: ManifestTarget,
    minimum_age: tuple[int, AgeFrom],
    newest_by: NewestBy,
    verification: Verification,
    warnings: tuple[str, ...],
    default_platform: str,
    default_downgrade: Downgrade,
) -> ImageSettings:
    values = common.values
    strategy, strategy_warning = parse_strategy(values.update_strategy)
    downgrade, downgrade_warning = _downgrade(values.downgrade, default=default_downgrade)
    platforms = values.platforms or ()
    found = (
        strategy_warning,
        downgrade_warning,
        *parse_platforms(platforms, default=default_platform).warnings,
        *warnings,
    )
    return ImageSettings(
        alias=draft.alias,
        reference=draft.reference,
        strategy=strategy,
        force_update=bool(values.force_update),
        allow_tags=values.allow_tags or "",
        ignore_tags=values.ignore_tags or (),
        pull_secret=values.pull_secret or "",
        platforms=platforms,
        target=target,
        kustomize_image=parse_image(target.kustomize_name) if target.kustomize_name else None,
        verify_enabled=verification.enabled,
        verify_key=verification.key if verification.enabled else None,
        verify_every_key=verification.enabled and verification.every_key,
        verify_annotations=verification.annotations if verification.enabled else (),
        verify_identities=verification.identities if verification.enabled else (),
        verify_every_identity=verification.enabled and verification.every_identity,
        downgrade=downgrade,
        newest_by=newest_by,
        minimum_age_ns=minimum_age[0],
        minimum_age_from=minimum_age[1],
        origins=_origins(draft, common, verification=verification),
        warnings=tuple(text for text in found if text),
    )


def _origins(
    draft: ImageDraft, common: CommonSettings, *, verification: Verification
) -> dict[str, str]:
    """Return setting → origin; the names are those of the fields of ImageSettings."""
    return {
        "reference": draft.origin,
        "strategy": common.origin("update_strategy"),
        "force_update": common.origin("force_update"),
        "allow_tags": common.origin("allow_tags"),
        "ignore_tags": common.origin("ignore_tags"),
        "pull_secret": common.origin("pull_secret"),
        "platforms": common.origin("platforms"),
        "target": (draft.target_origin or draft.origin) if draft.targets else DEFAULT,
        "write_back_target": _target_origin(draft),
        "verify_enabled": verification.enabled_origin,
        "verify_key": verification.key_origin,
        "verify_every_key": verification.every_key_origin,
        "verify_annotations": verification.annotations_origin,
        "verify_identities": verification.identities_origin,
        "verify_every_identity": verification.every_identity_origin,
        "downgrade": common.origin("downgrade"),
        "newest_by": common.origin("newest_by"),
        "minimum_age": common.origin("minimum_age"),
        "minimum_age_from": common.origin("minimum_age_from"),
    }


def _target_origin(draft: ImageDraft) -> str:
    return (draft.write_back_target_origin or draft.origin) if draft.write_back_target else DEFAULT


def _downgrade(text: str | None, *, default: Downgrade) -> tuple[Downgrade, str]:
    if text is None:
        return default, ""
    for choice in Downgrade:
        if choice.value.lower() == text.lower():
            return choice, ""
    known = ", ".join(choice.value for choice in Downgrade)
    return Downgrade.NEVER, f"downgrade {text!r} is none of {known}: never is used"


def _newest_by(common: CommonSettings) -> NewestBy:
    text = common.values.newest_by
    try:
        return NewestBy(text) if text is not None else NewestBy.CREATED
    except ValueError:
        known = ", ".join(NewestBy)
        raise _Unusable(f"newestBy {shorten(repr(text))} must be one of {known}") from None


def _age(common: CommonSettings) -> tuple[int, AgeFrom]:
    """Return the minimum age, which is not taken for none where it cannot be read."""
    text, counts_from = common.values.minimum_age, common.values.minimum_age_from
    try:
        minimum_ns = parse_age(text) if text is not None else 0
    except ValueError as error:
        raise _Unusable(f"minimumAge {shorten(repr(text))} {error}") from None
    try:
        return minimum_ns, AgeFrom(counts_from) if counts_from is not None else AgeFrom.SEEN
    except ValueError:
        known = ", ".join(AgeFrom)
        raise _Unusable(
            f"minimumAgeFrom {shorten(repr(counts_from))} must be one of {known}"
        ) from None


def _manifest_target(targets: ManifestTargets | None) -> ManifestTarget:
    if targets is None:
        return ManifestTarget()
    helm, kustomize, plugin = targets.helm, targets.kustomize, targets.plugin
    if sum(member is not None for member in (helm, kustomize, plugin)) > 1:
        raise _Unusable("manifestTargets must have exactly one of helm, kustomize, plugin")
    helm_name, helm_tag, helm_spec = _names(helm)
    plugin_name, plugin_tag, plugin_spec = _names(plugin)
    return ManifestTarget(
        helm_name=helm_name,
        helm_tag=helm_tag,
        helm_spec=helm_spec,
        kustomize_name=(kustomize.name or "") if kustomize else "",
        plugin_name=plugin_name,
        plugin_tag=plugin_tag,
        plugin_spec=plugin_spec,
    )


def _names(names: NameTargets | None) -> tuple[str, str, str]:
    """Return name, tag and spec.

    COMPAT: a present spec, even an empty one, hides the two others (settings_inheritance.json).
    """
    if names is None:
        return "", "", ""
    if names.spec is not None:
        return "", "", names.spec
    return names.name or "", names.tag or "", ""


def _check_signers(
    verification: Verification, *, namespace: str, secrets: Mapping[ObjectKey, Secret]
) -> tuple[str, ...]:
    """Raise if verification has nobody who may have signed; warn if that cannot be anybody."""
    if not verification.enabled:
        return ()
    if verification.identities_origin != DEFAULT and not verification.identities:
        raise _Unusable("imagesVerification.keyless names no identity")
    for one in verification.identities:
        if fault := one.fault():
            raise _Unusable(f"an identity of imagesVerification.keyless {fault}")
    if verification.key is not None:
        return _check_key(verification.key, namespace=namespace, secrets=secrets)
    if not verification.identities:
        raise _Unusable("imagesVerification is enabled but no level has a cosignKey or keyless")
    return ()


def _check_key(
    key: CosignKey, *, namespace: str, secrets: Mapping[ObjectKey, Secret]
) -> tuple[str, ...]:
    """Raise if there is no key; warn if it cannot be one."""
    place = f"Secret {namespace}/{key.secret_name}"
    secret = secrets.get(ObjectKey(namespace, key.secret_name))
    if secret is None:
        raise _Unusable(f"{place} with the cosign key does not exist")
    if key.key not in secret.data:
        raise _Unusable(f"{place} has no field {key.key!r} with the cosign key")
    try:
        split_keys(secret.data[key.key])
    except PublicKeyError as error:
        return (f"{key.key!r} of {place} {error}; until then every verification fails",)
    return ()
