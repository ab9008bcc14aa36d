"""What has come from charge points, kept for scripts to look at and to wait for."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from ..errors import CallError, ConnectionLost, Fault, WaitTimeout
from ..interrupts import wait_for

__all__ = ["Journal", "ReceivedRequest", "Violation"]

_MAX_TEXT = 10_000
_MAX_FAULTS = 20


@dataclass(eq=False, slots=True)
class ReceivedRequest:
    """A CALL that a charge point has sent.

    name: of the charge point. time: when it came, UTC. faults: what is wrong with it, empty for a
    proper one. answer: the payload or the `CallError` that it is answered with; None while an
    answer function is at work, and where that decides not to answer.
    """

    name: str
    action: str
    payload: dict[str, Any]
    unique_id: str
    time: datetime
    faults: tuple[Fault, ...] = ()
    answer: dict[str, Any] | CallError | None = None
    _serial: int = field(default=0, repr=False)
    _taken: bool = field(default=False, repr=False)


class Violation(NamedTuple):
    """What a charge point did against the protocol.

    name: of the charge point. fault: what is wrong. text: the message, its first 10,000 characters;
    bytes that are no text as ``\\xNN``.
    """

    name: str
    fault: Fault
    text: str


class Journal:
    """The requests, the violations, and who is connected. Works from any thread; bounded."""

    def __init__(self, size: int) -> None:
        """size: how many requests, and how many violations, are kept; older ones are dropped."""
        self._changed = threading.Condition()
        self._requests: deque[ReceivedRequest] = deque(maxlen=size)
        self._violations: deque[Violation] = deque(maxlen=size)
        self._connected: dict[str, int] = {}
        self._serial = 0
        self._open = False

    def set_open(self, value: bool) -> None:
        """Whether there is anything to wait for; closing ends every wait."""
        with self._changed:
            self._open = value
            self._changed.notify_all()

    def add_request(self, request: ReceivedRequest) -> None:
        with self._changed:
            self._serial += 1
            request._serial = self._serial
            self._requests.append(request)
            self._changed.notify_all()

    def add_violations(self, name: str, faults: Iterable[Fault], message: str | bytes) -> None:
        """Of the faults of one message the first 20 are kept."""
        if isinstance(message, bytes):
            text = message[:_MAX_TEXT].decode(errors="backslashreplace")
        else:
            text = message[:_MAX_TEXT]
        kept = list(faults)[:_MAX_FAULTS]
        with self._changed:
            self._violations.extend(Violation(name, fault, text) for fault in kept)

    def add_connected(self, name: str) -> None:
        """One more connection of `name`; while another takes over there are two."""
        with self._changed:
            self._connected[name] = self._connected.get(name, 0) + 1
            self._changed.notify_all()

    def remove_connected(self, name: str) -> None:
        with self._changed:
            self._connected[name] -= 1
            if not self._connected[name]:
                del self._connected[name]
            self._changed.notify_all()

    def connected(self) -> list[str]:
        with self._changed:
            return list(self._connected)

    def violations(self) -> list[Violation]:
        with self._changed:
            return list(self._violations)

    def requests(self, action: str | None, name: str | None) -> list[ReceivedRequest]:
        with self._changed:
            return [
                request
                for request in self._requests
                if action in (None, request.action) and name in (None, request.name)
            ]

    def wait_for_connection(self, name: str, timeout: float) -> None:
        """Raises WaitTimeout, or ConnectionLost where the central system is stopped."""
        with self._changed:
            wait_for(self._changed, lambda: name in self._connected or not self._open, timeout)
            if name in self._connected:
                return
            if not self._open:
                raise _stopped()
            others = ", ".join(self._connected) or "nobody"
            raise WaitTimeout(
                f"{name} did not connect within {timeout:g} s; connected: {_cut(others)}"
            )

    def wait_for(
        self,
        action: str,
        name: str | None,
        timeout: float,
        where: Callable[[ReceivedRequest], bool] | None,
    ) -> ReceivedRequest:
        """The first request like that which no wait has returned yet.

        Raises WaitTimeout, ConnectionLost where the central system is stopped, what `where` raises.
        """
        deadline = time.monotonic() + timeout
        seen = 0
        others: Counter[str] = Counter()
        with self._changed:
            began = self._serial
        while True:
            fresh, stopped = self._wait_beyond(seen, deadline)
            # outside the lock: `where` is the script's, and may take its time or ask for the record
            for request in fresh:
                seen = request._serial
                fits = request.action == action and name in (None, request.name)
                passed = fits and not request._taken and (where is None or where(request))
                if passed and self._take(request):
                    return request
                if seen > began:
                    what = f"{request.name} {request.action}"
                    others[f"{what} (refused by where)" if fits and where else what] += 1
            if stopped:
                raise _stopped()
            if time.monotonic() >= deadline:
                break
        came = ", ".join(f"{count} {what}" for what, count in others.items())
        who = f" from {name}" if name is not None else ""
        connected = ", ".join(self.connected()) or "nobody"
        raise WaitTimeout(
            f"no {action}{who} within {timeout:g} s; instead came: {_cut(came or 'nothing')};"
            f" connected: {_cut(connected)}"
        )

    def _wait_beyond(self, serial: int, deadline: float) -> tuple[list[ReceivedRequest], bool]:
        """The requests after number `serial`, once there are any; whether nothing more can come."""
        with self._changed:
            remaining = max(0.0, deadline - time.monotonic())
            wait_for(self._changed, lambda: self._serial > serial or not self._open, remaining)
            newest_first = itertools.takewhile(
                lambda request: request._serial > serial, reversed(self._requests)
            )
            return list(newest_first)[::-1], not self._open

    def _take(self, request: ReceivedRequest) -> bool:
        with self._changed:
            taken, request._taken = request._taken, True
            return not taken


def _stopped() -> ConnectionLost:
    return ConnectionLost("the central system is not running; nothing will come")


def _cut(text: str) -> str:
    return text if len(text) <= 500 else text[:497] + "..."
