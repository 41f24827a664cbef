"""The changes of an Application as the vectors write them."""

from argocd_image_updater.core.decisions import Change
from argocd_image_updater.core.reference import ImageTag, parse_image


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
