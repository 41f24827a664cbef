"""Overrides of Kustomize are compared by what they mean, and neighbours stay untouched."""

from argocd_image_updater.core.parameters.kustomize import (
    get_kustomize,
    kustomize_already_set,
    lost_original,
    repository_text,
    set_kustomize,
)
from argocd_image_updater.core.reference import parse_image


def test_an_only_override_is_moved_to_another_registry():
    image = parse_image("ghcr.io/acme/api:2")
    assert set_kustomize(("quay.io/acme/api:1",), image=image) == ("ghcr.io/acme/api:2",)


def test_an_override_of_another_registry_stays_beside_one_of_the_same():
    image = parse_image("ghcr.io/acme/api:2")
    images = ("quay.io/acme/api:1", "ghcr.io/acme/api:1")
    assert set_kustomize(images, image=image) == ("quay.io/acme/api:1", "ghcr.io/acme/api:2")
    assert get_kustomize(images, image=image) == "ghcr.io/acme/api:1"


def test_a_named_image_replaces_its_plain_and_its_renamed_override_by_one():
    image = parse_image("ghcr.io/acme/api:2")
    images = ("ghcr.io/acme/api:1", "redis:7", "mine=quay.io/old/api:1")
    assert set_kustomize(images, image=image, kustomize_name="mine") == (
        "mine=ghcr.io/acme/api:2",
        "redis:7",
    )


def test_the_spelling_of_the_running_image_is_written():
    image = parse_image("docker.io/library/redis:7.2")
    running = "docker.io/library/redis"
    written = set_kustomize((), image=image, running_repository=running)
    assert written == ("docker.io/library/redis:7.2",)
    assert not kustomize_already_set(
        ("docker.io/redis:7.2",), image=image, running_repository=running
    )
    assert kustomize_already_set(written, image=image, running_repository=running)


def test_without_a_running_image_the_normalised_name_is_written():
    image = parse_image("docker.io/library/redis:7.2")
    images = ("docker.io/library/redis:7.0",)
    assert set_kustomize(images, image=image) == ("docker.io/redis:7.2",)


def test_a_renamed_override_counts_as_already_set():
    image = parse_image("nginx:2")
    assert kustomize_already_set(("web=nginx:2",), image=image)
    assert kustomize_already_set(("web=nginx:2",), image=image, kustomize_name="web")
    assert not kustomize_already_set(("web=nginx:2",), image=image, kustomize_name="other")


def test_a_name_that_begins_with_an_equals_sign_takes_no_plain_override():
    image = parse_image("ghcr.io/acme/api:2")
    assert set_kustomize(("redis:7",), image=image, kustomize_name="=x")[0] == "redis:7"


def test_the_port_of_a_registry_is_no_tag():
    assert repository_text("registry:5000/team/app:1@sha256:ab") == "registry:5000/team/app"
    assert repository_text("registry:5000/team/app") == "registry:5000/team/app"
    assert repository_text("app:1") == "app"


def test_a_single_renamed_override_loses_its_left_side_and_that_can_be_told():
    image = parse_image("nginx:2")
    images = ("redis:7", "web=nginx:1")
    assert set_kustomize(images, image=image) == ("redis:7", "nginx:2")
    assert lost_original(images, image=image) == "web"
    assert lost_original(images, image=image, kustomize_name="web") == ""
    assert lost_original(("a=nginx:1", "b=nginx:1"), image=image) == ""
