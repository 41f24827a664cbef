"""Read the creation time of an image: RFC 3339 as Go's ``time`` package accepts it.

Result: whole nanoseconds since 1970, negative before. Accepted beyond the letter of the RFC: an
hour of one digit, a fraction after a comma, an offset of up to 24:60. Refused: lower-case ``t`` and
``z``, a leap second, blanks. Digits past the ninth of a fraction are cut. Cases:
tests/vectors/data/created_timestamp.json.
"""

from __future__ import annotations

import re

NANOSECONDS = 1_000_000_000
ZERO_TIME_NS = -62_135_596_800 * NANOSECONDS  # 0001-01-01T00:00:00Z, written for "no time"

_MAX_LENGTH = 256
_RFC3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:[.,]([0-9]+))?"
    r"(?:Z|([+-])([0-9]{2}):([0-9]{2}))"
)
_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FEBRUARY = 2
_LAST_HOUR, _LAST_MINUTE, _LAST_SECOND = 23, 59, 59
# COMPAT: offsets are checked more loosely than times (created_timestamp.json)
_LAST_OFFSET_HOUR, _LAST_OFFSET_MINUTE = 24, 60


def parse_created(text: str) -> int | None:
    """Return the instant in nanoseconds since 1970, or None where `text` is not RFC 3339."""
    match = _RFC3339.fullmatch(text) if len(text) <= _MAX_LENGTH else None
    if not match:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    if not (1 <= month <= len(_MONTH_DAYS) and 1 <= day <= _days_in(year, month)):
        return None
    if hour > _LAST_HOUR or minute > _LAST_MINUTE or second > _LAST_SECOND:
        return None
    offset_s = _offset_s(match[8], match[9], match[10])
    if offset_s is None:
        return None
    days = _days_since_1970(year, month, day)
    seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset_s
    fraction = int((match[7] or "")[:9].ljust(9, "0"))
    return seconds * NANOSECONDS + fraction


def _offset_s(sign: str | None, hours: str | None, minutes: str | None) -> int | None:
    if not sign or hours is None or minutes is None:
        return 0
    if int(hours) > _LAST_OFFSET_HOUR or int(minutes) > _LAST_OFFSET_MINUTE:
        return None
    offset_s = int(hours) * 3_600 + int(minutes) * 60
    return -offset_s if sign == "-" else offset_s


def _days_in(year: int, month: int) -> int:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return _MONTH_DAYS[month - 1] + (1 if leap and month == _FEBRUARY else 0)


def _days_since_1970(year: int, month: int, day: int) -> int:
    """Count days in the proleptic Gregorian calendar; years start in March, so leap days end one.

    datetime is of no use here: it knows no year 0.
    """
    shifted = year - (1 if month <= _FEBRUARY else 0)
    era, year_of_era = divmod(shifted, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * 146_097 + day_of_era - 719_468
