"""The server: a port, a thread a connection, and all that lives as long as it does."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import threading
import time
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import urlsplit

from ..hosts import in_url, is_loopback
from ..plugins import Plugins
from ..webserver import Connection, WebServer
from .app import create_app
from .demo import start_demo
from .events import EventLog
from .fleet import Fleet
from .guard import HEADERS, Guard
from .inputs import JSON
from .refusal import Refusal

__all__ = ["MAX_CONNECTIONS", "Server"]

_log = logging.getLogger("ocppsim.server")

MAX_CONNECTIONS = 500
EVENTS = 20_000
"""How many events are kept for clients that come back."""


def _refused(refusal: Refusal) -> bytes:
    """A whole HTTP answer, for what never comes to the application."""
    body = json.dumps(refusal.json("request"), separators=(",", ":")).encode() + b"\n"
    headers = {
        "Content-Type": JSON,
        "Content-Length": len(body),
        **HEADERS,
        "Cache-Control": "no-store",
        "Connection": "close",
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    phrase = HTTPStatus(refusal.status).phrase
    return f"HTTP/1.1 {refusal.status} {phrase}\r\n{head}\r\n".encode() + body


_BUSY = _refused(Refusal(503, "too many connections", where="server", hint="close some"))


class _Connection(Connection):
    def setup(self) -> None:
        super().setup()
        # small pieces, such as events, leave at once
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send_header(self, keyword: str, value: str) -> None:
        if keyword.lower() != "server":
            super().send_header(keyword, value)

    def run_wsgi(self) -> None:
        try:
            urlsplit(self.path)
        except ValueError as error:
            self.send_error(400, f"the address cannot be read: {error}")
        else:
            super().run_wsgi()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What is no HTTP, too long, or of another version."""
        where = "headers" if code == 431 else "request line"
        what = ": ".join(filter(None, (message, explain))) or HTTPStatus(code).phrase
        self.close_connection = True
        # what is still on its way would have the system drop the answer
        with contextlib.suppress(OSError):
            self.connection.sendall(_refused(Refusal(code, what[:300], where=where)))
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(1.0)
            for _ in range(64):
                if not self.connection.recv(65536):
                    break


class _Listener(WebServer):
    """Bounds the number of connections, and ends them with itself."""

    request_queue_size = 256

    def __init__(self, sock: socket.socket, app: Any) -> None:
        super().__init__(sock, app, _Connection)
        self._free = threading.BoundedSemaphore(MAX_CONNECTIONS)

    def log(self, type: str, message: str, *args: Any) -> None:
        if type == "error":
            _log.error(message, *args)

    def handle_error(self, request: Any, client_address: Any) -> None:
        _log.debug("a connection failed", exc_info=True)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            with contextlib.suppress(OSError):
                request.sendall(_BUSY)
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # the system has no more threads
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def hang_up(self, timeout: float) -> None:
        """End all connections."""
        with self._changed:
            self._shut(self._open)
            self._changed.wait_for(lambda: not self._open, timeout)
            left = list(self._open)
        for thread in left:
            _log.warning("left behind, still running: %s", thread.name)


class Server:
    """The REST API, its events and pages, on one port; use it in a ``with``, or `start` and `stop`.

    bind: the address to listen on. port: 0 takes a free one. token: what has to come with each
    request; without it one is made, where `bind` is more than the loopback. demo: have a CSMS and a
    charge point in this process. plugins: instead of those of the process.
    """

    def __init__(
        self,
        bind: str = "127.0.0.1",
        port: int = 3000,
        *,
        token: str | None = None,
        demo: bool = False,
        plugins: Plugins | None = None,
    ) -> None:
        self.bind = bind
        self.port = port
        self.guard = Guard(bind, token)
        self.events = EventLog(EVENTS)
        self.fleet = Fleet(self.events, plugins)
        self._demo = demo
        self._listener: _Listener | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it is, without the token."""
        bind = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(self.bind)
        return f"http://{bind or in_url(self.bind)}:{self.port}/"

    @property
    def login_url(self) -> str:
        """The same with the token, where there is one: a browser that goes there keeps it."""
        token = self.guard.token
        return self.url if token is None else f"{self.url}?token={token}"

    def start(self) -> Self:
        """Listen. Raises OSError where that cannot be, and what the demo meets."""
        family = socket.AF_INET6 if ":" in self.bind else socket.AF_INET
        with socket.create_server((self.bind, self.port), family=family, backlog=256) as sock:
            self.port = sock.getsockname()[1]
            app = create_app(self.fleet, self.events, self.guard, self.port)
            self._listener = _Listener(sock, app)
        if not is_loopback(self.bind):
            _log.warning("whoever has the token can run Python here, and %s is no secret", self.url)
        try:
            if self._demo:
                start_demo(self.fleet)
        except BaseException:
            self.stop()
            raise
        serve = self._listener.serve_forever
        self._thread = threading.Thread(target=serve, args=(0.1,), name="ocppsim server")
        self._thread.daemon = True
        self._thread.start()
        return self

    def stop(self, timeout: float = 10.0) -> None:
        """Stop the scripts, close the charge points, hang up; as often as you like."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        deadline = time.monotonic() + timeout
        if self._thread is not None:
            listener.shutdown()
            self._thread.join()
        listener.server_close()
        self.fleet.close(timeout)
        self.events.close()
        listener.hang_up(max(0.5, deadline - time.monotonic()))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()
