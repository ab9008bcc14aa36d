"""A CSMS that answers by a table, right or wrong, as long as the test runs: for charge points in
other processes. websockets' sync server, and JSON by hand."""

from __future__ import annotations

import contextlib
import json
import queue
import threading
from types import TracebackType
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

__all__ = ["HEARTBEAT", "AnsweringCsms"]

HEARTBEAT = {"currentTime": "2026-01-31T12:00:00.000Z"}
_PATIENCE = 10.0


class AnsweringCsms:
    """answers: action → payload of the CALLRESULT; a CALL that is not among them stays unanswered.
    A str is sent as it is, with ID in it replaced by the unique id.

    greeting: sent to each charge point first; lists as JSON, str and bytes as they are.
    then: action → what is sent after its answer.
    came: every frame. ended: the close code of each connection that is over.
    """

    def __init__(
        self, answers: dict[str, Any] | None = None, greeting: tuple[Any, ...] = ()
    ) -> None:
        self.answers: dict[str, Any] = {"Heartbeat": HEARTBEAT} if answers is None else answers
        self.greeting: tuple[Any, ...] = ()
        self.then: dict[str, Any] = {}
        self.came: queue.Queue[Any] = queue.Queue()
        self.ended: queue.Queue[int | None] = queue.Queue()
        self._connections: list[ServerConnection] = []
        self._server: Server = serve(
            self._serve,
            "127.0.0.1",
            0,
            subprotocols=["ocpp1.6"],  # type: ignore[list-item]
            compression=None,
            ping_interval=None,
            close_timeout=1,
        )
        self._thread = threading.Thread(target=self._server.serve_forever, name="answering CSMS")
        self._thread.start()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}/CP1"

    def send(self, frame: Any) -> None:
        """To the charge point that came last."""
        self._send(self._connections[-1], frame)

    def close_code(self) -> int | None:
        """Of the next connection that is over."""
        return self.ended.get(timeout=_PATIENCE)

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
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.close()

    def _serve(self, connection: ServerConnection) -> None:
        self._connections.append(connection)
        for frame in self.greeting:
            self._send(connection, frame)
        with contextlib.suppress(ConnectionClosed, OSError):
            for message in connection:
                frame = json.loads(message)
                self.came.put(frame)
                answer = self.answers.get(frame[2]) if frame[0] == 2 else None
                if isinstance(answer, str):
                    self._send(connection, answer.replace("ID", frame[1]))
                elif answer is not None:
                    self._send(connection, [3, frame[1], answer])
                if frame[0] == 2 and frame[2] in self.then:
                    self._send(connection, self.then[frame[2]])
        self.ended.put(connection.protocol.close_code)

    @staticmethod
    def _send(connection: ServerConnection, frame: Any) -> None:
        connection.send(frame if isinstance(frame, (str, bytes)) else json.dumps(frame))
