"""The definition of the resource as the first releases installed it.

Made of ours by taking away what came later, and held against the list of their fields, which is
written down here: so a field that we add cannot slip in.
"""

import contextlib
import time

import yaml

from clusters.objects import ApiError
from clusters.samples import RESOURCE_DEFINITION, an_image_updater

GROUP = "argocd-image-updater.argoproj.io"

_COMMON = [
    "updateStrategy",
    "forceUpdate",
    "allowTags",
    "pullSecret",
    "ignoreTags[]",
    "platforms[]",
]
_WRITE_BACK = [
    "method", "gitConfig.repository", "gitConfig.branch", "gitConfig.writeBackTarget",
    "gitConfig.pullRequest.github", "gitConfig.pullRequest.gitlab",
    "gitConfig.pullRequest.labels[]",
]  # fmt: skip
_VERIFICATION = ["enabled", "cosignKey.secretName", "cosignKey.key"]
_TARGETS = [
    "helm.name", "helm.tag", "helm.spec", "kustomize.name", "plugin.name", "plugin.tag",
    "plugin.spec",
]  # fmt: skip
_SELECTOR = [
    "matchLabels{}", "matchExpressions[].key", "matchExpressions[].operator",
    "matchExpressions[].values[]",
]  # fmt: skip
_STATUS = [
    "observedGeneration", "lastCheckedAt", "lastUpdatedAt", "applicationsMatched", "imagesManaged",
    "recentUpdates[].alias", "recentUpdates[].image", "recentUpdates[].newVersion",
    "recentUpdates[].applicationsUpdated", "recentUpdates[].updatedAt", "recentUpdates[].message",
    "conditions[].type", "conditions[].status", "conditions[].reason", "conditions[].message",
    "conditions[].lastTransitionTime", "conditions[].observedGeneration",
]  # fmt: skip


def _below(prefix, fields):
    return {f"{prefix}.{field}" for field in fields}


def _level(prefix):
    return _below(f"{prefix}.commonUpdateSettings", _COMMON) | _below(
        f"{prefix}.imagesVerification", _VERIFICATION
    )


_REF = "spec.applicationRefs[]"
# Everything that the newest of these releases knows.
FIELDS = (
    {"apiVersion", "kind", "metadata"}
    | {f"{_REF}.{name}" for name in ("namePattern", "useAnnotations")}
    | {f"{_REF}.images[].{name}" for name in ("alias", "imageName")}
    | _level("spec")
    | _level(_REF)
    | _level(f"{_REF}.images[]")
    | _below("spec.writeBackConfig", _WRITE_BACK)
    | _below(f"{_REF}.writeBackConfig", _WRITE_BACK)
    | _below(f"{_REF}.labelSelectors", _SELECTOR)
    | _below(f"{_REF}.images[].manifestTargets", _TARGETS)
    | _below("status", _STATUS)
)
# What the very first one did not know yet, and what it asked for.
_LATER = ("useAnnotations", "imagesVerification", "plugin", "pullRequest")
FIRST_FIELDS = {
    field for field in FIELDS if not any(f".{name}" in field for name in _LATER)
} | {"spec.namespace"}  # fmt: skip


def fields_of(definition):
    """Return the path of every field that a definition knows."""
    return set(_paths(_schema(definition), ""))


def newest_definition():
    """Return the definition of the newest of the first releases."""
    definition = yaml.safe_load(RESOURCE_DEFINITION.read_text())
    _keep(_schema(definition), "", _prefixes(FIELDS))
    for block in _blocks(_schema(definition)):
        _forget_ours(block)
    return definition


def _forget_ours(block):
    """Take out of the rules of a block what is said of fields that are ours alone."""
    for rule in block.get("x-kubernetes-validations", ()):
        rule["rule"] = rule["rule"].replace(" || has(self.keyless)", "")
    if "oneOf" in block:
        known = block["properties"]
        block["oneOf"] = [one for one in block["oneOf"] if set(one["required"]) <= set(known)]


def first_definition():
    """Return the definition of the very first release: defaults, a namespace, no columns."""
    definition = newest_definition()
    schema = _schema(definition)
    _keep(schema, "", _prefixes(FIRST_FIELDS))
    for block in _blocks(schema):
        # The rules are about what came later, but for one, which held in another form.
        block.pop("x-kubernetes-validations", None)
        common = block.get("properties", {}).get("commonUpdateSettings")
        if common:
            common["properties"]["updateStrategy"]["default"] = "semver"
            common["properties"]["forceUpdate"]["default"] = False
    spec = schema["properties"]["spec"]
    spec["properties"]["namespace"] = {"type": "string"}
    spec["required"].append("namespace")
    del definition["spec"]["versions"][0]["additionalPrinterColumns"]
    return definition


def define(api, definition):
    """Install a definition in the place of another, and wait until the server goes by it."""
    kind = "apiextensions.k8s.io/v1/CustomResourceDefinition"
    name = definition["metadata"]["name"]
    found = api.objects.find(kind, name)
    if found is None:
        api.objects.apply(definition)
    else:
        version = found["metadata"]["resourceVersion"]
        replaced = {**definition, "metadata": {"name": name, "resourceVersion": version}}
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"
        api.objects.request("PUT", path, body=replaced)
    wanted = fields_of(definition) & _TELLING
    deadline = time.monotonic() + 30
    while _served(api) != wanted:
        assert time.monotonic() < deadline, f"not {wanted} after 30 s"
        time.sleep(0.05)  # the server takes a definition in without telling when


# Which of these a server keeps tells which definition it goes by.
_TELLING = {"spec.namespace", f"{_REF}.useAnnotations", "spec.commonUpdateSettings.downgrade"}


def _served(api):
    probe = an_image_updater("probe", "default")
    probe["spec"] |= {"namespace": "default", "commonUpdateSettings": {"downgrade": "allow"}}
    probe["spec"]["applicationRefs"][0]["useAnnotations"] = True
    path = f"/apis/{GROUP}/v1alpha1/namespaces/default/imageupdaters?dryRun=All"
    with contextlib.suppress(ApiError):
        return set(_members(api.objects.request("POST", path, body=probe), "")) & _TELLING
    return None


def _schema(definition):
    (version,) = definition["spec"]["versions"]
    return version["schema"]["openAPIV3Schema"]


def _paths(schema, path):
    if "items" in schema:
        yield from _paths(schema["items"], f"{path}[]")
    elif "additionalProperties" in schema:
        yield f"{path}{{}}"
    elif "properties" in schema:
        for name, member in schema["properties"].items():
            yield from _paths(member, f"{path}.{name}" if path else name)
    else:
        yield path


def _members(value, path):
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _members(member, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for member in value:
            yield from _members(member, f"{path}[]")
    else:
        yield path


def _blocks(schema):
    """Yield every object of a schema with fixed members, itself first."""
    if "properties" in schema:
        yield schema
        for member in schema["properties"].values():
            yield from _blocks(member)
    elif "items" in schema:
        yield from _blocks(schema["items"])


def _keep(schema, path, kept):
    """Take away every member that is no prefix of a kept field."""
    members = schema.get("items", schema).get("properties", {})
    for name in list(members):
        place = f"{path}.{name}".removeprefix(".")
        if place in kept:
            _keep(members[name], place, kept)
        else:
            del members[name]


def _prefixes(fields):
    """Return the fields and whatever they stand in, without the marks of lists and maps."""
    found = set()
    for field in fields:
        words = field.replace("[]", "").replace("{}", "").split(".")
        found |= {".".join(words[:count]) for count in range(1, len(words) + 1)}
    return found
