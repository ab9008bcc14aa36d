"""A charge point that neither reads nor writes for a while, over a connection that stays open."""

from __future__ import annotations

import select
import ssl
import threading
import time
from collections.abc import Iterator

import pytest
from certificates_of_tests import AUTHORITY, serving
from raw_server import PING, PONG, Frame, RawPeer, RawServer, frame
from scripted_csms import PATIENCE

from ocppsim import CallTimeout, ChargePoint, ConnectionLost, clock, connect
from ocppsim.csms import CentralSystem
from ocppsim.timers import timers

LONG = 600.0
MUCH = "x" * (8 << 20)
"""More than all buffers between here and there hold."""


@pytest.fixture(params=["ws", "wss"])
def csms(request: pytest.FixtureRequest) -> Iterator[CentralSystem]:
    with CentralSystem(ssl_context=serving() if request.param == "wss" else None) as csms:
        yield csms


@pytest.fixture
def cp(csms: CentralSystem) -> Iterator[ChargePoint]:
    with connect(f"{csms.url}/CP1", ssl_context=trusting()) as cp:
        yield cp


def trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    AUTHORITY.configure_trust(context)
    return context


def pass_time(seconds: float) -> None:
    """Until the timers have got so far."""
    passed = threading.Event()
    timers.after(seconds, passed.set)
    assert passed.wait(PATIENCE)


def test_what_is_said_meanwhile_comes_afterwards(cp: ChargePoint, csms: CentralSystem) -> None:
    cp.on("Reset", {"status": "Rejected"})
    cp.call("Heartbeat")
    before = len(csms.received("Heartbeat"))
    cp.stall(LONG)
    futures = [cp.submit("Heartbeat", concurrent=True) for _ in range(3)]
    for _ in range(2):
        with pytest.raises(CallTimeout):
            csms.call("CP1", "Reset", {"type": "Soft"}, timeout=0.05)
    assert cp.connected
    assert cp.frames("Reset") == []
    assert len(csms.received("Heartbeat")) == before
    cp.stall(0)
    for future in futures:
        assert "currentTime" in future.result(PATIENCE)
    cp.wait_for_frame("Reset", direction="sent", after=0, timeout=PATIENCE)
    assert len(cp.frames("Reset", direction="received")) == 2
    assert csms.call("CP1", "Reset", {"type": "Soft"}) == {"status": "Rejected"}
    assert cp.violations == []


def test_it_ends_by_itself(cp: ChargePoint) -> None:
    started = time.monotonic()
    cp.stall(0.2)
    assert time.monotonic() - started < 0.2
    assert cp.call("Heartbeat").latency >= 0.15
    assert time.monotonic() - started >= 0.2


def test_the_last_one_holds(cp: ChargePoint) -> None:
    cp.stall(0.05)
    cp.stall(LONG)
    future = cp.submit("Heartbeat")
    pass_time(0.15)
    assert not future.done()
    cp.stall(0.05)
    assert "currentTime" in future.result(PATIENCE)
    cp.stall(0)


def test_a_call_times_out(cp: ChargePoint) -> None:
    cp.stall(LONG)
    with pytest.raises(CallTimeout):
        cp.call("Heartbeat", timeout=0.05)
    cp.stall(0)
    assert "currentTime" in cp.call("Heartbeat")


def test_nobody_is_busy_meanwhile(cp: ChargePoint, csms: CentralSystem) -> None:
    cp.stall(LONG)
    cp.submit("Heartbeat")
    with pytest.raises(CallTimeout):
        csms.call("CP1", "Reset", {"type": "Soft"}, timeout=0.05)
    before = time.process_time()
    pass_time(0.5)
    assert time.process_time() - before < 0.25
    cp.stall(0)


def test_much_goes_out_whole_and_the_csms_is_not_blamed(csms: CentralSystem) -> None:
    with connect(f"{csms.url}/CP1", ssl_context=trusting(), send_timeout=0.1) as cp:
        cp.stall(0.5)
        payload = {"vendorId": "v", "data": MUCH}
        future = cp.submit("DataTransfer", payload, timeout=PATIENCE)
        after = cp.submit("Heartbeat", concurrent=True)
        assert "currentTime" in after.result(PATIENCE)
        assert future.result(PATIENCE)["status"]
        assert csms.received("DataTransfer")[0].payload == payload


def test_close_ends_it(cp: ChargePoint, csms: CentralSystem) -> None:
    cp.stall(LONG)
    cp.submit("Heartbeat")
    started = time.monotonic()
    cp.close()
    assert time.monotonic() - started < 3
    csms.wait_for("Heartbeat", timeout=PATIENCE)  # it went before the close frame
    with pytest.raises(ConnectionLost, match="no stall: not connected"):
        cp.stall(1)


@pytest.mark.parametrize("reset", [False, True])
def test_abort_ends_it_and_nothing_more_is_said(
    cp: ChargePoint, csms: CentralSystem, reset: bool
) -> None:
    cp.stall(LONG)
    future = cp.submit("Heartbeat")
    cp.abort(reset=reset)
    with pytest.raises(ConnectionLost):
        future.result(PATIENCE)
    cp.reconnect()
    assert "currentTime" in cp.call("Heartbeat")
    assert len(csms.received("Heartbeat")) == 1


def test_reconnect_ends_it(cp: ChargePoint, csms: CentralSystem) -> None:
    cp.stall(LONG)
    future = cp.submit("Heartbeat", timeout=LONG)
    cp.reconnect()
    assert "currentTime" in future.result(PATIENCE)
    assert "currentTime" in cp.call("Heartbeat")


def test_who_waits_for_the_wire_goes_on(cp: ChargePoint, csms: CentralSystem) -> None:
    cp.stall(LONG)
    sender = threading.Thread(target=cp.send_raw, args=('[2,"raw","Heartbeat",{}]',))
    sender.start()
    cp.stall(0)
    sender.join(PATIENCE)
    assert not sender.is_alive()
    csms.wait_for("Heartbeat", timeout=PATIENCE)


def test_the_end_of_the_csms_is_seen_afterwards(cp: ChargePoint, csms: CentralSystem) -> None:
    lost = threading.Event()
    cp.on_close(lambda reason: lost.set())
    cp.stall(LONG)
    closing = threading.Thread(target=csms.disconnect, args=("CP1",))
    closing.start()
    pass_time(0.1)
    assert cp.connected
    cp.stall(0)
    assert lost.wait(PATIENCE)
    closing.join(PATIENCE)


@pytest.mark.parametrize("seconds", [-1, float("inf"), float("nan"), "5", None])
def test_what_makes_no_sense(cp: ChargePoint, seconds: object) -> None:
    with pytest.raises(ValueError, match="a stall is a number of seconds from 0"):
        cp.stall(seconds)  # type: ignore[arg-type]


# --- pings ---


@pytest.fixture
def raw() -> Iterator[RawServer]:
    with RawServer() as server:
        yield server


def test_pings_get_their_pong_afterwards(raw: RawServer) -> None:
    with connect(raw.url) as cp:
        peer = raw.peer()
        cp.stall(LONG)
        peer.send(frame(PING, b"there?"))
        pass_time(0.1)
        assert nothing_came(peer)
        cp.stall(0)
        assert peer.next() == Frame(PONG, b"there?")
        cp.close(timeout=0.2)


def test_none_are_sent_and_their_pongs_not_missed(raw: RawServer) -> None:
    second = 1 / clock.SCALE
    with connect(raw.url, ping_interval=0.05 * second, pong_timeout=0.1 * second) as cp:
        peer = raw.peer()
        assert peer.next().opcode == PING
        cp.stall(LONG)
        cp._link.ping_interval = 0.04 * second  # as ChangeConfiguration does
        pass_time(0.3)
        assert cp.connected
        assert nothing_came(peer)
        cp.stall(0)
        for _ in range(2):
            came = peer.next()
            assert came.opcode == PING
            peer.send(frame(PONG, came.payload))
        cp.close(timeout=0.2)


def nothing_came(peer: RawPeer) -> bool:
    readable, _, _ = select.select([peer.sock], [], [], 0)
    return not readable
