"""When readings are due, as a rule over all times and intervals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ocppsim_core.schedule import next_aligned, next_sample

moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
zones = st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours)))
intervals = st.integers(1, 200_000)
ZERO = timedelta(0)


def midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@given(moments, moments, intervals, zones)
def test_samples_are_whole_intervals_from_the_start(
    start: datetime, now: datetime, interval: int, zone: timezone
) -> None:
    step = timedelta(seconds=interval)
    due = next_sample(start.astimezone(zone), interval, now.astimezone(zone))
    assert due is not None
    assert due.tzinfo is UTC
    assert (due - start) % step == ZERO
    assert due >= start + step
    assert due > now
    assert due - step <= max(now, start)  # none is left out


@given(moments, intervals, zones)
def test_aligned_readings_are_whole_intervals_from_midnight(
    now: datetime, interval: int, zone: timezone
) -> None:
    step = timedelta(seconds=interval)
    due = next_aligned(interval, now.astimezone(zone))
    assert due is not None
    assert due.tzinfo is UTC
    assert (due - midnight(due)) % step == ZERO
    assert due > now
    assert due - now <= min(step, timedelta(days=1))


def test_a_quarter_of_an_hour() -> None:
    now = datetime(2026, 3, 29, 0, 59, 59, 999_999, tzinfo=UTC)
    due = []
    for _ in range(5):
        moment = next_aligned(900, now)
        assert moment is not None
        now = moment
        due.append(f"{moment:%H:%M:%S.%f}")
    assert due == [f"{time}:00.000000" for time in "01:00 01:15 01:30 01:45 02:00".split()]


def test_an_interval_that_does_not_divide_a_day_begins_anew_at_midnight() -> None:
    evening = datetime(2026, 1, 31, 23, tzinfo=UTC)
    assert next_aligned(7 * 3600, evening) == datetime(2026, 2, 1, tzinfo=UTC)
    assert next_aligned(7 * 3600, datetime(2026, 2, 1, tzinfo=UTC)) == datetime(
        2026, 2, 1, 7, tzinfo=UTC
    )


@pytest.mark.parametrize("interval", [0, -1])
def test_no_interval_means_never(interval: int) -> None:
    now = datetime(2026, 1, 31, tzinfo=UTC)
    assert next_aligned(interval, now) is None
    assert next_sample(now, interval, now) is None
