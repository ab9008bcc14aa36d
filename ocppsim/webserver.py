"""What our web servers have in common, on werkzeug (the extra `server`): a thread a connection, no
log of requests, and they know which connections are open."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterable
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

__all__ = ["Connection", "WebServer"]


class Connection(WSGIRequestHandler):
    """One connection, with one request: werkzeug ends it after the answer."""

    timeout = 30.0
    """s in which a client sends its request, and takes a piece of the answer."""

    def log(self, type: str, message: str, *args: Any) -> None:
        """No log of requests: their addresses may hold a secret."""


class WebServer(ThreadedWSGIServer):
    """Serves `listening`, which may be closed afterwards."""

    daemon_threads = True

    def __init__(
        self, listening: socket.socket, application: Any, handler: type[Connection] = Connection
    ) -> None:
        host, port = listening.getsockname()[:2]
        super().__init__(host, port, application, handler, fd=listening.fileno())
        self._open: dict[threading.Thread, socket.socket] = {}
        self._changed = threading.Condition()  # for `_open`

    def log(self, type: str, message: str, *args: Any) -> None:
        pass

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        me = threading.current_thread()
        with self._changed:
            self._open[me] = request
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._changed:
                del self._open[me]
                self._changed.notify_all()

    def _shut(self, threads: Iterable[threading.Thread]) -> None:
        """Wake those that wait for their clients. With `_changed` held."""
        for thread in threads:
            with contextlib.suppress(OSError):
                self._open[thread].shutdown(socket.SHUT_RDWR)
