from argocd_image_updater.core.application import ObjectKey, Source
from argocd_image_updater.core.conflicts import resolve_conflicts
from argocd_image_updater.core.reasons import Reason
from unit.core.resolving import GITOPS, application, image, resource, run

OLD, NEW = "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"


def ref(*images, pattern="*"):
    return [{"namePattern": pattern, "images": list(images)}]


def named(tag_name):
    return {"manifestTargets": {"helm": {"name": f"{tag_name}.name", "tag": f"{tag_name}.tag"}}}


def settle(*resources, applications=None):
    found = applications or [application()]
    return resolve_conflicts([run(one, *found) for one in resources])


def aliases(resolution):
    return [item.alias for intent in resolution.intents for item in intent.images]


def conflicts(resolution):
    return [item for item in resolution.all_problems if item.reason is Reason.CONFLICT]


def test_the_older_resource_keeps_the_image_and_the_younger_is_told_by_whom():
    young = resource(name="a", created=NEW)
    old = resource(name="z", created=OLD)
    lost, kept = settle(young, old)
    assert aliases(kept) == ["web"]
    assert not lost.intents
    [problem] = lost.problems
    assert problem.reason is Reason.CONFLICT
    assert problem.resource == young.key
    assert problem.application == ObjectKey("argocd", "web")
    assert problem.alias == "web"
    assert problem.image == "ghcr.io/acme/web"
    assert "argocd/z" in problem.message


def test_of_two_equally_old_resources_the_first_by_name_wins():
    second, first = settle(resource(name="b"), resource(name="a"))
    assert aliases(first) == ["web"]
    assert conflicts(second)


def test_a_resource_without_time_is_the_youngest():
    untimed, timed = settle(resource(name="a"), resource(name="b", created=NEW))
    assert aliases(timed) == ["web"]
    assert conflicts(untimed)


def test_the_loser_keeps_its_other_images():
    old = resource(ref(image("web", **named("web"))), name="old", created=OLD)
    young = resource(
        ref(image("mine", "redis", **named("redis")), image("web", **named("other"))),
        name="young",
        created=NEW,
    )
    kept, partly = settle(old, young)
    assert aliases(kept) == ["web"]
    assert aliases(partly) == ["mine"]
    assert len(partly.intents[0].problems) == 1


def test_disjoint_images_of_one_application_are_fine():
    one = resource(ref(image("a", "nginx", **named("nginx"))), name="one")
    two = resource(ref(image("b", "redis", **named("redis"))), name="two")
    assert [aliases(item) for item in settle(one, two)] == [["a"], ["b"]]


def test_two_images_that_are_written_to_one_place_conflict():
    one = resource(ref(image("a", "nginx")), name="one")
    two = resource(ref(image("b", "redis")), name="two")
    kept, lost = settle(one, two)
    assert aliases(kept) == ["a"]
    assert conflicts(lost)


def test_one_place_in_a_shared_file_conflicts_across_applications():
    config = {"method": "git", "gitConfig": {"writeBackTarget": "helmvalues:/shared.yaml"}}
    applications = [application("eu"), application("us")]
    one = resource(ref(image(), pattern="eu"), name="one", writeBackConfig=config)
    two = resource(ref(image(), pattern="us"), name="two", writeBackConfig=config)
    kept, lost = settle(one, two, applications=applications)
    assert aliases(kept) == ["web"]
    assert conflicts(lost)


def test_references_of_one_resource_never_conflict():
    config = {"method": "git", "gitConfig": {"writeBackTarget": "kustomization:/base"}}
    source = Source(GITOPS, path="x", target_revision="main")
    applications = [application("eu", source=source), application("us", source=source)]
    one = resource(ref(image("a"), image("b")), writeBackConfig=config)
    [resolution] = settle(one, applications=applications)
    assert aliases(resolution) == ["a", "b", "a", "b"]


def test_other_applications_and_namespaces_are_not_touched():
    one = resource(ref(image(), pattern="eu"), name="one")
    two = resource(ref(image(), pattern="us"), name="two")
    team = resource(name="three", namespace="team")
    applications = [application("eu"), application("us"), application("eu", namespace="team")]
    found = settle(one, two, team, applications=applications)
    assert [aliases(item) for item in found] == [["web"], ["web"], ["web"]]
