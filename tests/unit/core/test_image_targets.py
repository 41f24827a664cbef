"""Images that name a write-back target of their own, beside that of their Application."""

from argocd_image_updater.core.application import Application, ObjectKey, Source
from argocd_image_updater.core.conflicts import resolve_conflicts
from argocd_image_updater.core.image_places import intent_of, parts_of
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.settings import ApplicationType, TargetKind
from unit.core.resolving import GITOPS, annotated, application, image, resource, run


def git(*images, **config):
    refs = [{"namePattern": "*", "images": list(images)}]
    return resource(refs, writeBackConfig={"method": "git", "gitConfig": config})


def intent_for(one, found=None):
    [intent] = run(one, found or application()).intents
    return intent


def test_an_image_goes_to_its_own_file_and_the_others_to_that_of_the_application():
    intent = intent_for(
        git(
            image("web"),
            image("api", "ghcr.io/acme/api:1.x", writeBackTarget="helmvalues:/api.yaml"),
            writeBackTarget="helmvalues:/web.yaml",
        )
    )
    web, api = parts_of(intent)
    assert [item.alias for item in (*web.images, *api.images)] == ["web", "api"]
    assert [part.write_back.target_path for part in (web, api)] == ["web.yaml", "api.yaml"]
    assert api.images[0].origins["write_back_target"] == "images[1]"
    assert web.images[0].origins["write_back_target"] == "default"


def test_everything_but_the_file_is_the_applications():
    intent = intent_for(
        git(
            image("api", writeBackTarget="helmvalues:/api.yaml"),
            writeBackTarget="helmvalues:/web.yaml",
            branch="main:bump",
        )
    )
    [part] = parts_of(intent)
    shared, own = intent.write_back, part.write_back
    assert (own.repository, own.base_branch, own.push_branch, own.target_key) == (
        shared.repository,
        shared.base_branch,
        "bump",
        shared.target_key,
    )


def test_an_image_may_go_to_a_kustomization_beside_a_chart():
    intent = intent_for(
        git(
            image("web"),
            image("api", writeBackTarget="kustomization:/overlay"),
            writeBackTarget="helmvalues",
        )
    )
    helm, kustomize = parts_of(intent)
    assert helm.application_type is ApplicationType.HELM
    assert kustomize.application_type is ApplicationType.KUSTOMIZE
    assert kustomize.write_back.target_kind is TargetKind.KUSTOMIZATION
    assert kustomize.write_back.target_path == "overlay"


def test_a_target_that_is_named_twice_is_one_part():
    intent = intent_for(
        git(
            image("web"),
            image("api", writeBackTarget="helmvalues:/web.yaml"),
            image("job", writeBackTarget="helmvalues:/job.yaml"),
            image("cron", writeBackTarget="helmvalues:/./job.yaml"),
            writeBackTarget="helmvalues:/web.yaml",
        )
    )
    aliases = [[item.alias for item in part.images] for part in parts_of(intent)]
    assert aliases == [["web", "api"], ["job", "cron"]]


def test_an_annotation_of_the_alias_names_the_target():
    one = resource([{"namePattern": "*", "useAnnotations": True}])
    found = annotated(
        image_list="web=ghcr.io/acme/web:1.x, api=ghcr.io/acme/api:1.x",
        write_back_method="git",
        write_back_target="helmvalues:/web.yaml",
        api__write_back_target="helmvalues:/api.yaml",
    )
    found = Application(
        found.key,
        source=found.source,
        source_type="Helm",
        has_status=True,
        annotations={key.replace("_", "-"): value for key, value in found.annotations.items()},
    )
    intent = intent_for(one, found)
    assert [part.write_back.target_path for part in parts_of(intent)] == ["web.yaml", "api.yaml"]
    origin = intent.images[1].origins["write_back_target"]
    assert origin == "annotation api.write-back-target"


def test_a_target_without_meaning_costs_only_that_image():
    intent = intent_for(
        git(
            image("web"),
            image("api", writeBackTarget="kustomization.yaml"),
            writeBackTarget="a.yaml",
        )
    )
    assert [item.alias for item in intent.images] == ["web"]
    [problem] = intent.problems
    assert (problem.reason, problem.alias) == (Reason.SETTINGS_INVALID, "api")
    assert problem.field_path == "spec.applicationRefs[0].images[1]"


def test_a_target_outside_the_repository_has_its_reason():
    intent = intent_for(git(image("web"), image("api", writeBackTarget="../../../x.yaml")))
    [problem] = intent.problems
    assert (problem.reason, problem.alias) == (Reason.TARGET_OUTSIDE, "api")


def test_a_target_in_another_repository_than_the_applications_is_refused():
    sources = (
        Source(GITOPS, path="chart", target_revision="main"),
        Source("https://git.example.com/other.git", path="base", target_revision="dev"),
    )
    found = Application(
        ObjectKey("argocd", "web"),
        sources=sources,
        source_types=("Helm", "Kustomize"),
        has_status=True,
    )
    images = (image("web"), image("api", writeBackTarget="kustomization"))
    intent = intent_for(git(*images, writeBackTarget="helmvalues"), found)
    [problem] = intent.problems
    assert problem.reason is Reason.SETTINGS_INVALID
    assert "other.git" in problem.message
    assert "gitConfig.repository" in problem.message
    shared = git(*images, writeBackTarget="helmvalues", repository=GITOPS, branch="main")
    assert len(parts_of(intent_for(shared, found))) == 2


def test_method_argocd_writes_the_application_whatever_an_image_names():
    one = resource([{"namePattern": "*", "images": [image(writeBackTarget="helmvalues:/a.yaml")]}])
    intent = intent_for(one)
    assert intent.images[0].own_place is None
    assert intent_of(intent, intent.images[0]) is intent


def test_an_application_of_no_supported_type_takes_part_with_images_that_have_targets():
    found = application(source_type="Directory")
    intent = intent_for(
        git(image("web"), image("api", writeBackTarget="helmvalues:/api.yaml")), found
    )
    assert [item.alias for item in intent.images] == ["api"]
    [problem] = intent.problems
    assert (problem.reason, problem.alias) == (Reason.SOURCE_UNSUPPORTED, "web")


def test_two_resources_with_one_place_in_one_file_conflict_whoever_names_the_file():
    where = {"manifestTargets": {"helm": {"name": "x.name", "tag": "x.tag"}}}
    own = where | {"writeBackTarget": "helmvalues:/shared.yaml"}

    def one(name, created, entry, target):
        config = {"method": "git", "gitConfig": {"writeBackTarget": target}}
        refs = [{"namePattern": "*", "images": [entry]}]
        return resource(refs, name=name, created=created, writeBackConfig=config)

    old = one("old", "2024-01-01T00:00:00Z", image("a", **where), "helmvalues:/shared.yaml")
    new = one("new", "2025-01-01T00:00:00Z", image("b", "acme/b:1.x", **own), "helmvalues:/x.yaml")
    _, lost = resolve_conflicts([run(old, application("a")), run(new, application("b"))])
    assert not lost.intents
    assert [item.reason for item in lost.problems] == [Reason.CONFLICT]
