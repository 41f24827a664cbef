"""The commit message of the built-in template."""

from argocd_image_updater.core.decisions import Change
from argocd_image_updater.core.reference import ImageTag, parse_image
from argocd_image_updater.core.templates import default_commit_message

VECTORS = "default_commit_message"


def change_of(item):
    image = parse_image(item["image"])
    return Change(
        item["alias"],
        image.full_name,
        image.name,
        ImageTag(item["old_tag"], item["old_digest"]),
        ImageTag(item["new_tag"], item["new_digest"]),
        item["labels"],
    )


def test_the_default_message_names_every_change(case):
    changes = [change_of(item) for item in case["changes"]]
    assert default_commit_message(case["app_name"], changes) == case["expect"]["text"]
