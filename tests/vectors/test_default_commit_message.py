"""The commit message of the built-in template."""

from argocd_image_updater.core.templates import default_commit_message
from vectors.changes import change_of

VECTORS = "default_commit_message"


def test_the_default_message_names_every_change(case):
    changes = [change_of(item) for item in case["changes"]]
    assert default_commit_message(case["app_name"], changes) == case["expect"]["text"]
