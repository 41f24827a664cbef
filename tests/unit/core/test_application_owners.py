"""Who else writes an Application: ApplicationSets, parents, field managers."""

from argocd_image_updater.core.application import SourceRef
from argocd_image_updater.core.application_owners import (
    Owner,
    application_set_of,
    generated_warning,
    managers_of,
    owner_of,
    reverted_warning,
)
from argocd_image_updater.core.application_patch import ValueChange
from argocd_image_updater.core.application_places import Place
from argocd_image_updater.core.settings import ApplicationType
from unit.writers.planned import a_chart, a_kustomization, an_object, decoded

US = "argocd-image-updater"
TAG = Place(SourceRef(), ApplicationType.HELM, "image.tag")
SECOND = Place(SourceRef(1), ApplicationType.KUSTOMIZE, "nginx")
DRY = Place(SourceRef(dry=True), ApplicationType.PLUGIN, "IMAGE")
SET = {"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet", "name": "team-a"}
TRACKING = "argocd.argoproj.io/tracking-id"


def managed(manager, fields, time="2026-01-01T00:00:00Z"):
    return {"manager": manager, "operation": "Update", "time": time, "fieldsV1": fields}


def nested(*steps):
    fields = {}
    for step in reversed(steps):
        fields = {f"f:{step}": fields}
    return fields


PARAMETERS = nested("spec", "source", "helm", "parameters")


def metadata(**fields):
    return {"name": "web", "namespace": "argocd", **fields}


def owner(place=TAG, **fields):
    return owner_of(metadata(**fields), place, ourselves=US)


def test_an_application_set_is_an_owner_and_others_of_that_name_are_not():
    others = [
        {**SET, "apiVersion": "example.com/v1"},
        {**SET, "kind": "Application"},
        "not a reference",
    ]
    assert application_set_of(metadata(ownerReferences=others)) == ""
    assert application_set_of(metadata(ownerReferences=[*others, SET])) == "team-a"
    found = owner(ownerReferences=[SET], annotations={TRACKING: "root:x/y:a/b"})
    assert str(found) == "ApplicationSet 'team-a'"


def test_a_parent_is_known_by_the_annotation_that_names_this_very_object():
    mine = "apps_root:argoproj.io/Application:argocd/web"
    assert owner(annotations={TRACKING: mine}) == Owner("Application", "apps_root")
    copied = "root:argoproj.io/Application:argocd/other"
    assert owner(annotations={TRACKING: copied}) == Owner()


def test_a_parent_is_known_by_a_label_that_is_not_its_own_name():
    assert owner(labels={"argocd.argoproj.io/instance": "root"}) == Owner("Application", "root")
    assert owner(labels={"app.kubernetes.io/instance": "root"}) == Owner("Application", "root")
    assert owner(labels={"app.kubernetes.io/instance": "web"}) == Owner()


def test_the_latest_other_manager_of_the_list_is_named():
    fields = [
        managed("kubectl-edit", PARAMETERS, "2026-01-03T00:00:00Z"),
        managed(US, PARAMETERS, "2026-01-04T00:00:00Z"),
        managed("helm", PARAMETERS, "2026-01-02T00:00:00Z"),
        managed("argocd-controller", nested("status"), "2026-01-05T00:00:00Z"),
    ]
    assert str(owner(managedFields=fields)) == "field manager 'kubectl-edit'"
    assert managers_of({"managedFields": fields}, TAG) == ("helm", "kubectl-edit", US)
    assert str(owner(managedFields=[managed(US, PARAMETERS)])) == "somebody"


def test_a_list_of_sources_is_owned_as_a_whole():
    fields = [managed("kubectl", nested("spec", "sources"))]
    assert managers_of({"managedFields": fields}, SECOND) == ("kubectl",)
    dry = nested("spec", "sourceHydrator", "drySource", "plugin", "env")
    assert managers_of({"managedFields": [managed("kubectl", dry)]}, DRY) == ("kubectl",)


def test_odd_metadata_has_no_owner():
    odd = {"ownerReferences": {}, "labels": [], "annotations": "x", "managedFields": [1, {}]}
    assert owner(**odd) == Owner()
    assert owner(annotations={TRACKING: 7}, labels={"app.kubernetes.io/instance": 7}) == Owner()


def before(second):
    sources = [a_chart(), second]
    return decoded(an_object({"sources": sources}, types=("Helm", "Kustomize")))


def test_the_advice_for_an_application_set_names_the_exact_list():
    text = generated_warning("team-a", TAG, before=before(a_kustomization()))
    assert "jsonPointers: ['/spec/source/helm/parameters']" in text
    assert "spec.ignoreApplicationDifferences" in text
    text = generated_warning("team-a", SECOND, before=before(a_kustomization()))
    assert "jqPathExpressions: ['.spec.sources[1].kustomize.images']" in text


def test_a_block_that_the_owner_does_not_have_is_named_as_a_block():
    without = a_kustomization()
    del without["kustomize"]
    text = generated_warning("team-a", SECOND, before=before(without))
    assert "jqPathExpressions: ['.spec.sources[1].kustomize']" in text


def reverted(owner, place, found):
    change = ValueChange(place, found, "1.1")
    return reverted_warning(owner, change, before=before(a_kustomization()))


def test_a_revert_names_who_and_what_and_what_to_do():
    text = reverted(Owner("ApplicationSet", "team-a"), TAG, "1.0")
    assert text.startswith(
        "spec.source.helm.parameters[image.tag] was set to '1.1' before and was put back to '1.0' "
        "by ApplicationSet 'team-a'; it is written again: add spec.ignoreApplicationDifferences"
    )
    text = reverted(Owner("Application", "root"), DRY, None)
    assert "taken away by Application 'root'" in text
    assert "'/spec/sourceHydrator/drySource/plugin/env'" in text
    assert "RespectIgnoreDifferences=true" in text
    text = reverted(Owner(), TAG, "1.0")
    assert "by somebody; it is written again: let only one of the two write this list" in text
