"""A CALL from the CSMS, in the hand of the handler that answers it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from .blocking import may_block
from .errors import AlreadyAnswered, CallError, ConnectionLost
from .rpc import CallFrame, ErrorFrame, ResultFrame

if TYPE_CHECKING:
    from .chargepoint import ChargePoint

__all__ = ["TRIGGERS", "Answers", "Request"]

TRIGGERS = ("TriggerMessage", "ExtendedTriggerMessage")


class Answers(Protocol):
    """How an answer gets onto the wire. Both raise ConnectionLost; `send` raises InvalidPayload."""

    @property
    def alive(self) -> bool: ...

    def send(
        self, request: Request, frame: ResultFrame | ErrorFrame, *, validate: bool
    ) -> None: ...

    def send_raw(self, text: str | bytes) -> None: ...


class Request:
    """A request of the CSMS: `action`, `payload` (a dict as on the wire), `unique_id`.

    A handler answers it by what it returns, or by one of the methods here.
    """

    def __init__(self, cp: ChargePoint, frame: CallFrame, answers: Answers) -> None:
        self.cp = cp
        self.action = frame.action
        self.payload: dict[str, Any] = frame.payload
        self.unique_id = frame.unique_id
        self._arrived = time.monotonic()
        self._answers = answers
        self._lock = threading.Lock()
        self._state = "open"
        self._sending = False
        self.on_settled: Callable[[], object] | None = None
        """Called when it becomes `settled`."""

    def reply(
        self,
        payload: Mapping[str, Any] | None = None,
        *,
        validate: bool = True,
        delay: float = 0.0,
        times: int = 1,
        unique_id: str | None = None,
        **fields: Any,
    ) -> dict[str, Any]:
        """Answer with a CALLRESULT: `payload`, `fields`, or both together. Returns what was sent.

        For negative tests: validate=False sends what breaks the schema; delay waits so many seconds
        first; times sends it as often; unique_id sends it under another id.

        Raises InvalidPayload where it breaks the schema (the request stays unanswered),
        AlreadyAnswered, ConnectionLost.
        """
        content = {**(payload or {}), **fields}
        frame = ResultFrame(self.unique_id if unique_id is None else unique_id, content)
        self._send(frame, validate, delay, times)
        return content

    def reply_error(
        self,
        code: str = "GenericError",
        description: str = "",
        details: Mapping[str, Any] | None = None,
        *,
        delay: float = 0.0,
        times: int = 1,
        unique_id: str | None = None,
    ) -> CallError:
        """Answer with a CALLERROR (OCPP-J 1.6 §4.2.3). Returns it.

        delay, times, unique_id: as for `reply`.

        Raises InvalidPayload where the details are no JSON, AlreadyAnswered, ConnectionLost.
        """
        error = CallError(code, description, details, action=self.action, unique_id=self.unique_id)
        under = self.unique_id if unique_id is None else unique_id
        frame = ErrorFrame(under, code, description, error.details)
        self._send(frame, False, delay, times)
        return error

    def reply_raw(self, data: str | bytes) -> Request:
        """Answer with anything at all, as often as you like. Raises ConnectionLost."""
        self._state, self._sending = "answered", True
        try:
            self._answers.send_raw(data)
        finally:
            self._settle()
        return self

    def defer(self) -> Request:
        """Claim the request, and answer it later, from anywhere. Raises AlreadyAnswered."""
        self._claim("deferred")
        return self

    def no_reply(self) -> Request:
        """Claim the request, and never answer it: on purpose. Raises AlreadyAnswered."""
        self._claim("never")
        self._settle()
        return self

    def age(self) -> float:
        """Seconds since it came."""
        return time.monotonic() - self._arrived

    @property
    def claimed(self) -> bool:
        """Whether it was answered, deferred, or is never to be answered."""
        return self._state != "open"

    @property
    def answered(self) -> bool:
        """Whether an answer has been sent."""
        return self._state == "answered"

    @property
    def settled(self) -> bool:
        """Whether nothing of an answer is still to leave: it has, or is never to be."""
        return self._state in ("answered", "never") and not self._sending

    @property
    def answerable(self) -> bool:
        """Whether the connection that it came by lives."""
        return self._answers.alive

    @property
    def requestedMessage(self) -> str | None:
        """Of a TriggerMessage or ExtendedTriggerMessage; None of any other request."""
        message = self.payload.get("requestedMessage") if self.action in TRIGGERS else None
        return message if isinstance(message, str) else None

    def _send(
        self,
        frame: ResultFrame | ErrorFrame,
        validate: bool,
        delay: float,
        times: int,
    ) -> None:
        before = self._claim("answered", sending=True)
        try:
            if delay > 0:
                may_block("a reply with a delay")
                self.cp.sleep(delay)
            for _ in range(times):
                self._answers.send(self, frame, validate=validate)
        except ConnectionLost:
            raise
        except Exception:  # nothing has left
            self._state = before
            raise
        finally:
            self._settle()

    def _settle(self) -> None:
        self._sending = False
        if self.on_settled is not None:
            self.on_settled()

    def _claim(self, state: str, *, sending: bool = False) -> str:
        """The state before."""
        with self._lock:
            if self._state == "answered":
                raise AlreadyAnswered(f"{self.action} {self.unique_id} was answered already")
            if self._state == "never":
                raise AlreadyAnswered(f"{self.action} {self.unique_id} is never to be answered")
            before, self._state = self._state, state
            self._sending = sending
            return before

    def __repr__(self) -> str:
        return f"<Request {self.action} {self.payload} {self.unique_id} {self._state}>"
