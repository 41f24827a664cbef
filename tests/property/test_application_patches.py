"""Patches of generated Applications: only the meant values differ, whatever else is in there."""

import copy

from hypothesis import given
from hypothesis import strategies as st

from argocd_image_updater.core.application_patch import patch_of
from argocd_image_updater.core.parameters.dispatch import already_set
from unit.writers.planned import API, an_object, decoded, patched, plan_for

NAMES = ["image.name", "image.tag", "api", "a/b~c", "é", ""]
VALUES = ["ghcr.io/acme/api", "1.0.0", "1.1.0", "ghcr.io/acme/api:1.1.0", "", "true", "two\nlines"]
unknown = st.dictionaries(
    st.sampled_from(["future", "b", "~", "/"]),
    st.recursive(st.integers() | st.text(max_size=3), lambda item: st.lists(item, max_size=2)),
    max_size=2,
)
entries = st.builds(
    lambda name, value, force, rest: {**rest, "name": name, "value": value, **force},
    st.sampled_from(NAMES),
    st.sampled_from(VALUES),
    st.sampled_from([{}, {"forceString": True}, {"forceString": False}]),
    unknown,
)
targets = st.sampled_from(
    [
        {},
        {"manifestTargets": {"helm": {"spec": "api"}}},
        {"manifestTargets": {"helm": {"name": "a/b~c", "tag": "é"}}},
    ]
)
images = st.sampled_from(
    ["ghcr.io/acme/api:1.0.0", "api=ghcr.io/acme/api", "nginx:1", "ghcr.io/acme/web", "Odd Text"]
)


@given(st.lists(entries, max_size=5), targets, unknown)
def test_only_parameters_of_the_image_get_another_value(parameters, target, rest):
    source = {"repoURL": "r", "chart": "c", "helm": {**rest, "parameters": parameters}}
    document = an_object({"source": source})
    names = names_of(target)
    plan = plan_for(document, {**API, **target})
    patch = patch_of(plan, plan.intent.application)
    after = patched(document, patch.operations)
    assert patch.is_stored(decoded(after))
    assert bool(patch.operations) == bool(plan.writes)
    new = after["spec"]["source"]["helm"]["parameters"]
    assert [item["name"] for item in new[: len(parameters)]] == [i["name"] for i in parameters]
    for old, now in zip(parameters, new, strict=False):
        ours = {"value", "forceString"} if old["name"] in names else set()
        assert without(old, ours) == without(now, ours)
    assert {item["name"] for item in new[len(parameters) :]} <= names
    expected = copy.deepcopy(document)
    expected["spec"]["source"]["helm"]["parameters"] = new
    assert after == expected


@given(st.lists(images, max_size=5))
def test_after_a_patch_nothing_more_is_to_be_written(overrides):
    source = {"repoURL": "r", "path": "p", "kustomize": {"images": overrides}}
    document = an_object({"source": source}, types=("Kustomize",))
    plan = plan_for(document)
    patch = patch_of(plan, plan.intent.application)
    after = decoded(patched(document, patch.operations))
    assert bool(patch.operations) == bool(plan.writes)
    for write in plan.writes:
        assert already_set(
            after.source,
            settings=write.settings,
            application_type=plan.intent.application_type,
            source_type="Kustomize",
            tag=write.tag,
            running_repository="ghcr.io/acme/api",
        )
    assert patch_of(plan, after).operations == ()


def names_of(target):
    helm = (target.get("manifestTargets") or {}).get("helm") or {}
    if "spec" in helm:
        return {helm["spec"]}
    return {helm.get("name", "image.name"), helm.get("tag", "image.tag")}


def without(entry, names):
    return {key: value for key, value in entry.items() if key not in names}
