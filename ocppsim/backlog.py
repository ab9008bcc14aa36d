"""What is in the transaction queue and not delivered: in memory, and in a `Store` if there is."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from . import rpc
from .calls import Result
from .errors import ConnectionLost, GivenUp
from .transactions import MESSAGE, TRANSACTION, Message, Transaction, pending, read

if TYPE_CHECKING:
    from .store import Rows, Store

__all__ = ["START", "STOP", "Backlog"]

START, STOP = "StartTransaction", "StopTransaction"

Changes = dict[tuple[str, str], str | None]


class Backlog:
    """Messages in order, and the transactions that they belong to. For any thread.

    What changes is on the disk when a method comes back. None of them calls anybody, but the store.
    """

    __slots__ = ("_changing", "_closed", "_messages", "_number", "_store", "_transactions")

    def __init__(self, store: Store | None = None) -> None:
        """store: open."""
        self._store = store
        self._changing = threading.Lock()  # held while the disk writes
        # a list where it is empty: an empty deque takes 600 bytes, times thousands
        self._messages: deque[Message] | list[Message] = []
        self._transactions: dict[str, Transaction] = {}
        self._number = 0
        self._closed = False
        self._load()

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def on_disk(self) -> bool:
        return self._store is not None

    @property
    def first(self) -> Message | None:
        """The one to be delivered next. Does not wait for the disk."""
        try:
            return self._messages[0]
        except IndexError:
            return None

    def open_transactions(self) -> list[Transaction]:
        with self._changing:
            return [one for one in self._transactions.values() if not one.stopped]

    # --- in ---

    def add_start(self, payload: Mapping[str, Any]) -> Transaction:
        """Raises ConnectionLost where this is closed."""
        with self._changing:
            self._check_open(START)
            self._number += 1
            transaction = Transaction(_copy(payload), self._number)
            self._transactions[transaction.key] = transaction
            self._put(self._message(START, transaction.payload, transaction, transaction))
            return transaction

    def add(
        self, action: str, payload: Mapping[str, Any], transaction: Transaction | None
    ) -> Future[Result]:
        """Raises ConnectionLost where this is closed, GivenUp where the transaction never began,
        ValueError where it is none of this charge point."""
        with self._changing:
            self._check_open(action)
            if transaction is not None and transaction.key not in self._transactions:
                # over and forgotten, or never begun
                if transaction.transactionId is None:
                    raise _never_began(action, transaction)
                payload = {**payload, "transactionId": transaction.transactionId}
                transaction = None
            elif transaction is not None:
                # where the charge point was closed meanwhile, another object stands for it
                transaction = self._transactions[transaction.key]
                transaction._stopped = transaction._stopped or action == STOP
            self._number += 1
            message = self._message(action, _copy(payload), transaction, pending())
            self._put(message)
            return message.future

    def _check_open(self, action: str) -> None:
        if self._closed:
            raise ConnectionLost(f"{action} was not queued: the charge point is closed")

    def _message(
        self,
        action: str,
        payload: dict[str, Any],
        transaction: Transaction | None,
        future: Future[Result],
    ) -> Message:
        unique_id = str(uuid.uuid4())
        return Message(self._number, action, payload, unique_id, transaction, future)

    def _put(self, message: Message) -> None:
        changes: Changes = {message.key: message.row()}
        if message.transaction is not None:
            message.transaction._messages += 1
            if message.starts or message.action == STOP:
                changes[TRANSACTION, message.transaction.key] = message.transaction._row()
        self._write(changes)
        if isinstance(self._messages, list):
            self._messages = deque([message])
        else:
            self._messages.append(message)

    # --- out ---

    def delivered(self, message: Message, result: Result) -> bool:
        """Take the first one out, for it has its answer. False: it is out already, as this was
        closed."""
        with self._changing:
            if self.first is not message:
                return False
            if message.starts and message.transaction is not None:
                message.transaction._answered(result)
            self._take_out([message])
            return True

    def failed(
        self, message: Message, attempts: int, *, answered: bool
    ) -> tuple[bool, list[Message]]:
        """The first one failed: whether it stays, and what is out, given up, with what belongs to
        it. At most `attempts` failures. answered: then the next attempt has an id of its own."""
        with self._changing:
            if self.first is not message:
                return False, []
            message.failures += 1
            if message.failures < attempts:
                message.failed = time.monotonic()
                if answered:
                    message.unique_id = str(uuid.uuid4())
                self._write({message.key: message.row()})
                return True, []
            lost = [message, *self._dependents(message)]
            self._take_out(lost)
            return False, lost

    def _dependents(self, message: Message) -> list[Message]:
        """What cannot be delivered without this start."""
        if not message.starts:
            return []
        same = (one for one in self._messages if one.transaction is message.transaction)
        return [one for one in same if one is not message]

    def _take_out(self, messages: list[Message]) -> None:
        """First from the disk: what has gone there is not sent again by the next process."""
        changes: Changes = {message.key: None for message in messages}
        for message in messages:
            transaction = message.transaction
            if transaction is None:
                continue
            transaction._messages -= 1
            if transaction._over:
                del self._transactions[transaction.key]
                changes[TRANSACTION, transaction.key] = None
            elif message.starts:
                changes[TRANSACTION, transaction.key] = transaction._row()
        self._write(changes)
        if len(messages) > 1:
            gone = set(messages)
            self._messages = deque(one for one in self._messages if one not in gone)
        else:
            del self._messages[0]
        if not self._messages:
            self._messages = []

    def _write(self, changes: Changes) -> None:
        if self._store is not None:
            self._store.write(changes)

    # --- its life ---

    def close(self) -> tuple[list[Message], str]:
        """What is left is out: in memory it is lost, in the store it is kept. What that is, and the
        file that keeps it, "" where none does."""
        with self._changing:
            self._closed = True
            kept = self._store is not None and self._store.flush()
            left, self._messages = list(self._messages), []
            for message in left:
                if message.transaction is not None:
                    message.transaction._messages = 0
                    if kept or message.transaction._over:
                        self._transactions.pop(message.transaction.key, None)
            return left, str(self._store.file) if kept and self._store is not None else ""

    def reopen(self) -> None:
        """After a `close`, once the store is open again."""
        with self._changing:
            if self._closed:
                self._load()
                self._closed = False

    def _load(self) -> None:
        if self._store is None:
            return
        rows: Rows = {}
        for kind in (MESSAGE, TRANSACTION):
            rows.update({(kind, key): text for key, text in self._store.rows(kind).items()})
        self._transactions, messages = read(rows)
        self._messages = deque(messages) if messages else []
        numbers = [message.number for message in messages]
        numbers += [transaction._number for transaction in self._transactions.values()]
        self._number = max(numbers, default=self._number)

    def __str__(self) -> str:
        """What was found in the store; "" where that is nothing."""
        opened = len(self.open_transactions())
        if self._store is None or not (self._messages or opened):
            return ""
        text = f"messages for the transaction queue: {len(self._messages)}"
        return f"{self._store.file} has {text}, and open transactions: {opened}"


def _never_began(action: str, transaction: Transaction) -> Exception:
    error = transaction.exception(0) if transaction.done() else None
    if error is None:
        return ValueError(f"{action}: {transaction!r} is none of this charge point")
    return GivenUp(action, f"its transaction never began: {error}")


def _copy(payload: Mapping[str, Any]) -> dict[str, Any]:
    copied: dict[str, Any] = json.loads(rpc.to_json(payload))
    return copied
