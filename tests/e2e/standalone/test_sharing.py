"""Applications and images that share files and repositories: nobody loses, once is enough."""

import pytest

from servers.git_server import commit_files, git
from stages.standalone import (
    application,
    git_write_back,
    images,
    live,
    reference,
    resource,
    source,
)

pytestmark = pytest.mark.lab("docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap")


def shared_values(stage, **tags):
    lines = "".join(
        f"{name}:\n  name: {stage.image(name)}\n  tag: {tag} # {name}\n"
        for name, tag in tags.items()
    )
    return {"shared.yaml": f"# everybody's values\n{lines}".encode()}


def helm_at(name):
    return {"manifestTargets": {"helm": {"name": f"{name}.name", "tag": f"{name}.tag"}}}


def test_two_applications_write_different_values_of_one_file_in_one_push(stage):
    for name in ("web", "api"):
        stage.push("1.0.0", "1.1.0", image=name)
        stage.add(application(name, source(stage.url(), name)))
    stage.repository(files=shared_values(stage, web="1.0.0", api="1.0.0"))
    refs = [
        reference(name, images(**{name: (f"{stage.image(name)}:1.x", helm_at(name))}))
        for name in ("web", "api")
    ]
    stage.add(resource("updater", refs, **git_write_back("helmvalues:/shared.yaml")))
    stage.git.forget_requests()
    outcome = stage.run()
    assert set(outcome.reasons.values()) == {"Updated"}
    assert stage.file("shared.yaml").count("tag: 1.1.0 #") == 2
    assert len(stage.log()) == 3
    assert stage.git.request_counts()["push"] == 1
    assert stage.run().code == 0
    assert len(stage.log()) == 3


def test_two_applications_on_one_value_make_one_commit(stage):
    stage.push("1.0.0", "1.1.0")
    for name in ("blue", "green"):
        stage.add(application(name, source(stage.url(), name)))
    stage.repository(files=shared_values(stage, web="1.0.0"))
    refs = [reference("*", images(web=(f"{stage.image()}:1.x", helm_at("web"))))]
    stage.add(resource("updater", refs, **git_write_back("helmvalues:/shared.yaml")))
    outcome = stage.run()
    assert sorted(outcome.reasons.values()) in (["AlreadySet", "Updated"], ["Conflict", "Updated"])
    assert len(stage.log()) == 2
    assert "tag: 1.1.0 # web" in stage.file("shared.yaml")


def test_one_image_under_two_aliases_keeps_two_constraints(stage):
    stage.push("1.0.0", "1.1.0", "2.0.0", "2.1.0")
    stage.add(application("web", source(stage.url(), "web")))
    text = "".join(
        f"{name}:\n  name: {stage.image()}\n  tag: {tag}\n"
        for name, tag in (("old", "1.0.0"), ("new", "2.0.0"))
    )
    stage.repository(files={"web/values.yaml": text.encode()})
    refs = [
        reference(
            "web",
            images(
                old=(f"{stage.image()}:1.x", helm_at("old")),
                new=(f"{stage.image()}:2.x", helm_at("new")),
            ),
        )
    ]
    stage.add(resource("updater", refs, **git_write_back()))
    outcome = stage.run()
    assert outcome.reasons == {"web.old": "Updated", "web.new": "Updated"}
    assert outcome.image("web", "old")["current"]["tag"] == "1.0.0"
    assert outcome.image("web", "new")["current"]["tag"] == "2.0.0"
    written = stage.file("web/values.yaml")
    assert "tag: 1.1.0\n" in written
    assert "tag: 2.1.0\n" in written
    assert set(stage.run().reasons.values()) == {"UpToDate"}


def test_a_foreign_commit_between_two_cycles_is_kept_and_built_upon(stage):
    stage.push("1.0.0", "1.1.0")
    stage.helm("web")
    bare = stage.repository(files=stage.values("web"))
    assert stage.run().reasons == {"web": "Updated"}
    text = stage.file("web/values.yaml").replace("image:", "# of somebody else\nimage:")
    commit_files(bare, {"web/values.yaml": text.encode(), "other": b"1\n"}, message="foreign")
    stage.push("1.2.0")
    assert stage.run().reasons == {"web": "Updated"}
    assert stage.log()[1] == "foreign"
    assert stage.file("web/values.yaml") == text.replace("1.1.0", "1.2.0")
    assert stage.file("other") == "1\n"


def test_a_manual_pin_to_an_older_tag_is_answered_by_policy_alone(stage):
    stage.push("1.0.0", "1.1.0")
    stage.helm("web")
    bare = stage.repository(files=stage.values("web", tag="1.1.0"))
    assert stage.run().reasons == {"web": "UpToDate"}
    commit_files(bare, stage.values("web", tag="1.0.0"), message="pin")
    assert stage.run().reasons == {"web": "Updated"}


def test_an_executable_values_file_stays_executable(stage):
    stage.push("1.0.0", "1.1.0")
    stage.helm("web")
    ((path, content),) = stage.values("web").items()
    stage.repository(files={path: ("100755", content)})
    assert stage.run().reasons == {"web": "Updated"}
    assert git("-C", stage.bare(), "ls-tree", "main", path).startswith(b"100755 ")


@pytest.mark.parametrize("path", ["wëb", "web app", "-web"])
def test_paths_of_every_spelling_are_written(stage, path):
    stage.push("1.0.0", "1.1.0")
    stage.add(application("web", source(stage.url(), path)))
    refs = [reference("web", images(web=f"{stage.image()}:1.x"))]
    stage.add(resource("updater", refs, **git_write_back()))
    stage.repository(files=stage.values(path))
    assert stage.run().reasons == {"web": "Updated"}
    assert "1.1.0" in stage.file(f"{path}/values.yaml")


def test_a_values_file_larger_than_what_a_fetch_brings_is_written(stage):
    stage.push("1.0.0", "1.1.0")
    stage.helm("web")
    ((path, content),) = stage.values("web").items()
    padding = b"".join(b"# line %d of a long file\n" % number for number in range(8000))
    stage.repository(files={path: padding + content})
    assert stage.run().reasons == {"web": "Updated"}
    assert stage.file(path).encode() == padding + content.replace(b"1.0.0", b"1.1.0")


def test_status_and_target_disagree_only_what_is_declared_counts_for_writing(stage):
    stage.push("1.0.0", "1.1.0")
    status = live("Helm", f"{stage.image()}:1.0.0")
    stage.add(application("web", source(stage.url(), "web"), status=status))
    refs = [reference("web", images(web=f"{stage.image()}:1.x"))]
    stage.add(resource("updater", refs, **git_write_back()))
    stage.repository(files=stage.values("web", tag="1.1.0"))
    assert stage.run().reasons == {"web": "AlreadySet"}
    assert len(stage.log()) == 1


def anchored(stage):
    name = stage.image()
    text = f"tags: &tag 1.0.0\nimage:\n  name: {name}\n  tag: *tag\njob:\n  tag: *tag\n"
    stage.push("1.0.0", "1.1.0")
    stage.helm("web")
    stage.repository(files={"web/values.yaml": text.encode()})
    return text


def test_a_value_behind_an_anchor_changes_for_all_and_all_are_named(stage):
    text = anchored(stage)
    outcome = stage.run()
    assert outcome.reasons == {"web": "Updated"}
    assert stage.file("web/values.yaml") == text.replace("1.0.0", "1.1.0")
    assert "job.tag" in " ".join(outcome.image("web")["warnings"])


def test_a_value_behind_an_anchor_can_be_refused(stage):
    text = anchored(stage)
    outcome = stage.run("--git-shared-anchors=refuse")
    assert outcome.reasons == {"web": "Ambiguous"}
    assert stage.file("web/values.yaml") == text
