"""What a script waits for: requests that it answers itself, and frames that it only looks at."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar

from .blocking import may_block
from .clock import check_timeout
from .errors import ConnectionLost, WaitTimeout
from .interrupts import pause
from .request import Request
from .trace import Direction, Trace, TracedFrame

__all__ = ["Expecting", "Waiting", "matches"]

T = TypeVar("T")


def matches(
    frame: TracedFrame,
    action: str | None,
    direction: Direction | None,
    type: str | None,
    where: Callable[[TracedFrame], object] | None,
) -> bool:
    """Whether a frame has this action, direction and type, and passes `where`.

    Raises ValueError for a direction or type that there is not.
    """
    if direction not in (None, "sent", "received"):
        raise ValueError(f"a direction is 'sent' or 'received', not {direction!r}")
    if type not in (None, "CALL", "CALLRESULT", "CALLERROR", "bad"):
        raise ValueError(f"a type is 'CALL', 'CALLRESULT', 'CALLERROR' or 'bad', not {type!r}")
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
        self._witness = Witness()
        self._armed = False
        self.error: Exception | None = None
        """What `where` raised."""

    def get(self, timeout: float = 30.0) -> Request:
        """The next one, for the script to answer: come already, or within `timeout` seconds.

        Raises WaitTimeout that says what came instead, ConnectionLost when the charge point is
        closed, and what `where` raised.
        """
        if not self._armed:
            raise RuntimeError(f"not armed: use it as `with cp.expecting({self._action!r}) as …`")
        request = self._waiting.until(self._next, timeout, self._action, self._witness)
        self._witness.forget()
        return request

    def _next(self) -> Request | None:
        if self.error is not None:
            raise self.error
        return self._came.popleft() if self._came else None

    def __enter__(self) -> Self:
        self._armed = True
        self._waiting.trace.observers.append(self._witness)
        self._waiting.arm(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._armed = False
        self._waiting.trace.observers.remove(self._witness)
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
        self, trace: Trace, closed: Callable[[], bool], serve: Callable[[Request], object]
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
            except Exception as error:
                wanted = False
                with self._changed:
                    expecting.error = error
                    self._changed.notify_all()
            with self._changed:
                if wanted and expecting in self._armed:
                    expecting.put(request)
                    self._changed.notify_all()
                    return True
        return False

    def frame(
        self,
        found: Callable[[TracedFrame], bool],
        what: str,
        after: int | None,
        timeout: float,
    ) -> TracedFrame:
        """The first frame with a number above `after` (default: the last one now) that is
        `found`."""
        came: list[_Hit] = []
        start = self.trace.last_number if after is None else after
        witness = Witness()

        def look(frame: TracedFrame) -> None:
            if frame.number <= start or came:
                return
            try:
                if not found(frame):
                    witness(frame)
                    return
                hit = _Hit(frame)
            except Exception as error:  # for the script, not for the log
                hit = _Hit(frame, error)
            with self._changed:
                came.append(hit)
                self._changed.notify_all()

        self.trace.observers.append(look)
        try:
            for frame in self.trace:
                if frame.number > start and found(frame):
                    return frame
            hit = self.until(lambda: came[0] if came else None, timeout, what, witness)
        finally:
            self.trace.observers.remove(look)
        if hit.error is not None:
            raise hit.error
        return hit.frame

    def wake(self) -> None:
        """The charge point is closed: nobody waits any longer."""
        with self._changed:
            self._changed.notify_all()

    def until(
        self, ready: Callable[[], T | None], timeout: float, what: str, witness: Witness
    ) -> T:
        """What `ready` gives once it is not None. witness: of what comes instead."""
        may_block(f"waiting for {what}")
        deadline = time.monotonic() + check_timeout(timeout)
        with self._changed:
            while (got := ready()) is None:
                if self._closed():
                    raise ConnectionLost(f"no {what}: the charge point is closed")
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                pause(self._changed, left)
        if got is not None:
            return got
        raise WaitTimeout(f"no {what} within {timeout:g} s; {witness}")


@dataclass(frozen=True, slots=True)
class _Hit:
    frame: TracedFrame
    error: Exception | None = None


class Witness:
    """An observer that counts what passes, for the text of a time-out."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[Direction, str]] = Counter()

    def __call__(self, frame: TracedFrame) -> None:
        self._counts[frame.direction, _name(frame)] += 1

    def forget(self) -> None:
        self._counts.clear()

    def __str__(self) -> str:
        verbs: tuple[tuple[Direction, str], ...] = (("received", "came"), ("sent", "was sent"))
        parts = []
        for direction, verb in verbs:
            names = [(name, n) for (way, name), n in self._counts.items() if way == direction]
            listed = ", ".join(f"{n} × {name}" if n > 1 else name for name, n in names[:20])
            parts.append(f"{listed or 'nothing'} {verb}")
        return "meanwhile " + "; ".join(parts)


def _name(frame: TracedFrame) -> str:
    if frame.type == "CALL":
        return frame.action or "a CALL"
    if frame.type == "bad":
        return "something that is no frame"
    return f"{frame.type} of {frame.action or frame.unique_id}"
