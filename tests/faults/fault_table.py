"""docs/registry-faults.md: what a run of the program was seen to make of each fault.

The page holds a table for each section between markers; the words around them are written by hand.
``make fault-table`` rewrites the tables.
"""

import os
import re
from pathlib import Path

from faults.registry_cases import CASES, NEXT_CYCLE, NEXT_START, RIGHT, SAME_CYCLE

PAGE = Path(__file__).parents[2] / "docs" / "registry-faults.md"
WRITE = "WRITE_FAULT_TABLE"
_HEADER = "| At the registry | Strategy | The program | Reason | Written | Right version written |"
_REGION = re.compile(r"(<!-- begin (\S.*?) -->\n).*?(<!-- end \2 -->)", re.DOTALL)
_OUTCOMES = {
    "updated": "goes on",
    "held": "holds the update back",
    "skipped": "leaves the image out",
    "error": "fails",
}


def recovery(case, observed):
    """Return when the right version was written for the first time, by what was seen."""
    during, *after = observed.cycles[case.later :]
    right = observed.right
    if during.value == right:
        return SAME_CYCLE
    if after[0].value == right:
        return NEXT_CYCLE
    return NEXT_START if after[-1].value == right else "never"


def rendered(page, observed):
    """Return the page with every table made anew."""
    sections = {case.section for case in CASES}
    assert {match[2] for match in _REGION.finditer(page)} == sections, "a section has no table"
    return _REGION.sub(lambda match: f"{match[1]}{_table(match[2], observed)}{match[3]}", page)


def is_wanted():
    """Tell whether the page is to be rewritten."""
    return bool(os.environ.get(WRITE))


def _table(section, observed):
    rows = [_row(case, observed[case.name]) for case in CASES if case.section == section]
    return "\n".join((_HEADER, "|" + "---|" * (_HEADER.count("|") - 1), *rows, ""))


def _row(case, observed):
    seen = observed.cycles[case.later]
    asked = ("sends nothing", "asks once")[seen.requests] if seen.requests < 2 else "asks again"
    cells = (
        case.told,
        case.strategy,
        f"{asked}, {_OUTCOMES[seen.outcome]}",
        f"[{seen.reason}](reasons.md#{seen.reason.lower()})",
        "nothing" if seen.value == seen.before else _value(case, seen, observed),
        recovery(case, observed),
    )
    return "| " + " | ".join(cells) + " |"


def _value(case, seen, observed):
    if case.strategy in RIGHT:
        return f"`{seen.value}`"
    return "the new digest" if seen.value == observed.right else "another digest"
