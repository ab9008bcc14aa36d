"""`CentralSystem`: the blocking face, and the thread with the event loop behind it."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import ssl
import threading
import uuid
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from websockets.exceptions import ProtocolError
from websockets.frames import Close

from .. import rpc
from ..errors import WaitTimeout
from ..hosts import in_url
from .answers import Answer, Answers
from .handshake import Passwords
from .judge import invalid_request, request_faults
from .listener import Listener
from .loop import Loop
from .records import Journal, ReceivedRequest, Violation
from .session import Session
from .tls import RootFile, authority_for, hosts_of, signing
from .workers import Workers

if TYPE_CHECKING:
    from .authority import CertificateAuthority

__all__ = ["CentralSystem"]

log = logging.getLogger("ocppsim.csms")

T = TypeVar("T")

# seconds that answer functions have to end when the central system is stopped
_STOP_FUNCTIONS = 3.0
# seconds that a charge point may need from its side of the handshake to ours
_ARRIVAL = 1.0


class CentralSystem:
    """An OCPP 1.6J central system, for scripts and tests.

    Every method works from any thread, also from answer functions; those that wait have a timeout
    (s). Whatever charge points do wrong is answered as OCPP-J 1.6 §4.2.3 has it, and recorded.

    It sends no WebSocket pings and answers those that it gets.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        interval: int = 300,
        passwords: Passwords | None = None,
        ssl_context: ssl.SSLContext | None = None,
        tls: bool | CertificateAuthority = False,
        client_certificates: bool | str | Path | None = None,
        record: int = 10_000,
    ) -> None:
        """Nothing is opened before `start`, or ``with``.

        port: 0 takes a free one, and the same again after a `stop`. interval: between heartbeats
        (s), for the answer to BootNotification. passwords: name → password (str, or bytes for what
        is no text), or a function ``(name, password) -> bool``; then HTTP Basic is asked for, the
        user being the name of the charge point (OCPP-J 1.6 §6.2.2).
        ssl_context: serve wss with it. tls: the same with a certificate of an authority: True makes
        one, which is `authority`; its root is in `ca_file`, and it signs what SignCertificate asks
        for (`sign_certificates`). client_certificates: with tls, True demands a certificate of that
        authority, the path of a PEM file one of the authorities in there; False does not ask for
        one; else one may be shown.
        record: how many requests, and how many violations, are kept.
        """
        if not 0 <= port <= 65535:
            raise ValueError(f"port {port} is not in 0 to 65535")
        if record < 1:
            raise ValueError(f"record={record}: at least 1 request has to be kept")
        self.host = host
        self.port = port
        self.authority = authority_for(tls, ssl_context, client_certificates)
        """The `CertificateAuthority` behind its certificate; None without ``tls``."""
        self._root_file = None if self.authority is None else RootFile(self.authority.root)
        if self.authority is not None:
            ssl_context = self.authority.server_context(
                hosts_of(host), client_certificates=client_certificates
            )
        self._scheme = "ws" if ssl_context is None else "wss"
        self._answers = Answers(interval)
        self._journal = Journal(record)
        self._workers = Workers()
        self._listener = Listener(
            host, passwords, ssl_context, self._answers, self._journal, self._workers
        )
        self._lifecycle = threading.Lock()
        self._loop = Loop()
        if self.authority is not None:
            self.sign_certificates()

    def __repr__(self) -> str:
        state = self.url if self._loop.running else "not running"
        return f"<CentralSystem {state}>"

    # its life

    @property
    def url(self) -> str:
        """``ws://127.0.0.1:PORT``, to which a charge point appends ``/`` and its name."""
        return f"{self._scheme}://{in_url(self.host)}:{self.port}"

    def start(self) -> Self:
        """Listen. Does nothing when it does already. Raises OSError where the address is in use."""
        self._loop.may_block()
        with self._lifecycle:
            if not self._loop.started:
                try:
                    self.port = self._loop.start(partial(self._listener.serve, self.port))
                except OSError as error:
                    raise _cannot_listen(self.host, self.port, error) from None
                log.info("listening on %s", self.url)
        return self

    def stop(self) -> None:
        """Close every connection (code 1001), end every wait and every thread. Twice is harmless.

        Takes a few seconds at most, also where charge points do not take part. What was recorded
        stays, and `start` works again.
        """
        self._loop.may_block()
        with self._lifecycle:
            if self._loop.started:
                self._loop.stop(lambda: self._listener.stopping.set())
                log.info("stopped listening on %s", self.url)
        for name in self._workers.join(_STOP_FUNCTIONS):
            log.warning("left at work, as it does not end: %s", name)
        if self._root_file is not None:
            self._root_file.remove()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    # what it answers, and what came

    def answer(self, action: str, answer: Answer | None) -> None:
        """Answer the action `action` with this from now on.

        answer: a payload; a function ``(name, payload)`` that returns one, or None to send no
        answer at all, or raises CallError; a CallError to answer with; None for the default again.
        Functions run in a thread of their own: they may block, and call the charge point. One that
        yields its answer goes on after that has left. A request that breaks its schema is answered
        with its CALLERROR all the same.
        """
        self._answers.script(action, answer)

    @property
    def charge_points(self) -> list[str]:
        """The names of the connected ones, in the order in which they came."""
        return self._journal.connected()

    @property
    def violations(self) -> list[Violation]:
        """What charge points did against the protocol, oldest first."""
        return self._journal.violations()

    def received(self, action: str | None = None, name: str | None = None) -> list[ReceivedRequest]:
        """The requests of charge points, oldest first; of this action and name only."""
        return self._journal.requests(action, name)

    def wait_for(
        self,
        action: str,
        name: str | None = None,
        timeout: float = 10,
        where: Callable[[ReceivedRequest], bool] | None = None,
    ) -> ReceivedRequest:
        """The first such request that no `wait_for` has returned yet, also one that came before.

        Also one that breaks its schema: it has `faults`. where: whether a request will do.
        Raises WaitTimeout, which says what came instead, and ConnectionLost where the central
        system is stopped.
        """
        self._loop.may_block()
        return self._journal.wait_for(action, name, timeout, where)

    def wait_for_connection(self, name: str, timeout: float = 10) -> None:
        """Until this charge point is connected. Raises WaitTimeout, ConnectionLost (stopped)."""
        self._loop.may_block()
        self._journal.wait_for_connection(name, timeout)

    # its certificates

    @property
    def ca_file(self) -> Path:
        """A PEM file with the root of `authority`, for charge points to trust. It lies in a
        temporary folder, and is there until `stop`. Raises ValueError without an authority."""
        if self._root_file is None:
            raise ValueError("there is no authority; CentralSystem(tls=True) has one")
        return self._root_file.path

    def sign_certificates(
        self, sign: bool = True, *, days: float = 365.0, match_name: bool = False
    ) -> None:
        """Whether SignCertificate is answered with Accepted, and then CertificateSigned is sent.

        An `answer` of the script's comes first. days: how long the certificates are valid.
        match_name: answer Rejected where the common name is not the name of the charge point; a CSR
        that is none is Rejected anyway. Raises ValueError without an authority.
        """
        if self.authority is None:
            raise ValueError("there is no authority; CentralSystem(tls=True) has one")
        function = signing(self.authority, self.call, days=days, match_name=match_name)
        self._answers.by_default("SignCertificate", function if sign else None)

    def client_certificate(self, name: str) -> str | None:
        """The certificate that this charge point has shown, in PEM; None where it has shown none.

        Raises ConnectionLost where there is no connection.
        """

        async def read(session: Session) -> str | None:
            return session.client_certificate

        return self._with(name, read)

    # what it sends

    def call(
        self,
        name: str,
        action: str,
        payload: dict[str, Any] | None = None,
        *,
        timeout: float = 15,
        validate: bool = True,
        unique_id: str | None = None,
    ) -> dict[str, Any]:
        """Send a CALL to the charge point `name`, return the payload of its answer.

        One CALL to a charge point is under way at a time (OCPP-J 1.6 §4.1.1); others wait for it.

        timeout: s, from sending. validate: False sends any action with any payload, and takes any
        payload for an answer. unique_id: a new UUID unless given.

        Raises CallError (the charge point answered with one), CallTimeout, ConnectionLost (there is
        no connection, or it went before the answer came), InvalidPayload (`payload` is wrong and
        nothing has left; or, with `received`, the answer is wrong).
        """
        payload = {} if payload is None else payload
        if validate and (faults := request_faults(action, payload)):
            raise invalid_request(action, faults, payload)
        frame = rpc.CallFrame(unique_id or str(uuid.uuid4()), action, payload)
        text = rpc.encode(frame)

        async def call(session: Session) -> dict[str, Any]:
            return await session.call(frame, text, timeout=timeout, validate=validate)

        return self._with(name, call)

    def send_raw(self, name: str, message: str | bytes) -> None:
        """Send anything at all, bytes as a binary message. Raises ConnectionLost."""

        self._with(name, lambda session: session.send_raw(message))

    def disconnect(self, name: str, code: int = 1000, reason: str = "") -> None:
        """Close a connection with the closing handshake, and wait for its end.

        code, reason: RFC 6455 §7.4; ValueError where such a code cannot be sent or the reason has
        more than 123 bytes. Raises ConnectionLost where there is no connection.
        """
        try:
            if len(Close(code, reason).serialize()) > 125:
                raise ValueError(f"a close reason has at most 123 bytes of UTF-8: {reason!r}")
        except ProtocolError:
            raise ValueError(f"{code} cannot be sent as a close code (RFC 6455 §7.4)") from None

        self._with(name, lambda session: session.close(code, reason))

    def drop(self, name: str) -> None:
        """End a connection with a TCP reset, without a word. Raises ConnectionLost."""

        self._with(name, lambda session: session.drop())

    # inside

    def _with(self, name: str, work: Callable[[Session], Coroutine[Any, Any, T]]) -> T:
        """Do this with the session of a charge point. Raises ConnectionLost where there is none."""
        self._loop.may_block()
        # a charge point knows that it is connected a moment before this side does
        with contextlib.suppress(WaitTimeout):
            self._journal.wait_for_connection(name, _ARRIVAL)

        async def with_session() -> T:
            return await work(self._listener.session(name))

        return self._loop.do(with_session)


def _cannot_listen(host: str, port: int, error: OSError) -> OSError:
    """The same error in one line that names the address."""
    # asyncio wraps the system's words in its own; those of a name that is not found are its own
    if error.errno and not isinstance(error, socket.gaierror):
        why = os.strerror(error.errno)
    else:
        why = error.strerror or str(error)
    plain = type(error)(f"cannot listen on {host}:{port}: {why}")
    plain.errno = error.errno
    return plain
