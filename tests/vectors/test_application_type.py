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
from vectors.resource_cases import read_application

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
    write_back = case["writeback"] or {}
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


# The better reading of references whose constraint is no valid tag, told in words by the case.
BETTER = {
    "docker.io/library/nginx:~1.25": ("docker.io", "nginx"),
    "localhost:5000/app:~1": ("localhost:5000", "app"),
    "registry:5000/team/app:~2": ("registry:5000", "team/app"),
}


def test_live_images(case):
    application = read_application(case["application"])
    images = settings(case["images"])
    forced = [(item.reference, item.kustomize_image) for item in images if item.force_update]
    live = with_forced(tuple(map(parse_image, application.live_images)), forced)
    expect = case["expect"]
    assert [shown(image) for image in live] == expect["liveImages"]
    if "deviation" in case:
        for item in images:
            name = item.reference.original.partition("=")[2]
            assert (item.reference.registry, item.reference.name) == BETTER[name]
        return
    assert len(images) == len(expect["configuredImages"])
    for item, recorded in zip(images, expect["configuredImages"], strict=True):
        matched = live_matches(live, item.reference, kustomize_image=item.kustomize_image)
        assert item.alias == recorded["alias"]
        assert shown(item.reference) | {"alias": ""} == recorded["configured"] | {"alias": ""}
        assert bool(matched) is recorded["live"]
        if matched:
            assert matched[0].full == recorded["matched"]
