"""The requests of one charge point, answered one after the other, in the order of their coming."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from .. import rpc
from ..errors import CallError, ConnectionLost
from .answers import Answer, Rest, ask, go_on
from .lines import payload_line, printable
from .records import ReceivedRequest
from .workers import Workers

__all__ = ["Replies"]

log = logging.getLogger("ocppsim.csms")


@dataclass(slots=True)
class _Row:
    """A request and how to answer it; `record` is None where it is no proper CALL."""

    unique_id: str
    record: ReceivedRequest | None
    answer: Answer


class Replies:
    """The row of requests that have no answer yet. In the event loop's thread."""

    def __init__(
        self, label: str, send: Callable[[str], Awaitable[None]], workers: Workers
    ) -> None:
        """label: the charge point in logs and thread names. send: raises ConnectionLost."""
        self._label = label
        self._send = send
        self._workers = workers
        self._rows: asyncio.Queue[_Row] = asyncio.Queue()
        self._open_ids: set[str] = set()

    def put(self, unique_id: str, record: ReceivedRequest | None, answer: Answer) -> None:
        """Answer this when its turn comes. A function is called in a thread of its own."""
        self._open_ids.add(unique_id)
        self._rows.put_nowait(_Row(unique_id, record, answer))

    def has(self, unique_id: str) -> bool:
        """Whether a request with this id waits for its answer."""
        return unique_id in self._open_ids

    async def run(self) -> None:
        """Until the connection is lost."""
        with contextlib.suppress(ConnectionLost):
            while True:
                row = await self._rows.get()
                answer, rest = await self._resolve(row)
                text, answer = _encode(row.unique_id, answer)
                self._open_ids.discard(row.unique_id)
                if row.record is not None:
                    row.record.answer = answer
                self._log(row, answer)
                if text is not None:
                    await self._send(text)
                if rest is not None and row.record is not None:
                    self._go_on(row.record, rest)

    async def _resolve(self, row: _Row) -> tuple[dict[str, Any] | CallError | None, Rest | None]:
        if not callable(row.answer) or row.record is None:
            assert not callable(row.answer)
            return row.answer, None
        request = row.record
        thread = self._thread(request)
        try:
            return await self._workers.run(
                thread, ask, row.answer, request.name, request.action, request.payload
            )
        except RuntimeError as error:  # no thread to be had
            log.error("%s: cannot answer %s: %s", self._label, request.action, error)
            return CallError("InternalError", str(error)), None

    def _go_on(self, request: ReceivedRequest, rest: Rest) -> None:
        try:
            self._workers.start(self._thread(request), go_on, rest, request.name, request.action)
        except RuntimeError as error:  # no thread to be had
            log.error("%s: cannot go on after %s: %s", self._label, request.action, error)

    def _thread(self, request: ReceivedRequest) -> str:
        return f"{self._label} {printable(request.action[:80])}"

    def _log(self, row: _Row, answer: dict[str, Any] | CallError | None) -> None:
        action = printable(row.record.action[:80]) if row.record else "a malformed CALL"
        if answer is None:
            log.debug("%s ← no answer to %s", self._label, action)
        elif isinstance(answer, CallError):
            log.debug("%s ← CALLERROR to %s: %s", self._label, action, printable(str(answer)))
        else:
            log.debug("%s ← answer to %s %s", self._label, action, payload_line(answer))


def _encode(
    unique_id: str, answer: dict[str, Any] | CallError | None
) -> tuple[str | None, dict[str, Any] | CallError | None]:
    """The text of an answer, None for none at all; and the answer, another one if it is no JSON."""
    if answer is None:
        return None, None
    try:
        return rpc.encode(_frame(unique_id, answer)), answer
    except (TypeError, ValueError, RecursionError) as error:
        log.error("the answer %s is not JSON: %s", payload_line(answer), error)
        answer = CallError("InternalError", "the central system's answer is not JSON")
        return rpc.encode(_frame(unique_id, answer)), answer


def _frame(unique_id: str, answer: dict[str, Any] | CallError) -> rpc.ResultFrame | rpc.ErrorFrame:
    if isinstance(answer, CallError):
        return rpc.ErrorFrame(unique_id, answer.code, answer.description, answer.details)
    return rpc.ResultFrame(unique_id, answer)
