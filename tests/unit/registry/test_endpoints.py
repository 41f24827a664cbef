"""Which endpoint serves an image."""

from dataclasses import replace

import pytest

from argocd_image_updater.core.reference import parse_image
from argocd_image_updater.registry.endpoint_loading import load_table
from argocd_image_updater.registry.endpoints import RepositoryNameError

TABLE = load_table(
    "registries:\n"
    "- {name: Host, api_url: 'https://ghcr.io', prefix: ghcr.io}\n"
    "- {name: Team, api_url: 'https://ghcr.io', prefix: ghcr.io/team/, credentials: 'env:T'}\n",
    ca_directories=(),
)


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("ghcr.io/team/app", "Team"),
        ("ghcr.io/team", "Team"),
        ("ghcr.io/teams/app", "Host"),
        ("GHCR.io/team/app", "Team"),
        ("ghcr.io:443/team/app", "ghcr.io:443"),
        ("ghcr.io.evil.test/team/app", "ghcr.io.evil.test"),
        ("team/app", "Docker Hub"),
    ],
)
def test_the_longest_prefix_of_whole_components_wins(image, name):
    assert TABLE.lookup(parse_image(image)).name == name


def test_an_inferred_endpoint_is_found_again_by_its_key():
    endpoint = TABLE.lookup(parse_image("quay.io/x/y"))
    assert endpoint.inferred
    assert TABLE.by_prefix(endpoint.prefix) == endpoint
    assert TABLE.by_prefix("ghcr.io/team/").name == "Team"
    assert TABLE.by_prefix("docker.io").is_default


def test_a_name_outside_the_grammar_is_an_error_that_says_what_is_allowed():
    image = parse_image("ghcr.io/Acme/API:~1")
    with pytest.raises(RepositoryNameError, match="lower-case"):
        TABLE.repository_of(TABLE.lookup(image), image)


def test_official_images_of_docker_hub_are_below_library():
    image = parse_image("nginx")
    assert TABLE.repository_of(TABLE.lookup(image), image) == "library/nginx"


@pytest.mark.parametrize("name", ["ghcr.io/team/app", "ghcr.io/a", "nginx", "own.example:5000/a"])
def test_an_endpoint_stands_in_for_the_one_with_its_prefix_and_for_no_other(name):
    image, others = parse_image(name), {"ghcr.io/team/app", "ghcr.io/a", "nginx", "own.example/b"}
    endpoint = replace(TABLE.lookup(image), credentials="env:MINE")
    table = TABLE.with_endpoint(endpoint)
    assert table.lookup(image) == table.by_prefix(endpoint.prefix) == endpoint
    for other in map(parse_image, others - {name}):
        assert table.lookup(other) == TABLE.lookup(other)
