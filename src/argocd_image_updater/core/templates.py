"""Commit messages and branch names, built in or by a template of the owner's.

The default message needs no engine. A template that fails is an error of whoever wrote it.

Source of the rules: docs/write-back.md, tests/vectors/data/commit_template.json,
tests/vectors/data/branch_template.json.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from argocd_image_updater.core.template_engine import (
    BRANCH_NAME,
    COMMIT_MESSAGE,
    render_template,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argocd_image_updater.core.decisions import Change

# A branch name longer than this many bytes is cut: the limit of a path component on most servers.
BRANCH_NAME_BYTES = 255


def default_commit_message(application: str, changes: Sequence[Change]) -> str:
    """Return the built-in commit message."""
    lines = [f"build: automatic update of {application}", ""]
    lines += [
        f"updates image {change.name} tag '{change.old.text}' to '{change.new.text}'"
        for change in changes
    ]
    return "\n".join(lines) + "\n"


def fallback_commit_message(application: str) -> str:
    """Return the message used when the owner's template fails while it runs."""
    return f"build: update of application {application}"


def commit_message(application: str, changes: Sequence[Change], *, template: str = "") -> str:
    """Render the commit message of one Application; empty template = the built-in one.

    Raises:
        TemplateFault: the template does not parse or does not run.
    """
    if not template:
        return default_commit_message(application, changes)
    return render_commit_message(template, application, changes)


def render_commit_message(template: str, application: str, changes: Sequence[Change]) -> str:
    """Render a commit message by a template of the owner's, as in `commit_message`."""
    # Only an owner's own template pays for the engine.
    from argocd_image_updater.core.template_values import commit_data  # noqa: PLC0415 - as above

    return render_template(
        template,
        commit_data(application, changes),
        name="commit message",
        kind=COMMIT_MESSAGE,
    )


def branch_hash(changes: Sequence[Change]) -> str:
    """Return the hash over all changes that a branch name may carry."""
    text = "".join(f"{item.name}-{item.old.text}-{item.new.text}," for item in changes)
    return hashlib.sha256(text.encode()).hexdigest()


def branch_name(
    template: str,
    *,
    namespace: str,
    application: str,
    target_key: str,
    changes: Sequence[Change],
) -> str:
    """Render the name of the branch to push to.

    Raises:
        TemplateFault: the template fails. An empty name is for the caller to refuse.
    """
    if "{{" in template:
        # As above.
        from argocd_image_updater.core.template_values import branch_data  # noqa: PLC0415 - as above

        name = render_template(
            template,
            branch_data(namespace, application, target_key, changes, branch_hash(changes)),
            name="branch name",
            kind=BRANCH_NAME,
        )
    else:
        name = template
    return name.encode()[:BRANCH_NAME_BYTES].decode(errors="ignore")
