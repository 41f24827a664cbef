"""Better results of flagged cases about the settings of one Application, by the words of the flag.

A rule takes the case and our resolution and says whether that is the better result. Two of them
compare with the same case spelled in a way that no flag is about.
"""

import copy

from argocd_image_updater.core.reference import parse_image
from vectors.resource_cases import (
    is_refused,
    lower_keys,
    matches_recorded,
    resolve_case,
    shown_intent,
)

IMAGE_LIST = "argocd-image-updater.argoproj.io/image-list"
ALIAS_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._/")


def refused(_case, resolution):
    return is_refused(resolution)


def keys_with_underscore_are_read(case, resolution):
    """Slashes of an alias are written as underscores in the keys of its settings."""
    return as_if_spelled(case, resolution, slashes_replaced)


def slashes_replaced(element):
    alias, equals, image = element.partition("=")
    return alias.replace("/", "_") + equals + image


def only_an_alias_is_split_off(case, resolution):
    """What stands before the equals sign of a constraint belongs to the image."""
    return as_if_spelled(case, resolution, without_alias)


def without_alias(element):
    alias, equals, _ = element.partition("=")
    is_alias = set(alias.strip()) <= ALIAS_CHARACTERS
    return element if not equals or is_alias else f"={element}"


def as_if_spelled(case, resolution, spell):
    """Whether the images are those of the case with every element of the list spelled otherwise."""
    other = copy.deepcopy(case)
    annotations = other["app"]["metadata"]["annotations"]
    elements = annotations[IMAGE_LIST].split(",")
    annotations[IMAGE_LIST] = ",".join(map(spell, elements))
    aliases = [one.partition("=")[0].strip() if "=" in one else "" for one in elements if one]
    spelled = [spell(one).partition("=")[0].strip() for one in elements if one]
    again = resolution_of(other)
    back = dict(zip(spelled, aliases, strict=True))
    expect = case["expect"]
    shown, wanted = (
        [shown_intent(intent, like=expect, secrets=case.get("secrets")) for intent in one.intents]
        for one in (resolution, again)
    )
    for image in (image for intent in wanted for image in intent["images"]):
        old = back.get(image["alias"], image["alias"])
        image["alias"] = old if image["alias"] else ""
    return bool(shown) and shown == wanted


def resolution_of(case):
    """Resolve one Application of a case; without a resource, a rule for annotations selects it."""
    resource = {
        "metadata": {"name": "iu", "namespace": case["app"]["metadata"]["namespace"]},
        "spec": {"applicationRefs": [{"namePattern": "*", "useAnnotations": True}]},
    }
    return resolve_case({"cr": resource, **case}, [case["app"]], secrets=case.get("secrets"))


def the_policy_of_the_resource_applies(case, resolution):
    """Verification set for the whole resource covers annotated Applications."""
    policy = case["cr"]["spec"].get("imagesVerification") or {}
    namespace = case["app"]["metadata"]["namespace"]
    key = policy.get("cosignKey") or {}
    data = case["secrets"].get(f"{namespace}/{key.get('secretName')}", {})

    def verified(_case, expect):
        found = {"verify": True, "cosign_key": data.get(key.get("key"))}
        return {**expect, "images": [image | found for image in expect["images"]]}

    return matches_recorded(case, resolution, change=verified)


def no_image_is_left(case, resolution):
    return not resolution.intents


def constraints_do_not_change_identity(case, resolution):
    """Registry and name are those of the same repository with a plain tag."""

    def read_better(_case, expect):
        configured = {image["alias"]: image for image in configured_images(case)}
        images = []
        for image in expect["images"]:
            text = configured[image["alias"]]["imageName"]
            repository, constraint = cut_constraint(text)
            plain = parse_image(f"{repository}:1")
            better = {"registry": plain.registry, "image_name": plain.name, "digest": ""}
            images.append(image | better | {"constraint": constraint})
        return {**expect, "images": images}

    return matches_recorded(case, resolution, change=read_better)


def configured_images(case):
    refs = case["cr"]["spec"]["applicationRefs"]
    return [image for ref in refs for image in ref.get("images", ())]


def cut_constraint(text):
    """Cut at the colon behind the first path element, which may be a host with its port."""
    host, slash, rest = text.partition("/")
    if slash and host.rpartition(":")[2].isdecimal():
        repository, _, constraint = rest.partition(":")
        return f"{host}/{repository}", constraint
    repository, _, constraint = text.partition(":")
    return repository, constraint


def closed_or_recorded(case, resolution):
    """Invariant of these files: nothing is guessed.

    The Application is refused and the reason is told; or it is as recorded, apart from images that
    were left out, each with a problem of its own; or its images are read from the list otherwise.
    """
    if not resolution.intents:
        return bool(resolution.problems)
    if case.get("error") or not case["expect"]["selected"]:
        return False
    (intent,) = resolution.intents
    expect = {**case["expect"], "images": lower_keys(case["expect"]["images"])}
    ours = shown_intent(intent, like=expect, secrets=case.get("secrets"))
    left_out = [image for image in expect["images"] if image not in ours["images"]]
    same = {**expect, "images": [image for image in expect["images"] if image not in left_out]}
    is_closed = ours == same and len(resolution.all_problems) >= len(left_out)
    return is_closed or (
        {**ours, "images": []} == {**expect, "images": []} and stand_in_the_list(case, intent)
    )


def stand_in_the_list(case, intent):
    """Every image is a stretch of the image list, and together they are all of it."""
    annotations = case["app"]["metadata"].get("annotations") or {}
    rest = annotations.get(IMAGE_LIST, "")
    for image in intent.images:
        text = image.reference.original.removeprefix("=")
        if text not in rest:
            return False
        rest = rest.replace(text, "", 1)
    return bool(intent.images) and not rest.strip("=, \t\n")


RULES = {
    "only recognised by its first letters": refused,
    "leaves the repository": refused,
    "an empty key is refused": no_image_is_left,
    "is not mapped to '_'": keys_with_underscore_are_read,
    "taken for the alias separator": only_an_alias_is_split_off,
    "verification policy is silently not applied": the_policy_of_the_resource_applies,
    "image reference is misread": constraints_do_not_change_identity,
}
