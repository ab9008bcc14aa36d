"""`ChargePoint`: the blocking face over everything else."""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import SimpleNamespace, TracebackType
from typing import Any, Self, overload

from .address import Address
from .blocking import may_block
from .calls import Result
from .conversation import Conversation
from .errors import ConnectError, ConnectionLost
from .handlers import Handler, Handlers
from .heartbeat import Heartbeat
from .protocol import Protocol
from .request import Request
from .rpc import CallFrame
from .timers import timers
from .trace import Trace, Violation
from .transport import Handshake, Transport

__all__ = ["ChargePoint", "Settings"]

_logger = logging.getLogger("ocppsim.cp")

DEFAULT_HEARTBEAT_INTERVAL = 300.0


@dataclass(frozen=True, slots=True)
class Settings:
    """How a charge point connects and judges; `ocppsim.connect` explains each."""

    subprotocols: Sequence[str]
    headers: Mapping[str, str] = field(default_factory=dict)
    ssl_context: ssl.SSLContext | None = None
    connect_timeout: float = 10.0
    response_timeout: float = 15.0
    send_timeout: float = 15.0
    strict: bool = True
    lenient: Collection[str] = ()
    trace_size: int = 1000


class _Log(logging.LoggerAdapter[logging.Logger]):
    """Puts the charge point's name before each message."""

    def process(self, msg: Any, kwargs: Any) -> tuple[Any, Any]:
        return f"{self.extra['name']}: {msg}" if self.extra else msg, kwargs


class ChargePoint:
    """One charge point, connected to a CSMS. `ocppsim.connect` makes it; ``with`` closes it.

    name: its identity. url: where it is connected, without password. vars: an empty namespace for the
    script's own things. protocol: the version that it speaks.
    """

    def __init__(self, address: Address, protocol: Protocol, settings: Settings) -> None:
        self.name = address.name
        self.url = address.url
        self.protocol = protocol
        self.vars = SimpleNamespace()
        self._address = address
        self._settings = settings
        self._log = _Log(_logger, {"name": address.name})
        self._handlers = Handlers(address.name, protocol, self._log)
        self._conversation = Conversation(
            address.name,
            protocol,
            strict=settings.strict,
            lenient=settings.lenient,
            trace_size=settings.trace_size,
            log=self._log,
            on_request=self._on_request,
        )
        self._transport: Transport | None = None
        self._dialling = threading.Lock()
        self._lock = threading.Lock()
        self._open = False  # between connect and close, whether the connection lives or not
        self._closes = 0
        self._wake = threading.Event()
        self._heartbeat: Heartbeat | None = None
        self._on_close: list[Callable[[ConnectionLost], object]] = []

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
            timeout=self._settings.response_timeout if timeout is None else timeout,
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
        ``strict=False``), CallError (the CSMS answered with a CALLERROR), CallTimeout, ConnectionLost,
        WouldDeadlock (from an observer, or a callback of a future).
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

    def send_raw(self, data: str | bytes) -> None:
        """Send anything at all as one message: text for str, binary for bytes. Raises ConnectionLost."""
        self._conversation.send_raw(data)

    # --- requests of the CSMS ---

    @overload
    def on(
        self, action: str, message: str | None = None, /, *, once: bool = False
    ) -> Callable[[Handler], Handler]: ...
    @overload
    def on(self, action: str, handler: Handler, /, *, once: bool = False) -> Handler: ...
    @overload
    def on(self, action: str, message: str, handler: Handler, /, *, once: bool = False) -> Handler: ...

    def on(
        self,
        action: str,
        message: str | Handler | None = None,
        handler: Handler | None = None,
        /,
        *,
        once: bool = False,
    ) -> Handler | Callable[[Handler], Handler]:
        """Have `handler(request)` answer an action of the CSMS; without it, a decorator.

        message: for TriggerMessage and ExtendedTriggerMessage, only this requestedMessage. once: only
        the next one. Registering again replaces. What a handler may return and do: see `Request`, and
        the contract in docs/handlers.md.
        """
        if callable(message):
            message, handler = None, message
        if handler is None:

            def register(function: Handler) -> Handler:
                self._handlers.on(action, message, function, once)
                return function

            return register
        self._handlers.on(action, message, handler, once)
        return handler

    def on_close(self, callback: Callable[[ConnectionLost], object]) -> Callable[..., object]:
        """Have `callback(reason)` run, in a thread of its own, when the connection ends without this
        charge point closing it. It may block, and `reconnect`. Usable as a decorator."""
        self._on_close.append(callback)
        return callback

    # --- heartbeats ---

    def start_heartbeat(self, interval: float) -> None:
        """Send a Heartbeat every `interval` seconds until `stop_heartbeat` or the connection ends.

        0 leaves the choice to the charge point (OCPP 1.6 §4.2): 300 s. Calling again changes it.
        Raises ValueError where it is negative or no number, ConnectionLost where there is no connection.
        """
        if not isinstance(interval, (int, float)) or not 0 <= interval < threading.TIMEOUT_MAX:
            raise ValueError(f"a heartbeat interval is a number of seconds, not {interval!r}")
        self.stop_heartbeat()
        if not self.connected:
            raise ConnectionLost("no heartbeat: not connected")
        seconds = interval or DEFAULT_HEARTBEAT_INTERVAL
        self._heartbeat = Heartbeat(seconds, lambda: self.submit("Heartbeat"), self._log)

    def stop_heartbeat(self) -> None:
        """Send no more of them."""
        heartbeat, self._heartbeat = self._heartbeat, None
        if heartbeat is not None:
            heartbeat.stop()

    # --- the connection ---

    @property
    def connected(self) -> bool:
        transport = self._transport
        return transport is not None and transport.alive

    @property
    def handshake(self) -> Handshake:
        """What the CSMS answered to the last handshake: status, headers, subprotocol."""
        assert self._transport is not None  # connect() hands out no other
        return self._transport.handshake

    def reconnect(self) -> None:
        """Connect again as before, after closing what is open. Handlers, vars and trace stay.

        Raises ConnectError, and ConnectionLost where another thread closes meanwhile.
        """
        may_block("reconnect()")
        with self._dialling:
            with self._lock:
                closes = self._closes
            self._hang_up(1000, "", 5.0)
            transport = self._dial()
            with self._lock:
                current = self._closes == closes
                if current:
                    self._transport = transport
                    self._wake.clear()
                    if not self._open:
                        self._open = True
                        timers.hold()
            if not current:
                transport.abort()
                raise ConnectionLost("closed while connecting")
            self._conversation.attach(transport)
            transport.start()
        self._log.debug("connected to %s, subprotocol %s", self.url, self.handshake.subprotocol)

    def close(self, code: int | None = 1000, reason: str = "", timeout: float = 5.0) -> None:
        """Close, from any thread, as often as you like; done within `timeout` seconds.

        code, reason: of the WebSocket close frame (RFC 6455 §7.4); None for a frame without a code.
        Calls under way fail with ConnectionLost. A handler that will not end is named in the log and
        left.
        """
        deadline = time.monotonic() + timeout
        with self._lock:
            self._closes += 1
            was_open, self._open = self._open, False
        self._wake.set()
        self._hang_up(code, reason, timeout)
        self._handlers.join(max(0.0, deadline - time.monotonic()))
        if was_open:
            timers.release()

    def abort(self, *, reset: bool = True) -> None:
        """End the connection without a closing handshake: by a TCP reset, or with reset=False by a
        plain end of the TCP connection. `reconnect` works afterwards."""
        self.stop_heartbeat()
        transport = self._transport
        if transport is not None:
            transport.abort(reset=reset)

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
    def strict(self) -> bool:
        return self._settings.strict

    @property
    def handler_failures(self) -> list[Exception]:
        """What the script's handlers and callbacks raised."""
        return self._handlers.failures

    def log(self, message: object, *args: object) -> None:
        """Log a line of the script's own, %-formatted with `args`."""
        self._log.info("%s" if not args else str(message), *(args or (message,)))

    def sleep(self, seconds: float) -> None:
        """Sleep; handlers go on. Ends early only when the charge point is closed."""
        self._wake.wait(seconds)

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

    def _dial(self) -> Transport:
        settings = self._settings
        context = settings.ssl_context
        if self._address.tls and context is None:
            context = ssl.create_default_context()
        transport = Transport.open(
            self._address,
            subprotocols=settings.subprotocols,
            headers=settings.headers,
            context=context if self._address.tls else None,
            timeout=settings.connect_timeout,
            stall_timeout=settings.send_timeout,
            on_message=self._conversation.received,
            on_lost=self._on_lost,
        )
        try:
            self._check_subprotocol(transport.handshake)
        except ConnectError:
            transport.abort()
            raise
        return transport

    def _check_subprotocol(self, handshake: Handshake) -> None:
        wanted, picked = self.protocol.subprotocol, handshake.subprotocol
        offered = self._settings.subprotocols
        if wanted in offered and picked != wanted:
            said = f"it picked {picked!r}" if picked else "it picked none"
            text = f"the CSMS did not confirm the subprotocol {wanted}: {said}"
        elif picked and picked not in offered:
            text = f"the CSMS picked the subprotocol {picked!r}, which was not offered"
        else:
            return
        raise ConnectError(
            f"{self.url}: {text}",
            url=self.url,
            status=handshake.status,
            headers=handshake.headers,
        )

    def _hang_up(self, code: int | None, reason: str, timeout: float) -> None:
        self.stop_heartbeat()
        transport = self._transport
        if transport is None:
            return
        # whoever waits for an answer would not get it any more
        self._conversation.lost(transport, ConnectionLost("closed by this charge point"))
        if not transport.close(code, reason, timeout) and not transport.in_reader():
            self._log.warning("the reader thread did not end within %g s", timeout)

    def _on_request(
        self, frame: CallFrame, answer: Callable[[Request, Any, bool], None]
    ) -> None:
        self._handlers.serve(Request(self, frame, answer))

    def _on_lost(self, transport: Transport, error: ConnectionLost) -> None:
        by_us = transport.closed_by_us
        self._conversation.lost(transport, error)
        if by_us:
            return
        self.stop_heartbeat()
        self._log.warning("%s", error)
        for callback in self._on_close:
            self._handlers.run(f"ocppsim {self.name} on_close", lambda call=callback: call(error))  # type: ignore[misc]
