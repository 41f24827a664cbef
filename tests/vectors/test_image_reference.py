"""Image identifiers: parsed parts and renderings."""

from argocd_image_updater.core.reference import (
    is_long_form,
    kustomization_fields,
    parse_image,
    short_form,
)
from vectors.flags import is_flagged

VECTORS = "image_reference"


def test_an_identifier_gives_these_parts_and_renderings(case):
    parts = described(case["input"])
    if "better" not in case and is_flagged(case):
        assert parts == recorded(case) or every_part_is_of_the_text(case["input"], parts)
    else:
        assert parts in (recorded(case), better(case))


def described(identifier):
    image = parse_image(identifier)
    fields = kustomization_fields(image)
    return {
        "alias": image.alias,
        "registry": image.registry,
        "name": image.name,
        "tag": image.tag and (image.tag.name, image.tag.digest, image.tag.text),
        "original": image.original,
        "string": image.display,
        "full_name_without_tag": image.full_name,
        "full_name_with_tag": image.full,
        "tag_with_digest": image.tag_value,
        "has_registry_prefix": is_long_form(image.full_name),
        "short_form": short_form(image.full_name),
        "kustomization_entry": (fields.name, fields.new_name, fields.new_tag, fields.digest),
    }


def recorded(case):
    expect = dict(case["expect"])
    tag, entry = expect["tag"], expect["kustomization_entry"]
    assert tag is None or tag["is_digest"] == bool(tag["digest"])
    expect["tag"] = tag and (tag["name"], tag["digest"], tag["string"])
    expect["kustomization_entry"] = tuple(
        entry[key] for key in ("name", "newName", "newTag", "digest")
    )
    return expect


def every_part_is_of_the_text(text, parts):
    """Invariant of this file: an identifier is cut into parts; nothing is added to it."""
    tag = parts["tag"] or ("", "", "")
    return parts["original"] == text and all(
        part in text for part in (parts["alias"], parts["registry"], parts["name"], *tag)
    )


def better(case):
    """The better parts and full name are recorded; every other rendering follows from them."""
    if "better" not in case:
        return None
    wanted, alias = case["better"], case["expect"]["alias"]
    full_name = wanted["full_name_without_tag"]
    tag = wanted["tag"] or {"name": "", "digest": ""}
    name, digest = tag["name"], tag["digest"]
    full = full_name + (f":{name}" if name else "") + (f"@{digest}" if digest else "")
    first, _, rest = full_name.partition("/")
    is_long = "." in first and bool(rest)
    return {
        "alias": alias,
        "registry": wanted["registry"],
        "name": wanted["name"],
        "tag": wanted["tag"] and (name, digest, digest or name),
        "original": case["input"],
        "string": f"{alias}={full}" if alias else full,
        "full_name_without_tag": full_name,
        "full_name_with_tag": full,
        "tag_with_digest": f"{name or 'latest'}@{digest}" if digest else name,
        "has_registry_prefix": is_long,
        "short_form": rest if is_long else full_name,
        "kustomization_entry": (
            alias or full_name,
            full_name if alias else "",
            name,
            digest,
        ),
    }
