"""An independent charge point for these tests: websockets' sync client, and JSON by hand."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from ocppsim.csms import CentralSystem

PATIENCE = 10.0


class Client:
    """A charge point that sends what it is told. Frames are lists, as they stand on the wire."""

    def __init__(self, socket: ClientConnection) -> None:
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
        connection = connect(f"{csms.url}/{name}", sock=plain, **options)
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
