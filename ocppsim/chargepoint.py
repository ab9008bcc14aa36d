"""`ChargePoint`: the blocking face over everything else."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterable, MutableMapping
from datetime import datetime
from functools import partial
from types import SimpleNamespace, TracebackType
from typing import TYPE_CHECKING, Any, Self

from .address import Address
from .blocking import may_block
from .clock import check_timeout, timestamp
from .configuration import Configuration, Definition
from .conversation import Conversation
from .credentials import profile_from
from .errors import ConnectionLost, WaitTimeout
from .face.answering import Answering
from .face.calling import Calling
from .face.repeating import Readings, Repeating
from .face.supplying import Supplying
from .files import Files
from .handlers import Handlers
from .interrupts import wait_for_all
from .link import Link, Settings
from .plugins import Plugins
from .protocol import Protocol
from .reconnecting import Reconnect
from .repeat import Repeat
from .request import Answers, Request
from .rpc import CallFrame
from .state import State, open_store
from .trace import Trace
from .transaction_queue import ATTEMPTS, RETRY_INTERVAL, TransactionQueue
from .transactions import verify
from .transport import Handshake
from .violation import Violation
from .waiting import Waiting

if TYPE_CHECKING:
    from .listener import Listener
    from .store import Store

__all__ = ["ChargePoint"]

_logger = logging.getLogger("ocppsim.cp")

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


class ChargePoint(Calling, Repeating, Answering, Supplying):
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
        self._repeating = threading.Lock()
        self._heartbeat: Repeat | None = None
        self._readings: Readings | None = None
        self._metering: Repeat | None = None
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
            on_failed=lambda error: plugins.tell("ocppsim_connect_failed", cp=self, error=error),
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

    # --- what is made when it is first used ---

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

    # --- what is told to the script ---

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

    # --- the connection ---

    @property
    def connected(self) -> bool:
        """Whether there is a connection, as far as this side knows."""
        return self._link.connected

    @property
    def connected_since(self) -> datetime | None:
        """When the connection was opened; None where there is none."""
        return self._link.since

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
        self.stop_meter_values()
        self._link.close(code, reason, timeout, self._end_waits)

    def abort(self, *, reset: bool = True) -> None:
        """End the connection without a closing handshake: by a TCP reset, or with reset=False by a
        plain end of the TCP connection. `reconnect` works afterwards."""
        self.stop_heartbeat()
        self._link.abort(reset=reset)

    def stall(self, seconds: float) -> None:
        """Neither read nor write for so many seconds, while the connection stays open: a line that
        is dead, and comes back. Returns at once.

        Meanwhile pings of the CSMS get no pong, and none are sent; calls wait, or time out; what
        came in is read afterwards. 0 ends it, and so do `close`, `abort` and `reconnect`. Raises
        ValueError where it is no number from 0, ConnectionLost where there is no connection.
        """
        if not isinstance(seconds, (int, float)) or not 0 <= seconds <= threading.TIMEOUT_MAX:
            raise ValueError(f"a stall is a number of seconds from 0, not {seconds!r:.80}")
        if not self.connected:
            raise ConnectionLost("no stall: not connected")
        self._link.stall(seconds)

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
        self._resume_repeating(by_itself)
        for told in self._watchers:
            told(True, "")
        self._plugins.tell("ocppsim_connected", cp=self)
        self._wake_queue()

    def _on_down(self, reason: ConnectionLost, by_us: bool) -> None:
        self._pause_repeating()
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

    def _finish(self, timeout: float) -> None:
        """Wait for what is under way, before the connection is closed."""
        self._pause_repeating()
        self._link.stall(0)
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
