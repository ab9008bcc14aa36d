"""CALLs of the central system, and what else it sends."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from ocppsim.csms import CentralSystem
from ocppsim.errors import (
    CallError,
    CallTimeout,
    ConnectionLost,
    InvalidPayload,
    WouldDeadlock,
)


def test_call_returns_the_payload(csms: Any, cp: Any, background: Any) -> None:
    call = background(csms.call, "CP1", "Reset", {"type": "Soft"})
    kind, unique_id, action, payload = cp.recv()
    assert (kind, action, payload) == (2, "Reset", {"type": "Soft"})
    assert len(unique_id) == 36
    cp.send([3, unique_id, {"status": "Accepted"}])
    assert call.result() == {"status": "Accepted"}
    assert csms.violations == []


def test_call_raises_call_error(csms: Any, cp: Any, background: Any) -> None:
    call = background(csms.call, "CP1", "ClearCache", unique_id="mine")
    assert cp.recv() == [2, "mine", "ClearCache", {}]
    cp.send([4, "mine", "NotSupported", "no cache", {"a": 1}])
    with pytest.raises(CallError, match="ClearCache: NotSupported: no cache") as caught:
        call.result()
    assert (caught.value.code, caught.value.details) == ("NotSupported", {"a": 1})
    assert (caught.value.action, caught.value.unique_id) == ("ClearCache", "mine")


def test_call_times_out(csms: Any, cp: Any) -> None:
    began = time.monotonic()
    with pytest.raises(CallTimeout):
        csms.call("CP1", "ClearCache", timeout=0.05)
    assert 0.05 <= time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("action", "payload", "rule"),
    [
        ("Reset", {}, "required type"),
        ("Reset", {"type": "Gentle"}, "enum"),
        ("Heartbeat", {}, "action"),
        ("Nonsense", {}, "action"),
        ("Reset", [], "type object"),
    ],
)
def test_an_invalid_call_does_not_leave(
    csms: Any, cp: Any, action: str, payload: Any, rule: str
) -> None:
    with pytest.raises(InvalidPayload, match="invalid request") as caught:
        csms.call("CP1", action, payload)
    assert caught.value.rule == rule
    assert not caught.value.received
    # the next thing on the wire is the answer to this
    assert cp.ask("Heartbeat")[0] == 3


def test_an_invalid_call_on_purpose(csms: Any, cp: Any, background: Any) -> None:
    call = background(csms.call, "CP1", "Nonsense", {"a": 1}, validate=False, unique_id="x" * 40)
    assert cp.recv() == [2, "x" * 40, "Nonsense", {"a": 1}]
    cp.send([3, "x" * 40, {"b": 2}])
    assert call.result() == {"b": 2}
    assert csms.violations == []


def test_a_payload_that_is_no_json(csms: Any, cp: Any) -> None:
    with pytest.raises(TypeError):
        csms.call("CP1", "Nonsense", {"a": object()}, validate=False)


def test_nobody_there(csms: Any, client: Any) -> None:
    with pytest.raises(ConnectionLost, match="CP1 is not connected; connected: nobody"):
        csms.call("CP1", "ClearCache")
    client(csms, "CP2")
    with pytest.raises(ConnectionLost, match="CP1 is not connected; connected: CP2"):
        csms.send_raw("CP1", "x")
    for method in (csms.disconnect, csms.drop):
        with pytest.raises(ConnectionLost):
            method("CP1")


@pytest.mark.parametrize("way", ["close", "abort", "drop", "disconnect", "stop"])
def test_pending_calls_fail_when_the_connection_goes(
    csms: Any, cp: Any, background: Any, way: str
) -> None:
    calls = {
        unique_id: background(csms.call, "CP1", "ClearCache", timeout=60, unique_id=unique_id)
        for unique_id in "abc"
    }
    sent = cp.recv()[1]
    if way == "close":
        cp.socket.close(1000, "bye")
    elif way == "abort":
        cp.socket.socket.shutdown(2)
    elif way == "drop":
        csms.drop("CP1")
    elif way == "disconnect":
        csms.disconnect("CP1")
    else:
        csms.stop()
    for unique_id, call in calls.items():
        # the others wait their turn, or come too late
        with pytest.raises(ConnectionLost, match=r"CP1|not running") as caught:
            call.result()
        if way == "close" and unique_id == sent:
            assert caught.value.code == 1000
            assert "1000 bye" in str(caught.value)


def test_one_call_is_under_way_at_a_time(csms: Any, cp: Any, background: Any) -> None:
    calls = [background(csms.call, "CP1", "ClearCache", unique_id=f"{i}") for i in range(10)]
    seen = []
    for _ in calls:
        unique_id = cp.recv()[1]
        # whatever had been sent beside it would come before the answer to this
        assert cp.ask("Heartbeat")[0] == 3
        seen.append(unique_id)
        cp.send([3, unique_id, {"status": "Accepted"}])
    assert sorted(seen) == [f"{i}" for i in range(10)]
    for call in calls:
        assert call.result() == {"status": "Accepted"}


def test_calls_wait_their_turn_in_order(csms: Any, cp: Any, background: Any) -> None:
    # nothing public tells that a call waits its turn
    csms.wait_for_connection("CP1")
    waiting = csms._listener.session("CP1")._turn
    calls = [background(csms.call, "CP1", "ClearCache", unique_id="first")]
    order = [cp.recv()[1]]
    for i in range(5):
        calls.append(background(csms.call, "CP1", "ClearCache", unique_id=f"{i}"))
        while len(waiting._waiters or ()) <= i:
            # a round trip through the loop, for the call to get there
            assert cp.ask("Heartbeat")[0] == 3
    cp.send([3, "first", {"status": "Accepted"}])
    for _ in range(5):
        order.append(cp.recv()[1])
        cp.send([3, order[-1], {"status": "Accepted"}])
    for call in calls:
        call.result()
    assert order == ["first", "0", "1", "2", "3", "4"]


def test_a_timed_out_call_makes_way(csms: Any, cp: Any, background: Any) -> None:
    with pytest.raises(CallTimeout):
        csms.call("CP1", "ClearCache", timeout=0.01)
    cp.recv()
    call = background(csms.call, "CP1", "ClearCache")
    cp.send([3, cp.recv()[1], {"status": "Accepted"}])
    assert call.result() == {"status": "Accepted"}


def test_several_charge_points_and_threads(csms: Any, client: Any, background: Any) -> None:
    names = [f"CP{i}" for i in range(8)]
    clients = {name: client(csms, name) for name in names}

    def answer_20(cp: Any) -> None:
        for _ in range(20):
            unique_id = cp.recv()[1]
            cp.send([3, unique_id, {"status": "Accepted", "data": unique_id}])

    def call_5(name: str, who: int) -> None:
        for i in range(5):
            unique_id = f"{name} {who} {i}"
            answer = csms.call(name, "DataTransfer", {"vendorId": "v"}, unique_id=unique_id)
            assert answer["data"] == unique_id

    work = [background(answer_20, cp) for cp in clients.values()]
    work += [background(call_5, name, who) for name in names for who in range(4)]
    for each in work:
        each.result()


def test_calls_cross_each_other(csms: Any, cp: Any, background: Any) -> None:
    call = background(csms.call, "CP1", "ClearCache")
    unique_id = cp.recv()[1]
    assert cp.ask("Heartbeat")[0] == 3
    cp.send([3, unique_id, {"status": "Accepted"}])
    assert call.result() == {"status": "Accepted"}


def test_an_answer_leaves_before_what_the_script_sends_next(csms: Any, cp: Any) -> None:
    for i in range(50):
        cp.send([2, f"{i}", "Heartbeat", {}])
        csms.wait_for("Heartbeat")
        csms.send_raw("CP1", "[]")
        assert cp.recv()[0] == 3
        assert cp.recv() == []


def test_send_raw(csms: Any, cp: Any) -> None:
    csms.send_raw("CP1", "not JSON at all")
    csms.send_raw("CP1", b"\x00\xff")
    csms.send_raw("CP1", "")
    assert [cp.socket.recv(timeout=5) for _ in range(3)] == ["not JSON at all", b"\x00\xff", ""]


def test_a_peer_that_does_not_read_costs_its_own_call_only(csms: Any, client: Any) -> None:
    client(csms, "deaf", max_queue=1)
    other = client(csms, "other")
    # the client's thread reads no further than its queue; what does not fit waits in here
    with pytest.raises(CallTimeout):
        csms.call("deaf", "Nonsense", {"x": "x" * 20_000_000}, validate=False, timeout=0.3)
    assert other.ask("Heartbeat")[0] == 3


def test_after_stop(cp: Any, csms: CentralSystem) -> None:
    csms.stop()
    for wait in (
        lambda: csms.call("CP1", "ClearCache"),
        lambda: csms.send_raw("CP1", "x"),
        lambda: csms.wait_for("Heartbeat"),
        lambda: csms.wait_for_connection("CP1"),
    ):
        with pytest.raises(ConnectionLost, match="not running"):
            wait()


def test_the_loop_itself_must_not_wait(csms: Any, cp: Any) -> None:
    caught: list[BaseException] = []
    done = threading.Event()

    def from_the_loop() -> None:
        for method, args in (
            (csms.call, ("CP1", "ClearCache")),
            (csms.wait_for, ("Heartbeat",)),
            (csms.stop, ()),
        ):
            try:
                method(*args)
            except WouldDeadlock as error:
                caught.append(error)
        done.set()

    csms._loop._loop.call_soon_threadsafe(from_the_loop)
    assert done.wait(10)
    assert len(caught) == 3
