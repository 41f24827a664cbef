"""Only entries of configured images are ours."""

from dataclasses import replace

from argocd_image_updater.core.application import EnvEntry, HelmParameter, Source
from argocd_image_updater.core.parameters.ownership import (
    managed_helm,
    managed_kustomize,
    managed_plugin,
    shared_names,
)
from argocd_image_updater.core.reference import parse_image
from argocd_image_updater.core.settings import ApplicationType, ImageSettings, ManifestTarget

API = ImageSettings(alias="api", reference=parse_image("ghcr.io/acme/api"))
SOURCE = Source(
    helm_parameters=(HelmParameter("image.tag", "1"), HelmParameter("replicas", "3")),
    kustomize_images=("redis:7", "web=ghcr.io/acme/api:1"),
    plugin_env=(EnvEntry("FOO", "x"), EnvEntry("IMG", "ghcr.io/acme/api:1")),
)


def test_what_belongs_to_no_image_is_not_managed():
    assert managed_helm(SOURCE, [API]) == (HelmParameter("image.tag", "1"),)
    assert managed_kustomize(SOURCE, [API]) == ("web=ghcr.io/acme/api:1",)
    plugin = replace(API, target=ManifestTarget(plugin_spec="IMG"))
    assert managed_plugin(SOURCE, [plugin]) == (EnvEntry("IMG", "ghcr.io/acme/api:1"),)
    assert managed_plugin(SOURCE, [API]) == ()


def test_two_images_with_the_same_parameters_are_named():
    other = replace(API, alias="web", reference=parse_image("nginx"))
    (first, second) = shared_names([API, other], application_type=ApplicationType.HELM)
    assert "image.name" in first
    assert "api, web" in second
    assert shared_names([API, other], application_type=ApplicationType.KUSTOMIZE) == ()


def test_one_parameter_for_name_and_tag_is_named():
    broken = replace(API, target=ManifestTarget(helm_name="image", helm_tag="image"))
    assert len(shared_names([broken], application_type=ApplicationType.HELM)) == 1
