"""WebSocket pings at an interval, against a server that answers them or not."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from raw_server import PING, PONG, TEXT, Frame, RawPeer, RawServer, frame
from scripted_csms import PATIENCE, Peer, ScriptedCsms

from ocppsim import ConnectionLost, Reconnect, clock, connect
from ocppsim.chargepoint import ChargePoint

SECOND = 1 / clock.SCALE
"""What is given as so many seconds takes one second of a test."""


@pytest.fixture
def raw() -> Iterator[RawServer]:
    with RawServer() as server:
        yield server


def next_ping(peer: RawPeer) -> Frame:
    came = peer.next()
    assert came.opcode == PING
    return came


def test_there_are_none_unless_wanted(raw: RawServer) -> None:
    with connect(raw.url) as cp:
        peer = raw.peer()
        assert cp.configuration["WebSocketPingInterval"] == 0
        cp.sleep(0.1)
        cp.send_raw("[]")
        assert peer.next().opcode == TEXT
        cp.close(timeout=0.2)


def test_they_come_at_the_interval(raw: RawServer) -> None:
    with connect(raw.url, ping_interval=0.1 * SECOND, pong_timeout=PATIENCE * SECOND) as cp:
        peer = raw.peer()
        started = time.monotonic()
        payloads = set()
        for _ in range(5):
            came = next_ping(peer)
            payloads.add(came.payload)
            peer.send(frame(PONG, came.payload))
        assert 0.45 <= time.monotonic() - started < PATIENCE
        assert len(payloads) == 5
        cp.close(timeout=0.2)


@pytest.mark.parametrize("answer", [b"", b"another", None])
def test_without_its_pong_the_connection_is_lost_and_calls_fail(
    raw: RawServer, answer: bytes | None
) -> None:
    with connect(raw.url, ping_interval=0.1 * SECOND, pong_timeout=0.2 * SECOND) as cp:
        gone = threading.Event()
        cp.on_close(lambda reason: gone.set())
        peer = raw.peer()
        started = time.monotonic()
        future = cp.submit("Heartbeat", timeout=10 * PATIENCE)
        assert peer.next().opcode == TEXT
        next_ping(peer)
        if answer is not None:
            peer.send(frame(PONG, answer))
        error = future.exception(PATIENCE)
        assert time.monotonic() - started >= 0.2
        assert isinstance(error, ConnectionLost)
        assert str(error) == "the CSMS did not answer a ping within 20 s"
        assert gone.wait(PATIENCE)
        assert not cp.connected
        assert peer.rest() == b""  # the one ping was all


def test_a_peer_that_vanishes_after_a_while_is_noticed(raw: RawServer) -> None:
    with connect(raw.url, ping_interval=0.05 * SECOND, pong_timeout=PATIENCE * SECOND) as cp:
        peer = raw.peer()
        for _ in range(3):
            peer.send(frame(PONG, next_ping(peer).payload))
        cp._link.transport.ping_every(0.05 * SECOND, 0.1 * SECOND)
        with pytest.raises(ConnectionLost, match="did not answer a ping"):
            cp.call("Heartbeat", timeout=10 * PATIENCE)


def test_a_ping_by_hand_is_another_matter(raw: RawServer) -> None:
    with connect(raw.url, ping_interval=0.01 * SECOND, pong_timeout=PATIENCE * SECOND) as cp:
        peer = raw.peer()
        first = next_ping(peer)
        seconds: list[float] = []
        thread = threading.Thread(target=lambda: seconds.append(cp.ping(b"mine")))
        thread.start()
        assert peer.next().payload == b"mine"
        peer.send(frame(PONG, b"mine"))
        thread.join(PATIENCE)
        assert seconds
        peer.send(frame(PONG, first.payload))
        next_ping(peer)
        cp.close(timeout=0.2)


def change(peer: Peer, interval: str) -> str:
    payload = {"key": "WebSocketPingInterval", "value": interval}
    return str(peer.ask("ChangeConfiguration", payload)[2]["status"])


def test_the_csms_may_change_the_interval_at_once(
    server: ScriptedCsms, cp: ChargePoint, peer: Peer
) -> None:
    cp.configuration.serve()
    pings = threading.Semaphore(0)
    took = peer.connection.protocol.recv_frame

    def watch(came: object) -> None:
        if getattr(came, "opcode", None) == PING:
            pings.release()
        took(came)  # type: ignore[arg-type]

    peer.connection.protocol.recv_frame = watch  # type: ignore[method-assign,assignment]
    assert change(peer, "5") == "Accepted"
    for _ in range(3):
        assert pings.acquire(timeout=PATIENCE)
    assert change(peer, "0") == "Accepted"
    assert change(peer, "-1") == "Rejected"
    cp.sleep(0.1)
    while pings.acquire(blocking=False):
        pass
    assert not pings.acquire(timeout=0.2)
    assert cp.configuration["WebSocketPingInterval"] == 0


def test_they_go_on_after_a_reconnect(raw: RawServer) -> None:
    policy = Reconnect(first=0.01)
    with connect(raw.url, ping_interval=0.05 * SECOND, reconnect=policy) as cp:
        raw.peer().reset()
        second = raw.peer()
        next_ping(second)
        cp.configuration["WebSocketPingInterval"] = int(0.1 * SECOND)
        cp.abort()
        cp.reconnect()
        next_ping(raw.peer())
        cp.close(timeout=0.2)


def test_none_follows_the_close_frame(raw: RawServer) -> None:
    with connect(raw.url, ping_interval=0.02 * SECOND, pong_timeout=PATIENCE * SECOND) as cp:
        peer = raw.peer()
        peer.send(frame(PONG, next_ping(peer).payload))
        cp.close(timeout=0.5)
        opcodes = []
        while True:
            try:
                opcodes.append(peer.next().opcode)
            except EOFError:
                break
        assert opcodes.index(0x8) == len(opcodes) - 1


@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf"), "10", True, False])
def test_an_interval_that_makes_no_sense(wrong: float) -> None:
    with pytest.raises(ValueError, match="ping_interval"):
        connect("ws://127.0.0.1:1/CP1", ping_interval=wrong)


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), "10"])
def test_a_pong_timeout_that_makes_no_sense(wrong: float) -> None:
    with pytest.raises(ValueError, match="pong_timeout"):
        connect("ws://127.0.0.1:1/CP1", pong_timeout=wrong)
