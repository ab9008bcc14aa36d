"""WebSocket pings at an interval: a connection whose other end is gone is noticed by the pong that
does not come (RFC 6455 §5.5.2)."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable

from .clock import scaled
from .errors import ConnectionLost
from .timers import Timer, timers

__all__ = ["Pings"]


class Pings:
    """Pings every `interval` seconds until stopped; one ping waits for its pong at a time.

    send(payload): sends one, without waiting; may raise ConnectionLost. fail(why): a pong did not
    come within `pong_timeout` seconds; no further ping follows.
    """

    def __init__(
        self,
        interval: float,
        pong_timeout: float,
        *,
        send: Callable[[bytes], object],
        fail: Callable[[str], object],
    ) -> None:
        self._interval = scaled(interval)
        self._pong_timeout = pong_timeout
        self._send = send
        self._fail = fail
        self._lock = threading.Lock()
        self._stopped = False
        self._awaited: bytes | None = None
        self._sent = 0.0
        self._timer: Timer = timers.after(self._interval, self._ping)

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            self._timer.cancel()

    def pong(self, payload: bytes) -> None:
        """One has come; it may be the answer to somebody else's ping."""
        with self._lock:
            if self._stopped or payload != self._awaited:
                return
            self._awaited = None
            self._timer.cancel()
            left = self._sent + self._interval - time.monotonic()
            self._timer = timers.after(max(0.0, left), self._ping)

    def _ping(self) -> None:
        with self._lock:
            if self._stopped:
                return
            payload = self._awaited = os.urandom(8)
            self._sent = time.monotonic()
            self._timer = timers.after(scaled(self._pong_timeout), lambda: self._late(payload))
        with contextlib.suppress(ConnectionLost):  # whoever reads will say so
            self._send(payload)

    def _late(self, payload: bytes) -> None:
        with self._lock:
            if self._stopped or payload != self._awaited:
                return
            self._stopped = True
        self._fail(f"the CSMS did not answer a ping within {self._pong_timeout:g} s")
