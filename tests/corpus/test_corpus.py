"""200 files in the styles that people use, all written by one run of the program.

Each file is afterwards what it should be to the byte; `git diff` counts the lines that were meant;
Helm and Kustomize, which read YAML in their own way, see the new image and no other difference.
"""

import copy
from dataclasses import dataclass

import pytest

from corpus.cases import TAGS
from corpus.kustomizations import kustomization_cases
from corpus.rendering import (
    base_files,
    chart_files,
    helm_rendered,
    kustomize_rendered,
)
from corpus.values_files import values_cases
from servers.git_server import file_at, git
from stages.servers import git_server, registry
from stages.standalone import Stage, application, git_write_back, live, reference, resource, source

__all__ = ["git_server", "registry"]  # fixtures of this file

pytestmark = pytest.mark.lab(
    "docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap", "helm", "kustomize"
)
VALUES, KUSTOMIZATIONS = values_cases(), kustomization_cases()
CASES = [*VALUES, *KUSTOMIZATIONS]


@dataclass(frozen=True)
class Written:
    """What the one run did: its outcome, and the two states of the branch as folders."""

    stage: Stage
    host: str
    first: object
    second: object
    before: object
    after: object


def path_of(case):
    if case in VALUES:
        return f"charts/charts/{case.name}/values.yaml"
    return f"bases/{case.name}/kustomization.yaml"


def followed(stage, case):
    """Return the Application of a file, and the reference to it."""
    kind = "Helm" if case in VALUES else "Kustomize"
    image, (old, _) = stage.image(case.image), TAGS[case.image]
    folder = path_of(case).rpartition("/")[0]
    app = application(case.name, source(stage.url(), folder), status=live(kind, f"{image}:{old}"))
    settings = {"alias": "web", "imageName": f"{image}:1.x"}
    if case.targets:
        settings["manifestTargets"] = case.targets
    target = "helmvalues" if kind == "Helm" else "kustomization"
    return app, reference(case.name, [settings], **git_write_back(target))


def checked_out(stage, name, revision):
    folder = stage.folder / name
    git("clone", "--quiet", stage.bare(), folder)
    git("-C", folder, "checkout", "--quiet", revision)
    return folder


def unexpected(outcome):
    return {
        image["application"]: image["message"]
        for image in outcome.report["images"]
        if image["reason"] != "Updated"
    }


@pytest.fixture(scope="module")
def written(tmp_path_factory, registry, git_server):
    stage = Stage(tmp_path_factory.mktemp("corpus"), "corpus", registry, git_server)
    for image, tags in TAGS.items():
        stage.push(*tags, image=image)
    host = stage.image().rpartition("/")[0]
    files = {path_of(case): case.before(host) for case in CASES}
    assert len(files) == len(CASES) == 200
    stage.repository(files={**chart_files(VALUES), **base_files(KUSTOMIZATIONS, host), **files})
    pairs = [followed(stage, case) for case in CASES]
    stage.add(*(app for app, _ in pairs), file="applications.yaml")
    stage.add(resource("updater", [ref for _, ref in pairs]))
    git_server.forget_requests()
    first = stage.run("--git-batch-commits=one")
    assert set(first.reasons.values()) == {"Updated"}, unexpected(first)
    counts = git_server.request_counts()
    # the long files are larger than what comes with the first fetch
    assert (counts["fetch"], counts["push"]) == (2, 1)
    git_server.forget_requests()
    second = stage.run("--git-batch-commits=one")
    assert set(git_server.request_counts()) <= {"info-refs", "ls-refs"}
    before, after = (
        checked_out(stage, name, revision) for name, revision in (("a", "main~1"), ("b", "main"))
    )
    return Written(stage, host, first, second, before, after)


def test_every_image_is_updated_once_and_then_at_rest(written):
    assert written.first.code == 0, written.first.err[-4000:]
    assert set(written.second.reasons.values()) == {"AlreadySet"}
    assert len(written.stage.log()) == 2


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_file_is_what_it_should_be_to_the_byte(written, case):
    found = file_at(written.stage.bare(), path_of(case))
    assert found == case.after(written.host)


def test_git_shows_the_lines_that_were_meant_and_no_others(written):
    output = git("-C", written.stage.bare(), "diff", "--numstat", "main~1", "main").decode()
    found = {}
    for line in output.splitlines():
        added, removed, path = line.split("\t")
        found[path] = (int(added), int(removed))
    assert found == {path_of(case): case.changed_lines() for case in CASES}


def test_helm_sees_the_new_images_and_no_other_difference(written):
    before, after = helm_rendered(written.before), helm_rendered(written.after)
    assert set(before) == set(after) == {case.name for case in VALUES}
    for case in VALUES:
        image, (old, new) = case.image_name(written.host), TAGS[case.image]
        assert (before[case.name][0], after[case.name][0]) == (f"{image}:{old}", f"{image}:{new}")
        expected = copy.deepcopy(before[case.name][1])
        for path in case.paths:
            put(expected, path, f"{image}:{new}" if "spec" in case.targets["helm"] else new)
        assert after[case.name][1] == expected, case.name


def put(values, path, new):
    *way, last = path
    for part in way:
        values = values[part]
    values[last] = new


def test_kustomize_builds_the_new_images_and_no_other_difference(written):
    before, after = kustomize_rendered(written.before), kustomize_rendered(written.after)
    images = {
        f"{case.image_name(written.host)}:{tag}"
        for case in KUSTOMIZATIONS
        for tag in (TAGS[case.image][1],)
    }
    deployments = [document for document in after if document["kind"] == "Deployment"]
    assert len(deployments) == len(KUSTOMIZATIONS)
    for document in deployments:
        assert container(document)["image"] in images
    for old, new in zip(before, after, strict=True):
        if old["kind"] == "Deployment":
            container(old)["image"] = container(new)["image"]
        assert old == new


def container(document):
    return document["spec"]["template"]["spec"]["containers"][0]
