"""Who may connect: the name in the URL, the password, the subprotocol (OCPP-J 1.6 §3, §6.2.2)."""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from urllib.parse import unquote

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from ..v16.actions import PROTOCOL
from .lines import printable
from .workers import Workers

__all__ = [
    "Handshake",
    "Passwords",
    "certificate_subject",
    "charge_point_name",
    "peer",
    "select_subprotocol",
]

log = logging.getLogger("ocppsim.csms")

#: name of a charge point → its password, bytes where it is not text (an AuthorizationKey of 20
#: bytes); or ``(name, password)`` → whether that is right
Passwords = Mapping[str, str | bytes] | Callable[[str, str], bool]


def charge_point_name(path: str) -> str:
    """The identity of the charge point: the last segment of the URL's path (OCPP-J 1.6 §3.1.1).

    path: of the HTTP request, percent-encoded. Empty where the URL names no charge point.
    """
    return unquote(path.split("?", 1)[0].rsplit("/", 1)[-1])


def peer(connection: ServerConnection) -> str:
    """The address of the other side, for people."""
    address = connection.remote_address
    return f"{address[0]}:{address[1]}" if address else "somebody who has gone"


def certificate_subject(connection: ServerConnection) -> str | None:
    """That of the charge point's certificate, for people; None where it has shown none."""
    tls = connection.transport.get_extra_info("ssl_object")
    certificate = None if tls is None else tls.getpeercert()
    if not certificate:
        return None
    values = [str(value) for level in certificate["subject"] for _, value in level]
    return ", ".join(values) or "nobody"


def select_subprotocol(
    connection: ServerConnection, offered: Sequence[Subprotocol]
) -> Subprotocol | None:
    """OCPP 1.6, or none at all; what follows from that is OCPP-J 1.6 §3.2."""
    ours = Subprotocol(PROTOCOL.subprotocol)
    return ours if ours in offered else None


class Handshake:
    """Lets a charge point in, or answers 404 or 401."""

    def __init__(self, passwords: Passwords | None, workers: Workers) -> None:
        """passwords: None lets everybody in. A mapping is looked at anew for each connection."""
        self._passwords = passwords
        self._workers = workers

    async def check(self, connection: ServerConnection, request: Request) -> Response | None:
        """The HTTP answer of a refusal, None to go on: websockets' `process_request`."""
        name = charge_point_name(request.path)
        if not name:
            text = "the URL has to end in the name of the charge point: /CP1"
            return self._refuse(connection, HTTPStatus.NOT_FOUND, "no name", text)
        if self._passwords is None:
            return None
        user, password = _credentials(request.headers.get_all("Authorization"))
        if password is None:
            why = "no user name and password (HTTP Basic)"
        elif user != name.encode():
            why = "the user name is not the name of the charge point"
        elif not await self._right(name, password):
            why = "wrong password, or no such charge point"
        else:
            return None
        response = self._refuse(connection, HTTPStatus.UNAUTHORIZED, name, why)
        response.headers["WWW-Authenticate"] = 'Basic realm="ocppsim", charset="UTF-8"'
        return response

    async def _right(self, name: str, password: bytes) -> bool:
        passwords = self._passwords
        if isinstance(passwords, Mapping):
            expected = passwords.get(name)
            if isinstance(expected, str):
                expected = expected.encode()
            return expected is not None and hmac.compare_digest(expected, password)
        assert passwords is not None
        text = password.decode(errors="surrogateescape")
        try:
            return bool(await self._workers.run(f"{name} password", passwords, name, text))
        except Exception:
            log.exception("%s: the password function failed; refused", printable(name))
            return False

    @staticmethod
    def _refuse(connection: ServerConnection, status: HTTPStatus, name: str, text: str) -> Response:
        who = printable(name)
        log.info("refused %s (%s): HTTP %d, %s", peer(connection), who, status, text)
        return connection.respond(status, text + "\n")


def _credentials(headers: Sequence[str]) -> tuple[bytes, bytes | None]:
    """User and password of an Authorization header (RFC 7617); (b"", None) where it has none.

    As bytes: an AuthorizationKey need not be text.
    """
    scheme, _, encoded = (headers[0] if len(headers) == 1 else "").partition(" ")
    if scheme.lower() != "basic":
        return b"", None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return b"", None
    return (user, password) if colon else (b"", None)
