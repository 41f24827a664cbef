"""Commit messages by a template of the owner's."""

import pytest

from argocd_image_updater.core.template_engine import TemplateFault
from argocd_image_updater.core.templates import render_commit_message
from vectors.changes import change_of

VECTORS = "commit_template"


def test_a_commit_message_is_rendered(case):
    changes = [change_of(item) for item in case["changes"]]
    if case.get("error"):
        with pytest.raises(TemplateFault) as failed:
            render_commit_message(case["template"], case["app_name"], changes)
        assert failed.value.stage == case["error_stage"]
        return
    text = render_commit_message(case["template"], case["app_name"], changes)
    assert text == case["expect"]["text"]
