"""Messages at an interval: heartbeats (OCPP 1.6 §4.6), meter values."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future

from .calls import Result
from .timers import Timer, timers

__all__ = ["Repeat"]


class Repeat:
    """Sends one every `interval` seconds until stopped. At most one waits its turn.

    what: for the log. send(): sends one, without waiting.
    """

    def __init__(
        self,
        what: str,
        interval: float,
        send: Callable[[], Future[Result]],
        log: logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self.interval = interval
        self._what = what
        self._send = send
        self._log = log
        self._last: Future[Result] | None = None
        self._stopped = False
        self._timer: Timer = timers.after(interval, self._again)

    def stop(self) -> None:
        self._stopped = True
        self._timer.cancel()

    def _again(self) -> None:
        if self._stopped:
            return
        self._timer = timers.after(self.interval, self._again)
        if self._last is None or self._last.done():
            self._last = self._send()
            self._last.add_done_callback(self._note)

    def _note(self, future: Future[Result]) -> None:
        error = None if future.cancelled() else future.exception()
        if error is not None and not self._stopped:
            self._log.warning("%s: %s", self._what, error)
