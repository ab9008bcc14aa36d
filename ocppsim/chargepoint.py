"""`ChargePoint`: the blocking face over everything else."""

from __future__ import annotations

import logging
import os
import ssl
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any, BinaryIO, Self, overload

from .address import Address
from .blocking import may_block
from .calls import Result
from .clock import check_timeout
from .conversation import Conversation
from .errors import ConnectionLost, WaitTimeout
from .files import Files
from .handlers import Handler, Handlers
from .heartbeat import Heartbeat
from .link import Link, Settings
from .plugins import Plugins
from .protocol import Protocol
from .request import TRIGGERS, Answers, Request
from .rpc import CallFrame
from .trace import Direction, Trace, TracedFrame
from .transfer import Progress
from .transport import Handshake
from .violation import Violation
from .waiting import Expecting, Waiting, matches

__all__ = ["ChargePoint"]

_logger = logging.getLogger("ocppsim.cp")

DEFAULT_HEARTBEAT_INTERVAL = 300.0


class _Log(logging.LoggerAdapter[logging.Logger]):
    """Puts the charge point's name before each message."""

    def __init__(self, name: str) -> None:
        super().__init__(_logger)
        self._name = name

    def process(self, msg: Any, kwargs: Any) -> tuple[Any, Any]:
        return f"{self._name}: {msg}", kwargs


class ChargePoint:
    """One charge point, connected to a CSMS. `ocppsim.connect` makes it; ``with`` closes it.

    name: its identity. url: where it is connected, without password. vars: an empty namespace for
    the script's own things. protocol: the version that it speaks.
    """

    def __init__(
        self, address: Address, protocol: Protocol, settings: Settings, plugins: Plugins
    ) -> None:
        self.name = address.name
        self.url = address.url
        self.protocol = protocol
        self.strict = settings.strict
        self.vars = SimpleNamespace()
        self._response_timeout = settings.response_timeout
        self._plugins = plugins
        self._heart = threading.Lock()
        self._heartbeat: Heartbeat | None = None
        self._on_close: list[Callable[[ConnectionLost], object]] = []
        self._log = _Log(address.name)
        self._conversation = Conversation(
            address.name,
            protocol,
            strict=settings.strict,
            lenient=settings.lenient,
            trace_size=settings.trace_size,
            log=self._log,
            on_request=self._on_request,
        )
        self._link = Link(
            address,
            protocol,
            settings,
            self._conversation,
            self._log,
            on_up=lambda: plugins.tell("ocppsim_connected", cp=self),
            on_down=self._on_down,
        )
        self._files = Files(self.trace)
        self._waiting = Waiting(self.trace, self._link.closed, lambda r: self._handlers.serve(r))
        self._handlers = Handlers(
            address.name, protocol, plugins, self._log, waits=self._waiting.take
        )
        if plugins.has("ocppsim_frame"):
            self.trace.observers.append(
                lambda frame: plugins.tell("ocppsim_frame", cp=self, frame=frame)
            )
        plugins.tell("ocppsim_created", cp=self)

    # --- calls ---

    def submit(
        self,
        action: str,
        payload: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        validate: bool = True,
        unique_id: str | None = None,
        concurrent: bool = False,
    ) -> Future[Result]:
        """Send a CALL without waiting for its answer: a Future of a `Result`.

        One CALL is outstanding at a time, first come first served; `concurrent` sends at once.
        timeout: seconds from sending, else the response time-out. unique_id: else a new UUID.
        validate=False sends a payload that breaks the schema, or an action that OCPP does not have.
        Raises InvalidPayload before anything leaves; everything else ends the future: see `call`.
        """
        return self._conversation.submit(
            action,
            {} if payload is None else payload,
            timeout=self._response_timeout if timeout is None else timeout,
            validate=validate,
            unique_id=unique_id,
            concurrent=concurrent,
        )

    def call(
        self,
        action: str,
        payload: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        validate: bool = True,
        unique_id: str | None = None,
        concurrent: bool = False,
    ) -> Result:
        """Send a CALL and wait for the payload of its CALLRESULT; arguments as for `submit`.

        Raises InvalidPayload (the request is wrong: nothing was sent; or the response is, unless
        ``strict=False``), CallError (the CSMS answered with a CALLERROR), CallTimeout,
        ConnectionLost, WouldDeadlock (from an observer, or a callback of a future).
        """
        may_block(f"call({action!r})")
        return self.submit(
            action,
            payload,
            timeout=timeout,
            validate=validate,
            unique_id=unique_id,
            concurrent=concurrent,
        ).result()

    def send_raw(self, data: str | bytes, *, fragments: int = 1) -> None:
        """Send anything at all as one message: text for str, binary for bytes.

        fragments: in so many WebSocket frames (RFC 6455 §5.4). Raises ConnectionLost.
        """
        if fragments < 1:
            raise ValueError(f"a message has at least one fragment, not {fragments}")
        self._conversation.send_raw(data, fragments=fragments)

    def ping(self, payload: bytes | None = None, *, timeout: float = 10.0) -> float:
        """Send a WebSocket ping; the seconds until its pong (RFC 6455 §5.5.2).

        payload: at most 125 bytes; random ones if not given. Raises TimeoutError,
        ConnectionLost, ValueError.
        """
        may_block("ping()")
        if payload is not None and len(payload) > 125:
            raise ValueError(f"a ping has at most 125 bytes (RFC 6455 §5.5), not {len(payload)}")
        return self._link.transport.ping(os.urandom(8) if payload is None else payload, timeout)

    # --- requests of the CSMS ---

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
        closed = self._link.closed
        running = self._handlers.wait(check_timeout(timeout), closed.is_set)
        if running and closed.is_set():
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

    def on_close(
        self, callback: Callable[[ConnectionLost], object]
    ) -> Callable[[ConnectionLost], object]:
        """Have `callback(reason)` run, in a thread of its own, when the connection ends without
        this charge point closing it. It may block, and `reconnect`. Usable as a decorator."""
        self._on_close.append(callback)
        return callback

    # --- heartbeats ---

    def start_heartbeat(self, interval: float) -> None:
        """Send a Heartbeat every `interval` seconds until `stop_heartbeat` or the connection ends.

        0 leaves the choice to the charge point (OCPP 1.6 §4.2): 300 s. Calling again changes it.
        Raises ValueError where it is negative or no number, ConnectionLost where there is no
        connection.
        """
        if not isinstance(interval, (int, float)) or not 0 <= interval <= threading.TIMEOUT_MAX:
            raise ValueError(f"a heartbeat interval is a number of seconds, not {interval!r}")
        seconds = interval or DEFAULT_HEARTBEAT_INTERVAL
        with self._heart:
            self._replace_heartbeat(None)
            if not self.connected:
                raise ConnectionLost("no heartbeat: not connected")
            self._replace_heartbeat(Heartbeat(seconds, lambda: self.submit("Heartbeat"), self._log))

    def stop_heartbeat(self) -> None:
        """Send no more of them."""
        with self._heart:
            self._replace_heartbeat(None)

    def _replace_heartbeat(self, heartbeat: Heartbeat | None) -> None:
        if self._heartbeat is not None:
            self._heartbeat.stop()
        self._heartbeat = heartbeat

    # --- the connection ---

    @property
    def connected(self) -> bool:
        """Whether there is a connection, as far as this side knows."""
        return self._link.connected

    @property
    def handshake(self) -> Handshake:
        """What the CSMS answered to the last handshake: status, headers, subprotocol."""
        return self._link.transport.handshake

    def reconnect(self) -> None:
        """Connect again as before, after closing what is open. Handlers, vars and trace stay.

        Raises ConnectError, and ConnectionLost where another thread closes meanwhile.
        """
        self.stop_heartbeat()
        self._link.reconnect()

    def close(self, code: int | None = 1000, reason: str = "", timeout: float = 5.0) -> None:
        """Close, from any thread, as often as you like; done within `timeout` seconds.

        code, reason: of the WebSocket close frame (RFC 6455 §7.4); None for a frame without a code.
        Calls under way fail with ConnectionLost. A handler that will not end is named in the log
        and left.
        """
        if code is not None and not 0 <= code <= 0xFFFF:
            raise ValueError(f"a close code has two bytes (RFC 6455 §5.5.1): {code}")
        if code is None and reason:
            raise ValueError("a close frame without a code has no reason (RFC 6455 §5.5.1)")
        reason = reason.encode(errors="replace").decode()
        self.stop_heartbeat()
        self._link.close(code, reason, timeout, self._end_waits)

    def abort(self, *, reset: bool = True) -> None:
        """End the connection without a closing handshake: by a TCP reset, or with reset=False by a
        plain end of the TCP connection. `reconnect` works afterwards."""
        self.stop_heartbeat()
        self._link.abort(reset=reset)

    # --- files ---

    def ftp_upload(
        self,
        location: str,
        name: str,
        data: bytes | str | Path | BinaryIO | None = None,
        *,
        timeout: float = 30.0,
        ssl_context: ssl.SSLContext | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Upload a file to the folder `location` (``ftp://``, ``ftps://``), as GetDiagnostics asks
        for (OCPP 1.6 §5.9).

        data: bytes, text, the Path of a file, or an open binary file; None uploads this charge
        point's message log: what `trace` holds, as a record. timeout: s without progress.
        ssl_context: for ``ftps://`` (explicit TLS); else the system's trust store holds. progress:
        called with the bytes done and their total, now and then.
        Raises TransferError that says what and where, without the password; OSError for a local
        file.
        """
        may_block("ftp_upload()")
        self._files.upload(location, name, data, timeout, ssl_context, progress)

    def ftp_download(
        self,
        location: str,
        *,
        timeout: float = 30.0,
        ssl_context: ssl.SSLContext | None = None,
        progress: Progress | None = None,
    ) -> Path:
        """Download the file at `location`, as UpdateFirmware asks for (OCPP 1.6 §5.19).

        The file lies in a temporary folder of this charge point until it is closed. Arguments and
        errors as for `ftp_upload`.
        """
        may_block("ftp_download()")
        return self._files.download(location, timeout, ssl_context, progress)

    # --- the script ---

    @property
    def trace(self) -> Trace:
        """The last frames on the wire."""
        return self._conversation.trace

    @property
    def violations(self) -> list[Violation]:
        """What the CSMS did against the protocol (the first 1,000)."""
        return self._conversation.violations

    @property
    def handler_failures(self) -> list[BaseException]:
        """What the script's handlers and callbacks raised (the last 100)."""
        return self._handlers.failures

    def log(self, message: object, *args: object) -> None:
        """Log a line of the script's own, %-formatted with `args`."""
        self._log.info("%s" if not args else str(message), *(args or (message,)))

    def sleep(self, seconds: float) -> None:
        """Sleep; handlers go on. Ends early only when the charge point is closed."""
        may_block("sleep()")
        self._link.closed.wait(seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "connected" if self.connected else "not connected"
        return f"<{type(self).__name__} {self.name!r} {self.url} {state}>"

    # --- inside ---

    def _on_request(self, frame: CallFrame, answers: Answers) -> None:
        self._handlers.serve(Request(self, frame, answers))

    def _on_down(self, reason: ConnectionLost, by_us: bool) -> None:
        self.stop_heartbeat()
        self._plugins.tell("ocppsim_disconnected", cp=self, reason=reason)
        if by_us:
            return
        self._log.warning("%s", reason)
        for callback in self._on_close:
            name = f"ocppsim {self.name} on_close"
            self._handlers.run(name, lambda call=callback: call(reason))  # type: ignore[misc]

    def _end_waits(self, timeout: float) -> None:
        self._waiting.wake()
        self._handlers.wake()
        self._handlers.join(timeout)
        self._files.remove()


def _constant(payload: Mapping[str, Any]) -> Handler:
    return lambda request: dict(payload)
