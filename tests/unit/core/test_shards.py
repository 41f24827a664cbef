"""Which shard works on what: each replica finds the same, each piece of work has one shard."""

from collections import Counter

import pytest

from argocd_image_updater.core.application import ObjectKey, Source
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.settings import Problem
from argocd_image_updater.core.shards import (
    Share,
    own_part,
    own_snapshot,
    ownership_of,
    repository_name,
    shard_of,
    shard_of_application,
    shard_of_intent,
)
from argocd_image_updater.core.snapshot import Snapshot
from unit.core.resolving import application, resource, run

SPELLINGS = [
    "https://git.example.com/acme/gitops.git",
    "https://git.example.com/acme/gitops",
    "https://git.example.com/acme/gitops/",
    "https://GIT.example.com:443/Acme/GitOps.git",
    "https://robot:secret@git.example.com/acme/gitops.git",
    "ssh://git@git.example.com/acme/gitops.git",
    "ssh://git@git.example.com:2222/acme/gitops.git",
    "git@git.example.com:acme/gitops.git",
    "git@git.example.com:/acme/gitops.git",
    "git@git-internal.example.com:acme/gitops",
    "https://git.example.com/scm/acme/gitops.git",
    "https://git.example.com/acme/%67itops.git",
    " https://git.example.com/acme/gitops.git ",
]


@pytest.mark.parametrize("url", SPELLINGS)
def test_spellings_of_one_repository_have_one_name(url):
    assert repository_name(url) == "acme/gitops"


def test_the_spellings_of_azure_devops_have_one_name():
    assert (
        repository_name("https://dev.azure.com/org/project/_git/repo")
        == repository_name("git@ssh.dev.azure.com:v3/org/project/repo")
        == "project/repo"
    )


@pytest.mark.parametrize("url", ["", "https://", "git@h:", "https://h/.git", "x" * 5000])
def test_any_text_has_a_name(url):
    assert repository_name(url) == repository_name(url)
    assert 0 <= shard_of(repository_name(url), 3) < 3


def test_the_shard_of_a_key_never_changes():
    """Other results would let an old and a new release push one branch."""
    assert [shard_of(f"repository:acme/r{number}", 5) for number in range(8)] == PINNED


PINNED = [1, 2, 1, 3, 1, 1, 3, 2]


def test_keys_are_spread_evenly():
    found = Counter(shard_of(f"application:argocd/app-{number}", 8) for number in range(8000))
    assert min(found.values()) > 850
    assert max(found.values()) < 1150


def git_resource(name="iu", **config):
    return resource(
        name=name, writeBackConfig={"method": "git", "gitConfig": config} if config else None
    )


def intents(one, *applications):
    resolution = run(one, *applications)
    assert resolution.intents, resolution.problems
    return resolution.intents


def of_repository(url, branch="main", name="web"):
    return application(name, source=Source(url, path="apps/web", target_revision=branch))


@pytest.mark.parametrize("shards", [2, 3, 7, 64])
def test_one_repository_is_pushed_by_one_shard_whatever_branch_and_credentials(shards):
    found = set()
    for url in SPELLINGS[:-1]:
        for branch in ("main", "HEAD", "", "main:image-updates", "main:{{.SHA256}}"):
            for method in ("git", "git:secret:robot", "git:repocreds"):
                one = resource(writeBackConfig={"method": method, "gitConfig": {"branch": branch}})
                for intent in intents(one, of_repository(url)):
                    found.add(shard_of_intent(intent, shards))
    assert len(found) == 1


def test_a_configured_repository_counts_and_not_that_of_the_source():
    config = {"repository": "https://git.example.com/acme/values", "branch": "main"}
    one = resource(writeBackConfig={"method": "git", "gitConfig": config})
    (intent,) = intents(one, of_repository("https://git.example.com/acme/charts.git"))
    assert shard_of_intent(intent, 64) == shard_of("repository:acme/values", 64)


def test_what_is_not_written_to_git_belongs_to_its_application():
    (intent,) = intents(resource(), application("web"))
    assert shard_of_intent(intent, 64) == shard_of_application(ObjectKey("argocd", "web"), 64)


def resolutions():
    """Two resources over twenty Applications, one with problems of each kind."""
    applications = [application(f"app-{number}") for number in range(20)]
    broken = resource([{"namePattern": "[", "images": []}], name="broken")
    one = run(resource(name="one"), *applications)
    problems = (
        Problem(Reason.SETTINGS_INVALID, "all", resource=one.resource.key),
        *(
            Problem(
                Reason.SETTINGS_INVALID,
                "some",
                resource=one.resource.key,
                application=ObjectKey("argocd", f"lost-{number}"),
            )
            for number in range(20)
        ),
    )
    return [
        type(one)(one.resource, one.intents, problems, warnings=("w",)),
        run(resource(name="two", writeBackConfig={"method": "git"}), *applications),
        run(broken, *applications),
    ]


@pytest.mark.parametrize("shards", [1, 2, 5])
def test_the_parts_of_all_shards_are_the_whole_and_disjoint(shards):
    whole = resolutions()
    parts = [own_part(whole, Share(shards, frozenset({shard}))) for shard in range(shards)]
    for index, resolution in enumerate(whole):
        split = [part[index] for part in parts]
        assert sorted(intent.application.key for part in split for intent in part.intents) == [
            intent.application.key for intent in resolution.intents
        ]
        assert Counter(item for part in split for item in part.problems) == Counter(
            resolution.problems
        )
        assert [part.failed for part in split] == [resolution.failed] + [False] * (shards - 1)
        assert sum(len(part.warnings) for part in split) == len(resolution.warnings)


def test_a_replica_that_holds_everything_does_everything():
    whole = resolutions()
    assert own_part(whole, Share(3, frozenset({0, 1, 2}))) == whole
    assert own_part(whole, Share()) == whole


def test_a_problem_follows_the_intent_of_its_application():
    """So that one Application is counted in one place."""
    (one, *_) = resolutions()
    ownership = ownership_of([run(git_all(), application("web"))], 64)
    key = ObjectKey("argocd", "web")
    assert ownership.of(one.resource.key, key) == shard_of("repository:acme/gitops", 64)
    assert ownership.of(one.resource.key, None) == 0
    assert ownership.of(None, key) == 0


def git_all():
    return resource(name="one", writeBackConfig={"method": "git"})


def test_problems_of_the_snapshot_are_told_by_who_writes_the_status():
    snapshot = Snapshot(problems=(Problem(Reason.SETTINGS_INVALID, "p"),), warnings=("w",))
    assert own_snapshot(snapshot, Share(2, frozenset({0}))) == snapshot
    assert own_snapshot(snapshot, Share(2, frozenset({1}))) == Snapshot()
