"""Write deploy/crd/imageupdaters.yaml, the definition of the resource, from the field table.

The same table judges resources in folders, so cluster and folder cannot disagree. ``--check`` only
says whether the file is current. Fields of ours beside those of the first releases are optional.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

from argocd_image_updater.core.resource_schema import SPEC
from argocd_image_updater.core.schema import Block, Flag, ListOf, MapOf, Number, Shape, Text

FILE = Path(__file__).parent.parent / "deploy" / "crd" / "imageupdaters.yaml"
GROUP = "argocd-image-updater.argoproj.io"
# Lists that the API server merges as a whole.
ATOMIC = {"ignoreTags", "platforms", "labels", "matchExpressions", "values", "identities"}
DESCRIPTIONS = {
    "spec": "Which Applications to keep up to date, which of their images, and how.",
    "applicationRefs": "Rules that select Applications of this namespace; the most specific wins.",
    "namePattern": "Glob that the name of an Application must match.",
    "labelSelectors": "Labels that an Application must have as well.",
    "useAnnotations": "Take images and settings from the annotations of the Application.",
    "images": "Images to keep up to date.",
    "alias": "Name of the image within this rule.",
    "imageName": "Image, with the version constraint (or the tag to follow) in place of the tag.",
    "commonUpdateSettings": "How a tag is chosen; a more specific level wins field by field.",
    "updateStrategy": "semver, newest-build, alphabetical or digest.",
    "forceUpdate": "Update an image that does not run.",
    "allowTags": "Tags that count: any, or regexp:EXPRESSION.",
    "ignoreTags": "Globs of tags that do not count.",
    "pullSecret": "Credentials for the registry: secret:, pullsecret:, env: or ext:.",
    "platforms": "Platforms of which the image must offer one, as os/arch[/variant].",
    "downgrade": "When an older tag may replace a newer one.",
    "newestBy": "By which time newest-build finds the newest: created or pushed.",
    "minimumAge": "How old a tag must be to be taken, such as 3d, 72h or 1d12h.",
    "minimumAgeFrom": "From when it counts: seen by this program, or created as the image says.",
    "imagesVerification": "Signatures that an image must have before it is used.",
    "requiredKeys": "Whether a signature by any of the keys in the Secret is enough.",
    "keyless": "Identities of certificates; with cosignKey as well, both must have signed.",
    "identities": "Who must have signed: any of them, unless requiredIdentities is all.",
    "identity": "The e-mail address or URI in the certificate.",
    "identityRegExp": "Expression (RE2) that must match the whole identity.",
    "issuer": "The issuer that vouched for the identity.",
    "issuerRegExp": "Expression (RE2) that must match the whole issuer.",
    "requiredIdentities": "Whether a signature by any of the identities is enough.",
    "requiredAnnotations": "Annotations that must be signed along.",
    "cosignKey": "Secret with the public key, in the namespace of the Application.",
    "manifestTargets": "Where the image stands in the source.",
    "writeBackConfig": "Where new versions are written.",
    "method": "argocd, git, or git:secret:NAME with credentials of your own.",
    "gitConfig": "Repository, branch and file of the method git.",
    "repository": "URL of the repository; default: that of the Application's source.",
    "branch": "BASE, BASE:TARGET or :TARGET.",
    "writeBackTarget": "kustomization[:DIR], helmvalues[:FILE], application:FILE, manifest:FILE "
    "or a file; of an image: only for it.",
    "pullRequest": "Open a pull or merge request.",
}
# Of a Helm or plugin target, which is named like the whole.
WHOLE_IMAGE = "Parameter for the whole image with its tag, in place of name and tag."


def schema_of(shape: Shape, name: str = "") -> dict[str, Any]:
    """Return the OpenAPI schema of a shape."""
    match shape:
        case Text():
            found = _text(shape)
        case Flag():
            found = {"type": "boolean"}
        case Number():
            found = {"type": "integer"}
        case ListOf():
            found = _list(shape, name)
        case MapOf():
            found = {"type": "object", "additionalProperties": schema_of(shape.value)}
        case Block():
            found = _block(shape, name)
    about = WHOLE_IMAGE if name == "spec" and isinstance(shape, Text) else DESCRIPTIONS.get(name)
    if about:
        found = {"description": about, **found}
    return found


def _text(shape: Text) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "string"}
    if shape.pattern:
        found["pattern"] = f"^{shape.pattern}$"
    if shape.choices:
        found["enum"] = list(shape.choices)
    if shape.min_length:
        found["minLength"] = shape.min_length
    if shape.max_length is not None:
        found["maxLength"] = shape.max_length
    return found


def _list(shape: ListOf, name: str) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "array", "items": schema_of(shape.item)}
    if shape.min_items:
        found["minItems"] = shape.min_items
    if shape.max_items is not None:
        found["maxItems"] = shape.max_items
    if shape.key:
        found |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [shape.key]}
    elif name in ATOMIC:
        found["x-kubernetes-list-type"] = "atomic"
    return found


def _block(shape: Block, name: str) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "object"}
    properties = {}
    for key, field in shape.fields.items():
        properties[key] = schema_of(field, key)
        if key in shape.defaults:
            properties[key]["default"] = shape.defaults[key]
    if properties:
        found["properties"] = properties
    if shape.required:
        found["required"] = list(shape.required)
    if name == "labelSelectors":
        found["x-kubernetes-map-type"] = "atomic"
    for rule in shape.rules:
        if rule.one_of:
            found["oneOf"] = [{"required": [name]} for name in rule.one_of]
    if any(rule.cel for rule in shape.rules):
        found["x-kubernetes-validations"] = [
            {"rule": rule.cel, "message": rule.message} for rule in shape.rules if rule.cel
        ]
    return found


def _status() -> dict[str, Any]:
    """Return the schema of the status: counters, recent updates, conditions."""
    count = {"type": "integer", "format": "int32", "minimum": 0}
    generation = {"type": "integer", "format": "int64", "minimum": 0}
    moment = {"type": "string", "format": "date-time"}
    update = {
        "type": "object",
        "required": ["alias", "image", "newVersion", "applicationsUpdated", "updatedAt"],
        "properties": {
            "alias": {"type": "string"},
            "image": {"type": "string"},
            "newVersion": {"type": "string"},
            "applicationsUpdated": count,
            "updatedAt": moment,
            "message": {"type": "string"},
        },
    }
    return {
        "description": "What the last cycle found and did.",
        "type": "object",
        "properties": {
            "observedGeneration": generation,
            "lastCheckedAt": moment,
            "lastUpdatedAt": moment,
            "applicationsMatched": count,
            "imagesManaged": count,
            "recentUpdates": {
                "type": "array",
                "items": update,
                "x-kubernetes-list-type": "atomic",
            },
            "conditions": {
                "type": "array",
                "items": _condition(),
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
            },
            **_image_summary(),
        },
    }


def _condition() -> dict[str, Any]:
    """Return the schema of a condition, as Kubernetes has it everywhere."""
    return {
        "type": "object",
        "required": ["type", "status", "reason", "message", "lastTransitionTime"],
        "properties": {
            "type": {
                "type": "string",
                "maxLength": 316,
                "pattern": "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
                "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
            },
            "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
            "reason": {
                "type": "string",
                "minLength": 1,
                "maxLength": 1024,
                "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
            },
            "message": {"type": "string", "maxLength": 32768},
            "lastTransitionTime": {"type": "string", "format": "date-time"},
            "observedGeneration": {"type": "integer", "format": "int64", "minimum": 0},
        },
    }


def _image_summary() -> dict[str, Any]:
    """Return the schemas of our own members of the status; a server without them drops them."""
    count = {"type": "integer", "format": "int32", "minimum": 0}
    texts = {
        "application": "Name of the Application.",
        "image": "Image as configured, without tag; absent where it is about the Application.",
        "alias": "Alias of the image.",
        "current": "Tag, or tag@digest, that was found.",
        "chosen": "Tag, or tag@digest, that the rules choose.",
        "reason": "Why the last check ended as it did for this image.",
        "message": "The reason as a sentence, where it does not speak for itself.",
    }
    members: dict[str, Any] = {
        name: {"description": text, "type": "string"} for name, text in texts.items()
    }
    members["rollout"] = {
        "description": "How far the change that was pushed has come: Written, Seen (by Argo CD), "
        "Synced, Healthy or Failed.",
        "type": "string",
    }
    members["lastTransitionTime"] = {
        "description": "When the reason changed last.",
        "type": "string",
        "format": "date-time",
    }
    return {
        "images": {
            "description": "How each image stands, the worst first; a bounded number of them.",
            "type": "array",
            "items": {
                "type": "object",
                "required": ["application", "reason", "lastTransitionTime"],
                "properties": members,
            },
            "x-kubernetes-list-type": "atomic",
        },
        "imagesOmitted": {"description": "How many images are not listed.", **count},
        "reasons": {
            "description": "How many images ended with each reason.",
            "type": "object",
            "additionalProperties": count,
        },
    }


def definition() -> dict[str, Any]:
    """Return the CustomResourceDefinition."""
    schema = {
        "type": "object",
        "description": "Keeps the images of Argo CD Applications up to date.",
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": schema_of(SPEC, "spec"),
            "status": _status(),
        },
    }
    columns = [
        {"name": "Apps", "type": "integer", "jsonPath": ".status.applicationsMatched"},
        {"name": "Images", "type": "integer", "jsonPath": ".status.imagesManaged"},
        {"name": "Last Checked", "type": "date", "jsonPath": ".status.lastCheckedAt"},
        {
            "name": "Ready",
            "type": "string",
            "jsonPath": '.status.conditions[?(@.type=="Ready")].status',
        },
    ]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"imageupdaters.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": "ImageUpdater",
                "listKind": "ImageUpdaterList",
                "plural": "imageupdaters",
                "singular": "imageupdater",
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": "v1alpha1",
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": columns,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


class _Plain(yaml.SafeDumper):
    """Writes every value out, without anchors."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the signature is PyYAML's
        return True


def text() -> str:
    """Return the file."""
    body = yaml.dump(definition(), Dumper=_Plain, sort_keys=False, width=100)
    return f"# Made by tools/crd.py; do not edit.\n{body}"


def main(words: list[str]) -> int:
    """Write the file, or check it."""
    wanted = text()
    if "--check" in words:
        return 0 if FILE.is_file() and FILE.read_text() == wanted else 1
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
