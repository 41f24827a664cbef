"""Names of branches: which are allowed, and how a configured name becomes a full ref name.

The rules are those of ``git check-ref-format`` (https://git-scm.com/docs/git-check-ref-format);
in addition a branch may not begin with ``-``, so that no name can ever be taken for an option.
"""

from __future__ import annotations

import re

HEADS = "refs/heads/"
NAME_LIMIT_BYTES = 255  # of a whole branch name; file systems of servers end here

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]")
_COMMIT_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_RANGE = re.compile(r"[<>=^~*|, ]|\.x\b")


def branch_fault(name: str) -> str:
    """Return why `name` cannot be a branch, empty when it can."""
    rules = (
        (not name, "it is empty"),
        (len(name.encode(errors="surrogateescape")) > NAME_LIMIT_BYTES, "it is too long"),
        (name.startswith("-"), "it begins with '-'"),
        (name in {"@", "HEAD"}, "it is a reserved word"),
        (bool(_FORBIDDEN.search(name)), "it has a blank, a control character or one of ~^:?*[\\"),
        (".." in name or "@{" in name, "it has '..' or '@{'"),
        (name.startswith("/") or name.endswith("/") or "//" in name, "it has an empty part"),
        (name.endswith("."), "it ends with a dot"),
        (any(part.startswith(".") for part in name.split("/")), "a part begins with a dot"),
        (any(part.endswith(".lock") for part in name.split("/")), "a part ends with '.lock'"),
    )
    return next((why for broken, why in rules if broken), "")


def short_branch(name: str) -> str:
    """Return the branch without ``refs/heads/``."""
    return name.removeprefix(HEADS)


def revision_fault(revision: str) -> str:
    """Return why a configured revision is something else than a branch, empty when it may be one.

    Commit ids, tags given in full and version ranges can be deployed from but not written to.
    """
    if revision.startswith("refs/") and not revision.startswith(HEADS):
        return "it is not a branch"
    if _COMMIT_ID.fullmatch(revision):
        return "it is a commit id"
    if _RANGE.search(revision):
        return "it is a version range"
    return branch_fault(short_branch(revision))
