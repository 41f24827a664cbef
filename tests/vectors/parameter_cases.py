"""What the vector files about parameters share: an Application, its types and one image."""

from argocd_image_updater.core.application import Application, Origin, Source
from argocd_image_updater.core.applications import decode_application
from argocd_image_updater.core.reference import ImageTag, parse_image
from argocd_image_updater.core.settings import ApplicationType, ImageSettings, ManifestTarget
from argocd_image_updater.core.source_type import (
    application_type,
    choose_source,
    source_type_of,
)


def application_of(case: dict) -> Application:
    application, problems, _ = decode_application(case["application"], origin=Origin())
    assert not problems
    return application


def types_of(case: dict, application: Application) -> tuple[str, ApplicationType]:
    write_back = case.get("writeback") or {}
    source_type = source_type_of(
        application,
        kustomization=bool(write_back.get("kustomizeBase")),
        target_path=write_back.get("target", ""),
    )
    return source_type, application_type(source_type, method=write_back.get("method", "argocd"))


def settings_of(case: dict) -> ImageSettings:
    image = case["image"]
    targets = image.get("manifestTargets") or {}
    helm, plugin = (_names(targets.get(kind) or {}) for kind in ("helm", "plugin"))
    return ImageSettings(
        alias=image["alias"],
        reference=parse_image(f"{image['alias']}={image['imageName']}"),
        target=ManifestTarget(*helm, (targets.get("kustomize") or {}).get("name", ""), *plugin),
    )


def _names(target: dict) -> tuple[str, str, str]:
    if "spec" in target:
        return "", "", target["spec"]
    return target.get("name", ""), target.get("tag", ""), ""


def tag_of(case: dict) -> ImageTag:
    return ImageTag(**(case["newTag"] or {}))


def source_of(application: Application, source_type: str) -> Source:
    return application.source_at(choose_source(application, source_type))


def shown_parameters(source: Source) -> list[dict]:
    return [
        ({"name": item.name} if item.name else {})
        | {"value": item.value}
        | ({"forceString": True} if item.force_string else {})
        for item in source.helm_parameters or ()
    ]


def shown_env(source: Source) -> list[dict]:
    return [{"name": item.name, "value": item.value} for item in source.plugin_env or ()]
