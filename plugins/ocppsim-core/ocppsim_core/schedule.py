"""When the meter is to be read: functions of the time that it is (OCPP 1.6 §4.7, §9.1)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["next_aligned", "next_sample"]

DAY = timedelta(days=1)
NEVER = timedelta(0)


def next_sample(start: datetime, interval: float, now: datetime) -> datetime | None:
    """The first moment after `now` that is a whole number of intervals from `start`, in UTC.

    start: when the transaction started, aware. interval: MeterValueSampleInterval, s; 0 or less
    means never, None. A long time without a reading makes one reading, not all that were missed.
    """
    step = timedelta(seconds=interval)
    if step <= NEVER:
        return None
    return _multiple(start.astimezone(UTC), step, now.astimezone(UTC))


def next_aligned(interval: float, now: datetime) -> datetime | None:
    """The first moment after `now` on the clock, in UTC.

    interval: ClockAlignedDataInterval, s; 0 or less means never, None. Moments are counted from
    each midnight in UTC: 900 gives :00, :15, :30 and :45 of every hour. Midnight is one of them,
    also where the interval does not divide a day.
    """
    step = timedelta(seconds=interval)
    if step <= NEVER:
        return None
    now = now.astimezone(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return min(_multiple(midnight, step, now), midnight + DAY)


def _multiple(start: datetime, step: timedelta, now: datetime) -> datetime:
    return start + step * (max((now - start) // step, 0) + 1)
