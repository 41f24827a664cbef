"""Find the endpoint that serves an image, and the repository to ask for."""

import yaml

from argocd_image_updater.core.reference import parse_image
from argocd_image_updater.registry.api import parse_api
from argocd_image_updater.registry.endpoint_loading import load_table
from argocd_image_updater.registry.endpoints import repository_name
from vectors.flags import is_flagged, rule_of

VECTORS = "registry_endpoint"


def test_an_image_is_served_by_the_right_endpoint(case):
    outcome = outcome_of(case)
    if is_flagged(case) and outcome != case["expect"]:
        rule = rule_of(case, RULES) or the_longest_prefix_serves
        assert rule(case, outcome), outcome
    else:
        assert outcome == case["expect"]


def outcome_of(case):
    table = load_table(case["registries_conf"], ca_directories=())
    earlier = {
        table.lookup(parse_image(image)).prefix for image in case.get("looked_up_before") or ()
    }
    image = parse_image(case["image"])
    endpoint = table.lookup(image)
    assert table.by_prefix(endpoint.prefix) == endpoint
    return {
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


def entries_of(case):
    document = yaml.safe_load(case["registries_conf"] or "") or {}
    return document.get("registries") or []


def serving_entry(case):
    """Return the configured entry with the longest prefix that ends where a path element ends."""
    registry, name = case["expect"]["registry"], case["expect"]["image_name"]
    path = f"{registry}/{name}/"
    fitting = [
        entry for entry in entries_of(case) if path.startswith(f"{entry['prefix'].rstrip('/')}/")
    ]
    return max(fitting, key=lambda entry: len(entry["prefix"]), default=None)


def the_longest_prefix_serves(case, outcome):
    """The entry with the longest prefix, else an endpoint made of the host, that is never hidden.

    This is the invariant of this file, too: no credentials but those of the entry that serves.
    """
    entry = serving_entry(case)
    registry = case["expect"]["registry"]
    made = {"name": registry, "prefix": registry, "api_url": f"https://{registry}", "limit": 20}
    entry = entry or made
    wanted = {
        "endpoint_name": entry["name"],
        "prefix": entry["prefix"],
        "api_url": entry["api_url"].rstrip("/"),
        "credentials": entry.get("credentials", ""),
        "insecure": entry.get("insecure", False),
        "limit_per_second": entry.get("limit") or None,
        "inferred": entry is made and registry not in hosts_before(case),
    }
    unchanged = ("registry", "image_name", "repository")
    return {**outcome, **wanted} == outcome and all(
        outcome[key] == case["expect"][key] for key in unchanged
    )


def hosts_before(case):
    return [parse_image(image).registry for image in case.get("looked_up_before") or ()]


def official_images_are_in_library(case, outcome):
    expect = case["expect"]
    name = expect["image_name"]
    repository = name if "/" in name else f"library/{name}"
    return outcome == {**expect, "repository": repository}


def scopes_may_differ(case, outcome):
    """Only the actions asked for depend on the kind of registry; pulling is one of them."""
    actions = outcome["token_actions"]
    return "pull" in actions and {**outcome, "token_actions": []} == {
        **case["expect"],
        "token_actions": [],
    }


RULES = {
    "assume library": official_images_are_in_library,
    "a trailing slash of the prefix": the_longest_prefix_serves,
    "recognise ACR": scopes_may_differ,
    "host boundary": the_longest_prefix_serves,
    "path boundary": the_longest_prefix_serves,
    "must not hide": the_longest_prefix_serves,
}
