"""Messages to the CSMS that wait where there is no connection."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import Future
from typing import Any

from ocppsim import ChargePoint, ConnectionLost

__all__ = ["Outbox"]

MAX_WAITING = 1000

Payload = dict[str, Any]


class Outbox:
    """The messages of one action that a charge point has still to send, in their order; for any
    thread."""

    def __init__(self, action: str) -> None:
        self._action = action
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._waiting: list[tuple[int, Payload]] = []

    def put(self, cp: ChargePoint, payload: Payload) -> list[Future[Any]]:
        """Send `payload`, now or when `cp` is connected again: what is under way. Never blocks."""
        with self._lock:
            self._waiting.append((next(self._numbers), payload))
            del self._waiting[:-MAX_WAITING]
        return self.deliver(cp) if cp.connected else []

    def deliver(self, cp: ChargePoint) -> list[Future[Any]]:
        """Send what waits: what is under way. Never blocks."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        return [self._send(cp, *each) for each in waiting]

    def _send(self, cp: ChargePoint, number: int, payload: Payload) -> Future[Any]:
        # an answer to what the CSMS asked for quotes it, even where that was wrong
        future = cp.submit(self._action, payload, validate=False)
        future.add_done_callback(lambda done: self._done(cp, number, payload, done))
        return future

    def _done(self, cp: ChargePoint, number: int, payload: Payload, done: Future[Any]) -> None:
        error = done.exception()
        if isinstance(error, ConnectionLost):
            with self._lock:
                self._waiting.append((number, payload))
                self._waiting.sort(key=lambda each: each[0])
        elif error is not None:
            what = payload.get("type") or payload.get("status")
            cp.log("the CSMS did not take the %s %s: %s", self._action, what, error)
