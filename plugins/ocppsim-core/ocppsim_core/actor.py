"""One thread in which all of a station happens, one thing after the other."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from datetime import datetime, timedelta
from typing import TypeVar

from ocppsim import ConnectionLost

from .clock import Clock, Job, ManualClock

__all__ = ["Actor", "StationClosed"]

T = TypeVar("T")

_log = logging.getLogger("ocppsim.core")


class StationClosed(ConnectionLost, RuntimeError):
    """There is no station any more; the charge point was closed, most likely."""


class Actor:
    """Does what it is given in the thread of `clock`, in the order of asking.

    settle(): called after each thing, in the same thread: what follows from the change.
    """

    def __init__(self, clock: Clock, settle: Callable[[], object]) -> None:
        self.clock = clock
        self.closed = False
        self._settle = settle
        self._thread: int | None = None
        self._waiting: set[Future[object]] = set()
        self._lock = threading.Lock()

    @property
    def here(self) -> bool:
        """Whether this is the station's thread, at work."""
        return self._thread == threading.get_ident()

    def post(self, function: Callable[[], object]) -> Job:
        """Have it done soon. Returns at once, from any thread."""
        job = self.clock.at(self.clock.now(), lambda: self._run(function))
        self._move(job)
        return job

    def after(self, seconds: float, function: Callable[[], object]) -> Job:
        """Have it done in `seconds` of the station's time."""
        return self.clock.after(seconds, lambda: self._run(function))

    def at(self, moment: datetime, function: Callable[[], object]) -> Job:
        """Have it done at `moment` of the station's time."""
        return self.clock.at(moment, lambda: self._run(function))

    def do(self, function: Callable[[], T]) -> T:
        """Have it done, and wait for it; what it returns, or raises.

        In the thread itself it is done at once. Raises StationClosed.
        """
        if self.here:
            return function()
        future: Future[T] = Future()

        def work() -> None:
            try:
                result = function()
            except Exception as error:
                future.set_exception(error)
                raise
            # before the caller goes on: it may look at what follows from its act
            self._settle()
            future.set_result(result)

        with self._lock:
            if self.closed:
                raise StationClosed("the station is closed")
            self._waiting.add(future)  # type: ignore[arg-type]
        try:
            self._move(self.clock.at(self.clock.now(), lambda: self._run(work, told=True)))
            return future.result()
        except CancelledError:
            raise StationClosed("the station was closed meanwhile") from None
        finally:
            with self._lock:
                self._waiting.discard(future)

    def advance(self, clock: ManualClock, seconds: float) -> None:
        """Move the clock, in turn with whoever has something to be done now."""
        if self.here:
            raise RuntimeError("the station's own thread must not move its clock")
        moment = clock.now() + timedelta(seconds=seconds)
        while clock.now() < moment:
            try:
                clock.advance_to(moment)
            except RuntimeError:
                time.sleep(0.001)

    def close(self) -> None:
        """Do no more. Whoever waits gets a StationClosed."""
        with self._lock:
            self.closed = True
        self.clock.close()
        with self._lock:
            waiting = list(self._waiting)
        for future in waiting:
            future.cancel()

    def _move(self, job: Job) -> None:
        """A clock that has no thread stands still until somebody moves it: what is to be done now
        is done here, or by the thread that moves it already."""
        if not isinstance(self.clock, ManualClock):
            return
        while job.waiting and not self.here:
            try:
                self.clock.advance()
            except RuntimeError:
                time.sleep(0.001)

    def _run(self, function: Callable[[], object], *, told: bool = False) -> None:
        self._thread = threading.get_ident()
        try:
            # who waits for it is told of what it raises
            with contextlib.suppress(Exception) if told else contextlib.nullcontext():
                function()
            self._settle()
        except Exception:
            _log.exception("something in a station failed; the station goes on")
        finally:
            self._thread = None
