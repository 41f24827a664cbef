"""Image references: what the vectors do not show."""

import pytest

from argocd_image_updater.core.reference import (
    ImageTag,
    hub_equivalent,
    live_matches,
    parse_image,
    same_for_override,
    same_image,
    tags_equal,
    with_forced,
    with_tag,
)

DIGEST = "sha256:" + "3f" * 32


@pytest.mark.parametrize(
    ("constrained", "plain"),
    [
        ("docker.io/library/redis:^7", "docker.io/library/redis:7"),
        ("index.docker.io/redis:>1 <2", "index.docker.io/redis"),
        ("[::1]:5000/app:^1", "[::1]:5000/app:1"),
        ("[::1]/app:^1", "[::1]/app"),
        ("localhost/app:~1", "localhost/app:1"),
        ("registry:5000/team/app:~1@sha256:short", "registry:5000/team/app:1"),
        ("Registry/app:^1", "Registry/app:1"),
        ("docker.io:^2", "docker.io:2"),
        ("reg_x.example.org/app:^1", "reg_x.example.org/app:1"),
    ],
)
def test_the_form_of_the_constraint_does_not_change_the_image(constrained, plain):
    assert same_image(parse_image(constrained), parse_image(plain))


def test_a_constrained_image_is_written_back_as_the_user_spelled_it():
    image = with_tag(parse_image("web=docker.io/library/redis:^7"), ImageTag("7.2"))
    assert image.display == "web=docker.io/library/redis:7.2"
    assert image.original == ""


@pytest.mark.parametrize(
    ("text", "registry", "name"),
    [
        ("docker.iox", "", "docker.iox"),
        ("docker.io-mirror@" + DIGEST, "", "docker.io-mirror"),
        ("docker.io@" + DIGEST, "docker.io", "docker.io"),
        ("index.docker.io/library/acme/app", "", "library/acme/app"),
        ("docker.io/library/a/b:^1", "docker.io", "library/a/b"),
    ],
)
def test_docker_hub_is_recognised_by_the_first_piece_only(text, registry, name):
    image = parse_image(text)
    assert (image.registry, image.name) == (registry, name)


def test_a_registry_that_is_also_the_first_folder_stays():
    image = parse_image("reg.example.org/reg.example.org/app:1")
    assert image.full == "reg.example.org/reg.example.org/app:1"


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        (ImageTag("1"), ImageTag("1"), True),
        (ImageTag("1"), ImageTag("v1"), False),
        (ImageTag("dev", DIGEST), ImageTag("prod", DIGEST), True),
        (ImageTag("dev", DIGEST), ImageTag("dev"), False),
        (ImageTag(), ImageTag(), True),
    ],
)
def test_tags_are_compared_by_digest_as_soon_as_one_has_a_digest(a, b, equal):
    assert tags_equal(a, b) is equal
    assert tags_equal(b, a) is equal


def test_every_running_image_of_the_name_is_found_in_order():
    live = [parse_image(text) for text in ("app:2", "redis:7", "app:1", "docker.io/app:3")]
    found = live_matches(live, parse_image("a=app:^1"), kustomize_image=None)
    assert [image.full for image in found] == ["app:2", "app:1"]


def test_the_original_of_a_kustomize_override_is_looked_for_first():
    live = [parse_image(text) for text in ("new/app:2", "old/app:1")]
    configured, original = parse_image("new/app:^2"), parse_image("old/app")
    found = live_matches(live, configured, kustomize_image=original)
    assert [image.full for image in found] == ["old/app:1"]
    found = live_matches(live[:1], configured, kustomize_image=original)
    assert [image.full for image in found] == ["new/app:2"]


def test_forced_images_join_the_running_ones_once_and_without_tag():
    live = [parse_image("redis:7")]
    forced = [
        (parse_image("a=app:^1"), None),
        (parse_image("b=app:^2"), None),
        (parse_image("c=redis:^7"), None),
        (parse_image("d=mine/redis:^7"), parse_image("redis")),
    ]
    running = with_forced(live, forced)
    assert [image.display for image in running] == ["redis:7", "a=app"]
    assert running[1].tag is None


@pytest.mark.parametrize(
    ("a", "b", "equivalent"),
    [
        ("redis", "docker.io/library/redis:7", True),
        ("redis", "library/redis", True),
        ("bitnami/redis", "index.docker.io/bitnami/redis", True),
        ("redis", "registry-1.docker.io/library/redis", True),
        ("redis", "ghcr.io/library/redis", False),
        ("redis", "bitnami/redis", False),
    ],
)
def test_spellings_of_one_docker_hub_repository_are_equivalent(a, b, equivalent):
    assert hub_equivalent(parse_image(a), parse_image(b)) is equivalent


def test_overrides_of_one_image_are_the_same_however_the_constraint_is_written():
    existing = parse_image("docker.io/library/redis:7.0")
    assert same_for_override(parse_image("docker.io/library/redis:^7"), existing)
    assert same_for_override(parse_image("redis:^7"), existing)
    assert not same_for_override(parse_image("ghcr.io/redis:^7"), existing)
