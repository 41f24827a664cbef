"""What went wrong while talking to Git, sorted by what the caller should do.

Git tells its errors in words only, so the table below knows the words of git, curl, OpenSSH and
the large forges. Text that no row knows counts as temporary: trying again is harmless, giving up
is not. The message names repository and branch, says what to do, and holds no secret.
"""

from __future__ import annotations

from dataclasses import dataclass

from argocd_image_updater.core.facts import Failure, FailureKind
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.errors import UpdaterError, shorten

_REASONS = {
    FailureKind.TRANSIENT: Reason.GIT_UNREACHABLE,
    FailureKind.RATE_LIMITED: Reason.GIT_UNREACHABLE,
    FailureKind.DENIED: Reason.GIT_AUTH_FAILED,
    FailureKind.CREDENTIALS: Reason.GIT_AUTH_FAILED,
    FailureKind.NOT_FOUND: Reason.GIT_BRANCH_MISSING,
    FailureKind.CONFIG: Reason.SETTINGS_INVALID,
    FailureKind.REFUSED: Reason.TARGET_OUTSIDE,
    FailureKind.UNUSABLE: Reason.TARGET_UNREADABLE,
    FailureKind.LOCAL: Reason.WRITE_FAILED,
    FailureKind.INTERNAL: Reason.INTERNAL_ERROR,
}


class GitError(UpdaterError):
    """A Git operation failed; kind says what to make of it, reason how it is reported."""

    def __init__(self, kind: FailureKind, message: str, *, reason: Reason | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.reason = reason or _REASONS.get(kind, Reason.WRITE_FAILED)

    @property
    def failure(self) -> Failure:
        """The same as an answer."""
        return Failure(self.kind, str(self), reason=self.reason)


class DamagedMirrorError(UpdaterError):
    """The local mirror cannot be used; it is rebuilt and the operation repeated once."""


@dataclass(frozen=True, slots=True)
class _Row:
    words: tuple[str, ...]
    kind: FailureKind
    advice: str


# The first row whose word occurs (compared in lower case) wins, so the special stand first.
_TABLE = (
    _Row(
        ("returned error: 429", "too many requests", "rate limit"),
        FailureKind.RATE_LIMITED,
        "the Git server asks to slow down",
    ),
    _Row(
        (
            "ssl certificate problem",
            "certificate verification failed",
            "server certificate",
            "ssl: no alternative certificate",
            "error setting certificate",
            "unable to get local issuer",
        ),
        FailureKind.CONFIG,
        "the server's certificate is not trusted: add its CA to the TLS certificates of Argo CD",
    ),
    _Row(
        ("host key verification failed", "no matching host key", "remote host identification"),
        FailureKind.CONFIG,
        "the server's host key is not trusted: add it to the SSH known hosts of Argo CD",
    ),
    _Row(
        (
            "authentication failed",
            "returned error: 401",
            "could not read username",
            "could not read password",
            "permission denied (",
            "access denied",
            "invalid credentials",
            "too many authentication failures",
            "load key",
        ),
        FailureKind.DENIED,
        "the credentials were refused: check user and password, token or key",
    ),
    _Row(
        ("returned error: 403", "write access to repository not granted", "permission to "),
        FailureKind.DENIED,
        "the credentials lack the permission: grant access to the repository",
    ),
    _Row(
        (
            "returned error: 404",
            "repository not found",
            "does not appear to be a git repository",
            "does not exist",
            "could not be found",
            "not found",
        ),
        FailureKind.NOT_FOUND,
        "the repository does not exist or is hidden from these credentials",
    ),
    _Row(
        ("returned error: 30", "unable to update url base from redirection"),
        FailureKind.CONFIG,
        "the server redirects to another address: configure the new repository URL",
    ),
    _Row(
        ("transport '", "is not supported", "not allowed", "unable to find remote helper"),
        FailureKind.CONFIG,
        "the repository URL uses a transport that is not allowed",
    ),
    _Row(
        ("dubious ownership",),
        FailureKind.CONFIG,
        "the local repository belongs to another user",
    ),
    _Row(
        ("dumb http transport", "does not support shallow", "not valid: could not determine hash"),
        FailureKind.CONFIG,
        "the server does not speak the smart Git protocol with shallow fetches",
    ),
)
_UNKNOWN = _Row((), FailureKind.TRANSIENT, "the Git server could not be reached or broke off")

# Words of the operating system about the disk here, which no rebuilt mirror mends.
_DISK = (
    "no space left on device",
    "disk quota exceeded",
    "read-only file system",
    "file too large",
)
# Words of git about its own object store, not about the other side.
_DAMAGE = (
    "bad object",
    "corrupt",
    "not a git repository",
    "unable to read",
    "could not read from pack",
    "inflate",
    "index file",
    "shallow file",
    "bad shallow",
    "failed to traverse",
    "eof before pack header",
    "bad revision",
    "loose object",
    "not a valid object",
    "invalid object",
    "missing blob",
    "missing tree",
    "bad tree",
    "did not send all necessary objects",
    "unresolved delta",
    "unable to create '",
    "bad config",
    "unknown repository extension",
)


def is_damage(stderr: str) -> bool:
    """Whether git complains about the local mirror."""
    text = stderr.lower()
    return any(word in text for word in _DAMAGE) and not disk_words(stderr)


def disk_words(stderr: str) -> str:
    """Return what git says of a disk of this machine, empty when it says nothing of it."""
    own = [line for line in stderr.splitlines() if not line.strip().startswith("remote:")]
    return next((word for line in own for word in _DISK if word in line.lower()), "")


def disk_error(why: str, *, where: str) -> GitError:
    """Return the error for a state directory that cannot be written to."""
    return GitError(
        FailureKind.LOCAL,
        f"{where}: the state directory cannot be used: {shorten(why)}; make room there or name "
        "another with --state-dir",
    )


def is_redirect(stderr: str) -> bool:
    """Whether the server answered with a redirection that was not followed."""
    return "returned error: 30" in stderr


def remote_error(stderr: str, *, where: str) -> GitError:
    """Return the error for what git said while it talked to the repository `where`."""
    if why := disk_words(stderr):
        return disk_error(why, where=where)
    text = stderr.lower()
    row = next((row for row in _TABLE if any(word in text for word in row.words)), _UNKNOWN)
    return GitError(row.kind, f"{where}: {row.advice}. Git says: {shorten(sentence(stderr))}")


def sentence(stderr: str) -> str:
    """Return the part of git's output that explains: the server's words, else the last error."""
    lines = [line.strip() for line in stderr.replace("\r", "\n").splitlines() if line.strip()]
    remote = [line.removeprefix("remote:").strip() for line in lines if line.startswith("remote:")]
    errors = [line for line in lines if line.startswith(("fatal:", "error:"))]
    parts = [text for text in remote if text] + errors[:2]
    return " ".join(parts) if parts else " ".join(lines[-2:]) or "nothing"
