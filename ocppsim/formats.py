"""What jsonschema misjudges about single values, judged here.

- ``multipleOf 0.1`` on floats refuses a third of the legal values (``0.3 % 0.1 != 0``): by exact
  fractions.
- ``format`` is not checked at all without optional packages: ``date-time`` is RFC 3339, ``uri`` RFC
  3986.
- NaN and infinity count as numbers, which JSON does not have.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

__all__ = ["FORMATS", "is_multiple", "is_number"]

_DATE_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[Zz]|[+-](\d\d):(\d\d))", re.ASCII
)
# RFC 3986: a scheme, then characters that are allowed in a URI, percent only before two hex digits
_URI = re.compile(
    r"[A-Za-z][A-Za-z0-9+.\-]*:(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*", re.ASCII
)


def is_number(value: Any) -> bool:
    """Whether `value` is a number that JSON has."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def is_multiple(value: float, step: float) -> bool:
    """Whether `value` is a multiple of `step`, both taken as they stand on the wire."""
    # repr of a float is the shortest text that means it
    number = value if isinstance(value, int) else Fraction(repr(value))
    return (number / Fraction(repr(step))).denominator == 1


def _is_date_time(value: str) -> bool:
    match = _DATE_TIME.fullmatch(value)
    if not match:
        return False
    year, month, day, hour, minute, second, zone_hour, zone_minute = match.groups("0")
    try:
        datetime.date(int(year), int(month), int(day))
    except ValueError:
        return False
    # second 60 is a leap second, which RFC 3339 allows
    clock = hour < "24" and minute < "60" and second <= "60"
    return clock and zone_hour < "24" and zone_minute < "60"


def _is_uri(value: str) -> bool:
    return _URI.fullmatch(value) is not None


FORMATS: dict[str, Callable[[str], bool]] = {"date-time": _is_date_time, "uri": _is_uri}
"""Whether a string has the format of this name."""
