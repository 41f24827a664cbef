"""The patch of one Application: what is sent, and what stays although it is unknown."""

import copy

import pytest

from argocd_image_updater.core.application import SourceRef
from argocd_image_updater.core.application_patch import patch_of
from argocd_image_updater.core.application_places import Place
from argocd_image_updater.core.settings import ApplicationType
from argocd_image_updater.errors import ConflictError
from unit.writers.planned import (
    API,
    PARAMETERS,
    WEB,
    a_chart,
    a_kustomization,
    an_object,
    decoded,
    patched,
    plan_for,
)

TAG = Place(SourceRef(), ApplicationType.HELM, "image.tag")


def sent(document, *images, current=None, ours=None):
    """Return the patch and the object after it."""
    plan = plan_for(document, *images)
    now = plan.intent.application if current is None else decoded(current)
    patch = patch_of(plan, now, ours=ours)
    return patch, patched(document if current is None else current, patch.operations)


def test_only_entries_that_differ_are_sent_and_unknown_fields_stay():
    document = an_object({"source": a_chart()})
    patch, after = sent(document)
    parameters = [
        {"name": "replicas", "value": "3", "future": {"a": [1]}},
        {"name": "image.tag", "value": "1.1.0", "future": "kept", "forceString": True},
        {"name": "image.name", "value": "ghcr.io/acme/api", "forceString": True},
    ]
    expected = copy.deepcopy(document)
    expected["spec"]["source"]["helm"]["parameters"] = parameters
    assert after == expected
    assert all("replicas" not in str(operation) for operation in patch.operations)


@pytest.mark.parametrize("helm", [None, {}, {"parameters": None}, {"parameters": []}])
def test_missing_parents_are_created(helm):
    source = a_chart()
    del source["helm"]
    if helm is not None:
        source["helm"] = helm
    _, after = sent(an_object({"source": source}))
    values = [item["value"] for item in after["spec"]["source"]["helm"]["parameters"]]
    assert values == ["ghcr.io/acme/api", "1.1.0"]


def test_nothing_is_sent_when_everything_is_there():
    document = an_object({"source": a_chart()})
    _, after = sent(document)
    patch, _ = sent(document, current=after)
    assert patch.operations == ()
    assert patch.diff == ""


def test_kustomize_images_and_plugin_variables_are_lists_of_their_own():
    document = an_object({"source": a_kustomization(["redis:7"])}, types=("Kustomize",))
    _, after = sent(document)
    kustomize = {"images": ["redis:7", "ghcr.io/acme/api:1.1.0"], "namePrefix": "p-"}
    assert after["spec"]["source"]["kustomize"] == kustomize
    plugin = {"name": "cmp", "env": [{"name": "IMAGE", "value": "x", "future": 1}]}
    document = an_object({"source": {"repoURL": "r", "plugin": plugin}}, types=("Plugin",))
    _, after = sent(document, {**API, "manifestTargets": {"plugin": {"spec": "IMAGE"}}})
    assert after["spec"]["source"]["plugin"] == {
        "name": "cmp",
        "env": [{"name": "IMAGE", "value": "ghcr.io/acme/api:1.1.0", "future": 1}],
    }


def test_superfluous_overrides_alone_are_a_change_with_a_name():
    images = ["ghcr.io/acme/api:1.1.0", "ghcr.io/acme/api:1.0.0"]
    document = an_object({"source": a_kustomization(images)}, types=("Kustomize",))
    patch, after = sent(document)
    assert after["spec"]["source"]["kustomize"]["images"] == images[:1]
    assert [change.new for change in patch.changes] == images[:1]
    assert patch.is_stored(decoded(after))


def test_two_images_go_into_two_sources_and_each_element_is_tested_first():
    document = an_object(
        {"sources": [{"repoURL": "v", "ref": "values"}, a_kustomization(), a_chart()]},
        images=("ghcr.io/acme/api:1.0.0", "ghcr.io/acme/web:2.0.0"),
        types=("Directory", "Kustomize", "Helm"),
    )
    helm = {"helm": {"name": "image.name", "tag": "image.tag"}}
    patch, after = sent(document, {**API, "manifestTargets": helm}, WEB)
    values, kustomize, chart = after["spec"]["sources"]
    assert values == {"repoURL": "v", "ref": "values"}
    assert kustomize["kustomize"]["images"] == ["ghcr.io/acme/web:2.1.0"]
    assert [item["value"] for item in chart["helm"]["parameters"]] == [
        "3",
        "1.1.0",
        "ghcr.io/acme/api",
    ]
    tests = [item["path"] for item in patch.operations if item["op"] == "test"]
    assert tests == [
        "/spec/sources/2/repoURL",
        "/spec/sources/2/chart",
        "/spec/sources/1/repoURL",
        "/spec/sources/1/path",
    ]


def test_the_dry_source_gets_a_block_of_its_own():
    dry = {"repoURL": "r", "path": "p", "targetRevision": "main"}
    document = an_object({"sourceHydrator": {"drySource": dry, "syncSource": {"path": "out"}}})
    _, after = sent(document)
    assert after["spec"]["sourceHydrator"]["drySource"]["helm"]["parameters"]
    assert after["spec"]["sourceHydrator"]["syncSource"] == {"path": "out"}


def test_the_diff_shows_what_changes_and_no_value_that_does_not():
    secret = [*PARAMETERS, {"name": "db.password", "value": "hunter2"}]
    patch, _ = sent(an_object({"source": a_chart(secret)}))
    assert "-spec.source.helm.parameters[image.tag]: 1.0.0\n" in patch.diff
    assert "+spec.source.helm.parameters[image.tag]: 1.1.0\n" in patch.diff
    assert "hunter2" not in patch.diff


def edited(document, change):
    other = copy.deepcopy(document)
    change(other["spec"]["source"], other)
    return other


def set_tag(value):
    def change(source, _document):
        source["helm"]["parameters"][1]["value"] = value

    return change


def test_edits_of_everything_else_survive_and_ours_comes_on_top():
    document = an_object({"source": a_chart()})

    def edit(source, whole):
        source["targetRevision"] = "2.0.0"
        source["helm"]["parameters"].insert(0, {"name": "new", "value": "x"})
        source["helm"]["parameters"][1]["value"] = "5"
        whole["metadata"]["labels"] = {"a": "b"}

    current = edited(document, edit)
    _, after = sent(document, current=current)
    expected = copy.deepcopy(current)
    parameters = expected["spec"]["source"]["helm"]["parameters"]
    parameters[2].update(value="1.1.0", forceString=True)
    parameters.append({"name": "image.name", "value": "ghcr.io/acme/api", "forceString": True})
    assert after == expected


def test_a_value_that_somebody_changed_is_a_conflict_unless_it_is_ours():
    document = an_object({"source": a_chart()})
    current = edited(document, set_tag("0.9"))
    with pytest.raises(ConflictError, match=r"parameters\[image.tag\] .*'0.9'"):
        sent(document, current=current)
    _, after = sent(document, current=current, ours={TAG: "0.9"})
    assert after["spec"]["source"]["helm"]["parameters"][1]["value"] == "1.1.0"


def test_an_override_that_somebody_changed_is_a_conflict():
    document = an_object(
        {"source": a_kustomization(["ghcr.io/acme/api:1.0.0"])}, types=("Kustomize",)
    )
    current = copy.deepcopy(document)
    current["spec"]["source"]["kustomize"]["images"] = ["mirror.example/acme/api:1.0.0"]
    with pytest.raises(ConflictError, match=r"mirror\.example"):
        sent(document, current=current)


def test_a_value_that_was_taken_away_is_written_again():
    document = an_object({"source": a_chart()})
    current = edited(document, lambda source, _: source.pop("helm"))
    _, after = sent(document, current=current)
    names = [item["name"] for item in after["spec"]["source"]["helm"]["parameters"]]
    assert names == ["image.name", "image.tag"]


def test_a_pin_gives_way_to_a_value_that_somebody_changed():
    target = {"helm": {"spec": "web"}}
    document = an_object(
        {"source": a_chart([*PARAMETERS, {"name": "web", "value": "ghcr.io/acme/web:2.1.0"}])},
        images=("ghcr.io/acme/api:1.0.0", "ghcr.io/acme/web:2.1.0"),
    )

    def edit(source, _):
        source["helm"]["parameters"][2]["value"] = "ghcr.io/acme/web:2.0.9"

    _, after = sent(
        document, API, {**WEB, "manifestTargets": target}, current=edited(document, edit)
    )
    values = [item["value"] for item in after["spec"]["source"]["helm"]["parameters"]]
    assert values == ["3", "1.1.0", "ghcr.io/acme/web:2.0.9", "ghcr.io/acme/api"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda source, _: source.update(repoURL="https://other"), "another repository"),
        (lambda source, _: source.update(chart="other"), "another repository"),
        (lambda source, _: source.update(kustomize={}, helm=None), "kustomize block"),
        (lambda _, whole: whole["status"].update(sourceType="Directory"), "of type Directory"),
        (lambda source, whole: whole["spec"].update(sources=[source]), "not used any more"),
        (lambda _, whole: whole["metadata"].update(uid="u2"), "made anew"),
    ],
)
def test_another_source_than_the_planned_one_is_a_conflict(change, told):
    document = an_object({"source": a_chart()})
    with pytest.raises(ConflictError, match=told):
        sent(document, current=edited(document, change))


def test_a_source_that_moved_in_the_list_is_a_conflict():
    document = an_object({"sources": [a_kustomization(), a_chart()]}, types=("Kustomize", "Helm"))
    current = copy.deepcopy(document)
    current["spec"]["sources"].reverse()
    current["status"]["sourceTypes"].reverse()
    with pytest.raises(ConflictError, match=r"spec.sources\[0\] .* another repository"):
        sent(document, current=current)


def test_an_application_that_is_compared_again_keeps_its_type():
    document = an_object({"source": a_chart()})
    current = copy.deepcopy(document)
    del current["status"]["sourceType"]
    patch, _ = sent(document, current=current)
    assert patch.operations
