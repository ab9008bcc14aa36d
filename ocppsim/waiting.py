"""What a script waits for: requests that it answers itself, and frames that it only looks at."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self, TypeVar

from .blocking import may_block
from .errors import ConnectionLost, WaitTimeout
from .request import Request
from .trace import Direction, Trace, TracedFrame

__all__ = ["Expecting", "Waiting", "matches"]

_log = logging.getLogger("ocppsim.waiting")
T = TypeVar("T")


def matches(
    frame: TracedFrame,
    action: str | None,
    direction: Direction | None,
    type: str | None,
    where: Callable[[TracedFrame], object] | None,
) -> bool:
    """Whether a frame has this action, direction and type, and passes `where`."""
    return (
        (action is None or frame.action == action)
        and (direction is None or frame.direction == direction)
        and (type is None or frame.type == type)
        and (where is None or bool(where(frame)))
    )


class Expecting:
    """Armed for the requests of one action: they come here, before any handler, in their order.

    Leaving the ``with`` gives those that the script did not fetch to the handlers.
    """

    def __init__(
        self, waiting: Waiting, action: str, where: Callable[[Request], object] | None
    ) -> None:
        self._waiting = waiting
        self._action = action
        self._where = where
        self._came: deque[Request] = deque()
        self._armed_at = waiting.trace.last_number

    def get(self, timeout: float = 30.0) -> Request:
        """The next one, for the script to answer: come already, or within `timeout` seconds.

        Raises WaitTimeout that says what came instead, ConnectionLost when the charge point is
        closed.
        """
        return self._waiting.until(
            lambda: self._came.popleft() if self._came else None,
            timeout,
            self._action,
            self._armed_at,
        )

    def __enter__(self) -> Self:
        self._waiting.arm(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._waiting.disarm(self)

    def wants(self, request: Request) -> bool:
        if request.action != self._action:
            return False
        return self._where is None or bool(self._where(request))

    def put(self, request: Request) -> None:
        self._came.append(request)

    def rest(self) -> Iterable[Request]:
        while self._came:
            yield self._came.popleft()


class Waiting:
    """All that the script of one charge point waits for; several threads may."""

    def __init__(
        self, trace: Trace, closed: threading.Event, serve: Callable[[Request], object]
    ) -> None:
        """closed: whether the charge point is. serve: where requests go that nobody fetched."""
        self.trace = trace
        self._closed = closed
        self._serve = serve
        self._changed = threading.Condition()
        self._armed: list[Expecting] = []

    def arm(self, expecting: Expecting) -> None:
        with self._changed:
            self._armed.append(expecting)

    def disarm(self, expecting: Expecting) -> None:
        with self._changed:
            if expecting in self._armed:
                self._armed.remove(expecting)
            rest = list(expecting.rest())
        for request in rest:
            self._serve(request)

    def take(self, request: Request) -> bool:
        """Whether the script waits for `request`; then it has it. In the reader thread."""
        with self._changed:
            armed = list(self._armed)
        for expecting in armed:
            try:
                wanted = expecting.wants(request)
            except Exception:
                _log.exception("where= failed on %r; it is not taken as a match", request)
                continue
            with self._changed:
                if wanted and expecting in self._armed:
                    expecting.put(request)
                    self._changed.notify_all()
                    return True
        return False

    def expecting(self, action: str, where: Callable[[Request], object] | None) -> Expecting:
        return Expecting(self, action, where)

    def expect(
        self, action: str, timeout: float, where: Callable[[Request], object] | None
    ) -> Request:
        with Expecting(self, action, where) as expecting:
            return expecting.get(timeout)

    def frame(
        self,
        found: Callable[[TracedFrame], bool],
        what: str,
        after: int | None,
        timeout: float,
    ) -> TracedFrame:
        """The first frame with a number above `after` (default: the last one now) that is
        `found`."""
        came: deque[TracedFrame] = deque()
        start = self.trace.last_number if after is None else after

        def look(frame: TracedFrame) -> None:
            if frame.number > start and found(frame):
                with self._changed:
                    came.append(frame)
                    self._changed.notify_all()

        self.trace.observers.append(look)
        try:
            for frame in self.trace:
                if frame.number > start and found(frame):
                    return frame
            return self.until(lambda: came[0] if came else None, timeout, what, start)
        finally:
            self.trace.observers.remove(look)

    def wake(self) -> None:
        """The charge point is closed: nobody waits any longer."""
        with self._changed:
            self._changed.notify_all()

    def until(self, ready: Callable[[], T | None], timeout: float, what: str, start: int) -> T:
        """What `ready` gives once it is not None. start: the frame since which we wait."""
        may_block(f"waiting for {what}")
        deadline = time.monotonic() + timeout
        with self._changed:
            while (left := deadline - time.monotonic()) > 0:
                got = ready()
                if got is not None:
                    return got
                if self._closed.is_set():
                    raise ConnectionLost(f"no {what}: the charge point is closed")
                self._changed.wait(min(left, threading.TIMEOUT_MAX))
            got = ready()
        if got is not None:
            return got
        raise WaitTimeout(f"no {what} within {timeout:g} s; {self._instead(start)}")

    def _instead(self, start: int) -> str:
        since = [frame for frame in self.trace if frame.number > start]
        parts = []
        for direction, verb in (("received", "came"), ("sent", "was sent")):
            names = Counter(_name(frame) for frame in since if frame.direction == direction)
            listed = ", ".join(f"{n} × {name}" if n > 1 else name for name, n in names.items())
            parts.append(f"{listed or 'nothing'} {verb}")
        return "meanwhile " + "; ".join(parts)


def _name(frame: TracedFrame) -> str:
    if frame.type == "CALL":
        return frame.action or "a CALL"
    if frame.type == "bad":
        return "something that is no frame"
    return f"{frame.type} of {frame.action or frame.unique_id}"
