"""Who may ask the server anything: it runs Python, so nobody else's web page may.

One check before each request, and headers after it:

- the Host is this server's own, against DNS rebinding: an address, or one of its names;
- a request with an Origin comes from the server's own pages, and one that a browser sends from
  another site does not come at all, but for a link that is followed;
- on any address but the loopback, a token is demanded: ``Authorization: Bearer TOKEN``, or the
  cookie that a browser gets for ``/?token=TOKEN``;
- a body is JSON or Python, by its content type: no form of a web page can send these.
"""

from __future__ import annotations

import hmac
import re
import secrets
import socket
from collections.abc import Iterable
from urllib.parse import quote, urlencode, urlsplit

from flask import Flask, Request, Response, redirect, request

from ..hosts import is_address, is_loopback
from .inputs import JSON, MAX_BODY, SCRIPT
from .refusal import Refusal

__all__ = ["HEADERS", "Guard"]

_NAMES = ("localhost", "127.0.0.1", "[::1]")
_PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
# the pages of Sphinx have scripts and styles in them
_DOCS = _PAGE.replace("-src 'self';", "-src 'self' 'unsafe-inline';", 2)
_NOTHING = "default-src 'none'; frame-ancestors 'none'"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""Of every answer."""


class Guard:
    """token: what has to come with each request; None: nothing, where `bind` is the loopback, else
    a new one. names: what the server is called beside its addresses and this machine's name."""

    def __init__(self, bind: str, token: str | None = None, names: Iterable[str] = ()) -> None:
        if token is None and not is_loopback(bind):
            token = secrets.token_urlsafe(32)
        self.token = token
        self._local = is_loopback(bind)
        self._names = {*_NAMES, *(name.lower() for name in names)}
        self._names.add(f"[{bind}]" if ":" in bind else bind.lower())
        if not self._local:
            self._names.add(socket.gethostname().lower())
        self.cookie = "ocppsim"

    def protect(self, app: Flask, port: int) -> None:
        """From now on, for all of its routes."""
        # cookies do not tell ports apart
        self.cookie = f"ocppsim-{port}"
        app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
        app.before_request(self.before)
        app.after_request(self.after)

    def before(self) -> Response | None:
        """Raises Refusal; a Response takes the token out of the address of a browser."""
        self._check_host(request)
        self._check_origin(request)
        if self.token is not None:
            answer = self._check_token(request, self.token)
            if answer is not None:
                return answer
        if request.headers.get("Upgrade", "").lower() == "websocket":
            text = "this server has no WebSockets"
            raise Refusal(400, text, where="header: Upgrade", hint="GET /events has what happens")
        self._check_body(request)
        return None

    def after(self, response: Response) -> Response:
        """Puts the headers on."""
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if response.mimetype == "text/html" or request.path.startswith("/docs/"):
            policy = _DOCS if request.path.startswith("/docs/") else _PAGE
        else:
            policy = _NOTHING
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers["Cache-Control"] = "no-store"
        return response

    def _check_host(self, request: Request) -> None:
        host = request.headers.get("Host", "")
        match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::\d{1,5})?", host)
        name = match[1].lower().rstrip(".") if match else ""
        if name in self._names or (not self._local and is_address(name.strip("[]"))):
            return
        text = f"this server is not called {host[:80]!r}"
        hint = f"ask it by {' or '.join(sorted(self._names))}"
        raise Refusal(403, text, where="header: Host", hint=hint)

    def _check_origin(self, request: Request) -> None:
        origin = request.headers.get("Origin")
        if origin is not None:
            try:
                split = urlsplit(origin)
            except ValueError:
                split = urlsplit("")
            host = request.headers["Host"].lower()
            ours = split.scheme == request.scheme and split.netloc.lower() == host
            if not ours:
                text = f"a page of {origin[:80]!r} may not ask this server"
                raise Refusal(403, text, where="header: Origin")
        site = request.headers.get("Sec-Fetch-Site", "none")
        if site in ("none", "same-origin"):
            return
        followed = request.headers.get("Sec-Fetch-Mode") == "navigate"
        whole = request.headers.get("Sec-Fetch-Dest", "document") == "document"
        if not (request.method == "GET" and followed and whole):
            text = "a page of another site may not ask this server"
            raise Refusal(403, text, where="header: Sec-Fetch-Site")

    def _check_token(self, request: Request, token: str) -> Response | None:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _same(given.strip(), token):
            return None
        if _same(request.cookies.get(self.cookie, ""), token):
            return None
        if request.method == "GET" and _same(request.args.get("token", ""), token):
            rest = [(n, v) for n, v in request.args.items(multi=True) if n != "token"]
            # the path begins with one slash, so that it leads nowhere else
            path = "/" + quote(request.path.lstrip("/"))
            answer = redirect(f"{path}?{urlencode(rest)}" if rest else path, 303)
            # not Strict: the link may stand in a page of another site, a terminal in the web
            answer.set_cookie(self.cookie, token, httponly=True, samesite="Lax", path="/")
            response: Response = answer  # type: ignore[assignment]
            return response
        hint = "the server printed it at its start: -H 'Authorization: Bearer TOKEN'"
        text = "the token is missing or wrong"
        raise Refusal(401, text, where="header: Authorization", hint=hint)

    def _check_body(self, request: Request) -> None:
        length = request.content_length
        if not request.headers.get("Content-Length", "0").isdecimal():
            text = "the Content-Length is not one number"
            raise Refusal(400, text, where="header: Content-Length")
        if length is not None and length > MAX_BODY:
            raise Refusal(413, f"a body has at most {MAX_BODY} bytes", where="body")
        if length == 0 or (length is None and "Transfer-Encoding" not in request.headers):
            return
        if request.mimetype not in (JSON, SCRIPT):
            said = f"it is {request.mimetype[:60]}" if request.mimetype else "there is none"
            text = f"the content type has to be {JSON} or {SCRIPT}; {said}"
            hint = f"-H 'Content-Type: {JSON}'"
            raise Refusal(415, text, where="header: Content-Type", hint=hint)


def _same(given: str, token: str) -> bool:
    # bytes, as text has to be ASCII
    return hmac.compare_digest(given.encode(errors="replace"), token.encode())
