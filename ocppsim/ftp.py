"""One FTP transfer's connections, on `ftplib`: plain, or with explicit TLS (RFC 4217); passive mode
alone."""

from __future__ import annotations

import contextlib
import ftplib
import logging
import re
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Self

from .errors import TransferError
from .location import Location
from .masking import MASK

__all__ = ["Control"]

_log = logging.getLogger("ocppsim.transfer")

_ANSWER_SIZE = 65536  # bytes; far more than any server has to say
_SHOWN_SIZE = 200  # characters of an answer
_LAST_WORDS = 2.0  # s for a server to say why it broke off, or to take its leave
_LONGEST = 2_000_000.0  # s; what poll(2) can wait

_FIRST_LINE = re.compile(r"[1-5][0-9][0-9](?:[ -]|$)")


class Control(ftplib.FTP):
    """The control connection of one transfer; a ``with`` connects, logs in, and closes.

    timeout: s for the connection, for each answer, and without progress in the data.
    context: for TLS; else the system's trust store and the host's name hold.
    Every step raises TransferError; none of its text, causes or log lines holds the password.
    """

    # What an answer to PASV says of a host is ignored, and the host taken that we are connected to:
    # behind NAT a server may not know its address, and a bad one might send us anywhere. EPSV,
    # which ftplib uses for IPv6, names no host.
    trust_server_pasv_ipv4_address = False

    sock: socket.socket
    timeout: float

    def __init__(self, location: Location, timeout: float, context: ssl.SSLContext | None) -> None:
        if not timeout > 0:
            raise ValueError(f"a time-out is a number of seconds above 0, not {timeout!r}")
        super().__init__(timeout=min(timeout, _LONGEST))
        self.host = location.host
        self.port = location.port
        self._location = location
        self._context = (context or ssl.create_default_context()) if location.tls else None
        self._patience = self.timeout  # s, for a whole answer
        self._received = b""
        self._room = 0  # bytes that the answer may still have
        self._begins = True  # whether the next line is the first of an answer
        self._deadline = 0.0
        self._data: socket.socket | None = None

    # --- steps ---

    def __enter__(self) -> Self:
        user, password = self._location.user or "", self._location.password or ""
        who = self._without_password(repr(user)) if user else "anonymous"
        try:
            with self.step(f"connect to {self.host}, port {self.port}"):
                self.sock = _connect(self.host, self.port, self.timeout)
                self.af = self.sock.family
            explicit = " (ftps:// is explicit TLS, not implicit)" if self._context else ""
            with self.step(f"get a greeting{explicit}"):
                self.voidresp()
            if self._context is not None:
                with self.step("begin TLS"):
                    self.voidcmd("AUTH TLS")
                    self._received = b""  # what came in the clear may be anybody's
                    self.sock = self._secured(self.sock, self._context)
            with self.step(f"log in as {who}"):
                self.login(user, password)
            if self._context is not None:
                with self.step("have the data encrypted"):
                    self.voidcmd("PBSZ 0")
                    self.voidcmd("PROT P")
            with self.step("have the data sent as it is"):
                self.voidcmd("TYPE I")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def stop(self) -> None:
        """From any thread: whoever waits for the server finds broken connections (but not while
        they come about)."""
        for sock in (self._data, self.sock):
            if sock is not None:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def enter(self, folders: tuple[str, ...]) -> None:
        """Go there, one by one (RFC 1738 §3.2.2)."""
        path = ""
        for folder in folders:
            path += folder if path in ("", "/") else f"/{folder}"
            with self.step(f"enter the folder {path!r}"):
                self.cwd(folder)

    def size_of(self, name: str) -> int | None:
        """Bytes, where the server says so (RFC 3659 §4)."""
        with self.step(f"ask for the size of {name!r}"):
            try:
                size = self.size(name)
            except (ftplib.error_perm, ftplib.error_temp, ValueError):
                return None
        return size if size is not None and size >= 0 else None

    def leave(self) -> None:
        """Take leave, where the server still listens."""
        self._patience = min(self.timeout, _LAST_WORDS)
        with contextlib.suppress(ftplib.Error, OSError, EOFError):
            self.sendcmd("QUIT")

    # --- the data connection ---

    def open_data(self, command: str, doing: str) -> tuple[socket.socket, int | None]:
        """The socket for the data of `command`, and how many bytes the server says there are."""
        with self.step("agree on a data connection (passive mode)"):
            host, port = self.makepasv()
        with self.step(f"open the data connection (passive mode) to {host}, port {port}"):
            conn = self._data = socket.create_connection((host, port), self.timeout)
        try:
            with self.step(doing):
                answer = self.sendcmd(command)
                if answer[0] == "2":  # some servers say one more thing first
                    answer = self.getresp()
                if answer[0] != "1":
                    raise ftplib.error_reply(answer)
                size = ftplib.parse150(answer) if answer.startswith("150") else None
            if self._context is not None:
                with self.step(f"{doing}: begin TLS on the data connection"):
                    conn = self._data = self._secured(conn, self._context, self.sock)
        except BaseException:
            conn.close()
            raise
        return conn, size

    def _secured(
        self, sock: socket.socket, context: ssl.SSLContext, control: socket.socket | None = None
    ) -> ssl.SSLSocket:
        sock.settimeout(self.timeout)
        # many servers take only a data connection that resumes the session of the control
        # connection, as nobody but the same client can; ftplib.FTP_TLS does not
        session = control.session if isinstance(control, ssl.SSLSocket) else None
        return context.wrap_socket(
            sock, server_hostname=self.host, session=session, suppress_ragged_eofs=False
        )

    # --- lines, for ftplib ---

    def putline(self, line: str) -> None:
        shown = f"PASS {MASK}" if line.startswith("PASS ") else self._shown(line)
        _log.debug("%s > %s", self._location.safe, shown)
        self.sock.settimeout(self.timeout)
        self.sock.sendall(line.encode(errors="surrogateescape") + b"\r\n")

    def getresp(self) -> str:
        # for the answer as a whole: a server must not keep us by a line now and then
        self._deadline = time.monotonic() + self._patience
        self._room = _ANSWER_SIZE
        self._begins = True
        return super().getresp()

    def getmultiline(self) -> str:
        answer = super().getmultiline()
        _log.debug("%s < %s", self._location.safe, self._shown(answer))
        return answer

    def getline(self) -> str:
        while b"\n" not in self._received:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self.sock.settimeout(left)
            data = self.sock.recv(4096)
            if not data:
                raise EOFError
            self._received += data
            self._room -= len(data)
            if self._room < 0:
                raise ftplib.error_proto("an answer without end")
        raw, _, self._received = self._received.partition(b"\n")
        line = raw.rstrip(b"\r").decode(errors="surrogateescape")
        # ftplib would wait for the last line of "SSH-2.0-OpenSSH"
        if self._begins and not _FIRST_LINE.match(line):
            raise ftplib.error_proto(line)
        self._begins = False
        return line

    # --- errors ---

    @contextlib.contextmanager
    def step(self, doing: str, so_far: object = None) -> Iterator[None]:
        """What goes wrong inside is a TransferError: could not do this.

        so_far: for a transfer under way; its text tells how much is done.
        """
        try:
            yield
        except (ftplib.Error, OSError, EOFError, ValueError, OverflowError) as error:
            # an answer may hold the password, and these are its cause
            error.args = tuple(
                self._shown(arg) if isinstance(arg, str) else arg for arg in error.args
            )
            answer = str(error) if isinstance(error, _REFUSALS) else None
            reason = self._reason(error)
            if so_far is not None:
                reason += f", after {so_far}"
                if isinstance(error, OSError) and not isinstance(error, TimeoutError):
                    answer = self._last_words()
                    reason += f"; the server says {answer!r}" if answer else ""
            raise self.error(f"could not {doing}: {reason}", answer) from error

    def _last_words(self) -> str | None:
        """Why the server broke the data connection off, if it says so."""
        self._patience = min(self.timeout, _LAST_WORDS)
        try:
            self.getresp()
        except (ftplib.error_temp, ftplib.error_perm) as error:
            return self._shown(str(error))
        except (ftplib.Error, OSError, EOFError):
            pass
        return None

    def _reason(self, error: Exception) -> str:
        match error:
            case ftplib.error_perm() | ftplib.error_temp() | ftplib.error_reply():
                return f"the server says {str(error)!r}"
            case ftplib.Error():
                return f"what the server says is not FTP: {str(error)!r}"
            case EOFError() | ssl.SSLEOFError() | ConnectionResetError() | BrokenPipeError():
                return "the server hung up"
            case TimeoutError():
                return f"no progress within {self.timeout:g} s"
            case ConnectionRefusedError():
                return "nothing listens there"
            case ssl.SSLCertVerificationError():
                return f"its certificate is not trusted: {error.verify_message}"
            case ssl.SSLError():
                return f"TLS failed: {error.reason or error}"
            case socket.gaierror() | UnicodeError():
                return "there is no host of that name"
            case OSError():
                return error.strerror or str(error)
        return "the server's answer makes no sense"

    def error(self, text: str, answer: str | None = None) -> TransferError:
        safe = self._location.safe
        return TransferError(f"{safe}: {text}", location=safe, reply=answer)

    def _shown(self, text: str) -> str:
        """What the server says, fit to be shown: one line, not long, nothing for a terminal."""
        text = " ".join(self._without_password(text).split())
        text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
        return text if len(text) <= _SHOWN_SIZE else f"{text[: _SHOWN_SIZE - 1]}…"

    def _without_password(self, text: str) -> str:
        password = self._location.password
        if not password or password.lower() not in text.lower():
            return text
        # where a short one was left out of a word, the rest would tell it
        masked = re.sub(re.escape(password), MASK, text, flags=re.IGNORECASE)
        return MASK if len(password) < 4 or password.lower() in masked.lower() else masked


_REFUSALS = (ftplib.error_perm, ftplib.error_temp, ftplib.error_reply)


def _connect(host: str, port: int, timeout: float) -> socket.socket:
    deadline = time.monotonic() + timeout  # for all addresses of the host together
    failure = OSError("it has no address")
    for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        left = max(0.001, deadline - time.monotonic())
        try:
            sock = socket.create_connection((str(address[0]), port), left)
        except OSError as error:
            failure = error
            continue
        # during a long transfer nothing goes over it, and NAT forgets such connections
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_KEEPIDLE"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
        return sock
    raise failure
