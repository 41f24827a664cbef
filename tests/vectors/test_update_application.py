"""One Application through selection and one run: counters, changes, and what is stored.

What is stored is computed twice: on the lists, and by the patch that a cluster gets, applied to the
object of the case. Left to the tests of the cluster: events, and how often a write is tried again.
"""

import copy
import json

from argocd_image_updater.core.application import ObjectKey, Origin
from argocd_image_updater.core.application_patch import Patch, patch_of
from argocd_image_updater.core.reference import parse_image
from argocd_image_updater.core.resolution import Context, resolve
from argocd_image_updater.core.resource import decode_resource
from argocd_image_updater.core.snapshot import Secret
from argocd_image_updater.core.targets import merged_sources
from unit.writers.planned import patched
from vectors.flags import is_flagged, rule_of
from vectors.planning import PLATFORM, counts, decoded, plan
from vectors.resource_rules import IMAGE_LIST, cut_constraint, without_alias

VECTORS = "update_application"


def resolution_of(case):
    application = decoded(case["application"])
    document = {
        "apiVersion": "argocd-image-updater.argoproj.io/v1alpha1",
        "kind": "ImageUpdater",
        "metadata": {"name": "iu", "namespace": application.key.namespace},
        **case["imageUpdater"],
    }
    resource, _, _ = decode_resource(document, origin=Origin())
    secrets = {}
    for item in case.get("secrets", ()):
        key = ObjectKey(item["namespace"], item["name"])
        data = {name: value.encode() for name, value in item["data"].items()}
        secrets[key] = Secret(key, data)
    context = Context(controller_namespace="argocd", default_platform=PLATFORM, secrets=secrets)
    return resolve(resource, [application], context=context)


def lists_of(source):
    """Return the lists that image updates touch, empty ones left out."""
    found = {}
    helm_block = source.get("helm") or {}
    if helm_block.get("parameters"):
        found["parameters"] = [
            (item["name"], item.get("value", ""), item.get("forceString", False))
            for item in helm_block["parameters"]
        ]
    if (source.get("kustomize") or {}).get("images"):
        found["images"] = source["kustomize"]["images"]
    if (source.get("plugin") or {}).get("env"):
        found["env"] = [(item["name"], item.get("value", "")) for item in source["plugin"]["env"]]
    return found


def stored_lists(spec):
    if spec.get("sourceHydrator"):
        return [lists_of(spec["sourceHydrator"].get("drySource", {}))]
    if spec.get("sources"):
        return [lists_of(source) for source in spec["sources"]]
    return [lists_of(spec.get("source") or {})]


def as_document(source):
    """Render a decoded source in the shape of ``lists_of``."""
    return {
        "helm": {
            "parameters": [
                {"name": item.name, "value": item.value, "forceString": item.force_string}
                for item in source.helm_parameters or ()
            ]
        },
        "kustomize": {"images": list(source.kustomize_images or ())},
        "plugin": {
            "env": [{"name": item.name, "value": item.value} for item in source.plugin_env or ()]
        },
    }


def sources_of(application):
    if application.dry_source is not None:
        return [application.dry_source]
    return list(application.sources) or [application.source]


def run(case):
    """Return selection, counters, changes and the lists afterwards."""
    resolution = resolution_of(case)
    if not resolution.intents:
        before = sources_of(decoded(case["application"]))
        return {"selected": False, "lists": [lists_of(as_document(item)) for item in before]}
    (intent,) = resolution.intents
    result, asked = plan(intent, case["registry"])
    application = result.intent.application
    sources = sources_of(application)
    if result.writes and not case.get("dryRun"):
        changed = merged_sources(
            result.intent, (*result.pins, *result.writes), application=application
        )
        for ref, (_, source) in changed.items():
            sources[ref.index or 0] = source
    found = counts(result.decisions)
    return {
        "selected": True,
        "result": {
            "imagesUpdated": found["updated"],
            "imagesConsidered": found["considered"],
            "skipped": found["skipped"],
            "errors": found["errors"],
        },
        "changes": [
            {
                "alias": change.alias,
                "image": write.image.full,
                "oldTag": change.old.text,
                "newTag": change.new.text,
            }
            for change, write in zip(result.changes, result.writes, strict=True)
        ],
        "asked": sorted(asked),
        "lists": [lists_of(as_document(item)) for item in sources],
    }


def merge_patched(value, change):
    """Apply a merge patch (RFC 7386)."""
    if not isinstance(change, dict):
        return change
    result = dict(value) if isinstance(value, dict) else {}
    for key, item in change.items():
        if item is None:
            result.pop(key, None)
        else:
            result[key] = merge_patched(result.get(key), item)
    return result


def run_in_cluster(case):
    """Return the object after the patch that a cluster gets, edits in between included."""
    current = merge_patched(case["application"], case.get("concurrentEdit", {}))
    intents = resolution_of(case).intents
    if not intents or case.get("dryRun") or case.get("updateConflicts"):
        return current, Patch()
    result, _ = plan(intents[0], case["registry"])
    if not result.writes:
        return current, Patch()
    assert result.intent.write_back.method == "argocd"
    now = decoded(current) if case.get("concurrentEdit") else result.intent.application
    patch = patch_of(result, now)
    assert patch.operations, "an update that writes nothing"
    return patched(current, patch.operations), patch


def matches_recorded(case, got):
    expect = case["expect"]
    if expect.get("selected", True) != got["selected"]:
        return False
    if not got["selected"]:
        return True
    result = {
        key: value for key, value in expect["result"].items() if key != "applicationsProcessed"
    }
    return (
        result == got["result"]
        and expect["changes"] == got["changes"]
        and stored_lists(expect["stored"]) == got["lists"]
    )


def is_better(case, got):
    if not is_flagged(case):
        return False
    rule = rule_of(case, RULES) or counters_and_writes_agree
    return rule(case, got)


def writes_only_in_the_cluster(case):
    """A write that is refused or edited meanwhile is the business of the cluster's writer."""
    return any(key in case for key in ("concurrentEdit", "updateConflicts", "updateError"))


def test_a_run_counts_changes_and_stores_as_recorded_or_better(case):
    got = run(case)
    if writes_only_in_the_cluster(case):
        assert got["selected"]
        assert got["changes"] == case["expect"]["changes"]
        return
    assert matches_recorded(case, got) or is_better(case, got), json.dumps(got, indent=1)


def test_the_patch_of_a_cluster_stores_the_same_and_touches_nothing_else(case):
    after, patch = run_in_cluster(case)
    assert patch.is_stored(decoded(after))
    if writes_only_in_the_cluster(case):
        expect = case["expect"]
        assert stored_lists(after["spec"]) == stored_lists(expect["stored"])
        assert after["metadata"]["labels"] == expect.get("storedLabels", {"team": "a"})
    else:
        assert stored_lists(after["spec"]) == run(case)["lists"]
    assert without_lists(after) == without_lists(case["application"], case.get("concurrentEdit"))


def without_lists(document, edit=None):
    """Return an object without the lists of its sources, and without blocks that hold no more."""
    rest = merge_patched(copy.deepcopy(document), edit or {})
    spec = rest["spec"]
    sources = [spec.get("source"), *(spec.get("sources") or ())]
    sources.append((spec.get("sourceHydrator") or {}).get("drySource"))
    for source in filter(None, sources):
        for block, name in (("helm", "parameters"), ("kustomize", "images"), ("plugin", "env")):
            found = source.get(block)
            if isinstance(found, dict):
                found.pop(name, None)
            if not found:
                source.pop(block, None)
    return rest


def test_only_the_repositories_of_live_images_are_asked(case):
    got = run(case)
    if got["selected"] and not is_flagged(case):
        assert set(got["asked"]) <= set(case["expect"].get("repositoriesQueried", ()))


def lists_before(case):
    return [lists_of(as_document(source)) for source in sources_of(decoded(case["application"]))]


def live_texts(case):
    status = case["application"].get("status") or {}
    return (status.get("summary") or {}).get("images") or []


def nothing_is_written(case, got):
    return got["lists"] == lists_before(case) and not got["changes"]


def is_not_selected(_case, got):
    return not got["selected"]


def one_error_and_no_write(case, got):
    return got["selected"] and got["result"]["errors"] == 1 and nothing_is_written(case, got)


def error_or_a_visible_write(case, got):
    """What cannot be written is an error; what is counted as an update stands in the source."""
    if got["selected"] and not got["result"]["imagesUpdated"]:
        return one_error_and_no_write(case, got)
    return counters_and_writes_agree(case, got)


def counters_and_writes_agree(case, got):
    """Invariant of this file: what is counted, listed and stored is one story.

    Every update is a change, every change stands in the source, no image is counted twice, and
    every entry that differs shows a changed image or one that runs.
    """
    if not got["selected"]:
        return got["lists"] == lists_before(case)
    result, changes = got["result"], got["changes"]
    considered = result["imagesConsidered"]
    if result["imagesUpdated"] != len(changes) or len(changes) + result["errors"] > considered:
        return False
    if not changes:
        return got["lists"] == lists_before(case)
    old = [entry for source in lists_before(case) for entry in entries_of(source)]
    new = [entry for source in got["lists"] for entry in entries_of(source)]
    shown = texts_of([change["image"] for change in changes] + live_texts(case))
    added = [entry for entry in new if entry not in old]
    values = [value_of(entry) for entry in added]
    return (
        bool(added)
        and all(value in shown for value in values)
        and all(any(value and value in change["image"] for value in values) for change in changes)
    )


def entries_of(source):
    return [entry for entries in source.values() for entry in entries]


def value_of(entry):
    return entry.partition("=")[2] or entry if isinstance(entry, str) else entry[1]


def texts_of(images):
    """Return images in full, and their names and tags, as written and as parsed."""
    found = set()
    for text in images:
        image = parse_image(text)
        repository, _ = cut_constraint(text.partition("@")[0])
        suffix = image.full.removeprefix(image.full_name)
        found |= {text, image.full, image.full_name, image.tag_value}
        found |= {repository, f"{repository}{suffix}"}
    return found


def one_of_several_versions_counts(case, got):
    """An update is due as if only one of the running versions of an image ran."""
    live = live_texts(case)
    for text in live:
        name = parse_image(text).full_name
        others = [one for one in live if one != text and parse_image(one).full_name == name]
        other = copy.deepcopy(case)
        other["application"]["status"]["summary"]["images"] = [
            one for one in live if one not in others
        ]
        if others and same_story(run(other), got):
            return True
    return False


def same_story(one, other):
    return all(one.get(key) == other.get(key) for key in ("selected", "result", "lists"))


def names_are_trimmed(case, got):
    other = copy.deepcopy(case)
    for ref in other["imageUpdater"]["spec"]["applicationRefs"]:
        for image in ref.get("images") or ():
            for targets in (image.get("manifestTargets") or {}).values():
                targets.update({key: value.strip() for key, value in targets.items()})
    return same_story(run(other), got)


def entries_of_other_registries_stay(case, got):
    """An override of the same path on another registry stays where there is one of its own."""
    written = {change["image"] for change in got["changes"]}
    registries = {parse_image(image).registry for image in written}
    for before, after in zip(lists_before(case), got["lists"], strict=True):
        kept = [
            text
            for text in before.get("images", ())
            if parse_image(text.partition("=")[2] or text).registry not in registries
        ]
        if not set(kept) <= set(after.get("images", ())):
            return False
    return counters_and_writes_agree(case, got)


def every_image_goes_into_its_source(case, got):
    """A source gets entries of its own kind only, and as many images are written as recorded."""
    expect = case["expect"]
    counted = {**got["result"], "applicationsProcessed": 1} == expect["result"]
    kinds = {"helm": "parameters", "kustomize": "images", "plugin": "env"}
    spec = case["application"]["spec"]
    for source, lists in zip(spec.get("sources") or (), got["lists"], strict=True):
        allowed = {kinds[block] for block in kinds if block in source}
        if not set(lists) <= (allowed or set(kinds.values())):
            return False
    return counted and got["changes"] == expect["changes"] and counters_and_writes_agree(case, got)


def only_an_alias_is_split_off(case, got):
    """An element whose left side is no alias is read as one image without alias."""
    other = copy.deepcopy(case)
    annotations = other["application"]["metadata"]["annotations"]
    elements = annotations[IMAGE_LIST].split(",")
    annotations[IMAGE_LIST] = ",".join(map(without_alias, elements))
    return same_story(run(other), got)


RULES = {
    "due if any differs": one_of_several_versions_counts,
    "image reference is misread": counters_and_writes_agree,
    "Better: trim everywhere": names_are_trimmed,
    "Matching ignores the registry": entries_of_other_registries_stay,
    "report a configuration error": error_or_a_visible_write,
    "compare what would be written": counters_and_writes_agree,
    "count one error": one_error_and_no_write,
    "refuse (one error)": one_error_and_no_write,
    "being deleted": is_not_selected,
    "choose the source per image": every_image_goes_into_its_source,
    "taken for the alias separator": only_an_alias_is_split_off,
}
