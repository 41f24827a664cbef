import pytest

from argocd_image_updater.core.application import Application, ObjectKey, Source
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.settings import TargetKind
from argocd_image_updater.core.write_back_texts import (
    Branches,
    parse_branches,
    parse_method,
    same_repository,
)
from argocd_image_updater.errors import ConfigError
from unit.core.resolving import GITOPS, application, resource, run

CHARTS = "https://charts.example.com"


def git(**config):
    return resource(writeBackConfig={"method": "git", "gitConfig": config})


def chart_with_values(*files):
    return Application(
        ObjectKey("argocd", "web"),
        sources=(
            Source(CHARTS, chart="redis", target_revision="20.1.0", helm_value_files=files),
            Source(GITOPS, target_revision="main", ref="one"),
            Source("https://git.example.com/two.git", target_revision="dev", ref="two"),
        ),
        source_types=("Helm", "Directory", "Directory"),
        has_status=True,
    )


def written(one, found):
    [intent] = run(one, found).intents
    return intent.write_back


def test_a_chart_borrows_the_last_values_file_that_another_source_lends():
    files = ("plain.yaml", "$one/base.yaml", "$two/env/prod.yaml", "$nobody/x.yaml")
    found = written(git(writeBackTarget="helmvalues"), chart_with_values(*files))
    assert found.repository == "https://git.example.com/two.git"
    assert found.base_branch == "dev"
    assert found.target_path == "env/prod.yaml"
    assert found.target_kind is TargetKind.VALUES
    assert found.origins["repository"] == "ref two.repoURL"


def test_a_chart_without_such_a_file_is_told_what_to_set():
    [intent] = run(git(writeBackTarget="helmvalues"), chart_with_values("plain.yaml")).intents
    [problem] = intent.problems
    assert problem.reason is Reason.SETTINGS_INVALID
    assert "gitConfig.repository" in problem.message
    assert intent.write_back.base_branch == ""


def test_no_override_file_is_written_for_a_chart():
    resolution = run(git(), chart_with_values("$one/x.yaml"))
    assert not resolution.intents
    assert "writeBackTarget" in resolution.problems[0].message


def test_a_configured_repository_takes_the_branch_of_the_source_that_lives_there():
    one = git(repository="git@git.example.com:two", writeBackTarget="helmvalues:/x.yaml")
    sources = (
        Source(CHARTS, chart="redis", target_revision="20.1.0", helm_parameters=()),
        Source("ssh://git@git.example.com/two.git", target_revision="dev", path="x"),
    )
    found = Application(
        ObjectKey("argocd", "web"), sources=sources, source_types=("Helm", "Directory")
    )
    assert written(one, found).base_branch == "dev"


def test_the_version_of_a_chart_is_never_a_branch():
    one = git(repository="https://git.example.com/other.git", writeBackTarget="helmvalues:/x.yaml")
    resolution = run(one, chart_with_values("$one/x.yaml"))
    assert not resolution.intents
    assert "gitConfig.branch" in resolution.problems[0].message


def test_a_path_that_leaves_the_repository_has_a_reason_of_its_own():
    [problem] = run(git(writeBackTarget="../x.yaml"), application()).problems
    assert problem.reason is Reason.TARGET_OUTSIDE


def test_keys_differ_for_different_kustomization_directories_and_only_for_them():
    one = git(writeBackTarget="kustomization:/base")
    other = git(writeBackTarget="kustomization:/other")
    keys = {
        written(one, application("a")).target_key,
        written(one, application("b")).target_key,
    }
    assert len(keys) == 1
    assert keys != {written(other, application("a")).target_key}


def test_blank_git_settings_are_not_set():
    found = written(git(repository=" ", branch=" ", writeBackTarget=" "), application())
    assert found.repository == GITOPS
    assert found.base_branch == "main"
    assert found.target_path == "apps/web/.argocd-source-web.yaml"


def test_a_source_without_repository_is_told_what_to_set():
    [problem] = run(git(), application(source=Source(path="x"))).problems
    assert "gitConfig.repository" in problem.message


def test_credentials_are_named_by_secret():
    assert parse_method("git:secret:a/b/c", namespace="n").credentials == "secret:a/b/c"
    assert parse_method("git:secret:creds", namespace="n").credentials == "secret:n/creds"
    assert parse_method(" git ", namespace="n").credentials == "repocreds"
    assert parse_method(None, namespace="n").name == "argocd"


@pytest.mark.parametrize("text", ["a:b:c", "main:target:", "::"])
def test_a_branch_has_at_most_one_colon(text):
    with pytest.raises(ConfigError):
        parse_branches(text)


def test_colons_of_a_template_do_not_split():
    text = 'main:{{ $x := 1 }}-{{ printf "%s:%s" .A .B }}'
    assert parse_branches(text) == Branches("main", text.removeprefix("main:"))
    assert parse_branches("main:{{x:y") == Branches("main", "{{x:y")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://H/a.git", "https://h/a", True),
        ("git@h:a/b.git", "ssh://git@h/a/b", True),
        ("https://h/a", "http://h/a", False),
        ("https://h/a/", "https://h/a", False),
    ],
)
def test_repositories_are_compared_as_argo_cd_does(one, other, same):
    assert same_repository(one, other) is same
