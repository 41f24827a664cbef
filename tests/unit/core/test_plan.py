"""Planning Applications without a cluster: declared images, types from files, targets that stop.

The rules for live images are covered by the vectors strategy_select and update_application.
"""

from dataclasses import replace

import pytest

from argocd_image_updater.core.application import (
    Application,
    HelmParameter,
    ObjectKey,
    Source,
    SourceRef,
)
from argocd_image_updater.core.choice import Pending
from argocd_image_updater.core.due import Policy
from argocd_image_updater.core.facts import (
    BranchKey,
    DigestQuestion,
    Failure,
    FailureKind,
    FileFact,
    FileQuestion,
    PathKind,
    RepositoryKey,
    SignaturePolicy,
    TagList,
    TagListQuestion,
    TagMetadata,
    VerificationFact,
    VerificationQuestion,
)
from argocd_image_updater.core.plan import ApplicationPlan, plan_application
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.reference import parse_image
from argocd_image_updater.core.settings import (
    ApplicationIntent,
    ApplicationType,
    CosignKey,
    Downgrade,
    ImageSettings,
    ManifestTarget,
    Strategy,
    TargetKind,
    WriteBack,
)

KEY = ObjectKey("argocd", "web")
REPOSITORY = RepositoryKey("reg.example", "team/app")
GIT = "https://git.example.com/deploy.git"


def everywhere(_image, _secret, _namespace):
    return REPOSITORY


POLICY = Policy("linux/amd64", everywhere, declared_counts=True)
TAGS = {TagListQuestion(REPOSITORY): TagList(("1.0.0", "1.1.0"))}
MISSING = FileFact(PathKind.MISSING)


def settings(image="reg.example/team/app:1.x", **more):
    more.setdefault("downgrade", Downgrade.ALLOW)
    return ImageSettings("app", parse_image(f"app={image}"), **more)


def intent(
    *images,
    kind=TargetKind.VALUES,
    path="charts/web/values.yaml",
    source=None,
    application_type=ApplicationType.HELM,
    method="git",
    push_branch="",
    needs_type=False,
):
    source = source or Source(repo_url=GIT, path="charts/web", target_revision="main")
    return ApplicationIntent(
        resource=KEY,
        application=Application(KEY, source=source, project="default"),
        pattern="*",
        images=images or (settings(),),
        write_back=WriteBack(
            method=method,
            credentials="repocreds",
            repository=GIT,
            base_branch="main",
            push_branch=push_branch,
            target_kind=kind,
            target_path=path,
        ),
        source_type=application_type.value.title(),
        application_type=application_type,
        write_source=SourceRef(),
        needs_type=needs_type,
    )


def at(path, branch="main"):
    return FileQuestion(BranchKey(GIT, branch, "repocreds", "default"), path)


def file(text):
    return FileFact(PathKind.FILE, text.encode())


def planned(wanted, files):
    result = plan_application(wanted, facts=TAGS | files, policy=POLICY)
    assert isinstance(result, ApplicationPlan), result
    return result


def only_decision(wanted, files):
    (decision,) = planned(wanted, files).decisions
    return decision


VALUES = at("charts/web/values.yaml")


def test_the_declared_tag_counts_as_running():
    plan = planned(intent(), {VALUES: file("image: {name: reg.example/team/app, tag: 1.0.0}\n")})
    (decision,) = plan.decisions
    assert decision.reason is Reason.WOULD_UPDATE
    assert decision.current.name == "1.0.0"
    assert decision.current_from == "charts/web/values.yaml"
    assert [write.tag.name for write in plan.writes] == ["1.1.0"]


def test_a_declared_tag_that_is_the_newest_writes_nothing():
    text = "image: {name: reg.example/team/app, tag: 1.1.0}\n"
    plan = planned(intent(), {VALUES: file(text)})
    assert plan.decisions[0].reason is Reason.UP_TO_DATE
    assert plan.writes == ()


@pytest.mark.parametrize(
    "name", ["team/app", "reg.example/team/app"], ids=["short spelling", "full spelling"]
)
def test_a_name_without_registry_means_the_configured_image(name):
    decision = only_decision(intent(), {VALUES: file(f"image: {{name: {name}, tag: 1.0.0}}\n")})
    assert decision.reason is Reason.WOULD_UPDATE


def test_another_image_at_the_target_is_not_the_configured_one():
    decision = only_decision(intent(), {VALUES: file("image: {name: other/app, tag: 1.0.0}\n")})
    assert decision.reason is Reason.NOT_LIVE


@pytest.mark.parametrize("fact", [MISSING, file("replicas: 1\n")])
def test_nothing_declared_means_not_live(fact):
    assert only_decision(intent(), {VALUES: fact}).reason is Reason.NOT_LIVE


@pytest.mark.parametrize("fact", [MISSING, file("replicas: 1\n")])
def test_force_update_writes_what_was_never_declared(fact):
    wanted = intent(settings(force_update=True))
    plan = planned(wanted, {VALUES: fact})
    assert plan.decisions[0].reason is Reason.WOULD_UPDATE
    assert plan.changes[0].old.text == ""


def test_an_unparsable_target_stops_the_application_with_its_file():
    decision = only_decision(intent(), {VALUES: file("a: [\n")})
    assert decision.reason is Reason.TARGET_UNREADABLE
    assert "values.yaml" in decision.message


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (FailureKind.TRANSIENT, Reason.GIT_UNREACHABLE),
        (FailureKind.DENIED, Reason.GIT_AUTH_FAILED),
        (FailureKind.NOT_FOUND, Reason.GIT_BRANCH_MISSING),
    ],
)
def test_a_branch_that_cannot_be_read_stops_the_application(kind, reason):
    decision = only_decision(intent(), {VALUES: Failure(kind, "why")})
    assert (decision.reason, decision.message) == (reason, "why")


def test_a_symbolic_link_at_the_target_is_refused():
    refused = {VALUES: Failure(FailureKind.REFUSED, "a symbolic link")}
    decision = only_decision(intent(), refused)
    assert decision.reason is Reason.TARGET_OUTSIDE
    assert "symbolic link" in decision.message


def kustomize(**more):
    return intent(
        kind=TargetKind.KUSTOMIZATION,
        path="overlays/web",
        application_type=ApplicationType.KUSTOMIZE,
        **more,
    )


KUSTOMIZATIONS = {
    at(f"overlays/web/{name}"): MISSING
    for name in ("kustomization.yaml", "kustomization.yml", "Kustomization")
}


def test_the_first_existing_kustomization_is_the_target():
    text = "images:\n- {name: reg.example/team/app, newTag: 1.0.0}\n"
    files = {**KUSTOMIZATIONS, at("overlays/web/Kustomization"): file(text)}
    plan = planned(kustomize(), files)
    assert plan.decisions[0].current_from == "overlays/web/Kustomization"
    assert plan.decisions[0].reason is Reason.WOULD_UPDATE


def test_a_missing_kustomization_is_never_created():
    decision = only_decision(kustomize(), KUSTOMIZATIONS)
    assert decision.reason is Reason.TARGET_MISSING


OVERRIDE = at("charts/web/.argocd-source-web.yaml")


def override(source=None):
    return intent(
        kind=TargetKind.OVERRIDE, path="charts/web/.argocd-source-web.yaml", source=source
    )


def with_parameters(tag):
    return Source(
        repo_url=GIT,
        path="charts/web",
        target_revision="main",
        helm_parameters=(
            HelmParameter("image.name", "reg.example/team/app"),
            HelmParameter("image.tag", tag),
        ),
    )


def test_an_override_file_falls_back_to_the_parameters_of_the_application():
    decision = only_decision(override(with_parameters("1.0.0")), {OVERRIDE: MISSING})
    assert decision.reason is Reason.WOULD_UPDATE
    assert decision.current.name == "1.0.0"


def test_the_override_file_wins_over_the_parameters():
    text = (
        "helm:\n  parameters:\n  - name: image.name\n    value: reg.example/team/app\n"
        '    forcestring: true\n  - name: image.tag\n    value: "1.1.0"\n    forcestring: true\n'
    )
    decision = only_decision(override(with_parameters("1.0.0")), {OVERRIDE: file(text)})
    assert decision.reason is Reason.UP_TO_DATE


def of_itself(tag, **about):
    wanted = override(with_parameters(tag))
    return replace(wanted, write_back=replace(wanted.write_back, method="argocd"), **about)


def test_the_parameters_of_the_application_are_its_own_declaration():
    plan = planned(of_itself("1.0.0"), {})
    assert plan.decisions[0].reason is Reason.WOULD_UPDATE
    assert plan.decisions[0].current_from == "parameters"
    assert plan.destination is None
    assert planned(of_itself("1.1.0"), {}).decisions[0].reason is Reason.UP_TO_DATE


def test_parameters_that_ask_for_it_already_need_no_write():
    wanted = of_itself("1.1.0")
    running = replace(
        wanted.application, has_status=True, live_images=("reg.example/team/app:1.0.0",)
    )
    plan = planned(replace(wanted, application=running), {})
    assert plan.decisions[0].reason is Reason.ALREADY_SET
    assert plan.writes == ()


def test_a_second_entry_of_one_image_and_target_is_set_by_the_first():
    wanted = of_itself("1.0.0")
    running = replace(
        wanted.application, has_status=True, live_images=("reg.example/team/app:1.0.0",)
    )
    images = (settings(), replace(settings(), alias="again"))
    plan = planned(replace(wanted, application=running, images=images), {})
    reasons = [decision.reason for decision in plan.decisions]
    assert reasons == [Reason.WOULD_UPDATE, Reason.ALREADY_SET]
    assert len(plan.writes) == 1


def test_a_push_branch_that_says_it_already_needs_no_write():
    branch = "updates"
    files = {
        VALUES: file("image: {name: reg.example/team/app, tag: 1.0.0}\n"),
        at("charts/web/values.yaml", branch): file(
            "image: {name: reg.example/team/app, tag: 1.1.0}\n"
        ),
    }
    decision = only_decision(intent(push_branch=branch), files)
    assert decision.reason is Reason.ALREADY_SET


def test_a_push_branch_that_does_not_exist_yet_starts_from_the_base():
    branch = "update-{{.AppName}}"
    files = {
        VALUES: file("image: {name: reg.example/team/app, tag: 1.0.0}\n"),
        at("charts/web/values.yaml", "update-web"): Failure(FailureKind.NOT_FOUND, "no branch"),
    }
    plan = planned(intent(push_branch=branch), files)
    assert plan.destination.push_branch == "update-web"
    assert plan.writes


@pytest.mark.parametrize(("branch", "word"), [("{{.Nope}}", "Nope"), ("{{ if }}", "branch name")])
def test_a_branch_template_that_fails_stops_the_application(branch, word):
    files = {VALUES: file("image: {name: reg.example/team/app, tag: 1.0.0}\n")}
    decision = only_decision(intent(push_branch=branch), files)
    assert decision.reason is Reason.SETTINGS_INVALID
    assert word in decision.message


def untyped():
    wanted = override(with_parameters("1.0.0"))
    source = replace(wanted.application.source, helm_parameters=None)
    return replace(
        wanted,
        application=replace(wanted.application, source=source),
        source_type="",
        application_type=ApplicationType.UNSUPPORTED,
        needs_type=True,
    )


MARKERS = ("Chart.yaml", "kustomization.yaml", "kustomization.yml", "Kustomization")


def markers(**present):
    return {
        at(f"charts/web/{name}"): file(present[name.partition(".")[0]])
        if name.partition(".")[0] in present
        else MISSING
        for name in MARKERS
    }


@pytest.mark.parametrize(
    ("present", "kind"),
    [
        ({"Chart": "name: web\n"}, ApplicationType.HELM),
        ({"Kustomization": "images: []\n"}, ApplicationType.KUSTOMIZE),
        ({"Chart": "name: web\n", "kustomization": "a: 1\n"}, ApplicationType.HELM),
    ],
)
def test_the_type_comes_from_the_files_at_the_path(present, kind):
    plan = planned(untyped(), markers(**present) | {OVERRIDE: MISSING})
    assert plan.intent.application_type is kind
    assert plan.decisions[0].reason is Reason.NOT_LIVE


def test_no_known_file_at_the_path_says_what_to_set():
    decision = only_decision(untyped(), markers())
    assert decision.reason is Reason.TARGET_MISSING
    assert "writeBackTarget" in decision.message


def test_all_open_questions_are_asked_together():
    first = plan_application(intent(), facts={}, policy=POLICY)
    assert first == Pending(frozenset((VALUES,)))
    files = {VALUES: file("image: {name: reg.example/team/app, tag: 1.0.0}\n")}
    second = plan_application(intent(), facts=files, policy=POLICY)
    assert second == Pending(frozenset(TAGS))


VERIFIED = VerificationQuestion(
    REPOSITORY, "1.1.0", "", SignaturePolicy(ObjectKey("argocd", "keys"), "cosign.pub")
)
DIGEST = "sha256:" + "a" * 64


def verified(running="1.0.0", **answers):
    """Plan an image that must be verified."""
    wanted = intent(settings(verify_enabled=True, verify_key=CosignKey("keys", "cosign.pub")))
    files = {VALUES: file(f"image: {{name: reg.example/team/app, tag: {running}}}\n")}
    return plan_application(wanted, facts=TAGS | files | answers.get("facts", {}), policy=POLICY)


def test_whether_an_image_is_signed_is_asked_before_anything_is_written():
    assert verified() == Pending(frozenset((VERIFIED,)))


def test_an_image_that_is_current_is_not_verified():
    (decision,) = verified(running="1.1.0").decisions
    assert decision.reason is Reason.UP_TO_DATE


def test_an_image_that_is_proven_is_written():
    plan = verified(facts={VERIFIED: VerificationFact(DIGEST, verified=True)})
    assert [write.tag.text for write in plan.writes] == ["1.1.0"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (VerificationFact(DIGEST, verified=False, message="why"), Reason.VERIFICATION_FAILED),
        (Failure(FailureKind.TRANSIENT, "why"), Reason.REGISTRY_ERROR),
        (Failure(FailureKind.RATE_LIMITED, "why"), Reason.RATE_LIMITED),
        (Failure(FailureKind.DENIED, "why"), Reason.AUTH_FAILED),
        (Failure(FailureKind.CONFIG, "why"), Reason.SETTINGS_INVALID),
    ],
)
def test_an_image_that_is_not_proven_is_not_written(answer, reason):
    plan = verified(facts={VERIFIED: answer})
    (decision,) = plan.decisions
    assert decision.reason is reason
    assert "why" in decision.message
    assert decision.chosen.text == "1.1.0"
    assert not plan.writes


def test_an_image_that_must_be_verified_without_a_key_is_not_written():
    wanted = intent(settings(verify_enabled=True))
    files = {VALUES: file("image: {name: reg.example/team/app, tag: 1.0.0}\n")}
    assert only_decision(wanted, files).reason is Reason.VERIFICATION_FAILED


def test_what_is_deployed_by_digest_is_verified_by_digest():
    found = {DigestQuestion(REPOSITORY, "1.x", ("linux/amd64",)): TagMetadata(DIGEST)}
    wanted = intent(
        settings(
            strategy=Strategy.DIGEST,
            verify_enabled=True,
            verify_key=CosignKey("keys", "cosign.pub"),
        )
    )
    files = {VALUES: file("image: {name: reg.example/team/app, tag: 1.x}\n")}
    plan = plan_application(wanted, facts=found | files, policy=POLICY)
    assert plan == Pending(frozenset((replace(VERIFIED, tag="1.x", digest=DIGEST),)))


def test_a_target_that_does_not_fit_is_an_error_whether_due_or_not():
    for tag in ("1.0.0", "1.1.0"):
        wanted = intent(
            settings(target=ManifestTarget(plugin_spec="IMAGE")),
            settings(target=ManifestTarget()),
        )
        wanted = replace(
            wanted,
            application=replace(
                wanted.application,
                has_status=True,
                live_images=(f"reg.example/team/app:{tag}",),
            ),
        )
        text = f"image: {{name: reg.example/team/app, tag: {tag}}}\n"
        decisions = planned(wanted, {VALUES: file(text)}).decisions
        assert decisions[0].reason is Reason.TARGET_MISMATCH
        assert decisions[1].reason in {Reason.WOULD_UPDATE, Reason.UP_TO_DATE}


def test_the_same_input_gives_the_same_plan():
    files = {VALUES: file("image: {name: reg.example/team/app, tag: 1.0.0}\n")}
    assert planned(intent(), files).decisions == planned(intent(), files).decisions


def test_an_override_that_loses_its_original_name_is_warned_of():
    source = Source(
        repo_url=GIT, target_revision="main", kustomize_images=("web=reg.example/team/app:1.0.0",)
    )
    wanted = of_itself("1.0.0", application_type=ApplicationType.KUSTOMIZE, source_type="Kustomize")
    application = replace(wanted.application, source=source)
    (decision,) = planned(replace(wanted, application=application), {}).decisions
    assert decision.reason is Reason.WOULD_UPDATE
    assert "kustomize.name: web" in decision.warnings[0]


def test_two_images_on_one_parameter_are_warned_of():
    wanted = of_itself("1.0.0", images=(settings(), replace(settings(), alias="other")))
    plan = planned(wanted, {})
    assert "'image.tag' is written by more than one setting" in " ".join(plan.warnings)
