"""A charge point's life: calls, heartbeats, how connections end and begin again."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest
from scripted_csms import HEARTBEAT, PATIENCE, Peer, ScriptedCsms
from websockets.utils import accept_key

from ocppsim import (
    CallTimeout,
    ChargePoint,
    ConnectError,
    ConnectionLost,
    Request,
    Result,
    TracedFrame,
    WouldDeadlock,
    connect,
    timestamp,
)
from ocppsim.timers import timers

ACCEPTED = {"status": "Accepted"}


class Caught:
    """What a callback was given; `wait` gives the first."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._came = threading.Event()

    def __call__(self, value: Any) -> None:
        self.values.append(value)
        self._came.set()

    def wait(self) -> Any:
        assert self._came.wait(PATIENCE)
        return self.values[0]


@pytest.fixture
def reasons(cp: ChargePoint) -> Caught:
    """Why `cp` lost its connections."""
    caught = Caught()
    cp.on_close(caught)
    return caught


def outcome(function: Callable[[], object]) -> object:
    """What it returns or raises."""
    try:
        return function()
    except Exception as error:
        return error


# --- calls ---------------------------------------------------------------------------------------


def test_call_waits_and_submit_does_not(cp: ChargePoint, peer: Peer) -> None:
    future = cp.submit("Heartbeat")
    assert not future.done()
    peer.answer(HEARTBEAT, "Heartbeat")
    assert future.result(PATIENCE) == HEARTBEAT
    peer.answers["Heartbeat"] = HEARTBEAT
    assert cp.call("Heartbeat") == HEARTBEAT


def test_a_typed_method_sends_its_action_with_its_keywords(cp: ChargePoint, peer: Peer) -> None:
    peer.answers["BootNotification"] = {**HEARTBEAT, "interval": 5, "status": "Accepted"}
    boot = cp.send_boot_notification(  # type: ignore[attr-defined]
        chargePointVendor="v", chargePointModel="m"
    )
    assert boot["interval"] == 5
    assert peer.answered[0][2:] == [
        "BootNotification",
        {"chargePointVendor": "v", "chargePointModel": "m"},
    ]


def test_the_response_time_out_of_the_connection_holds(server: ScriptedCsms) -> None:
    with (
        connect(server.url, response_timeout=0.05) as cp,
        pytest.raises(CallTimeout, match=r"within 0\.05 s"),
    ):
        cp.call("Heartbeat")


def test_a_call_without_a_connection(cp: ChargePoint) -> None:
    cp.close()
    with pytest.raises(ConnectionLost, match="Heartbeat was not sent: not connected"):
        cp.call("Heartbeat")
    with pytest.raises(ConnectionLost):
        cp.send_raw("x")
    assert isinstance(cp.submit("Heartbeat").exception(0), ConnectionLost)


def test_many_scripts_may_use_one_charge_point(cp: ChargePoint, peer: Peer) -> None:
    peer.answers["DataTransfer"] = ACCEPTED
    wrong: list[object] = []

    def script(name: str) -> None:
        for number in range(25):
            result = outcome(
                lambda: cp.call("DataTransfer", {"vendorId": name, "data": f"{name}-{number}"})  # noqa: B023
            )
            if result != ACCEPTED:
                wrong.append(result)

    threads = [threading.Thread(target=script, args=(str(name),)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    sent = [frame[3]["data"] for frame in peer.answered]
    for name in range(8):
        mine = [data for data in sent if data.startswith(f"{name}-")]
        assert mine == [f"{name}-{number}" for number in range(25)]


def test_several_charge_points_in_one_script(server: ScriptedCsms) -> None:
    with (
        connect(f"{server.base}/CP1") as one,
        connect(f"{server.base}/CP2") as two,
        connect(server.base, name="CP3") as three,
    ):
        peers = {peer.name: peer for peer in (server.peer(), server.peer(), server.peer())}
        assert sorted(peers) == ["CP1", "CP2", "CP3"]
        for cp in (one, two, three):
            cp.vars.tag = cp.name
            cp.on("ClearCache", lambda request: ACCEPTED if request.cp.vars.tag else None)
        futures = [(cp, cp.submit("Heartbeat")) for cp in (three, one, two)]
        for cp, future in futures:
            time_of_its_own = {"currentTime": f"2026-01-31T12:00:0{cp.name[-1]}Z"}
            peers[cp.name].answer(time_of_its_own, "Heartbeat")
            assert future.result(PATIENCE) == time_of_its_own
            assert peers[cp.name].ask("ClearCache")[2] == ACCEPTED
        peers["CP1"].drop()
        two.submit("Heartbeat")
        peers["CP2"].next_call("Heartbeat")
        assert [len(cp.trace) for cp in (two, three)] == [5, 4]


# --- threads that must not block -----------------------------------------------------------------


def test_a_blocking_call_from_an_observer_raises(cp: ChargePoint, peer: Peer) -> None:
    caught = Caught()

    def observe(frame: TracedFrame) -> None:
        if frame.type == "CALLRESULT":
            caught(outcome(lambda: cp.call("Heartbeat")))

    cp.trace.observers.append(observe)
    peer.answers["Heartbeat"] = HEARTBEAT
    cp.call("Heartbeat")
    error = caught.wait()
    assert isinstance(error, WouldDeadlock)
    assert "call('Heartbeat')" in str(error)
    assert "submit()" in str(error)


def test_an_observer_may_submit(cp: ChargePoint, peer: Peer) -> None:
    submitted: list[Future[Result]] = []

    def observe(frame: TracedFrame) -> None:
        if frame.type == "CALLRESULT" and not submitted:
            submitted.append(cp.submit("Heartbeat"))

    cp.trace.observers.append(observe)
    peer.answers["Heartbeat"] = HEARTBEAT
    cp.call("Heartbeat")
    assert submitted[0].result(PATIENCE) == HEARTBEAT


def test_a_blocking_call_from_a_futures_callback_raises(cp: ChargePoint, peer: Peer) -> None:
    caught = Caught()
    future = cp.submit("Heartbeat")
    future.add_done_callback(lambda _: caught(outcome(lambda: cp.call("Heartbeat"))))
    peer.answer(HEARTBEAT, "Heartbeat")
    assert isinstance(caught.wait(), WouldDeadlock)


def test_a_blocking_call_from_the_callback_of_a_time_out_raises(
    cp: ChargePoint, peer: Peer
) -> None:
    caught = Caught()
    future = cp.submit("Heartbeat", timeout=0.01)
    future.add_done_callback(lambda _: caught(outcome(lambda: cp.call("Heartbeat"))))
    assert isinstance(caught.wait(), WouldDeadlock)


@pytest.mark.parametrize("blocking", ["reconnect", "sleep", "ping"])
def test_nothing_else_may_block_there_either(cp: ChargePoint, peer: Peer, blocking: str) -> None:
    caught = Caught()
    arguments = [0.01] if blocking == "sleep" else []
    future = cp.submit("Heartbeat")
    future.add_done_callback(lambda _: caught(outcome(lambda: getattr(cp, blocking)(*arguments))))
    peer.answer(HEARTBEAT, "Heartbeat")
    assert isinstance(caught.wait(), WouldDeadlock)


# --- heartbeats ----------------------------------------------------------------------------------


def heartbeats(peer: Peer, count: int) -> None:
    for _ in range(count):
        peer.answer(HEARTBEAT, "Heartbeat")


def test_heartbeats_come_at_their_interval(cp: ChargePoint, peer: Peer) -> None:
    started = time.monotonic()
    cp.start_heartbeat(0.02)
    heartbeats(peer, 3)
    assert time.monotonic() - started >= 0.06


def test_0_leaves_the_interval_to_the_charge_point(
    cp: ChargePoint, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ocppsim.face.repeating.DEFAULT_HEARTBEAT_INTERVAL", 0.01)
    cp.start_heartbeat(0)
    heartbeats(peer, 2)


@pytest.mark.parametrize("interval", [-1, None, float("nan"), float("inf"), "5"])
def test_an_interval_that_makes_no_sense(cp: ChargePoint, interval: Any) -> None:
    with pytest.raises(ValueError, match="heartbeat interval"):
        cp.start_heartbeat(interval)


def test_a_refused_interval_leaves_the_heartbeat_alone(cp: ChargePoint, peer: Peer) -> None:
    cp.start_heartbeat(0.01)
    with pytest.raises(ValueError, match="heartbeat interval"):
        cp.start_heartbeat(-1)
    heartbeats(peer, 2)


def test_starting_again_changes_the_interval(cp: ChargePoint, peer: Peer) -> None:
    cp.start_heartbeat(0.01)
    heartbeats(peer, 1)
    cp.start_heartbeat(3600)
    cp.start_heartbeat(0.01)
    heartbeats(peer, 2)
    cp.start_heartbeat(3600)
    assert_no_more_heartbeats(peer)


def assert_no_more_heartbeats(peer: Peer) -> None:
    """One may be under way; after it none comes within many of its intervals."""
    peer.answers["Heartbeat"] = HEARTBEAT
    pass_time(0.1)
    came = len(peer.answered)
    pass_time(0.1)
    assert peer.ask("ClearCache")[2] == "NotSupported"
    assert len(peer.answered) == came


def pass_time(seconds: float) -> None:
    """Until the timers, and so the heartbeats, have got so far."""
    passed = threading.Event()
    timers.after(seconds, passed.set)
    assert passed.wait(PATIENCE)


def test_stop_ends_them(cp: ChargePoint, peer: Peer) -> None:
    cp.start_heartbeat(0.01)
    heartbeats(peer, 2)
    cp.stop_heartbeat()
    cp.stop_heartbeat()
    assert_no_more_heartbeats(peer)


def test_at_most_one_waits_for_its_turn(cp: ChargePoint, peer: Peer) -> None:
    cp.submit("Authorize", {"idTag": "x"})
    authorize = peer.next_call("Authorize")
    cp.start_heartbeat(0.005)
    pass_time(0.1)
    cp.stop_heartbeat()
    peer.send([3, authorize[1], {"idTagInfo": ACCEPTED}])
    heartbeats(peer, 1)
    assert peer.ask("ClearCache")[2] == "NotSupported"


def test_they_end_with_the_connection(
    cp: ChargePoint, peer: Peer, reasons: Caught, caplog: pytest.LogCaptureFixture
) -> None:
    cp.start_heartbeat(0.01)
    heartbeats(peer, 1)
    peer.drop()
    reasons.wait()
    sent = len(cp.trace)
    pass_time(0.1)
    assert len(cp.trace) <= sent
    assert caplog.text.count("heartbeat") <= 1


def test_they_do_not_come_back_by_themselves_after_a_reconnect(
    cp: ChargePoint, peer: Peer, server: ScriptedCsms
) -> None:
    cp.start_heartbeat(0.01)
    heartbeats(peer, 1)
    cp.reconnect()
    second = server.peer()
    pass_time(0.1)
    assert second.ask("ClearCache")[2] == "NotSupported"
    cp.start_heartbeat(0.01)
    heartbeats(second, 1)


def test_there_is_no_heartbeat_without_a_connection(cp: ChargePoint) -> None:
    cp.close()
    with pytest.raises(ConnectionLost):
        cp.start_heartbeat(1)


def test_a_heartbeat_that_fails_is_logged_and_the_next_follows(
    cp: ChargePoint, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    cp.start_heartbeat(0.01)
    call = peer.next_call("Heartbeat")
    peer.send([4, call[1], "InternalError", "", {}])
    heartbeats(peer, 1)
    assert "heartbeat: Heartbeat: InternalError" in caplog.text


# --- the connection ends -------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "maintenance"), (4000, "ö")])
def test_on_close_is_called_when_the_csms_closes(
    cp: ChargePoint, peer: Peer, reasons: Caught, code: int, reason: str
) -> None:
    peer.close(code, reason)
    error = reasons.wait()
    assert isinstance(error, ConnectionLost)
    assert error.code == code
    assert f"the CSMS closed the connection (code {code}" in str(error)
    assert reason in str(error)
    assert not cp.connected


def test_on_close_is_called_when_the_connection_breaks(
    cp: ChargePoint, peer: Peer, reasons: Caught
) -> None:
    peer.drop()
    error = reasons.wait()
    assert isinstance(error, ConnectionLost)
    assert error.code is None
    assert not cp.connected


def test_on_close_is_called_once_a_connection(
    cp: ChargePoint, peer: Peer, server: ScriptedCsms
) -> None:
    came = threading.Semaphore(0)
    cp.on_close(lambda reason: came.release())
    peer.drop()
    assert came.acquire(timeout=PATIENCE)
    cp.reconnect()
    server.peer().drop()
    assert came.acquire(timeout=PATIENCE)
    cp.close()
    assert not came.acquire(blocking=False)


@pytest.mark.parametrize("how", ["close", "abort", "reconnect"])
def test_on_close_is_not_called_when_the_charge_point_ends_it(
    cp: ChargePoint, peer: Peer, reasons: Caught, how: str
) -> None:
    getattr(cp, how)()
    peer.rest()
    cp.close()
    assert reasons.values == []


def test_each_callback_runs_although_another_raises(
    cp: ChargePoint, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    caught = Caught()
    cp.on_close(lambda reason: 1 / 0)
    cp.on_close(caught)
    peer.drop()
    caught.wait()
    cp.close()
    assert isinstance(cp.handler_failures[0], ZeroDivisionError)
    assert "a callback failed" in caplog.text


def test_on_close_is_a_decorator(cp: ChargePoint, peer: Peer) -> None:
    caught = Caught()

    @cp.on_close
    def note(reason: ConnectionLost) -> None:
        caught(reason)

    assert callable(note)
    peer.close()
    caught.wait()


def test_on_close_may_reconnect(cp: ChargePoint, peer: Peer, server: ScriptedCsms) -> None:
    @cp.on_close
    def again(reason: ConnectionLost) -> None:
        cp.reconnect()
        cp.call("Heartbeat")

    for _ in range(3):
        peer.drop()
        peer = server.peer()
        peer.answer(HEARTBEAT, "Heartbeat")


@pytest.mark.parametrize("how", ["close", "drop"])
def test_calls_under_way_fail_at_once_when_the_connection_ends(
    cp: ChargePoint, peer: Peer, how: str
) -> None:
    futures = [cp.submit("Heartbeat", timeout=10 * PATIENCE) for _ in range(20)]
    peer.next_call("Heartbeat")
    getattr(peer, how)()
    errors = [future.exception(PATIENCE) for future in futures]
    assert all(isinstance(error, ConnectionLost) for error in errors)
    assert len(peer.rest()) == 0


def test_calls_under_way_fail_at_once_when_the_charge_point_closes(
    cp: ChargePoint, peer: Peer
) -> None:
    futures = [cp.submit("Heartbeat") for _ in range(3)]
    cp.close()
    for future in futures:
        with pytest.raises(ConnectionLost, match="closed by this charge point"):
            future.result(0)


def test_of_scripts_that_call_when_the_connection_breaks_none_hangs(
    server: ScriptedCsms,
) -> None:
    for _ in range(10):
        with connect(server.url) as cp:
            peer = server.peer()
            peer.answers["Heartbeat"] = HEARTBEAT
            ends: list[object] = []

            def script(cp: ChargePoint = cp, ends: list[object] = ends) -> None:
                while True:
                    end = outcome(lambda: cp.call("Heartbeat", timeout=10 * PATIENCE))
                    if end != HEARTBEAT:
                        ends.append(end)
                        return

            threads = [threading.Thread(target=script) for _ in range(4)]
            for thread in threads:
                thread.start()
            peer.drop()
            for thread in threads:
                thread.join(PATIENCE)
            assert len(ends) == 4
            assert all(isinstance(end, ConnectionLost) for end in ends)


# --- close ---------------------------------------------------------------------------------------


def test_with_closes(server: ScriptedCsms) -> None:
    with connect(server.url) as cp:
        peer = server.peer()
        assert cp.connected
    assert not cp.connected
    assert peer.rest() == []
    assert peer.connection.close_code == 1000


def test_with_closes_after_an_exception(server: ScriptedCsms) -> None:
    with pytest.raises(ZeroDivisionError), connect(server.url) as cp:
        raise ZeroDivisionError
    assert not cp.connected


@pytest.mark.parametrize(
    ("code", "reason", "came"),
    [(1000, "", 1000), (1001, "bye", 1001), (3999, "ö" * 100, 3999), (None, "", 1005)],
)
def test_close_says_code_and_reason(
    cp: ChargePoint, peer: Peer, code: int | None, reason: str, came: int
) -> None:
    cp.close(code, reason)
    peer.rest()
    assert peer.connection.close_code == came
    assert reason.startswith(peer.connection.close_reason or "")


def test_close_twice(cp: ChargePoint, peer: Peer) -> None:
    cp.close()
    cp.close()
    peer.rest()
    assert not cp.connected


def test_close_from_many_threads(cp: ChargePoint, peer: Peer) -> None:
    threads = [threading.Thread(target=cp.close) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    assert peer.rest() == []
    assert peer.connection.close_code == 1000


def test_close_after_the_csms_has(cp: ChargePoint, peer: Peer, reasons: Caught) -> None:
    peer.close()
    reasons.wait()
    cp.close()
    assert not cp.connected


def test_close_from_a_handler(cp: ChargePoint, peer: Peer) -> None:
    @cp.on("Reset")
    def reset(request: Request) -> Iterator[dict[str, str]]:
        yield ACCEPTED
        cp.close(1001, "reset")

    assert peer.ask("Reset", {"type": "Hard"})[2] == ACCEPTED
    peer.rest()
    assert peer.connection.close_code == 1001


def test_reconnect_from_a_handler(cp: ChargePoint, peer: Peer, server: ScriptedCsms) -> None:
    @cp.on("Reset")
    def reset(request: Request) -> Iterator[dict[str, str]]:
        yield ACCEPTED
        cp.reconnect()
        cp.call("Heartbeat")

    assert peer.ask("Reset", {"type": "Hard"})[2] == ACCEPTED
    server.peer().answer(HEARTBEAT, "Heartbeat")


def test_close_from_an_observer_of_what_is_received(cp: ChargePoint, peer: Peer) -> None:
    cp.trace.observers.append(lambda frame: cp.close() if frame.type == "CALLRESULT" else None)
    started = time.monotonic()
    future = cp.submit("Heartbeat")
    peer.answer(HEARTBEAT, "Heartbeat")
    assert isinstance(future.exception(PATIENCE), ConnectionLost)
    peer.rest()
    assert time.monotonic() - started < PATIENCE
    assert not cp.connected


def test_close_from_an_observer_of_what_is_sent(cp: ChargePoint, peer: Peer) -> None:
    cp.trace.observers.append(lambda frame: cp.close())
    future = cp.submit("Heartbeat")
    assert isinstance(future.exception(PATIENCE), ConnectionLost)
    peer.rest()
    assert not cp.connected


def test_close_from_a_futures_callback(cp: ChargePoint, peer: Peer) -> None:
    future = cp.submit("Heartbeat")
    future.add_done_callback(lambda _: cp.close())
    peer.answer(HEARTBEAT, "Heartbeat")
    peer.rest()
    assert peer.connection.close_code == 1000


def test_close_from_the_callback_of_a_time_out(cp: ChargePoint, peer: Peer) -> None:
    future = cp.submit("Heartbeat", timeout=0.01)
    future.add_done_callback(lambda _: cp.close())
    peer.rest()
    assert peer.connection.close_code == 1000


def test_close_from_on_close(cp: ChargePoint, peer: Peer) -> None:
    caught = Caught()

    @cp.on_close
    def close(reason: ConnectionLost) -> None:
        cp.close()
        caught(reason)

    peer.drop()
    caught.wait()


def test_close_while_another_thread_sleeps_or_calls(cp: ChargePoint, peer: Peer) -> None:
    ends: list[object] = []
    threads = [
        threading.Thread(target=lambda: ends.append(outcome(lambda: cp.call("Heartbeat")))),
        threading.Thread(target=lambda: ends.append(outcome(lambda: cp.sleep(10 * PATIENCE)))),
    ]
    for thread in threads:
        thread.start()
    peer.next_call("Heartbeat")
    cp.close()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(type(end).__name__ for end in ends) == ["ConnectionLost", "NoneType"]


def test_close_with_a_csms_that_says_nothing_any_more() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepted: list[socket.socket] = []

        def shake_hands() -> None:
            sock, _ = listener.accept()
            accepted.append(sock)
            request = sock.recv(65536).decode()
            key = request.partition("Sec-WebSocket-Key: ")[2].partition("\r\n")[0]
            sock.sendall(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                f"Connection: Upgrade\r\nSec-WebSocket-Accept: {accept_key(key)}\r\n"
                "Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n".encode()
            )

        thread = threading.Thread(target=shake_hands)
        thread.start()
        with connect(f"ws://127.0.0.1:{listener.getsockname()[1]}/CP1") as cp:
            thread.join()
            future = cp.submit("Heartbeat")
            started = time.monotonic()
            cp.close(timeout=0.4)
            assert time.monotonic() - started < 2
            assert isinstance(future.exception(0), ConnectionLost)
        accepted[0].close()


@pytest.mark.parametrize("reset", [True, False])
def test_abort_ends_it_without_a_closing_handshake(
    cp: ChargePoint, peer: Peer, reset: bool
) -> None:
    future = cp.submit("Heartbeat")
    cp.abort(reset=reset)
    assert isinstance(future.exception(PATIENCE), ConnectionLost)
    assert not cp.connected
    peer.rest()
    assert peer.connection.close_code == 1006


def test_after_abort_it_reconnects(cp: ChargePoint, peer: Peer, server: ScriptedCsms) -> None:
    cp.abort()
    cp.abort()
    cp.reconnect()
    server.peer().answers["Heartbeat"] = HEARTBEAT
    assert cp.call("Heartbeat") == HEARTBEAT


# --- reconnect -----------------------------------------------------------------------------------


def test_reconnect_keeps_handlers_vars_trace_and_violations(
    cp: ChargePoint, peer: Peer, server: ScriptedCsms
) -> None:
    cp.on("ClearCache", lambda request: ACCEPTED)
    cp.vars.transaction = 17
    peer.send("nonsense")
    assert peer.ask("ClearCache")[2] == ACCEPTED
    cp.reconnect()
    peer.rest()
    assert peer.connection.close_code == 1000
    assert server.peer().ask("ClearCache")[2] == ACCEPTED
    assert cp.vars.transaction == 17
    assert [frame.number for frame in cp.trace] == [1, 2, 3, 4, 5]
    assert len(cp.violations) == 1


def test_reconnect_after_close(cp: ChargePoint, server: ScriptedCsms) -> None:
    cp.close()
    for _ in range(5):
        cp.reconnect()
        cp.close()
    cp.reconnect()
    assert cp.connected
    with pytest.raises(CallTimeout):  # the timers are there again
        cp.call("Heartbeat", timeout=0.01)


def test_reconnect_where_nobody_listens_any_more() -> None:
    with ScriptedCsms() as server:
        cp = connect(server.url)
    with pytest.raises(ConnectError, match="nothing listens"):
        cp.reconnect()
    assert not cp.connected
    cp.close()


def test_close_during_a_reconnect_wins() -> None:
    dialling, go_on = threading.Event(), threading.Event()
    go_on.set()

    def on_handshake() -> None:
        dialling.set()
        assert go_on.wait(PATIENCE)

    with ScriptedCsms(on_handshake) as server, connect(server.url) as cp:
        dialling.clear()
        go_on.clear()
        ends: list[object] = []
        thread = threading.Thread(target=lambda: ends.append(outcome(cp.reconnect)))
        thread.start()
        assert dialling.wait(PATIENCE)
        cp.close()
        go_on.set()
        thread.join(PATIENCE)
        assert isinstance(ends[0], ConnectionLost)
        assert not cp.connected


def test_reconnect_from_many_threads_leaves_one_connection(
    cp: ChargePoint, peer: Peer, server: ScriptedCsms
) -> None:
    threads = [threading.Thread(target=cp.reconnect) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    peers = [server.peer() for _ in range(5)]
    for earlier in peers[:-1]:
        earlier.rest()
    peers[-1].answers["Heartbeat"] = HEARTBEAT
    assert cp.call("Heartbeat") == HEARTBEAT


def test_close_and_reconnect_in_any_order_end_in_order(server: ScriptedCsms) -> None:
    cp = connect(server.url)
    for _ in range(20):
        threads = [
            threading.Thread(target=outcome, args=(function,))
            for function in (cp.reconnect, cp.close, cp.reconnect, cp.abort)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
    cp.close()
    assert not cp.connected
    cp.reconnect()
    assert cp.connected
    cp.close()


# --- the script's own ----------------------------------------------------------------------------


def test_sleep_sleeps(cp: ChargePoint) -> None:
    started = time.monotonic()
    cp.sleep(0.05)
    assert time.monotonic() - started >= 0.05


def test_sleep_lets_handlers_go_on(cp: ChargePoint, peer: Peer) -> None:
    cp.on("ClearCache", lambda request: ACCEPTED)
    sleeping = threading.Thread(target=cp.sleep, args=(PATIENCE,))
    sleeping.start()
    assert peer.ask("ClearCache")[2] == ACCEPTED
    assert sleeping.is_alive()
    cp.close()
    sleeping.join(PATIENCE)
    assert not sleeping.is_alive()


def test_sleep_outlives_a_lost_connection(cp: ChargePoint, peer: Peer, reasons: Caught) -> None:
    sleeping = threading.Thread(target=cp.sleep, args=(PATIENCE,))
    sleeping.start()
    peer.drop()
    reasons.wait()
    assert sleeping.is_alive()
    cp.close()
    sleeping.join(PATIENCE)


def test_vars_start_empty(cp: ChargePoint) -> None:
    assert vars(cp.vars) == {}
    cp.vars.tag = "x"
    assert cp.vars.tag == "x"


def test_log_formats_its_arguments_and_leaves_a_plain_text_alone(
    cp: ChargePoint, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ocppsim.cp")
    cp.log("100 %")
    cp.log("%d kWh", 5)
    cp.log({"a": 1})
    assert [record.getMessage() for record in caplog.records] == [
        "CP1: 100 %",
        "CP1: 5 kWh",
        "CP1: {'a': 1}",
    ]


def test_repr_tells_the_state_and_no_password(server: ScriptedCsms) -> None:
    url = server.url.replace("ws://", "ws://user:secret@")
    with connect(url) as cp:
        assert repr(cp) == f"<ChargePoint16 'CP1' {server.url} connected>"
        assert "secret" not in cp.url
    assert repr(cp) == f"<ChargePoint16 'CP1' {server.url} not connected>"


def test_the_handshake_can_be_looked_at(cp: ChargePoint) -> None:
    assert cp.handshake.status == 101
    assert cp.handshake.subprotocol == "ocpp1.6"


def test_a_timestamp_is_accepted_by_the_schema(cp: ChargePoint, peer: Peer) -> None:
    peer.answers["StatusNotification"] = {}
    payload = {"connectorId": 0, "errorCode": "NoError", "status": "Available"}
    assert cp.call("StatusNotification", {**payload, "timestamp": timestamp()}) == {}


def test_a_thousand_requests_of_both_sides_at_once(cp: ChargePoint, peer: Peer) -> None:
    cp.on("DataTransfer", lambda request: {"status": "Accepted", "data": request.payload["data"]})
    peer.answers["DataTransfer"] = ACCEPTED
    futures = []
    for number in range(500):
        peer.send([2, str(number), "DataTransfer", {"vendorId": "v", "data": str(number)}])
        futures.append(cp.submit("DataTransfer", {"vendorId": "v"}))
        if number % 100 == 99:  # well below the cap on handlers
            for _ in range(100):
                answer = peer.next()
                assert answer[0] == 3
                assert answer[2]["data"] == answer[1]
    assert all(future.result(PATIENCE) == ACCEPTED for future in futures)
    assert cp.violations == []
