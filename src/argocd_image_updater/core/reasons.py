"""The product's vocabulary: why an image was or was not changed.

A reason never changes its meaning and never goes away; new ones are added. It is the same word in
status, logs, metrics, events, the command line and JSON. docs/reasons.md explains each for users.
"""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What a reason means for the counters and for exit codes."""

    UPDATED = "updated"
    CURRENT = "current"
    SKIPPED = "skipped"
    HELD = "held"
    ERROR = "error"


class Reason(StrEnum):
    """Why one image of one Application ended a cycle as it did."""

    # something was, or would be, written
    UPDATED = "Updated"
    WOULD_UPDATE = "WouldUpdate"
    # nothing to do
    UP_TO_DATE = "UpToDate"
    ALREADY_SET = "AlreadySet"
    # the image takes no part
    NOT_LIVE = "NotLive"
    NO_CANDIDATE = "NoCandidate"
    NO_TAGS = "NoTags"
    FILTERED_BY_ALLOW_TAGS = "FilteredByAllowTags"
    FILTERED_BY_IGNORE_TAGS = "FilteredByIgnoreTags"
    CONSTRAINT_UNMATCHED = "ConstraintUnmatched"
    PLATFORM_UNMATCHED = "PlatformUnmatched"
    APPLICATION_SKIPPED = "ApplicationSkipped"
    # held back on purpose
    WOULD_DOWNGRADE = "WouldDowngrade"
    LIST_INCOMPLETE = "ListIncomplete"
    OSCILLATING = "Oscillating"
    TOO_YOUNG = "TooYoung"
    CONFLICT = "Conflict"
    PULL_REQUEST_OPEN = "PullRequestOpen"
    PULL_REQUEST_DECLINED = "PullRequestDeclined"
    # the configuration must change
    ALLOW_TAGS_INVALID = "AllowTagsInvalid"
    CONSTRAINT_INVALID = "ConstraintInvalid"
    CONSTRAINT_MISSING = "ConstraintMissing"
    SETTINGS_INVALID = "SettingsInvalid"
    SECRET_REFUSED = "SecretRefused"  # noqa: S105 - a reason, not a password
    TARGET_MISMATCH = "TargetMismatch"
    TARGET_MISSING = "TargetMissing"
    TARGET_UNREADABLE = "TargetUnreadable"
    TARGET_OUTSIDE = "TargetOutside"
    AMBIGUOUS = "Ambiguous"
    PUSH_TIMES_UNKNOWN = "PushTimesUnknown"
    SOURCE_UNSUPPORTED = "SourceUnsupported"
    # the registry did not give complete knowledge
    METADATA_INCOMPLETE = "MetadataIncomplete"
    REGISTRY_ERROR = "RegistryError"
    REPOSITORY_UNKNOWN = "RepositoryUnknown"
    RATE_LIMITED = "RateLimited"
    AUTH_FAILED = "AuthFailed"
    CREDENTIALS_UNAVAILABLE = "CredentialsUnavailable"
    VERIFICATION_FAILED = "VerificationFailed"
    # the change could not be written
    GIT_UNREACHABLE = "GitUnreachable"
    GIT_AUTH_FAILED = "GitAuthFailed"
    GIT_BRANCH_MISSING = "GitBranchMissing"
    PUSH_REJECTED = "PushRejected"
    PULL_REQUEST_FAILED = "PullRequestFailed"
    WRITE_FAILED = "WriteFailed"
    # this program is at fault
    INTERNAL_ERROR = "InternalError"


OUTCOME_OF: dict[Reason, Outcome] = {
    Reason.UPDATED: Outcome.UPDATED,
    Reason.WOULD_UPDATE: Outcome.UPDATED,
    Reason.UP_TO_DATE: Outcome.CURRENT,
    Reason.ALREADY_SET: Outcome.CURRENT,
    Reason.NOT_LIVE: Outcome.SKIPPED,
    Reason.NO_CANDIDATE: Outcome.SKIPPED,
    Reason.NO_TAGS: Outcome.SKIPPED,
    Reason.FILTERED_BY_ALLOW_TAGS: Outcome.SKIPPED,
    Reason.FILTERED_BY_IGNORE_TAGS: Outcome.SKIPPED,
    Reason.CONSTRAINT_UNMATCHED: Outcome.SKIPPED,
    Reason.PLATFORM_UNMATCHED: Outcome.SKIPPED,
    Reason.APPLICATION_SKIPPED: Outcome.SKIPPED,
    Reason.WOULD_DOWNGRADE: Outcome.HELD,
    Reason.LIST_INCOMPLETE: Outcome.HELD,
    Reason.OSCILLATING: Outcome.HELD,
    Reason.TOO_YOUNG: Outcome.HELD,
    Reason.CONFLICT: Outcome.ERROR,
    Reason.PULL_REQUEST_OPEN: Outcome.HELD,
    Reason.PULL_REQUEST_DECLINED: Outcome.HELD,
    Reason.ALLOW_TAGS_INVALID: Outcome.SKIPPED,
    Reason.CONSTRAINT_INVALID: Outcome.ERROR,
    Reason.CONSTRAINT_MISSING: Outcome.ERROR,
    Reason.SETTINGS_INVALID: Outcome.ERROR,
    Reason.SECRET_REFUSED: Outcome.ERROR,
    Reason.TARGET_MISMATCH: Outcome.ERROR,
    Reason.TARGET_MISSING: Outcome.ERROR,
    Reason.TARGET_UNREADABLE: Outcome.ERROR,
    Reason.TARGET_OUTSIDE: Outcome.ERROR,
    Reason.AMBIGUOUS: Outcome.ERROR,
    Reason.PUSH_TIMES_UNKNOWN: Outcome.ERROR,
    Reason.SOURCE_UNSUPPORTED: Outcome.ERROR,
    Reason.METADATA_INCOMPLETE: Outcome.ERROR,
    Reason.REGISTRY_ERROR: Outcome.ERROR,
    Reason.REPOSITORY_UNKNOWN: Outcome.ERROR,
    Reason.RATE_LIMITED: Outcome.ERROR,
    Reason.AUTH_FAILED: Outcome.ERROR,
    Reason.CREDENTIALS_UNAVAILABLE: Outcome.ERROR,
    Reason.VERIFICATION_FAILED: Outcome.ERROR,
    Reason.GIT_UNREACHABLE: Outcome.ERROR,
    Reason.GIT_AUTH_FAILED: Outcome.ERROR,
    Reason.GIT_BRANCH_MISSING: Outcome.ERROR,
    Reason.PUSH_REJECTED: Outcome.ERROR,
    Reason.PULL_REQUEST_FAILED: Outcome.ERROR,
    Reason.WRITE_FAILED: Outcome.ERROR,
    Reason.INTERNAL_ERROR: Outcome.ERROR,
}
