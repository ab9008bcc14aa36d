"""Connecting again: by itself after a loss, and by hand."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raw_server import RawPeer, RawServer
from scripted_csms import HEARTBEAT, PATIENCE, Peer, ScriptedCsms

from ocppsim import (
    ConnectError,
    ConnectionLost,
    Plugins,
    Reconnect,
    Request,
    WaitTimeout,
    clock,
    connect,
    hookimpl,
)
from ocppsim.chargepoint import ChargePoint

ACCEPTED = {"status": "Accepted"}
SOON = Reconnect(first=0.01, longest=0.01)


class Caught:
    """Takes whatever it is called with; `wait` gives it."""

    def __init__(self) -> None:
        self.values: list[tuple[Any, ...]] = []
        self._came = threading.Semaphore(0)

    def __call__(self, *values: Any) -> None:
        self.values.append(values)
        self._came.release()

    def wait(self) -> tuple[Any, ...]:
        assert self._came.acquire(timeout=PATIENCE)
        return self.values[-1]


class Scale:
    """What the waits of one test are multiplied with."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def __call__(self, scale: float) -> None:
        self._monkeypatch.setattr(clock, "SCALE", scale)


@pytest.fixture
def scale(monkeypatch: pytest.MonkeyPatch) -> Scale:
    return Scale(monkeypatch)


@pytest.fixture
def station(server: ScriptedCsms) -> Iterator[ChargePoint]:
    """CP1, which connects again by itself."""
    with connect(server.url, reconnect=SOON) as station:
        yield station


def in_thread(function: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    """The thread that it runs in, and a list that gets what it returned or raised."""
    ends: list[object] = []

    def run() -> None:
        try:
            ends.append(function())
        except Exception as error:
            ends.append(error)

    thread = threading.Thread(target=run, name="test")
    thread.start()
    return thread, ends


# --- the policy ----------------------------------------------------------------------------------


def test_the_delays_double_from_one_second_to_sixty() -> None:
    delays = list(itertools.islice(Reconnect(spread=0).delays(), 8))
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60]


@given(
    st.floats(0, 100), st.floats(1, 10), st.floats(0, 1000), st.floats(0, 3), st.integers(1, 2000)
)
def test_each_delay_lies_within_its_spread(
    first: float, factor: float, more: float, spread: float, attempts: int
) -> None:
    policy = Reconnect(first, factor, first + more, spread, attempts)
    delays = list(policy.delays())
    assert len(delays) == attempts
    plain = first
    for delay in delays:
        assert plain <= delay <= plain * (1 + spread) * 1.000001
        plain = min(plain * factor, policy.longest)


def test_two_charge_points_do_not_come_back_at_once() -> None:
    assert list(Reconnect(attempts=5).delays()) != list(Reconnect(attempts=5).delays())


@pytest.mark.parametrize(
    "wrong",
    [
        {"first": -1},
        {"first": float("nan")},
        {"first": "1"},
        {"factor": 0.5},
        {"longest": 0.5},
        {"longest": float("inf")},
        {"longest": 1e30},
        {"spread": -0.1},
        {"spread": True},
        {"attempts": 0},
        {"attempts": 1.5},
    ],
    ids=str,
)
def test_a_policy_that_makes_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError), match=r"Reconnect|not"):
        Reconnect(**wrong)


@pytest.mark.parametrize("wish", [1, "yes", 0.5])
def test_a_wish_that_is_none(wish: Any) -> None:
    with pytest.raises(ValueError, match="reconnect is True, False or a Reconnect"):
        connect("ws://127.0.0.1:1/CP1", reconnect=wish)


# --- by itself -----------------------------------------------------------------------------------


def test_plain_scripts_do_not_connect_again(cp: ChargePoint, peer: Peer) -> None:
    gone = Caught()
    cp.on_close(gone)
    peer.drop()
    gone.wait()
    assert cp.reconnecting is None
    with pytest.raises(WaitTimeout, match=r"not connected within 0\.2 s"):
        cp.wait_until_connected(timeout=0.2)


@pytest.mark.parametrize("how", ["drop", "close"])
def test_after_a_loss_it_connects_again(
    station: ChargePoint, server: ScriptedCsms, how: str
) -> None:
    back = Caught()
    station.on_reconnect(back)
    for _ in range(3):
        getattr(server.peer(), how)()
        assert back.wait() == ()
        assert station.connected
    server.peer().answers["Heartbeat"] = HEARTBEAT
    assert station.call("Heartbeat") == HEARTBEAT


def test_true_means_the_defaults(server: ScriptedCsms) -> None:
    with connect(server.url, reconnect=True) as cp:
        assert cp.reconnecting == Reconnect()


def test_the_script_and_the_plugins_are_told(server: ScriptedCsms) -> None:
    told: list[str] = []

    class Plugin:
        @hookimpl
        def ocppsim_connected(self, cp: ChargePoint) -> None:
            told.append("connected")

        @hookimpl
        def ocppsim_disconnected(self, cp: ChargePoint, reason: ConnectionLost) -> None:
            told.append("disconnected")

    plugins = Plugins()
    plugins.register(Plugin(), "test")
    with connect(server.url, reconnect=SOON, plugins=plugins) as cp:
        gone, back = Caught(), Caught()
        cp.on_close(gone)
        cp.on_reconnect(back)
        server.peer().drop()
        assert isinstance(gone.wait()[0], ConnectionLost)
        back.wait()
        assert told == ["connected", "disconnected", "connected"]


def test_on_reconnect_is_a_decorator_and_may_call(
    station: ChargePoint, server: ScriptedCsms
) -> None:
    answered = threading.Event()

    @station.on_reconnect
    def again() -> None:
        station.call("Heartbeat")
        answered.set()

    server.peer().drop()
    server.peer().answer(HEARTBEAT, "Heartbeat")
    assert answered.wait(PATIENCE)


def test_calls_while_there_is_no_connection_fail_at_once(server: ScriptedCsms) -> None:
    with connect(server.url, reconnect=Reconnect(first=10_000, longest=10_000)) as cp:
        gone = Caught()
        cp.on_close(gone)
        server.peer().drop()
        gone.wait()
        with pytest.raises(ConnectionLost, match="not connected"):
            cp.call("Heartbeat", timeout=100)
        with pytest.raises(ConnectionLost):
            cp.start_heartbeat(1)


def test_a_refused_handshake_is_an_attempt_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refusals = iter(["401 Unauthorized", "404 Not Found", "503 Service Unavailable"])
    first = True

    def answer(peer: RawPeer) -> None:
        nonlocal first
        peer.read_request()
        refusal = None if first else next(refusals, None)
        first = False
        if refusal is None:
            peer.accept()
        else:
            peer.answer(refusal, "Content-Length: 0")
            peer.close()

    with RawServer(answer) as server, connect(server.url, reconnect=SOON) as cp:
        back = Caught()
        cp.on_reconnect(back)
        server.peer().reset()
        back.wait()
        cp.close(timeout=0.2)
    for status in ("401", "404", "503"):
        assert f"not connected again: {server.url}: the CSMS refused the handshake" in caplog.text
        assert f"HTTP {status}" in caplog.text


def test_at_the_limit_of_attempts_it_gives_up(caplog: pytest.LogCaptureFixture) -> None:
    with ScriptedCsms() as server:
        cp = connect(server.url, reconnect=Reconnect(first=0.01, attempts=3))
        over = Caught()
        cp.on_give_up(over)
        peer = server.peer()
    # the server is gone
    with cp:
        peer.rest()
        (error,) = over.wait()
        assert isinstance(error, ConnectError)
        assert caplog.text.count("not connected again") == 3
        assert "that was the last attempt" in caplog.text
        with pytest.raises(ConnectionLost, match=r"no more attempts: .*nothing listens"):
            cp.wait_until_connected(timeout=PATIENCE)


def test_after_it_gave_up_it_may_be_told_to_try_again() -> None:
    answer = iter([True])

    def upgrade(peer: RawPeer) -> None:
        peer.read_request()
        if next(answer, False):
            peer.accept()
        else:
            peer.answer("503 Service Unavailable", "Content-Length: 0")
            peer.close()

    policy = Reconnect(first=0.01, attempts=1)
    with RawServer(upgrade) as server, connect(server.url, reconnect=policy) as cp:
        over, back = Caught(), Caught()
        cp.on_give_up(over)
        cp.on_reconnect(back)
        server.peer().reset()
        over.wait()
        answer = iter([True])
        cp.reconnecting = SOON
        back.wait()
        cp.close(timeout=0.2)


def test_set_while_there_is_no_connection_it_begins(
    cp: ChargePoint, peer: Peer, server: ScriptedCsms
) -> None:
    gone = Caught()
    cp.on_close(gone)
    peer.drop()
    gone.wait()
    cp.reconnecting = SOON
    cp.wait_until_connected(timeout=PATIENCE)
    server.peer().answers["Heartbeat"] = HEARTBEAT
    assert cp.call("Heartbeat") == HEARTBEAT


def test_set_to_none_it_ends(server: ScriptedCsms) -> None:
    with connect(server.url, reconnect=Reconnect(first=20, longest=20)) as cp:
        gone = Caught()
        cp.on_close(gone)
        server.peer().drop()
        gone.wait()
        cp.reconnecting = None
        with pytest.raises(WaitTimeout):
            cp.wait_until_connected(timeout=0.5)


@pytest.mark.parametrize("how", ["close", "abort"])
def test_it_does_not_come_back_where_the_script_ended_it(
    station: ChargePoint, server: ScriptedCsms, how: str
) -> None:
    gone = Caught()
    station.on_close(gone)
    peer = server.peer()
    getattr(station, how)()
    peer.rest()
    with pytest.raises((WaitTimeout, ConnectionLost)):
        station.wait_until_connected(timeout=0.2)
    assert gone.values == []


def test_many_lose_and_find_their_connection(server: ScriptedCsms) -> None:
    stations = [connect(f"{server.base}/CP{i}", reconnect=SOON) for i in range(30)]
    back = Caught()
    for station in stations:
        station.on_reconnect(back)
        server.peer().drop()
    for station in stations:
        back.wait()
        station.wait_until_connected(timeout=PATIENCE)
    assert {server.peer().name for _ in stations} == {f"CP{i}" for i in range(30)}
    for station in stations:
        station.close()


def test_there_is_no_thread_while_it_waits(server: ScriptedCsms) -> None:
    with connect(server.url, reconnect=Reconnect(first=10_000, longest=10_000)) as cp:
        gone = Caught()
        cp.on_close(gone)
        server.peer().drop()
        gone.wait()
        deadline = time.monotonic() + PATIENCE
        while any("CP1" in thread.name for thread in threading.enumerate()):
            assert time.monotonic() < deadline
            time.sleep(0.01)


# --- heartbeats ----------------------------------------------------------------------------------


def test_heartbeats_go_on_after_an_outage_and_none_piles_up(
    server: ScriptedCsms, caplog: pytest.LogCaptureFixture
) -> None:
    """An outage of many heartbeats' length."""
    with ScriptedCsms() as first:
        cp = connect(first.url, reconnect=Reconnect(first=0.5, factor=1, longest=0.5))
        peer = first.peer()
        cp.start_heartbeat(0.02)
        peer.answer(HEARTBEAT, "Heartbeat")
    with cp:
        peer.rest()
        gone = len(cp.frames("Heartbeat", type="CALL"))
        while caplog.text.count("not connected again") < 30:  # some 40 heartbeats long
            time.sleep(0.02)
        assert len(cp.frames("Heartbeat", type="CALL")) == gone
        assert caplog.text.count("heartbeat:") <= 1  # the one that was under way
        with ScriptedCsms(port=first.port) as again:
            peer = again.peer()
            came = peer.next_call("Heartbeat")
            cp.sleep(0.2)
            assert len(cp.frames("Heartbeat", type="CALL")) == gone + 1
            peer.send([3, came[1], HEARTBEAT])
            peer.answer(HEARTBEAT, "Heartbeat")
            cp.close()


def test_a_heartbeat_that_was_stopped_meanwhile_does_not_go_on(
    server: ScriptedCsms,
) -> None:
    with connect(server.url, reconnect=Reconnect(first=20, longest=20)) as cp:
        gone = Caught()
        cp.on_close(gone)
        cp.start_heartbeat(0.01)
        server.peer().drop()
        gone.wait()
        cp.stop_heartbeat()
        peer = server.peer()
        cp.wait_until_connected(timeout=PATIENCE)
        cp.sleep(0.1)
        assert peer.ask("ClearCache")[0] == 4


# --- by hand -------------------------------------------------------------------------------------


def test_a_second_lies_between_closing_and_dialling(
    cp: ChargePoint, server: ScriptedCsms, scale: Scale
) -> None:
    scale(1.0)
    peer = server.peer()
    ended = []
    watcher = threading.Thread(target=lambda: (peer.rest(), ended.append(time.monotonic())))
    watcher.start()
    cp.reconnect()
    opened = time.monotonic()
    watcher.join(PATIENCE)
    assert opened - ended[0] >= 0.9  # the end is seen here a little later than there
    scale(0.01)


@pytest.mark.parametrize("how", ["abort", "drop", "close"])
def test_the_pause_counts_from_the_end_whoever_ended_it(
    cp: ChargePoint, peer: Peer, scale: Scale, how: str
) -> None:
    gone = Caught()
    cp.on_close(gone)
    before = time.monotonic()
    if how == "drop":
        peer.drop()
        gone.wait()
    else:
        getattr(cp, how)()
    scale(0.5)
    cp.reconnect()
    assert time.monotonic() - before >= 0.5


def test_an_end_of_long_ago_asks_for_no_pause(cp: ChargePoint, scale: Scale) -> None:
    cp.abort()
    scale(PATIENCE)
    cp._link._ended -= 2 * PATIENCE
    started = time.monotonic()
    cp.reconnect()
    assert time.monotonic() - started < PATIENCE / 2
    scale(0.01)


def test_a_call_under_way_gets_its_answer_first(cp: ChargePoint, peer: Peer) -> None:
    future = cp.submit("Heartbeat", timeout=100)
    queued = cp.submit("Authorize", {"idTag": "A"}, timeout=100)
    thread, ends = in_thread(cp.reconnect)
    heartbeat = peer.next_call("Heartbeat")
    assert not future.done()
    peer.send([3, heartbeat[1], HEARTBEAT])
    peer.answer({"idTagInfo": ACCEPTED}, "Authorize")
    thread.join(PATIENCE)
    assert future.result(0) == HEARTBEAT
    assert queued.result(0) == {"idTagInfo": ACCEPTED}
    assert ends == [None]
    assert peer.rest() == []


def test_a_call_that_is_not_answered_is_waited_for_until_it_times_out(
    cp: ChargePoint, peer: Peer
) -> None:
    future = cp.submit("Heartbeat", timeout=0.3)
    peer.next_call("Heartbeat")
    cp.reconnect(timeout=0)
    assert "no answer within 0.3 s" in str(future.exception(0))
    assert cp.connected


def test_calls_in_the_queue_are_waited_for_no_longer_than_told(cp: ChargePoint, peer: Peer) -> None:
    futures = [cp.submit("Heartbeat", timeout=0.2), cp.submit("Heartbeat", timeout=100)]
    cp.reconnect(timeout=0.3)
    assert "no answer" in str(futures[0].exception(0))
    assert "closed by this charge point" in str(futures[1].exception(0))


def test_the_transaction_queue_begins_with_nothing_meanwhile(
    cp: ChargePoint, peer: Peer, server: ScriptedCsms
) -> None:
    """Else its message would be on its way when the connection is closed, and go twice."""
    cp.queue.accepted = True
    messages = [
        {
            "connectorId": 0,
            "meterValue": [{"timestamp": HEARTBEAT["currentTime"], "sampledValue": []}],
        }
        for _ in range(3)
    ]
    for number, message in enumerate(messages):
        message["meterValue"][0]["sampledValue"].append({"value": str(number)})  # type: ignore[index]
    futures = [cp.enqueue("MeterValues", message) for message in messages]
    authorize = cp.submit("Authorize", {"idTag": "A"}, timeout=100)
    first = peer.next_call("MeterValues")
    thread, ends = in_thread(cp.reconnect)
    while not cp.queue._held:
        time.sleep(0.001)
    peer.send([3, first[1], {}])
    peer.answer({"idTagInfo": ACCEPTED}, "Authorize")
    thread.join(PATIENCE)
    assert ends == [None]
    assert authorize.done()
    assert peer.rest() == []
    later = server.peer()
    assert [later.answer({}, "MeterValues")[3] for _ in range(2)] == messages[1:]
    for future in futures:
        future.result(PATIENCE)


def test_handlers_get_to_answer_first(cp: ChargePoint, peer: Peer) -> None:
    begun, go_on = threading.Event(), threading.Event()

    @cp.on("ClearCache")
    def clear(request: Request) -> dict[str, str]:
        begun.set()
        assert go_on.wait(PATIENCE)
        return ACCEPTED

    peer.send([2, "1", "ClearCache", {}])
    assert begun.wait(PATIENCE)
    thread, ends = in_thread(lambda: cp.reconnect(timeout=PATIENCE))
    thread.join(0.1)
    assert thread.is_alive()
    go_on.set()
    assert peer.next() == [3, "1", ACCEPTED]
    thread.join(PATIENCE)
    assert ends == [None]


def test_a_late_answer_has_left_before_it_closes(cp: ChargePoint, peer: Peer) -> None:
    cp.on("ClearCache", lambda request: request.reply(ACCEPTED, delay=0.3))
    begun = threading.Event()
    cp.trace.observers.append(lambda frame: begun.set())
    peer.send([2, "1", "ClearCache", {}])
    assert begun.wait(PATIENCE)
    time.sleep(0.1)  # so that the reply has been claimed
    cp.reconnect()
    assert peer.rest() == [[3, "1", ACCEPTED]]


def test_what_a_handler_does_after_its_answer_is_not_waited_for(
    cp: ChargePoint, peer: Peer
) -> None:
    go_on = threading.Event()

    @cp.on("ClearCache")
    def clear(request: Request) -> Any:
        yield ACCEPTED
        go_on.wait(PATIENCE)

    assert peer.ask("ClearCache")[2] == ACCEPTED
    started = time.monotonic()
    cp.reconnect(timeout=PATIENCE)
    assert time.monotonic() - started < PATIENCE / 2
    go_on.set()


def test_a_handler_that_does_not_answer_is_named(
    cp: ChargePoint, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    @cp.on("ClearCache")
    def clear(request: Request) -> dict[str, str]:
        begun.set()
        go_on.wait(PATIENCE)
        return ACCEPTED

    peer.send([2, "1", "ClearCache", {}])
    assert begun.wait(PATIENCE)
    cp.reconnect(timeout=0.1)
    go_on.set()
    assert "these are not answered yet: ClearCache" in caplog.text
    assert cp.connected


def test_handlers_that_reconnect_do_not_wait_for_each_other(
    cp: ChargePoint, peer: Peer, server: ScriptedCsms
) -> None:
    together = threading.Barrier(3)
    done = Caught()

    @cp.on("Reset")
    def reset(request: Request) -> dict[str, str]:
        together.wait(PATIENCE)
        cp.reconnect(timeout=100)
        done()
        return ACCEPTED

    for number in range(3):
        peer.send([2, str(number), "Reset", {"type": "Soft"}])
    for _ in range(3):
        done.wait()


def test_where_nothing_is_under_way_nothing_is_waited_for(cp: ChargePoint) -> None:
    started = time.monotonic()
    cp.reconnect(timeout=100)
    assert time.monotonic() - started < PATIENCE


def test_after_abort_nothing_is_waited_for(cp: ChargePoint, peer: Peer) -> None:
    future = cp.submit("Heartbeat", timeout=100)
    cp.abort()
    cp.reconnect(timeout=100)
    assert isinstance(future.exception(0), ConnectionLost)


def test_a_configuration_change_may_reconnect_after_its_answer(
    cp: ChargePoint, peer: Peer, server: ScriptedCsms
) -> None:
    cp.configuration.add("Profile", 1, type=int)
    cp.configuration.on_change("Profile", lambda key, old, new: lambda: cp.reconnect(timeout=100))
    cp.configuration.serve()
    answer = peer.ask("ChangeConfiguration", {"key": "Profile", "value": "2"})
    assert answer[2] == ACCEPTED
    assert server.peer().ask("ClearCache")[0] == 4


def test_by_hand_while_it_tries_by_itself(server: ScriptedCsms) -> None:
    with connect(server.url, reconnect=Reconnect(first=10_000, longest=10_000)) as cp:
        gone, back = Caught(), Caught()
        cp.on_close(gone)
        cp.on_reconnect(back)
        server.peer().drop()
        gone.wait()
        cp.reconnect()
        assert cp.connected
        assert back.values == []  # who does it, knows


def test_by_hand_while_it_dials_by_itself() -> None:
    """The dial under way is given up, as somebody else has taken over."""
    dialled, answers = threading.Event(), iter([True, False])

    def answer(peer: RawPeer) -> None:
        peer.read_request()
        if next(answers, True):
            peer.accept()
        else:
            dialled.set()

    with RawServer(answer) as server, connect(server.url, reconnect=SOON) as cp:
        server.peer().reset()
        assert dialled.wait(PATIENCE)
        started = time.monotonic()
        cp.reconnect()
        assert time.monotonic() - started < PATIENCE / 2
        assert cp.connected
        cp.close(timeout=0.2)


def test_after_a_failure_by_hand_it_goes_on_by_itself() -> None:
    refuse = threading.Event()

    def answer(peer: RawPeer) -> None:
        peer.read_request()
        if refuse.is_set():
            refuse.clear()
            peer.answer("503 Service Unavailable", "Content-Length: 0")
            peer.close()
        else:
            peer.accept()

    with RawServer(answer) as server, connect(server.url, reconnect=SOON) as cp:
        back = Caught()
        cp.on_reconnect(back)
        refuse.set()
        server.peer().reset()
        cp.abort()
        with pytest.raises(ConnectError, match="503"):
            cp.reconnect()
        back.wait()
        assert cp.connected
        cp.close(timeout=0.2)


# --- closing -------------------------------------------------------------------------------------


def silent() -> RawServer:
    """Accepts the first charge point, and lets the next ones wait for ever."""
    answers = iter([True])

    def answer(peer: RawPeer) -> None:
        peer.read_request()
        if next(answers, False):
            peer.accept()

    return RawServer(answer)


def test_abort_ends_an_attempt_that_has_just_come_through(
    station: ChargePoint, server: ScriptedCsms, monkeypatch: pytest.MonkeyPatch
) -> None:
    dial, through = station._link._dial, threading.Event()

    def and_abort(*told: Any) -> Any:
        dialled = dial(*told)
        station.abort()
        through.set()
        return dialled

    monkeypatch.setattr(station._link, "_dial", and_abort)
    server.peer().drop()
    assert through.wait(PATIENCE)
    station._link._redial.join(PATIENCE)  # type: ignore[union-attr]
    assert not station.connected


def test_close_ends_the_wait_for_the_next_attempt(server: ScriptedCsms) -> None:
    cp = connect(server.url, reconnect=Reconnect(first=10_000, longest=10_000))
    gone = Caught()
    cp.on_close(gone)
    server.peer().drop()
    gone.wait()
    thread, ends = in_thread(lambda: cp.wait_until_connected(timeout=100))
    started = time.monotonic()
    cp.close(timeout=PATIENCE)
    thread.join(PATIENCE)
    assert time.monotonic() - started < PATIENCE / 2
    assert "closed" in str(ends[0])


def test_close_ends_a_dial_at_once() -> None:
    with silent() as server:
        cp = connect(server.url, reconnect=SOON, connect_timeout=100)
        server.peer().reset()
        server.peer()
        started = time.monotonic()
        cp.close(timeout=PATIENCE)
        assert time.monotonic() - started < PATIENCE / 2
        names = [thread.name for thread in threading.enumerate()]
        assert not any("reconnect" in name for name in names)


def test_close_ends_a_dial_by_hand_at_once() -> None:
    with silent() as server:
        cp = connect(server.url, connect_timeout=100)
        server.peer().reset()
        thread, ends = in_thread(cp.reconnect)
        server.peer()
        started = time.monotonic()
        cp.close(timeout=PATIENCE)
        thread.join(PATIENCE)
        assert time.monotonic() - started < PATIENCE / 2
        assert str(ends[0]) == "closed while connecting"


def test_close_ends_the_pause(cp: ChargePoint, peer: Peer, scale: Scale) -> None:
    cp.abort()
    scale(1000.0)
    thread, ends = in_thread(cp.reconnect)
    thread.join(0.1)
    cp.close()
    thread.join(PATIENCE)
    assert str(ends[0]) == "closed while connecting"


def test_close_ends_the_wait_for_what_is_under_way(cp: ChargePoint, peer: Peer) -> None:
    cp.on("ClearCache", lambda request: cp.sleep(100))
    peer.send([2, "1", "ClearCache", {}])
    cp.wait_for_frame("ClearCache", after=0, timeout=PATIENCE)
    cp.submit("Heartbeat", timeout=100)
    thread, ends = in_thread(lambda: cp.reconnect(timeout=100))
    peer.next_call("Heartbeat")
    cp.close()
    thread.join(PATIENCE)
    assert isinstance(ends[0], ConnectionLost)
    assert not cp.connected


def test_close_wins_over_every_reconnect_before_it(cp: ChargePoint, scale: Scale) -> None:
    scale(1000.0)
    threads = [in_thread(cp.reconnect) for _ in range(5)]
    time.sleep(0.1)
    cp.close()
    for thread, ends in threads:
        thread.join(PATIENCE)
        assert isinstance(ends[0], ConnectionLost)
    assert not cp.connected


@pytest.mark.parametrize("kept", [False, True])
def test_a_reconnect_during_close_has_its_queue(
    kept: bool, server: ScriptedCsms, tmp_path: Path
) -> None:
    closing, again = threading.Event(), threading.Event()

    class Plugin:
        @hookimpl
        def ocppsim_closed(self, cp: ChargePoint) -> None:
            closing.set()
            assert again.wait(PATIENCE)

    plugins = Plugins()
    plugins.register(Plugin(), "test")
    with connect(server.url, plugins=plugins, state_dir=tmp_path if kept else None) as cp:
        assert len(cp.queue) == 0
        thread, ends = in_thread(cp.close)
        assert closing.wait(PATIENCE)
        cp.reconnect()
        again.set()
        thread.join(PATIENCE)
        assert ends == [None]
        assert cp.connected
        cp.enqueue("DataTransfer", {"vendorId": "V"})
        cp.state["key"] = 1
        assert len(cp.queue) == 1
        cp.close()
        with pytest.raises(ConnectionLost, match="the charge point is closed"):
            cp.enqueue("DataTransfer", {"vendorId": "V"})


@pytest.mark.parametrize("where", ["on_close", "on_reconnect", "on_give_up"])
def test_close_from_a_callback(where: str) -> None:
    with ScriptedCsms() as server:
        cp = connect(server.url, reconnect=Reconnect(first=0.01, attempts=1))
        done = Caught()
        getattr(cp, where)(lambda *told: (cp.close(), done()))
        peer = server.peer()
        if where != "on_give_up":
            peer.drop()
            done.wait()
    if where == "on_give_up":
        done.wait()
    cp.close()


@pytest.mark.parametrize("state", ["waits", "dials", "finds nobody"])
def test_a_process_whose_script_ended_exits(state: str) -> None:
    script = f"""
import ocppsim, sys, threading
policy = ocppsim.Reconnect(first=0.01 if {state!r} != "waits" else 10_000, longest=10_000)
cp = ocppsim.connect(sys.argv[1], reconnect=policy, connect_timeout=1000)
gone = threading.Event()
cp.on_close(lambda reason: gone.set())
cp.call("Heartbeat", timeout=1000)
"""
    with silent() as server:
        process = subprocess.Popen(
            [sys.executable, "-c", script, server.url], stderr=subprocess.PIPE, text=True
        )
        peer = server.peer()
        peer.next()
        peer.reset()
        _, said = process.communicate(timeout=3 * PATIENCE)
        assert "ConnectionLost" in said
        assert process.returncode == 1
