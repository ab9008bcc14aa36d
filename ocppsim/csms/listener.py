"""The server in the event loop: listens, lets charge points in, and ends them all."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable

from websockets.asyncio.server import Server, ServerConnection, serve

from ..errors import ConnectionLost
from ..v16.actions import PROTOCOL
from .answers import Answers
from .handshake import (
    Handshake,
    Passwords,
    certificate_subject,
    charge_point_name,
    peer,
    select_subprotocol,
)
from .lines import printable
from .records import Journal
from .session import Session
from .workers import Workers

__all__ = ["Listener"]

log = logging.getLogger("ocppsim.csms")

# websockets logs handshakes with their Authorization header, and a traceback for each bit of
# garbage that is sent to the port; what matters of it is logged here
_websockets_log = logging.getLogger("ocppsim.csms.websockets")
_websockets_log.setLevel(logging.CRITICAL)

# seconds for a handshake; for the other side of a closing handshake; the same when all is stopped
_OPEN, _CLOSE, _STOP = 10.0, 5.0, 2.0


class Listener:
    """Every coroutine and method of it runs in the event loop's thread."""

    def __init__(
        self,
        host: str,
        passwords: Passwords | None,
        ssl_context: ssl.SSLContext | None,
        answers: Answers,
        journal: Journal,
        workers: Workers,
    ) -> None:
        self.stopping: asyncio.Event
        self._host = host
        self._handshake = Handshake(passwords, workers)
        self._ssl_context = ssl_context
        self._answers = answers
        self._journal = journal
        self._workers = workers
        self._sessions: dict[str, Session] = {}

    def session(self, name: str) -> Session:
        """The connection of a charge point. Raises ConnectionLost where there is none."""
        try:
            return self._sessions[name]
        except KeyError:
            others = ", ".join(map(printable, self._sessions)) or "nobody"
            text = f"{name} is not connected; connected: {others[:200]}"
            raise ConnectionLost(text) from None

    async def serve(self, port: int, is_listening: Callable[[int], None]) -> None:
        """Serve until `stopping` is set. Tells the port with `is_listening`. Raises OSError."""
        self.stopping = asyncio.Event()
        connections: set[ServerConnection] = set()

        class Connection(ServerConnection):
            """Known from the first byte on, so that `stop` need not wait for a handshake."""

            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                connections.add(self)
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                connections.discard(self)
                super().connection_lost(exc)

        server = await serve(
            self._welcome,
            self._host,
            port,
            ssl=self._ssl_context,
            process_request=self._handshake.check,
            select_subprotocol=select_subprotocol,
            create_connection=Connection,
            compression=None,
            max_size=None,
            ping_interval=None,
            open_timeout=_OPEN,
            close_timeout=_CLOSE,
            logger=_websockets_log,
        )
        self._journal.set_open(True)
        try:
            is_listening(server.sockets[0].getsockname()[1])
            await self.stopping.wait()
        finally:
            self._journal.set_open(False)
            await self._end(server, connections)

    async def _welcome(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        name = charge_point_name(connection.request.path)
        label = printable(name)
        if connection.subprotocol is None:
            # OCPP-J 1.6 §3.2: the handshake is completed without a subprotocol, then closed
            ours = PROTOCOL.subprotocol
            log.warning("%s at %s does not offer %s: closed", label, peer(connection), ours)
            await connection.close(1002, f"this central system speaks the subprotocol {ours} only")
            return
        shown = certificate_subject(connection)
        how = f" with a certificate of {printable(shown)}" if shown is not None else ""
        log.info("%s connected from %s%s", label, peer(connection), how)
        session = Session(name, connection, self._answers, self._journal, self._workers)
        previous = self._sessions.get(name)
        self._sessions[name] = session
        self._journal.add_connected(name)
        if previous is not None:
            log.info("%s connected again; its older connection is closed", label)
            previous.lose("another connection with this name has taken over")
            farewell = asyncio.create_task(
                previous.close(1000, "another connection with this name has taken over")
            )
        else:
            farewell = None
        try:
            await session.run()
        finally:
            if self._sessions.get(name) is session:
                del self._sessions[name]
            self._journal.remove_connected(name)
            session.ended.set()
            if farewell is not None:
                await farewell

    async def _end(self, server: Server, connections: set[ServerConnection]) -> None:
        """Close politely, then for good; leave no task and no socket."""
        server.close(close_connections=False)
        sessions = list(self._sessions.values())
        closing = [asyncio.create_task(s.close(1001, "the central system stops")) for s in sessions]
        if closing:
            await asyncio.wait(closing, timeout=_STOP)
        for connection in list(connections):
            connection.transport.abort()
        # those who were aborted see their end now; what is left is in a TLS handshake, or asleep
        await _settle()
        this = asyncio.current_task()
        rest = [task for task in asyncio.all_tasks() if task is not this]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await _settle()


async def _settle() -> None:
    """Let the loop run what is ready: transports report their end in a later step."""
    for _ in range(10):
        await asyncio.sleep(0)
