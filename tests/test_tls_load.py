"""TLS under two-way load: what the lock of `TlsStream` is for.

OpenSSL loses a connection when one thread reads from it while another writes. A light exchange
shows nothing; here the server sends as fast as it can while several threads send to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from raw_server import PATIENCE, client_context, server_context
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from ocppsim import stream
from ocppsim.address import Address
from ocppsim.errors import ConnectionLost
from ocppsim.transport import Transport

VERSIONS = {"TLS 1.2": ssl.TLSVersion.TLSv1_2, "TLS 1.3": ssl.TLSVersion.TLSv1_3}

DOWN = 2000  # messages to the client
UP = 500  # from each of its threads
THREADS = 4

# without the lock every fifth connection or so is lost
UNGUARDED_ROUNDS = 200


class UnguardedTlsStream(stream.TlsStream):
    """Reads and writes whenever it can."""

    def __init__(self, sock: ssl.SSLSocket, deadline: float) -> None:
        super().__init__(sock, deadline)
        self._guard = contextlib.nullcontext()  # type: ignore[assignment]


def message(number: int) -> str:
    """Of every size up to some TLS records."""
    return f"{number}:" + "x" * (number * 37 % 20_000)


async def flood(connection: ServerConnection) -> None:
    """Send `DOWN` messages, take those of the client, say what was wrong with them."""
    sending = asyncio.create_task(send(connection))
    with contextlib.suppress(ConnectionClosed):
        came: list[list[str]] = [[] for _ in range(THREADS)]
        for _ in range(UP * THREADS):
            thread, _, text = str(await connection.recv()).partition(" ")
            came[int(thread)].append(text)
        await sending
        right = [message(number) for number in range(UP)]
        await connection.send("right" if all(each == right for each in came) else "wrong")
        await connection.wait_closed()
    sending.cancel()


async def send(connection: ServerConnection) -> None:
    with contextlib.suppress(ConnectionClosed):
        for number in range(DOWN):
            await connection.send(message(number))


@contextlib.contextmanager
def server(version: ssl.TLSVersion) -> Iterator[str]:
    """Its URL. On asyncio, as one thread alone does no harm to a TLS connection."""
    started: queue.Queue[tuple[asyncio.AbstractEventLoop, asyncio.Event, int]] = queue.Queue()

    async def main() -> None:
        stop = asyncio.Event()
        async with serve(
            flood,
            "127.0.0.1",
            0,
            ssl=server_context(version=version),
            compression=None,
            ping_interval=None,
            close_timeout=1,
        ) as listening:
            port = next(iter(listening.sockets)).getsockname()[1]
            started.put((asyncio.get_running_loop(), stop, port))
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(main(),), name="flooding server")
    thread.start()
    loop, stop, port = started.get(timeout=PATIENCE)
    try:
        yield f"wss://127.0.0.1:{port}/CP1"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(PATIENCE)


def exchange(url: str) -> str:
    """One connection under load: ``"right"``, or what became of it."""
    came: list[str | bytes] = []
    over: queue.Queue[str] = queue.Queue()

    def take(data: str | bytes) -> None:
        came.append(data)
        if len(came) > DOWN:
            right = [message(number) for number in range(DOWN)]
            over.put(str(data) if came[:-1] == right else "wrong")

    transport = Transport.open(
        Address.parse(url),
        subprotocols=[],
        headers={},
        context=client_context(),
        timeout=PATIENCE,
        stall_timeout=PATIENCE,
        on_message=lambda transport, data, fault: take(data),
        on_lost=lambda transport, error: over.put(str(error)),
    )
    transport.start()

    def send(thread: int) -> None:
        with contextlib.suppress(ConnectionLost):
            for number in range(UP):
                transport.send(f"{thread} {message(number)}", wait=number % 2 == 0)

    with ThreadPoolExecutor(THREADS) as pool:
        for thread in range(THREADS):
            pool.submit(send, thread)
        try:
            return over.get(timeout=2 * PATIENCE)
        except queue.Empty:
            return "stuck"
        finally:
            transport.abort()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_connection_survives_two_way_load(version: str) -> None:
    with server(VERSIONS[version]) as url:
        assert [exchange(url) for _ in range(3)] == ["right"] * 3


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.version_info >= (3, 13), reason="its ssl has a lock of its own")
@pytest.mark.parametrize("version", VERSIONS)
def test_without_the_guard_a_connection_is_lost(version: str) -> None:
    """In a process of its own, which may not survive it either."""
    path = os.pathsep.join(sys.path)
    child = subprocess.run(
        [sys.executable, __file__, version],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode != 0, child.stdout


def main(version: str) -> None:
    """Exchange without a guard until a connection is lost: then exit 1."""
    stream.TlsStream = UnguardedTlsStream  # type: ignore[misc]
    with server(VERSIONS[version]) as url:
        for number in range(1, UNGUARDED_ROUNDS + 1):
            result = exchange(url)
            if result != "right":
                raise SystemExit(f"connection {number}: {result}")
    print(f"{UNGUARDED_ROUNDS} connections survived")


if __name__ == "__main__":
    main(sys.argv[1])
