"""Which Applications follow a branch that was pushed, and the patch that has Argo CD look."""

import pytest

from argocd_image_updater.core.application import Application, ObjectKey, Source
from argocd_image_updater.core.refreshes import HYDRATE, REFRESH, Push, follows, refresh_change

URL = "https://git.example.com/acme/deploy.git"


def push(repository=URL, branch="main", *, is_default=True):
    return Push(repository, branch, "c1", "c2", is_default=is_default)


def application(revision="", *, url=URL, **more):
    return Application(ObjectKey("argocd", "shop"), source=Source(url, "shop", revision), **more)


@pytest.mark.parametrize("revision", ["", "HEAD", "main", "refs/heads/main"])
def test_every_spelling_of_the_default_branch_follows_it(revision):
    assert follows(application(revision), push())


@pytest.mark.parametrize("revision", ["", "HEAD", "main", "v1.0", "refs/tags/release", "rel"])
def test_another_branch_a_tag_and_the_default_branch_do_not_follow(revision):
    assert not follows(application(revision), push(branch="release", is_default=False))


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.com/acme/deploy",
        "https://GIT.example.com/Acme/deploy.git",
        "git@git.example.com:acme/deploy.git",
        "ssh://git@git.example.com:22/acme/deploy",
    ],
)
def test_the_usual_spellings_of_a_repository_are_one(url):
    assert follows(application(url=url), push())
    assert follows(application(), push(url))


def test_another_repository_does_not_follow():
    assert not follows(application(url="https://git.example.com/acme/other"), push())


def test_a_chart_of_a_registry_does_not_follow():
    source = Source(URL, chart="web")
    assert not follows(Application(ObjectKey("argocd", "shop"), source=source), push())


def test_any_source_of_several_follows():
    sources = (Source("https://charts.example.com", chart="web"), Source(URL, ref="values"))
    several = Application(ObjectKey("argocd", "shop"), sources=sources)
    assert follows(several, push())
    assert not follows(several, push(is_default=False))


def test_an_application_without_a_source_does_not_follow():
    assert not follows(Application(ObjectKey("argocd", "shop")), push())


def test_the_patch_is_one_annotation():
    change = refresh_change(application(), push())
    assert change == {"metadata": {"annotations": {REFRESH: "normal"}}}


@pytest.mark.parametrize("value", ["normal", "hard"])
def test_what_is_asked_for_already_is_not_asked_again(value):
    assert refresh_change(application(annotations={REFRESH: value}), push()) == {}


def test_a_dry_source_is_hydrated_too():
    hydrated = Application(ObjectKey("argocd", "shop"), dry_source=Source(URL, "shop", "main"))
    assert follows(hydrated, push())
    assert refresh_change(hydrated, push()) == {
        "metadata": {"annotations": {REFRESH: "normal", HYDRATE: "normal"}}
    }
