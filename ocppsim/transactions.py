"""Transactions and messages of the transaction queue: as objects, and as rows of a `Store`."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import rpc
from .calls import Result
from .errors import GivenUp
from .interrupts import Pending

if TYPE_CHECKING:
    from .store import Rows

__all__ = ["MESSAGE", "TRANSACTION", "Message", "Transaction", "pending", "read", "verify"]

MESSAGE, TRANSACTION = "message", "transaction"


class Transaction(Pending[Result]):
    """A transaction that was started through the queue; a Future of the answer to its start.

    It is delivered whatever the idTagInfo in the answer says: what follows is up to the script.
    key: names it, in the processes that come after this one too. payload: of the start.
    transactionId: None until the start was answered.
    """

    def __init__(self, payload: dict[str, Any], number: int, *, key: str | None = None) -> None:
        super().__init__()
        self.set_running_or_notify_cancel()  # so that nobody cancels what may be on its way
        self.key = str(uuid.uuid4()) if key is None else key
        self._number = number  # of the start among all messages ever
        self.payload = payload
        self.transactionId: int | None = None
        self._stopped = False
        self._messages = 0  # of it in the queue
        self._answer: Result | None = None

    @property
    def stopped(self) -> bool:
        """Whether its StopTransaction is, or was, in the queue."""
        return self._stopped

    def __repr__(self) -> str:
        state = "stopped" if self._stopped else "open"
        return f"<Transaction {self.key} transactionId={self.transactionId} {state}>"

    def _answered(self, answer: Result) -> None:
        """The start was answered; `set_result` follows once that is on disk."""
        self._answer = answer
        self.transactionId = answer["transactionId"]

    @property
    def _over(self) -> bool:
        """Whether nothing more is to be known about it."""
        return not self._messages and (self._stopped or self.transactionId is None)

    def _row(self) -> str:
        answer = None
        if self._answer is not None:
            answer = {"uniqueId": self._answer.unique_id, "payload": self._answer}
        row = {
            "number": self._number,
            "payload": self.payload,
            "stopped": self._stopped,
            "answer": answer,
        }
        return rpc.to_json(row)


@dataclass(slots=True, eq=False)
class Message:
    """One CALL in the queue.

    number: its place. failures: how often the CSMS failed to process it; failed: when that was last
    (monotonic, s). future: of a start, its transaction.
    """

    number: int
    action: str
    payload: dict[str, Any]
    unique_id: str
    transaction: Transaction | None
    future: Future[Result]
    failures: int = 0
    failed: float = -math.inf

    @property
    def starts(self) -> bool:
        return self.future is self.transaction

    @property
    def key(self) -> tuple[str, str]:
        return MESSAGE, f"{self.number:012d}"

    def whole(self) -> dict[str, Any]:
        """The payload, with the transactionId that the start was answered with."""
        if self.transaction is None or self.starts:
            return self.payload
        if self.transaction.transactionId is None:
            raise GivenUp(self.action, "the transactionId of its StartTransaction is not known")
        return {**self.payload, "transactionId": self.transaction.transactionId}

    def row(self) -> str:
        key = None if self.transaction is None else self.transaction.key
        row = {
            "action": self.action,
            "payload": self.payload,
            "uniqueId": self.unique_id,
            "transaction": key,
            "starts": self.starts,
            "failures": self.failures,
        }
        return rpc.to_json(row)


def pending() -> Future[Result]:
    """A future that nobody can cancel: what may be on its way cannot be called back."""
    future: Future[Result] = Pending()
    future.set_running_or_notify_cancel()
    return future


def read(rows: Rows) -> tuple[dict[str, Transaction], list[Message]]:
    """What the rows say, in order. Raises ValueError where they make no sense."""
    try:
        found = [_transaction(key, row) for key, row in _of_kind(rows, TRANSACTION)]
        found.sort(key=lambda transaction: transaction._number)
        transactions = {transaction.key: transaction for transaction in found}
        messages = [_message(int(key), row, transactions) for key, row in _of_kind(rows, MESSAGE)]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"its entries make no sense: {error!r}") from None
    starting = {message.transaction for message in messages if message.starts}
    for transaction in found:
        if not transaction.done() and transaction not in starting:
            raise ValueError(f"the start of the transaction {transaction.key} is missing")
    return transactions, messages


def verify(rows: Rows) -> None:
    """Raises ValueError where the rows make no sense."""
    read(rows)


def _of_kind(rows: Rows, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for (of, key), text in sorted(rows.items()):
        if of == kind:
            yield key, json.loads(text)


def _transaction(key: str, row: dict[str, Any]) -> Transaction:
    transaction = Transaction(dict(row["payload"]), int(row["number"]), key=key)
    transaction._stopped = bool(row["stopped"])
    answer = row["answer"]
    if answer is not None:
        result = Result(dict(answer["payload"]), "StartTransaction", answer["uniqueId"], 0.0)
        transaction._answered(result)
        transaction.set_result(result)
    return transaction


def _message(number: int, row: dict[str, Any], transactions: dict[str, Transaction]) -> Message:
    key = row["transaction"]
    transaction = None if key is None else transactions[key]
    starts = transaction is not None and row["starts"]
    if transaction is not None:
        transaction._messages += 1
    return Message(
        number,
        str(row["action"]),
        dict(row["payload"]),
        str(row["uniqueId"]),
        transaction,
        transaction if transaction is not None and starts else pending(),
        int(row["failures"]),
    )
