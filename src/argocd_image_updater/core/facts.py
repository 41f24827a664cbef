"""Questions to the outside and their answers, as hashable values.

A question equal to another is asked once per process, whoever asks. An answer is complete or it is
a Failure with a class: never a shorter list.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.identities import KeylessIdentity
    from argocd_image_updater.core.reasons import Reason


class FailureKind(StrEnum):
    """What the caller should make of a failed question."""

    TRANSIENT = "transient"  # may work later: outage, time-out, half an answer
    RATE_LIMITED = "rate-limited"  # may work later: the other side asked to slow down
    DENIED = "denied"  # credentials refused or missing
    CREDENTIALS = "credentials"  # the source of the credentials failed
    NOT_FOUND = "not-found"  # it does not exist
    UNUSABLE = "unusable"  # permanent: not an image, unreadable config, wrong media type
    NO_PLATFORM = "no-platform"  # permanent: no wanted platform in it
    CONFIG = "config"  # the question itself is wrong: bad name, bad endpoint
    LOCAL = "local"  # this machine: a full disk, a missing permission
    INTERNAL = "internal"  # a fault of this program
    POSTPONED = "postponed"  # not asked yet: enough was asked in this cycle
    UNTOLD = "untold"  # permanent: the other side knows no answer to such a question
    REFUSED = "refused"  # policy: path outside the tree, symbolic link, foreign namespace


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a question has no answer. The message is for people and holds no secret.

    of_content: it follows from bytes that were checked against their digest, so it holds for ever.
    reason: where it is known better than by the kind.
    """

    kind: FailureKind
    message: str
    retry_after_s: float | None = None
    of_content: bool = field(default=False, compare=False)
    reason: Reason | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class RepositoryKey:
    """One image repository as one identity sees it.

    endpoint: name of the registry endpoint (its table key). repository: path as used in the API.
    credentials: credential reference of the image, empty = the endpoint's own.
    namespace: namespace whose Secrets `credentials` may name; empty when `credentials` is empty.
    found_by: how `credentials` were found where no reference names them; then they are the key of a
    Secret.
    """

    endpoint: str
    repository: str
    credentials: str = ""
    namespace: str = ""
    found_by: str = ""


@dataclass(frozen=True, slots=True)
class TagListQuestion:
    """All tags of a repository; answered by TagList."""

    repository: RepositoryKey


@dataclass(frozen=True, slots=True)
class TagExistsQuestion:
    """Whether one tag (or digest) exists right now; answered by bool."""

    repository: RepositoryKey
    tag: str


@dataclass(frozen=True, slots=True)
class DigestQuestion:
    """The digest a tag points at right now, and whether a wanted platform is in it.

    platforms: sorted platform keys, empty = any. Answered by TagMetadata (created_ns may be None).
    """

    repository: RepositoryKey
    tag: str
    platforms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MetadataQuestion:
    """Digest, creation time and labels of a tag for some platforms; answered by TagMetadata.

    fresh: the answer must be checked against the registry in this cycle (current and chosen tag);
    otherwise a stored tag → digest may serve until its turn in the rotation.
    """

    repository: RepositoryKey
    tag: str
    platforms: tuple[str, ...] = ()
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class SightingQuestion:
    """What a tag points at, and since when it was seen to; answered by Sighting.

    digest: what it points at, where that is known. fresh: the registry must be asked in this cycle;
    otherwise what was seen last may serve.
    """

    repository: RepositoryKey
    tag: str
    digest: str = ""
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a tag points at, and when this program first saw that, in nanoseconds since 1970."""

    digest: str
    first_seen_ns: int


@dataclass(frozen=True, slots=True)
class PushTimesQuestion:
    """When the tags of a repository were pushed; answered by PushTimes."""

    repository: RepositoryKey


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a tag points at, and when the registry got that, in nanoseconds since 1970."""

    digest: str
    pushed_ns: int


@dataclass(frozen=True, slots=True)
class PushTimes:
    """When tags were pushed; a tag of which the registry does not tell it is left out."""

    tags: Mapping[str, Pushed]


@dataclass(frozen=True, slots=True)
class SignaturePolicy:
    """Which signatures an image must have.

    secret, key: the Secret and its field with the public keys; the keys themselves travel no
    further than to who verifies; None = no key is wanted. every_key: all of them must have signed,
    not just one. annotations: what must be signed along, sorted by name. identities: who must have
    signed with a certificate; with a Secret as well, both are wanted.
    """

    secret: ObjectKey | None
    key: str
    every_key: bool = False
    annotations: tuple[tuple[str, str], ...] = ()
    identities: tuple[KeylessIdentity, ...] = ()
    every_identity: bool = False


@dataclass(frozen=True, slots=True)
class VerificationQuestion:
    """Whether an image is signed as a policy wants; answered by VerificationFact.

    digest: what will be deployed, where that is written; empty = the tag is, so it is resolved
    before the signatures are looked for, and must still be the same afterwards.
    """

    repository: RepositoryKey
    tag: str
    digest: str
    policy: SignaturePolicy


@dataclass(frozen=True, slots=True)
class VerificationFact:
    """Whether the image with this digest is signed; otherwise the message says what is missing."""

    digest: str
    verified: bool
    message: str = ""


@dataclass(frozen=True, slots=True)
class TagList:
    """The complete list of tags, in registry order, as returned. sort: registry sort mode.

    sort is ``""``, ``latest-first`` or ``latest-last``.
    """

    tags: tuple[str, ...]
    sort: str = ""


@dataclass(frozen=True, slots=True)
class TagMetadata:
    """What a tag points at.

    digest: ``sha256:…`` of the top-level manifest. created_ns: nanoseconds since 1970 (may be
    negative), None = unknown, which counts as oldest. labels: of the newest matching child.
    warnings: oddities of the image that a person may want to know.
    """

    digest: str
    created_ns: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class BranchKey:
    """One branch of one Git repository as one identity sees it; empty branch = the default one.

    credentials: ``repocreds``, ``secret:<ns>/<name>`` or empty. project: Argo CD project of the
    Application (repository Secrets can be bound to one). namespace: that of the Application; the
    only one whose Secret `credentials` may name.
    """

    repository: str
    branch: str
    credentials: str = ""
    project: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class FileQuestion:
    """One path in the tree at the tip of a branch; answered by FileFact."""

    branch: BranchKey
    path: str


class PathKind(StrEnum):
    """What stands at a path of a tree."""

    FILE = "file"
    MISSING = "missing"
    DIRECTORY = "directory"


@dataclass(frozen=True, slots=True)
class FileFact:
    """What stands at a path; content only for a file.

    A symbolic link, a submodule or a path outside the tree is a Failure of kind REFUSED.
    """

    kind: PathKind
    content: bytes = b""


RegistryQuestion = (
    TagListQuestion
    | TagExistsQuestion
    | DigestQuestion
    | MetadataQuestion
    | SightingQuestion
    | PushTimesQuestion
)
Question = RegistryQuestion | VerificationQuestion | FileQuestion
Answer = TagList | TagMetadata | Sighting | PushTimes | VerificationFact | FileFact | bool | Failure
