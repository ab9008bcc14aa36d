"""What a script waits for, against the embedded CSMS."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

import pytest

from ocppsim import CallError, ChargePoint, ConnectionLost, Plugins, WaitTimeout, WouldDeadlock
from ocppsim import connect as connect_charge_point
from ocppsim.csms import CentralSystem


@pytest.fixture
def csms() -> Iterator[CentralSystem]:
    with CentralSystem() as csms:
        yield csms


@pytest.fixture
def cp(csms: CentralSystem) -> Iterator[ChargePoint]:
    with connect_charge_point(f"{csms.url}/CP1", plugins=Plugins()) as cp:
        yield cp


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def reset(csms: CentralSystem, pool: ThreadPoolExecutor, kind: str = "Soft") -> Future[Any]:
    return pool.submit(csms.call, "CP1", "Reset", {"type": kind})


def armed(cp: ChargePoint, count: int = 1) -> None:
    """Until so many waits are armed in other threads."""
    waiting = cp._waiting
    with waiting._changed:
        assert waiting._changed.wait_for(lambda: len(waiting._armed) >= count, 10)


def test_the_script_answers_what_it_expected(
    cp: ChargePoint, csms: CentralSystem, pool: ThreadPoolExecutor
) -> None:
    expected = pool.submit(cp.expect, "Reset")
    armed(cp)
    answer = reset(csms, pool, "Hard")
    request = expected.result(10)
    assert request.payload == {"type": "Hard"}
    request.reply(status="Rejected")
    assert answer.result(10) == {"status": "Rejected"}


def test_an_expect_comes_before_handlers_and_only_for_one_request(
    cp: ChargePoint, csms: CentralSystem, pool: ThreadPoolExecutor
) -> None:
    cp.on("Reset", {"status": "Accepted"})
    expected = pool.submit(cp.expect, "Reset")
    armed(cp)
    first = reset(csms, pool)
    expected.result(10).reply(status="Rejected")
    assert first.result(10) == {"status": "Rejected"}
    assert reset(csms, pool).result(10) == {"status": "Accepted"}


def test_where_picks_the_request(
    cp: ChargePoint, csms: CentralSystem, pool: ThreadPoolExecutor
) -> None:
    cp.on("Reset", {"status": "Accepted"})
    with cp.expecting("Reset", where=lambda request: request.payload["type"] == "Hard") as hard:
        assert reset(csms, pool, "Soft").result(10) == {"status": "Accepted"}
        answer = reset(csms, pool, "Hard")
        hard.get(10).reply(status="Rejected")
        assert answer.result(10) == {"status": "Rejected"}


def test_a_where_that_raises_is_no_match(
    cp: ChargePoint, csms: CentralSystem, pool: ThreadPoolExecutor
) -> None:
    cp.on("Reset", {"status": "Accepted"})
    with cp.expecting("Reset", where=lambda request: request.payload["nonsense"]):
        assert reset(csms, pool).result(10) == {"status": "Accepted"}


def test_what_came_before_get_is_not_lost(
    cp: ChargePoint, csms: CentralSystem, pool: ThreadPoolExecutor
) -> None:
    with cp.expecting("Reset") as resets:
        answer = reset(csms, pool)
        cp.wait_for_frame("Reset", after=0, timeout=10)
        assert not answer.done()
        resets.get(10).reply(status="Accepted")
        assert answer.result(10) == {"status": "Accepted"}


def test_what_was_not_fetched_goes_to_the_handlers(
    cp: ChargePoint, csms: CentralSystem, pool: ThreadPoolExecutor
) -> None:
    cp.on("Reset", {"status": "Accepted"})
    with cp.expecting("Reset"):
        answer = reset(csms, pool)
        cp.wait_for_frame("Reset", after=0, timeout=10)
        assert not answer.done()
    assert answer.result(10) == {"status": "Accepted"}


def test_several_threads_wait_and_each_gets_its_own(
    cp: ChargePoint, csms: CentralSystem, pool: ThreadPoolExecutor
) -> None:
    expected = [pool.submit(cp.expect, "Reset") for _ in range(3)]
    armed(cp, 3)
    for _ in range(3):
        answer = reset(csms, pool)
        (done,) = wait(expected, 10, FIRST_COMPLETED).done
        expected.remove(done)
        done.result().reply(status="Accepted")
        assert answer.result(10) == {"status": "Accepted"}


def test_the_time_out_says_what_came_instead(
    cp: ChargePoint, csms: CentralSystem, pool: ThreadPoolExecutor
) -> None:
    with cp.expecting("Reset") as resets:
        for _ in range(2):
            with pytest.raises(CallError):
                csms.call("CP1", "ClearCache")
        cp.call("Heartbeat")
        with pytest.raises(WaitTimeout) as caught:
            resets.get(timeout=0.01)
    text = str(caught.value)
    assert text.startswith("no Reset within 0.01 s; meanwhile")
    assert "2 × ClearCache" in text
    assert "CALLRESULT of Heartbeat" in text
    assert "Heartbeat was sent" in text


def test_the_time_out_says_so_where_nothing_came(cp: ChargePoint) -> None:
    with pytest.raises(WaitTimeout, match="meanwhile nothing came; nothing was sent"):
        cp.expect("Reset", timeout=0.01)


def test_an_expect_that_timed_out_takes_nothing_any_more(
    cp: ChargePoint, csms: CentralSystem, pool: ThreadPoolExecutor
) -> None:
    with pytest.raises(WaitTimeout):
        cp.expect("Reset", timeout=0.01)
    cp.on("Reset", {"status": "Accepted"})
    assert reset(csms, pool).result(10) == {"status": "Accepted"}


def test_closing_ends_every_wait(cp: ChargePoint, pool: ThreadPoolExecutor) -> None:
    waits = [pool.submit(cp.expect, "Reset"), pool.submit(cp.wait_for_frame, "Reset")]
    armed(cp)
    cp.close()
    for waiting in waits:
        with pytest.raises(ConnectionLost):
            waiting.result(10)


def test_waiting_on_a_closed_charge_point_ends_at_once(cp: ChargePoint) -> None:
    cp.close()
    with pytest.raises(ConnectionLost):
        cp.expect("Reset", timeout=60)


def test_wait_for_request_watches_and_the_handler_answers(
    cp: ChargePoint, csms: CentralSystem, pool: ThreadPoolExecutor
) -> None:
    cp.on("Reset", {"status": "Accepted"})
    seen: Future[Any] = pool.submit(cp.wait_for_request, "Reset")
    observers = cp.trace.observers
    while not observers:
        pass  # the watcher arms itself in the other thread
    assert reset(csms, pool).result(10) == {"status": "Accepted"}
    frame = seen.result(10)
    assert (frame.action, frame.direction, frame.type) == ("Reset", "received", "CALL")
    assert not observers


def test_wait_for_frame_after_a_number_finds_what_has_passed(cp: ChargePoint) -> None:
    cp.call("Heartbeat", unique_id="one")
    before = cp.trace.last_number
    cp.call("Heartbeat", unique_id="two")
    frame = cp.wait_for_frame("Heartbeat", type="CALLRESULT", after=before, timeout=10)
    assert frame.unique_id == "two"
    assert frame.latency is not None


def test_wait_for_frame_without_after_takes_only_what_comes(cp: ChargePoint) -> None:
    cp.call("Heartbeat")
    with pytest.raises(WaitTimeout, match="no received Heartbeat CALLRESULT within"):
        cp.wait_for_frame("Heartbeat", direction="received", type="CALLRESULT", timeout=0.01)


def test_frames_are_picked_by_action_direction_type_and_predicate(cp: ChargePoint) -> None:
    cp.call("Heartbeat", unique_id="one")
    cp.call("Heartbeat", unique_id="two")
    assert [f.unique_id for f in cp.frames("Heartbeat", direction="sent")] == ["one", "two"]
    assert len(cp.frames(type="CALLRESULT")) == 2
    assert [f.type for f in cp.frames(where=lambda f: f.unique_id == "two")] == [
        "CALL",
        "CALLRESULT",
    ]
    assert cp.frames("Reset") == []


def test_an_observer_must_not_wait(cp: ChargePoint) -> None:
    caught: list[BaseException] = []

    def observe(_: object) -> None:
        try:
            cp.expect("Reset", timeout=1)
        except WouldDeadlock as error:
            caught.append(error)

    cp.trace.observers.append(observe)
    cp.call("Heartbeat")
    assert len(caught) == 2


def test_the_text_of_a_time_out_needs_no_trace(csms: CentralSystem) -> None:
    with (
        connect_charge_point(f"{csms.url}/CP2", plugins=Plugins(), trace_size=0) as cp,
        cp.expecting("Reset") as resets,
    ):
        cp.call("Heartbeat")
        with pytest.raises(WaitTimeout, match="CALLRESULT of Heartbeat came; Heartbeat was"):
            resets.get(timeout=0.01)


def test_the_text_counts_from_the_last_one_that_was_fetched(
    cp: ChargePoint, csms: CentralSystem, pool: ThreadPoolExecutor
) -> None:
    with cp.expecting("Reset") as resets:
        answer = reset(csms, pool)
        resets.get(10).reply(status="Accepted")
        answer.result(10)
        with pytest.raises(WaitTimeout, match="meanwhile nothing came; CALLRESULT of Reset was"):
            resets.get(timeout=0.01)


def test_expecting_wants_a_with(cp: ChargePoint) -> None:
    with pytest.raises(RuntimeError, match=r"with cp\.expecting"):
        cp.expecting("Reset").get(timeout=0.01)


def test_a_where_that_raises_ends_the_wait(
    cp: ChargePoint, csms: CentralSystem, pool: ThreadPoolExecutor
) -> None:
    cp.on("Reset", {"status": "Accepted"})
    with cp.expecting("Reset", where=lambda request: request.payload["nonsense"]) as resets:
        assert reset(csms, pool).result(10) == {"status": "Accepted"}
        with pytest.raises(KeyError):
            resets.get(timeout=10)
    before = cp.trace.last_number
    seen = pool.submit(cp.wait_for_frame, where=lambda frame: frame.payload["nonsense"])
    while not cp.trace.observers:
        pass  # the watcher arms itself in the other thread
    cp.call("Heartbeat")
    with pytest.raises(KeyError):
        seen.result(10)
    with pytest.raises(KeyError):
        cp.wait_for_frame(where=lambda frame: frame.payload["nonsense"], after=before)


@pytest.mark.parametrize("timeout", [-1, float("nan"), None, "5"])
def test_a_time_out_that_makes_no_sense(cp: ChargePoint, timeout: Any) -> None:
    for wait_for in (cp.expect, cp.wait_for_request, cp.wait_for_frame):
        with pytest.raises(ValueError, match="a time-out is a number of seconds"):
            wait_for("Reset", timeout=timeout)
    with pytest.raises(ValueError, match="a time-out is a number of seconds"):
        cp.wait_for_handlers(timeout=timeout)


@pytest.mark.parametrize("wrong", [{"direction": "in"}, {"type": "call"}])
def test_a_direction_or_type_that_there_is_not(cp: ChargePoint, wrong: dict[str, Any]) -> None:
    cp.call("Heartbeat")
    with pytest.raises(ValueError, match="not '"):
        cp.frames(**wrong)


def test_an_action_that_no_csms_sends_is_told(
    cp: ChargePoint, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(WaitTimeout):
        cp.expect("Rset", timeout=0.01)
    assert "did you mean Reset?" in caplog.text


def test_after_takes_a_frame_or_its_number(cp: ChargePoint) -> None:
    cp.call("Heartbeat")
    first, second = cp.trace
    assert cp.wait_for_frame(after=first) is cp.wait_for_frame(after=first.number) is second


def test_closing_ends_the_wait_for_handlers(
    cp: ChargePoint, csms: CentralSystem, pool: ThreadPoolExecutor
) -> None:
    go_on = threading.Event()
    cp.on("Reset", lambda request: go_on.wait(60))
    answer = reset(csms, pool)
    cp.wait_for_frame("Reset", after=0)
    waiting = pool.submit(cp.wait_for_handlers, timeout=60)
    closing = pool.submit(cp.close)
    try:
        with pytest.raises(ConnectionLost, match="closed while these ran: ocppsim CP1 Reset"):
            waiting.result(10)
    finally:
        go_on.set()
    closing.result(10)
    assert answer.exception(10) is not None
