"""What a script answers, and what it waits for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, overload

from ..blocking import may_block
from ..clock import check_timeout
from ..errors import ConnectionLost, WaitTimeout
from ..handlers import Handler, Handlers
from ..request import TRIGGERS, Request
from ..trace import Direction, Trace, TracedFrame
from ..waiting import Expecting, Waiting, matches

__all__ = ["Answering"]


class Answering:
    """The part of `ChargePoint` that answers and waits."""

    _handlers: Handlers
    _waiting: Waiting

    @property
    def trace(self) -> Trace:
        raise NotImplementedError

    def _is_closed(self) -> bool:
        raise NotImplementedError

    @overload
    def on(
        self, action: str, message: str | None = None, /, *, once: bool = False
    ) -> Callable[[Handler], Handler]: ...
    @overload
    def on(
        self, action: str, handler: Handler | Mapping[str, Any], /, *, once: bool = False
    ) -> Handler: ...
    @overload
    def on(
        self,
        action: str,
        message: str,
        handler: Handler | Mapping[str, Any],
        /,
        *,
        once: bool = False,
    ) -> Handler: ...

    def on(
        self,
        action: str,
        message: str | Handler | Mapping[str, Any] | None = None,
        handler: Handler | Mapping[str, Any] | None = None,
        /,
        *,
        once: bool = False,
    ) -> Handler | Callable[[Handler], Handler]:
        """Have `handler(request)` answer an action of the CSMS; without it, a decorator.

        message: for TriggerMessage and ExtendedTriggerMessage, only this requestedMessage.
        handler: a function, or a payload to answer with. once: for the next one only, before a
        handler that stays.

        Registering again replaces. What a handler may return and do: docs/handlers.md. Raises
        TypeError where it is neither a function nor a payload.
        """
        if message is not None and not isinstance(message, str):
            message, handler = None, message
        if message is not None and action not in TRIGGERS:
            text = (
                f"{action} asks for no message; give a function or a payload, not {message!r:.80}"
            )
            raise TypeError(text)

        def register(function: Handler) -> Handler:
            self._handlers.on(action, message, function, once)
            return function

        if handler is None:
            return register
        if not callable(handler) and not isinstance(handler, Mapping):
            raise TypeError(f"a handler is a function or a payload (a dict), not {handler!r:.80}")
        return register(handler if callable(handler) else _constant(handler))

    def expect(
        self,
        action: str,
        *,
        timeout: float = 30.0,
        where: Callable[[Request], object] | None = None,
    ) -> Request:
        """Wait for the next request of `action`, for the script to answer (`Request.reply`).

        It comes here before any handler. where(request): only one for which this is true. What may
        come before the script gets here: `expecting`.
        Raises WaitTimeout that says what came instead, ConnectionLost when this is closed.
        """
        with self.expecting(action, where=where) as expecting:
            return expecting.get(timeout)

    def expecting(
        self, action: str, *, where: Callable[[Request], object] | None = None
    ) -> Expecting:
        """Armed from entering the ``with``, so that nothing is missed::

        with cp.expecting("Reset") as resets:
            ...  # what makes the CSMS send it
            resets.get(timeout=5).reply(status="Accepted")
        """
        self._handlers.check(action)
        return Expecting(self._waiting, action, where)

    def wait_for_request(
        self,
        action: str,
        *,
        where: Callable[[TracedFrame], object] | None = None,
        after: TracedFrame | int | None = None,
        timeout: float = 30.0,
    ) -> TracedFrame:
        """Wait for the next request of `action` and look at it; handlers answer. Arguments and
        errors as for `wait_for_frame`."""
        self._handlers.check(action)
        return self.wait_for_frame(
            action, direction="received", type="CALL", where=where, after=after, timeout=timeout
        )

    def wait_for_frame(
        self,
        action: str | None = None,
        *,
        direction: Direction | None = None,
        type: str | None = None,
        where: Callable[[TracedFrame], object] | None = None,
        after: TracedFrame | int | None = None,
        timeout: float = 30.0,
    ) -> TracedFrame:
        """Wait for a frame on the wire: of this action, direction (``"sent"``, ``"received"``),
        type (``"CALL"``, ``"CALLRESULT"``, ``"CALLERROR"``, ``"bad"``), and for which `where` is
        true.

        after: a frame, or its number; frames after it count, come already or not. Without it, only
        those that come now. Raises as `expect`; ValueError for a direction or type that there is
        not.
        """
        return self._waiting.frame(
            lambda frame: matches(frame, action, direction, type, where),
            " ".join(filter(None, (direction, action, type))) or "frame",
            after.number if isinstance(after, TracedFrame) else after,
            timeout,
        )

    def wait_for_handlers(self, *, timeout: float = 30.0) -> None:
        """Wait until no handler runs: the last line of a script whose handlers go on after they
        have answered. Raises WaitTimeout that names those that run."""
        may_block("wait_for_handlers()")
        running = self._handlers.wait(check_timeout(timeout), self._is_closed)
        if running and self._is_closed():
            raise ConnectionLost(f"closed while these ran: {', '.join(running)}")
        if running:
            raise WaitTimeout(f"still running after {timeout:g} s: {', '.join(running)}")

    def frames(
        self,
        action: str | None = None,
        *,
        direction: Direction | None = None,
        type: str | None = None,
        where: Callable[[TracedFrame], object] | None = None,
    ) -> list[TracedFrame]:
        """The frames in `trace` that match, oldest first.

        where(frame): only those for which this is true. Arguments else as for `wait_for_frame`.
        """
        return [frame for frame in self.trace if matches(frame, action, direction, type, where)]


def _constant(payload: Mapping[str, Any]) -> Handler:
    return lambda request: dict(payload)
