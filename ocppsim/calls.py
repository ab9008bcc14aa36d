"""Calls and their answers: one CALL in flight, first come first served, deadlines from sending.

OCPP-J 1.6 §4.1.1: no party sends a CALL before the one before it is answered or has timed out.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal

from .blocking import never_block
from .clock import check_timeout
from .errors import CallTimeout, OcppsimError
from .interrupts import Pending
from .timers import Timer, timers

__all__ = ["Call", "Calls", "Result"]


Past = Literal["answered", "timed out", "been given up"]
# of calls that are over, for late and double answers; for days, and for thousands of charge points
_REMEMBERED = 100


class Result(dict[str, Any]):
    """The payload of a CALLRESULT: a dict.

    action: its request's. unique_id: of both. latency: s, from sending the request.
    """

    __slots__ = ("action", "latency", "unique_id")

    def __init__(
        self, payload: dict[str, Any], action: str, unique_id: str, latency: float
    ) -> None:
        super().__init__(payload)
        self.action = action
        self.unique_id = unique_id
        self.latency = latency


@dataclass(slots=True, eq=False)
class Call:
    """A CALL on its way: text is the whole frame; timeout in seconds from sending.

    Raises ValueError where the timeout is negative or no number.
    """

    action: str
    payload: Any
    unique_id: str
    text: str
    timeout: float
    concurrent: bool = False
    future: Future[Result] = field(default_factory=Pending)
    sent: float = 0.0
    ended: bool = False

    def __post_init__(self) -> None:
        self.timeout = check_timeout(self.timeout)

    @property
    def deadline(self) -> float:
        return self.sent + self.timeout

    def latency(self) -> float:
        return time.monotonic() - self.sent


class Calls:
    """The calls of one charge point.

    transmit(call) puts one on the wire, without waiting for the peer to read it.
    """

    def __init__(self, transmit: Callable[[Call], None]) -> None:
        self._transmit = transmit
        self._lock = threading.Lock()
        self._queue: list[Call] = []
        self._in_turn: Call | None = None  # the one that the others wait for
        self._pending: dict[str, list[Call]] = {}  # a list, as a tester may repeat an id on purpose
        self._past: dict[str, Past] = {}
        self._alarm: Timer | None = None

    def submit(self, call: Call) -> None:
        """Send `call` when its turn comes; with `concurrent` at once, whatever is in flight."""
        if not call.concurrent:
            with self._lock:
                if self._in_turn is not None:
                    self._queue.append(call)
                    return
                self._in_turn = call
        self._go_on_with(call)

    def take(self, unique_id: str) -> Call | None:
        """The call that an answer with this id belongs to. It is no longer pending; to be followed
        by `settle`."""
        with self._lock:
            return self._forget(unique_id, "answered")

    def past(self, unique_id: str) -> Past | None:
        """What became of a call with this id that is pending no more."""
        return self._past.get(unique_id)

    def settle(self, call: Call, outcome: Result | Exception) -> None:
        """End `call`, which was taken, and let the next one go."""
        following = self._following(call)
        self._end(call, outcome)
        self._go_on_with(following)

    def fail_all(self, error: OcppsimError) -> None:
        """End every call, sent or waiting, with `error`."""
        with self._lock:
            calls = [call for same_id in self._pending.values() for call in same_id]
            for call in calls:
                self._note(call.unique_id, "been given up")
            if self._in_turn is not None and self._in_turn not in calls:
                calls.append(self._in_turn)
            calls += self._queue
            self._pending.clear()
            self._queue.clear()
            self._in_turn = None
            if self._alarm is not None:
                self._alarm.cancel()
                self._alarm = None
            failed = [call for call in calls if self._begin(call)]
            for call in failed:
                call.ended = True
        for call in failed:
            call.future.set_exception(error)

    def open(self) -> tuple[list[Future[Result]], list[Future[Result]]]:
        """Those that are sent and not answered; those that wait for their turn."""
        with self._lock:
            sent = [call.future for same_id in self._pending.values() for call in same_id]
            return sent, [call.future for call in self._queue]

    def __len__(self) -> int:
        """How many are sent and not answered, or wait for their turn."""
        with self._lock:
            return sum(map(len, self._pending.values())) + len(self._queue)

    def _go_on_with(self, call: Call | None) -> None:
        # a loop, as each of a thousand queued calls may end at once when the connection is gone
        while call is not None and not self._send(call):
            call = self._following(call)

    def _following(self, call: Call) -> Call | None:
        with self._lock:
            if self._in_turn is not call:
                return None
            self._in_turn = self._queue.pop(0) if self._queue else None
            return self._in_turn

    def _send(self, call: Call) -> bool:
        """Whether it is in flight now; if not, it has ended."""
        with self._lock:
            if not self._begin(call):
                return False
            call.sent = time.monotonic()
            self._pending.setdefault(call.unique_id, []).append(call)
            if self._alarm is None or self._alarm.due > call.deadline:
                self._set_alarm(call.timeout)
        try:
            self._transmit(call)
        except Exception as error:
            with self._lock:
                mine = self._forget(call.unique_id, None, call)
            if mine is not None:
                self._end(call, error)
                return False
        return True

    def _end(self, call: Call, outcome: Result | Exception) -> None:
        with self._lock:
            if call.ended:  # by fail_all, meanwhile
                return
            call.ended = True
        if isinstance(outcome, Exception):
            call.future.set_exception(outcome)
        else:
            call.future.set_result(outcome)

    @staticmethod
    def _begin(call: Call) -> bool:
        # under the lock, so that no two threads set a future's state
        if call.ended:
            return False
        call.ended = not (call.future.running() or call.future.set_running_or_notify_cancel())
        return not call.ended

    def _forget(self, unique_id: str, why: Past | None, call: Call | None = None) -> Call | None:
        calls = self._pending.get(unique_id)
        if not calls or (call is not None and call not in calls):
            return None
        call = call or calls[0]
        calls.remove(call)
        if not calls:
            del self._pending[unique_id]
        if why is not None:
            self._note(unique_id, why)
        return call

    def _note(self, unique_id: str, why: Past) -> None:
        if why == "answered" and unique_id in self._past:
            return  # sent again under the same id: the first answer may still come
        self._past[unique_id] = why
        if len(self._past) > _REMEMBERED:
            del self._past[next(iter(self._past))]

    def _set_alarm(self, delay: float) -> None:
        # one alarm for all: it rings for the earliest deadline it knew, then looks again
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = timers.after(delay, self._expire)

    def _expire(self) -> None:
        now = time.monotonic()
        with self._lock:
            self._alarm = None
            pending = [call for same_id in self._pending.values() for call in same_id]
            late = [call for call in pending if call.deadline <= now]
            left = [call.deadline for call in pending if call.deadline > now]
            for call in late:
                self._forget(call.unique_id, "timed out", call)
            if left:
                self._set_alarm(min(left) - now)
        if not late:
            return
        # the futures' callbacks may block, and the time-outs of the whole process with them
        try:
            thread = threading.Thread(
                target=self._time_out, args=(late,), name="ocppsim time-out", daemon=True
            )
            thread.start()
        except RuntimeError:  # the system has no more threads
            self._time_out(late)

    def _time_out(self, late: list[Call]) -> None:
        with never_block("a time-out"):
            for call in late:
                self.settle(call, CallTimeout(call.action, call.unique_id, call.timeout))
