import pytest

from argocd_image_updater.core.application import (
    Application,
    HelmParameter,
    ObjectKey,
    Source,
    SourceRef,
)
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.resolution import with_source_type
from argocd_image_updater.core.settings import (
    AgeFrom,
    ApplicationType,
    CosignKey,
    Downgrade,
    TargetKind,
)
from argocd_image_updater.core.snapshot import Secret
from unit.core.resolving import GITOPS, PREFIX, annotated, application, image, resource, run

GIT = {"method": "git"}
ANNOTATED = [{"namePattern": "*", "useAnnotations": True}]


def only(resolution):
    [intent] = resolution.intents
    return intent


def test_one_broken_thing_never_stops_the_others():
    refs = [
        {"namePattern": "a*", "images": [image()], "writeBackConfig": {"method": "svn"}},
        {"namePattern": "b*", "images": [image("x"), image("y")]},
        {"namePattern": "c*", "images": [image()], "labelSelectors": {"matchLabels": {"!": ""}}},
    ]
    refs[1]["images"][0]["manifestTargets"] = {"helm": {}, "kustomize": {"name": "n"}}
    names = ("a", "b", "c", "d")
    resolution = run(resource(refs), *(application(name) for name in names))
    intent = only(resolution)
    assert str(intent.application.key) == "argocd/b"
    assert [item.alias for item in intent.images] == ["y"]
    assert [item.alias for item in intent.problems] == ["x"]
    assert {item.field_path for item in resolution.all_problems} == {
        "spec.applicationRefs[0]",
        "spec.applicationRefs[1].images[0]",
        "spec.applicationRefs[2].labelSelectors",
    }
    assert not any(item.quiet for item in resolution.all_problems)


def test_an_unusable_selector_is_told_once_for_all_applications():
    refs = [{"namePattern": "*", "images": [image()], "labelSelectors": {"matchLabels": {"!": ""}}}]
    resolution = run(resource(refs), *(application(f"a{index}") for index in range(5)))
    assert len(resolution.problems) == 1


def test_a_malformed_pattern_ends_the_resource_and_is_named():
    refs = [
        {"namePattern": "good", "images": [image()]},
        {"namePattern": "a[", "images": [image()]},
    ]
    resolution = run(resource(refs), application("good"))
    assert resolution.failed
    assert [item.field_path for item in resolution.problems] == [
        "spec.applicationRefs[1].namePattern"
    ]


def test_intents_are_sorted_by_application():
    resolution = run(resource(), *(application(name) for name in ("c", "a", "b")))
    assert [item.application.key.name for item in resolution.intents] == ["a", "b", "c"]


def test_an_application_that_is_being_deleted_is_passed_over_quietly():
    resolution = run(resource(), application(deleting=True))
    assert not resolution.intents
    assert [(item.reason, item.quiet) for item in resolution.problems] == [
        (Reason.APPLICATION_SKIPPED, True)
    ]


@pytest.mark.parametrize(("pattern", "quiet"), [("*", True), ("web", False)])
def test_an_unsupported_type_is_a_mistake_only_where_the_application_is_named(pattern, quiet):
    refs = [{"namePattern": pattern, "images": [image()]}]
    [problem] = run(resource(refs), application(source_type="Directory")).problems
    assert problem.reason is Reason.SOURCE_UNSUPPORTED
    assert problem.quiet is quiet


def test_an_application_that_was_never_compared_is_skipped_quietly_in_a_cluster():
    [problem] = run(resource(), application(source_type="")).problems
    assert problem.reason is Reason.APPLICATION_SKIPPED
    assert problem.quiet


@pytest.mark.parametrize(("pattern", "quiet"), [("*", True), ("web", False)])
def test_a_missing_image_list_is_normal_under_a_pattern(pattern, quiet):
    refs = [{"namePattern": pattern, "useAnnotations": True}]
    [problem] = run(resource(refs), application()).problems
    assert problem.quiet is quiet


def test_a_second_block_is_never_put_into_a_source():
    sources = (
        Source(GITOPS, path="a", kustomize_images=()),
        Source(GITOPS, path="b"),
        Source(GITOPS, path="c"),
    )
    found = Application(
        ObjectKey("argocd", "m"), sources=sources, source_types=("Helm",), has_status=True
    )
    [problem] = run(resource(), found).problems
    assert problem.reason is Reason.SOURCE_UNSUPPORTED
    assert "sources[0]" in problem.message


# --- origins, downgrade, verification -----------------------------------------------------------


def test_every_setting_says_which_level_it_came_from():
    refs = [
        {
            "namePattern": "*",
            "commonUpdateSettings": {"allowTags": "any"},
            "images": [image("x"), image(commonUpdateSettings={"downgrade": "never"})],
            "writeBackConfig": {"gitConfig": {"branch": "dev:push"}},
        }
    ]
    one = resource(
        refs,
        commonUpdateSettings={"updateStrategy": "digest", "allowTags": "regexp:x"},
        writeBackConfig=GIT,
    )
    intent = only(run(one, application()))
    origins = intent.images[1].origins
    assert origins["strategy"] == "spec.commonUpdateSettings"
    assert origins["allow_tags"] == "applicationRefs[0]"
    assert origins["downgrade"] == "images[1]"
    assert origins["reference"] == "images[1]"
    assert origins["platforms"] == "default"
    assert intent.images[1].downgrade is Downgrade.NEVER
    assert intent.write_back.origins == {
        "method": "spec.writeBackConfig",
        "credentials": "spec.writeBackConfig",
        "repository": "source.repoURL",
        "base_branch": "applicationRefs[0]",
        "push_branch": "applicationRefs[0]",
        "target_kind": "default",
        "target_path": "default",
        "pull_request": "default",
    }


def test_an_annotation_is_named_by_its_key():
    found = annotated(
        **{
            "image-list": "o/web=nginx:1,b=redis",
            "o_web__update-strategy": "digest",
            "allow-tags": "any",
            "o/web__downgrade": "allow",
            "write-back-method": "git",
            "o/web__helm__image-spec": "img",
        },
    )
    intent = only(run(resource(ANNOTATED), found))
    origins = intent.images[0].origins
    assert origins["strategy"] == "annotation o_web.update-strategy"
    assert origins["allow_tags"] == "annotation allow-tags"
    assert origins["downgrade"] == "annotation o/web.downgrade"
    assert origins["reference"] == "annotation image-list"
    assert origins["target"] == "annotation o/web.helm.image-spec"
    assert intent.images[0].downgrade is Downgrade.ALLOW
    assert intent.images[1].downgrade is Downgrade.WHEN_EXCLUDED
    assert intent.write_back.origins["method"] == "annotation write-back-method"


def test_the_downgrade_policy_of_the_process_holds_where_no_level_names_one():
    intent = only(run(resource(), application(), default_downgrade=Downgrade.ALLOW))
    assert intent.images[0].downgrade is Downgrade.ALLOW
    assert intent.images[0].origins["downgrade"] == "default"


def test_a_downgrade_policy_that_is_none_is_the_strictest_with_a_warning():
    intent = only(run(resource(ANNOTATED), annotated(**{"image-list": "nginx", "downgrade": "x"})))
    assert intent.images[0].downgrade is Downgrade.NEVER
    assert "downgrade" in intent.images[0].warnings[0]


def test_the_minimum_age_is_inherited_field_by_field():
    refs = [
        {
            "namePattern": "*",
            "commonUpdateSettings": {"minimumAge": "1d"},
            "images": [image("x"), image(commonUpdateSettings={"minimumAge": "0"})],
        }
    ]
    above = {"minimumAge": "3d", "minimumAgeFrom": "created"}
    intent = only(run(resource(refs, commonUpdateSettings=above), application()))
    day_ns = 86_400 * 10**9
    assert [item.minimum_age_ns for item in intent.images] == [day_ns, 0]
    assert {item.minimum_age_from for item in intent.images} == {AgeFrom.CREATED}
    assert intent.images[0].origins["minimum_age"] == "applicationRefs[0]"
    assert intent.images[1].origins["minimum_age_from"] == "spec.commonUpdateSettings"


def test_annotations_give_a_minimum_age_to_the_application_or_to_an_image():
    found = annotated(
        **{
            "image-list": "a=nginx,b=redis",
            "minimum-age": "72h",
            "b__newest-by": "pushed",
            "b__minimum-age": "12h",
            "b__minimum-age-from": "created",
        }
    )
    intent = only(run(resource(ANNOTATED), found))
    hour_ns = 3_600 * 10**9
    assert [item.minimum_age_ns for item in intent.images] == [72 * hour_ns, 12 * hour_ns]
    assert [item.minimum_age_from.value for item in intent.images] == ["seen", "created"]
    assert [item.newest_by.value for item in intent.images] == ["created", "pushed"]
    assert intent.images[1].origins["minimum_age"] == "annotation b.minimum-age"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("minimum-age", "3 days", "minimumAge '3 days' must be an age such as 3d, 72h or 1d12h"),
        ("newest-by", "built", "newestBy 'built' must be one of created, pushed"),
        ("minimum-age-from", "pushed", "minimumAgeFrom 'pushed' must be one of seen, created"),
    ],
)
def test_an_age_or_time_that_cannot_be_read_is_never_taken_for_the_default(name, value, message):
    found = annotated(**{"image-list": "a=nginx", "minimum-age": "1d", name: value})
    resolution = run(resource(ANNOTATED), found)
    problems = [item for intent in resolution.intents for item in intent.problems]
    [problem] = [*resolution.problems, *problems]
    assert problem.reason is Reason.SETTINGS_INVALID
    assert message in problem.message
    assert not any(intent.images for intent in resolution.intents)


def test_a_verification_policy_of_the_resource_covers_annotated_applications():
    key = ObjectKey("argocd", "keys")
    one = resource(
        ANNOTATED, imagesVerification={"cosignKey": {"secretName": "keys", "key": "pub"}}
    )
    found = annotated(**{"image-list": "nginx"})
    assert not run(one, found).intents
    intent = only(run(one, found, secrets={key: Secret(key, {"pub": b"PEM"})}))
    assert intent.images[0].verify_enabled
    assert intent.images[0].verify_key == CosignKey("keys", "pub")


def test_what_a_signature_must_be_is_merged_field_by_field():
    key = ObjectKey("argocd", "keys")
    above = {
        "cosignKey": {"secretName": "keys", "key": "pub"},
        "requiredKeys": "all",
        "requiredAnnotations": {"b": "2", "a": "1"},
    }
    one = resource(ANNOTATED, imagesVerification=above)
    found, secrets = annotated(**{"image-list": "nginx"}), {key: Secret(key, {"pub": b"PEM"})}
    (image,) = only(run(one, found, secrets=secrets)).images
    assert image.verify_every_key
    assert image.verify_annotations == (("a", "1"), ("b", "2"))
    assert image.origins["verify_annotations"] == "spec.imagesVerification"
    below = {**ANNOTATED[0], "imagesVerification": {**above, "requiredAnnotations": {}}}
    one = resource([below], imagesVerification=above)
    (image,) = only(run(one, found, secrets=secrets)).images
    assert image.verify_every_key
    assert image.verify_annotations == ()


def test_a_missing_verification_key_drops_the_image_and_counts():
    one = resource(imagesVerification={"cosignKey": {"secretName": "keys", "key": "pub"}})
    [problem] = run(one, application()).problems
    assert "argocd/keys" in problem.message
    assert problem.alias == "web"
    assert not problem.quiet


def test_an_empty_verification_key_is_told():
    key = ObjectKey("argocd", "keys")
    one = resource(imagesVerification={"cosignKey": {"secretName": "keys", "key": "pub"}})
    intent = only(run(one, application(), secrets={key: Secret(key, {"pub": b" "})}))
    assert "is empty" in intent.images[0].warnings[0]


def test_possible_leftovers_of_an_older_definition_are_told_once():
    old = {"updateStrategy": "semver", "forceUpdate": False}
    refs = [{"namePattern": "*", "images": [image(commonUpdateSettings=old)]}]
    resolution = run(resource(refs, commonUpdateSettings={"updateStrategy": "digest"}))
    [warning] = resolution.warnings
    assert "spec.applicationRefs[0].images[0].commonUpdateSettings" in warning
    assert run(resource(refs)).warnings == ()


# --- annotations --------------------------------------------------------------------------------


def test_a_constraint_with_an_operator_needs_no_alias():
    intent = only(
        run(resource(ANNOTATED), annotated(**{"image-list": "nginx:>=1.0, a=r.io/x:!=2"}))
    )
    first, second = intent.images
    assert (first.alias, first.reference.name, first.reference.tag.name) == ("", "nginx", ">=1.0")
    assert (second.alias, second.reference.registry) == ("a", "r.io")


def test_a_comma_in_a_constraint_is_understood_with_a_warning():
    found = annotated(**{"image-list": "x=nginx:>=1.0,<2.0,y=redis"})
    first, second = only(run(resource(ANNOTATED), found)).images
    assert first.reference.tag.name == ">=1.0,<2.0"
    assert "blank" in first.warnings[0]
    assert second.alias == "y"


def test_plugin_variables_and_pull_requests_can_be_asked_for():
    found = annotated(
        **{
            "image-list": "x=nginx",
            "x__plugin__env-name": "IMG",
            "x__plugin__env-tag": "TAG",
            "write-back-method": "git",
            "git-pull-request": "gitlab",
        }
    )
    intent = only(run(resource(ANNOTATED), found))
    assert intent.images[0].target.plugin_name == "IMG"
    assert intent.images[0].target.plugin_tag == "TAG"
    assert intent.write_back.pull_request.provider == "gitlab"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("git-pull-request", "gitweb"),
        ("force-update", ""),
        ("x__force-update", "maybe"),
        ("image-list", " , "),
    ],
)
def test_an_unusable_annotation_is_a_problem_of_the_application(key, value):
    settings = {"image-list": "x=nginx", "write-back-method": "git", key: value}
    resolution = run(resource(ANNOTATED), annotated(**settings))
    assert not resolution.intents
    [problem] = resolution.problems
    assert not problem.quiet
    assert PREFIX in problem.message


def test_keys_of_older_versions_are_told():
    found = annotated(**{"image-list": "x=nginx", "x__tag-match": "regexp:x"})
    [warning] = only(run(resource(ANNOTATED), found)).images[0].warnings
    assert "x.tag-match" in warning
    assert "x.allow-tags" in warning


# --- applications without status ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        (Source(GITOPS, path="p"), "helmvalues", ApplicationType.HELM),
        (Source(GITOPS, path="p"), "kustomization", ApplicationType.KUSTOMIZE),
        (Source(GITOPS, path="p", helm_parameters=()), None, ApplicationType.HELM),
        (Source(GITOPS, path="p", kustomize_images=()), None, ApplicationType.KUSTOMIZE),
        (Source("https://charts.example.com", chart="c"), None, ApplicationType.HELM),
    ],
)
def test_a_stand_alone_run_tells_the_type_from_target_block_or_chart(source, target, expected):
    method = {"method": "git", "gitConfig": {"writeBackTarget": target}} if target else {}
    found = application(source=source, source_type="")
    one = resource(writeBackConfig=method)
    intent = only(run(one, found, standalone=True))
    assert intent.application_type is expected
    assert not intent.needs_type


def test_a_plugin_block_tells_the_type_too():
    source = Source(GITOPS, path="p", plugin_env=())
    found = application(source=source, source_type="")
    assert only(run(resource(), found, standalone=True)).source_type == "Plugin"


def test_a_type_that_only_the_repository_tells_is_left_open_and_settled_later():
    found = application(source=Source(GITOPS, path="p", target_revision="main"), source_type="")
    target = {"method": "git", "gitConfig": {"writeBackTarget": "params.txt"}}
    intent = only(run(resource(writeBackConfig=target), found, standalone=True))
    assert intent.needs_type
    assert intent.application_type is ApplicationType.UNSUPPORTED
    helm = with_source_type(intent, "Helm")
    assert (helm.application_type, helm.write_back.target_kind, helm.needs_type) == (
        ApplicationType.HELM,
        TargetKind.VALUES,
        False,
    )
    kustomize = with_source_type(intent, "Kustomize")
    assert kustomize.application_type is ApplicationType.KUSTOMIZE
    assert kustomize.write_back.target_kind is TargetKind.OVERRIDE


def test_of_several_sources_without_status_the_first_that_tells_is_written():
    sources = (
        Source(GITOPS, ref="values"),
        Source(GITOPS, path="plain"),
        Source(GITOPS, path="chart", helm_parameters=(HelmParameter("image.tag", "1"),)),
    )
    found = Application(ObjectKey("argocd", "m"), sources=sources)
    intent = only(run(resource(), found, standalone=True))
    assert intent.write_source == SourceRef(2)
    untold = Application(ObjectKey("argocd", "m"), sources=sources[:2])
    intent = only(run(resource(), untold, standalone=True))
    assert intent.needs_type
    assert intent.write_source == SourceRef(1)


def test_a_status_is_believed_in_a_stand_alone_run_too():
    [problem] = run(resource(), application(source_type="Directory"), standalone=True).problems
    assert problem.reason is Reason.SOURCE_UNSUPPORTED
