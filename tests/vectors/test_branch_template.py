"""Names of push branches by a template of the owner's."""

from argocd_image_updater.core.template_engine import TemplateFault
from argocd_image_updater.core.templates import branch_name
from vectors.changes import change_of

VECTORS = "branch_template"


def rendered(case):
    return branch_name(
        case["template"],
        namespace=case["app_namespace"],
        application=case["app_name"],
        target_key=case["target_key"],
        changes=[change_of(item) for item in case["changes"]],
    )


def failed_stage(case):
    """Return where a template failed; an empty name is refused by whoever asked for it."""
    try:
        return "" if rendered(case) else "execute"
    except TemplateFault as fault:
        return fault.stage


def test_a_branch_name_is_rendered(case):
    if case.get("error"):
        assert failed_stage(case) == case["error_stage"]
    else:
        assert rendered(case) == case["expect"]["text"]
