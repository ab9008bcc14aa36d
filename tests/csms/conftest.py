"""An independent charge point for these tests: websockets' sync client, and JSON by hand."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import pytest
from command import interruptible
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

import ocppsim.csms_parser
from ocppsim.csms import CentralSystem

PATIENCE = 10.0


class Client:
    """A charge point that sends what it is told. Frames are lists, as they stand on the wire."""

    def __init__(self, socket: ClientConnection | TlsConnection) -> None:
        self.socket = socket
        self._ids = itertools.count(1)

    def send(self, frame: Any) -> None:
        self.socket.send(frame if isinstance(frame, (str, bytes)) else json.dumps(frame))

    def recv(self) -> Any:
        return json.loads(self.socket.recv(timeout=PATIENCE))

    def ask(self, action: str, payload: Any = None) -> Any:
        """Send a CALL, return the whole answer."""
        unique_id = f"{action}-{next(self._ids)}"
        self.send([2, unique_id, action, {} if payload is None else payload])
        answer = self.recv()
        assert answer[1] == unique_id
        return answer

    def closed(self) -> tuple[int | None, str | None]:
        """Close code and reason, once the connection is gone."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                self.socket.recv(timeout=PATIENCE)
        return self.socket.protocol.close_code, self.socket.protocol.close_reason


class TlsConnection:
    """What websockets' sync connection is, for TLS.

    That one reads in one thread and writes in another, which loses TLS connections now and then.
    """

    def __init__(self, url: str, **options: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="test TLS client")
        self._thread.start()

        async def connected() -> Any:
            return await connect_async(url, **options)

        try:
            self._connection = self._do(connected())
        except BaseException:
            self._end()
            raise

    def send(self, message: str | bytes) -> None:
        self._do(self._connection.send(message))

    def recv(self, timeout: float) -> Any:
        return self._do(asyncio.wait_for(self._connection.recv(), timeout))

    def close(self) -> None:
        self._do(self._connection.close())

    @property
    def protocol(self) -> Any:
        return self._connection.protocol

    @property
    def response(self) -> Any:
        return self._connection.response

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
        self._end()

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(2 * PATIENCE)

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()


class Background(threading.Thread):
    """A function in a thread; `result` returns or raises what it did."""

    def __init__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(name="test background")
        self._work: Callable[[], Any] = partial(function, *args, **kwargs)
        self._value: Any = None
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._value = self._work()
        except BaseException as error:
            self._error = error

    def result(self) -> Any:
        self.join(PATIENCE)
        assert not self.is_alive(), "still waiting"
        if self._error is not None:
            raise self._error
        return self._value


@pytest.fixture
def csms() -> Iterator[CentralSystem]:
    with CentralSystem() as csms:
        yield csms
    left = [t.name for t in threading.enumerate() if t.name.startswith("ocppsim-csms")]
    assert not left, f"stop() has left threads: {left}"


@pytest.fixture
def client() -> Iterator[Callable[..., Client]]:
    """``client(csms, "CP1", **options of websockets)``: a connected charge point."""
    connections = contextlib.ExitStack()

    def make(csms: CentralSystem, name: str = "CP1", **options: Any) -> Client:
        options.setdefault("subprotocols", ["ocpp1.6"])
        options.setdefault("compression", None)
        options.setdefault("max_size", None)
        options.setdefault("close_timeout", 1)
        options.setdefault("ping_interval", None)
        # a socket of our own: a proxy of the environment has no say
        address = urlsplit(csms.url)
        assert address.port is not None
        plain = socket.create_connection((address.hostname, address.port), timeout=PATIENCE)
        kind = connect if "ssl" not in options else TlsConnection
        connection = kind(f"{csms.url}/{name}", sock=plain, **options)
        return Client(connections.enter_context(connection))

    with connections:
        yield make


@pytest.fixture
def cp(csms: CentralSystem, client: Callable[..., Client]) -> Client:
    """CP1, connected to `csms`."""
    return client(csms)


@pytest.fixture
def background() -> Iterator[Callable[..., Background]]:
    """``background(function, …).result()``: run it in a thread."""
    threads: list[Background] = []

    def make(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Background:
        threads.append(Background(function, *args, **kwargs))
        return threads[-1]

    yield make
    for thread in threads:
        thread.join(PATIENCE)


@pytest.fixture
def raw(csms: CentralSystem) -> Iterator[Callable[..., socket.socket]]:
    """``raw()``: a TCP connection to `csms`, no more."""
    sockets: list[socket.socket] = []

    def make(to: CentralSystem = csms) -> socket.socket:
        sockets.append(socket.create_connection((to.host, to.port), timeout=PATIENCE))
        return sockets[-1]

    yield make
    for each in sockets:
        each.close()


class Program:
    """`ocppsim-csms` in a process of its own, with an url like that of a CentralSystem."""

    def __init__(self, *arguments: str) -> None:
        root = Path(ocppsim.csms_parser.__file__).parent.parent
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "ocppsim.csms", "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            preexec_fn=interruptible,
            env={**os.environ, "PYTHONPATH": str(root), "PYTHONIOENCODING": "utf-8"},
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()

    def end(self, number: int = signal.SIGTERM) -> str:
        """Exit code 0 is expected; what was on stderr is returned."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=20)
        assert self.process.returncode == 0, errors
        return errors


@pytest.fixture
def program() -> Iterator[Callable[..., Program]]:
    programs: list[Program] = []

    def make(*arguments: str) -> Program:
        programs.append(Program(*arguments))
        return programs[-1]

    yield make
    for each in programs:
        if each.process.poll() is None:
            each.process.kill()
            each.process.communicate()
