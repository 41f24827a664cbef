"""Applications that something else writes too: sets, parents, and users who go back."""

import pytest

pytestmark = pytest.mark.lab(
    "git", "nginx", "fcgiwrap", "docker-registry", "etcd", "kube-apiserver",
    "kube-controller-manager", "redis-server", "argocd", "kustomize", "helm",
)  # fmt: skip


def kustomize_images(application):
    return application["spec"]["source"].get("kustomize", {}).get("images", [])


def test_a_set_that_ignores_the_list_leaves_what_was_written(stage, scenes, program):
    (images,) = scenes["set-ignores"].after.values()
    stage.wait_for_live("set-ignores", *images)
    # The set works on its Application again when it is edited itself.
    label = {"metadata": {"annotations": {"example.com/edited": "yes"}}}
    kind = "argoproj.io/v1alpha1/ApplicationSet"
    stage.objects.patch(kind, "set-ignores", change=label, namespace="argocd")
    stage.wait_for_checks("set-ignores")
    assert kustomize_images(stage.find("set-ignores")) == images


def test_a_set_that_insists_is_named_with_the_way_out(stage, scenes, program):
    program.wait_for_log(r"ApplicationSet 'set-insists' .*puts its own values back")
    program.wait_for_log(r"was set to .* before and was .* by ApplicationSet 'set-insists'")
    program.wait_for_log(r"ignoreApplicationDifferences .*/spec/source/kustomize/images")


def test_a_parent_sees_no_difference_in_its_child(stage, scenes, program):
    (images,) = [live for name, live in scenes["parent"].after.items() if name == "child"]
    stage.wait_for_live("child", *images)
    stage.argocd.refresh("parent")
    stage.wait_for_application(
        "parent",
        lambda found: "argocd.argoproj.io/refresh" not in found["metadata"].get("annotations", {}),
    )
    assert stage.find("parent")["status"]["sync"]["status"] == "Synced"
    assert kustomize_images(stage.find("child")) == images


def test_a_rollback_stays_until_a_newer_image_comes_and_is_not_deployed_over(
    stage, scenes, program
):
    scene = scenes["rollback"]
    (new,), (old,) = scene.after["rollback"], scene.before["rollback"]
    application = stage.wait_for_live("rollback", new)
    application = stage.wait_for_application(
        "rollback", lambda found: len(found["status"].get("history", [])) == 2
    )
    roll_back(stage, application["status"]["history"][0]["revision"])
    stage.wait_for_application(
        "rollback", lambda found: found["status"]["summary"].get("images") == [old]
    )
    spec = stage.find("rollback")["spec"]

    (status,) = stage.wait_for_checks("rollback")

    assert status["reasons"] == {"AlreadySet": 1}
    assert len(stage.commits("rollback")) == 2
    assert stage.find("rollback")["spec"] == spec
    stage.push("rollback/web", "1.2.0")
    stage.wait_for_commits("rollback", 3)
    stage.wait_for_checks("rollback")
    assert stage.find("rollback")["spec"] == spec
    assert stage.find("rollback")["status"]["summary"]["images"] == [old]


def roll_back(stage, revision):
    """Do what ``argocd app rollback`` does: no automatic syncs any more, then a sync to before."""
    stage.change("rollback", {"spec": {"syncPolicy": None}})
    stage.change(
        "rollback",
        {"operation": {"initiatedBy": {"username": "somebody"}, "sync": {"revision": revision}}},
    )
