"""What a station sends: through the queue what belongs to a transaction, all else at once."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ocppsim import CallError, ConnectionLost, OcppsimError, Result, timestamp

if TYPE_CHECKING:
    from .body import Body
    from .transaction import Transaction

__all__ = ["Outbox"]

Payload = dict[str, Any]
Answered = Callable[["Result | OcppsimError"], object]

STORED_AS = "core.transactions"


@dataclass(slots=True, eq=False)
class _Message:
    """A StartTransaction or StopTransaction in the queue."""

    payload: Payload
    transaction: Transaction
    sent: bool = False


class Outbox:
    """Sends, and never waits. Answers come back as things to do in the station's thread.

    pending: what has no answer yet, of all that was sent or queued.
    """

    def __init__(self, body: Body) -> None:
        self._body = body
        self._own: set[str] = set()
        self._messages: list[_Message] = []
        self.pending: set[Future[Result]] = set()

    def is_own(self, unique_id: str | None) -> bool:
        """Whether the station itself sent the CALL of this id, and not through the queue."""
        return unique_id in self._own

    def holds_back(self, number: int) -> bool:
        """Whether a transaction's message of this connector has to go first."""
        return any(not m.sent and m.transaction.connectorId == number for m in self._messages)

    def ask(self, action: str, payload: Payload, then: Answered) -> None:
        """Send a CALL; `then(answer)`, or `then(error)`, in the station's thread."""
        unique_id = str(uuid.uuid4())
        self._own.add(unique_id)
        try:
            future = self._body.cp.submit(action, payload, unique_id=unique_id)
        except OcppsimError as error:
            self._own.discard(unique_id)
            then(error)
            return
        self.pending.add(future)

        def done(future: Future[Result]) -> None:
            answer = _outcome(future)
            self._own.discard(unique_id)

            def over() -> None:
                self.pending.discard(future)
                then(answer)

            self._body.actor.post(over)

        future.add_done_callback(done)

    def tell(
        self, action: str, payload: Payload, *, lost: Callable[[], object] | None = None
    ) -> None:
        """Send a CALL whose answer says nothing. lost(): the connection went before its answer."""

        def then(answer: Result | OcppsimError) -> None:
            if isinstance(answer, ConnectionLost) and lost is not None:
                lost()
            elif isinstance(answer, OcppsimError):
                self._body.log("%s: %s", action, answer)

        self.ask(action, payload, then)

    # --- the queue ---

    def start(self, transaction: Transaction, payload: Payload) -> None:
        """Hand a StartTransaction to the queue."""
        try:
            transaction.handle = self._body.cp.enqueue_start(payload)
        except OcppsimError as error:
            self._body.log("StartTransaction: %s", error)
            return
        self._remember(transaction, begun=True)
        self._follow("StartTransaction", transaction.handle, _Message(payload, transaction))

    def stop(self, transaction: Transaction, payload: Payload) -> Future[Result] | None:
        """Hand a StopTransaction to the queue; None where it cannot be."""
        future = self._enqueue("StopTransaction", payload, transaction)
        self._remember(transaction, begun=False)
        if future is not None:
            self._follow("StopTransaction", future, _Message(payload, transaction))
        return future

    def meter_values(self, transaction: Transaction, payload: Payload) -> None:
        """Hand MeterValues of a transaction to the queue."""
        future = self._enqueue("MeterValues", payload, transaction)
        if future is not None:
            self._follow("MeterValues", future)

    def sent(self, payload: Payload) -> Transaction | None:
        """A StartTransaction or StopTransaction is on the wire; the transaction, if the station
        itself has sent it. One that is sent again is found again."""
        for message in self._messages:
            mine = message.payload
            if mine == {name: payload.get(name) for name in mine}:
                message.sent = True
                self._body.reporter.flush(message.transaction.connectorId)
                return message.transaction
        return None

    def end_left_open(self) -> None:
        """The transactions that a station began in an earlier process, and that nobody ended: the
        power has failed."""
        body, keys = self._body, set(self._body.cp.state.get(STORED_AS, []))
        for handle in body.cp.open_transactions():
            connector = body.connectors.get(handle.payload["connectorId"])
            if handle.key not in keys or connector is None:
                continue
            meter = body.metering.meter(connector.number).register_wh
            payload = {
                "meterStop": max(meter, handle.payload["meterStart"]),
                "timestamp": body.metering.last_kept or timestamp(body.clock.now()),
                "reason": "PowerLoss",
            }
            self._follow(
                "StopTransaction", body.cp.enqueue("StopTransaction", payload, transaction=handle)
            )
        body.cp.state[STORED_AS] = []

    def _enqueue(
        self, action: str, payload: Payload, transaction: Transaction
    ) -> Future[Result] | None:
        handle = transaction.transactionId if transaction.handle is None else transaction.handle
        if handle is None:
            return None
        try:
            return self._body.cp.enqueue(action, payload, transaction=handle)
        except OcppsimError as error:
            self._body.log("%s: %s", action, error)
            return None

    def _remember(self, transaction: Transaction, *, begun: bool) -> None:
        key = getattr(transaction.handle, "key", None)
        if key is None:
            return
        keys = [other for other in self._body.cp.state.get(STORED_AS, []) if other != key]
        self._body.cp.state[STORED_AS] = [*keys, key] if begun else keys

    def _follow(self, action: str, future: Future[Result], message: _Message | None = None) -> None:
        self.pending.add(future)
        if message is not None:
            self._messages.append(message)

        def over() -> None:
            self.pending.discard(future)
            if message is not None:
                self._messages.remove(message)
                self._body.reporter.flush(message.transaction.connectorId)

        def done(future: Future[Result]) -> None:
            outcome = _outcome(future)
            if isinstance(outcome, OcppsimError):
                self._body.log("%s: %s", action, outcome)
            self._body.actor.post(over)

        future.add_done_callback(done)


def _outcome(future: Future[Result]) -> Result | OcppsimError:
    if future.cancelled():
        return ConnectionLost("it was called off")
    error = future.exception()
    if error is None:
        return future.result()
    return error if isinstance(error, OcppsimError) else CallError("InternalError", str(error))
