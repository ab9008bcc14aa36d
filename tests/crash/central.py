"""A CSMS that is killed now and then: websockets, and JSON by hand. It shares no code with what it
tests.

    python central.py PORT RECORD

What belongs to a transaction is in RECORD, one JSON object a line, before it is answered: time
(monotonic, s), uniqueId, action, payload, transactionId (of a start: what it is answered with). A
CALL that comes again under its id is answered as before.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

TIME = "2026-01-31T12:00:00.000Z"
KEPT = ("StartTransaction", "MeterValues", "StopTransaction")


class Central:
    def __init__(self, record: str) -> None:
        self._began: dict[str, int] = {}
        self._serving = threading.Lock()
        self._newest: ServerConnection | None = None
        with open(record, "a+b") as file:
            file.seek(0)
            lines = file.read().splitlines(keepends=True)
            if lines and not lines[-1].endswith(b"\n"):  # killed in the middle: not answered
                torn = lines.pop()
                file.truncate(file.seek(0, os.SEEK_END) - len(torn))
        for line in lines:
            entry = json.loads(line)
            if entry["action"] == "StartTransaction":
                self._began[entry["uniqueId"]] = entry["transactionId"]
        self._record = os.open(record, os.O_WRONLY | os.O_APPEND)

    def serve(self, connection: ServerConnection) -> None:
        # one connection a charge point: what still comes over the one before is not heard
        before, self._newest = self._newest, connection
        if before is not None:
            with contextlib.suppress(OSError):
                before.socket.close()
        with self._serving, contextlib.suppress(ConnectionClosed, OSError):
            for message in connection:
                if self._newest is not connection:
                    return
                _, unique_id, action, payload = json.loads(message)
                answer = self.answer(unique_id, action, payload)
                connection.send(json.dumps([3, unique_id, answer]))

    def answer(self, unique_id: str, action: str, payload: Any) -> Any:
        if action == "BootNotification":
            return {"status": "Accepted", "currentTime": TIME, "interval": 300}
        number = None
        if action == "StartTransaction":
            number = self._began.setdefault(unique_id, len(self._began) + 1)
        if action in KEPT:
            entry = {
                "time": time.monotonic(),
                "uniqueId": unique_id,
                "action": action,
                "payload": payload,
                "transactionId": number,
            }
            os.write(self._record, json.dumps(entry).encode() + b"\n")
            os.fdatasync(self._record)
        if number is not None:
            return {"transactionId": number, "idTagInfo": {"status": "Accepted"}}
        return {}


def main(port: str, record: str) -> None:
    central = Central(record)
    with serve(
        central.serve,
        "127.0.0.1",
        int(port),
        subprotocols=["ocpp1.6"],  # type: ignore[list-item]
        compression=None,
        ping_interval=None,
        close_timeout=0.1,
    ) as server:
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
