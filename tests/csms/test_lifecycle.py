"""Start and stop: twice, with everybody connected, and nothing is left."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import socket
import threading
import time
from typing import Any

import pytest

from ocppsim.csms import CentralSystem
from ocppsim.errors import ConnectionLost

UPGRADE = (
    b"GET /%s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
)


def ours() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("ocppsim-csms")]


def test_start_and_stop_are_idempotent(client: Any) -> None:
    csms = CentralSystem()
    csms.stop()
    assert csms.start() is csms
    port = csms.port
    csms.start()
    assert csms.port == port != 0
    assert ours() == ["ocppsim-csms loop"]
    assert client(csms).ask("Heartbeat")[0] == 3
    csms.stop()
    csms.stop()
    assert ours() == []


def test_url_and_repr() -> None:
    csms = CentralSystem("127.0.0.1", 0)
    assert repr(csms) == "<CentralSystem not running>"
    with csms:
        assert csms.url == f"ws://127.0.0.1:{csms.port}"
        assert repr(csms) == f"<CentralSystem {csms.url}>"
    assert CentralSystem("::1", 9000).url == "ws://[::1]:9000"


def test_start_again_on_the_same_port(csms: Any, client: Any) -> None:
    assert client(csms).ask("Heartbeat")[0] == 3
    port = csms.port
    csms.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((csms.host, port))
    csms.start()
    assert csms.port == port
    cp = client(csms)
    assert cp.ask("Heartbeat")[0] == 3
    start = {
        "connectorId": 1,
        "idTag": "A",
        "meterStart": 0,
        "timestamp": "2026-01-31T12:00:00Z",
    }
    assert cp.ask("StartTransaction", start)[2]["transactionId"] == 1
    csms.stop()
    csms.start()
    assert client(csms).ask("StartTransaction", start)[2]["transactionId"] == 2
    assert len(csms.received()) == 4


def test_stop_says_goodbye(csms: Any, cp: Any) -> None:
    csms.stop()
    assert cp.closed() == (1001, "the central system stops")
    assert csms.charge_points == []


def test_stop_with_peers_that_are_silent(csms: Any, raw: Any, client: Any) -> None:
    peers = [raw() for _ in range(4)]
    peers[1].sendall(b"GET /CP")
    peers[2].sendall(UPGRADE % b"CP2")
    peers[3].sendall(UPGRADE % b"CP3" + b"\x81\xff\x00\x00")
    client(csms, "CP4")
    for name in ("CP2", "CP3", "CP4"):
        csms.wait_for_connection(name)
    began = time.monotonic()
    csms.stop()
    assert time.monotonic() - began < 5
    assert ours() == []
    for peer in peers:
        with contextlib.suppress(ConnectionResetError):
            while peer.recv(1000):
                pass


def test_stop_with_many_connections(csms: Any, client: Any) -> None:
    clients = [client(csms, f"CP{i}") for i in range(50)]
    for cp in clients:
        cp.send([2, "h", "Heartbeat", {}])
    csms.stop()
    assert ours() == []


def test_stop_with_a_peer_that_does_not_read(csms: Any, raw: Any, background: Any) -> None:
    peer = raw()
    peer.sendall(UPGRADE % b"CP1")
    csms.wait_for_connection("CP1")
    call = background(csms.call, "CP1", "X", {"x": "x" * 50_000_000}, validate=False, timeout=60)
    while b"xxx" not in peer.recv(1000):
        pass
    csms.stop()
    with pytest.raises(ConnectionLost):
        call.result()


def test_no_warning_and_nothing_left_behind(
    client: Any, recwarn: pytest.WarningsRecorder, background: Any
) -> None:
    for _ in range(5):
        with CentralSystem() as csms:
            cp = client(csms)
            cp.send([2, "h", "Heartbeat", {}])
            csms.wait_for("Heartbeat")
            calls = [background(csms.call, "CP1", "ClearCache") for _ in range(3)]
            cp.recv()
        for call in calls:
            with pytest.raises(ConnectionLost):
                call.result()
    gc.collect()
    assert ours() == []
    assert list(recwarn) == []


def test_calls_race_with_stop(client: Any, background: Any) -> None:
    for _ in range(10):
        csms = CentralSystem().start()
        client(csms)
        csms.wait_for_connection("CP1")
        calls = [background(csms.send_raw, "CP1", "[]") for _ in range(10)]
        csms.stop()
        for call in calls:
            with contextlib.suppress(ConnectionLost):
                call.result()


def test_a_function_at_work_is_waited_for(csms: Any, cp: Any) -> None:
    started, go = threading.Event(), threading.Event()

    def slow(name: str, payload: Any) -> Any:
        started.set()
        go.wait(10)
        return {"currentTime": "2026-01-31T12:00:00Z"}

    csms.answer("Heartbeat", slow)
    cp.send([2, "h", "Heartbeat", {}])
    assert started.wait(10)
    threading.Timer(0.1, go.set).start()
    csms.stop()
    assert ours() == []


def test_a_function_that_never_ends_is_named(
    csms: Any, cp: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ocppsim.csms.server._STOP_FUNCTIONS", 0.05)
    started, go = threading.Event(), threading.Event()

    def slow(name: str, payload: Any) -> Any:
        started.set()
        go.wait(10)

    csms.answer("Heartbeat", slow)
    cp.send([2, "h", "Heartbeat", {}])
    assert started.wait(10)
    csms.stop()
    assert "does not end: ocppsim-csms CP1 Heartbeat" in caplog.text
    assert [t.daemon for t in threading.enumerate() if t.name.startswith("ocppsim-csms")] == [True]
    go.set()
    csms.stop()


def test_a_function_may_stop_it_all(csms: Any, cp: Any) -> None:
    done = threading.Event()

    def stop(name: str, payload: Any) -> Any:
        csms.stop()
        done.set()

    csms.answer("Heartbeat", stop)
    cp.send([2, "h", "Heartbeat", {}])
    assert done.wait(10)
    assert cp.closed()[0] == 1001


def test_stop_from_two_threads(csms: Any, cp: Any, background: Any) -> None:
    for stop in [background(csms.stop) for _ in range(3)]:
        stop.result()


def test_a_port_in_use(csms: Any) -> None:
    other = CentralSystem(port=csms.port)
    text = f"cannot listen on 127.0.0.1:{csms.port}: Address already in use"
    with pytest.raises(OSError, match=text) as caught:
        other.start()
    assert str(caught.value) == text
    assert caught.value.errno == errno.EADDRINUSE
    assert ours() == ["ocppsim-csms loop"]
    csms.stop()
    with other:
        assert other.port == csms.port


def test_a_host_that_does_not_exist() -> None:
    with pytest.raises(OSError, match=r"cannot listen on nowhere\.invalid:0: "):
        CentralSystem("nowhere.invalid").start()


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_does_not_exist(port: int) -> None:
    with pytest.raises(ValueError, match=f"port {port}"):
        CentralSystem(port=port)


def test_it_works_beside_an_event_loop_of_the_script() -> None:
    async def main() -> None:
        with CentralSystem() as csms:
            assert csms.charge_points == []

    asyncio.run(main())
