"""The effective settings of one image and one Application, after selection and inheritance."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.core.application import Application, ObjectKey, SourceRef
    from argocd_image_updater.core.found_credentials import FoundCredentials
    from argocd_image_updater.core.identities import KeylessIdentity
    from argocd_image_updater.core.reasons import Reason
    from argocd_image_updater.core.reference import ImageReference


class Strategy(StrEnum):
    """How one tag is chosen among the candidates."""

    SEMVER = "semver"
    NEWEST_BUILD = "newest-build"
    ALPHABETICAL = "alphabetical"
    DIGEST = "digest"


class Downgrade(StrEnum):
    """What happens when the chosen tag is older than the current one."""

    ALLOW = "allow"
    WHEN_EXCLUDED = "whenExcluded"
    NEVER = "never"


class AgeFrom(StrEnum):
    """What the age of an image is counted from."""

    SEEN = "seen"
    CREATED = "created"


class NewestBy(StrEnum):
    """By which time strategy newest-build finds the newest."""

    CREATED = "created"
    PUSHED = "pushed"


class ApplicationType(StrEnum):
    """The way values are put into the Application."""

    HELM = "helm"
    KUSTOMIZE = "kustomize"
    PLUGIN = "plugin"
    MANIFEST = "manifest"
    UNSUPPORTED = "unsupported"


class TargetKind(StrEnum):
    """What kind of file a Git write-back edits."""

    OVERRIDE = "override-file"
    VALUES = "values-file"
    KUSTOMIZATION = "kustomization"
    APPLICATION = "application"
    APPLICATION_SET = "application-set"
    MANIFEST = "manifest"


@dataclass(frozen=True, slots=True)
class CosignKey:
    """Name of the Secret (in the Application's namespace) and its field with the public key."""

    secret_name: str
    key: str


@dataclass(frozen=True, slots=True)
class ManifestTarget:
    """Names under which an image stands in the source; empty text means not configured."""

    helm_name: str = ""
    helm_tag: str = ""
    helm_spec: str = ""
    kustomize_name: str = ""
    plugin_name: str = ""
    plugin_tag: str = ""
    plugin_spec: str = ""


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """One configured image with its merged settings.

    reference: the configured image; its tag slot holds the constraint.
    minimum_age_ns: of what may be chosen, 0 = any age will do.
    allow_tags: raw text, empty = every tag. platforms: raw, empty = that of the process.
    verify_every_key: all keys of `verify_key` must have signed, not just one.
    verify_annotations: what must be signed along, sorted by name.
    verify_identities: who must have signed with a certificate, one of them or every one.
    origins: setting name → where its value came from (``default``, ``spec``, ``ref``, ``image``,
    ``annotation <key>``), for people. found: what was found in place of a pull secret; None =
    nobody has looked. own_place: where it is written if not where its Application is.
    """

    alias: str
    reference: ImageReference
    strategy: Strategy = Strategy.SEMVER
    force_update: bool = False
    allow_tags: str = ""
    ignore_tags: tuple[str, ...] = ()
    pull_secret: str = ""
    platforms: tuple[str, ...] = ()
    target: ManifestTarget = ManifestTarget()
    kustomize_image: ImageReference | None = None
    verify_enabled: bool = False
    verify_key: CosignKey | None = None
    verify_every_key: bool = False
    verify_annotations: tuple[tuple[str, str], ...] = ()
    verify_identities: tuple[KeylessIdentity, ...] = ()
    verify_every_identity: bool = False
    downgrade: Downgrade = Downgrade.WHEN_EXCLUDED
    newest_by: NewestBy = NewestBy.CREATED
    minimum_age_ns: int = 0
    minimum_age_from: AgeFrom = AgeFrom.SEEN
    origins: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    found: FoundCredentials | None = None
    own_place: WritePlace | None = None


@dataclass(frozen=True, slots=True)
class PullRequest:
    """Settings of a pull or merge request; provider: as the resource names it.

    branch_per_version: each set of changes gets a branch and a request of its own.
    """

    provider: str
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    draft: bool = False
    auto_merge: bool = False
    branch_per_version: bool = False


@dataclass(frozen=True, slots=True)
class WriteBack:
    """Resolved write-back of one Application.

    method: ``argocd`` or ``git``. credentials: ``repocreds`` or ``secret:<ns>/<name>``.
    repository: verbatim URL. base_branch: empty or ``HEAD`` = default branch of the remote.
    push_branch: template text, empty = push to the base branch.
    target_path: file (or directory for a kustomization) relative to the repository root.
    target_name: which object in the file, empty = as its kind says.
    target_key: first 8 hex digits that identify the write target. refuse_shared: a value that
    others share through an anchor is not changed.
    """

    method: str = "argocd"
    credentials: str = ""
    repository: str = ""
    base_branch: str = ""
    push_branch: str = ""
    target_kind: TargetKind = TargetKind.OVERRIDE
    target_path: str = ""
    target_name: str = ""
    target_key: str = ""
    pull_request: PullRequest | None = None
    refuse_shared: bool = False
    origins: Mapping[str, str] = field(default_factory=dict)

    @property
    def target(self) -> str:
        """The file and the object in it, for people and to tell targets apart."""
        return f"{self.target_path}#{self.target_name}" if self.target_name else self.target_path


@dataclass(frozen=True, slots=True)
class WritePlace:
    """The write-back of one image that names a target of its own, with what the target implies.

    Repository, branches and pull request are those of the Application. target: as configured.
    """

    target: str
    write_back: WriteBack
    source_type: str
    application_type: ApplicationType
    write_source: SourceRef
    needs_type: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """A configuration fault or a fact that stopped an Application or an image.

    Counted as an error unless `quiet` (a normal situation that only explains).
    """

    reason: Reason
    message: str
    resource: ObjectKey | None = None
    application: ObjectKey | None = None
    alias: str = ""
    image: str = ""
    field_path: str = ""
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class ApplicationIntent:
    """What is wanted for one selected Application: the matched reference and all settings merged.

    origin: the namePattern of the reference that won. problems: images that were dropped.
    needs_type: the type could not be known without reading the repository (only without status).
    """

    resource: ObjectKey
    application: Application
    pattern: str
    images: tuple[ImageSettings, ...]
    write_back: WriteBack
    source_type: str
    application_type: ApplicationType
    write_source: SourceRef
    problems: tuple[Problem, ...] = ()
    needs_type: bool = False
