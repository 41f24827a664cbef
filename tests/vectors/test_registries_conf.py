"""Read a registries.conf and build the endpoint table from it."""

from argocd_image_updater.registry.endpoint import Endpoint
from argocd_image_updater.registry.endpoint_loading import load_table
from argocd_image_updater.registry.registries_conf import (
    RegistriesConfError,
    parse_registries_conf,
)
from vectors.flags import is_flagged, rule_of

VECTORS = "registries_conf"

REFUSED = "refused"


def shown_entry(entry) -> dict:
    return {
        "name": entry.name,
        "api_url": entry.api_url,
        "prefix": entry.prefix,
        "defaultns": entry.defaultns,
        "default": entry.default,
        "credentials": entry.credentials,
        "credsexpire_seconds": entry.credsexpire_s,
        "tagsortmode": entry.tagsortmode,
        "limit": entry.limit,
        "insecure": entry.insecure,
        "ca_file": entry.ca_file,
        "has_ca_data": bool(entry.ca_data),
        "ping": entry.ping,
    }


def shown_endpoint(endpoint: Endpoint, *, has_ca_data: bool) -> dict:
    return {
        "name": endpoint.name,
        "prefix": endpoint.prefix,
        "api_url": endpoint.api_url,
        "default_namespace": endpoint.default_namespace,
        "credentials": endpoint.credentials,
        "credsexpire_seconds": endpoint.credentials_expire_s,
        "tag_sort": endpoint.tag_sort or "unsorted",
        "limit_per_second": endpoint.limit_per_s or None,
        "insecure": endpoint.insecure,
        "ca_file": endpoint.ca_file,
        "has_ca_data": has_ca_data,
        "extra_ca_loaded": bool(endpoint.ca_pem),
        "is_default": endpoint.is_default,
    }


def test_a_configuration_becomes_a_table(case):
    outcome = outcome_of(case)
    if is_flagged(case) and outcome != recorded(case):
        rule = rule_of(case, RULES) or refused_or_same_entries
        assert rule(case, outcome), outcome
    else:
        assert outcome == recorded(case)
    if case.get("error") and case.get("stage") == "load":
        parse_registries_conf(case["yaml"])


def outcome_of(case):
    try:
        entries = parse_registries_conf(case["yaml"])
        table = load_table(case["yaml"], ca_directories=())
    except RegistriesConfError:
        return REFUSED
    with_ca = {entry.prefix for entry in entries if entry.ca_data}

    def shown(endpoint):
        return shown_endpoint(endpoint, has_ca_data=endpoint.prefix in with_ca)

    return {
        "parsed": [shown_entry(entry) for entry in entries],
        "default_endpoint": shown(table.default),
        "endpoints": {prefix: shown(endpoint) for prefix, endpoint in table.endpoints.items()},
    }


def recorded(case):
    return REFUSED if case.get("error") else case["expect"]


def the_configured_hub_is_the_default(case, outcome):
    """While no other entry is the default, the entry for Docker Hub is."""
    expect = case["expect"]
    hub = {**expect["endpoints"]["docker.io"], "is_default": True}
    endpoints = {**expect["endpoints"], "docker.io": hub}
    return outcome == {**expect, "default_endpoint": hub, "endpoints": endpoints}


def slashes_at_the_end_are_cut(case, outcome):
    expect = case["expect"]

    def cut(endpoint):
        return {**endpoint, "api_url": endpoint["api_url"].rstrip("/")}

    endpoints = {prefix: cut(endpoint) for prefix, endpoint in expect["endpoints"].items()}
    better = {"default_endpoint": cut(expect["default_endpoint"]), "endpoints": endpoints}
    return outcome == {**expect, **better}


def refused_or_same_entries(case, outcome):
    """Invariant of this file: an error, or the entries as recorded, each with its credentials."""
    if outcome == REFUSED or case.get("error"):
        return outcome == REFUSED
    expect = case["expect"]
    pairs = (
        [(prefix, one["credentials"]) for prefix, one in sorted(table["endpoints"].items())]
        for table in (outcome, expect)
    )
    ours, theirs = pairs
    return outcome["parsed"] == expect["parsed"] and ours == theirs


RULES = {
    "may also become the default": the_configured_hub_is_the_default,
    "trailing slashes of api_url": slashes_at_the_end_are_cut,
}
