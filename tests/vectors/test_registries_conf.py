"""Read a registries.conf and build the endpoint table from it."""

import pytest

from argocd_image_updater.registry.endpoint import Endpoint
from argocd_image_updater.registry.endpoint_loading import load_table
from argocd_image_updater.registry.registries_conf import (
    RegistriesConfError,
    parse_registries_conf,
)

VECTORS = "registries_conf"

# Cases with a flag in words: keys of the expectation that the better result replaces.
BETTER_DEFAULT = {
    "Docker Hub configured, not marked default": {
        "name": "Hub",
        "credentials": "secret:argocd/hub#creds",
        "default_namespace": "",
        "limit_per_second": None,
        "is_default": True,
    }
}
BETTER_API_URL = {"two trailing slashes": "https://reg.acme.test"}


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
    if case.get("error"):
        with pytest.raises(RegistriesConfError):
            load_table(case["yaml"], ca_directories=())
        if case["stage"] == "load":
            parse_registries_conf(case["yaml"])
        return
    note, expected = case.get("note"), case["expect"]
    entries = parse_registries_conf(case["yaml"])
    table = load_table(case["yaml"], ca_directories=())
    assert [shown_entry(entry) for entry in entries] == expected["parsed"]
    with_ca = {entry.prefix for entry in entries if entry.ca_data}
    better_default = BETTER_DEFAULT.get(note, {})
    default = shown_endpoint(table.default, has_ca_data=table.default.prefix in with_ca)
    assert default == expected["default_endpoint"] | better_default
    assert set(table.endpoints) == set(expected["endpoints"])
    for prefix, wanted in expected["endpoints"].items():
        better = better_default if prefix == table.default.prefix else {}
        if note in BETTER_API_URL and prefix == "reg.acme.test":
            better = {"api_url": BETTER_API_URL[note]}
        shown = shown_endpoint(table.endpoints[prefix], has_ca_data=prefix in with_ca)
        assert shown == wanted | better
