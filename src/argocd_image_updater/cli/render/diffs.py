"""What would be written, per destination: commits with message and differences, patched files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.cli.render.terminal import Terminal, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from argocd_image_updater.core.report import CommitRecord, CycleReport, PatchRecord

_INDENT = "    "


def render_destinations(report: CycleReport, terminal: Terminal) -> str:
    """Return all destinations, ending in a newline; empty when there is nothing to write."""
    blocks = [
        _branch(repository, branch, commits=commits, terminal=terminal)
        for (repository, branch), commits in _by_branch(report.commits).items()
    ]
    blocks += [
        _file(where, patches=patches, terminal=terminal)
        for where, patches in _by_place(report.patches).items()
    ]
    return "\n".join(blocks)


def paint_diff(diff: str, terminal: Terminal) -> str:
    """Return a unified diff with coloured lines and without foreign control characters."""
    lines = (printable(line, keep="\t") for line in diff.removesuffix("\n").split("\n"))
    return "\n".join(terminal.paint(line, _style_of(line)) for line in lines)


def _branch(
    repository: str, branch: str, *, commits: Sequence[CommitRecord], terminal: Terminal
) -> str:
    head = f"repository {printable(repository)}"
    head += f", branch {printable(branch)}" if branch else ", default branch"
    texts = [
        _commit(commit, number=number, total=len(commits), terminal=terminal)
        for number, commit in enumerate(commits, start=1)
    ]
    return "\n".join([terminal.paint(head, "bold"), *texts])


def _commit(commit: CommitRecord, *, number: int, total: int, terminal: Terminal) -> str:
    applications = ", ".join(printable(str(key)) for key in commit.applications)
    name = f" {commit.commit[:12]}" if commit.commit else ""
    head = f"commit{name} {number} of {total}: {applications}"
    message = "\n".join(
        (_INDENT + line).rstrip()
        for line in printable(commit.message, keep="\n\t").strip("\n").split("\n")
    )
    parts = [terminal.paint(head, "yellow"), "", message, "", paint_diff(commit.diff, terminal)]
    return "\n".join(parts) + "\n"


def _file(where: str, *, patches: Sequence[PatchRecord], terminal: Terminal) -> str:
    applications = ", ".join(printable(str(patch.application)) for patch in patches)
    head = terminal.paint(f"file {printable(where)}", "bold")
    diffs = (paint_diff(patch.diff, terminal) for patch in patches if patch.diff)
    return "\n".join([head, terminal.paint(f"patch: {applications}", "yellow"), "", *diffs]) + "\n"


def _by_branch(
    commits: Iterable[CommitRecord],
) -> dict[tuple[str, str], list[CommitRecord]]:
    groups: dict[tuple[str, str], list[CommitRecord]] = {}
    for commit in commits:
        groups.setdefault((commit.repository, commit.branch), []).append(commit)
    return groups


def _by_place(patches: Iterable[PatchRecord]) -> dict[str, list[PatchRecord]]:
    groups: dict[str, list[PatchRecord]] = {}
    for patch in patches:
        groups.setdefault(patch.where, []).append(patch)
    return groups


def _style_of(line: str) -> str:
    if line.startswith(("+++", "---", "diff ", "index ")):
        return "bold"
    return {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
