"""Find the credentials of one registry in a Docker configuration."""

from argocd_image_updater.registry.credentials.dockerconfig import (
    credentials_from_docker_config,
)
from argocd_image_updater.registry.credentials.values import CredentialValueError
from vectors.credential_rules import docker_pairs, without_line_ends
from vectors.flags import is_flagged, rule_of

VECTORS = "dockerconfig_credentials"


def test_the_entry_of_a_registry_is_found(case):
    outcome = outcome_of(case)
    recorded = None if case.get("error") else case["expect"]
    if is_flagged(case) and outcome != recorded:
        rule = rule_of(case, RULES) or nothing_or_an_entry
        assert rule(case, outcome), outcome
    else:
        assert outcome == recorded


def outcome_of(case):
    """Return user and password, or None for an error."""
    try:
        found = credentials_from_docker_config(
            case["dockerconfigjson"], api_url=case["registry_api"]
        )
    except CredentialValueError:
        return None
    return {"username": found.username, "password": found.password}


def nothing_is_found(_case, outcome):
    """Whole hosts are compared, and no host matches nothing."""
    return outcome is None


def line_ends_are_cut(case, outcome):
    return outcome == without_line_ends(case["expect"])


def an_entry_is_found(case, outcome):
    """The registry's entry is recognised however it is spelled."""
    pairs = [without_line_ends(pair) for _, pair in docker_pairs(case["dockerconfigjson"])]
    return outcome in pairs


def nothing_or_an_entry(case, outcome):
    """Invariant of this file: credentials come out of one entry, or none do."""
    return outcome is None or an_entry_is_found(case, outcome)


RULES = {
    "BUG: match whole host": nothing_is_found,
    "BUG: an empty host": nothing_is_found,
    "GAP: strip line ends": line_ends_are_cut,
    "GAP": an_entry_is_found,
}
