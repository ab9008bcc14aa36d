"""A CALL from the CSMS, in the hand of the handler that answers it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .errors import AlreadyAnswered, CallError
from .rpc import CallFrame, ErrorFrame, ResultFrame

if TYPE_CHECKING:
    from .chargepoint import ChargePoint

__all__ = ["Request"]

Answer = Callable[["Request", ResultFrame | ErrorFrame, bool], None]


class Request:
    """A request of the CSMS: `action`, `payload` (a dict as on the wire), `unique_id`.

    A handler answers it by what it returns, or by one of the methods here.
    """

    def __init__(self, cp: ChargePoint, frame: CallFrame, answer: Answer) -> None:
        self.cp = cp
        self.action = frame.action
        self.payload: dict[str, Any] = frame.payload
        self.unique_id = frame.unique_id
        self._arrived = time.monotonic()
        self._answer = answer
        self._lock = threading.Lock()
        self._state = "open"

    def reply(
        self, payload: Mapping[str, Any] | None = None, *, validate: bool = True, **fields: Any
    ) -> dict[str, Any]:
        """Answer with a CALLRESULT: `payload`, `fields`, or both together. Returns what was sent.

        Raises InvalidPayload where it breaks the schema (the request stays unanswered;
        validate=False sends it), AlreadyAnswered, ConnectionLost.
        """
        content = {**(payload or {}), **fields}
        self._send(ResultFrame(self.unique_id, content), validate)
        return content

    def reply_error(
        self,
        code: str = "GenericError",
        description: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> CallError:
        """Answer with a CALLERROR (OCPP-J 1.6 §4.2.3). Returns it. Raises AlreadyAnswered, ConnectionLost."""
        error = CallError(code, description, details, action=self.action, unique_id=self.unique_id)
        self._send(ErrorFrame(self.unique_id, code, description, error.details), False)
        return error

    def defer(self) -> Request:
        """Claim the request, and answer it later, from anywhere."""
        self._claim("deferred")
        return self

    def no_reply(self) -> Request:
        """Claim the request, and never answer it: on purpose."""
        self._claim("never")
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
        return self._state == "answered"

    @property
    def requestedMessage(self) -> str | None:
        """Of a TriggerMessage or ExtendedTriggerMessage."""
        message = self.payload.get("requestedMessage")
        return message if isinstance(message, str) else None

    def _claim(self, state: str) -> None:
        with self._lock:
            self._refuse_second()
            self._state = state

    def _send(self, frame: ResultFrame | ErrorFrame, validate: bool) -> None:
        with self._lock:
            self._refuse_second()
            before, self._state = self._state, "answered"
        try:
            self._answer(self, frame, validate)
        except ValueError:  # nothing has left
            with self._lock:
                self._state = before
            raise

    def _refuse_second(self) -> None:
        if self._state in ("answered", "never"):
            how = "was answered already" if self._state == "answered" else "is never to be answered"
            raise AlreadyAnswered(f"{self.action} {self.unique_id} {how}")

    def __repr__(self) -> str:
        return f"<Request {self.action} {self.payload} {self.unique_id} {self._state}>"
