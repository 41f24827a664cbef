"""Images of one Application that are written to different files: one commit, each in its own."""

import pytest

from stages.standalone import application, git_write_back, images, reference, resource, source

pytestmark = pytest.mark.lab("docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap")

HELM = {"manifestTargets": {"helm": {"name": "image.name", "tag": "image.tag"}}}


def shop(stage, *, files, api_target="helmvalues:/values/api.yaml", **config):
    """An Application with three images for three files."""
    for name in ("web", "api", "job"):
        stage.push("1.0.0", "1.1.0", image=name)
    stage.add(application("shop", source(stage.url(), "shop")))
    stage.repository(files=files)
    listed = images(
        web=(f"{stage.image('web')}:1.x", HELM),
        api=(f"{stage.image('api')}:1.x", HELM | {"writeBackTarget": api_target}),
        job=(f"{stage.image('job')}:1.x", {"writeBackTarget": "kustomization:/overlay"}),
    )
    where = git_write_back("helmvalues:/values/web.yaml", **config)
    stage.add(resource("updater", [reference("shop", listed)], **where))


def values(stage, name):
    return f"image:\n  name: {stage.image(name)}\n  tag: 1.0.0 # {name}\n".encode()


def files_of(stage):
    kustomization = f"images:\n- name: {stage.image('job')}\n  newTag: 1.0.0 # job\n"
    return {
        "values/web.yaml": values(stage, "web"),
        "values/api.yaml": values(stage, "api"),
        "overlay/kustomization.yaml": kustomization.encode(),
    }


def test_three_files_get_one_commit_and_each_image_names_its_own(stage):
    shop(stage, files=files_of(stage))
    outcome = stage.run()
    assert set(outcome.reasons.values()) == {"Updated"}
    assert [outcome.image("shop", name)["writtenTo"] for name in ("web", "api", "job")] == [
        "values/web.yaml on main",
        "values/api.yaml on main",
        "overlay/kustomization.yaml on main",
    ]
    assert len(stage.log()) == 2
    for path, before in files_of(stage).items():
        assert stage.file(path) == before.decode().replace("1.0.0 #", "1.1.0 #")
    assert sum(line.startswith("updates image") for line in stage.log(pattern="%B")) == 3
    again = stage.run()
    assert set(again.reasons.values()) == {"UpToDate"}
    assert len(stage.log()) == 2


def test_a_file_that_cannot_be_edited_costs_its_own_images_only(stage):
    files = files_of(stage) | {"values/api.yaml": b"image: [not a mapping]\n"}
    shop(stage, files=files)
    stage.add(
        application(
            "shop",
            source(stage.url(), "shop"),
            status={
                "sourceType": "Helm",
                "summary": {
                    "images": [f"{stage.image(name)}:1.0.0" for name in ("web", "api", "job")]
                },
            },
        )
    )
    outcome = stage.run()
    assert outcome.reasons == {
        "shop": "Updated",
        "shop.api": "TargetMismatch",
        "shop.job": "Updated",
    }
    assert stage.file("values/api.yaml") == "image: [not a mapping]\n"
    assert "tag: 1.1.0 # web" in stage.file("values/web.yaml")
    assert len(stage.log()) == 2


def test_a_dry_run_and_explain_name_the_file_of_each_image(stage):
    shop(stage, files=files_of(stage))
    outcome = stage.run("run", "--once", "--dry-run")
    assert outcome.image("shop", "api")["writtenTo"] == "values/api.yaml on main"
    explained = stage.run("explain", "shop", "api", "--output", "table").out
    assert "values/api.yaml" in explained
    assert "helmvalues:/values/api.yaml" in explained
    assert len(stage.log()) == 1


def test_a_template_of_the_push_branch_sees_all_images(stage):
    shop(stage, files=files_of(stage), branch="main:bump-{{ len .Images }}-{{ .TargetKey }}")
    outcome = stage.run()
    assert set(outcome.reasons.values()) == {"Updated"}
    [branch] = {image["writtenTo"].rpartition(" ")[2] for image in outcome.report["images"]}
    assert branch.startswith("bump-3-")
    assert "tag: 1.1.0 # api" in stage.file("values/api.yaml", branch=branch)
    assert stage.run().code == 0
    assert len(stage.log(branch=branch)) == 2
