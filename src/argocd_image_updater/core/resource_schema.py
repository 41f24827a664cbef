"""The fields of the ImageUpdater resource as a table, with the rules of its definition.

It accepts and rejects what the CustomResourceDefinition of the project accepts and rejects, so a
resource in a folder is judged as the API server would judge it. Fields of our own are optional.

Source of the rules: docs/resource.md, tests/vectors/data/crd_validation.json.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from argocd_image_updater.core.identities import MAX_IDENTITIES, MAX_IDENTITY_LENGTH
from argocd_image_updater.core.schema import Block, Flag, ListOf, MapOf, Rule, Text

if TYPE_CHECKING:
    from collections.abc import Mapping

ALIAS_PATTERN = r"[a-zA-Z0-9][a-zA-Z0-9-._]*"
METHOD_PATTERN = r"(argocd|git|git:[a-zA-Z0-9][a-zA-Z0-9-._/:]*)"
REQUIRED_CHOICES = ("any", "all")
DOWNGRADE_CHOICES = ("allow", "whenExcluded", "never")
NEWEST_BY_CHOICES = ("created", "pushed")
AGE_FROM_CHOICES = ("seen", "created")
# Days first, then a duration; short enough that no sum is out of range.
AGE_PATTERN = r"(0|([0-9]{1,4}d)?([0-9]{1,5}h)?([0-9]{1,7}m)?([0-9]{1,9}s)?)"
PROVIDERS = ("github", "gitlab", "gitea", "bitbucket", "bitbucketDataCenter", "azureDevOps")
REQUEST_BRANCH_CHOICES = ("inPlace", "perVersion")
TARGETS = ("helm", "kustomize", "plugin")

_ENV_NAME = Text(min_length=1, max_length=253)
_LABEL_LIMIT = 100
_LABEL_LENGTH_LIMIT = 255


def _exactly_one(*names: str) -> Rule:
    return Rule(
        lambda block: sum(name in block for name in names) == 1,
        f"must have exactly one of {', '.join(names)}",
        " + ".join(f"(has(self.{name}) ? 1 : 0)" for name in names) + " == 1",
    )


def _has_images_or_annotations(ref: Mapping[str, Any]) -> bool:
    return bool(ref.get("useAnnotations")) or bool(ref.get("images"))


def _has_signer_if_enabled(block: Mapping[str, Any]) -> bool:
    return block.get("enabled") is False or "cosignKey" in block or "keyless" in block


def _names_a_variable(block: Mapping[str, Any]) -> bool:
    return "spec" in block or "name" in block


COMMON_UPDATE_SETTINGS = Block(
    {
        "updateStrategy": Text(),
        "forceUpdate": Flag(),
        "allowTags": Text(),
        "ignoreTags": ListOf(Text()),
        "pullSecret": Text(),
        "platforms": ListOf(Text()),
        "downgrade": Text(choices=DOWNGRADE_CHOICES),
        "newestBy": Text(choices=NEWEST_BY_CHOICES),
        "minimumAge": Text(AGE_PATTERN, min_length=1),
        "minimumAgeFrom": Text(choices=AGE_FROM_CHOICES),
    }
)

_IDENTITY_TEXT = Text(min_length=1, max_length=MAX_IDENTITY_LENGTH)
_KEYLESS = Block(
    {
        "identities": ListOf(
            Block(
                {
                    "identity": _IDENTITY_TEXT,
                    "identityRegExp": _IDENTITY_TEXT,
                    "issuer": _IDENTITY_TEXT,
                    "issuerRegExp": _IDENTITY_TEXT,
                },
                rules=(
                    _exactly_one("identity", "identityRegExp"),
                    _exactly_one("issuer", "issuerRegExp"),
                ),
            ),
            min_items=1,
            max_items=MAX_IDENTITIES,
        )
    },
    required=("identities",),
)

IMAGES_VERIFICATION = Block(
    {
        "enabled": Flag(),
        "cosignKey": Block({"secretName": Text(), "key": Text()}, required=("secretName", "key")),
        "keyless": _KEYLESS,
        "requiredKeys": Text(choices=REQUIRED_CHOICES),
        "requiredIdentities": Text(choices=REQUIRED_CHOICES),
        "requiredAnnotations": MapOf(Text()),
    },
    defaults={"enabled": True},
    rules=(
        Rule(
            _has_signer_if_enabled,
            "needs cosignKey or keyless unless enabled is false",
            "(has(self.enabled) && !self.enabled) || has(self.cosignKey) || has(self.keyless)",
        ),
    ),
)

_NAMES = ListOf(Text(min_length=1, max_length=_LABEL_LENGTH_LIMIT), max_items=_LABEL_LIMIT)
_PULL_REQUEST = Block(
    {
        **{name: Block({}) for name in PROVIDERS},
        "labels": _NAMES,
        "reviewers": _NAMES,
        "assignees": _NAMES,
        "draft": Flag(),
        "autoMerge": Flag(),
    },
    rules=(replace(_exactly_one(*PROVIDERS), cel="", one_of=PROVIDERS),),
)

WRITE_BACK_CONFIG = Block(
    {
        "method": Text(METHOD_PATTERN),
        "gitConfig": Block(
            {
                "repository": Text(),
                "branch": Text(),
                "writeBackTarget": Text(),
                "pullRequest": _PULL_REQUEST,
                "pullRequestBranch": Text(choices=REQUEST_BRANCH_CHOICES),
            }
        ),
    }
)

_MANIFEST_TARGETS = Block(
    {
        "helm": Block({"name": Text(), "tag": Text(), "spec": Text()}),
        "kustomize": Block({"name": Text()}, required=("name",)),
        "plugin": Block(
            {"name": _ENV_NAME, "tag": _ENV_NAME, "spec": _ENV_NAME},
            rules=(
                Rule(_names_a_variable, "needs spec or name", "has(self.spec) || has(self.name)"),
            ),
        ),
    },
    rules=(_exactly_one(*TARGETS),),
)

_IMAGE = Block(
    {
        "alias": Text(ALIAS_PATTERN),
        "imageName": Text(),
        "commonUpdateSettings": COMMON_UPDATE_SETTINGS,
        "imagesVerification": IMAGES_VERIFICATION,
        "manifestTargets": _MANIFEST_TARGETS,
        "writeBackTarget": Text(),
    },
    required=("alias", "imageName"),
)

_LABEL_SELECTOR = Block(
    {
        "matchLabels": MapOf(Text()),
        "matchExpressions": ListOf(
            Block(
                {"key": Text(), "operator": Text(), "values": ListOf(Text())},
                required=("key", "operator"),
            )
        ),
    }
)

_APPLICATION_REF = Block(
    {
        "namePattern": Text(),
        "labelSelectors": _LABEL_SELECTOR,
        "useAnnotations": Flag(),
        "images": ListOf(_IMAGE, key="alias"),
        "commonUpdateSettings": COMMON_UPDATE_SETTINGS,
        "writeBackConfig": WRITE_BACK_CONFIG,
        "imagesVerification": IMAGES_VERIFICATION,
    },
    required=("namePattern",),
    defaults={"useAnnotations": False},
    rules=(
        Rule(
            _has_images_or_annotations,
            "needs at least one image, or useAnnotations: true",
            "(has(self.useAnnotations) && self.useAnnotations)"
            " || (has(self.images) && self.images.size() > 0)",
        ),
    ),
)

SPEC = Block(
    {
        "applicationRefs": ListOf(_APPLICATION_REF, key="namePattern", min_items=1),
        "commonUpdateSettings": COMMON_UPDATE_SETTINGS,
        "writeBackConfig": WRITE_BACK_CONFIG,
        "imagesVerification": IMAGES_VERIFICATION,
    },
    required=("applicationRefs",),
)
