"""The way of an image into a source, and what counts as already written."""

from dataclasses import replace

import pytest

from argocd_image_updater.core.application import EnvEntry, HelmParameter, Source
from argocd_image_updater.core.parameters.dispatch import (
    TargetMismatch,
    already_set,
    current_image,
    set_image,
)
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.reference import ImageTag, parse_image
from argocd_image_updater.core.settings import ApplicationType, ImageSettings, ManifestTarget

IMAGE = ImageSettings(alias="web", reference=parse_image("ghcr.io/acme/api:^1"))
HELM = {"application_type": ApplicationType.HELM, "source_type": "Helm"}
PLUGIN = {"application_type": ApplicationType.PLUGIN, "source_type": "Plugin"}


def with_target(**names: str) -> ImageSettings:
    return replace(IMAGE, target=ManifestTarget(**names))


def test_a_plugin_target_on_another_type_is_a_mismatch_that_says_so():
    settings = with_target(plugin_spec="IMG")
    with pytest.raises(TargetMismatch, match=r"manifestTargets\.plugin") as caught:
        set_image(Source(), settings=settings, tag=ImageTag("2"), **HELM)
    assert caught.value.reason is Reason.TARGET_MISMATCH
    with pytest.raises(TargetMismatch):
        already_set(Source(), settings=settings, tag=ImageTag("2"), **HELM)


def test_a_plugin_application_without_a_variable_is_a_mismatch_never_an_update():
    for call in (set_image, already_set):
        with pytest.raises(TargetMismatch, match="names no variable"):
            call(Source(plugin_env=()), settings=IMAGE, tag=ImageTag("2"), **PLUGIN)


def test_a_variable_for_the_name_alone_can_be_already_set():
    settings = with_target(plugin_name="NAME")
    source = Source(plugin_env=(EnvEntry("NAME", "ghcr.io/acme/api"),))
    assert already_set(source, settings=settings, tag=ImageTag("2"), **PLUGIN)
    assert current_image(source, settings=settings, **PLUGIN) == ""


def test_a_digest_without_tag_name_is_already_set_once_it_is_written():
    tag = ImageTag("", "sha256:" + "a" * 64)
    written = set_image(Source(), settings=IMAGE, tag=tag, **HELM)
    assert written.helm_parameters[1].value == "latest@" + tag.digest
    assert already_set(written, settings=IMAGE, tag=tag, **HELM)


def test_a_parameter_that_is_not_forced_to_text_is_no_reason_to_write():
    parameters = (HelmParameter("image.name", "ghcr.io/acme/api"), HelmParameter("image.tag", "2"))
    source = Source(helm_parameters=parameters)
    assert already_set(source, settings=IMAGE, tag=ImageTag("2"), **HELM)
    assert not already_set(source, settings=IMAGE, tag=ImageTag("3"), **HELM)


def test_a_duplicate_with_another_value_is_not_already_set():
    source = Source(
        helm_parameters=(
            HelmParameter("image.name", "ghcr.io/acme/api"),
            HelmParameter("image.tag", "2"),
            HelmParameter("image.tag", "1"),
        )
    )
    assert not already_set(source, settings=IMAGE, tag=ImageTag("2"), **HELM)


def test_a_missing_parameter_is_not_already_set():
    source = Source(helm_parameters=(HelmParameter("image.tag", "2"),))
    assert not already_set(source, settings=IMAGE, tag=ImageTag("2"), **HELM)
