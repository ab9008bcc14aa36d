"""What is due runs in order, once, and not after close(): with a thread, and by hand."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ocppsim_core.clock import Clock, ManualClock, StationClock

LONG = 30.0  # s; for what comes in no time on a machine that is not busy
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> Iterator[StationClock]:
    """A station's time that is a thousand times as fast as ours."""
    clock = StationClock(1000.0, NOON, name="CP1 clock")
    yield clock
    clock.close()


# --- by hand -------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 50), max_size=20), st.lists(st.integers(0, 30), max_size=5))
@settings(deadline=None)
def test_what_is_due_runs_by_time_then_in_the_order_of_asking(
    delays: list[int], steps: list[int]
) -> None:
    clock = ManualClock(NOON)
    ran: list[tuple[int, int]] = []
    seen: list[datetime] = []
    for number, delay in enumerate(delays):

        def callback(entry: tuple[int, int] = (delay, number)) -> None:
            ran.append(entry)
            seen.append(clock.now())

        clock.after(delay, callback)
    for step in steps:
        clock.advance(step)
    assert clock.now() == NOON + timedelta(seconds=sum(steps))
    due = sorted((d, n) for n, d in enumerate(delays) if steps and d <= sum(steps))
    assert ran == due
    assert seen == [NOON + timedelta(seconds=delay) for delay, _ in due]


def test_a_callback_may_ask_for_the_next_one() -> None:
    clock = ManualClock(NOON)
    beats: list[float] = []

    def beat() -> None:
        beats.append((clock.now() - NOON).total_seconds())
        clock.after(10, beat)

    clock.after(10, beat)
    clock.advance(35)
    assert beats == [10, 20, 30]


def test_what_has_passed_runs_at_once_without_turning_time_back() -> None:
    clock = ManualClock(NOON)
    seen: list[datetime] = []
    clock.at(NOON - timedelta(hours=1), lambda: seen.append(clock.now()))
    clock.advance()
    clock.advance_to(NOON - timedelta(days=1))
    assert seen == [NOON]
    assert clock.now() == NOON


def test_a_callback_cannot_move_the_time() -> None:
    clock = ManualClock()
    refused: list[RuntimeError] = []

    def move() -> None:
        with pytest.raises(RuntimeError, match="is being moved") as caught:
            clock.advance(1)
        refused.append(caught.value)

    clock.after(1, move)
    clock.advance(1)
    assert len(refused) == 1
    clock.advance(1)  # and afterwards it can be moved again


def test_what_is_cancelled_does_not_run() -> None:
    clock = ManualClock()
    ran: list[str] = []
    first = clock.after(1, lambda: second.cancel())
    second = clock.after(2, lambda: ran.append("second"))
    third = clock.after(3, lambda: ran.append("third"))
    third.cancel()
    third.cancel()
    assert [first.waiting, second.waiting, third.waiting] == [True, True, False]
    clock.advance(5)
    assert ran == []
    assert not first.waiting


def test_cancelled_jobs_are_forgotten_long_before_their_time() -> None:
    clock = ManualClock()
    ran: list[int] = []
    for number in range(1000):
        clock.after(10, partial(ran.append, number))
        clock.after(1e6, print).cancel()
    for _ in range(1000):
        clock.after(1e6, print).cancel()
    assert len(clock._jobs) < 2500
    clock.advance(10)
    assert ran == list(range(1000))
    for _ in range(1000):
        clock.after(1e6, print).cancel()
    assert len(clock._jobs) < 2100


def test_moments_of_other_zones_are_the_same_moments() -> None:
    clock = ManualClock(NOON.astimezone(timezone(timedelta(hours=5))))
    assert clock.now().tzinfo is UTC
    ran: list[bool] = []
    clock.at((NOON + timedelta(seconds=1)).astimezone(timezone.max), lambda: ran.append(True))
    clock.advance(1)
    assert ran == [True]


@pytest.mark.parametrize("seconds", [-1, float("nan")])
def test_time_goes_forward(seconds: float) -> None:
    clock = ManualClock()
    with pytest.raises(ValueError, match="from 0, not"):
        clock.advance(seconds)
    with pytest.raises(ValueError, match="from 0, not"):
        clock.after(seconds, print)


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        ManualClock(datetime(2026, 1, 1))
    with pytest.raises(ValueError, match="no time zone"):
        ManualClock().at(datetime(2026, 1, 1), print)


# --- both ----------------------------------------------------------------------------------------


def pass_time(clock: Clock, done: threading.Event) -> None:
    if isinstance(clock, ManualClock):
        clock.advance(1)
    assert done.wait(LONG)


@pytest.mark.parametrize("kind", [ManualClock, lambda: StationClock(1000.0)])
def test_a_callback_that_raises_is_logged_and_stops_nothing(
    kind: type[ManualClock], caplog: pytest.LogCaptureFixture
) -> None:
    clock: Clock = kind()
    done = threading.Event()

    def fail() -> None:
        raise LookupError("no such connector")

    clock.after(0.1, fail)
    clock.after(0.2, done.set)
    with caplog.at_level(logging.ERROR, "ocppsim.core.clock"):
        pass_time(clock, done)
    clock.close()
    (record,) = caplog.records
    assert "a callback of the station's clock failed" in record.message
    assert "no such connector" in str(record.exc_info)


@pytest.mark.parametrize("kind", [ManualClock, lambda: StationClock(1000.0)])
def test_nothing_runs_after_close(kind: type[ManualClock]) -> None:
    clock: Clock = kind()
    ran: list[str] = []
    before = clock.after(1e6, lambda: ran.append("before"))
    clock.close()
    clock.close()
    after = clock.after(0, lambda: ran.append("after"))
    assert not before.waiting
    assert not after.waiting
    if isinstance(clock, ManualClock):
        clock.advance(2e6)
    assert ran == []
    assert clock.now() <= clock.now()


# --- with a thread -------------------------------------------------------------------------------


def test_time_runs_faster() -> None:
    clock = StationClock(3600.0, NOON)
    began = time.monotonic()
    first = clock.now()
    while (real := time.monotonic() - began) < 0.05:
        pass
    passed = (clock.now() - first).total_seconds()
    most = (time.monotonic() - began) * 3600
    assert real * 3600 * 0.999 - 4 <= passed <= most + 0.001
    assert clock.speed == 3600.0
    assert first >= NOON


def test_the_plain_clock_is_ours() -> None:
    before = datetime.now(UTC)
    now = StationClock().now()
    assert now.tzinfo is UTC
    assert before - timedelta(seconds=1) <= now <= datetime.now(UTC) + timedelta(seconds=1)


def test_a_thread_runs_what_is_due_in_order(clock: StationClock) -> None:
    done = threading.Event()
    ran: list[tuple[int, datetime, str]] = []
    due: dict[int, datetime] = {}

    def callback(number: int) -> None:
        ran.append((number, clock.now(), threading.current_thread().name))
        if len(ran) == 3:
            done.set()

    def ask() -> None:  # in the clock's thread, so that none runs before all are asked for
        start = clock.now()
        for number in (30, 10, 20):
            due[number] = start + timedelta(seconds=number)
            clock.at(due[number], partial(callback, number))

    clock.after(0, ask)
    assert done.wait(LONG)
    assert [number for number, _, _ in ran] == [10, 20, 30]
    assert all(at >= due[number] for number, at, _ in ran)
    assert {name for _, _, name in ran} == {"CP1 clock"}


def test_the_next_job_may_come_before_the_one_that_is_waited_for(clock: StationClock) -> None:
    clock.after(1e6, lambda: None)
    for _ in range(50):  # now and then its thread waits already
        done = threading.Event()
        clock.after(1, done.set)
        assert done.wait(LONG)


def test_there_is_no_thread_before_it_is_needed() -> None:
    before = threading.active_count()
    clock = StationClock()
    clock.now()
    assert threading.active_count() == before
    clock.close()


def test_close_waits_for_the_callback_that_runs() -> None:
    clock = StationClock(1000.0)
    began, go_on, over = threading.Event(), threading.Event(), threading.Event()

    def callback() -> None:
        began.set()
        go_on.wait(LONG)
        over.set()

    clock.after(0, callback)
    assert began.wait(LONG)
    closer = threading.Thread(target=clock.close, args=(LONG,))
    closer.start()
    go_on.set()
    closer.join()
    assert over.is_set()


def test_close_leaves_a_callback_that_does_not_end(caplog: pytest.LogCaptureFixture) -> None:
    clock = StationClock(1000.0, name="CP1 clock")
    began, go_on = threading.Event(), threading.Event()

    def callback() -> None:
        began.set()
        go_on.wait(LONG)

    clock.after(0, callback)
    assert began.wait(LONG)
    with caplog.at_level(logging.WARNING, "ocppsim.core.clock"):
        clock.close(timeout=0.01)
    assert "CP1 clock: a callback still runs after 0.01 s; it is left" in caplog.text
    go_on.set()
    clock.close(LONG)


def test_a_callback_may_close_the_clock() -> None:
    clock = StationClock(1000.0)
    done = threading.Event()

    def callback() -> None:
        clock.close()
        done.set()

    clock.after(0, callback)
    assert done.wait(LONG)
    clock.close(LONG)


@pytest.mark.parametrize("speed", [0, -1, float("inf"), float("nan")])
def test_a_speed_is_above_0(speed: float) -> None:
    with pytest.raises(ValueError, match="the speed of a clock is a number above 0"):
        StationClock(speed)
