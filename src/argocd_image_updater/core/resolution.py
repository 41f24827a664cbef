"""From one resource and the Applications of its namespace to intents: what is wanted where.

Pure and total: a broken reference, Application or image becomes a problem and the others go on.
References are never combined; the first that matches and can be read decides.

Source of the rules: docs/resource.md, tests/vectors/data/application_selection.json.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from argocd_image_updater.core.annotations import ImageListMissing, read_annotations
from argocd_image_updater.core.image_settings import ImageDraft, settle_image
from argocd_image_updater.core.inheritance import (
    WriteBackSettings,
    common_layers,
    image_origin,
    leftovers,
    merge_write_back,
    ref_origin,
    verification_layers,
    write_back_layers,
)
from argocd_image_updater.core.paths import PathOutside
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.selection import compile_refs, is_exact
from argocd_image_updater.core.settings import (
    ApplicationIntent,
    ApplicationType,
    Downgrade,
    ImageSettings,
    Problem,
    WritePlace,
)
from argocd_image_updater.core.source_type import (
    SUPPORTED,
    block_type,
    has_block,
    is_untyped,
)
from argocd_image_updater.core.whitespace import trim
from argocd_image_updater.core.write_back import (
    Placement,
    place_image,
    resolve_write_back,
    retyped,
)
from argocd_image_updater.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from argocd_image_updater.core.application import Application, ObjectKey
    from argocd_image_updater.core.reference import ImageReference
    from argocd_image_updater.core.resource import ApplicationRef, Resource
    from argocd_image_updater.core.snapshot import Secret


@dataclass(frozen=True, slots=True)
class Context:
    """What resolving needs to know of its surroundings.

    controller_namespace: namespace of Argo CD. secrets: for the presence of cosign keys.
    standalone: Applications may come without status. event_filter: keeps the images a registry
    event is about. default_downgrade: policy where no level names one. refuse_shared: see
    `WriteBack`.
    """

    controller_namespace: str = "argocd"
    default_platform: str = ""
    secrets: Mapping[ObjectKey, Secret] = field(default_factory=dict, repr=False)
    standalone: bool = False
    event_filter: Callable[[ImageReference], bool] | None = None
    default_downgrade: Downgrade = Downgrade.WHEN_EXCLUDED
    refuse_shared: bool = False


@dataclass(frozen=True, slots=True)
class Resolution:
    """The intents of one resource, sorted by Application.

    problems: of the resource and of Applications without intent; an intent carries its own.
    failed: the resource as a whole cannot be used.
    """

    resource: Resource
    intents: tuple[ApplicationIntent, ...] = ()
    problems: tuple[Problem, ...] = ()
    failed: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def all_problems(self) -> tuple[Problem, ...]:
        """Problems of the resource and of every intent."""
        return self.problems + tuple(item for intent in self.intents for item in intent.problems)


@dataclass(slots=True)
class _Found:
    """What became of one Application."""

    intent: ApplicationIntent | None = None
    problems: list[Problem] = field(default_factory=list)


def resolve(
    resource: Resource, applications: Sequence[Application], *, context: Context
) -> Resolution:
    """Resolve one resource against Applications; those of other namespaces are passed over."""
    matchers, faults, is_failed = compile_refs(resource)
    warnings = leftovers(resource)
    if is_failed:
        return Resolution(resource, problems=faults, failed=True, warnings=warnings)
    problems = list(faults)
    intents: list[ApplicationIntent] = []
    own = (item for item in applications if item.key.namespace == resource.key.namespace)
    for application in sorted(own, key=lambda item: item.key):
        matching = [matcher.ref for matcher in matchers if matcher.matches(application)]
        found = _resolve_application(resource, application, matching, context=context)
        problems += found.problems
        if found.intent is not None:
            intents.append(found.intent)
    return Resolution(resource, tuple(intents), tuple(problems), warnings=warnings)


def _resolve_application(
    resource: Resource,
    application: Application,
    refs: Sequence[ApplicationRef],
    *,
    context: Context,
) -> _Found:
    found = _Found()
    about = _About(resource, application)
    if refs and application.deleting:
        text = "is being deleted"
        found.problems.append(about.problem(Reason.APPLICATION_SKIPPED, text, quiet=True))
        return found
    for ref in refs:
        try:
            drafts, write_back = _drafts(resource, application, ref)
            placement = resolve_write_back(
                application,
                write_back,
                controller_namespace=context.controller_namespace,
                standalone=context.standalone,
            )
        except ConfigError as error:
            # COMPAT: a less specific reference takes over (application_selection.json).
            found.problems.append(about.failed(ref, error))
            continue
        found.intent = _intent(
            about,
            ref,
            drafts,
            write_back=write_back,
            placement=placement,
            context=context,
            problems=found.problems,
        )
        break
    return found


@dataclass(frozen=True, slots=True)
class _About:
    """The resource and Application that problems are about."""

    resource: Resource
    application: Application

    def problem(
        self, reason: Reason, text: str, *, field_path: str = "", quiet: bool = False
    ) -> Problem:
        return Problem(
            reason,
            f"Application {self.application.key}: {text}",
            resource=self.resource.key,
            application=self.application.key,
            field_path=field_path,
            quiet=quiet,
        )

    def of_image(
        self, image: ImageSettings, reason: Reason, text: str, *, field_path: str = ""
    ) -> Problem:
        found = self.problem(reason, f"image {image.alias}: {text}", field_path=field_path)
        return replace(found, alias=image.alias, image=image.reference.full_name)

    def failed(self, ref: ApplicationRef, error: ConfigError) -> Problem:
        return self.problem(
            _reason_of(error),
            str(error),
            field_path=f"spec.{ref_origin(ref)}",
            # Under a pattern, Applications without annotations are the normal case.
            quiet=isinstance(error, ImageListMissing) and not is_exact(ref),
        )


def _reason_of(error: ConfigError) -> Reason:
    is_outside = isinstance(error, PathOutside)
    return Reason.TARGET_OUTSIDE if is_outside else Reason.SETTINGS_INVALID


def _drafts(
    resource: Resource, application: Application, ref: ApplicationRef
) -> tuple[tuple[ImageDraft, ...], WriteBackSettings]:
    if ref.use_annotations:
        read = read_annotations(application.annotations, resource=resource, ref=ref)
        return read.images, read.write_back
    drafts = tuple(
        ImageDraft(
            alias=image.alias,
            image_name=image.image_name,
            common=common_layers(resource, ref, image, index=index),
            verification=verification_layers(resource, ref, image, index=index),
            targets=image.targets,
            write_back_target=trim(image.write_back_target or ""),
            origin=image_origin(index),
            field_path=f"spec.{ref_origin(ref)}.{image_origin(index)}",
        )
        for index, image in enumerate(ref.images)
    )
    return drafts, merge_write_back(write_back_layers(resource, ref))


def _intent(
    about: _About,
    ref: ApplicationRef,
    drafts: Sequence[ImageDraft],
    *,
    write_back: WriteBackSettings,
    placement: Placement,
    context: Context,
    problems: list[Problem],
) -> ApplicationIntent | None:
    """Return the intent of the reference that won, or None with what is in the way."""
    unfit = _unfit(about, ref, placement)
    if unfit is not None and not _has_own_targets(drafts, placement):
        problems.append(unfit)
        return None
    placing = _Placing(about.application, write_back, placement, context)
    kept, dropped = _images(about, drafts, context=context, placing=placing)
    if unfit is not None:
        others = [image for image in kept if image.own_place is None]
        dropped += (_unplaced(unfit, image) for image in others)
        kept = [image for image in kept if image.own_place is not None]
    if not kept:
        problems += dropped
        return None
    if placement.fault:
        dropped.append(about.problem(Reason.SETTINGS_INVALID, placement.fault))
    return ApplicationIntent(
        resource=about.resource.key,
        application=about.application,
        pattern=ref.name_pattern,
        images=tuple(kept),
        write_back=replace(placement.write_back, refuse_shared=context.refuse_shared),
        source_type=placement.source_type,
        application_type=placement.application_type,
        write_source=placement.write_source,
        problems=tuple(dropped),
        needs_type=placement.needs_type,
    )


def _unplaced(unfit: Problem, image: ImageSettings) -> Problem:
    """Return the problem of an image that has no target of its own where only such have one."""
    return replace(unfit, alias=image.alias, image=image.reference.full_name)


def _unfit(about: _About, ref: ApplicationRef, placement: Placement) -> Problem | None:
    """Return why nothing can be written to this Application, if so."""
    application = about.application
    if placement.needs_type:
        return None
    if placement.application_type is ApplicationType.UNSUPPORTED:
        if is_untyped(application):
            text = "Argo CD has not compared it yet, so its source type is unknown"
            return about.problem(Reason.APPLICATION_SKIPPED, text, quiet=True)
        text = (
            f"source type {placement.source_type!r} is none of {', '.join(SUPPORTED)}; "
            "a writeBackTarget of helmvalues, kustomization or manifest would name one"
        )
        # Under a pattern it only happens to be among the others.
        return about.problem(Reason.SOURCE_UNSUPPORTED, text, quiet=not is_exact(ref))
    source = application.source_at(placement.write_source)
    other = block_type(source) if source else ""
    is_mixed = bool(other) and source is not None and not has_block(source, placement.source_type)
    if placement.write_back.method == "argocd" and is_mixed:
        text = (
            f"{placement.write_source} already has a {other} block; Argo CD refuses a second one "
            f"of type {placement.source_type}"
        )
        return about.problem(Reason.SOURCE_UNSUPPORTED, text)
    return None


@dataclass(frozen=True, slots=True)
class _Placing:
    """What is needed to place an image that names a target of its own."""

    application: Application
    write_back: WriteBackSettings
    placement: Placement
    context: Context

    def place(self, draft: ImageDraft) -> WritePlace | None:
        """Return the place of an image, None for that of the Application.

        Raises:
            ConfigError: the target cannot be used.
        """
        if not draft.write_back_target or self.placement.write_back.method != "git":
            return None
        origin = draft.write_back_target_origin or draft.origin
        own = place_image(
            self.application,
            self.write_back.with_target(draft.write_back_target, origin=origin),
            common=self.placement,
            controller_namespace=self.context.controller_namespace,
            standalone=self.context.standalone,
        )
        write_back = replace(own.write_back, refuse_shared=self.context.refuse_shared)
        return replace(own, write_back=write_back)


def _has_own_targets(drafts: Sequence[ImageDraft], placement: Placement) -> bool:
    is_git = placement.write_back.method == "git"
    return is_git and any(draft.write_back_target for draft in drafts)


def _images(
    about: _About, drafts: Sequence[ImageDraft], *, context: Context, placing: _Placing
) -> tuple[list[ImageSettings], list[Problem]]:
    kept: list[ImageSettings] = []
    dropped: list[Problem] = []
    for draft in drafts:
        if context.event_filter is not None and not context.event_filter(draft.reference):
            continue
        settled = settle_image(
            draft,
            namespace=about.application.key.namespace,
            secrets=context.secrets,
            default_platform=context.default_platform,
            default_downgrade=context.default_downgrade,
        )
        if isinstance(settled, ImageSettings):
            try:
                kept.append(replace(settled, own_place=placing.place(draft)))
            except ConfigError as error:
                reason, path = _reason_of(error), draft.field_path
                dropped.append(about.of_image(settled, reason, str(error), field_path=path))
            continue
        dropped.append(
            replace(
                settled,
                message=f"Application {about.application.key}: {settled.message}",
                resource=about.resource.key,
                application=about.application.key,
            )
        )
    return kept, dropped


def with_source_type(intent: ApplicationIntent, source_type: str) -> ApplicationIntent:
    """Return the intent with the type that was found in the repository."""
    own = Placement(
        intent.write_back,
        intent.source_type,
        intent.application_type,
        intent.write_source,
        intent.needs_type,
    )
    placement = retyped(own, source_type) if own.needs_type else own
    return replace(
        intent,
        images=tuple(_retyped_image(image, source_type) for image in intent.images),
        write_back=placement.write_back,
        source_type=placement.source_type,
        application_type=placement.application_type,
        needs_type=False,
    )


def _retyped_image(image: ImageSettings, source_type: str) -> ImageSettings:
    place = image.own_place
    if place is None or not place.needs_type:
        return image
    found = retyped(
        Placement(place.write_back, place.source_type, place.application_type, place.write_source),
        source_type,
    )
    return replace(
        image,
        own_place=replace(
            place,
            write_back=found.write_back,
            source_type=found.source_type,
            application_type=found.application_type,
            needs_type=False,
        ),
    )
