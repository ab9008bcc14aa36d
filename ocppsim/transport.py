"""One WebSocket connection on websocket-client: connect, send, reader thread, ping, close.

It knows messages and control frames, not OCPP.
"""

from __future__ import annotations

import contextlib
import logging
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from .address import Address
from .blocking import may_block, never_block
from .errors import ConnectError, ConnectionLost, Fault
from .handshake import Handshake, shake_hands
from .interrupts import wait_for
from .pings import Pings
from .stream import Attempt, Stream, Tls, open_stream
from .timers import Timer, timers
from .writer import Writer

if TYPE_CHECKING:
    from websocket import WebSocket

__all__ = ["Handshake", "Transport"]

_log = logging.getLogger("ocppsim.transport")

# s in which the answer to a close frame must be written
_FLUSH_TIME = 2.0

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 0x1, 0x2, 0x0, 0x8, 0x9, 0xA


class Transport:
    """One connection. `open` makes it, `start` begins to read, `close` ends it from any thread.

    on_message(transport, data, fault): each message, in the reader thread; str for text, bytes for
    binary; the fault where it broke RFC 6455 but could be read. on_lost(transport, error): once,
    when it is over.
    """

    def __init__(
        self,
        ws: WebSocket,
        stream: Stream,
        handshake: Handshake,
        *,
        name: str,
        stall_timeout: float,
        on_message: Callable[[Transport, str | bytes, Fault | None], None],
        on_lost: Callable[[Transport, ConnectionLost], None],
    ) -> None:
        self.handshake = handshake
        self.opened = datetime.now(UTC)
        self._ws: Any = ws  # untyped in part
        self._stream = stream
        self._writer = Writer(stream, f"ocppsim {name} writer", stall_timeout)
        self._on_message = on_message
        self._on_lost = on_lost
        self._pong: threading.Condition | None = None  # only who pings needs it
        self._pongs: list[bytes] = []
        self._pings: Pings | None = None
        self._ping_every = 0.0, 0.0  # interval and time-out, s
        self._stalls = 0  # how many there were,
        self._stall: Timer | None = None  # and what ends the last one
        self._state = threading.Lock()  # for the two below, the pings, and the stall
        self._started = self._close_sent = False
        self.closed_by_us = False
        self._lost: ConnectionLost | None = None
        self._reader = threading.Thread(
            target=self._read, name=f"ocppsim {name} reader", daemon=True
        )

    @classmethod
    def open(
        cls,
        address: Address,
        *,
        subprotocols: Sequence[str],
        headers: Mapping[str, str],
        context: ssl.SSLContext | None,
        timeout: float,
        stall_timeout: float,
        on_message: Callable[[Transport, str | bytes, Fault | None], None],
        on_lost: Callable[[Transport, ConnectionLost], None],
        attempt: Attempt | None = None,
    ) -> Transport:
        """Connect within `timeout` seconds. Raises ConnectError. attempt: to stop it before."""
        deadline = time.monotonic() + timeout
        attempt = attempt or Attempt()
        stream = None
        try:
            stream = open_stream(address.host, address.port, context, deadline, attempt)
            ws, handshake = shake_hands(stream, address, subprotocols, headers)
        except BaseException as error:
            if stream is not None:
                attempt.use(None)
                stream.free()
            if not isinstance(error, ConnectError):
                raise
            text = f"{address.url}: {error}"
            raise ConnectError(
                text,
                url=address.url,
                refused=error.refused,
                status=error.status,
                headers=error.headers,
                body=error.body,
            ) from error.__cause__
        stream.established()
        return cls(
            ws,
            stream,
            handshake,
            name=address.name,
            stall_timeout=stall_timeout,
            on_message=on_message,
            on_lost=on_lost,
        )

    def start(self) -> None:
        with self._state:
            self._reader.start()
            self._started = True

    @property
    def alive(self) -> bool:
        return self._lost is None and not self._close_sent and self._writer.failure is None

    @property
    def started(self) -> bool:
        return self._started

    def tls(self) -> Tls | None:
        """What the TLS handshake came to; None without TLS, or when the connection is over."""
        return self._stream.tls() if self.alive else None

    def in_reader(self) -> bool:
        return threading.current_thread() is self._reader

    def send(
        self,
        data: str | bytes,
        *,
        first: Callable[[], object] | None = None,
        wait: bool = True,
        fragments: int = 1,
    ) -> None:
        """Send one message, text for str and binary for bytes, in so many fragments (RFC 6455
        §5.4).

        Half a surrogate pair in a str goes out as it is: as bad UTF-8. first, wait: see
        `Writer.write`.
        """
        if isinstance(data, str):
            message = _message(TEXT, data.encode(errors="surrogatepass"), fragments)
        else:
            message = _message(BINARY, data, fragments)

        def before() -> None:
            if self._close_sent:  # nothing may follow the close frame (RFC 6455 §5.5.1)
                raise ConnectionLost("the connection is being closed")
            if first is not None:
                first()

        self._writer.write(message, first=before, wait=wait and not self.in_reader())

    def ping(self, payload: bytes, timeout: float) -> float:
        """Send a ping and wait for its pong; the seconds between. Raises TimeoutError,
        ConnectionLost, WouldDeadlock."""
        may_block("ping()")
        started = time.monotonic()
        pong = self._pong = self._pong or threading.Condition()
        with pong:
            # of an earlier one, which came too late
            self._pongs = [pong for pong in self._pongs if pong != payload]
        self._writer.write(_frame(PING, payload), wait=False)
        with pong:
            if not wait_for(pong, lambda: payload in self._pongs or self._lost, timeout):
                raise TimeoutError(f"no pong within {timeout:g} s")
            if payload in self._pongs:
                self._pongs.remove(payload)
            elif self._lost is not None:
                raise ConnectionLost(str(self._lost), code=self._lost.code)
        return time.monotonic() - started

    def ping_every(self, interval: float, pong_timeout: float) -> None:
        """From now on; 0: not at all. `fail` where a pong does not come in time."""
        with self._state:
            self._stop_pings()
            self._ping_every = interval, pong_timeout
            self._start_pings()

    def _start_pings(self) -> None:
        interval, pong_timeout = self._ping_every
        if interval and self.alive and not self._stream.held:
            self._pings = Pings(
                interval,
                pong_timeout,
                send=lambda payload: self._writer.write(_frame(PING, payload), wait=False),
                fail=self.fail,
            )

    def stall(self, seconds: float) -> None:
        """Neither read nor write for so long, while the connection stays open; 0 ends that."""
        with self._state:
            self._stalls += 1
            number = self._stalls
            if self._stall is not None:
                self._stall.cancel()
            if seconds and self.alive:
                self._stop_pings()  # nobody would hear a pong
                self._stream.hold()
                self._stall = timers.after(seconds, lambda: self._go_on(number))
                return
        self._go_on(number)

    def _go_on(self, number: int) -> None:
        """After this stall, if it is the last one."""
        with self._state:
            if number == self._stalls and self._stream.held:
                self._stream.release()
                self._start_pings()

    def fail(self, why: str) -> None:
        """The connection is no good: end it, from any thread, without a closing handshake."""
        self._writer.stop(why)
        self._stream.shutdown()

    def _stop_pings(self) -> None:
        pings, self._pings = self._pings, None
        if pings is not None:
            pings.stop()

    def close(self, code: int | None = 1000, reason: str = "", timeout: float = 5.0) -> bool:
        """Closing handshake, then the end, within `timeout` seconds. Whether the reader ended.

        code None sends a close frame without a code.
        """
        deadline = time.monotonic() + timeout
        payload = b""
        if code is not None:
            # a control frame has 125 bytes at the most, and no part of a character
            text = reason.encode()[:123].decode(errors="ignore")
            payload = struct.pack("!H", code) + text.encode()
        self._ends_here()
        self.stall(0)
        self._say_close(payload)
        # half of the time for the peer's close frame, then without it
        if self.in_reader():
            if self._stream.deadline is None:
                self._stream.deadline = time.monotonic() + timeout / 2
        elif self._is_started():
            self._reader.join(timeout / 2)
            self._stream.shutdown()
            self._reader.join(max(0.0, deadline - time.monotonic()))
            self._writer.join(max(0.0, deadline - time.monotonic()))
        return not self._reader.is_alive()

    def abort(self, *, reset: bool = False, timeout: float = 5.0) -> None:
        """End it without a closing handshake; reset=True by a TCP RST."""
        self._ends_here()
        self._close_sent = True
        if reset:
            self._stream.reset()
        else:
            self._stream.shutdown()
        if not self.in_reader() and self._is_started():
            self._reader.join(timeout)

    def _ends_here(self) -> None:
        if self._lost is None:
            self.closed_by_us = True

    def _is_started(self) -> bool:
        """Otherwise the stream is free now, as no reader would do it; one that starts finds the
        end."""
        with self._state:
            if not self._started:
                self._writer.stop("closed before it was begun")
                self._stream.free()
            return self._started

    def _say_close(self, payload: bytes) -> None:
        with self._state:
            if self._close_sent:
                return
            self._close_sent = True
            self._stop_pings()
        # else there is nobody to say it to
        with contextlib.suppress(ConnectionLost):
            self._writer.write(_frame(CLOSE, payload), wait=False)

    def _read(self) -> None:
        lost = ConnectionLost("the connection ended without a closing handshake")
        try:
            with never_block("the reader thread"):
                lost = self._read_until_close()
        except Exception as error:
            lost = self._why(error)
        finally:
            with self._state:
                self._lost = lost
                self._stop_pings()
                if self._stall is not None:
                    self._stall.cancel()
            self._writer.stop(str(lost))
            self._stream.free()
            if self._pong is not None:
                with self._pong:
                    self._pong.notify_all()
            with never_block("the reader thread"):
                self._on_lost(self, lost)

    def _read_until_close(self) -> ConnectionLost:
        from websocket import WebSocketProtocolException

        parts = self._ws.cont_frame
        masked = False
        while True:
            frame = self._ws.recv_frame()
            if frame.opcode <= BINARY:
                parts.validate(frame)
                parts.add(frame)
                masked = masked or bool(frame.mask_value)
                if frame.fin:
                    opcode, whole = parts.extract(frame)
                    self._deliver(opcode, bytes(whole.data), masked)
                    masked = False
            elif not frame.fin or len(frame.data) > 125:
                raise WebSocketProtocolException("a control frame is whole and short (§5.5)")
            elif frame.opcode == PING:
                self._writer.write(_frame(PONG, bytes(frame.data)), wait=False)
            elif frame.opcode == PONG:
                self._got_pong(bytes(frame.data))
            else:
                return self._closed_by(bytes(frame.data))

    def _got_pong(self, payload: bytes) -> None:
        pings = self._pings
        if pings is not None:
            pings.pong(payload)
        if self._pong is not None:
            with self._pong:
                self._pongs = [*self._pongs[-9:], payload]
                self._pong.notify_all()

    def _deliver(self, opcode: int, data: bytes, masked: bool) -> None:
        fault = None
        if masked:
            fault = Fault("$", "no mask", "a server must not mask its frames (RFC 6455 §5.1)")
        if opcode == BINARY:
            self._on_message(self, data, fault)
            return
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            fault = Fault("$", "UTF-8", f"not UTF-8 at byte {error.start}")
            text = data.decode(errors="replace")
        self._on_message(self, text, fault)

    def _closed_by(self, payload: bytes) -> ConnectionLost:
        code = struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else None
        reason = payload[2:].decode(errors="replace")
        by = "closed" if self.closed_by_us else "the CSMS closed the connection"
        self._say_close(payload[:2])
        self._writer.flush(_FLUSH_TIME)
        said = ": ".join(part for part in (f"code {code}" if code else "no code", reason) if part)
        return ConnectionLost(f"{by} ({said})", code=code)

    def _why(self, error: Exception) -> ConnectionLost:
        from websocket import WebSocketConnectionClosedException, WebSocketProtocolException

        if isinstance(error, WebSocketProtocolException):
            self._say_close(struct.pack("!H", 1002))
            self._writer.flush(_FLUSH_TIME)
            return ConnectionLost(f"the CSMS broke the WebSocket protocol: {error}")
        if self.closed_by_us:
            return ConnectionLost("closed without an answer to the close frame")
        if self._writer.failure is not None:
            return ConnectionLost(self._writer.failure)
        if isinstance(error, WebSocketConnectionClosedException):
            return ConnectionLost("the connection ended without a closing handshake")
        if not isinstance(error, (OSError, ConnectionLost)):
            _log.exception("the reader thread failed; please report this")
        return ConnectionLost(f"the connection broke: {error}")


def _message(opcode: int, payload: bytes, fragments: int) -> bytes:
    if fragments < 2:
        return _frame(opcode, payload)
    size = -(-len(payload) // fragments)
    parts = [payload[i * size : (i + 1) * size] for i in range(fragments)]
    opcodes = [opcode] + [CONTINUATION] * (fragments - 1)
    last = fragments - 1
    return b"".join(_frame(opcodes[i], parts[i], i == last) for i in range(fragments))


def _frame(opcode: int, payload: bytes, fin: bool = True) -> bytes:
    from websocket import ABNF

    return ABNF(int(fin), 0, 0, 0, opcode, 1, payload).format()
