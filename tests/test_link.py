"""Dialling, and being stopped in the middle of it; pauses, and who wins."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from raw_server import RawPeer, RawServer, client_context, server_context
from scripted_csms import PATIENCE, Peer, ScriptedCsms

from ocppsim import ConnectError, ConnectionLost, Plugins, clock, connect, hookimpl
from ocppsim.chargepoint import ChargePoint
from ocppsim.errors import WouldDeadlock
from ocppsim.stream import Attempt, open_stream


def outcome(function: Callable[[], object]) -> object:
    try:
        return function()
    except Exception as error:
        return error


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port where a TCP connection waits for ever: the queue of the listener is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = listener.getsockname()[1]
        for _ in range(10):
            sock = stack.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        yield port


@pytest.fixture
def mute() -> Iterator[int]:
    """A port where a connection comes about and nothing is said."""
    with socket.create_server(("127.0.0.1", 0), backlog=10) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
def test_an_attempt_is_stopped_at_once(tls: bool, deaf: int, mute: int) -> None:
    attempt, ends = Attempt(), []
    context = client_context() if tls else None
    port = mute if tls else deaf
    deadline = time.monotonic() + 10 * PATIENCE

    def dial() -> None:
        ends.append(
            outcome(lambda: open_stream("127.0.0.1", port, context, deadline, attempt=attempt))
        )

    thread = threading.Thread(target=dial)
    thread.start()
    thread.join(0.3)
    assert thread.is_alive()
    attempt.stop()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert isinstance(ends[0], ConnectError)


def test_an_attempt_that_was_stopped_before_it_began(mute: int) -> None:
    attempt = Attempt()
    attempt.stop()
    with pytest.raises(ConnectError, match="stopped"):
        open_stream("127.0.0.1", mute, None, time.monotonic() + PATIENCE, attempt=attempt)


def test_close_ends_a_dial_in_tls() -> None:
    with RawServer(context=server_context()) as server, socket.socket() as listener:
        cp = connect(server.url, ssl_context=client_context(), connect_timeout=10 * PATIENCE)
        server.peer().stop()
        # from now on who comes to that port is heard, and not answered
        listener.bind(("127.0.0.1", 0))
        listener.listen(10)
        ends: list[object] = []
        url = f"wss://127.0.0.1:{listener.getsockname()[1]}/CP1"
        thread = threading.Thread(
            target=lambda: ends.append(outcome(lambda: cp.reconnect(url=url)))
        )
        thread.start()
        listener.settimeout(PATIENCE)
        came, _ = listener.accept()
        with came:
            came.settimeout(PATIENCE)
            assert came.recv(1)
            started = time.monotonic()
            cp.close()
            thread.join(PATIENCE)
            assert time.monotonic() - started < PATIENCE / 2
        assert isinstance(ends[0], ConnectionLost)
        assert cp.url == server.url


def test_a_subprotocol_that_does_not_fit_is_an_end_as_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A connection was there, and has ended: the pause counts from then."""
    picks = iter(["ocpp1.6", "ocpp2.0", "ocpp1.6"])

    def answer(peer: RawPeer) -> None:
        peer.read_request()
        peer.accept(next(picks))

    with RawServer(answer) as server, connect(server.url) as cp:
        cp.abort()
        time.sleep(0.4)
        with pytest.raises(ConnectError, match="subprotocol"):
            cp.reconnect()
        ended = time.monotonic()
        monkeypatch.setattr(clock, "SCALE", 0.3)
        cp.reconnect()
        assert time.monotonic() - ended >= 0.25
        cp.close(timeout=0.2)


@pytest.mark.parametrize("what", ["reconnect", "wait_until_connected"])
def test_a_thread_that_must_not_block_is_told(cp: ChargePoint, peer: Peer, what: str) -> None:
    caught: list[object] = []
    came = threading.Event()

    def observe(frame: object) -> None:
        caught.append(outcome(getattr(cp, what)))
        came.set()

    cp.trace.observers.append(observe)
    peer.send([2, "1", "ClearCache", {}])
    assert came.wait(PATIENCE)
    assert isinstance(caught[0], WouldDeadlock)
    assert cp.connected


def test_wait_until_connected_is_quick_where_it_is(cp: ChargePoint) -> None:
    cp.wait_until_connected(timeout=0)


def test_wait_until_connected_waits_for_another_thread(cp: ChargePoint, peer: Peer) -> None:
    cp.abort()
    thread = threading.Thread(target=cp.reconnect)
    thread.start()
    cp.wait_until_connected(timeout=PATIENCE)
    assert cp.connected
    thread.join(PATIENCE)


def test_it_is_connected_when_the_plugins_know(server: ScriptedCsms) -> None:
    """Who waits until it is connected comes after the plugins."""
    told = threading.Event()
    begun, slow = threading.Event(), threading.Event()

    class Plugin:
        @hookimpl
        def ocppsim_connected(self, cp: ChargePoint) -> None:
            begun.set()
            slow.wait(0.2)
            told.set()

    plugins = Plugins()
    plugins.register(Plugin(), "test")
    with connect(server.url, plugins=plugins) as cp:
        cp.abort()
        told.clear()
        begun.clear()
        thread = threading.Thread(target=cp.reconnect)
        thread.start()
        assert begun.wait(PATIENCE)
        cp.wait_until_connected(timeout=PATIENCE)
        assert told.is_set()
        thread.join(PATIENCE)


def test_reconnects_and_losses_in_any_order_end_in_a_connection(server: ScriptedCsms) -> None:
    with connect(server.url, reconnect=True) as cp:
        peer = server.peer()
        for _ in range(10):
            threads = [threading.Thread(target=outcome, args=(cp.reconnect,)) for _ in range(3)]
            for thread in threads:
                thread.start()
            with contextlib.suppress(OSError):  # one of them was quicker
                peer.drop()
            for thread in threads:
                thread.join(PATIENCE)
                assert not thread.is_alive()
            cp.wait_until_connected(timeout=PATIENCE)
            cp.abort()
            while not server._new.empty():
                server.peer()
            cp.reconnect()
            peer = server.peer()
        assert cp.ping(timeout=PATIENCE) >= 0
