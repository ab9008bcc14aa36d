"""Time as OCPP writes it, and seconds as scripts give them."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

__all__ = ["SCALE", "check_timeout", "scaled", "timestamp"]

SCALE = 1.0
"""What `scaled` multiplies with. Tests make it small, so that a second of waiting is none."""


def timestamp(when: datetime | float | None = None, *, timespec: str = "milliseconds") -> str:
    """RFC 3339 in UTC with milliseconds: ``2026-01-31T12:00:00.000Z`` (OCPP 1.6 §3.15).

    when: an aware datetime, or seconds since 1970; now if not given. A naive datetime is taken as
    local time. timespec: as for ``datetime.isoformat``.
    """
    if when is None:
        moment = datetime.now(UTC)
    elif isinstance(when, datetime):
        moment = when.astimezone(UTC)
    else:
        moment = datetime.fromtimestamp(when, UTC)
    return moment.isoformat(timespec=timespec).replace("+00:00", "Z")


def scaled(seconds: float) -> float:
    """`seconds` of waiting for better times: before dialling again, between attempts and pings, for
    a pong. As they are, but in tests."""
    return seconds * SCALE


def check_timeout(timeout: float) -> float:
    """`timeout` itself, s, at most what threads can wait. Raises ValueError where it is none."""
    if not isinstance(timeout, (int, float)) or not timeout >= 0:
        raise ValueError(f"a time-out is a number of seconds from 0, not {timeout!r}")
    return min(timeout, threading.TIMEOUT_MAX)
