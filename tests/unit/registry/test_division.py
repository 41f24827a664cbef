"""The limits of registries, divided between shards."""

import pytest

from argocd_image_updater.core.reference import parse_image
from argocd_image_updater.registry.division import divided
from argocd_image_updater.registry.endpoint import Endpoint
from argocd_image_updater.registry.endpoints import DOCKER_HUB, EndpointTable


def table(limit_per_s):
    endpoint = Endpoint("q", "quay.io", "https://quay.io", limit_per_s=limit_per_s)
    return EndpointTable({"quay.io": endpoint}, DOCKER_HUB)


@pytest.mark.parametrize(
    ("limit_per_s", "shards", "held", "part"),
    [(20, 4, 1, 5), (20, 4, 2, 10), (20, 3, 1, 6), (3, 8, 1, 1), (0, 4, 1, 0), (20, 4, 4, 20)],
)
def test_a_replica_asks_by_its_part_of_the_limit(limit_per_s, shards, held, part):
    found = divided(table(limit_per_s), shards=shards, held=held)
    assert found.by_prefix("quay.io").limit_per_s == part


def test_the_default_and_unknown_registries_are_divided_too():
    found = divided(table(20), shards=5)
    assert found.lookup(parse_image("nginx")).limit_per_s == 2
    assert found.lookup(parse_image("reg.example.com/web")).limit_per_s == 4


def test_together_the_replicas_ask_no_faster_than_one():
    for shards in range(1, 20):
        parts = [divided(table(20), shards=shards).default.limit_per_s for _ in range(shards)]
        assert sum(parts) <= max(DOCKER_HUB.limit_per_s, shards)


def test_one_shard_changes_nothing():
    one = table(20)
    assert divided(one, shards=1) is one
