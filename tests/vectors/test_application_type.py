"""Source type, application type, write source and live images of an Application."""

from argocd_image_updater.core.image_settings import ImageDraft, settle_image
from argocd_image_updater.core.inheritance import Layer
from argocd_image_updater.core.reference import live_matches, parse_image, with_forced
from argocd_image_updater.core.resource import (
    CommonUpdateSettings,
    ManifestTargets,
    NameTargets,
)
from argocd_image_updater.core.settings import Downgrade, ImageSettings
from argocd_image_updater.core.source_type import (
    SUPPORTED,
    application_type,
    choose_source,
    source_type_of,
)
from vectors.flags import is_flagged, rule_of
from vectors.resource_cases import read_application
from vectors.resource_rules import cut_constraint

VECTORS = "application_type"


def settings(entries):
    found = []
    for entry in entries:
        common = entry.get("commonUpdateSettings", {})
        targets = entry.get("manifestTargets")
        draft = ImageDraft(
            alias=entry["alias"],
            image_name=entry["imageName"],
            common=(Layer(CommonUpdateSettings(force_update=common.get("forceUpdate")), "image"),),
            verification=(),
            targets=targets
            and ManifestTargets(**{kind: NameTargets(**names) for kind, names in targets.items()}),
            origin="image",
            field_path="",
        )
        settled = settle_image(
            draft,
            namespace="argocd",
            secrets={},
            default_platform="",
            default_downgrade=Downgrade.NEVER,
        )
        if isinstance(settled, ImageSettings):
            found.append(settled)
    return found


def test_type_and_write_source(case):
    application = read_application(case["application"])
    write_back = case.get("writeback") or {}
    source_type = source_type_of(
        application,
        kustomization=bool(write_back.get("kustomizeBase")),
        target_path=write_back.get("target", ""),
    )
    expect = case["expect"]
    assert source_type == expect["sourceType"]
    assert (source_type in SUPPORTED) is expect["supported"]
    kind = application_type(source_type, method=write_back.get("method", "argocd"))
    assert kind == expect["applicationType"]
    source = choose_source(application, source_type)
    assert (None if source is None else str(source)) == expect["writeSource"]


def shown(image):
    tag = image.tag and {"name": image.tag.name, "digest": image.tag.digest}
    found = {"name": image.name, "registry": image.registry, "tag": tag}
    return found | ({"alias": image.alias} if image.alias else {})


def test_live_images(case):
    application = read_application(case["application"])
    images = settings(case.get("images") or ())
    forced = [(item.reference, item.kustomize_image) for item in images if item.force_update]
    live = with_forced(tuple(map(parse_image, application.live_images)), forced)
    found = {
        "liveImages": [shown(image) for image in live],
        "configuredImages": [shown_configured(item, live) for item in images],
    }
    recorded = {key: case["expect"][key] for key in found if key in case["expect"]}
    for image in recorded.get("configuredImages", ()):
        image["configured"].pop("alias", None)
    found = {key: value for key, value in found.items() if key in recorded}
    accepted = found == recorded
    if is_flagged(case) and not accepted:
        rule = rule_of(case, RULES) or only_configured_images_differ
        accepted = rule(case, found)
    assert accepted, found


def shown_configured(item, live):
    matched = live_matches(live, item.reference, kustomize_image=item.kustomize_image)
    configured = {key: part for key, part in shown(item.reference).items() if key != "alias"}
    found = {"alias": item.alias, "configured": configured, "live": bool(matched)}
    return found | ({"matched": matched[0].full} if matched else {})


def constraints_do_not_change_identity(case, found):
    """Registry and name are those of the same repository with a plain tag."""
    for item, image in zip(settings(case["images"]), found["configuredImages"], strict=True):
        repository, constraint = cut_constraint(item.reference.original.partition("=")[2])
        plain = parse_image(f"{repository}:1")
        wanted = (plain.registry, plain.name, constraint)
        shown_parts = image["configured"]
        parts = (shown_parts["registry"], shown_parts["name"], shown_parts["tag"]["name"])
        runs = [live for live in found["liveImages"] if is_called(live, plain)]
        if parts != wanted or image["live"] is not bool(runs):
            return False
    return only_configured_images_differ(case, found)


def is_called(image, plain):
    return (image["registry"], image["name"]) == (plain.registry, plain.name)


def only_configured_images_differ(case, found):
    """Invariant: running images are as recorded, and no configured one is lost or invented."""
    expect = case["expect"]
    running = [shown(parse_image(text)) for text in live_texts(case)]
    aliases = [[image["alias"] for image in one["configuredImages"]] for one in (found, expect)]
    return found["liveImages"][: len(running)] == running and aliases[0] == aliases[1]


def live_texts(case):
    return ((case["application"].get("status") or {}).get("summary") or {}).get("images") or ()


RULES = {"image reference is misread": constraints_do_not_change_identity}
