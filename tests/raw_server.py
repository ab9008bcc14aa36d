"""A server of raw sockets that can send anything at all: WebSocket by hand, TLS from `trustme`. It
shares no code with what it tests."""

from __future__ import annotations

import base64
import contextlib
import errno
import functools
import hashlib
import queue
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

import trustme

__all__ = [
    "BINARY",
    "CLOSE",
    "CONTINUATION",
    "PATIENCE",
    "PING",
    "PONG",
    "TEXT",
    "Frame",
    "RawPeer",
    "RawServer",
    "authority",
    "client_context",
    "frame",
    "server_context",
    "upgrade",
]

PATIENCE = 10.0
"""Seconds that a test waits for what has to come."""

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3


class Frame(NamedTuple):
    """A WebSocket frame as it came."""

    opcode: int
    payload: bytes
    fin: bool = True
    masked: bool = True


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    reserved: int = 0,
    mask: bytes | None = None,
) -> bytes:
    """A WebSocket frame (RFC 6455 §5.2). reserved: its three bits, 0 to 7."""
    flag = 0 if mask is None else 0x80
    head = bytes([fin << 7 | reserved << 4 | opcode])
    if len(payload) < 126:
        head += bytes([flag | len(payload)])
    elif len(payload) < 65536:
        head += bytes([flag | 126]) + struct.pack("!H", len(payload))
    else:
        head += bytes([flag | 127]) + struct.pack("!Q", len(payload))
    return head + payload if mask is None else head + mask + _masked(payload, mask)


def _masked(payload: bytes, mask: bytes) -> bytes:
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(size)


class RawPeer:
    """One connection, as the server sees it. Whatever waits does so for `PATIENCE` at the most."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.request = b""
        self._buffer = b""
        sock.settimeout(PATIENCE)

    # the handshake

    def read_request(self) -> None:
        while b"\r\n\r\n" not in self._buffer:
            self._fill()
        self.request, _, self._buffer = self._buffer.partition(b"\r\n\r\n")

    @property
    def path(self) -> str:
        return self.request.split(b" ", 2)[1].decode()

    def headers(self, name: str) -> list[str]:
        """Every value of this header, in order."""
        lines = [line.decode().partition(":") for line in self.request.split(b"\r\n")[1:]]
        return [value.strip() for key, _, value in lines if key.lower() == name.lower()]

    def accept(
        self,
        subprotocol: str | None = "ocpp1.6",
        *,
        headers: Sequence[str] = (),
        key: str | None = None,
        then: bytes = b"",
    ) -> None:
        """Answer 101. key: of the request, where it is not to be believed. then: sent with it."""
        key = self.headers("Sec-WebSocket-Key")[0] if key is None else key
        proof = base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()
        lines = ["Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {proof}"]
        if subprotocol is not None:
            lines.append(f"Sec-WebSocket-Protocol: {subprotocol}")
        self.answer("101 Switching Protocols", *lines, *headers, body=then)

    def answer(self, status: str, *headers: str, body: bytes = b"") -> None:
        self.send("\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode() + body)

    # what follows

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def send_text(self, text: str) -> None:
        self.send(frame(TEXT, text.encode()))

    def fill(self) -> None:
        """Send until no more fits between here and there."""
        self.sock.settimeout(0.1)
        with contextlib.suppress(TimeoutError):
            while True:
                self.send(bytes(65536))

    def send_for_ever(self, data: bytes) -> None:
        """Until the connection is gone."""
        with contextlib.suppress(OSError):
            while True:
                self.send(data)

    def next(self) -> Frame:
        """The next frame. Raises EOFError at the end, ConnectionResetError at a reset."""
        first, second = self.take(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self.take(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self.take(8))
        mask = self.take(4) if second & 0x80 else None
        payload = self.take(size)
        if mask is not None:
            payload = _masked(payload, mask)
        return Frame(first & 0xF, payload, bool(first & 0x80), mask is not None)

    def answer_close(self) -> Frame:
        """Read up to the close frame, answer it, and close. Returns it."""
        while (came := self.next()).opcode != CLOSE:
            pass
        self.send(frame(CLOSE, came.payload[:2]))
        self.close()
        return came

    def take(self, size: int) -> bytes:
        if len(self._buffer) < size:
            parts, have = [self._buffer], len(self._buffer)
            while have < size:
                self._buffer = b""
                self._fill()
                parts.append(self._buffer)
                have += len(self._buffer)
            self._buffer = b"".join(parts)
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def rest(self) -> bytes:
        """All bytes up to the end. Raises ConnectionResetError at a reset."""
        with contextlib.suppress(EOFError):
            while True:
                self._fill()
        rest, self._buffer = self._buffer, b""
        return rest

    def end(self) -> str:
        """Wait for the end, without reading: ``"reset"`` or ``"closed"``."""
        # TLS of Python shows a reset as an end
        poller = select.poll()
        poller.register(self.sock.fileno(), select.POLLRDHUP)
        assert poller.poll(PATIENCE * 1000), "the connection is still open"
        error = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        # EPIPE: closed, and reset after that, as something lay there unread
        return {0: "closed", errno.EPIPE: "closed", errno.ECONNRESET: "reset"}[error]

    def _fill(self) -> None:
        data = self.sock.recv(1 << 20)
        if not data:
            raise EOFError
        self._buffer += data

    def stop(self) -> None:
        """End what another thread is doing here."""
        _stop(self.sock)

    def close(self) -> None:
        self.sock.close()

    def reset(self) -> None:
        """End it by a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def _stop(sock: socket.socket) -> None:
    # not what SSLSocket makes of it, which is for one thread only
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def upgrade(peer: RawPeer) -> None:
    """Become a WebSocket that speaks OCPP 1.6."""
    peer.read_request()
    peer.accept()


class RawServer:
    """Listens on a port of its own. `peer` gives its connections, when `answer` is done with them.

    answer: runs in a thread for each connection; it may lose it. then: runs there after that, while
    the test has the connection.
    """

    def __init__(
        self,
        answer: Callable[[RawPeer], Any] = upgrade,
        *,
        then: Callable[[RawPeer], Any] = lambda peer: None,
        context: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self._answer = answer
        self._then = then
        self._context = context
        self._peers: queue.Queue[RawPeer] = queue.Queue()
        self._failures: list[Exception] = []
        self._connections: list[socket.socket] = []
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family)
        # small, so that a peer that does not read is soon felt by who writes
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.host = host
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._listen, name="raw server")]
        self._threads[0].start()

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        scheme = "ws" if self._context is None else "wss"
        return f"{scheme}://{self.address}/CP1"

    def peer(self) -> RawPeer:
        """The next connection that came."""
        return self._peers.get(timeout=PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for sock in self._connections:
            _stop(sock)
        for thread in self._threads:
            thread.join(PATIENCE)
        for sock in [self._listener, *self._connections]:
            sock.close()
        if error is None and self._failures:
            raise self._failures[0]

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                sock.settimeout(PATIENCE)
                self._connections.append(sock)
                thread = threading.Thread(target=self._serve, args=(sock,), name="raw peer")
                self._threads.append(thread)
                thread.start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_side=True)
                self._connections.append(sock)
            peer = RawPeer(sock)
            self._answer(peer)
            self._peers.put(peer)
            self._then(peer)
        except (OSError, EOFError):
            # closed first: who breaks off the TLS handshake waits for the end
            sock.close()
        except Exception as error:
            self._failures.append(error)
            sock.close()


# TLS


@functools.cache
def authority() -> trustme.CA:
    """Whom `client_context` trusts."""
    return trustme.CA()


@functools.cache
def server_context(
    *names: str,
    version: ssl.TLSVersion | None = None,
    signer: trustme.CA | None = None,
    **validity: Any,
) -> ssl.SSLContext:
    """With a certificate for `names`, else for 127.0.0.1. validity: see `trustme.CA.issue_cert`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = (signer or authority()).issue_cert(*(names or ("127.0.0.1",)), **validity)
    certificate.configure_cert(context)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


def client_context() -> ssl.SSLContext:
    """Trusts `authority` alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority().configure_trust(context)
    return context
