"""Find the endpoint that serves an image, and the repository to ask for."""

from argocd_image_updater.core.reference import parse_image
from argocd_image_updater.registry.api import parse_api
from argocd_image_updater.registry.endpoint_loading import load_table
from argocd_image_updater.registry.endpoints import repository_name

VECTORS = "registry_endpoint"

INFERRED = {"credentials": "", "insecure": False, "limit_per_second": 20, "inferred": True}
# Cases with a flag in words, by image and note: keys that the better result replaces.
BETTER = {
    ("docker.io/library/nginx", "docker.io default without defaultns"): {
        "repository": "library/nginx"
    },
    ("ghcr.io/team-b", None): {
        "endpoint_name": "B",
        "prefix": "ghcr.io/team-b/",
        "credentials": "env:B",
        "inferred": False,
        "limit_per_second": None,
    },
    ("quay.io.internal:8443/x", "inferred quay.io swallows a longer host"): INFERRED
    | {
        "endpoint_name": "quay.io.internal:8443",
        "prefix": "quay.io.internal:8443",
        "api_url": "https://quay.io.internal:8443",
    },
    ("ghcr.io/team-ab/app", "plain string prefix, no path boundary"): INFERRED
    | {"endpoint_name": "ghcr.io", "prefix": "ghcr.io"},
    ("ghcr.io/team-a/app", "an earlier lookup inferred the bare host"): {
        "endpoint_name": "A",
        "prefix": "ghcr.io/team-a",
        "credentials": "env:A",
        "limit_per_second": None,
    },
}


def test_an_image_is_served_by_the_right_endpoint(case):
    table = load_table(case["registries_conf"], ca_directories=())
    earlier = {
        table.lookup(parse_image(image)).prefix for image in case.get("looked_up_before") or ()
    }
    image = parse_image(case["image"])
    endpoint = table.lookup(image)
    expected = case["expect"]
    if "deviation_allowed" in case:
        expected = expected | BETTER.get((case["image"], case.get("note")), {})
    shown = {
        "registry": image.registry,
        "image_name": image.name,
        "endpoint_name": endpoint.name,
        "prefix": endpoint.prefix,
        "api_url": endpoint.api_url,
        "credentials": endpoint.credentials,
        "insecure": endpoint.insecure,
        "limit_per_second": endpoint.limit_per_s or None,
        "tag_sort": endpoint.tag_sort or "unsorted",
        "repository": repository_name(endpoint, image),
        "token_actions": parse_api(endpoint).actions.split(","),
        # A table that is never written to cannot tell the first lookup from the second.
        "inferred": endpoint.inferred and endpoint.prefix not in earlier,
    }
    assert shown == expected
    assert table.by_prefix(endpoint.prefix) == endpoint
