"""The wire: every frame of a charge point with its number, time, direction, verdict and latency.

A `Trace` keeps the last ones, and tells observers of each one, in the order of the wire.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Literal, overload

from .blocking import never_block
from .errors import Fault
from .rpc import Frame, decode

__all__ = ["Direction", "Observer", "Trace", "TracedFrame", "everywhere"]

_log = logging.getLogger("ocppsim.trace")

Direction = Literal["sent", "received"]


class TracedFrame:
    """One frame on the wire.

    number: counts up per charge point. time: seconds since 1970. direction: ``"sent"`` or
    ``"received"``, as the charge point sees it. text: what stood on the wire (bytes of a binary
    message). type: ``"CALL"``, ``"CALLRESULT"``, ``"CALLERROR"`` or ``"bad"``. action: of an
    answer, its request's. faults: what is wrong with it. latency: of an answer, seconds since its
    request.
    """

    __slots__ = (
        "__weakref__",
        "_frame",
        "action",
        "chargePoint",
        "direction",
        "faults",
        "latency",
        "number",
        "text",
        "time",
        "type",
        "unique_id",
    )

    def __init__(
        self,
        chargePoint: str,
        direction: Direction,
        text: str | bytes,
        frame: Frame,
        action: str | None = None,
        faults: list[Fault] | None = None,
        latency: float | None = None,
        time: float = 0.0,
        number: int = 0,
    ) -> None:
        self.chargePoint = chargePoint
        self.direction = direction
        self.text = text
        self.type = frame.type
        self.unique_id = frame.unique_id
        self.action = action
        self.faults = [] if faults is None else faults
        self.latency = latency
        self.time = time
        self.number = number
        self._frame: Frame | None = None

    @property
    def frame(self) -> Frame:
        """The frame, understood: read from `text`, as the script may change what it has sent or
        received."""
        if self._frame is None:
            self._frame = decode(self.text)
        return self._frame

    @property
    def payload(self) -> Any:
        """Of a CALL and a CALLRESULT; None otherwise."""
        return getattr(self.frame, "payload", None)

    def __str__(self) -> str:
        arrow = "→" if self.direction == "sent" else "←"
        text = self.text if isinstance(self.text, str) else repr(self.text)
        return f"#{self.number} {arrow} {text if len(text) <= 300 else text[:297] + '...'}"


Observer = Callable[[TracedFrame], object]

everywhere: list[Observer] = []
"""Observers of every charge point of the process: the log on the screen, the record file."""


class Trace:
    """The last `size` frames of one charge point; a sequence of `TracedFrame`, oldest first."""

    def __init__(self, size: int = 1000) -> None:
        # an empty deque takes 600 bytes, which ten thousand charge points have no use for
        self._frames: deque[TracedFrame] | list[TracedFrame] = deque(maxlen=size) if size else []
        self._size = size
        self.last_number = 0
        self._changed = threading.Condition()
        self._waiting: list[TracedFrame] = []
        self._told = 0
        self._telling = False
        self.observers: list[Observer] = []

    def __len__(self) -> int:
        return len(self._frames)

    def __iter__(self) -> Iterator[TracedFrame]:
        with self._changed:
            return iter(list(self._frames))

    @overload
    def __getitem__(self, index: int) -> TracedFrame: ...
    @overload
    def __getitem__(self, index: slice) -> list[TracedFrame]: ...

    def __getitem__(self, index: int | slice) -> TracedFrame | list[TracedFrame]:
        return list(self)[index]

    def add(self, frame: TracedFrame) -> None:
        """Take `frame` as the next one. Quick, so that it can happen in the order of the wire."""
        with self._changed:
            self.last_number += 1
            frame.number = self.last_number
            frame.time = time.time()
            if self._size:
                self._frames.append(frame)
            self._waiting.append(frame)

    def tell(self, frame: TracedFrame, *, wait: bool) -> None:
        """Tell observers of all frames added up to now, `frame` among them.

        One thread does so at a time, so they see the order of the wire. wait: come back only when
        `frame` was told, in case another thread does it (or after 5 s: an observer hangs).
        """
        with self._changed:
            if self._telling and wait:
                # or until that thread is interrupted by a signal: then this one goes on with it
                self._changed.wait_for(lambda: self._told >= frame.number or not self._telling, 5.0)
            if self._telling or self._told >= frame.number:
                return
            self._telling = True
        try:
            while (next_one := self._next()) is not None:
                try:
                    with never_block("an observer"):
                        for observer in (*self.observers, *everywhere):
                            _tell(observer, next_one)
                finally:
                    with self._changed:
                        self._told = next_one.number
                        self._changed.notify_all()
        except BaseException:
            with self._changed:
                self._telling = False
                self._changed.notify_all()
            raise

    def _next(self) -> TracedFrame | None:
        with self._changed:
            if self._waiting:
                return self._waiting.pop(0)
            self._telling = False
            return None


def _tell(observer: Observer, frame: TracedFrame) -> None:
    try:
        observer(frame)
    except KeyboardInterrupt:
        raise
    except BaseException:  # pytest.fail() and sys.exit() too: the reader must live on
        what = f"#{frame.number} {frame.direction} {frame.type} {frame.action or ''}"
        _log.exception("an observer failed at frame %s", what)
