"""Trimming of settings: exactly the characters that Unicode calls White_Space.

``str.strip()`` also takes U+001C to U+001F, which are no white space and stay part of a value.
"""

from __future__ import annotations

# https://www.unicode.org/Public/UCD/latest/ucd/PropList.txt, property White_Space
WHITE_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


def trim(text: str) -> str:
    """Return `text` without white space at both ends."""
    return text.strip(WHITE_SPACE)
