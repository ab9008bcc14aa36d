"""The connection of a charge point: dial, hang up, dial again, notice the loss."""

from __future__ import annotations

import logging
import math
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from .address import Address
from .blocking import may_block, never_block
from .clock import scaled
from .errors import CertificateError, ConnectError, ConnectionLost
from .interrupts import wait_for, wakeable
from .protocol import Protocol
from .reconnecting import MINIMUM_PAUSE, Reconnect, Redial
from .stream import Attempt, Tls
from .target import Target, dial
from .timers import timers
from .tls import TlsSettings
from .transport import Handshake, Transport

if TYPE_CHECKING:
    from .conversation import Conversation

__all__ = ["Link", "Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """How a charge point connects and judges; `ocppsim.connect` explains each."""

    subprotocols: Sequence[str]
    headers: Mapping[str, str] = field(default_factory=dict)
    tls: TlsSettings = field(default_factory=TlsSettings)
    security_profile: int | None = None
    connect_timeout: float = 10.0
    response_timeout: float = 15.0
    send_timeout: float = 15.0
    strict: bool = True
    lenient: Collection[str] = ()
    trace_size: int = 1000
    ping_interval: float = 0.0
    pong_timeout: float = 10.0
    reconnect: Reconnect | None = None
    state_dir: Path | None = None


class Link:
    """One charge point's connection, over and over.

    closed: whether it is; `close` sets it, `reconnect` clears it. closes: how often `close` was
    called.
    on_up(by_itself): connected, nothing received yet; by_itself: after a loss. on_again(): the
    same, but later, when it is being read. on_down(reason, by_us): the end, told once a connection,
    in its reader thread. on_failed(error): an attempt by itself did not bring one.
    on_give_up(error): there are no more attempts. on_refused(why, again): the CSMS refused the
    certificate in use, and took the former one; again: not at the first time.
    """

    def __init__(
        self,
        address: Address,
        protocol: Protocol,
        settings: Settings,
        conversation: Conversation,
        log: logging.LoggerAdapter[logging.Logger],
        *,
        on_up: Callable[[bool], object],
        on_again: Callable[[], object],
        on_down: Callable[[ConnectionLost, bool], object],
        on_failed: Callable[[Exception], object],
        on_give_up: Callable[[Exception], object],
        on_refused: Callable[[str, bool], object],
    ) -> None:
        self.closed = False
        self.closes = 0
        self._target = Target(address, settings.tls, settings.security_profile)
        self._protocol = protocol
        self._settings = settings
        self._conversation = conversation
        self._log = log
        self._on_up = on_up
        self._on_again = on_again
        self._on_down = on_down
        self._on_failed = on_failed
        self._on_give_up = on_give_up
        self._on_refused = on_refused
        self._transport: Transport | None = None
        self._dialling = threading.Lock()  # held by who connects, which ends by its time-outs
        self._changed = threading.Condition()  # for all below
        self._open = False  # between reconnect and close, whether the connection lives or not
        self._by_hand = 0  # how many `reconnect` are at work
        self._ended = -math.inf  # when the last connection did (monotonic, s)
        self._attempt: Attempt | None = None  # what is being dialled,
        self._by_itself = False  # and whether nobody asked for it
        self._policy = settings.reconnect
        self._redial: Redial | None = None  # once it is needed
        self._gave_up: Exception | None = None
        self._ping_interval = settings.ping_interval

    @property
    def target(self) -> Target:
        """Where it connects, and as whom."""
        return self._target

    def trust(self, roots: Iterable[str]) -> None:
        """From the next connection on; see `ChargePoint.trust`."""
        with self._changed:
            tls = replace(self._target.tls, roots=tuple(roots))
            self._target = replace(self._target, tls=tls)

    @property
    def connected(self) -> bool:
        transport = self._transport
        return transport is not None and transport.alive

    @property
    def since(self) -> datetime | None:
        """When the connection that there is was opened."""
        transport = self._transport
        return None if transport is None or not transport.alive else transport.opened

    @property
    def tls(self) -> Tls | None:
        """Of the connection that there is."""
        return None if self._transport is None else self._transport.tls()

    @property
    def retrying(self) -> bool:
        """Whether it tries to connect again by itself, or is about to."""
        transport, redial = self._transport, self._redial
        if self.connected or not self._open or self._by_hand or self._policy is None:
            return False
        lost = transport is not None and not transport.closed_by_us and self._gave_up is None
        return lost or (redial is not None and redial.under_way)

    @property
    def is_open(self) -> bool:
        """Whether it is between `reconnect` and `close`, be there a connection or not."""
        return self._open

    @property
    def transport(self) -> Transport:
        """The last connection, alive or not. Raises ConnectionLost where there never was one."""
        if self._transport is None:
            raise ConnectionLost("not connected")
        return self._transport

    @property
    def policy(self) -> Reconnect | None:
        """How to connect again after a loss; None: not at all. Setting it while there is no
        connection begins, or ends, the attempts."""
        return self._policy

    @policy.setter
    def policy(self, policy: Reconnect | None) -> None:
        self._policy = policy
        if policy is None:
            self._stop_attempts()
        elif not self.connected:
            self._try_again()

    @property
    def ping_interval(self) -> float:
        """Seconds between WebSocket pings, 0: none. Setting it takes effect at once."""
        return self._ping_interval

    @ping_interval.setter
    def ping_interval(self, interval: float) -> None:
        self._ping_interval = interval
        if self._transport is not None and self._transport.started:
            self._transport.ping_every(interval, self._settings.pong_timeout)

    def wait_until_connected(self, timeout: float) -> bool:
        """Whether it was within `timeout` seconds. Raises ConnectionLost where there is no hope:
        closed, or there are no more attempts."""
        may_block("wait_until_connected()")

        def up() -> bool:
            return self.connected and self.transport.started

        with self._changed:
            wait_for(
                self._changed, lambda: up() or self.closed or self._gave_up is not None, timeout
            )
            if up():
                return True
            if self.closed:
                raise ConnectionLost("not connected: the charge point is closed")
            if self._gave_up is not None:
                raise ConnectionLost(f"not connected, and no more attempts: {self._gave_up}")
            return False

    def wait_until_closed(self, timeout: float) -> None:
        """Or for `timeout` seconds."""
        with self._changed:
            wait_for(self._changed, lambda: self.closed, timeout)

    def reconnect(
        self, closes: int, settle: Callable[[], object], change: Callable[[Target], Target]
    ) -> None:
        """Hang up, and connect again. closes: as it was when this began. settle(): called first, to
        wait for what is under way. change(target): what it connects to from now on, if that works.

        Raises ConnectError; ConnectionLost where `close` comes meanwhile; CertificateError for a
        file that is not good.
        """
        may_block("reconnect()")
        change(self._target).check()
        with self._changed:
            self._by_hand += 1
            self._changed.notify_all()
        self._stop_attempts()
        try:
            settle()
            with self._dialling:
                target = change(self._target)
                self._hang_up(1000, "", 5.0)
                self._connect(lambda: self.closes != closes, target, by_itself=False)
        finally:
            with self._changed:
                self._by_hand -= 1
            if not self.connected:
                self._try_again()

    def _connect(self, over: Callable[[], bool], target: Target, *, by_itself: bool) -> None:
        """Dial, after the pause. over: whether it has come to nothing meanwhile; then
        ConnectionLost is raised."""
        with self._changed:
            left = self._ended + scaled(MINIMUM_PAUSE) - time.monotonic()
            wait_for(self._changed, over, max(0.0, left))
            if over():
                raise ConnectionLost("closed while connecting")
            attempt = self._attempt = Attempt()
            self._by_itself = by_itself
        try:
            with wakeable(attempt.stop):
                transport, refusal = self._dial(attempt, target)
        except ConnectError:
            if attempt.stopped:
                raise ConnectionLost("closed while connecting") from None
            raise
        finally:
            with self._changed:
                self._attempt = None
        with self._changed:
            current = not over()
            again = self._transport is not None
            if current:
                self._transport = transport
                # `trust` may have come meanwhile
                self._target = replace(target, tls=self._target.tls)
                self._gave_up = None
                self.closed = False
                if not self._open:
                    self._open = True
                    timers.hold()
        if not current:
            transport.abort()
            self._ended = time.monotonic()
            raise ConnectionLost("closed while connecting")
        self._conversation.attach(transport)
        with never_block("ocppsim_connected"):
            self._on_up(by_itself)
        self._start(transport)
        transport.ping_every(self._ping_interval, self._settings.pong_timeout)
        with self._changed:
            self._changed.notify_all()
        text = "connected to %s, subprotocol %s"
        self._log.debug(text, target.address.url, transport.handshake.subprotocol)
        if refusal is not None:
            self._on_refused(refusal, again)

    def _start(self, transport: Transport) -> None:
        try:
            transport.start()
        except RuntimeError as error:  # the system has no more threads
            transport.abort()
            url = self._target.address.url
            raise ConnectError(f"{url}: connected, but nobody can read: {error}", url=url) from None

    def _try_again(self) -> None:
        """By itself, from now on, until it works: where that is wanted, and nobody else does."""
        with self._changed:
            policy = self._policy
            if policy is None or not self._open or self._by_hand:
                return
            self._gave_up = None
            if self._redial is None:
                self._redial = Redial(
                    self._target.address.name, self._log, dial=self._again, on_give_up=self._give_up
                )
        self._redial.start(policy)

    def _again(self) -> None:
        redial = self._redial

        def over() -> bool:
            wanted = self._open and self._policy is not None and redial and redial.under_way
            return not wanted or self._by_hand > 0 or self.connected

        try:
            with self._dialling:
                self._connect(over, self._target, by_itself=True)
        except (ConnectError, CertificateError) as error:
            self._on_failed(error)
            raise
        if self.connected:  # and not closed by what was told of it
            self._log.info("connected again")
            self._on_again()

    def _give_up(self, error: Exception) -> None:
        with self._changed:
            self._gave_up = error
            self._changed.notify_all()
        self._on_give_up(error)

    def _stop_attempts(self) -> None:
        """Of its own; `reconnect` goes on."""
        if self._redial is None:
            return
        self._redial.stop()
        with self._changed:
            self._changed.notify_all()
            if self._attempt is not None and self._by_itself:
                self._attempt.stop()

    def close(
        self, code: int | None, reason: str, timeout: float, join: Callable[[float], object]
    ) -> None:
        """Hang up for good, from any thread; within `timeout` seconds, the rest of which goes to
        `join`."""
        deadline = time.monotonic() + timeout
        with self._changed:
            self.closes += 1
            was_open, self._open = self._open, False
            self.closed = True
            if self._attempt is not None:
                self._attempt.stop()
            self._changed.notify_all()
        if self._redial is not None:
            self._redial.stop()
        self._hang_up(code, reason, timeout)
        if self._redial is not None:
            self._redial.join(max(0.0, deadline - time.monotonic()))
        join(max(0.0, deadline - time.monotonic()))
        if was_open:
            timers.release(max(0.5, deadline - time.monotonic()))

    def abort(self, *, reset: bool) -> None:
        """End the connection without a closing handshake; no attempt follows by itself."""
        self._stop_attempts()
        if self._transport is not None:
            self._transport.abort(reset=reset)

    def stall(self, seconds: float) -> None:
        """Of the connection that there is."""
        if self._transport is not None:
            self._transport.stall(seconds)

    def _hang_up(self, code: int | None, reason: str, timeout: float) -> None:
        transport = self._transport
        if transport is None:
            return
        # whoever waits for an answer would not get it any more
        self._conversation.lost(transport, ConnectionLost("closed by this charge point"))
        if not transport.close(code, reason, timeout) and not transport.in_reader():
            self._log.warning("the reader thread did not end within %g s", timeout)
            self._ended = time.monotonic()

    def _dial(self, attempt: Attempt, target: Target) -> tuple[Transport, str | None]:
        settings = self._settings

        def open_connection(address: Address, context: ssl.SSLContext | None) -> Transport:
            transport = Transport.open(
                address,
                subprotocols=settings.subprotocols,
                headers=settings.headers,
                context=context,
                timeout=settings.connect_timeout,
                stall_timeout=settings.send_timeout,
                on_message=self._conversation.received,
                on_lost=self._lost,
                attempt=attempt,
            )
            try:
                self._check_subprotocol(address.url, transport.handshake)
            except ConnectError:
                transport.abort()
                self._ended = time.monotonic()
                raise
            return transport

        return dial(target, open_connection, self._log)

    def _check_subprotocol(self, url: str, handshake: Handshake) -> None:
        wanted, picked = self._protocol.subprotocol, handshake.subprotocol
        offered = self._settings.subprotocols
        if wanted in offered and picked != wanted:
            said = f"it picked {picked!r}" if picked else "it picked none"
            text = f"the CSMS did not confirm the subprotocol {wanted}: {said}"
        elif picked and picked not in offered:
            text = f"the CSMS picked the subprotocol {picked!r}, which was not offered"
        else:
            return
        raise ConnectError(
            f"{url}: {text}",
            url=url,
            status=handshake.status,
            headers=handshake.headers,
        )

    def _lost(self, transport: Transport, error: ConnectionLost) -> None:
        self._ended = time.monotonic()
        self._conversation.lost(transport, error)
        try:
            self._on_down(error, transport.closed_by_us)
        finally:
            if not transport.closed_by_us:
                self._try_again()
