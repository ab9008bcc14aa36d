"""A connected socket, plain or TLS: read by one thread, written to by any (see `writer.py`).

Reading is buffered, as websocket-client asks for a handshake byte by byte.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import threading
import time

from .errors import ConnectError

__all__ = ["Stream", "open_stream"]

# what is asked for while waiting is allocated while waiting, for each charge point; only what comes
# in bulk is read in bulk
_CHUNK, _BULK = 4096, 65536


def open_stream(host: str, port: int, context: ssl.SSLContext | None, deadline: float) -> Stream:
    """A connection to host and port, with TLS where a context is given, by the monotonic
    `deadline`.

    Raises ConnectError that says what stood in the way.
    """
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        sock = _connect(host, port, deadline)
    except socket.gaierror as error:
        raise ConnectError(f"unknown host {host!r} ({error.strerror})") from error
    except ConnectionRefusedError as error:
        raise ConnectError(f"nothing listens at {where} (connection refused)") from error
    except TimeoutError as error:
        raise ConnectError(f"no answer from {where} in time") from error
    except (OSError, ValueError) as error:  # ValueError: no name of a host
        raise ConnectError(f"no connection to {where}: {error}") from error
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        # else the kernel takes megabytes, and no more until a third of them has gone: who reads
        # slowly would look like one who does not read
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _BULK)
    if context is None:
        return Stream(sock, deadline)
    try:
        sock.settimeout(_seconds_until(deadline))
        return TlsStream(context.wrap_socket(sock, server_hostname=host), deadline)
    except ssl.SSLCertVerificationError as error:
        sock.close()
        text = f"the certificate of {where} is not trusted: {error.verify_message}"
        raise ConnectError(text) from error
    except TimeoutError as error:
        sock.close()
        raise ConnectError(f"{where} did not finish the TLS handshake in time") from error
    except ssl.SSLError as error:
        sock.close()
        hint = " (does it speak TLS?)" if error.reason == "WRONG_VERSION_NUMBER" else ""
        text = f"no TLS with {where}: {error.reason or error}{hint}"
        raise ConnectError(text) from error
    except (OSError, ValueError) as error:
        sock.close()
        raise ConnectError(f"{where} broke off the TLS handshake: {error}") from error


def _connect(host: str, port: int, deadline: float) -> socket.socket:
    # socket.create_connection takes its time-out anew for each address of the host
    failure = OSError("it has no address")
    for *kind, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        try:
            sock = socket.socket(*kind)
        except OSError as error:
            failure = error
            continue
        try:
            sock.settimeout(_seconds_until(deadline))
            sock.connect(address)
            return sock
        except OSError as error:
            sock.close()
            failure = error
    raise failure


def _seconds_until(deadline: float) -> float:
    return max(0.001, deadline - time.monotonic())


class Stream:
    """A connected TCP socket, with the few methods that websocket-client wants of one."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self.deadline: float | None = deadline
        """The monotonic time from which on `recv` and `send` raise TimeoutError; None: they wait as
        long as it takes. For the thread that reads."""
        self._buffer = b""
        self._position = 0
        self._by_line = True
        self.heard = b""
        """What was read of the handshake."""
        self._bulk = False
        self._ended = False
        self._freed = False
        sock.settimeout(None)

    def established(self) -> None:
        """The handshake is over: from now on `recv` waits as long as it takes."""
        self.deadline = None
        self._by_line = False
        self.heard = b""

    def recv(self, size: int) -> bytes:
        """At most `size` bytes, b"" at the end. For one thread only.

        Before `established`, whoever asks for one byte gets all up to the end of the line, then its
        newline: websocket-client reads the handshake so, and joins what it gets.
        """
        if self._position == len(self._buffer):
            if self._ended:
                return b""
            # also where there is always something to read
            if self._left() == 0:
                raise TimeoutError("timed out")
            self._buffer = self._read()
            self._position = 0
        start = self._position
        if size == 1 and self._by_line:
            newline = self._buffer.find(b"\n", start)
            size = max(1, (len(self._buffer) if newline < 0 else newline) - start)
        data = self._buffer[start : start + size]
        self._position += len(data)
        if self._by_line:
            self.heard += data
        return data

    def send(self, data: bytes) -> int:
        """Send all of it, before there is a `Writer`: for the handshake."""
        view = memoryview(data)
        while view:
            sent = self.send_now(view)
            view = view[sent:]
            if not sent and not self.wait_writable(self._left()):
                raise TimeoutError("timed out")
        return len(data)

    def gettimeout(self) -> float:
        """0: websocket-client then leaves the waiting to `recv` and `send`."""
        return 0.0

    def send_now(self, data: bytes | memoryview) -> int:
        """How many bytes of `data` could be sent without waiting. Raises OSError."""
        try:
            return self._sock.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0

    def wait_writable(self, timeout: float | None) -> bool:
        return self._poll(select.POLLOUT, timeout)

    def shutdown(self) -> None:
        """Wake up whoever reads: it finds the end. From any thread."""
        self._ended = True  # also where there is always something to read
        # SSLSocket.shutdown would drop the TLS state under the reader's feet
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def reset(self) -> None:
        """Like `shutdown`, but the peer sees a TCP reset at `free`."""
        self._ended = True  # SHUT_RD does not keep out what the peer goes on sending
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            socket.socket.shutdown(self._sock, socket.SHUT_RD)

    def close(self) -> None:
        """Nothing: websocket-client calls it where others may still write. See `free`."""

    def free(self) -> None:
        """Close the socket. Only when no other thread uses it, as its number is free for others
        then."""
        self._freed = True
        self._sock.close()

    def _read(self) -> bytes:
        if self.deadline is not None and not self._poll(select.POLLIN, self._left()):
            raise TimeoutError("timed out")
        return self._received(self._sock.recv(self._size()))

    def _size(self) -> int:
        return _BULK if self._bulk else _CHUNK

    def _received(self, data: bytes) -> bytes:
        self._bulk = len(data) >= _CHUNK
        return data

    def _left(self) -> float | None:
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    def _poll(self, event: int, timeout: float | None) -> bool:
        poller = select.poll()
        if self._freed:
            raise OSError("the socket is closed")
        poller.register(self._sock.fileno(), event)
        return bool(poller.poll(None if timeout is None else timeout * 1000))


class TlsStream(Stream):
    """The same over TLS.

    OpenSSL loses connections when one thread reads and another writes at the same time, so each
    does so under one lock without blocking, and waits outside it.
    """

    _sock: ssl.SSLSocket

    def __init__(self, sock: ssl.SSLSocket, deadline: float) -> None:
        super().__init__(sock, deadline)
        self._guard = threading.Lock()
        self._write_wants_read = False
        sock.setblocking(False)

    def send_now(self, data: bytes | memoryview) -> int:
        with self._guard:
            self._write_wants_read = False
            try:
                return self._sock.send(data)
            except ssl.SSLWantWriteError:
                return 0
            except ssl.SSLWantReadError:
                self._write_wants_read = True
                return 0

    def wait_writable(self, timeout: float | None) -> bool:
        return self._poll(select.POLLIN if self._write_wants_read else select.POLLOUT, timeout)

    def _read(self) -> bytes:
        while True:
            with self._guard:
                try:
                    return self._received(self._sock.recv(self._size()))
                except ssl.SSLWantReadError:
                    event = select.POLLIN
                except ssl.SSLWantWriteError:
                    event = select.POLLOUT
                except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                    return b""
            if not self._poll(event, self._left()):
                raise TimeoutError("timed out")
