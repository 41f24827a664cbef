"""The ImageUpdater resource as typed values, and its decoding.

A block or field that is not present is None, which is not the same as an empty one: inheritance
depends on the difference. A resource that breaks a rule of its definition but can be read is
returned beside its problems: a caller decides whether to use it as given.

Source of the rules: docs/resource.md, tests/vectors/data/crd_validation.json.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from argocd_image_updater.core.application import ObjectKey, Origin
from argocd_image_updater.core.identities import KeylessIdentity
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.resource_schema import PROVIDERS, SPEC
from argocd_image_updater.core.schema import Block, Number, Report, Text, check
from argocd_image_updater.core.settings import CosignKey, Problem
from argocd_image_updater.errors import shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

API_VERSION = "argocd-image-updater.argoproj.io/v1alpha1"
KIND = "ImageUpdater"
_NOWHERE = Origin()


@dataclass(frozen=True, slots=True)
class CommonUpdateSettings:
    """``commonUpdateSettings`` of one level."""

    update_strategy: str | None = None
    force_update: bool | None = None
    allow_tags: str | None = None
    ignore_tags: tuple[str, ...] | None = None
    pull_secret: str | None = None
    platforms: tuple[str, ...] | None = None
    downgrade: str | None = None
    newest_by: str | None = None
    minimum_age: str | None = None
    minimum_age_from: str | None = None


@dataclass(frozen=True, slots=True)
class PullRequestBlock:
    """``pullRequest``: the providers that are present, and names as written."""

    providers: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    draft: bool = False
    auto_merge: bool = False


@dataclass(frozen=True, slots=True)
class WriteBackConfig:
    """``writeBackConfig`` of one level with its ``gitConfig``."""

    method: str | None = None
    repository: str | None = None
    branch: str | None = None
    write_back_target: str | None = None
    pull_request: PullRequestBlock | None = None
    pull_request_branch: str | None = None


@dataclass(frozen=True, slots=True)
class VerificationBlock:
    """``imagesVerification`` of one level; None = the level does not say."""

    enabled: bool | None = None
    cosign_key: CosignKey | None = None
    required_keys: str | None = None
    required_annotations: tuple[tuple[str, str], ...] | None = None
    identities: tuple[KeylessIdentity, ...] | None = None
    required_identities: str | None = None


@dataclass(frozen=True, slots=True)
class NameTargets:
    """``helm``, ``kustomize`` or ``plugin`` of ``manifestTargets``."""

    name: str | None = None
    tag: str | None = None
    spec: str | None = None


@dataclass(frozen=True, slots=True)
class ManifestTargets:
    """``manifestTargets``; more than one member is possible only without validation."""

    helm: NameTargets | None = None
    kustomize: NameTargets | None = None
    plugin: NameTargets | None = None


@dataclass(frozen=True, slots=True)
class ImageEntry:
    """One entry of ``images``."""

    alias: str
    image_name: str
    common: CommonUpdateSettings | None = None
    verification: VerificationBlock | None = None
    targets: ManifestTargets | None = None
    write_back_target: str | None = None


@dataclass(frozen=True, slots=True)
class LabelExpression:
    """One entry of ``matchExpressions``."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """``labelSelectors``: Kubernetes label selector, everything ANDed."""

    labels: tuple[tuple[str, str], ...] = ()
    expressions: tuple[LabelExpression, ...] = ()


@dataclass(frozen=True, slots=True)
class ApplicationRef:
    """One entry of ``applicationRefs``; index is its place in the list."""

    index: int
    name_pattern: str
    selector: LabelSelector | None = None
    use_annotations: bool = False
    images: tuple[ImageEntry, ...] = ()
    common: CommonUpdateSettings | None = None
    write_back: WriteBackConfig | None = None
    verification: VerificationBlock | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """One ImageUpdater; created_at is the RFC 3339 text, empty when unknown."""

    key: ObjectKey
    refs: tuple[ApplicationRef, ...] = ()
    common: CommonUpdateSettings | None = None
    write_back: WriteBackConfig | None = None
    verification: VerificationBlock | None = None
    generation: int = 0
    created_at: str = ""
    uid: str = ""
    deleting: bool = False
    origin: Origin = _NOWHERE


_OBJECT = Block(
    {
        "apiVersion": Text(),
        "kind": Text(),
        "metadata": Block(
            {
                "name": Text(min_length=1),
                "namespace": Text(),
                "uid": Text(),
                "generation": Number(),
                "creationTimestamp": Text(),
                "deletionTimestamp": Text(),
            },
            required=("name",),
            is_open=True,
        ),
        "spec": SPEC,
        "status": Block({}, is_open=True),
    },
    required=("metadata",),
)


def decode_resource(
    document: Mapping[str, Any], *, origin: Origin, default_namespace: str = ""
) -> tuple[Resource | None, list[Problem], list[str]]:
    """Return the resource (None if unreadable), its problems and warnings about unknown fields."""
    report = Report()
    # A status in a manifest is never used: whatever stands there is nobody's fault.
    body = {name: value for name, value in document.items() if name != "status"}
    body, named = _without_named_namespace(body)
    cleaned = check(_OBJECT, body, "", report=report)
    metadata = (cleaned or {}).get("metadata") or {}
    key = ObjectKey(metadata.get("namespace") or default_namespace, metadata.get("name") or "")
    if cleaned and not report.is_fatal and "spec" not in cleaned:
        report.fault("spec", "is missing: the resource selects nothing", fatal=True)
    if named not in {"", key.namespace}:
        report.warnings.append(
            f"spec.namespace {shorten(named, 80)} has no effect: the Applications are those of "
            f"namespace {key.namespace}"
        )
    label = f"{KIND} {key}{origin.in_brackets}"
    problems = [
        Problem(
            Reason.SETTINGS_INVALID,
            f"{label}: {fault.path or 'document'}: {fault.message}",
            resource=key,
            field_path=fault.path,
        )
        for fault in report.faults
    ]
    warnings = [f"{label}: {text}" for text in report.warnings]
    if report.is_fatal:
        return None, problems, warnings
    return _resource(cleaned, key, origin=origin), problems, warnings


def _without_named_namespace(body: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the document without ``spec.namespace``, and that.

    COMPAT: the first definition asked for it, and where that is still installed it must stay.
    """
    spec = body.get("spec")
    if not isinstance(spec, dict) or not isinstance(spec.get("namespace"), str):
        return body, ""
    rest = {name: value for name, value in spec.items() if name != "namespace"}
    return {**body, "spec": rest}, spec["namespace"]


def _resource(cleaned: Mapping[str, Any], key: ObjectKey, *, origin: Origin) -> Resource:
    metadata, spec = cleaned["metadata"], cleaned["spec"]
    return Resource(
        key=key,
        refs=tuple(_ref(index, ref) for index, ref in enumerate(spec["applicationRefs"])),
        common=_common(spec),
        write_back=_write_back(spec),
        verification=_verification(spec),
        generation=metadata.get("generation", 0),
        created_at=metadata.get("creationTimestamp", ""),
        uid=metadata.get("uid", ""),
        deleting=bool(metadata.get("deletionTimestamp")),
        origin=origin,
    )


def _ref(index: int, ref: Mapping[str, Any]) -> ApplicationRef:
    return ApplicationRef(
        index=index,
        name_pattern=ref["namePattern"],
        selector=_selector(ref.get("labelSelectors")),
        use_annotations=ref["useAnnotations"],
        images=tuple(_image(image) for image in ref.get("images", ())),
        common=_common(ref),
        write_back=_write_back(ref),
        verification=_verification(ref),
    )


def _image(image: Mapping[str, Any]) -> ImageEntry:
    targets = image.get("manifestTargets")
    return ImageEntry(
        alias=image["alias"],
        image_name=image["imageName"],
        common=_common(image),
        verification=_verification(image),
        targets=None
        if targets is None
        else ManifestTargets(
            **{kind: NameTargets(**names) for kind, names in targets.items()},
        ),
        write_back_target=image.get("writeBackTarget"),
    )


def _selector(block: Mapping[str, Any] | None) -> LabelSelector | None:
    if block is None:
        return None
    return LabelSelector(
        labels=tuple(block.get("matchLabels", {}).items()),
        expressions=tuple(
            LabelExpression(item["key"], item["operator"], tuple(item.get("values", ())))
            for item in block.get("matchExpressions", ())
        ),
    )


def _common(level: Mapping[str, Any]) -> CommonUpdateSettings | None:
    block = level.get("commonUpdateSettings")
    if block is None:
        return None
    return CommonUpdateSettings(
        update_strategy=block.get("updateStrategy"),
        force_update=block.get("forceUpdate"),
        allow_tags=block.get("allowTags"),
        ignore_tags=_texts(block.get("ignoreTags")),
        pull_secret=block.get("pullSecret"),
        platforms=_texts(block.get("platforms")),
        downgrade=block.get("downgrade"),
        newest_by=block.get("newestBy"),
        minimum_age=block.get("minimumAge"),
        minimum_age_from=block.get("minimumAgeFrom"),
    )


def _texts(items: list[str] | None) -> tuple[str, ...] | None:
    return None if items is None else tuple(items)


def _write_back(level: Mapping[str, Any]) -> WriteBackConfig | None:
    block = level.get("writeBackConfig")
    if block is None:
        return None
    git = block.get("gitConfig", {})
    request = git.get("pullRequest")
    return WriteBackConfig(
        method=block.get("method"),
        repository=git.get("repository"),
        branch=git.get("branch"),
        write_back_target=git.get("writeBackTarget"),
        pull_request=None
        if request is None
        else PullRequestBlock(
            providers=tuple(name for name in PROVIDERS if name in request),
            labels=tuple(request.get("labels", ())),
            reviewers=tuple(request.get("reviewers", ())),
            assignees=tuple(request.get("assignees", ())),
            draft=request.get("draft", False),
            auto_merge=request.get("autoMerge", False),
        ),
        pull_request_branch=git.get("pullRequestBranch"),
    )


def _verification(level: Mapping[str, Any]) -> VerificationBlock | None:
    block = level.get("imagesVerification")
    if block is None:
        return None
    key = block.get("cosignKey")
    annotations = block.get("requiredAnnotations")
    return VerificationBlock(
        enabled=block["enabled"],
        cosign_key=CosignKey(key["secretName"], key["key"]) if key else None,
        required_keys=block.get("requiredKeys"),
        required_annotations=None if annotations is None else tuple(sorted(annotations.items())),
        identities=_identities(block.get("keyless")),
        required_identities=block.get("requiredIdentities"),
    )


def _identities(block: Mapping[str, Any] | None) -> tuple[KeylessIdentity, ...] | None:
    if block is None:
        return None
    return tuple(
        KeylessIdentity(
            identity=one.get("identity", ""),
            identity_expression=one.get("identityRegExp", ""),
            issuer=one.get("issuer", ""),
            issuer_expression=one.get("issuerRegExp", ""),
        )
        for one in block["identities"]
    )
