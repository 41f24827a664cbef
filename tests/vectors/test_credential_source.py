"""Read a credential reference."""

from argocd_image_updater.registry.credentials.reference import (
    CredentialKind,
    CredentialReferenceError,
    parse_credential_reference,
)
from vectors.flags import is_flagged

VECTORS = "credential_source"


def test_a_reference_is_taken_apart(case):
    outcome = outcome_of(case)
    recorded = None if case.get("error") else case["expect"]
    if is_flagged(case) and outcome != recorded:
        assert refused_or_parts_of_the_text(case, outcome)
    else:
        assert outcome == recorded


def outcome_of(case):
    """Return the parts, or None for an error."""
    require = case.get("require_prefix", False)
    try:
        reference = parse_credential_reference(case["spec"], require_registry=require)
    except CredentialReferenceError:
        return None
    shown = {"type": str(reference.kind), "registry": reference.registry}
    if reference.kind is CredentialKind.ENV:
        return shown | {"env": reference.name}
    if reference.kind is CredentialKind.EXT:
        return shown | {"path": reference.name}
    return shown | {
        "namespace": reference.namespace,
        "secret": reference.name,
        "field": reference.field,
    }


def refused_or_parts_of_the_text(case, outcome):
    """Invariant of this file: an error, or parts that stand in the text."""
    given = {key: part for key, part in (outcome or {}).items() if key not in ("type", "field")}
    return all(part in case["spec"] for part in given.values())
