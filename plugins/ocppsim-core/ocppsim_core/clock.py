"""The time of a station, which may run faster than ours, and what is to be done when.

`StationClock` has one thread. `ManualClock` has none: a test moves it. Both are a `Clock`.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import math
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

__all__ = ["Clock", "Job", "ManualClock", "StationClock"]

_log = logging.getLogger("ocppsim.core.clock")

LONGEST_WAIT = 3600.0  # s; a thread cannot wait for as long as a datetime can be away


class Job:
    """One callback and when it is due, by the station's clock."""

    __slots__ = ("callback", "due", "number")

    def __init__(self, due: datetime, number: int, callback: Callable[[], object]) -> None:
        self.due = due
        self.number = number
        self.callback: Callable[[], object] | None = callback

    @property
    def waiting(self) -> bool:
        """Whether it is still to come: neither run, nor cancelled, nor dropped by close()."""
        return self.callback is not None

    def cancel(self) -> None:
        """It will not run; one that runs already goes on. Works from any thread, and twice."""
        self.callback = None

    def __lt__(self, other: Job) -> bool:
        return (self.due, self.number) < (other.due, other.number)


class Clock:
    """What is due runs one after the other, by time, then in the order of asking.

    A callback that raises is named in the log; the others run. One that waits holds up all others.
    All methods work from any thread, and from callbacks.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._jobs: list[Job] = []
        self._numbers = itertools.count()
        self._closed = False
        self._full = 64  # jobs, then it is time to sweep

    def now(self) -> datetime:
        """The station's time, aware, in UTC."""
        raise NotImplementedError

    def at(self, moment: datetime, callback: Callable[[], object]) -> Job:
        """Run `callback` at `moment`, an aware datetime; at once where that has passed.

        After close() the job never runs. Raises ValueError for a naive datetime.
        """
        job = Job(_utc(moment), next(self._numbers), callback)
        with self._changed:
            if self._closed:
                job.cancel()
                return job
            if len(self._jobs) >= self._full:
                self._sweep()
            heapq.heappush(self._jobs, job)
            if self._jobs[0] is job:
                self._sooner()
        return job

    def after(self, seconds: float, callback: Callable[[], object]) -> Job:
        """Run `callback` in `seconds` of the station's time. Raises ValueError below 0."""
        return self.at(self.now() + _span(seconds), callback)

    def close(self) -> None:
        """Drop what waits; nothing begins after this. Works from any thread, and twice."""
        with self._changed:
            self._closed = True
            for job in self._jobs:
                job.cancel()
            self._jobs.clear()
            self._changed.notify_all()

    def _sooner(self) -> None:
        """The next job is another one. Called with the lock held."""

    def _sweep(self) -> None:
        """Forget what was cancelled long before its time. Called with the lock held."""
        self._jobs = [job for job in self._jobs if job.waiting]
        heapq.heapify(self._jobs)
        self._full = max(64, 2 * len(self._jobs))

    def _next(self) -> Job | None:
        """The first job that still waits. Called with the lock held."""
        while self._jobs and self._jobs[0].callback is None:
            heapq.heappop(self._jobs)
        return self._jobs[0] if self._jobs else None

    def _take(self) -> Callable[[], object] | None:
        """What the first job is to do; from now on it does not wait. Called with the lock held."""
        job = heapq.heappop(self._jobs)
        callback, job.callback = job.callback, None
        return callback


class StationClock(Clock):
    """Time that runs `speed` times as fast as ours, from `start` (an aware datetime; now).

    Its thread, called `name`, starts with the first job. Raises ValueError for a speed that is not
    a number above 0.
    """

    def __init__(
        self, speed: float = 1.0, start: datetime | None = None, *, name: str = "station clock"
    ) -> None:
        super().__init__()
        if not (speed > 0 and math.isfinite(speed)):
            raise ValueError(f"the speed of a clock is a number above 0, not {speed!r}")
        self._speed = speed
        self.name = name
        self._zero = time.monotonic()
        self._start = datetime.now(UTC) if start is None else _utc(start)
        self._thread: threading.Thread | None = None

    @property
    def speed(self) -> float:
        """Its seconds in one of ours."""
        return self._speed

    def now(self) -> datetime:
        return self._start + timedelta(seconds=(time.monotonic() - self._zero) * self._speed)

    def close(self, timeout: float = 10.0) -> None:
        """Drop what waits, and wait for the callback that runs now, at most `timeout` real seconds.

        From a callback it does not wait.
        """
        super().close()
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return
        thread.join(timeout)
        if thread.is_alive():
            _log.warning("%s: a callback still runs after %g s; it is left", self.name, timeout)

    def _sooner(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
            self._thread.start()
        else:
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._closed:
                    return
                job = self._next()
                left = math.inf if job is None else (job.due - self.now()).total_seconds()
                if left > 0:
                    self._changed.wait(min(left / self._speed, LONGEST_WAIT))
                    continue
                callback = self._take()
            _call(callback)


class ManualClock(Clock):
    """Time that stands still until a test moves it; callbacks run in the thread that does.

    It begins at `start`, an aware datetime: midnight of 2026-01-01 if not given.
    """

    def __init__(self, start: datetime | None = None) -> None:
        super().__init__()
        self._now = datetime(2026, 1, 1, tzinfo=UTC) if start is None else _utc(start)
        self._mover: threading.Thread | None = None

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float = 0.0) -> None:
        """Go on by `seconds`: every job that comes due on the way runs, at the moment it is due.

        Raises ValueError below 0, and RuntimeError from a callback or while another thread does it.
        """
        self.advance_to(self._now + _span(seconds))

    def advance_to(self, moment: datetime) -> None:
        """Go on to `moment`, as with advance(). One that has passed only runs what is due."""
        moment = _utc(moment)
        with self._changed:
            if self._mover is not None:
                raise RuntimeError(f"the clock is being moved by {self._mover.name} already")
            self._mover = threading.current_thread()
        try:
            while True:
                with self._changed:
                    job = self._next()
                    if job is None or job.due > max(moment, self._now):
                        self._now = max(self._now, moment)
                        return
                    self._now = max(self._now, job.due)
                    callback = self._take()
                _call(callback)
        finally:
            self._mover = None


def _call(callback: Callable[[], object] | None) -> None:
    if callback is None:
        return
    try:
        callback()
    except Exception:
        _log.exception("a callback of the station's clock failed; the others go on")


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone; a station's time is aware, in UTC")
    return moment.astimezone(UTC)


def _span(seconds: float) -> timedelta:
    if not seconds >= 0:
        raise ValueError(f"a time from now is a number of seconds from 0, not {seconds!r}")
    return timedelta(seconds=seconds)
