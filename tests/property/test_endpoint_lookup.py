"""The endpoint of an image depends on the configuration alone, not on its order."""

from hypothesis import given
from hypothesis import strategies as st

from argocd_image_updater.core.reference import ImageReference
from argocd_image_updater.registry.endpoint import Endpoint
from argocd_image_updater.registry.endpoint_loading import load_table
from argocd_image_updater.registry.endpoints import DOCKER_HUB, EndpointTable

COMPONENTS = st.sampled_from(["a", "b", "ab", "c"])
HOSTS = st.sampled_from(["r.test", "r.test:5000", "r.tests"])
PREFIXES = st.builds(
    lambda host, path: "/".join([host, *path]), HOSTS, st.lists(COMPONENTS, max_size=3)
)


def table_of(prefixes: list[str]) -> EndpointTable:
    endpoints = {
        prefix: Endpoint(prefix, prefix, f"https://{prefix.partition('/')[0]}")
        for prefix in prefixes
    }
    return EndpointTable(endpoints, DOCKER_HUB)


@given(
    st.lists(PREFIXES, unique=True, max_size=8).flatmap(
        lambda prefixes: st.tuples(st.just(prefixes), st.permutations(prefixes))
    ),
    HOSTS,
    st.lists(COMPONENTS, min_size=1, max_size=4),
)
def test_the_longest_matching_prefix_wins_in_any_order(orders, host, path):
    image = ImageReference(host, "/".join(path))
    first, second = (table_of(list(prefixes)).lookup(image) for prefixes in orders)
    assert first == second
    matching = [prefix for prefix in orders[0] if f"{host}/{image.name}/".startswith(f"{prefix}/")]
    assert first.prefix == max(matching, key=len, default=host)
    assert first.inferred is not bool(matching)


IMAGES = st.builds(
    lambda host, path: ImageReference(host, "/".join(path)),
    st.one_of(HOSTS, st.just(""), st.just("R.TEST")),
    st.lists(COMPONENTS, min_size=1, max_size=4),
)
CONFIGURED = load_table(
    "registries:\n"
    "- {name: a, api_url: 'https://r.test', prefix: r.test/a, credentials: 'env:A'}\n"
    "- {name: ab, api_url: 'https://r.test', prefix: r.test/a/b, credentials: 'env:AB'}\n"
    "- {name: p, api_url: 'https://r.test:5000', prefix: 'r.test:5000/c', credentials: 'env:P'}\n",
    ca_directories=(),
    extra=("registries: [{prefix: r.test/a, credentials: {a/c: 'env:AC'}}]", "extra"),
)


def found(table: EndpointTable, image: ImageReference) -> tuple[Endpoint, str]:
    """Return who is asked for an image, and with which credentials."""
    endpoint = table.lookup(image)
    repository = table.repository_of(endpoint, image)
    assert table.by_prefix(endpoint.prefix) == endpoint
    return endpoint, endpoint.for_repository(repository).credentials


@given(
    st.lists(IMAGES, unique=True, min_size=1, max_size=8).flatmap(
        lambda images: st.tuples(st.just(images), st.permutations(images))
    )
)
def test_what_was_looked_up_before_changes_nothing(orders):
    images, others = orders
    first = {image: found(CONFIGURED, image) for image in images}
    second = {image: found(CONFIGURED, image) for image in others}
    assert first == second
    for image in images:
        if image.registry == "r.test" and image.name.split("/")[0] != "a":
            assert first[image][0].inferred
            assert first[image][1] == ""
