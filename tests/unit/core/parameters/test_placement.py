"""The source of an Application with several sources that one image is written to."""

from dataclasses import replace

import pytest

from argocd_image_updater.core.application import (
    Application,
    HelmParameter,
    ObjectKey,
    Source,
    SourceRef,
)
from argocd_image_updater.core.parameters.dispatch import TargetMismatch
from argocd_image_updater.core.parameters.placement import Placement, choose_source
from argocd_image_updater.core.reference import parse_image
from argocd_image_updater.core.settings import ApplicationType, ImageSettings, ManifestTarget

API = ImageSettings(alias="api", reference=parse_image("ghcr.io/acme/api"))
HELM_TARGET = ManifestTarget(helm_name="image.name", helm_tag="image.tag")
PARAMETERS = (HelmParameter("image.name", "n"), HelmParameter("image.tag", "1"))


def application(*sources: Source, types: tuple[str, ...] = ()) -> Application:
    return Application(key=ObjectKey("argocd", "demo"), sources=sources, source_types=types)


def place(app: Application, settings: ImageSettings, kind: str, index: int = 0) -> Placement:
    return choose_source(
        app,
        settings=settings,
        intent_source_ref=SourceRef(index),
        source_type=kind,
        application_type=ApplicationType(kind.lower()),
    )


def test_an_image_with_a_helm_target_goes_to_the_chart_beside_a_kustomization():
    app = application(
        Source(kustomize_images=("nginx:1",)),
        Source(helm_parameters=PARAMETERS),
        types=("Kustomize", "Helm"),
    )
    helm = replace(API, target=HELM_TARGET)
    assert place(app, helm, "Kustomize") == Placement(SourceRef(1), "Helm", ApplicationType.HELM)
    assert place(app, API, "Kustomize").ref == SourceRef(0)


def test_a_chart_that_argo_cd_found_counts_without_a_block():
    app = application(Source(kustomize_images=()), Source(chart="web"), types=("Kustomize", "Helm"))
    assert place(app, replace(API, target=HELM_TARGET), "Kustomize").ref == SourceRef(1)


def test_of_two_charts_the_one_that_holds_the_image_completely_is_chosen():
    app = application(
        Source(helm_parameters=()), Source(helm_parameters=PARAMETERS), types=("Helm", "Helm")
    )
    assert place(app, API, "Helm").ref == SourceRef(1)
    other = replace(API, target=ManifestTarget(helm_name="image.repository"))
    assert place(app, other, "Helm").ref == SourceRef(0)


def test_a_target_without_a_source_of_its_kind_follows_the_application():
    app = application(Source(kustomize_images=()), types=("Kustomize",))
    placed = place(app, replace(API, target=HELM_TARGET), "Kustomize")
    assert placed == Placement(SourceRef(0), "Kustomize", ApplicationType.KUSTOMIZE)


def test_parameters_never_go_into_a_source_with_the_block_of_another_tool():
    app = application(Source(), Source(kustomize_images=()), types=("Helm",))
    with pytest.raises(TargetMismatch, match="two tools"):
        place(app, API, "Helm", index=1)


def test_a_single_source_is_what_the_intent_says():
    app = Application(key=ObjectKey("argocd", "demo"), source=Source())
    placed = choose_source(
        app,
        settings=API,
        intent_source_ref=SourceRef(),
        source_type="Helm",
        application_type=ApplicationType.HELM,
    )
    assert placed == Placement(SourceRef(), "Helm", ApplicationType.HELM)
