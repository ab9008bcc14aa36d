"""Time as OCPP writes it."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["timestamp"]


def timestamp(when: datetime | float | None = None) -> str:
    """RFC 3339 in UTC with milliseconds: ``2026-01-31T12:00:00.000Z`` (OCPP 1.6 §3.15).

    when: an aware datetime, or seconds since 1970; now if not given. A naive datetime is taken as
    local time.
    """
    if when is None:
        moment = datetime.now(UTC)
    elif isinstance(when, datetime):
        moment = when.astimezone(UTC)
    else:
        moment = datetime.fromtimestamp(when, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
