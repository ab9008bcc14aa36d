"""Correlation of calls and answers, without a wire."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, wait
from typing import Any

import pytest
from scripted_csms import PATIENCE

from ocppsim.calls import Call, Calls, Result
from ocppsim.errors import CallTimeout, ConnectionLost
from ocppsim.timers import timers

GONE = ConnectionLost("gone")


@pytest.fixture(autouse=True)
def _timers_run() -> Iterator[None]:
    timers.hold()
    yield
    timers.release()


class Wire:
    """Takes what is transmitted; `broken` refuses it."""

    def __init__(self) -> None:
        self.calls = Calls(self.transmit)
        self.sent: list[Call] = []
        self.broken = False
        self.hook: Callable[[Call], object] | None = None

    def transmit(self, call: Call) -> None:
        if self.hook is not None:
            self.hook(call)
        if self.broken:
            raise GONE
        self.sent.append(call)

    def submit(self, unique_id: str, *, timeout: float = 30.0, **options: Any) -> Future[Result]:
        call = Call("Heartbeat", {}, unique_id, "", timeout, **options)
        self.calls.submit(call)
        return call.future

    def answer(self, unique_id: str, **payload: Any) -> Call:
        call = self.calls.take(unique_id)
        assert call is not None
        self.calls.settle(call, Result(payload, call.action, unique_id, call.latency()))
        return call

    @property
    def ids(self) -> list[str]:
        return [call.unique_id for call in self.sent]


@pytest.fixture
def wire() -> Wire:
    return Wire()


# --- one after the other -------------------------------------------------------------------------


def test_an_answer_ends_its_future(wire: Wire) -> None:
    future = wire.submit("a")
    wire.answer("a", status="Accepted")
    result = future.result(0)
    assert result == {"status": "Accepted"}
    assert (result.action, result.unique_id) == ("Heartbeat", "a")


def test_the_second_call_waits_for_the_first(wire: Wire) -> None:
    wire.submit("a")
    wire.submit("b")
    assert wire.ids == ["a"]
    assert len(wire.calls) == 2
    wire.answer("a")
    assert wire.ids == ["a", "b"]
    assert len(wire.calls) == 1


def test_a_refused_call_lets_the_next_one_go(wire: Wire) -> None:
    first = wire.submit("a")
    wire.submit("b")
    call = wire.calls.take("a")
    assert call is not None
    wire.calls.settle(call, ValueError("no"))
    assert wire.ids == ["a", "b"]
    with pytest.raises(ValueError, match="no"):
        first.result(0)


def test_first_come_first_served(wire: Wire) -> None:
    ids = [str(number) for number in range(50)]
    for unique_id in ids:
        wire.submit(unique_id)
    for unique_id in ids:
        wire.answer(unique_id)
    assert wire.ids == ids


def test_many_threads_have_one_call_in_flight_and_all_are_answered() -> None:
    in_flight = 0
    most = 0
    lock = threading.Lock()
    answers: list[threading.Thread] = []

    def transmit(call: Call) -> None:
        nonlocal in_flight, most
        with lock:
            in_flight += 1
            most = max(most, in_flight)
        answers.append(threading.Thread(target=answer, args=(call.unique_id,)))
        answers[-1].start()

    def answer(unique_id: str) -> None:
        nonlocal in_flight
        call = calls.take(unique_id)
        assert call is not None
        with lock:
            in_flight -= 1
        calls.settle(call, Result({}, call.action, unique_id, call.latency()))

    def script(name: str) -> None:
        for number in range(20):
            call = Call("Heartbeat", {}, f"{name}-{number}", "", PATIENCE)
            calls.submit(call)
            assert call.future.result(PATIENCE).unique_id == f"{name}-{number}"
            done.append(call.unique_id)

    calls = Calls(transmit)
    done: list[str] = []
    scripts = [threading.Thread(target=script, args=(str(name),)) for name in range(16)]
    for thread in scripts:
        thread.start()
    for thread in [*scripts, *answers]:
        thread.join()
    assert len(done) == len(set(done)) == 16 * 20
    assert most == 1
    assert len(calls) == 0


def test_a_concurrent_call_goes_at_once_and_holds_nobody_up(wire: Wire) -> None:
    wire.submit("a")
    wire.submit("b")
    future = wire.submit("c", concurrent=True)
    assert wire.ids == ["a", "c"]
    wire.answer("c")
    assert future.done()
    assert wire.ids == ["a", "c"]
    wire.answer("a")
    assert wire.ids == ["a", "c", "b"]


def test_a_callback_may_submit_the_next_call(wire: Wire) -> None:
    following: list[Future[Result]] = []
    first = wire.submit("a")
    first.add_done_callback(lambda _: following.append(wire.submit("b")))
    wire.answer("a")
    wire.answer("b")
    assert following[0].result(0) == {}


# --- answers that nobody waits for ---------------------------------------------------------------


def test_an_unknown_id(wire: Wire) -> None:
    wire.submit("a")
    assert wire.calls.take("b") is None
    assert wire.calls.past("b") is None


def test_a_second_answer(wire: Wire) -> None:
    wire.submit("a")
    wire.answer("a")
    assert wire.calls.take("a") is None
    assert wire.calls.past("a") == "answered"


def test_a_late_answer(wire: Wire) -> None:
    future = wire.submit("a", timeout=0.01)
    assert isinstance(future.exception(PATIENCE), CallTimeout)
    assert wire.calls.take("a") is None
    assert wire.calls.past("a") == "timed out"


def test_a_call_that_still_waits_for_its_turn_cannot_be_answered(wire: Wire) -> None:
    wire.submit("a")
    wire.submit("b")
    assert wire.calls.take("b") is None


def test_what_was_long_ago_is_forgotten(wire: Wire) -> None:
    for number in range(1200):
        wire.submit(str(number))
        wire.answer(str(number))
    assert wire.calls.past("0") is None
    assert wire.calls.past("1199") == "answered"


def test_a_repeated_id_is_answered_in_the_order_of_sending(wire: Wire) -> None:
    first = wire.submit("a", concurrent=True)
    second = wire.submit("a", concurrent=True)
    wire.answer("a", n=1)
    assert (first.result(0), second.done()) == ({"n": 1}, False)
    wire.answer("a", n=2)
    assert second.result(0) == {"n": 2}


def test_a_repeated_id_times_out_on_its_own(wire: Wire) -> None:
    first = wire.submit("a", concurrent=True)
    second = wire.submit("a", concurrent=True, timeout=0.01)
    assert isinstance(second.exception(PATIENCE), CallTimeout)
    wire.answer("a", n=1)
    assert first.result(0) == {"n": 1}


# --- deadlines -----------------------------------------------------------------------------------


def test_a_call_times_out(wire: Wire) -> None:
    started = time.monotonic()
    future = wire.submit("a", timeout=0.05)
    error = future.exception(PATIENCE)
    assert isinstance(error, CallTimeout)
    assert isinstance(error, TimeoutError)
    assert (error.action, error.unique_id, error.timeout) == ("Heartbeat", "a", 0.05)
    assert str(error) == "Heartbeat: no answer within 0.05 s (uniqueId a)"
    assert time.monotonic() - started >= 0.05


def test_after_a_timeout_the_next_one_goes(wire: Wire) -> None:
    first = wire.submit("a", timeout=0.01)
    second = wire.submit("b")
    first.exception(PATIENCE)
    second.cancel()
    assert wire.ids == ["a", "b"]
    wire.answer("b")


def test_the_deadline_counts_from_sending_not_from_submitting(wire: Wire) -> None:
    first = wire.submit("a", timeout=0.2)
    second = wire.submit("b", timeout=0.1)
    assert isinstance(first.exception(PATIENCE), CallTimeout)
    assert not second.done()
    assert wire.sent[1].deadline >= wire.sent[0].deadline + 0.1
    assert isinstance(second.exception(PATIENCE), CallTimeout)


def test_a_shorter_deadline_is_met_before_a_longer_one(wire: Wire) -> None:
    long = wire.submit("a", timeout=30)
    short = wire.submit("b", timeout=0.01, concurrent=True)
    assert isinstance(short.exception(PATIENCE), CallTimeout)
    assert not long.done()


def test_each_of_many_deadlines_is_met(wire: Wire) -> None:
    futures = [wire.submit(str(n), timeout=0.01 + n / 5000, concurrent=True) for n in range(200)]
    for future in futures:
        assert isinstance(future.exception(PATIENCE), CallTimeout)
    assert len(wire.calls) == 0


@pytest.mark.parametrize("timeout", [-1, float("nan"), float("-inf")])
def test_a_timeout_that_makes_no_sense(timeout: float) -> None:
    with pytest.raises(ValueError, match="number of seconds"):
        Call("Heartbeat", {}, "a", "", timeout)


def test_a_timeout_of_0_is_over_at_once(wire: Wire) -> None:
    assert isinstance(wire.submit("a", timeout=0).exception(PATIENCE), CallTimeout)


def test_a_timeout_without_end_does_not_disturb_the_others(wire: Wire) -> None:
    endless = wire.submit("a", timeout=float("inf"))
    short = wire.submit("b", timeout=0.01, concurrent=True)
    assert isinstance(short.exception(PATIENCE), CallTimeout)
    assert not endless.done()
    wire.answer("a")
    assert endless.result(0) == {}


def test_latency_counts_from_sending(wire: Wire) -> None:
    wire.submit("a")
    assert 0 <= wire.sent[0].latency() < PATIENCE


# --- cancelled futures ---------------------------------------------------------------------------


def test_a_cancelled_call_is_never_sent(wire: Wire) -> None:
    wire.submit("a")
    cancelled = wire.submit("b")
    assert cancelled.cancel()
    wire.submit("c")
    wire.answer("a")
    assert wire.ids == ["a", "c"]
    with pytest.raises(CancelledError):
        cancelled.result(0)


def test_a_call_in_flight_cannot_be_cancelled(wire: Wire) -> None:
    future = wire.submit("a")
    assert not future.cancel()
    wire.answer("a", n=1)
    assert future.result(0) == {"n": 1}


def test_a_cancelled_call_does_not_disturb_the_end(wire: Wire) -> None:
    first = wire.submit("a")
    cancelled, last = wire.submit("b"), wire.submit("c")
    cancelled.cancel()
    wire.calls.fail_all(GONE)
    assert first.exception(0) is last.exception(0) is GONE
    assert cancelled.cancelled()


def test_the_end_may_come_right_after_a_cancelled_call_was_passed_over() -> None:
    class EndsThen(Calls):
        def _following(self, call: Call) -> Call | None:
            self.fail_all(GONE)
            return super()._following(call)

    call = Call("Heartbeat", {}, "a", "", 30.0)
    call.future.cancel()
    EndsThen(lambda call: None).submit(call)
    assert call.future.cancelled()


# --- the end of the connection -------------------------------------------------------------------


def test_the_end_fails_what_was_sent_and_what_waits(wire: Wire) -> None:
    futures = [wire.submit("a"), wire.submit("b"), wire.submit("c", concurrent=True)]
    wire.calls.fail_all(GONE)
    assert [future.exception(0) for future in futures] == [GONE] * 3
    assert wire.ids == ["a", "c"]
    assert len(wire.calls) == 0


def test_after_the_end_calls_go_on(wire: Wire) -> None:
    wire.submit("a")
    wire.calls.fail_all(GONE)
    future = wire.submit("b")
    wire.answer("b")
    assert future.result(0) == {}


def test_after_the_end_deadlines_go_on(wire: Wire) -> None:
    wire.submit("a", timeout=0.05)
    wire.calls.fail_all(GONE)
    future = wire.submit("b", timeout=0.01)
    assert isinstance(future.exception(PATIENCE), CallTimeout)


def test_an_answer_that_comes_with_the_end_is_no_accident(wire: Wire) -> None:
    """The reader has taken the call when another thread closes."""
    future = wire.submit("a")
    call = wire.calls.take("a")
    assert call is not None
    wire.calls.fail_all(GONE)
    wire.calls.settle(call, Result({}, "Heartbeat", "a", 0.0))
    assert future.exception(0) is GONE


def test_a_transmit_that_fails_ends_the_call(wire: Wire) -> None:
    wire.broken = True
    future = wire.submit("a")
    assert future.exception(0) is GONE
    assert len(wire.calls) == 0


def test_the_end_during_a_transmit_that_fails_is_no_accident(wire: Wire) -> None:
    other = ConnectionLost("other")
    wire.broken = True
    wire.hook = lambda call: wire.calls.fail_all(other)
    assert wire.submit("a").exception(0) is other
    wire.broken, wire.hook = False, None
    wire.submit("b")
    assert wire.ids == ["b"]


def test_an_answer_during_the_transmit_counts(wire: Wire) -> None:
    wire.hook = lambda call: wire.answer(call.unique_id, n=1)
    assert wire.submit("a").result(0) == {"n": 1}


def test_thousands_of_queued_calls_end_when_transmit_fails(wire: Wire) -> None:
    wire.submit("first")
    futures = [wire.submit(str(number)) for number in range(5000)]
    wire.broken = True
    wire.answer("first")
    assert {future.exception(0) for future in futures} == {GONE}
    assert len(wire.calls) == 0


def test_every_future_ends_however_often_the_connection_does() -> None:
    """Submitters, an answerer that is too late at times, and a connection that breaks again and
    again."""
    lost = threading.Event()
    to_answer: list[str] = []

    def transmit(call: Call) -> None:
        if lost.is_set():
            raise GONE
        to_answer.append(call.unique_id)

    def submit(name: int) -> None:
        for number in range(200):
            call = Call("Heartbeat", {}, f"{name}-{number}", "", PATIENCE, number % 7 == 0)
            calls.submit(call)
            futures[name].append(call.future)
            if number % 5 == 0:
                call.future.cancel()

    def answer() -> None:
        while not over.is_set():
            while to_answer:
                unique_id = to_answer.pop(0)
                call = calls.take(unique_id)
                if call is not None:
                    calls.settle(call, Result({}, "Heartbeat", unique_id, 0.0))
            over.wait(0.0001)

    def break_off() -> None:
        while not over.is_set():
            lost.set()
            calls.fail_all(GONE)
            lost.clear()
            over.wait(0.0002)

    calls = Calls(transmit)
    over = threading.Event()
    futures: list[list[Future[Result]]] = [[] for _ in range(8)]
    crashed: list[Any] = []
    before, threading.excepthook = threading.excepthook, crashed.append
    try:
        others = [threading.Thread(target=target) for target in (answer, break_off, break_off)]
        submitters = [threading.Thread(target=submit, args=(name,)) for name in range(8)]
        for thread in [*others, *submitters]:
            thread.start()
        for thread in submitters:
            thread.join()
        all_futures = [future for each in futures for future in each]
        left = wait(all_futures, PATIENCE).not_done
        over.set()
        for thread in others:
            thread.join()
    finally:
        threading.excepthook = before
    assert not crashed
    assert not left
    assert len(all_futures) == 8 * 200
    assert len(calls) == 0


def test_an_answer_after_the_end_is_known_to_be_late(wire: Wire) -> None:
    wire.submit("a")
    wire.calls.fail_all(GONE)
    assert wire.calls.take("a") is None
    assert wire.calls.past("a") == "been given up"


def test_a_callback_that_blocks_holds_up_no_other_time_out(wire: Wire) -> None:
    other = Wire()
    began, go_on, over = threading.Event(), threading.Event(), threading.Event()

    def block(future: Future[Result]) -> None:
        began.set()
        go_on.wait(PATIENCE)
        over.set()

    wire.submit("a", timeout=0.01).add_done_callback(block)
    assert began.wait(PATIENCE)
    future = other.submit("b", timeout=0.01)
    assert isinstance(future.exception(PATIENCE), CallTimeout)
    assert not over.is_set()
    go_on.set()
