"""One timer thread a process: deadlines and heartbeats, for one charge point or ten thousand."""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Callable

from .blocking import never_block

__all__ = ["Timer", "Timers", "timers"]

_log = logging.getLogger("ocppsim.timers")


class Timer:
    """One thing to be done at a time (monotonic, s), until cancelled."""

    __slots__ = ("due", "function")

    def __init__(self, due: float, function: Callable[[], object]) -> None:
        self.due = due
        self.function: Callable[[], object] | None = function

    def cancel(self) -> None:
        self.function = None

    def __lt__(self, other: Timer) -> bool:
        return self.due < other.due


class Timers:
    """The thread runs while somebody holds it; functions run in it, so they must be quick."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._heap: list[Timer] = []
        self._holders = 0
        self._thread: threading.Thread | None = None

    def hold(self) -> None:
        with self._changed:
            self._holders += 1
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="ocppsim timers", daemon=True
                )
                self._thread.start()

    def release(self, timeout: float = 5.0) -> None:
        """The last holder's release ends the thread and joins it, for `timeout` seconds; where one
        of its functions will not end, it is named and left."""
        thread = None
        with self._changed:
            self._holders -= 1
            if self._holders == 0:
                thread, self._thread = self._thread, None
                self._changed.notify()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)
            if thread.is_alive():
                _log.warning("left behind, a callback in it does not end: %s", thread.name)

    def after(self, delay: float, function: Callable[[], object]) -> Timer:
        """Run `function` in `delay` seconds."""
        timer = Timer(time.monotonic() + delay, function)
        with self._changed:
            heapq.heappush(self._heap, timer)
            if self._heap[0] is timer:
                self._changed.notify()
        return timer

    def _run(self) -> None:
        me = threading.current_thread()
        while True:
            with self._changed:
                while self._heap and self._heap[0].function is None:
                    heapq.heappop(self._heap)
                if self._thread is not me:
                    return
                now = time.monotonic()
                if not self._heap or self._heap[0].due > now:
                    left = self._heap[0].due - now if self._heap else threading.TIMEOUT_MAX
                    self._changed.wait(min(left, threading.TIMEOUT_MAX))
                    continue
                function = heapq.heappop(self._heap).function
            if function is not None:
                self._call(function)

    def _call(self, function: Callable[[], object]) -> None:
        try:
            with never_block("a timer"):
                function()
        except Exception:
            _log.exception("a timer's function failed; the others go on")


timers = Timers()
