"""The opening handshake of a WebSocket, on websocket-client (RFC 6455 §4.1)."""

from __future__ import annotations

import contextlib
import math
import re
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .address import Address
from .errors import ConnectError
from .stream import Stream

if TYPE_CHECKING:
    from websocket import WebSocket

__all__ = ["Handshake", "shake_hands"]

# of the answer of a server that refuses: s until it must be there, bytes that are kept
_BODY_TIME = 1.0
_BODY_SIZE = 65536


@dataclass(frozen=True, slots=True)
class Handshake:
    """What the server answered to the WebSocket handshake: HTTP status, headers (names in lower
    case), and the subprotocol it picked."""

    status: int
    headers: Mapping[str, str]
    subprotocol: str | None


def shake_hands(
    stream: Stream, address: Address, subprotocols: Sequence[str], headers: Mapping[str, str]
) -> tuple[WebSocket, Handshake]:
    """Ask for a WebSocket; `headers` go before those made here. Raises ConnectError."""
    import websocket

    _keep_no_cookies()
    lines = dict(headers)
    given = {name.lower() for name in lines}
    # websocket-client would accept no answer that names none of the subprotocols, without a word on
    # what it was; so they go as a plain header, and `connect` judges the answer
    if subprotocols:
        lines["Sec-WebSocket-Protocol"] = ", ".join(subprotocols)
    if address.authorization and "authorization" not in given:
        lines["Authorization"] = address.authorization
    ws: Any = websocket.WebSocket(enable_multithread=False, skip_utf8_validation=True)
    try:
        ws.connect(
            address.url,
            socket=stream,
            header=lines,
            suppress_origin=True,  # a charge point is no web page
            suppress_host="host" in given,
            redirect_limit=0,
        )
    except (websocket.WebSocketException, ValueError, OSError) as error:
        # what was heard says more than websocket-client, which wants to read it to its end
        why = _heard(stream, address) or _told(stream, error) or _broken(error, stream.hint)
        raise why from None
    if not stream.heard.startswith(b"HTTP/"):  # websocket-client does not look
        raise ConnectError("the answer is no WebSocket handshake: it does not begin with HTTP/")
    answer = ws.handshake_response
    picked = answer.headers.get("sec-websocket-protocol")
    return ws, Handshake(answer.status, answer.headers, picked)


def _heard(stream: Stream, address: Address) -> ConnectError | None:
    """The refusal that was heard so far, if it is one."""
    head, complete, body = stream.heard.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    status = re.match(r"HTTP/\d\.\d (\d{3})\b", first)
    if not complete or status is None or status[1] == "101":
        return None
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    body += _rest(stream, headers, len(body))
    return _refused(int(status[1]), headers, body, address)


def _told(stream: Stream, error: Exception) -> ConnectError | None:
    """What the server said in TLS, where it hung up."""
    import websocket

    hung_up = isinstance(error, OSError | websocket.WebSocketConnectionClosedException)
    if not hung_up or isinstance(error, TimeoutError):
        return None
    why = stream.told()
    return None if why is None else ConnectError(why, refused=True)


def _broken(error: Exception, hint: str) -> ConnectError:
    """hint: what may be the matter where the server hung up."""
    import websocket

    if isinstance(error, websocket.WebSocketBadStatusException):
        return ConnectError("the answer is no WebSocket handshake: it is empty")
    if isinstance(error, websocket.WebSocketTimeoutException | TimeoutError):
        return ConnectError("connected, but no answer to the WebSocket handshake in time")
    if isinstance(error, ssl.SSLEOFError | websocket.WebSocketConnectionClosedException):
        text = f"the server closed the connection during the handshake ({hint})"
        return ConnectError(text, refused=True)
    if isinstance(error, OSError):
        text = f"the connection broke during the handshake: {error.strerror or error} ({hint})"
        return ConnectError(text, refused=True)
    why = str(error)
    if why == "Invalid WebSocket Header":
        why = "one of Upgrade, Connection and Sec-WebSocket-Accept is wrong or missing"
    return ConnectError(f"the answer is no WebSocket handshake: {why}")


def _refused(
    status: int, headers: Mapping[str, str], body: bytes, address: Address
) -> ConnectError:
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
    return ConnectError(text, refused=True, status=status, headers=headers, body=body)


def _rest(stream: Stream, headers: Mapping[str, str], had: int = 0) -> bytes:
    """What is left of the body of an answer, of which `had` bytes are read: websocket-client reads
    it only where there is a Content-Length, and never of a redirect."""
    chunked = "chunked" in headers.get("transfer-encoding", "").lower()
    length = headers.get("content-length", "")
    size = int(length) - had if length.isdecimal() and not chunked else _BODY_SIZE
    stream.deadline = min(stream.deadline or math.inf, time.monotonic() + _BODY_TIME)
    body = b""
    # what there is by then is better than nothing
    with contextlib.suppress(OSError):
        while len(body) < min(size, _BODY_SIZE) and not (chunked and body.endswith(b"0\r\n\r\n")):
            data = stream.recv(_BODY_SIZE)
            if not data:
                break
            body += data
    return _unchunked(body) if chunked else body


def _unchunked(body: bytes) -> bytes:
    whole, left = b"", body
    while left:
        line, _, left = left.partition(b"\r\n")
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError:
            return body
        whole += left[:size]
        left = left[size + 2 :]
    return whole


class _NoCookies:
    def add(self, cookie: str | None) -> None:
        pass

    def get(self, host: str) -> str:
        return ""


def _keep_no_cookies() -> None:
    # websocket-client has one cookie jar for the process: a charge point's cookies would go to
    # others, and one that http.cookies does not like would end `connect`
    from websocket import _handshake

    vars(_handshake)["CookieJar"] = _NoCookies()
