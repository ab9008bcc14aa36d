"""FTP servers: `RealFtp` is pyftpdlib; `FakeFtp` does as a test says, down to what no server
should. Neither shares code with what it tests."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from raw_server import PATIENCE

with warnings.catch_warnings():
    # it imports asyncore and asynchat, which Python 3.11 has for the last time
    warnings.filterwarnings("ignore", "The async(ore|hat) module", DeprecationWarning)
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler, TLS_FTPHandler
    from pyftpdlib.ioloop import IOLoop
    from pyftpdlib.servers import FTPServer

__all__ = ["HANG_UP", "SILENT", "FakeFtp", "RealFtp"]


class RealFtp:
    """pyftpdlib in a thread, on a port of its own.

    root: what anonymous and each of `users` (name to password) see, and may write.
    certificate: a PEM file with key and chain; FTPS then, and nothing in the clear.
    masquerade: the address that answers to PASV name, as behind NAT.
    """

    def __init__(
        self,
        root: Path,
        *,
        users: Mapping[str, str] | None = None,
        certificate: Path | None = None,
        host: str = "127.0.0.1",
        masquerade: str | None = None,
        permissions: str = "elradfmwMT",
    ) -> None:
        authorizer = DummyAuthorizer()
        for user, password in (users or {}).items():
            authorizer.add_user(user, password, str(root), perm=permissions)
        authorizer.add_anonymous(str(root))
        attributes: dict[str, Any] = {
            "authorizer": authorizer,
            "auth_failed_timeout": 0.01,
            "masquerade_address": masquerade,
        }
        base = FTPHandler
        if certificate is not None:
            base = TLS_FTPHandler
            attributes |= {
                "certfile": str(certificate),
                "tls_control_required": True,
                "tls_data_required": True,
            }
        self._loop = IOLoop()
        handler = type("Handler", (base,), attributes)
        self._server = FTPServer((host, 0), handler, ioloop=self._loop)
        self.host = f"[{host}]" if ":" in host else host
        self.port: int = self._server.address[1]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="pyftpdlib")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(PATIENCE)

    def _serve(self) -> None:
        while not self._stop.is_set():
            self._loop.loop(timeout=0.01, blocking=False)
        sockets = [channel.socket for channel in self._loop.socket_map.values()]
        self._server.close_all()
        for sock in sockets:  # one in the middle of ending its TLS is left open
            sock.close()


SILENT = "silent"
"""An answer: none, while the connection stays."""

HANG_UP = "hang up"
"""An answer: the end of the connection."""

Answer = str | bytes | Callable[["FakeFtp", str], object]

_ANSWERS: dict[str, Answer] = {
    "greeting": "220 ready",
    "AUTH": lambda fake, arg: fake.begin_tls(),
    "PBSZ": "200 ok",
    "PROT": "200 ok",
    "USER": "331 password",
    "PASS": "230 in",
    "CWD": "250 there",
    "TYPE": "200 ok",
    "SIZE": lambda fake, arg: fake.say(f"213 {len(fake.content)}"),
    "PASV": lambda fake, arg: fake.passive(),
    "EPSV": lambda fake, arg: fake.passive(),
    "STOR": lambda fake, arg: fake.take_data(),
    "RETR": lambda fake, arg: fake.give_data(),
    "QUIT": "221 bye",
}


class FakeFtp:
    """One connection after the other, answered as `answers` has it: by command, and ``greeting``.

    An answer is a line ("{arg}" is the argument of the command), bytes, `SILENT`, `HANG_UP`, or a
    function of this server and the argument. content: what there is to fetch, and to be stored by.
    context: for AUTH TLS.
    """

    def __init__(
        self,
        answers: Mapping[str, Answer] | None = None,
        *,
        content: bytes = b"",
        context: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self._answers = {**_ANSWERS, **(answers or {})}
        self.content = content
        self._context = context
        self.commands: list[str] = []
        """As they came."""
        self.stored: list[bytes] = []
        """What was sent and ended as it should."""
        self.resumed: list[bool] = []
        """Of each TLS connection, whether it goes on with an earlier session."""
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._sockets: list[socket.socket] = []
        self._failure: Exception | None = None
        self._stopping = False
        self._listener = self.listen(host)
        self.host = f"[{host}]" if ":" in host else host
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, name="fake FTP server")

    def url(self, path: str = "", user: str = "") -> str:
        scheme = "ftp" if self._context is None else "ftps"
        at = "@" if user else ""
        return f"{scheme}://{user}{at}{self.host}:{self.port}/{path}"

    # for answers

    def say(self, line: str) -> None:
        self._control.sendall(f"{line}\r\n".encode())

    def wait_for_the_end(self) -> None:
        """Until the client closes the control connection."""
        while self._control.recv(4096):
            pass

    def hang_up(self) -> None:
        self._control.close()

    def listen(self, host: str = "127.0.0.1", port: int = 0) -> socket.socket:
        listener = socket.create_server((host, port), family=self._family)
        listener.settimeout(PATIENCE)
        self._sockets.append(listener)
        return listener

    def begin_tls(self) -> None:
        assert self._context is not None
        self.say("234 go on")
        self._control = self._secured(self._control)

    def passive(self, named: str = "127.0.0.1") -> None:
        """Answer to PASV, with the address `named`, or to EPSV."""
        self._data = self.listen(self.host.strip("[]"))
        port = self._data.getsockname()[1]
        if self._family == socket.AF_INET6:
            self.say(f"229 go (|||{port}|)")
        else:
            self.say(f"227 go ({named.replace('.', ',')},{port >> 8},{port & 255})")

    def data(self) -> socket.socket:
        """The data connection."""
        conn, _ = self._data.accept()
        conn.settimeout(PATIENCE)
        self._sockets.append(conn)
        return self._secured(conn) if self._context is not None else conn

    def take_data(self, last: str = "226 stored") -> None:
        self.say("150 send it")
        conn = self.data()
        data = b""
        while chunk := conn.recv(65536):
            data += chunk
        self.stored.append(data)
        self.content = data
        conn.close()
        self.say(last)

    def give_data(
        self, data: bytes | None = None, *, last: str = "226 sent", end_tls: bool = True
    ) -> None:
        self.say("150 here it comes")
        conn = self.data()
        conn.sendall(self.content if data is None else data)
        if end_tls and isinstance(conn, ssl.SSLSocket):
            conn.unwrap()
        conn.close()
        self.say(last)

    # inside

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping = True
        for sock in list(self._sockets):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
        self._thread.join(PATIENCE)
        for sock in self._sockets:
            sock.close()
        if error is None and self._failure is not None:
            raise self._failure

    def _serve(self) -> None:
        while not self._stopping:
            try:
                self._control, _ = self._listener.accept()
                self._control.settimeout(PATIENCE)
                self._sockets.append(self._control)
                self._talk()
            except OSError:
                pass  # the client left, or this is the end
            except Exception as error:
                self._failure = error
                return

    def _talk(self) -> None:
        line, received = "greeting", b""
        while True:
            command, _, argument = line.partition(" ")
            answer = self._answers.get(command, "502 what?")
            if answer == HANG_UP:
                self.hang_up()
            elif answer == SILENT:
                self.wait_for_the_end()
                return
            elif isinstance(answer, str):
                self.say(answer.replace("{arg}", argument))
            elif isinstance(answer, bytes):
                self._control.sendall(answer)
            else:
                answer(self, argument)
            while b"\r\n" not in received:
                data = self._control.recv(4096)
                if not data:
                    return
                received += data
            raw, _, received = received.partition(b"\r\n")
            line = raw.decode(errors="surrogateescape")
            self.commands.append(line)

    def _secured(self, sock: socket.socket) -> ssl.SSLSocket:
        assert self._context is not None
        secured = self._context.wrap_socket(sock, server_side=True)
        self._sockets.append(secured)
        self.resumed.append(bool(secured.session_reused))
        return secured
