"""From the push of an image to the live image, with the program between registry and Argo CD.

What a test asserts is what a user sees: the images that run, what stands in the repository or in
the Application, and what the ImageUpdater says.
"""

import pytest

from e2e.cluster.scenes import wait_for_checks
from stages.cluster import condition

pytestmark = pytest.mark.lab(
    "git", "nginx", "fcgiwrap", "docker-registry", "etcd", "kube-apiserver",
    "kube-controller-manager", "redis-server", "argocd", "kustomize", "helm",
)  # fmt: skip

SYNCED = [
    "kustomize", "newest", "several", "elsewhere", "annotated", "parameters", "sources",
    "set-ignores", "parent", "plain",
]  # fmt: skip


def tags(images):
    return {image.rpartition(":")[2] for image in images}


def is_well(status):
    return condition(status, "Ready") == ("True", "ReconcileSucceeded")


def entries(status, reason):
    return {entry["alias"] for entry in status["images"] if entry["reason"] == reason}


@pytest.mark.parametrize("name", SYNCED)
def test_a_new_image_becomes_live_and_the_resource_says_so(stage, scenes, program, name):
    scene = scenes[name]
    for application, images in scene.after.items():
        stage.wait_for_live(application, *images, namespace=scene.namespace)
    status = stage.wait_for_status(
        name,
        lambda status: is_well(status) and status.get("reasons", {}).get("UpToDate"),
        namespace=scene.namespace,
    )
    wanted = {tag for images in scene.after.values() for tag in tags(images)}
    assert {update["newVersion"] for update in status["recentUpdates"]} <= wanted
    assert condition(status, "Error") == ("False", "NoErrors")
    assert status["applicationsMatched"] == 1
    assert status["observedGeneration"] == 1


def test_a_commit_changes_the_tag_alone(stage, scenes, program):
    headline, begin = stage.wait_for_commits("kustomize", 2)
    assert (headline, begin) == ("build: automatic update of kustomize", "Begin")
    before = scenes["kustomize"].files["web/kustomization.yaml"].decode()
    after = stage.file("kustomize", "web/kustomization.yaml")
    assert after == before.replace("1.0.0", "1.1.0")


def test_plain_manifests_are_changed_each_where_its_image_stands(stage, scenes, program):
    stage.wait_for_live("plain", *scenes["plain"].after["plain"])
    before = scenes["plain"].files
    for path, old, new in (("web", "1.0.0", "1.1.0"), ("api", "2.0.0", "2.1.0")):
        kept = before[f"app/{path}.yaml"].decode()
        assert stage.file("plain", f"app/{path}.yaml") == kept.replace(old, new)


def test_values_of_a_chart_are_changed_where_they_stand(stage, scenes, program):
    stage.wait_for_commits("newest", 2)
    before = scenes["newest"].files["web/values.yaml"].decode()
    assert stage.file("newest", "web/values.yaml") == before.replace("build-9", "build-10")


def test_an_image_that_does_not_run_is_named_and_left_alone(stage, scenes, program):
    status = stage.wait_for_status(
        "several", lambda status: entries(status, "UpToDate") == {"web", "api"}
    )
    assert entries(status, "NotLive") == {"job"}
    assert "job" not in stage.file("several", "app/values.yaml")
    assert status["imagesManaged"] == 2


def test_the_override_file_outside_the_namespace_of_argocd_is_the_one_it_reads(
    stage, scenes, program
):
    stage.wait_for_commits("elsewhere", 2)
    text = stage.file("elsewhere", "web/.argocd-source-team-a_elsewhere.yaml")
    assert f"{stage.image('elsewhere/web')}:1.1.0" in text


def test_parameters_are_added_and_those_of_the_user_stay(stage, scenes, program):
    ((_, images),) = scenes["parameters"].after.items()
    stage.wait_for_live("parameters", *images)
    application = stage.find("parameters")
    assert application["spec"]["source"]["helm"]["parameters"] == [
        {"name": "replicas", "value": "1"},
        {"name": "web.name", "value": stage.image("parameters/web"), "forceString": True},
        {"name": "web.tag", "value": "1.1.0", "forceString": True},
    ]
    assert stage.commits("parameters") == ["Begin"]


def test_each_image_goes_into_the_source_that_deploys_it(stage, scenes, program):
    stage.wait_for_live("sources", *scenes["sources"].after["sources"])
    folder, chart = stage.find("sources")["spec"]["sources"]
    image = stage.image("sources/api")
    assert folder["kustomize"]["images"] == [f"{image}={image}:2.1.0"]
    assert "helm" not in folder
    values = {one["name"]: one["value"] for one in chart["helm"]["parameters"]}
    assert values["web.tag"] == "1.1.0"
    assert "kustomize" not in chart


def test_the_content_behind_a_tag_that_stays_becomes_live(stage, scenes, program):
    digest = digest_of(stage, "mutable/web", "stable")

    def has_it(application):
        live = application["status"]["summary"]["images"]
        return len(live) == 1 and live[0].endswith(f"@{digest}")

    stage.wait_for_application("mutable", has_it)
    status = stage.wait_for_status(
        "mutable", lambda status: is_well(status) and status["reasons"] == {"UpToDate": 1}
    )
    assert status["recentUpdates"][0]["newVersion"] == digest


def digest_of(stage, name, tag):
    accepted = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    _, headers, _ = stage.registry.request("HEAD", f"/v2/{name}/manifests/{tag}", headers=accepted)
    return headers["Docker-Content-Digest"]


def test_a_hydrated_application_is_changed_where_its_dry_source_is(stage, scenes, program):
    scene = scenes["hydrated"]
    stage.wait_for_commits("hydrated", 2)
    before = scene.files["web/values.yaml"].decode()
    assert stage.file("hydrated", "web/values.yaml") == before.replace("1.0.0", "1.1.0")
    finish(stage, scene)


def test_variables_of_a_plugin_are_set_and_those_of_the_user_stay(stage, scenes, program):
    scene = scenes["plugin"]
    application = stage.wait_for_application(
        "plugin",
        lambda found: len(found["spec"]["source"]["plugin"]["env"]) > 1,
        namespace=scene.namespace,
    )
    assert application["spec"]["source"]["plugin"] == {
        "name": "cmp",
        "env": [
            {"name": "STAGE", "value": "prod"},
            {"name": "IMAGE", "value": stage.image("plugin/web")},
            {"name": "TAG", "value": "1.1.0"},
        ],
    }
    finish(stage, scene)


def finish(stage, scene):
    """Play Argo CD, which shows the new image, and see that the resource says so."""
    name, namespace = scene.name, scene.namespace
    status = stage.wait_for_status(
        name, lambda status: (status.get("reasons") or {}).get("AlreadySet"), namespace=namespace
    )
    assert [update["newVersion"] for update in status["recentUpdates"]] == ["1.1.0"]
    image = stage.image(f"{name}/web", "1.1.0")
    stage.change(name, {"status": {"summary": {"images": [image]}}}, namespace)
    stage.wait_for_status(
        name,
        lambda status: is_well(status) and status["reasons"] == {"UpToDate": 1},
        namespace=namespace,
    )


def test_nothing_is_written_twice(stage, scenes, program):
    """Two more rounds over everything that is live change neither Git nor an Application."""
    synced = [scenes[name] for name in SYNCED]
    for scene in synced:
        for application, images in scene.after.items():
            stage.wait_for_live(application, *images, namespace=scene.namespace)
    before = what_stands(stage, synced)
    wait_for_checks(stage, synced)
    assert what_stands(stage, synced) == before


def what_stands(stage, scenes):
    """Return commits and specs: all that the program could have written."""
    return {
        scene.name: (
            stage.commits(scene.name),
            [stage.find(name, scene.namespace)["spec"] for name in scene.after],
        )
        for scene in scenes
    }
