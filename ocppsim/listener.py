"""A small web listener, to which a script adds routes, on werkzeug (the extra `server`)."""

from __future__ import annotations

import hmac
import inspect
import json
import logging
import re
import socket
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from .blocking import may_block
from .clock import check_timeout
from .hosts import in_url, is_address, is_loopback
from .interrupts import wait_for
from .masking import mask_text

try:
    from werkzeug.exceptions import HTTPException
    from werkzeug.routing import Map, Rule
    from werkzeug.wrappers import Request, Response

    from .webserver import WebServer
except ModuleNotFoundError as error:
    _missing = f"a listener needs the extra server: pip install 'ocppsim[server]' ({error})"
    raise ModuleNotFoundError(_missing, name=error.name) from None

__all__ = ["Listener"]

Route = Callable[..., Any]
R = TypeVar("R", bound=Route)

MAX_BODY = 1_000_000
"""Bytes that a request may have."""
_MAX_REQUESTS = 100  # at a time
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Listener:
    """What `ChargePoint.start_listener` gives; it ends with the charge point, or a ``with``.

    Routes are functions, in threads of their own, so they may block, and call the CSMS. A route
    gets the parts of its path that are in angle brackets as arguments (``/plug/<int:connector>``);
    where it has an argument `body` the JSON that came (None: nothing came), and where it has one
    `query` the query's parameters, a dict. It returns text, or what is to be JSON; None for an
    empty answer (204); or such a thing and an HTTP status. What it raises is answered with 500, in
    one line, and logged. Registering again replaces.
    """

    def __init__(
        self,
        name: str,
        log: logging.LoggerAdapter[logging.Logger],
        port: int = 0,
        bind: str = "127.0.0.1",
        users: Mapping[str, str] | None = None,
    ) -> None:
        """Raises OSError where it cannot listen there."""
        self._log = log
        self._users = None if users is None else dict(users)
        self._routes: dict[tuple[str, str], Route] = {}
        self._map = Map(strict_slashes=False, merge_slashes=False)
        self._local = is_loopback(bind)
        self._names = {"localhost", "127.0.0.1", "::1", bind.lower(), socket.gethostname().lower()}
        self._changed = threading.Condition()
        self._ended = False
        family = socket.AF_INET6 if ":" in bind else socket.AF_INET
        try:
            listening = socket.create_server((bind, port), family=family)
        except OSError as error:
            text = f"cannot listen at {bind}, port {port}: {error.strerror or error}"
            raise OSError(error.errno, text) from None
        with listening:
            self._server = _Server(listening, self._application)
            self.port: int = listening.getsockname()[1]
        self.url = f"http://{in_url(bind)}:{self.port}"
        """Where it listens, without a slash at the end."""
        if not self._local and not self._users:
            # an error, so that it is seen under -q too
            self._log.error("whoever reaches %s may use it: users= asks for a password", self.url)
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            args=(0.05,),
            name=f"ocppsim {name} listener",
            daemon=True,
        )
        self._thread.start()
        self._log.info("listening at %s", self.url)

    # --- routes ---

    def get(self, path: str) -> Callable[[R], R]:
        """A decorator: the function answers GET, and HEAD."""
        return self._route("GET", path)

    def post(self, path: str) -> Callable[[R], R]:
        """A decorator: the function answers POST."""
        return self._route("POST", path)

    def put(self, path: str) -> Callable[[R], R]:
        """A decorator: the function answers PUT."""
        return self._route("PUT", path)

    def delete(self, path: str) -> Callable[[R], R]:
        """A decorator: the function answers DELETE."""
        return self._route("DELETE", path)

    def _route(self, method: str, path: str) -> Callable[[R], R]:
        if not path.startswith("/"):
            raise ValueError(f"a path begins with a slash: {path!r:.80}")

        def register(function: R) -> R:
            with self._changed:
                if (method, path) not in self._routes:
                    self._map.add(Rule(path, methods=[method], endpoint=(method, path)))
                self._routes[method, path] = function
            return function

        return register

    # --- its life ---

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has ended: whether it has, within `timeout` seconds."""
        may_block("wait()")
        with self._changed:
            limit = None if timeout is None else check_timeout(timeout)
            return wait_for(self._changed, lambda: self._ended, limit)

    def terminate(self, timeout: float = 5.0) -> None:
        """End it, from any thread, also from a route, as often as you like. Routes at work may
        answer for `timeout` seconds."""
        with self._changed:
            ended, self._ended = self._ended, True
            self._changed.notify_all()
        if not ended:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
        # each time: a route that ends it has not answered yet
        for thread in self._server.finish(timeout):
            self._log.warning("left behind, a route at work: %s", thread.name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.terminate()

    def __repr__(self) -> str:
        return f"<Listener {self.url}{' ended' if self._ended else ''}>"

    # --- requests ---

    def _application(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        request.max_content_length = MAX_BODY
        try:
            response = self._refusal(request) or self._answer(request)
        except HTTPException as error:
            response = _text(error.code or 500, str(error.name))
            if error.code == 405:
                response.headers["Allow"] = dict(error.get_headers())["Allow"]
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response(environ, start_response)

    def _refusal(self, request: Request) -> Response | None:
        """What keeps others out: pages of other sites, also by a name that leads here, and who has
        no password."""
        host = request.headers.get("Host", "")
        match = re.fullmatch(r"\[?([^\[\]]+?)\]?(?::\d{1,5})?", host)
        name = match[1].lower() if match else ""
        if name not in self._names and (self._local or not is_address(name)):
            return _text(403, f"this listener is not called {host!r:.80}")
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin)[:2] != ("http", host):
            return _text(403, "a page of another site may not ask this listener")
        if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            return _text(403, "a page of another site may not ask this listener")
        if self._users is None or _may_enter(request, self._users):
            return None
        answer = _text(401, "user and password, please")
        answer.headers["WWW-Authenticate"] = 'Basic realm="ocppsim", charset="UTF-8"'
        return answer

    def _answer(self, request: Request) -> Response:
        adapter = self._map.bind_to_environ(request.environ)
        key, found = adapter.match()
        route = self._routes[key]
        arguments: dict[str, Any] = dict(found)
        wanted = inspect.signature(route).parameters
        if "query" in wanted:
            arguments["query"] = request.args.to_dict()
        data = request.get_data()
        if "body" in wanted:
            if data and request.mimetype != "application/json":
                return _text(415, "the content type has to be application/json")
            try:
                arguments["body"] = json.loads(data) if data else None
            except (ValueError, RecursionError) as error:
                return _text(400, f"the body is not JSON: {error}")
        try:
            return _response(route(**arguments))
        except BaseException as error:  # sys.exit() and pytest.fail() too: it must be answered
            self._log.error("%s %s: the route failed", request.method, request.path, exc_info=error)
            said = " ".join(str(error).split())
            return _text(500, f"{type(error).__name__}: {said}"[:1000])


class _Server(WebServer):
    """Bounds the number of requests."""

    def __init__(self, listening: socket.socket, application: Any) -> None:
        super().__init__(listening, application)
        self._finishing: set[threading.Thread] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        if len(self._open) >= _MAX_REQUESTS:
            self.shutdown_request(request)
        else:
            super().process_request(request, client_address)

    def finish(self, timeout: float) -> list[threading.Thread]:
        """Wait for the requests at work, then hang up. Those that go on all the same. Those that
        wait here themselves do not wait for each other."""
        me = threading.current_thread()

        def others() -> set[threading.Thread]:
            return self._open.keys() - (self._finishing if me in self._open else set())

        with self._changed:
            self._finishing.add(me)
            self._changed.notify_all()
            try:
                self._changed.wait_for(lambda: not others(), timeout)
                self._shut(others())
                self._changed.wait_for(lambda: not others(), 0.1)
                return sorted(others(), key=lambda thread: thread.name)
            finally:
                self._finishing.discard(me)


def _response(value: Any) -> Response:
    status = 200
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], int):
        value, status = value
    if value is None:
        return Response(status=204 if status == 200 else status)
    if isinstance(value, str):
        return _text(status, value)
    data = json.dumps(value, ensure_ascii=False, default=str)
    return Response(data + "\n", status, mimetype="application/json")


def _text(status: int, text: str) -> Response:
    return Response(f"{mask_text(text)}\n", status, mimetype="text/plain")


def _may_enter(request: Request, users: Mapping[str, str]) -> bool:
    given = request.authorization
    if given is None or given.type != "basic":
        return False
    user, password = given.username or "", given.password or ""
    fits = False
    # all of them, so that the time tells nothing of who there is
    for name, secret in users.items():
        same = hmac.compare_digest(name.encode(), user.encode(errors="replace"))
        right = hmac.compare_digest(secret.encode(), password.encode(errors="replace"))
        fits = fits or (same & right)
    return fits
