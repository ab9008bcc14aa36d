"""One thread, one thing after the other."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

import pytest
from ocppsim_core.actor import Actor
from ocppsim_core.clock import ManualClock, StationClock


@pytest.fixture
def actor() -> Iterator[Actor]:
    actor = Actor(StationClock(), lambda: None)
    yield actor
    actor.close()


def test_what_it_does_comes_back(actor: Actor) -> None:
    assert actor.do(lambda: 7) == 7
    assert actor.do(lambda: actor.do(lambda: actor.here))
    assert not actor.here


def test_what_it_raises_comes_back_and_it_goes_on(
    actor: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    def fails() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        actor.do(fails)
    assert caplog.text == ""
    with caplog.at_level(logging.ERROR):
        actor.post(fails)
        assert actor.do(lambda: 1) == 1
    assert "something in a station failed" in caplog.text


def test_things_are_done_in_the_order_of_asking(actor: Actor) -> None:
    done: list[int] = []

    def work(number: int) -> Callable[[], None]:
        return lambda: done.append(number)

    for number in range(200):
        actor.post(work(number))
    actor.do(lambda: None)
    assert done == list(range(200))


def test_it_settles_before_who_waits_goes_on() -> None:
    settled = []
    actor = Actor(StationClock(), lambda: settled.append(threading.get_ident()))
    thread = actor.do(threading.get_ident)
    assert settled[0] == thread != threading.get_ident()
    actor.close()


def test_who_waits_when_it_is_closed_is_told() -> None:
    actor = Actor(StationClock(), lambda: None)
    held, free = threading.Event(), threading.Event()
    actor.post(lambda: (held.set(), free.wait(10)))
    assert held.wait(10)
    raised: list[BaseException] = []

    def wait() -> None:
        try:
            actor.do(lambda: None)
        except RuntimeError as error:
            raised.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    closing = threading.Thread(target=actor.close)
    while not actor._waiting:
        pass
    closing.start()
    free.set()
    closing.join()
    waiting.join()
    assert str(raised[0]) in ("the station was closed meanwhile", "the station is closed")
    with pytest.raises(RuntimeError, match="closed"):
        actor.do(lambda: None)


def test_a_clock_that_a_test_moves() -> None:
    clock = ManualClock()
    actor = Actor(clock, lambda: None)
    done = []
    actor.after(60, lambda: done.append("later"))
    actor.post(lambda: done.append("now"))
    assert actor.do(lambda: len(done)) == 1
    clock.advance(59)
    assert done == ["now"]
    clock.advance(1)
    assert done == ["now", "later"]
    actor.close()


def test_many_threads_and_a_clock_that_a_test_moves() -> None:
    clock = ManualClock()
    actor = Actor(clock, lambda: None)
    done = []

    def work() -> None:
        for _ in range(50):
            actor.do(lambda: done.append(1))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 200
    actor.close()
