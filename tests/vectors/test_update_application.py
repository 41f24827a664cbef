"""One Application through selection and one run: counters, changes, and what is stored.

Aspects left to the cluster: events, conflicts of the write, concurrent edits.
"""

import json

import pytest

from argocd_image_updater.core.application import ObjectKey, Origin
from argocd_image_updater.core.resolution import Context, resolve
from argocd_image_updater.core.resource import decode_resource
from argocd_image_updater.core.snapshot import Secret
from argocd_image_updater.core.targets import merged_sources
from vectors.planning import PLATFORM, counts, decoded, plan

VECTORS = "update_application"

# What a case with a deviation may give instead, where the deviation is told in words.
UPDATED = {"imagesUpdated": 1, "skipped": 0, "imagesConsidered": 1, "errors": 0}
FAILED = {"imagesUpdated": 0, "skipped": 0, "imagesConsidered": 1, "errors": 1}


def helm(**values):
    return {
        "helm": {
            "parameters": [
                {"name": name.replace("_", "."), "value": value, "forceString": True}
                for name, value in values.items()
            ]
        }
    }


BETTER = {
    "two live versions, newest listed first": {
        "result": UPDATED,
        "source": helm(image_name="nginx", image_tag="1.25.4"),
    },
    "docker.io prefix with tilde constraint": {
        "result": UPDATED,
        "source": helm(image_name="docker.io/library/nginx", image_tag="1.1.0"),
    },
    "port in registry and tilde constraint": {
        "result": UPDATED,
        "source": helm(image_name="localhost:5000/app", image_tag="1.1.0"),
    },
    "helm spec with blanks around: reading and writing use the raw name": {
        "result": {"imagesUpdated": 0, "skipped": 0, "imagesConsidered": 1, "errors": 0},
    },
    "kustomize, same path on two registries": {
        "result": UPDATED,
        "source": {"kustomize": {"images": ["quay.io/acme/api:5.0.0", "ghcr.io/acme/api:1.1.0"]}},
    },
    "plugin without plugin target: counted as updated although nothing changes": {"result": FAILED},
    "plugin target on helm app, newer tag: silently passed over": {"result": FAILED},
    "secret type in capitals slips past the namespace check": {"result": FAILED},
    "force update, docker.io/library with a range constraint": {
        "result": UPDATED,
        "source": {"kustomize": {"images": ["docker.io/library/nginx:1.1.0"]}},
    },
    "multi-source: only the first typed source is handled": {
        "result": {"imagesUpdated": 2, "skipped": 0, "imagesConsidered": 2, "errors": 0},
        "sources": [
            {"kustomize": {"images": ["nginx:1.2.0"]}},
            helm(image_name="ghcr.io/acme/api", image_tag="1.1.0"),
        ],
    },
    "annotations: plugin app cannot get env names from annotations": {
        "result": UPDATED,
        "source": {
            "plugin": {"env": [{"name": "IMG", "value": "ghcr.io/acme/api:1.1.0"}], "name": "cmp"}
        },
    },
    "annotations: unaliased image with a constraint containing an equals sign is misread": {
        "result": UPDATED,
        "source": helm(image_name="nginx", image_tag="1.1.0"),
    },
    "application being deleted": {"selected": False},
}


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


def matches_better(case, got):
    better = BETTER.get(case["name"])
    if "deviation" not in case or better is None:
        return False
    if better.get("selected") is False:
        return not got["selected"]
    if better["result"] != got["result"]:
        return False
    spec = case["application"]["spec"]
    wanted = {key: better[key] for key in ("source", "sources") if key in better} or spec
    return stored_lists(wanted) == got["lists"]


def writes_only_in_the_cluster(case):
    """A write that is refused or edited meanwhile is the business of the cluster's writer."""
    return any(key in case for key in ("concurrentEdit", "updateConflicts", "updateError"))


def test_a_run_counts_changes_and_stores_as_recorded_or_better(case):
    got = run(case)
    if writes_only_in_the_cluster(case):
        assert got["selected"]
        assert got["changes"] == case["expect"]["changes"]
        return
    assert matches_recorded(case, got) or matches_better(case, got), json.dumps(got, indent=1)


def test_only_the_repositories_of_live_images_are_asked(case):
    got = run(case)
    if got["selected"] and "deviation" not in case:
        assert set(got["asked"]) <= set(case["expect"]["repositoriesQueried"])


@pytest.mark.parametrize("name", sorted(BETTER))
def test_every_better_result_belongs_to_a_name(name):
    assert name.strip() == name
