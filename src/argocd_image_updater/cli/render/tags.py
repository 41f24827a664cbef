"""What became of each tag of an image: bounded for people, in full for machines, newest first."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from argocd_image_updater.cli.render.terminal import Terminal, printable, shorten_digests

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from argocd_image_updater.core.decisions import TagVerdict

_TAGS_SHOWN = 20  # a screenful; --all lists the rest
NAME_WIDTH = 40  # longer names push their own line out, not every line
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_RULE_WORDS = {
    "chosen": "chosen",
    "kept": "allowed, but not the best",
    "allowTags": "dropped by allowTags",
    "ignoreTags": "dropped by ignoreTags",
    "constraint": "dropped by the constraint",
    "preRelease": "a pre-release",
    "notAVersion": "not a version",
    "notTheTag": "another tag",
    "platform": "no wanted platform",
    "metadata": "not a readable image",
    "tooYoung": "too young",
}


def render_tags(verdicts: Sequence[TagVerdict], terminal: Terminal, *, all_tags: bool) -> str:
    """Return the list of tags under its title, without final newline; empty without tags."""
    if not verdicts:
        return ""
    counts = Counter(verdict.rule for verdict in verdicts)
    kept = counts["chosen"] + counts["kept"]
    shown = verdicts if all_tags else _newest(verdicts)
    width = min(max(len(verdict.tag) for verdict in shown), NAME_WIDTH)
    lines = [_tag_line(verdict, terminal, width=width) for verdict in shown]
    hidden = len(verdicts) - len(shown)
    if hidden:
        lines.append(f"  {terminal.ellipsis} {hidden:,} more (--all lists every tag)")
    title = terminal.paint("Tags", "bold")
    return "\n".join([f"{title} ({len(verdicts):,} listed, {kept:,} allowed)", *lines])


def tag_documents(verdicts: Iterable[TagVerdict]) -> list[dict[str, Any]]:
    """Return the members about the tags in a JSON document: all of them."""
    return [
        {
            "tag": verdict.tag,
            "rule": verdict.rule,
            "detail": verdict.detail,
            "created": created_text(verdict.created_ns) or None,
        }
        for verdict in verdicts
    ]


def created_text(created_ns: int | None) -> str:
    """Return a creation time as RFC 3339 in whole seconds; empty when unknown."""
    if created_ns is None:
        return ""
    try:
        moment = _EPOCH + timedelta(seconds=created_ns // 1_000_000_000)
    except OverflowError:
        return "out of range"
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _newest(verdicts: Sequence[TagVerdict]) -> list[TagVerdict]:
    """Return the first verdicts and, wherever it stands, the chosen one."""
    return [
        verdict
        for number, verdict in enumerate(verdicts)
        if number < _TAGS_SHOWN or verdict.rule == "chosen"
    ]


def _tag_line(verdict: TagVerdict, terminal: Terminal, *, width: int) -> str:
    words = _RULE_WORDS.get(verdict.rule, printable(verdict.rule))
    detail = f": {shorten_digests(verdict.detail, terminal)}" if verdict.detail else ""
    created = created_text(verdict.created_ns)
    line = f"  {printable(verdict.tag):<{width}}  {words}{detail}" + (
        f"  ({created})" if created else ""
    )
    style = {"chosen": "green", "kept": ""}.get(verdict.rule, "dim")
    return terminal.paint(line, style)
