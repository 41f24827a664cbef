"""What to do about a reason, in one sentence; docs/reasons.md says more.

Only reasons that need somebody to act have one; those of a dry run and of a normal state do not.
"""

from __future__ import annotations

from argocd_image_updater.core.reasons import Reason

NEXT_CYCLE = "; the next cycle tries again"

HINT_OF: dict[Reason, str] = {
    Reason.WOULD_DOWNGRADE: "if going back is meant, exclude the current tag by a filter or the "
    "constraint, or set the downgrade policy to allow",
    Reason.LIST_INCOMPLETE: "wait for the registry; if it stays so, it or a proxy before it cuts "
    "lists of tags short",
    Reason.OSCILLATING: "let only one of those that the message names write this value, or give "
    "them the same constraint",
    Reason.TOO_YOUNG: "it is taken by itself when the time has come; a smaller minimumAge takes it "
    "earlier",
    Reason.CONFLICT: "let only one ImageUpdater select the Application",
    Reason.ALLOW_TAGS_INVALID: 'write "any" or "regexp:" with a valid expression',
    Reason.CONSTRAINT_INVALID: "correct the tag part of imageName; a word such as latest needs "
    "the strategy digest",
    Reason.CONSTRAINT_MISSING: "the strategy digest needs the tag to follow in imageName",
    Reason.SETTINGS_INVALID: "correct what is named",
    Reason.SECRET_REFUSED: "put the Secret into the Application's namespace, or configure the "
    "credentials for the registry",
    Reason.TARGET_MISMATCH: "use the manifestTargets of the Application's type",
    Reason.TARGET_MISSING: "correct writeBackTarget, or create the file",
    Reason.TARGET_UNREADABLE: "repair the file",
    Reason.TARGET_OUTSIDE: "name a regular file inside the repository",
    Reason.AMBIGUOUS: "name the place exactly, or make it one of its own",
    Reason.PUSH_TIMES_UNKNOWN: "let newestBy be created, or use a registry that tells when tags "
    "were pushed",
    Reason.SOURCE_UNSUPPORTED: "only Helm, Kustomize and Plugin sources can be updated, or with a "
    "writeBackTarget manifest:FILE those of type Directory",
    Reason.METADATA_INCOMPLETE: "nothing is chosen from a partial view" + NEXT_CYCLE,
    Reason.REGISTRY_ERROR: "check that the registry can be reached from here" + NEXT_CYCLE,
    Reason.REPOSITORY_UNKNOWN: "check the spelling and the credentials: many registries hide what "
    "one may not see",
    Reason.RATE_LIMITED: "give credentials, set a limit for the registry, or raise the interval",
    Reason.AUTH_FAILED: "check the credentials of the registry",
    Reason.CREDENTIALS_UNAVAILABLE: "check the Secret, variable or script that holds the "
    "credentials",
    Reason.VERIFICATION_FAILED: "sign the image with the expected key, or correct the key",
    Reason.GIT_UNREACHABLE: "check that the repository can be reached from here" + NEXT_CYCLE,
    Reason.GIT_AUTH_FAILED: "check the credentials of the Git repository",
    Reason.GIT_BRANCH_MISSING: "correct the address of the repository, or set gitConfig.branch to "
    "a branch that exists",
    Reason.PULL_REQUEST_OPEN: "review and merge the pull request",
    Reason.PULL_REQUEST_DECLINED: "wait for the next version, or open the request again",
    Reason.PULL_REQUEST_FAILED: "do what the forge says; the next cycle tries again",
    Reason.PUSH_REJECTED: "allow the push, or write to another branch or a pull request",
    Reason.WRITE_FAILED: "see the message",
    Reason.INTERNAL_ERROR: "please report the message; other images are not affected",
}


def hint_of(reason: Reason) -> str:
    """Return what to do, or an empty text."""
    return HINT_OF.get(reason, "")
