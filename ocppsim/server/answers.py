"""What a charge point answers to requests of the CSMS, as set over HTTP."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from typing import Any

from ..chargepoint import ChargePoint
from ..handlers import Handler
from ..request import Request

__all__ = ["MAX_ANSWERS", "Answers"]

MAX_ANSWERS = 1000
"""How many are kept for one charge point."""

Key = tuple[str, str | None]
Answer = Mapping[str, Any]


class Answers:
    """The answers of one charge point: one a request that stays, and some for the next requests.

    They are handlers like those of a script, which replace them, and are replaced by them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._standing: dict[Key, _Standing] = {}
        self._next: dict[Key, deque[Answer]] = {}

    def __len__(self) -> int:
        with self._lock:
            return len(self._standing) + sum(map(len, self._next.values()))

    def list(self) -> list[dict[str, Any]]:
        """Each with `action`, `message`, `once`, `answer`; those for the next requests first."""
        with self._lock:
            found = [(key, True, answer) for key, some in self._next.items() for answer in some]
            found += [(key, False, one.answer) for key, one in self._standing.items()]
        return [
            {"action": action, "message": message, "once": once, "answer": dict(answer)}
            for (action, message), once, answer in found
        ]

    def set(self, cp: ChargePoint, action: str, answer: Answer) -> None:
        """Answer all requests of `action` so. Raises TypeError where `message` makes no sense."""
        key = action, answer.get("message")
        handler = _Standing(answer)
        _register(cp, key, handler, once=False)
        with self._lock:
            before = self._standing.get(key)
            self._standing[key] = handler
        if before is not None:
            before.active = False

    def add(self, cp: ChargePoint, action: str, answer: Answer) -> None:
        """Answer the next request of `action` so, or the one after those that are here already.
        Raises as `set`."""
        key = action, answer.get("message")
        with self._lock:
            first = not self._next.get(key)
            if first:
                self._arm(cp, key)
            self._next.setdefault(key, deque()).append(answer)

    def move(self, cp: ChargePoint) -> None:
        """From now on `cp` answers so."""
        with self._lock:
            for key, handler in self._standing.items():
                _register(cp, key, handler, once=False)
            for key in self._next:
                self._arm(cp, key)

    def _arm(self, cp: ChargePoint, key: Key) -> None:
        _register(cp, key, _Next(self, key), once=True)

    def remove(self, action: str, message: str | None = None) -> int:
        """Forget what was set for it; how many that were."""
        key = action, message
        with self._lock:
            one = self._standing.pop(key, None)
            count = len(self._next.pop(key, ())) + (one is not None)
        if one is not None:
            one.active = False
        return count

    @staticmethod
    def whose(handler: Handler | None) -> bool | None:
        """Whether a handler of a charge point is an answer that is set; None: it was, and is
        forgotten."""
        if not isinstance(handler, (_Standing, _Next)):
            return False
        return handler.active or None

    def _serve(self, key: Key, request: Request) -> Any:
        with self._lock:
            waiting = self._next.get(key)
            if not waiting:
                return None
            answer = waiting.popleft()
            if waiting:
                self._arm(request.cp, key)
            else:
                del self._next[key]
        return _give(answer, request)


class _Next:
    def __init__(self, answers: Answers, key: Key) -> None:
        self._answers = answers
        self._key = key

    @property
    def active(self) -> bool:
        return bool(self._answers._next.get(self._key))

    def __call__(self, request: Request) -> Any:
        return self._answers._serve(self._key, request)


class _Standing:
    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.active = True

    def __call__(self, request: Request) -> Any:
        return _give(self.answer, request) if self.active else None


def _register(cp: ChargePoint, key: Key, handler: Any, *, once: bool) -> None:
    action, message = key
    if message is None:
        cp.on(action, handler, once=once)
    else:
        cp.on(action, message, handler, once=once)


def _give(answer: Answer, request: Request) -> Any:
    delay, times = answer.get("delay", 0.0), answer.get("times", 1)
    if "drop" in answer:
        return request.no_reply()
    if "raw" in answer:
        request.cp.sleep(delay)
        for _ in range(times):
            request.reply_raw(answer["raw"])
        return request
    if "error" in answer:
        error = answer["error"]
        return request.reply_error(
            error["errorCode"],
            error.get("errorDescription", ""),
            error.get("errorDetails"),
            delay=delay,
            times=times,
        )
    payload, validate = answer["payload"], answer.get("validate", True)
    return request.reply(payload, validate=validate, delay=delay, times=times)
