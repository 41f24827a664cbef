"""What is decided and written: strategies, targets, branches, sources, annotations, downgrades."""

import json

import pytest
import yaml

from faults.http_proxy import FaultProxy, without_tag
from servers.git_server import commit_files
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


def test_every_strategy_chooses_in_its_own_way(stage):
    stage.push("1.9.0", "nightly-b", created="2024-03-01T00:00:00Z")
    stage.push("1.10.0", "nightly-c", created="2024-01-01T00:00:00Z")
    moving = stage.push("main", created="2024-02-01T00:00:00Z")
    names = ("semver", "newest", "alphabetical", "digest")
    stage.repository(files=stage.values(*names, tag="0.1.0"))
    for name in names:
        stage.add(application(name, source(stage.url(), name)))

    def follow(name, constraint="", **settings):
        listed = images(web=(f"{stage.image()}{constraint}", {"commonUpdateSettings": settings}))
        return reference(name, listed)

    stage.add(
        resource(
            "updater",
            [
                follow("semver", ":1.x"),
                follow("newest", updateStrategy="newest-build", allowTags="regexp:^nightly-"),
                follow("alphabetical", updateStrategy="alphabetical", ignoreTags=["nightly*"]),
                follow("digest", ":main", updateStrategy="digest"),
            ],
            **git_write_back(),
        )
    )
    done = stage.run()
    assert done.code == 0, done.out
    assert set(done.reasons.values()) == {"Updated"}
    chosen = {name: yaml.safe_load(stage.file(f"{name}/values.yaml"))["image"] for name in names}
    assert chosen["semver"]["tag"] == "1.10.0"
    assert chosen["newest"]["tag"] == "nightly-b"
    assert chosen["alphabetical"]["tag"] == "main"
    assert moving in chosen["digest"]["tag"]
    again = stage.run()
    assert set(again.reasons.values()) == {"UpToDate"}
    changed = stage.push("main", created="2024-05-01T00:00:00Z")
    third = stage.run()
    assert third.reasons == dict.fromkeys(names, "UpToDate") | {"digest": "Updated"}
    assert changed in stage.file("digest/values.yaml")


def test_all_three_targets_are_written_and_then_left_alone(stage):
    stage.push("1.0.0", "1.1.0")
    kustomization = f"resources: [d.yaml]\nimages:\n- name: {stage.image()}\n  newTag: 1.0.0\n"
    stage.repository(
        files=stage.values("values")
        | {"kustomize/kustomization.yaml": kustomization.encode(), "override/Chart.yaml": b"a: b\n"}
    )
    listed = images(web=f"{stage.image()}:1.x")
    targets = {"values": "helmvalues", "kustomize": "kustomization", "override": ""}
    references = []
    for name, target in targets.items():
        status = live("Helm", f"{stage.image()}:1.0.0") if name == "override" else None
        stage.add(application(name, source(stage.url(), name), status=status))
        references.append(reference(name, listed, **git_write_back(target)))
    stage.add(resource("updater", references))
    done = stage.run()
    assert done.code == 0, done.out
    assert set(done.reasons.values()) == {"Updated"}
    assert stage.file("kustomize/kustomization.yaml") == kustomization.replace("1.0.0", "1.1.0")
    override = yaml.safe_load(stage.file("override/.argocd-source-override.yaml"))
    written = {one["name"]: one["value"] for one in override["helm"]["parameters"]}
    assert written == {"image.name": stage.image(), "image.tag": "1.1.0"}
    again = stage.run()
    assert again.reasons == {
        "values": "UpToDate", "kustomize": "UpToDate", "override": "AlreadySet",
    }  # fmt: skip
    assert len(stage.log()) == 4


def test_a_push_branch_is_made_from_the_base_and_built_upon(stage):
    stage.push("1.0.0", "1.1.0")
    stage.repository(files=stage.values("one", "two"))
    stage.helm("one", "two")
    stage.add(
        resource(
            "updater",
            [reference("*", images(web=f"{stage.image()}:1.x"))],
            **git_write_back(branch="main:update-{{ .AppName }}"),
        )
    )
    done = stage.run()
    assert {image["writtenTo"] for image in done.report["images"]} == {
        "one/values.yaml on update-one", "two/values.yaml on update-two",
    }  # fmt: skip
    assert stage.log() == ["Begin"]
    assert stage.log(branch="update-one") == ["build: automatic update of one", "Begin"]
    again = stage.run()
    assert set(again.reasons.values()) == {"AlreadySet"}
    commit_files(stage.bare(), {"note": b"by hand\n"}, branch="update-one", message="By hand")
    stage.push("1.2.0")
    stage.run()
    assert stage.log(branch="update-one") == [
        "build: automatic update of one", "By hand", "build: automatic update of one", "Begin",
    ]  # fmt: skip
    assert stage.file("note", branch="update-one") == "by hand\n"


def test_a_chart_with_values_from_another_source_is_written_in_that_source(stage):
    stage.push("1.0.0", "1.1.0")
    stage.repository("values", stage.values("prod"))
    stage.add(
        application(
            "multi",
            {
                "repoURL": "https://charts.example.com", "chart": "web", "targetRevision": "1.2.3",
                "helm": {"valueFiles": ["$values/prod/values.yaml"]},
            },
            {"repoURL": stage.url("values"), "targetRevision": "main", "ref": "values"},
        )
    )  # fmt: skip
    stage.add(
        resource(
            "updater",
            [reference("multi", images(web=f"{stage.image()}:1.x"))],
            **git_write_back("helmvalues:/prod/values.yaml"),
        )
    )
    done = stage.run()
    assert done.reasons == {"multi": "Updated"}, done.out
    assert "tag: 1.1.0" in stage.file("prod/values.yaml", repository="values")


APPLICATION_TEXT = """\
# an Application of a person who cares for layout
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: helm, namespace: argocd}}
spec:
    source:
        repoURL: https://git.example.com/x.git   # never asked
        path: x
        helm:
            parameters:
            -   name: image.tag
                value: "1.0.0"   # kept
            -   {{name: other, value: 'yes'}}
            -   name: image.name
                value: {image}
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: kustomize, namespace: argocd}}
spec:
    source: {{repoURL: "https://git.example.com/x.git", path: z,
        kustomize: {{images: ["{image}:1.0.0"]}}}}
"""


def test_method_argocd_edits_the_manifest_itself_and_nothing_else_in_it(stage):
    stage.push("1.0.0", "1.1.0")
    text = APPLICATION_TEXT.format(image=stage.image())
    file = stage.write("apps/all.yaml", text)
    file.chmod(0o640)
    listed = images(web=f"{stage.image()}:1.x")
    stage.add(resource("updater", [reference("helm", listed), reference("kustomize", listed)]))
    plan = stage.run("plan")
    assert plan.code == 3, plan.out
    assert file.read_text() == text
    done = stage.run()
    assert done.reasons == {"helm": "Updated", "kustomize": "Updated"}, done.out
    assert [one["diff"] for one in plan.report["patches"]] == [
        one["diff"] for one in done.report["patches"]
    ]
    written = file.read_text()
    documents = list(yaml.safe_load_all(written))
    parameters = {
        one["name"]: one["value"] for one in documents[0]["spec"]["source"]["helm"]["parameters"]
    }
    assert parameters == {"image.name": stage.image(), "image.tag": "1.1.0", "other": "yes"}
    assert documents[1]["spec"]["source"]["kustomize"]["images"] == [f"{stage.image()}:1.1.0"]
    for line in ("# an Application of a person", '"1.1.0"   # kept', "{name: other, value: 'yes'}"):
        assert line in written
    assert file.stat().st_mode & 0o777 == 0o640
    assert stage.run().reasons == {"helm": "UpToDate", "kustomize": "UpToDate"}
    assert file.read_text() == written
    assert [path.name for path in file.parent.iterdir()] == ["all.yaml"]


def test_annotations_carry_images_and_write_back(stage):
    stage.push("1.0.0", "1.1.0")
    stage.repository(files=stage.values("noted"))
    prefix = "argocd-image-updater.argoproj.io"
    notes = {
        f"{prefix}/image-list": f"web={stage.image()}:1.x",
        f"{prefix}/write-back-method": "git",
        f"{prefix}/write-back-target": "helmvalues",
        f"{prefix}/git-branch": "main",
    }
    stage.add(application("noted", source(stage.url(), "noted"), annotations=notes))
    stage.add(application("unnoted", source(stage.url(), "unnoted")))
    stage.add(resource("updater", [reference("*", useAnnotations=True)]))
    done = stage.run()
    assert (done.code, done.reasons) == (0, {"noted": "Updated"}), done.out
    assert "tag: 1.1.0" in stage.file("noted/values.yaml")


def test_what_runs_decides_where_there_is_a_status(stage):
    """Live 1.0.0 and declared 1.1.0: already set. Live 1.1.0 and declared 1.0.0: up to date."""
    stage.push("1.0.0", "1.1.0")
    names = {"behind": "1.0.0", "ahead": "1.1.0"}
    stage.repository(
        files=stage.values("behind", tag="1.1.0") | stage.values("ahead", "absent", "forced")
    )
    for name in (*names, "absent", "forced"):
        running = [f"{stage.image()}:{names[name]}"] if name in names else ["other:1"]
        stage.add(application(name, source(stage.url(), name), status=live("Helm", *running)))
    listed = images(web=f"{stage.image()}:1.x")
    forced = images(web=(f"{stage.image()}:1.x", {"commonUpdateSettings": {"forceUpdate": True}}))
    stage.add(
        resource(
            "updater", [reference("*", listed), reference("forced", forced)], **git_write_back()
        )
    )
    done = stage.run()
    assert done.reasons == {
        "behind": "AlreadySet", "ahead": "UpToDate", "absent": "NotLive", "forced": "Updated",
    }  # fmt: skip
    assert stage.log() == ["build: automatic update of forced", "Begin"]


def test_an_image_that_is_declared_nowhere_needs_force(stage):
    stage.push("1.0.0", "1.1.0")
    stage.repository(files={"plain/values.yaml": b"a: b\n", "forced/values.yaml": b"a: b\n"})
    stage.helm("plain", "forced")
    forced = images(web=(f"{stage.image()}:1.x", {"commonUpdateSettings": {"forceUpdate": True}}))
    plain = images(web=f"{stage.image()}:1.x")
    stage.add(
        resource(
            "updater", [reference("plain", plain), reference("forced", forced)], **git_write_back()
        )
    )
    done = stage.run()
    assert done.reasons == {"plain": "NotLive", "forced": "Updated"}
    assert stage.file("plain/values.yaml") == "a: b\n"
    assert yaml.safe_load(stage.file("forced/values.yaml"))["image"]["tag"] == "1.1.0"


def downgrading(stage, **policies):
    """Applications that run 1.2.0, each with its policy."""
    stage.repository(files=stage.values(*policies, tag="1.2.0"))
    references = []
    for name, (constraint, policy) in policies.items():
        stage.add(application(name, source(stage.url(), name)))
        settings = {"downgrade": policy} if policy else {}
        listed = images(web=(f"{stage.image()}{constraint}", {"commonUpdateSettings": settings}))
        references.append(reference(name, listed))
    stage.add(resource("updater", references, **git_write_back()))


def test_a_narrowed_constraint_goes_back_unless_the_policy_forbids(stage):
    stage.push("1.0.0", "1.1.0", "1.2.0")
    downgrading(stage, default=(":~1.1", ""), never=(":~1.1", "never"), allow=(":~1.1", "allow"))
    done = stage.run()
    assert done.reasons == {"default": "Updated", "never": "WouldDowngrade", "allow": "Updated"}
    assert done.code == 0
    assert "tag: 1.2.0" in stage.file("never/values.yaml")


def test_a_withdrawn_tag_is_left_and_a_tag_missing_from_the_list_is_not(stage):
    stage.push("1.0.0", "1.1.0", "1.2.0")
    downgrading(stage, default=(":1.x", ""), never=(":1.x", "never"))
    with FaultProxy(stage.registry) as proxy:
        stage.write_registries(proxy.base)
        proxy.on("tags/list", without_tag("1.2.0"))
        held = stage.run()
        assert held.reasons == {"default": "ListIncomplete", "never": "ListIncomplete"}
        assert "exists but is missing from the registry's list" in held.image("default")["message"]
        assert len(proxy.asked("HEAD .*manifests/1.2.0")) == 1
        assert stage.log() == ["Begin"]
    stage.write_registries(stage.registry.url)
    stage.registry.delete_tag(f"{stage.name}/web", "1.2.0")
    done = stage.run()
    assert done.reasons == {"default": "Updated", "never": "WouldDowngrade"}
    assert "tag: 1.1.0" in stage.file("default/values.yaml")


def test_the_older_of_two_resources_keeps_an_image_and_the_younger_is_told(stage):
    stage.push("1.0.0", "1.1.0")
    stage.push("3.0.0", "3.1.0", image="db")
    files = {
        "one/values.yaml": (
            f"image:\n  name: {stage.image()}\n  tag: 1.0.0\n"
            f"db:\n  name: {stage.image('db')}\n  tag: 3.0.0\n"
        ).encode()
    }
    stage.repository(files=files)
    stage.add(application("one", source(stage.url(), "one")))
    web = f"{stage.image()}:1.x"
    db = (
        f"{stage.image('db')}:3.x",
        {"manifestTargets": {"helm": {"name": "db.name", "tag": "db.tag"}}},
    )
    stage.add(
        resource(
            "aa-younger",
            [reference("one", images(web=web, db=db))],
            created="2024-02-01T00:00:00Z",
            **git_write_back(),
        )
    )
    stage.add(
        resource(
            "older",
            [reference("one", images(web=web))],
            created="2024-01-01T00:00:00Z",
            **git_write_back(),
        )
    )
    stage.add(
        resource(
            "youngest",
            [reference("one", images(web=web))],
            created="2024-03-01T00:00:00Z",
            **git_write_back(),
        )
    )
    done = stage.run()
    assert done.code == 2
    ends = {(image["resource"], image["alias"]): image["reason"] for image in done.report["images"]}
    assert ends == {
        ("argocd/aa-younger", "db"): "Updated",
        ("argocd/aa-younger", "web"): "Conflict",
        ("argocd/older", "web"): "Updated",
        ("argocd/youngest", "web"): "Conflict",
    }
    lost = [image for image in done.report["images"] if image["reason"] == "Conflict"]
    assert all("argocd/older" in image["message"] for image in lost)
    values = yaml.safe_load(stage.file("one/values.yaml"))
    assert (values["image"]["tag"], values["db"]["tag"]) == ("1.1.0", "3.1.0")


def test_credentials_of_the_registry_and_of_a_git_secret_of_ones_own_work(stage):
    """A pull secret in the namespace of the Application, and ``git:secret``."""
    stage.push("1.0.0", "1.1.0")
    stage.repository(files=stage.values("own"))
    stage.add(application("own", source(stage.url(), "own"), namespace="team"))
    auth = {"auths": {stage.registry.host: {"username": "u", "password": "pUll-sEcret-815"}}}
    stage.secrets.add("pUll-sEcret-815")
    for name, data in {
        "pull": {".dockerconfigjson": json.dumps(auth)},
        "push": {"username": stage.git.username, "password": stage.git.password},
    }.items():
        stage.add(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "namespace": "team"},
                "stringData": data,
            }
        )
    settings = {"commonUpdateSettings": {"pullSecret": "pullsecret:team/pull"}}
    stage.add(
        resource(
            "updater",
            [reference("own", images(web=(f"{stage.image()}:1.x", settings)))],
            namespace="team",
            **git_write_back(method="git:secret:push"),
        )
    )
    done = stage.run()
    assert done.reasons == {"own": "Updated"}, done.out
