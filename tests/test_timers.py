"""Timers: what is due is done, in order, by one thread that goes when nobody needs it."""

import logging
import threading
import time
from collections.abc import Iterator

import pytest
from scripted_csms import PATIENCE

from ocppsim.blocking import may_block
from ocppsim.errors import WouldDeadlock
from ocppsim.timers import Timers


@pytest.fixture
def timers() -> Iterator[Timers]:
    timers = Timers()
    timers.hold()
    yield timers
    timers.release()


def names() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


def test_a_function_runs_when_it_is_due(timers: Timers) -> None:
    done = threading.Event()
    started = time.monotonic()
    timers.after(0.05, done.set)
    assert done.wait(PATIENCE)
    assert time.monotonic() - started >= 0.05


def test_functions_run_in_the_order_of_their_times(timers: Timers) -> None:
    order: list[int] = []
    done = threading.Event()
    for number in (3, 1, 4, 2):
        timers.after(number * 0.02, lambda number=number: order.append(number))  # type: ignore[misc]
    timers.after(0.1, done.set)
    assert done.wait(PATIENCE)
    assert order == [1, 2, 3, 4]


def test_an_earlier_one_comes_before_those_that_already_wait(timers: Timers) -> None:
    done = threading.Event()
    timers.after(60, lambda: None)
    timers.after(0, done.set)
    assert done.wait(PATIENCE)


def test_a_cancelled_one_does_not_run(timers: Timers) -> None:
    ran: list[int] = []
    done = threading.Event()
    timers.after(0.01, lambda: ran.append(1)).cancel()
    timers.after(0.02, done.set)
    assert done.wait(PATIENCE)
    assert ran == []


def test_a_function_may_set_the_next_timer(timers: Timers) -> None:
    done = threading.Event()
    timers.after(0, lambda: timers.after(0, done.set))
    assert done.wait(PATIENCE)


def test_a_function_that_raises_does_not_stop_the_others(
    timers: Timers, caplog: pytest.LogCaptureFixture
) -> None:
    done = threading.Event()
    timers.after(0, lambda: 1 / 0)
    timers.after(0.01, done.set)
    assert done.wait(PATIENCE)
    assert "ZeroDivisionError" in caplog.text


def test_a_function_must_not_block(timers: Timers) -> None:
    said: list[str] = []
    done = threading.Event()

    def function() -> None:
        try:
            may_block("call")
        except WouldDeadlock as error:
            said.append(str(error))
        done.set()

    timers.after(0, function)
    assert done.wait(PATIENCE)
    assert "a timer holds up" in said[0]


def test_a_time_too_far_away_is_no_accident(timers: Timers) -> None:
    done = threading.Event()
    timers.after(float("inf"), lambda: None)
    timers.after(1e300, lambda: None)
    timers.after(0, done.set)
    assert done.wait(PATIENCE)
    timers.after(0.01, done.set)


def test_many_timers_from_many_threads_all_run(timers: Timers) -> None:
    ran = threading.Semaphore(0)

    def add() -> None:
        for number in range(100):
            timers.after(number / 10_000, ran.release)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for _ in range(800):
        assert ran.acquire(timeout=PATIENCE)


def test_the_thread_is_there_while_somebody_holds_it() -> None:
    timers = Timers()
    assert "ocppsim timers" not in names()
    timers.hold()
    timers.hold()
    assert names().count("ocppsim timers") == 1
    timers.release()
    assert names().count("ocppsim timers") == 1
    timers.release()
    assert "ocppsim timers" not in names()


def test_release_waits_for_the_function_that_runs() -> None:
    timers = Timers()
    timers.hold()
    began, go_on, over = threading.Event(), threading.Event(), threading.Event()

    def function() -> None:
        began.set()
        assert go_on.wait(PATIENCE)
        over.set()

    timers.after(0, function)
    assert began.wait(PATIENCE)
    threading.Timer(0.05, go_on.set).start()
    timers.release()
    assert over.is_set()


def test_release_waits_no_longer_than_told(caplog: pytest.LogCaptureFixture) -> None:
    timers = Timers()
    timers.hold()
    began, go_on = threading.Event(), threading.Event()
    timers.after(0, lambda: (began.set(), go_on.wait(PATIENCE)))
    assert began.wait(PATIENCE)
    timers.release(0.05)
    assert not go_on.is_set()
    assert "left behind, a callback in it does not end: ocppsim timers" in caplog.text
    go_on.set()


def test_release_from_a_timer_does_not_wait_for_itself() -> None:
    timers = Timers()
    timers.hold()
    done = threading.Event()

    def function() -> None:
        timers.release()
        done.set()

    timers.after(0, function)
    assert done.wait(PATIENCE)


def test_it_starts_again() -> None:
    timers = Timers()
    for _ in range(20):
        timers.hold()
        done = threading.Event()
        timers.after(0, done.set)
        assert done.wait(PATIENCE)
        timers.release()


def test_what_was_due_while_nobody_held_it_runs_later(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    timers = Timers()
    done = threading.Event()
    timers.after(0, done.set)
    timers.hold()
    assert done.wait(PATIENCE)
    timers.release()
