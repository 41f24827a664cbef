"""What is said about the namespace that the first definition of the resource asked for."""

import pytest

from argocd_image_updater.core.application import Origin
from argocd_image_updater.core.resource import decode_resource


def decoded(origin=None, **spec):
    document = {
        "apiVersion": "argocd-image-updater.argoproj.io/v1alpha1",
        "kind": "ImageUpdater",
        "metadata": {"name": "images", "namespace": "argocd"},
        "spec": {"applicationRefs": [{"namePattern": "*", "useAnnotations": True}], **spec},
    }
    return decode_resource(document, origin=origin or Origin())


@pytest.mark.parametrize("named", ["argocd", ""])
def test_the_own_namespace_is_nothing_to_speak_of(named):
    resource, problems, warnings = decoded(namespace=named)
    assert resource.key.namespace == "argocd"
    assert (problems, warnings) == ([], [])


def test_another_namespace_is_named_as_without_effect():
    _, problems, (warning,) = decoded(namespace="shop")
    assert problems == []
    assert warning == (
        "ImageUpdater argocd/images: spec.namespace shop has no effect: the Applications are those "
        "of namespace argocd"
    )


def test_a_namespace_that_is_no_text_is_an_unknown_field():
    _, _, (warning,) = decoded(namespace=["shop"])
    assert warning == "ImageUpdater argocd/images: unknown field spec.namespace is ignored"


def test_what_stands_in_a_file_is_told_with_its_place():
    origin = Origin("all.yaml", line=7)
    _, _, (warning,) = decoded(origin, mode="x")
    assert warning.startswith("ImageUpdater argocd/images (all.yaml:7): unknown field spec.mode")
