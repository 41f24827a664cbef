"""Read a credential reference."""

import pytest

from argocd_image_updater.registry.credentials.reference import (
    CredentialKind,
    CredentialReferenceError,
    parse_credential_reference,
)

VECTORS = "credential_source"


def test_a_reference_is_taken_apart(case):
    require = case["require_prefix"]
    if case.get("error"):
        with pytest.raises(CredentialReferenceError):
            parse_credential_reference(case["spec"], require_registry=require)
        return
    reference = parse_credential_reference(case["spec"], require_registry=require)
    shown = {"type": str(reference.kind), "registry": reference.registry}
    if reference.kind is CredentialKind.ENV:
        shown["env"] = reference.name
    elif reference.kind is CredentialKind.EXT:
        shown["path"] = reference.name
    else:
        shown |= {
            "namespace": reference.namespace,
            "secret": reference.name,
            "field": reference.field,
        }
    assert shown == case["expect"]
