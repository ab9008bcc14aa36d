"""The connection of a charge point: dial, hang up, dial again, notice the loss."""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .address import Address
from .blocking import may_block, never_block
from .errors import ConnectError, ConnectionLost
from .protocol import Protocol
from .timers import timers
from .transport import Handshake, Transport

if TYPE_CHECKING:
    from .conversation import Conversation

__all__ = ["Link", "Settings"]


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


class Link:
    """One charge point's connection, over and over.

    on_up(): connected, nothing received yet. on_down(reason, by_us): the end, told once a
    connection, in its reader thread.
    """

    def __init__(
        self,
        address: Address,
        protocol: Protocol,
        settings: Settings,
        conversation: Conversation,
        log: logging.LoggerAdapter[logging.Logger],
        *,
        on_up: Callable[[], object],
        on_down: Callable[[ConnectionLost, bool], object],
    ) -> None:
        self.closed = threading.Event()
        """Set by `close`, cleared by `reconnect`."""
        self._address = address
        self._protocol = protocol
        self._settings = settings
        self._conversation = conversation
        self._log = log
        self._on_up = on_up
        self._on_down = on_down
        self._transport: Transport | None = None
        self._dialling = threading.Lock()  # held by `reconnect` alone, which ends by its time-outs
        self._lock = threading.Lock()
        self._open = False  # between reconnect and close, whether the connection lives or not
        self._closes = 0

    @property
    def connected(self) -> bool:
        transport = self._transport
        return transport is not None and transport.alive

    @property
    def transport(self) -> Transport:
        """The last connection, alive or not. Raises ConnectionLost where there never was one."""
        if self._transport is None:
            raise ConnectionLost("not connected")
        return self._transport

    def reconnect(self) -> None:
        """Hang up, and connect again. Raises ConnectError; ConnectionLost where `close` comes
        meanwhile."""
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
                    self.closed.clear()
                    if not self._open:
                        self._open = True
                        timers.hold()
            if not current:
                transport.abort()
                raise ConnectionLost("closed while connecting")
            self._conversation.attach(transport)
            with never_block("ocppsim_connected"):
                self._on_up()
            transport.start()
        text = "connected to %s, subprotocol %s"
        self._log.debug(text, self._address.url, transport.handshake.subprotocol)

    def close(
        self, code: int | None, reason: str, timeout: float, join: Callable[[float], object]
    ) -> None:
        """Hang up for good, from any thread; within `timeout` seconds, the rest of which goes to
        `join`."""
        deadline = time.monotonic() + timeout
        with self._lock:
            self._closes += 1
            was_open, self._open = self._open, False
        self.closed.set()
        self._hang_up(code, reason, timeout)
        join(max(0.0, deadline - time.monotonic()))
        if was_open:
            timers.release()

    def abort(self, *, reset: bool) -> None:
        """End the connection without a closing handshake."""
        if self._transport is not None:
            self._transport.abort(reset=reset)

    def _hang_up(self, code: int | None, reason: str, timeout: float) -> None:
        transport = self._transport
        if transport is None:
            return
        # whoever waits for an answer would not get it any more
        self._conversation.lost(transport, ConnectionLost("closed by this charge point"))
        if not transport.close(code, reason, timeout) and not transport.in_reader():
            self._log.warning("the reader thread did not end within %g s", timeout)

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
            on_lost=self._lost,
        )
        try:
            self._check_subprotocol(transport.handshake)
        except ConnectError:
            transport.abort()
            raise
        return transport

    def _check_subprotocol(self, handshake: Handshake) -> None:
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
            f"{self._address.url}: {text}",
            url=self._address.url,
            status=handshake.status,
            headers=handshake.headers,
        )

    def _lost(self, transport: Transport, error: ConnectionLost) -> None:
        self._conversation.lost(transport, error)
        self._on_down(error, transport.closed_by_us)
