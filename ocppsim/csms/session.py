"""One connected charge point: what it sends is judged and answered, what it is asked is sent.

Everything here runs in the event loop's thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from .. import rpc
from ..errors import CallError, CallTimeout, ConnectionLost, Fault
from .answers import Answer, Answers
from .judge import invalid_response, judge
from .lines import payload_line, printable, text_line
from .records import Journal, ReceivedRequest
from .replies import Replies
from .workers import Workers

__all__ = ["Session"]

log = logging.getLogger("ocppsim.csms")

# characters from which a message is judged in a thread, for the other charge points' sake
_LARGE = 100_000
# how many of its latest unique ids a charge point is held to
_REMEMBERED_IDS = 1000
# close codes that websockets sends by itself, with what was wrong on the wire (RFC 6455 §7.4.1)
_BLAME = {1002: "WebSocket", 1007: "UTF-8"}


@dataclass(slots=True)
class _Waiting:
    """The CALL that is under way."""

    unique_id: str
    action: str
    validate: bool
    # an exception is a result here too: nobody has to be there to retrieve it
    outcome: asyncio.Future[dict[str, Any] | Exception]


class Session:
    """A connection of one charge point, from the end of the handshake on."""

    def __init__(
        self,
        name: str,
        connection: ServerConnection,
        answers: Answers,
        journal: Journal,
        workers: Workers,
    ) -> None:
        self.name = name
        self.ended = asyncio.Event()
        self._connection = connection
        self._answers = answers
        self._journal = journal
        self._workers = workers
        self._label = printable(name)
        self._replies = Replies(self._label, self._send, workers)
        self._turn = asyncio.Lock()
        self._waiting: _Waiting | None = None
        self._lost = ""
        self._closing = False
        self._used_ids: dict[str, None] = {}

    @property
    def client_certificate(self) -> str | None:
        """What the charge point has shown in the TLS handshake, in PEM."""
        tls = self._connection.transport.get_extra_info("ssl_object")
        der = None if tls is None else tls.getpeercert(binary_form=True)
        return None if der is None else ssl.DER_cert_to_PEM_cert(der)

    async def run(self) -> None:
        """Serve until the connection is gone, whoever ends it."""
        answering = asyncio.create_task(self._replies.run())
        try:
            while True:
                await self._take(await self._connection.recv())
        except ConnectionClosed as closed:
            self._blame(closed)
        finally:
            self.lose(f"the connection was closed: {self._close_text()}")
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)
            log.info("%s disconnected: %s", self._label, self._close_text())

    def lose(self, why: str) -> None:
        """Fail the CALL under way and all to come; the first reason counts."""
        self._lost = self._lost or why
        self._finish(self._gone())

    async def close(self, code: int, reason: str) -> None:
        """The closing handshake; who takes no part in it is cut off (websockets' close_timeout)."""
        self._closing = True
        await self._connection.close(code, reason)
        await self.ended.wait()

    async def drop(self) -> None:
        """End the TCP connection with a reset, without a word."""
        transport = self._connection.transport
        # to linger for 0 seconds is what makes a close a reset
        linger = struct.pack("ii", 1, 0)
        with contextlib.suppress(OSError):  # it has just gone by itself
            transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, linger
            )
        transport.abort()
        await self.ended.wait()

    async def call(
        self, frame: rpc.CallFrame, text: str, *, timeout: float, validate: bool
    ) -> dict[str, Any]:
        """Send `text`, the CALL that `frame` is, when it is its turn; wait for the answer.

        One CALL is under way at a time (OCPP-J 1.6 §4.1.1). timeout: seconds from sending.
        validate: whether an answer that breaks its schema is raised as InvalidPayload.
        Raises CallError, CallTimeout, ConnectionLost, InvalidPayload.
        """
        async with self._turn:
            outcome: asyncio.Future[dict[str, Any] | Exception]
            outcome = asyncio.get_running_loop().create_future()
            self._waiting = _Waiting(frame.unique_id, frame.action, validate, outcome)
            log.info("%s ← %s %s", self._label, frame.action, payload_line(frame.payload))
            try:
                async with asyncio.timeout(timeout):
                    await self._send(text)
                    result = await outcome
            except TimeoutError:
                raise CallTimeout(frame.action, frame.unique_id, timeout) from None
            finally:
                self._waiting = None
        if isinstance(result, Exception):
            raise result
        return result

    async def send_raw(self, message: str | bytes) -> None:
        """Send anything. Raises ConnectionLost."""
        log.info("%s ← raw %s", self._label, text_line(message))
        await self._send(message)

    async def _send(self, message: str | bytes) -> None:
        # websockets would wait for the end of the closing handshake first
        if self._lost or self._connection.state is not State.OPEN:
            raise self._gone()
        try:
            await self._connection.send(message)
        except ConnectionClosed:
            raise self._gone() from None

    async def _take(self, message: str | bytes) -> None:
        """A message of the charge point. Never raises: none may cost the connection."""
        try:
            waiting = self._waiting
            call = (waiting.unique_id, waiting.action) if waiting else (None, None)
            if len(message) < _LARGE:
                frame, faults = judge(message, *call)
            else:
                what = f"{self._label} large message"
                frame, faults = await self._workers.run(what, judge, message, *call)
            if isinstance(frame, rpc.CallFrame):
                self._take_call(frame, faults, message)
            elif isinstance(frame, rpc.BadFrame):
                self._take_bad(frame, faults, message)
            else:
                self._take_answer(frame, faults, message)
        except Exception:
            text = text_line(message)
            log.exception("%s: a fault of the central system, at %s", self._label, text)

    def _take_call(self, frame: rpc.CallFrame, faults: list[Fault], message: str | bytes) -> None:
        answer: Answer
        if self._replies.has(frame.unique_id):
            # OCPP-J 1.6 §4.2.3: "is being handled already" is an error; §4.1.4 forbids any reuse,
            # but a repeated request that was answered long ago is better answered again
            faults = [*faults, _reused("is being handled already")]
            answer = _error(faults[-1])
        elif faults and not self._is_scripted(frame, faults):
            answer = _error(faults[0])
        else:
            if frame.unique_id in self._used_ids:
                faults = [*faults, _reused("was used before on this connection")]
            answer = self._answers.to(frame.action, frame.payload)
        self._remember(frame.unique_id)
        log.info(
            "%s → %s %s", self._label, printable(frame.action[:80]), payload_line(frame.payload)
        )
        self._violated(faults, message)
        record = ReceivedRequest(
            self.name,
            frame.action,
            frame.payload,
            frame.unique_id,
            datetime.now(UTC),
            tuple(faults),
            None if callable(answer) else answer,
        )
        self._replies.put(frame.unique_id, record, answer)
        # after the row, in one step: who waits for the request finds its answer on the way before
        # anything that he sends then, and finds the record when the answer arrives
        self._journal.add_request(record)

    def _is_scripted(self, frame: rpc.CallFrame, faults: list[Fault]) -> bool:
        """Whether a script answers an action that a charge point cannot send."""
        strange = all(fault.rule == "action" for fault in faults)
        return strange and self._answers.knows(frame.action)

    def _take_bad(self, frame: rpc.BadFrame, faults: list[Fault], message: str | bytes) -> None:
        self._violated(faults, message)
        waiting = self._waiting
        if frame.message_type == rpc.CALL and frame.unique_id is not None:
            self._replies.put(frame.unique_id, None, _error(faults[0]))
        elif waiting is not None and frame.unique_id == waiting.unique_id:
            self._finish(invalid_response(self._label, waiting.action, faults, None))

    def _take_answer(
        self, frame: rpc.ResultFrame | rpc.ErrorFrame, faults: list[Fault], message: str | bytes
    ) -> None:
        self._violated(faults, message)
        waiting = self._waiting
        if waiting is None or waiting.unique_id != frame.unique_id:
            return
        if isinstance(frame, rpc.ErrorFrame):
            error = CallError(
                frame.code,
                frame.description,
                frame.details,
                action=waiting.action,
                unique_id=frame.unique_id,
            )
            log.debug("%s → %s", self._label, text_line(f"CALLERROR to {error}"))
            self._finish(error)
            return
        log.debug("%s → answer to %s %s", self._label, waiting.action, payload_line(frame.payload))
        if faults and waiting.validate:
            self._finish(invalid_response(self._label, waiting.action, faults, frame.payload))
        else:
            self._finish(frame.payload)

    def _violated(self, faults: list[Fault], message: str | bytes) -> None:
        if faults:
            more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
            log.warning(
                "%s broke OCPP: %s%s: %s",
                self._label,
                printable(str(faults[0])),
                more,
                text_line(message),
            )
            self._journal.add_violations(self.name, faults, message)

    def _blame(self, closed: ConnectionClosed) -> None:
        """Record what has made websockets close the connection."""
        sent = closed.sent
        if sent is None or closed.rcvd_then_sent or self._closing or sent.code not in _BLAME:
            return
        self._violated([Fault("$", _BLAME[sent.code], sent.reason or "malformed")], "")

    def _remember(self, unique_id: str) -> None:
        self._used_ids[unique_id] = None
        if len(self._used_ids) > _REMEMBERED_IDS:
            del self._used_ids[next(iter(self._used_ids))]

    def _finish(self, result: dict[str, Any] | Exception) -> None:
        if self._waiting is not None and not self._waiting.outcome.done():
            self._waiting.outcome.set_result(result)

    def _gone(self) -> ConnectionLost:
        why = self._lost or f"the connection is being closed: {self._close_text()}"
        code = self._connection.protocol.close_code
        return ConnectionLost(f"{self._label}: {why}", code=None if code in (1005, 1006) else code)

    def _close_text(self) -> str:
        code = self._connection.protocol.close_code
        reason = self._connection.protocol.close_reason
        if code is None or code == 1006:
            return "no closing handshake"
        return printable(f"{code} {reason}".strip())


def _reused(what: str) -> Fault:
    return Fault("$[1]", "unique id", f"the unique id of this CALL {what}")


def _error(fault: Fault) -> CallError:
    return CallError(fault.code, str(fault))
