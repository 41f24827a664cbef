"""A fault that nobody foresaw ends what it happened to, under its own reason, and nothing else."""

from argocd_image_updater.controller import gather as gather_module
from argocd_image_updater.controller.gather import ROUNDS, gather
from argocd_image_updater.controller.repositories import Repositories
from argocd_image_updater.core.application import Application, ObjectKey, Origin, Source, SourceRef
from argocd_image_updater.core.batches import BranchBatch, CommitGroup
from argocd_image_updater.core.choice import Pending
from argocd_image_updater.core.due import Policy
from argocd_image_updater.core.facts import (
    BranchKey,
    Failure,
    FailureKind,
    FileFact,
    FileQuestion,
    PathKind,
)
from argocd_image_updater.core.plan import ApplicationPlan
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.reference import ImageTag, parse_image
from argocd_image_updater.core.settings import (
    ApplicationIntent,
    ApplicationType,
    ImageSettings,
    TargetKind,
    WriteBack,
)
from argocd_image_updater.core.targets import ImageWrite
from argocd_image_updater.errors import BugError, internal_fault
from argocd_image_updater.git.batch import CommitResult, CommitStatus, PushResult
from argocd_image_updater.writers.branches import write_branches
from argocd_image_updater.writers.manifest_files import write_manifest_files

POLICY = Policy("linux/amd64", lambda *_: None, declared_counts=True)
SECRET = "pAss-of-somebody"


def intent(name, *, file=""):
    key = ObjectKey("argocd", name)
    return ApplicationIntent(
        pattern="*",
        write_source=SourceRef(),
        resource=ObjectKey("argocd", "updater"),
        application=Application(key, source=Source(), project="default", origin=Origin(file, 0, 1)),
        images=(ImageSettings("app", parse_image("app=reg.example/app:1.x")),),
        write_back=WriteBack(method="git", target_kind=TargetKind.VALUES, target_path="v.yaml"),
        application_type=ApplicationType.HELM,
        source_type="Helm",
    )


class Nobody:
    async def ask(self, *_, **__):
        return {}


async def gathered(monkeypatch, plan):
    monkeypatch.setattr(gather_module, "plan_application", plan)
    intents = [intent("bad"), intent("good")]
    return await gather(intents, policy=POLICY, registries=Nobody(), repositories=Nobody())


def planned(item):
    return ApplicationPlan(item, ())


async def test_a_plan_that_breaks_ends_its_application_only(monkeypatch):
    def plan(item, *, facts, policy):
        if item.application.key.name == "bad":
            raise KeyError(SECRET)
        return planned(item)

    bad, good = await gathered(monkeypatch, plan)
    (decision,) = bad.decisions
    assert decision.reason is Reason.INTERNAL_ERROR
    assert "KeyError" in decision.message
    assert "test_containment.plan" in decision.message
    assert SECRET not in decision.message
    assert good == planned(good.intent)


async def test_a_plan_that_never_stops_asking_ends_its_application_only(monkeypatch):
    rounds = []

    def plan(item, *, facts, policy):
        if item.application.key.name == "good":
            return planned(item)
        rounds.append(item)
        return Pending(frozenset({FileQuestion(BranchKey("u", "main", "", ""), "p")}))

    bad, good = await gathered(monkeypatch, plan)
    assert [one.reason for one in bad.decisions] == [Reason.INTERNAL_ERROR]
    assert good == planned(good.intent)
    assert len(rounds) <= ROUNDS


async def test_a_repository_that_cannot_be_read_leaves_the_others_readable():
    here = FileFact(PathKind.FILE, b"x")

    class Git:
        async def read(self, key, paths):
            if key.repository == "bad":
                raise ValueError(SECRET)
            return dict.fromkeys(paths, here)

    bad, good = (FileQuestion(BranchKey(name, "main", "", ""), "p") for name in ("bad", "good"))
    found = await Repositories(Git()).ask([bad, good])
    assert found[good] is here
    assert isinstance(found[bad], Failure)
    assert found[bad].kind is FailureKind.INTERNAL
    assert SECRET not in found[bad].message


async def test_where_git_must_not_be_used_it_is_not_asked_and_everybody_is_told_why():
    question = FileQuestion(BranchKey("u", "main", "", ""), "p")
    found = await Repositories(object(), trouble="no room").ask([question])
    assert found == {question: Failure(FailureKind.LOCAL, "no room")}


def batch(repository, *names):
    base = BranchKey(repository, "main", "", "")
    return BranchBatch(base, "", (CommitGroup(tuple(writing(intent(name)) for name in names)),))


def writing(item):
    """Return a plan that writes the one image there is."""
    return ApplicationPlan(item, (), (ImageWrite(item.images[0], ImageTag("1.1.0")),))


async def test_a_push_that_breaks_is_told_and_the_other_branches_are_reported():
    class Git:
        async def push(self, push):
            if push.base.repository == "bad":
                raise ValueError(SECRET)
            return PushResult((CommitResult(0, CommitStatus.UNCHANGED),))

    batches = [batch("bad", "a", "b"), batch("good", "c")]
    report = await write_branches(batches, git=Git(), template="", dry_run=False)
    reasons = {one.plan.intent.application.key.name: one.reason for one in report.results}
    assert reasons == {"a": Reason.INTERNAL_ERROR, "b": Reason.INTERNAL_ERROR, "c": None}


async def test_an_edit_that_breaks_lets_the_others_of_its_commit_go_on():
    """Nothing is at the paths that the edit asks for: a lookup fails that never should."""

    class Git:
        async def push(self, push):
            assert push.commits[0].edit({}) == {}
            return PushResult((CommitResult(0, CommitStatus.UNCHANGED),))

    report = await write_branches([batch("x", "a")], git=Git(), template="", dry_run=False)
    (result,) = report.results
    assert result.reason is Reason.INTERNAL_ERROR
    assert "KeyError" in result.message


async def test_a_manifest_that_breaks_the_editor_lets_other_files_be_written(tmp_path, monkeypatch):
    def broken(*_):
        raise ValueError(SECRET)

    module = "argocd_image_updater.writers.manifest_files"
    monkeypatch.setattr(f"{module}._edited", broken)
    file = tmp_path / "a.yaml"
    file.write_text("a: b\n")
    report = await write_manifest_files([planned(intent("a", file=str(file)))], dry_run=False)
    (result,) = report.results
    assert result.reason is Reason.INTERNAL_ERROR
    assert SECRET not in result.message
    assert file.read_text() == "a: b\n"


def test_the_text_of_our_own_faults_is_told():
    assert "the rule broke" in internal_fault(BugError("the rule broke"))
