"""What a vector case says about itself: binding or flagged, recorded and better expectations.

A case that carries a flag records a weakness of the product these files were recorded from. Its
recorded result stays acceptable; so is the better one, which is either data (``better`` replaces
the keys it names) or told in words. Words recur over many cases, so a runner keeps *rules*: a part
of the words, and how the better result follows from the input of the case. Words that no rule
knows are held against the invariants of the file, never against nothing.
"""

from collections.abc import Callable, Mapping
from typing import Any

TEXT_KEYS = ("deviation", "deviation_allowed", "gap")


def is_flagged(case: dict) -> bool:
    return any(key in case for key in (*TEXT_KEYS, "better")) or not case.get("binding", True)


def flag_text(case: dict) -> str:
    """Return the words of the flag; of a case that is only not binding, its note."""
    keys = TEXT_KEYS if case.get("binding", True) else (*TEXT_KEYS, "note")
    found = (case.get(key) for key in keys)
    texts = (" ".join(text) if isinstance(text, list) else text for text in found)
    return " | ".join(text for text in texts if text)


def rule_of(case: dict, rules: Mapping[str, Callable[..., Any]]) -> Callable[..., Any] | None:
    """Return the rule whose words the flag contains; None for a binding case or unknown words."""
    if not is_flagged(case):
        return None
    text = flag_text(case)
    return next((rule for words, rule in rules.items() if words in text), None)
