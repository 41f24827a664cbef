"""Resources are judged as the API server judges them: accepted, strict, and what is stored."""

from argocd_image_updater.core.application import Origin
from argocd_image_updater.core.resource import decode_resource
from argocd_image_updater.core.resource_schema import SPEC
from argocd_image_updater.core.schema import Report, check

VECTORS = "crd_validation"


def test_a_resource_is_accepted_or_rejected_like_by_the_api_server(case):
    document, expect = case["object"], case["expect"]
    resource, problems, warnings = decode_resource(document, origin=Origin())
    if document.get("spec") is None and expect["accepted"]:
        # The API server stores a resource without spec; it cannot be worked with.
        assert resource is None
        assert [problem.field_path for problem in problems] == ["spec"]
        return
    assert (not problems) is expect["accepted"]
    assert (not problems and not warnings) is expect["strict_accepted"]
    if not expect["accepted"]:
        # `<nil>` only says that further rules were not evaluated.
        fields = {cause["field"] for cause in expect["causes"]} - {"<nil>"}
        assert fields <= {problem.field_path for problem in problems}


def test_the_cleaned_spec_is_what_the_api_server_stores(case):
    if not case["expect"]["accepted"] or case["object"].get("spec") is None:
        return
    report = Report()
    cleaned = check(SPEC, case["object"]["spec"], "spec", report=report)
    if "stored_spec" in case["expect"]:
        assert cleaned == case["expect"]["stored_spec"]
