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
from typing import NamedTuple

from . import tls_errors
from .errors import ConnectError
from .hosts import in_url

__all__ = ["Attempt", "Stream", "Tls", "open_stream"]

# what is asked for while waiting is allocated while waiting, for each charge point; only what comes
# in bulk is read in bulk
_CHUNK, _BULK = 2048, 65536
# s to look at a certificate that was not trusted
_LOOK_TIME = 2.0
# s in which the alert of a peer that hung up must be there
_ALERT_TIME = 0.5


class Attempt:
    """A connection that is coming about. `stop` ends it from any thread: who waits for it finds a
    broken connection (but not while it waits for the address of a host)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sock: socket.socket | None = None
        self.stopped = False

    def use(self, sock: socket.socket | None) -> None:
        """This socket is what `stop` ends; None: nothing, as it is to be closed now. Raises OSError
        where it was stopped."""
        with self._lock:
            self._sock = sock
            if sock is not None and self.stopped:
                raise OSError("it was stopped")

    def stop(self) -> None:
        with self._lock:
            self.stopped = True
            if self._sock is not None:
                _shut(self._sock)


def open_stream(
    host: str,
    port: int,
    context: ssl.SSLContext | None,
    deadline: float,
    attempt: Attempt | None = None,
) -> Stream:
    """A connection to host and port, with TLS where a context is given, by the monotonic
    `deadline`.

    Raises ConnectError that says what stood in the way.
    """
    attempt = attempt or Attempt()
    where = f"{in_url(host)}:{port}"
    try:
        sock = _connect(host, port, deadline, attempt)
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
    offered = getattr(context, "offers", None)  # of a context made elsewhere nobody knows
    try:
        sock.settimeout(_seconds_until(deadline))
        tls = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
        sock = tls
        attempt.use(tls)
        tls.do_handshake()
        return TlsStream(tls, deadline)
    except ssl.SSLCertVerificationError as error:
        _close(sock, attempt)
        text = f"the certificate of {where} is not trusted: {error.verify_message.rstrip('.')}"
        about = _about_certificate(host, port, deadline, attempt)
        raise ConnectError(f"{text} ({about})" if about else text) from error
    except TimeoutError as error:
        _close(sock, attempt)
        raise ConnectError(f"{where} did not finish the TLS handshake in time") from error
    except ssl.SSLError as error:
        _close(sock, attempt)
        text = f"no TLS with {where}: {tls_errors.no_tls(error, offered)}"
        raise ConnectError(text, refused=True) from error
    except (OSError, ValueError) as error:
        _close(sock, attempt)
        text = f"{where} broke off the TLS handshake: {error} ({tls_errors.hint(offered)})"
        raise ConnectError(text, refused=isinstance(error, OSError)) from error


def _about_certificate(host: str, port: int, deadline: float, attempt: Attempt) -> str:
    """What stands in the certificate that was not trusted; empty where that is not to be had.

    From another connection, as OpenSSL does not give it away.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    deadline = min(deadline, time.monotonic() + _LOOK_TIME)
    sock = None
    try:
        sock = _connect(host, port, deadline, attempt)
        sock.settimeout(_seconds_until(deadline))
        sock = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
        attempt.use(sock)
        sock.do_handshake()
        return tls_errors.about(sock.getpeercert(binary_form=True) or b"")
    except (OSError, ValueError):
        return ""
    finally:
        if sock is not None:
            _close(sock, attempt)


def _connect(host: str, port: int, deadline: float, attempt: Attempt) -> socket.socket:
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
            attempt.use(sock)
            sock.connect(address)
            return sock
        except OSError as error:
            _close(sock, attempt)
            failure = error
    raise failure


def _close(sock: socket.socket, attempt: Attempt) -> None:
    attempt.use(None)
    sock.close()


def _shut(sock: socket.socket) -> None:
    # SSLSocket.shutdown would drop the TLS state under the reader's feet
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _seconds_until(deadline: float) -> float:
    return max(0.001, deadline - time.monotonic())


class Tls(NamedTuple):
    """What a handshake came to. version: ``TLSv1.3``. cipher: OpenSSL's name of it. certificate: of
    the server, DER."""

    version: str
    cipher: str
    certificate: bytes


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
        self._held: threading.Event | None = None  # what is waited for while it is held
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
            try:
                self._buffer = self._read()
            except OSError:
                self.wait_while_held()
                raise
            self._position = 0
        if self._held is not None:
            self.wait_while_held()
            if self._ended:
                return b""
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

    def hold(self) -> None:
        """From now on nothing that comes in is given to who reads, and nothing should be sent;
        until `release`, `shutdown` or `reset`."""
        if self._held is None:
            self._held = threading.Event()
        if self._ended:
            self.release()

    def release(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            held.set()

    @property
    def ended(self) -> bool:
        """Whether this side has ended it."""
        return self._ended

    @property
    def held(self) -> bool:
        return self._held is not None

    def wait_while_held(self) -> None:
        held = self._held
        if held is not None:
            held.wait()

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
        _shut(self._sock)
        self.release()

    def reset(self) -> None:
        """Like `shutdown`, but the peer sees a TCP reset at `free`."""
        self._ended = True  # SHUT_RD does not keep out what the peer goes on sending
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            socket.socket.shutdown(self._sock, socket.SHUT_RD)
        self.release()

    def tls(self) -> Tls | None:
        """None without TLS, or when it is over."""
        return None

    def told(self) -> str | None:
        """Why the peer hung up during the handshake, in words, if it said so in TLS."""
        return None

    @property
    def hint(self) -> str:
        """What may be the matter where it hung up without a word."""
        return "does it want wss://?"

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
        self._alert: str | None = None
        sock.setblocking(False)

    def tls(self) -> Tls | None:
        with self._guard, contextlib.suppress(OSError, ValueError):
            version, cipher = self._sock.version(), self._sock.cipher()
            certificate = self._sock.getpeercert(binary_form=True)
            if version and cipher and certificate:
                return Tls(version, cipher[0], certificate)
        return None

    def told(self) -> str | None:
        if self._alert is None:
            # it may lie unread behind the error of a write
            self.deadline = time.monotonic() + _ALERT_TIME
            with contextlib.suppress(OSError):
                self._read()
        return tls_errors.explain(self._alert, self._offered) if self._alert else None

    @property
    def hint(self) -> str:
        return tls_errors.hint(self._offered)

    @property
    def _offered(self) -> bool | None:
        return getattr(self._sock.context, "offers", None)

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
                except ssl.SSLError as error:
                    # a refused client certificate shows no sooner in TLS 1.3
                    self._alert = tls_errors.alert_of(error)
                    raise
            if not self._poll(event, self._left()):
                raise TimeoutError("timed out")
