"""Better results of flagged cases about one image in one source, by the words of the flag.

Where a flag is about the spelling of the input, the better result is that of the same case spelled
in a way that no flag is about.
"""

import copy

from argocd_image_updater.core.reference import parse_image
from vectors.resource_rules import cut_constraint

STAND_IN = "registry.example/stand/in"


def image_parts(case):
    """Return repository as written, and parsed identity, of the configured image."""
    repository, constraint = cut_constraint(case["image"]["imageName"])
    plain = parse_image(f"{repository}:1")
    return (repository if is_range(constraint) else plain.full_name), plain


def is_range(constraint):
    """Whether a constraint could not stand in the place of a tag."""
    return any(not (char.isalnum() or char in "_.-") for char in constraint)


def tag_suffix(case):
    tag = case.get("newTag") or {}
    name, digest = tag.get("name", ""), tag.get("digest", "")
    return (f":{name}" if name else "") + (f"@{digest}" if digest else "")


def with_block(case, block):
    """Return the case with an empty block in its dry source."""
    other = copy.deepcopy(case)
    dry = other["application"]["spec"]["sourceHydrator"]["drySource"]
    dry.setdefault(block, {})
    return other


def with_stand_in(case):
    """Return the case for an image whose spelling is beyond doubt."""
    other = copy.deepcopy(case)
    other["image"]["imageName"] = f"{STAND_IN}:1"
    return other


def with_trimmed_names(case):
    other = copy.deepcopy(case)
    for targets in (other["image"].get("manifestTargets") or {}).values():
        targets.update({key: value.strip() for key, value in targets.items()})
    return other


def override_lists(case, images):
    """Return the better lists of overrides: left sides kept, or that of an only match dropped.

    An entry belongs to the image if it has its name, and its registry where any entry of that name
    has it, or if it overrides the very name that is written.
    """
    repository, plain = image_parts(case)
    name = ((case["image"].get("manifestTargets") or {}).get("kustomize") or {}).get("name", "")
    entries = [split_override(text) for text in images]
    named = [
        index
        for index, (left, _, right) in enumerate(entries)
        if parse_image(right).name == plain.name and (not name or left in ("", name))
    ]
    own = [i for i in named if parse_image(entries[i][2]).registry == plain.registry] or named
    own += [i for i, (left, _, _) in enumerate(entries) if name and left == name]
    lists = []
    for keeps_left in (True, False):
        result = []
        for index, (left, equals, right) in enumerate(entries):
            if index not in own:
                result.append(left + equals + right)
                continue
            left_side = name or (left if keeps_left or len(own) > 1 else "")
            text = f"{left_side}=" if left_side else ""
            result.append(f"{text}{repository}{tag_suffix(case)}")
        if not own:
            result.append((f"{name}=" if name else "") + repository + tag_suffix(case))
        lists.append(list(dict.fromkeys(result)))
    return lists


def split_override(text):
    left, equals, right = text.partition("=")
    return (left, equals, right) if equals else ("", "", text)
