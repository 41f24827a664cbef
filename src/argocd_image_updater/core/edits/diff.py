r"""Unified diffs of two contents, for people: reports, dry runs and logs.

Invariant: what is printed cannot drive a terminal: control characters stand as visible text, a
carriage return as ``\r``. A missing line end at the file's end is told as in other diff tools.
Work is bounded: only the span between the first and the last difference is compared.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

CONTEXT_LINES = 3
MAX_COMPARED_LINES = 4000  # beyond this the differing span is shown as one replacement
MAX_DIFF_CHARS = 1_000_000  # a report, not an archive

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")
_NAMED = {"\r": "\\r", "\ufeff": "<BOM>"}


@dataclass(frozen=True, slots=True)
class _Hunk:
    old: tuple[int, int]
    new: tuple[int, int]
    lines: tuple[str, ...]


def unified_diff(before: bytes | None, after: bytes | None, *, file: str) -> str:
    """Return a unified diff; None stands for a file that does not exist; equal gives no text."""
    if before == after:
        return ""
    old, new = _lines(before), _lines(after)
    name = _visible(file)
    head = f"--- {'a/' + name if before is not None else '/dev/null'}\n"
    head += f"+++ {'b/' + name if after is not None else '/dev/null'}\n"
    text = head + "".join(_rendered(hunk) for hunk in _hunks(old, new))
    if len(text) > MAX_DIFF_CHARS:
        return text[:MAX_DIFF_CHARS].rpartition("\n")[0] + "\n… (the diff is longer)\n"
    return text


def _lines(content: bytes | None) -> list[str]:
    text = (content or b"").decode("utf-8", errors="replace")
    lines = text.split("\n")
    ended = [line + "\n" for line in lines[:-1]]
    return [*ended, lines[-1]] if lines[-1] else ended


def _hunks(old: list[str], new: list[str]) -> list[_Hunk]:
    start, end = _equal_ends(old, new)
    old_span, new_span = old[start : len(old) - end], new[start : len(new) - end]
    if len(old_span) + len(new_span) > MAX_COMPARED_LINES:
        groups = [[("replace", 0, len(old_span), 0, len(new_span))]]
    else:
        matcher = SequenceMatcher(None, old_span, new_span, autojunk=False)
        groups = [list(group) for group in matcher.get_grouped_opcodes(CONTEXT_LINES)]
    hunks = []
    for number, group in enumerate(groups):
        head = old[max(0, start - CONTEXT_LINES) : start] if number == 0 else []
        tail = old[len(old) - end :][:CONTEXT_LINES] if number == len(groups) - 1 else []
        hunks.append(_hunk(group, old_span, new_span, start=start, head=head, tail=tail))
    return hunks


def _equal_ends(old: list[str], new: list[str]) -> tuple[int, int]:
    """Return how many lines are equal at the start and at the end."""
    limit = min(len(old), len(new))
    start = 0
    while start < limit and old[start] == new[start]:
        start += 1
    end = 0
    while end < limit - start and old[-1 - end] == new[-1 - end]:
        end += 1
    return start, end


def _hunk(
    group: list[tuple[str, int, int, int, int]],
    old: list[str],
    new: list[str],
    *,
    start: int,
    head: list[str],
    tail: list[str],
) -> _Hunk:
    lines = [f" {line}" for line in head]
    for kind, old_from, old_to, new_from, new_to in group:
        if kind == "equal":
            lines += [f" {line}" for line in old[old_from:old_to]]
            continue
        lines += [f"-{line}" for line in old[old_from:old_to]]
        lines += [f"+{line}" for line in new[new_from:new_to]]
    lines += [f" {line}" for line in tail]
    extra = len(head) + len(tail)
    first, last = group[0], group[-1]
    old_lines = (start + first[1] - len(head) + 1, last[2] - first[1] + extra)
    new_lines = (start + first[3] - len(head) + 1, last[4] - first[3] + extra)
    return _Hunk(old_lines, new_lines, tuple(lines))


def _rendered(hunk: _Hunk) -> str:
    head = f"@@ -{_range(*hunk.old)} +{_range(*hunk.new)} @@\n"
    return head + "".join(_line(line) for line in hunk.lines)


def _range(first: int, count: int) -> str:
    if count == 1:
        return str(first)
    return f"{first if count else first - 1},{count}"


def _line(line: str) -> str:
    if line.endswith("\n"):
        return _visible(line[:-1]) + "\n"
    return _visible(line) + "\n\\ No newline at end of file\n"


def _visible(text: str) -> str:
    return _CONTROL.sub(lambda found: _escape(found.group()), text)


def _escape(character: str) -> str:
    return _NAMED.get(character) or f"\\x{ord(character):02x}"
