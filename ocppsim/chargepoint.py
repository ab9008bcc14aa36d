"""`ChargePoint`: the blocking face over everything else."""

from __future__ import annotations

import logging
import math
import os
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self, overload

from .address import Address
from .blocking import may_block
from .calls import Result
from .clock import check_timeout, timestamp
from .configuration import Configuration, Definition
from .conversation import Conversation
from .credentials import profile_from
from .errors import ConnectionLost, WaitTimeout
from .files import Files
from .handlers import Handler, Handlers
from .heartbeat import Heartbeat
from .interrupts import wait_for_all
from .keystore import KeyStore
from .link import Link, Settings
from .plugins import Plugins
from .protocol import Protocol
from .reconnecting import Reconnect
from .request import TRIGGERS, Answers, Request
from .rpc import CallFrame
from .state import State, open_store
from .subject import common_name
from .trace import Direction, Trace, TracedFrame
from .transaction_queue import ATTEMPTS, RETRY_INTERVAL, TransactionQueue
from .transactions import Transaction, verify
from .transfer import Progress
from .transport import Handshake
from .violation import Violation
from .waiting import Expecting, Waiting, matches

if TYPE_CHECKING:
    from .certificates import CertificateRequest
    from .listener import Listener
    from .store import Store

__all__ = ["ChargePoint"]

_logger = logging.getLogger("ocppsim.cp")

DEFAULT_HEARTBEAT_INTERVAL = 300.0

_PING_INTERVAL = Definition(
    key="WebSocketPingInterval",
    type=int,
    unit="s",
    minimum=0,
    maximum=2**31 - 1,
    description="between WebSocket pings; 0: none",
)


class _Log(logging.LoggerAdapter[logging.Logger]):
    """Puts the charge point's name before each message."""

    def __init__(self, name: str) -> None:
        super().__init__(_logger)
        self._name = name

    def process(self, msg: Any, kwargs: Any) -> tuple[Any, Any]:
        return f"{self._name}: {msg}", kwargs


class ChargePoint:
    """One charge point, connected to a CSMS. `ocppsim.connect` makes it; ``with`` closes it.

    name: its identity. vars: an empty namespace for the script's own things. protocol: the version
    that it speaks. configuration: its keys, for GetConfiguration and ChangeConfiguration.
    """

    def __init__(
        self, address: Address, protocol: Protocol, settings: Settings, plugins: Plugins
    ) -> None:
        self.name = address.name
        self.protocol = protocol
        self.strict = settings.strict
        self.vars = SimpleNamespace()
        self._log = _Log(address.name)
        self._store: Store | None = None
        if settings.state_dir is not None:
            self._store = open_store(settings.state_dir, address.name, self._log, verify)
        # what many have no use for is made when it is first used
        self._making = threading.Lock()
        self._state: State | None = None
        self._configuration: Configuration | None = None
        self._queue: TransactionQueue | None = None
        self._life = threading.Lock()  # while queue and store are opened or closed
        self._hopeful: list[int] = []  # of each `reconnect` at work: how often this was closed then
        self._process = os.getpid()
        self._response_timeout = settings.response_timeout
        self._plugins = plugins
        self._heart = threading.Lock()
        self._heartbeat: Heartbeat | None = None
        self._on_close: list[Callable[[ConnectionLost], object]] = []
        self._on_reconnect: list[Callable[[], object]] = []
        self._on_give_up: list[Callable[[Exception], object]] = []
        self._watchers: list[Callable[[bool, str], object]] = []
        self._listeners: list[Listener] = []
        self._conversation = Conversation(
            address.name,
            protocol,
            strict=settings.strict,
            lenient=settings.lenient,
            trace_size=settings.trace_size,
            log=self._log,
            on_request=self._on_request,
            on_accepted=self._wake_queue,
        )
        self._link = Link(
            address,
            protocol,
            settings,
            self._conversation,
            self._log,
            on_up=self._on_up,
            on_again=lambda: self._tell(self._on_reconnect, "on_reconnect"),
            on_down=self._on_down,
            on_give_up=lambda error: self._tell(self._on_give_up, "on_give_up", error),
            on_refused=self._on_refused,
        )
        if self._store is not None:
            # the CSMS may have wanted another one, in a process before this
            kept = self.configuration[_PING_INTERVAL.key]
            if kept != math.ceil(settings.ping_interval):
                self._link.ping_interval = kept
            _ = self.queue  # messages may wait in it
        self._files = Files(self.trace)
        self._waiting = Waiting(self.trace, self._is_closed, lambda r: self._handlers.serve(r))
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

    # --- the transaction queue ---

    def enqueue_start(self, payload: Mapping[str, Any]) -> Transaction:
        """Put a StartTransaction into the transaction queue; a Future of its answer, to be given to
        `enqueue` with what belongs to it.

        The queue delivers one message at a time, in order, once there is a connection and the CSMS
        has accepted a BootNotification (OCPP 1.6 §3.7). One that the CSMS fails to process, or does
        not answer in time, is sent again as TransactionMessageAttempts and
        TransactionMessageRetryInterval say (§3.7.1), then given up: its future raises GivenUp. With
        a state_dir it is on the disk when this comes back, and outlives the process.
        Raises InvalidPayload, ConnectionLost where this is closed.
        """
        return self.queue.enqueue_start(payload)

    def enqueue(
        self,
        action: str,
        payload: Mapping[str, Any],
        *,
        transaction: Transaction | int | None = None,
    ) -> Future[Result]:
        """Put another message into the transaction queue: MeterValues, StopTransaction, or what
        else is not to be lost. A Future of its answer.

        transaction: what `enqueue_start` or `open_transactions` gave, or a transactionId; the
        payload then has none: it is filled in when the message is sent. Where the start is given
        up, so is what belongs to it. Raises as `enqueue_start`; ValueError for a StartTransaction,
        a BootNotification, two transactionIds, or a transaction that is none of this charge point.
        """
        return self.queue.enqueue(action, payload, transaction)

    def open_transactions(self) -> list[Transaction]:
        """The transactions whose StopTransaction was not put into the queue, oldest first; with a
        state_dir those of earlier processes too."""
        return self.queue.open_transactions()

    @property
    def queue(self) -> TransactionQueue:
        """The transaction queue; its length is how many messages are not delivered."""
        with self._making:
            if self._queue is None:
                self._queue = TransactionQueue(
                    self._conversation,
                    self._log,
                    timeout=self._response_timeout,
                    attempts=lambda: self.configuration[ATTEMPTS.key],
                    retry_interval=lambda: self.configuration[RETRY_INTERVAL.key],
                    store=self._store,
                )
                if self._is_closed() and not self._wanted():
                    self._queue.close(0.0)
            return self._queue

    @property
    def configuration(self) -> Configuration:
        """The configuration keys, for GetConfiguration and ChangeConfiguration."""
        state = self._kept
        with self._making:
            if self._configuration is None:
                self._configuration = Configuration(state, on=self.on)
                self._configuration.add(ATTEMPTS, 3)
                self._configuration.add(RETRY_INTERVAL, 60, on_change=self._wake_queue)
                self._configuration.add(
                    _PING_INTERVAL,
                    math.ceil(self._link.ping_interval),
                    on_change=self._on_ping_interval,
                )
            return self._configuration

    @property
    def state(self) -> MutableMapping[str, Any]:
        """What this charge point keeps: JSON values by key. With a state_dir they are on the disk
        when they are set, and there in the next process, else they are in memory alone.

        A value is copied in and out: what is to be kept has to be set.
        """
        return self._kept

    @property
    def _kept(self) -> State:
        with self._making:
            if self._state is None:
                self._state = State(self._store)
            return self._state

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

    def on_close(
        self, callback: Callable[[ConnectionLost], object]
    ) -> Callable[[ConnectionLost], object]:
        """Have `callback(reason)` run, in a thread of its own, when the connection ends without
        this charge point closing it. It may block, and `reconnect`. Usable as a decorator."""
        self._on_close.append(callback)
        return callback

    def on_reconnect(self, callback: Callable[[], object]) -> Callable[[], object]:
        """Have `callback()` run, in a thread of its own, each time that this has connected again by
        itself (see `reconnecting`). It may block, and call. Usable as a decorator."""
        self._on_reconnect.append(callback)
        return callback

    def on_give_up(self, callback: Callable[[Exception], object]) -> Callable[[Exception], object]:
        """Have `callback(error)` run, in a thread of its own, when the last of the attempts to
        connect again has failed. Usable as a decorator."""
        self._on_give_up.append(callback)
        return callback

    # --- heartbeats ---

    def start_heartbeat(self, interval: float) -> None:
        """Send a Heartbeat every `interval` seconds until `stop_heartbeat` or the connection ends.

        They go on where this connects again by itself, not after `reconnect` or `abort`. 0 leaves
        the choice to the charge point (OCPP 1.6 §4.2): 300 s. Calling again changes it.
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
            self._replace_heartbeat(self._beating(seconds))

    def stop_heartbeat(self) -> None:
        """Send no more of them."""
        with self._heart:
            self._replace_heartbeat(None)

    def _beating(self, interval: float) -> Heartbeat:
        return Heartbeat(interval, lambda: self.submit("Heartbeat"), self._log)

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
    def reconnecting(self) -> Reconnect | None:
        """How this connects again by itself after a loss; None: it does not. Setting it while there
        is no connection begins, or ends, the attempts."""
        return self._link.policy

    @reconnecting.setter
    def reconnecting(self, policy: Reconnect | None) -> None:
        self._link.policy = Reconnect.of(policy)

    def wait_until_connected(self, *, timeout: float = 30.0) -> None:
        """Wait for a connection, where another thread or `reconnecting` is to bring it.

        Raises WaitTimeout, ConnectionLost when this is closed or gives up.
        """
        if not self._link.wait_until_connected(check_timeout(timeout)):
            raise WaitTimeout(f"not connected within {timeout:g} s")

    @property
    def url(self) -> str:
        """Where this connects, without password."""
        return self._link.target.address.url

    @property
    def security_profile(self) -> int:
        """The one that was asked for; else 3 with a certificate of this charge point, 2 for a
        password over TLS, 1 for a password, 0 otherwise (security white paper §2)."""
        return self._link.target.security_profile

    @property
    def handshake(self) -> Handshake:
        """What the CSMS answered to the last handshake: status, headers, subprotocol."""
        return self._link.transport.handshake

    def reconnect(
        self,
        *,
        url: str | None = None,
        user: str | None = None,
        password: str | bytes | None = None,
        security_profile: int | None = None,
        timeout: float = 5.0,
    ) -> None:
        """Connect again as before, after closing what is open. Handlers, vars and trace stay.

        First a CALL that was sent gets its answer, or times out, and for `timeout` seconds handlers
        may answer what they are working on (not the one that this is called from). `abort` before
        it, and nothing is waited for. Then there is at least a second between the end of the old
        connection and the new one.

        url, user, password, security_profile: as for `connect`. What is given holds from now on if
        the connection comes about, else all stays as it was; the name goes to the end of the URL
        where it is not there. The certificate that was saved last is used; where the CSMS refuses
        it, the one before it is, and a SecurityEventNotification of the type
        InvalidChargePointCertificate tells of it.
        Raises ConnectError, and ConnectionLost where another thread closes meanwhile;
        CertificateError for a file that is not good.
        """
        timeout = check_timeout(timeout)
        profile = profile_from(security_profile, {})
        closes = self._link.closes
        self._open_state(closes)
        queue = self._queue
        if queue is not None:
            queue.hold()
        try:
            self._link.reconnect(
                closes,
                lambda: self._finish(timeout),
                lambda target: target.changed(url, user, password, profile),
            )
        finally:
            self._hopeful.remove(closes)
            self._close_queue(timeout)
            self._close_store()
            if queue is not None:
                queue.release()

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
        if self._process != os.getpid():
            return  # a fork has a copy, and none of the threads
        self.stop_heartbeat()
        self._link.close(code, reason, timeout, self._end_waits)

    def abort(self, *, reset: bool = True) -> None:
        """End the connection without a closing handshake: by a TCP reset, or with reset=False by a
        plain end of the TCP connection. `reconnect` works afterwards."""
        self.stop_heartbeat()
        self._link.abort(reset=reset)

    # --- certificates ---

    @property
    def keystore(self) -> KeyStore:
        """Key and certificate of this charge point, and where new ones are saved. `reconnect` uses
        the pair that was saved last."""
        return self._link.target.tls.keystore

    def trust(self, roots: Iterable[str]) -> None:
        """Trust these certificates (PEM) too, from the next connection on, in place of those of the
        call before; nothing with a context of the script's own (``ssl_context=``)."""
        self._link.trust(roots)

    @property
    def trusted(self) -> list[str]:
        """Whom this trusts beside the system's trust store: what `connect` was given, and `trust`;
        a PEM each. Raises CertificateError for a file that is not good."""
        return self._link.target.tls.trusted()

    def generate_csr(
        self, subject: str | None = None, *, key_type: str = "EC", key_size: int | None = None
    ) -> CertificateRequest:
        """A new private key, and a signing request for SignCertificate (PKCS #10), in PEM.

        subject: ``/C=DE/O=Org/CN=cp1`` or ``CN=cp1,O=Org,C=DE`` (RFC 4514); without it the common
        name is that of this charge point. key_type: ``"EC"``, with a key_size of 256, 384 or 521
        bits, or ``"RSA"``, with 2048 bits or more; the first of each is the default.
        Raises CertificateError for what is no subject, or no such key.
        """
        # the library behind it takes a while to import
        from .certificates import generate_csr

        subject = common_name(self.name) if subject is None else subject
        return generate_csr(subject, key_type=key_type, key_size=key_size)

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

    # --- other programs ---

    def start_listener(
        self, port: int = 0, bind: str = "127.0.0.1", users: Mapping[str, str] | None = None
    ) -> Listener:
        """A small web listener, to which the script adds routes: ``@listener.get("/stop")``. It
        ends with this charge point, or by its `terminate`.

        port: 0 takes a free one. bind: the address; others than the loopback are open to the
        network. users: name to password, for HTTP Basic; without them nobody is asked.
        Raises OSError where it cannot listen there, ModuleNotFoundError where the extra ``server``
        is not installed.
        """
        from .listener import Listener

        listener = Listener(self.name, self._log, port, bind, users)
        self._listeners.append(listener)
        return listener

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
        self._link.wait_until_closed(seconds)

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

    def _on_refused(self, why: str, again: bool) -> None:
        """The CSMS refused the newest certificate, and took the one before it."""
        text = f"refused, the one before it is in use again: {why}"
        event = {
            "type": "InvalidChargePointCertificate",
            "timestamp": timestamp(),
            "techInfo": text[:255],
        }
        # before a BootNotification was accepted nothing else is welcome
        tell = self.submit if again else self.enqueue
        tell("SecurityEventNotification", event)

    def _watch(self, told: Callable[[bool, str], object]) -> None:
        """Have `told(connected, why)` called, quickly, at each change from now on."""
        self._watchers.append(told)

    def _on_up(self, by_itself: bool) -> None:
        with self._heart:
            beating = self._heartbeat if by_itself else None
            self._replace_heartbeat(beating and self._beating(beating.interval))
        for told in self._watchers:
            told(True, "")
        self._plugins.tell("ocppsim_connected", cp=self)
        self._wake_queue()

    def _on_down(self, reason: ConnectionLost, by_us: bool) -> None:
        self._pause_heartbeat()
        self._handlers.wake()
        for told in self._watchers:
            told(False, str(reason))
        self._plugins.tell("ocppsim_disconnected", cp=self, reason=reason)
        if by_us:
            return
        self._log.warning("%s", reason)
        self._tell(self._on_close, "on_close", reason)

    def _tell(self, callbacks: Iterable[Callable[..., object]], what: str, *told: object) -> None:
        for callback in list(callbacks):
            try:
                self._handlers.run(f"ocppsim {self.name} {what}", partial(callback, *told))
            except RuntimeError as error:  # the system has no more threads
                self._log.error("%s was not told: %s", what, error)

    def _on_ping_interval(self, key: str, old: int, new: int) -> None:
        self._link.ping_interval = new

    def _wake_queue(self, *_: object) -> None:
        if self._queue is not None:
            self._queue.wake()

    def _is_closed(self) -> bool:
        return self._link.closed

    def _pause_heartbeat(self) -> None:
        with self._heart:
            if self._heartbeat is not None:
                self._heartbeat.stop()

    def _finish(self, timeout: float) -> None:
        """Wait for what is under way, before the connection is closed."""
        self._pause_heartbeat()
        if not self.connected:
            return
        deadline = time.monotonic() + timeout
        sent, queued = self._conversation.calls.open()
        wait_for_all(sent)  # each ends by its own time-out
        wait_for_all(queued, max(0.0, deadline - time.monotonic()))
        left = max(0.0, deadline - time.monotonic())
        unanswered = self._handlers.finish(left, self._is_closed)
        if unanswered:
            text = "reconnecting, though these are not answered yet: %s"
            self._log.warning(text, ", ".join(unanswered))

    def _end_waits(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        self._plugins.tell("ocppsim_closed", cp=self)
        self._waiting.wake()
        self._close_queue(timeout)  # before the handlers, which may wait for its futures
        self._handlers.wake()
        while self._listeners:
            self._listeners.pop().terminate(max(0.1, deadline - time.monotonic()))
        self._handlers.join(max(0.0, deadline - time.monotonic()))
        self._files.remove()
        self._close_store()

    # --- what outlives a connection: open while there may be one ---

    def _open_state(self, closes: int) -> None:
        with self._life:
            if self._store is not None:
                self._store.open()
                self._kept.load()
            if self._queue is not None:
                self._queue.reopen()
            self._hopeful.append(closes)

    def _wanted(self) -> bool:
        """Whether there is a connection, or may be one without another `reconnect`."""
        return self._link.is_open or self._link.closes in self._hopeful

    def _close_queue(self, timeout: float) -> None:
        with self._life:
            if self._wanted() or self._queue is None:
                return
            tell = self._queue.close(timeout)
        tell()

    def _close_store(self) -> None:
        with self._life:
            if self._store is not None and not self._wanted():
                self._store.close()


def _constant(payload: Mapping[str, Any]) -> Handler:
    return lambda request: dict(payload)
