"""A CSMS that sends exactly what a test tells it to, and keeps what came: websockets' sync server,
and JSON by hand. It shares no code with what it tests."""

from __future__ import annotations

import contextlib
import itertools
import json
import queue
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

__all__ = ["HEARTBEAT", "PATIENCE", "Peer", "ScriptedCsms"]

PATIENCE = 10.0
"""Seconds that a test waits for what has to come."""

HEARTBEAT = {"currentTime": "2026-01-31T12:00:00.000Z"}


class Peer:
    """One connection, as the CSMS sees it. Frames are lists, as they stand on the wire.

    answers: action → payload; such a CALL is answered at once, and is not among what `next`
    returns.
    """

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection
        self.answers: dict[str, Any] = {}
        self.answered: list[Any] = []
        self._came: queue.Queue[Any] = queue.Queue()
        self._gone = threading.Event()
        self._ids = itertools.count(1)

    @property
    def name(self) -> str:
        assert self.connection.request is not None
        return self.connection.request.path.rpartition("/")[2]

    def send(self, frame: Any) -> None:
        """A list as JSON, a str as a text message, bytes as a binary one."""
        self.connection.send(frame if isinstance(frame, (str, bytes)) else json.dumps(frame))

    def send_text(self, data: bytes) -> None:
        """Any bytes as a text message."""
        self.connection.send(data, text=True)

    def next(self) -> Any:
        """The next frame that came."""
        return self._came.get(timeout=PATIENCE)

    def next_or_end(self) -> Any:
        """The next frame that came; None if the connection ended before."""
        while True:
            with contextlib.suppress(queue.Empty):
                return self._came.get(timeout=0.05)
            if self._gone.is_set() and self._came.empty():
                return None

    def next_call(self, action: str) -> Any:
        """The next frame, which has to be this CALL."""
        frame = self.next()
        assert frame[0] == 2, frame
        assert frame[2] == action, frame
        return frame

    def answer(self, payload: Any, action: str) -> Any:
        """Answer the next frame, which has to be this CALL. Returns it."""
        frame = self.next_call(action)
        self.send([3, frame[1], payload])
        return frame

    def ask(self, action: str, payload: Any = None, unique_id: str | None = None) -> Any:
        """Send a CALL and return the next frame, which has to be its answer."""
        unique_id = unique_id or f"csms-{next(self._ids)}"
        self.send([2, unique_id, action, {} if payload is None else payload])
        answer = self.next()
        assert answer[0] in (3, 4), answer
        assert answer[1] == unique_id, answer
        return answer

    def rest(self) -> list[Any]:
        """What came and was not looked at, once the connection is gone."""
        assert self._gone.wait(PATIENCE), "the connection is still open"
        frames = []
        while not self._came.empty():
            frames.append(self._came.get())
        return frames

    def close(self, code: int = 1000, reason: str = "") -> None:
        self.connection.close(code, reason)

    def drop(self) -> None:
        """End it by a TCP reset."""
        reset = struct.pack("ii", 1, 0)
        self.connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        # websockets closes the socket when it finds the end
        self.connection.socket.shutdown(socket.SHUT_RD)

    def read(self) -> None:
        with contextlib.suppress(ConnectionClosed, OSError):
            for message in self.connection:
                frame = json.loads(message) if isinstance(message, str) else message
                action = frame[2] if len(frame) > 2 and frame[0] == 2 else None
                if action in self.answers:
                    self.answered.append(frame)
                    self.send([3, frame[1], self.answers[action]])
                else:
                    self._came.put(frame)
        self._gone.set()


class ScriptedCsms:
    """Listens on a port of its own; `peer` gives its connections, one after the other.

    on_handshake: called before each handshake is answered; it may block. port: where, if not
    anywhere. context: for TLS.
    """

    def __init__(
        self,
        on_handshake: Callable[[], object] = lambda: None,
        *,
        port: int = 0,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._scheme = "ws" if context is None else "wss"
        self._peers: list[Peer] = []
        self._new: queue.Queue[Peer] = queue.Queue()
        self._server: Server = serve(
            self._serve,
            "127.0.0.1",
            port,
            ssl=context,
            subprotocols=["ocpp1.6"],  # type: ignore[list-item]
            process_request=lambda connection, request: (on_handshake(), None)[1],
            compression=None,
            max_size=None,
            ping_interval=None,
            close_timeout=1,
        )
        self.port: int = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="scripted CSMS")
        self._thread.start()

    @property
    def base(self) -> str:
        """The URL without a charge point's name."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.base}/CP1"

    def peer(self) -> Peer:
        """The next connection that came."""
        return self._new.get(timeout=PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        for peer in self._peers:
            with contextlib.suppress(OSError):
                peer.connection.close()

    def _serve(self, connection: ServerConnection) -> None:
        peer = Peer(connection)
        self._peers.append(peer)
        self._new.put(peer)
        peer.read()
