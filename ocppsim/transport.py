"""One WebSocket connection on websocket-client: connect, send, reader thread, ping, close.

It knows messages and control frames, not OCPP.
"""

from __future__ import annotations

import logging
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .address import Address
from .blocking import never_block
from .errors import ConnectError, ConnectionLost, Fault
from .stream import Stream, Writer, open_stream

if TYPE_CHECKING:
    from websocket import WebSocket

__all__ = ["Handshake", "Transport"]

_log = logging.getLogger("ocppsim.transport")

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 0x1, 0x2, 0x0, 0x8, 0x9, 0xA


@dataclass(frozen=True, slots=True)
class Handshake:
    """What the server answered to the WebSocket handshake: HTTP status, headers (names in lower
    case), and the subprotocol it picked."""

    status: int
    headers: Mapping[str, str]
    subprotocol: str | None


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
        self._ws: Any = ws  # untyped in part
        self._stream = stream
        self._writer = Writer(stream, f"ocppsim {name} writer", stall_timeout)
        self._on_message = on_message
        self._on_lost = on_lost
        self._pong = threading.Condition()
        self._pongs: list[bytes] = []
        self._close_sent = False
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
    ) -> Transport:
        """Connect within `timeout` seconds. Raises ConnectError."""
        deadline = time.monotonic() + timeout
        try:
            stream = open_stream(address.host, address.port, context, deadline)
            ws, handshake = _shake_hands(stream, address, subprotocols, headers)
        except ConnectError as error:
            text = f"{address.url}: {error}"
            raise ConnectError(
                text, url=address.url, status=error.status, headers=error.headers, body=error.body
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
        self._reader.start()

    @property
    def alive(self) -> bool:
        return self._lost is None and not self._close_sent

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
        self._writer.write(message, first=first, wait=wait and not self.in_reader())

    def ping(self, payload: bytes, timeout: float) -> float:
        """Send a ping and wait for its pong; the seconds between. Raises TimeoutError,
        ConnectionLost."""
        started = time.monotonic()
        self._writer.write(_frame(PING, payload))
        with self._pong:
            if not self._pong.wait_for(lambda: payload in self._pongs or self._lost, timeout):
                raise TimeoutError(f"no pong within {timeout:g} s")
            if payload not in self._pongs:
                raise ConnectionLost(str(self._lost))
            self._pongs.remove(payload)
        return time.monotonic() - started

    def close(self, code: int | None = 1000, reason: str = "", timeout: float = 5.0) -> bool:
        """Closing handshake, then the end, within about `timeout` seconds. Whether the reader
        ended.

        code None sends a close frame without a code.
        """
        self.closed_by_us = True
        self._say_close(b"" if code is None else struct.pack("!H", code) + reason.encode()[:123])
        if not self.in_reader():
            # half of the time for the peer's close frame, then without it
            self._reader.join(timeout / 2)
            self._stream.shutdown()
            self._reader.join(timeout / 2)
            self._writer.join(timeout / 2)
        return not self._reader.is_alive()

    def abort(self, *, reset: bool = False, timeout: float = 5.0) -> None:
        """End it without a closing handshake; reset=True by a TCP RST."""
        self.closed_by_us = self._close_sent = True
        if reset:
            self._stream.reset()
        else:
            self._stream.shutdown()
        if self._reader.ident is None:  # never started
            self._stream.close()
        elif not self.in_reader():
            self._reader.join(timeout)

    def _say_close(self, payload: bytes) -> None:
        if self._close_sent:
            return
        self._close_sent = True
        try:
            self._writer.write(_frame(CLOSE, payload), wait=False)
        except ConnectionLost:
            pass  # then there is nobody to say it to

    def _read(self) -> None:
        lost = ConnectionLost("the connection ended without a closing handshake")
        try:
            with never_block("the reader thread"):
                lost = self._read_until_close()
        except Exception as error:
            lost = self._why(error)
        finally:
            self._lost = lost
            self._writer.stop(str(lost))
            self._stream.close()
            with self._pong:
                self._pong.notify_all()
            with never_block("the reader thread"):
                self._on_lost(self, lost)

    def _read_until_close(self) -> ConnectionLost:
        parts = self._ws.cont_frame
        while True:
            frame = self._ws.recv_frame()
            if frame.opcode <= BINARY:
                parts.validate(frame)
                parts.add(frame)
                if frame.fin:
                    masked = frame.mask_value
                    opcode, whole = parts.extract(frame)
                    self._deliver(opcode, bytes(whole.data), bool(masked))
            elif frame.opcode == PING:
                self._writer.write(_frame(PONG, bytes(frame.data)), wait=False)
            elif frame.opcode == PONG:
                with self._pong:
                    self._pongs = [*self._pongs[-9:], bytes(frame.data)]
                    self._pong.notify_all()
            else:
                return self._closed_by(bytes(frame.data))

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
        said = ": ".join(part for part in (f"code {code}" if code else "no code", reason) if part)
        return ConnectionLost(f"{by} ({said})", code=code)

    def _why(self, error: Exception) -> ConnectionLost:
        from websocket import WebSocketConnectionClosedException, WebSocketProtocolException

        if isinstance(error, WebSocketProtocolException):
            self._say_close(struct.pack("!H", 1002))
            return ConnectionLost(f"the CSMS broke the WebSocket protocol: {error}", code=1002)
        if self.closed_by_us:
            return ConnectionLost("closed without an answer to the close frame")
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


def _shake_hands(
    stream: Stream, address: Address, subprotocols: Sequence[str], headers: Mapping[str, str]
) -> tuple[WebSocket, Handshake]:
    import websocket

    # websocket-client would accept no answer that names none of the subprotocols, without a word on
    # what it was; so they go as a plain header, and `connect` judges the answer
    lines = dict(headers)
    if subprotocols:
        lines["Sec-WebSocket-Protocol"] = ", ".join(subprotocols)
    if address.authorization:
        lines.setdefault("Authorization", address.authorization)
    ws: Any = websocket.WebSocket(enable_multithread=False, skip_utf8_validation=True)
    _forget_cookies()
    try:
        ws.connect(
            address.url,
            socket=stream,
            header=lines,
            suppress_origin=True,  # a charge point is no web page
            redirect_limit=0,
        )
    except websocket.WebSocketBadStatusException as error:
        raise _refused(error.status_code, error.resp_headers, error.resp_body, address) from None
    except websocket.WebSocketTimeoutException:
        raise ConnectError("connected, but no answer to the WebSocket handshake in time") from None
    except websocket.WebSocketConnectionClosedException:
        raise ConnectError("the server closed the connection during the handshake") from None
    except (websocket.WebSocketException, ValueError, OSError) as error:
        answer = ws.handshake_response
        if answer is not None:
            raise _refused(answer.status, answer.headers, b"", address) from None
        if isinstance(error, OSError):
            text = f"the connection broke during the handshake: {error}"
        else:
            text = f"the answer is no WebSocket handshake: {error}"
        raise ConnectError(text) from None
    finally:
        _forget_cookies()
    answer = ws.handshake_response
    picked = answer.headers.get("sec-websocket-protocol")
    return ws, Handshake(answer.status, answer.headers, picked)


def _refused(
    status: int, headers: Mapping[str, str] | None, body: bytes | None, address: Address
) -> ConnectError:
    headers = headers or {}
    body = body or b""
    hint = {
        401: "name or password refused" if address.authorization else "it wants a password",
        403: "forbidden",
        404: f"no such path, or no charge point {address.name!r}",
    }.get(status, "")
    if 300 <= status < 400:
        hint = f"it redirects to {headers.get('location', 'nowhere')}, connect there"
    text = f"the CSMS refused the handshake with HTTP {status}"
    text += f" ({hint})" if hint else ""
    said = " ".join(body.decode(errors="replace").split())
    text += f": {said[:200]}" if said else ""
    return ConnectError(text, status=status, headers=headers, body=body)


def _forget_cookies() -> None:
    # websocket-client keeps one cookie jar for the process: one charge point's would go to others
    from websocket._handshake import CookieJar

    CookieJar.jar.clear()
