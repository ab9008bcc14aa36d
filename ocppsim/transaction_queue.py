"""The transaction queue (OCPP 1.6 §3.7, §3.7.1): what belongs to a transaction reaches the CSMS in
order, one message at a time, whatever becomes of the connection and, with a `Store`, of the
process.

No thread waits here. A message is sent by whoever opens the way for it: the script that puts it in,
the reader that has the answer to the one before, a new connection, a timer. Where an answer has to
be written to disk first, a short-lived thread does that, so that the reader does not wait for it.
"""

from __future__ import annotations

import functools
import json
import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Protocol

from . import rpc
from .blocking import never_block
from .calls import Result
from .clock import scaled
from .configuration import Definition
from .errors import CallError, ConnectionLost, Fault, GivenUp, InvalidPayload
from .timers import Timer, timers
from .trace import TracedFrame
from .transactions import MESSAGE, TRANSACTION, Message, Transaction, pending, read

if TYPE_CHECKING:
    from .store import Rows, Store

__all__ = ["ATTEMPTS", "RETRY_INTERVAL", "Line", "TransactionQueue"]

START, STOP, BOOT = "StartTransaction", "StopTransaction", "BootNotification"

ATTEMPTS = Definition(
    key="TransactionMessageAttempts",
    type=int,
    minimum=1,
    description="how often a message of the transaction queue is sent that the CSMS fails to"
    " process",
)
RETRY_INTERVAL = Definition(
    key="TransactionMessageRetryInterval",
    type=int,
    unit="s",
    minimum=0,
    description="how long the transaction queue waits after such a failure, times the failures",
)

Changes = dict[tuple[str, str], str | None]


class Line(Protocol):
    """The way to the CSMS, as the queue sees it."""

    @property
    def connected(self) -> bool:
        """False where `submit` fails with ConnectionLost at once."""

    def check(self, action: str, payload: Any) -> None:
        """Raises InvalidPayload where `submit` would."""

    def submit(
        self,
        action: str,
        payload: Any,
        *,
        timeout: float,
        validate: bool,
        unique_id: str | None,
        concurrent: bool,
    ) -> Future[Result]: ...


class TransactionQueue:
    """The queue of one charge point: `cp.queue`. Its length: how many messages are undelivered.

    What `ChargePoint.enqueue_start` and `ChargePoint.enqueue` put in waits for a connection, and
    until the CSMS has accepted a BootNotification.
    """

    def __init__(
        self,
        line: Line,
        log: logging.LoggerAdapter[logging.Logger],
        *,
        timeout: float,
        attempts: Callable[[], int],
        retry_interval: Callable[[], float],
        store: Store | None = None,
    ) -> None:
        """timeout: s, of one attempt. attempts, retry_interval (s): TransactionMessageAttempts,
        TransactionMessageRetryInterval as they are now. store: open."""
        self._line = line
        self._log = log
        self._timeout = timeout
        self._attempts = attempts
        self._retry_interval = retry_interval
        self._store = store
        # the first is held while the disk writes, the second never for long; neither while anybody
        # is called
        self._changing = threading.Lock()
        self._lock = threading.Lock()
        # a list where it is empty: an empty deque takes 600 bytes, times thousands
        self._messages: deque[Message] | list[Message] = []
        self._transactions: dict[str, Transaction] = {}
        self._number = 0
        self._sending: Message | None = None
        self._accepted = False
        self._closed = False
        self._obstacle = ""  # as told in the log
        self._timer: Timer | None = None
        self._worker: threading.Thread | None = None
        self._load()

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def accepted(self) -> bool:
        """Whether the last BootNotification on the wire was accepted; one that is under way counts
        as not. A new connection changes nothing: set it to False where the script boots anew."""
        return self._accepted

    @accepted.setter
    def accepted(self, accepted: bool) -> None:
        self._accepted = accepted
        if accepted:
            self.wake()

    # --- what the script puts in ---

    def enqueue_start(self, payload: Mapping[str, Any]) -> Transaction:
        """Raises InvalidPayload; ConnectionLost where the charge point is closed."""
        self._line.check(START, payload)
        with self._changing:
            self._check_open(START)
            self._number += 1
            transaction = Transaction(_copy(payload), self._number)
            self._transactions[transaction.key] = transaction
            self._put(self._message(START, transaction.payload, transaction, transaction))
        self.wake()
        return transaction

    def enqueue(
        self, action: str, payload: Mapping[str, Any], transaction: Transaction | int | None
    ) -> Future[Result]:
        """Raises as `enqueue_start`, and ValueError."""
        if action in (START, BOOT):
            method = "enqueue_start" if action == START else "call"
            raise ValueError(f"{action} is not for enqueue(): use {method}()")
        if transaction is not None and "transactionId" in payload:
            raise ValueError(f"{action}: transaction= fills in the transactionId; give one of them")
        if isinstance(transaction, int):
            payload, transaction = {**payload, "transactionId": transaction}, None
        if transaction is None:
            self._line.check(action, payload)
        else:
            # any number stands for the one that is not known yet
            self._line.check(action, {**payload, "transactionId": transaction.transactionId or 0})
        with self._changing:
            self._check_open(action)
            if transaction is not None and transaction.key not in self._transactions:
                # over and forgotten, or never begun
                if transaction.transactionId is None:
                    return self._refuse(action, transaction)
                payload = {**payload, "transactionId": transaction.transactionId}
                transaction = None
            elif transaction is not None:
                # where the charge point was closed meanwhile, another object stands for it
                transaction = self._transactions[transaction.key]
                transaction._stopped = transaction._stopped or action == STOP
            self._number += 1
            message = self._message(action, _copy(payload), transaction, pending())
            self._put(message)
        self.wake()
        return message.future

    def open_transactions(self) -> list[Transaction]:
        """Those whose stop was not put in, oldest first."""
        with self._changing:
            return [one for one in self._transactions.values() if not one.stopped]

    def _check_open(self, action: str) -> None:
        if self._closed:
            raise ConnectionLost(f"{action} was not queued: the charge point is closed")

    def _refuse(self, action: str, transaction: Transaction) -> Future[Result]:
        error = transaction.exception(0) if transaction.done() else None
        if error is None:
            raise ValueError(f"{action}: {transaction!r} is none of this charge point")
        future = pending()
        self._fail(future, GivenUp(action, f"its transaction never began: {error}"))
        return future

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
        with self._lock:
            if isinstance(self._messages, list):
                self._messages = deque(self._messages)
            self._messages.append(message)

    def _write(self, changes: Changes) -> None:
        if self._store is not None:
            self._store.write(changes)

    # --- what opens the way ---

    def saw(self, frame: TracedFrame) -> None:
        """An observer of the wire: whether the CSMS has accepted this charge point."""
        if frame.action != BOOT:
            return
        if frame.type == "CALL" and frame.direction == "sent":
            self._accepted = False
        elif frame.type == "CALLRESULT" and frame.direction == "received":
            status = frame.payload.get("status") if isinstance(frame.payload, dict) else None
            self.accepted = status == "Accepted"

    def wake(self) -> None:
        """Send the first message, if nothing is in the way. From any thread; never blocks."""
        while (message := self._next()) is not None:
            try:
                future = self._send(message)
                if not future.done() or self._needs_disk(future):
                    future.add_done_callback(functools.partial(self._end, message))
                    return
                self._settle(message, future)
            except BaseException:  # Ctrl-C: it goes again, under the same id
                self._leave(message)
                raise

    def _send(self, message: Message) -> Future[Result]:
        future: Future[Result] = Future()
        try:
            future = self._line.submit(
                message.action,
                message.whole(),
                timeout=self._timeout,
                validate=True,
                unique_id=message.unique_id,
                concurrent=False,
            )
        except Exception as error:
            future.set_exception(error)
        return future

    def _next(self) -> Message | None:
        """The message to be sent now; it counts as on its way."""
        with self._lock:
            if self._closed or self._sending is not None or not self._messages:
                return None
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            message = self._messages[0]
            obstacle = ""
            if not self._line.connected:
                obstacle = "a connection"
            elif not self._accepted:
                obstacle = "the CSMS to accept a BootNotification"
            else:
                wait = self._pause(message)
                if wait > 0:
                    self._timer = timers.after(wait, self.wake)
                    return None
                self._sending = message
            is_news = obstacle not in ("", self._obstacle)
            self._obstacle = obstacle
            waiting = len(self._messages)
        if is_news:
            text = "the transaction queue waits for %s; messages in it: %d"
            self._log.info(text, obstacle, waiting)
        return None if obstacle else message

    def _pause(self, message: Message) -> float:
        """Seconds from now to the next attempt (OCPP 1.6 §3.7.1)."""
        if not message.failures:
            return 0.0
        since = time.monotonic() - message.failed
        return scaled(self._retry_interval() * message.failures) - since

    # --- what becomes of a message ---

    def _needs_disk(self, future: Future[Result]) -> bool:
        return self._store is not None and not isinstance(future.exception(), ConnectionLost)

    def _end(self, message: Message, future: Future[Result]) -> None:
        """A message that was sent has its answer, or none. In any thread."""
        if self._needs_disk(future):
            worker = threading.Thread(
                target=self._settle_and_go_on,
                args=(message, future),
                name="ocppsim transaction queue",
                daemon=True,
            )
            try:
                worker.start()
                self._worker = worker
                return
            except RuntimeError:  # there can be no more threads: rather hold this one up
                pass
        self._settle_and_go_on(message, future)

    def _settle_and_go_on(self, message: Message, future: Future[Result]) -> None:
        with never_block("the transaction queue"):
            self._settle(message, future)
            self.wake()

    def _settle(self, message: Message, future: Future[Result]) -> None:
        error = future.exception()
        if error is None:
            error = self._missing_id(message, future.result())
        then: Callable[[], object] | None = None
        try:
            with self._changing:
                if self._sending is not message:
                    pass  # closed meanwhile
                elif error is None:
                    then = self._delivered(message, future.result())
                elif not isinstance(error, ConnectionLost):
                    then = self._failed(message, error)
                # else it stays as it is: a lost connection is no failure to process it
            if then is not None:
                then()
        finally:
            self._leave(message)

    def _leave(self, message: Message) -> None:
        with self._lock:
            if self._sending is message:
                self._sending = None

    @staticmethod
    def _missing_id(message: Message, result: Result) -> InvalidPayload | None:
        # a charge point that is not strict takes any answer, but there is no going on without it
        number = result.get("transactionId")
        if not message.starts or (isinstance(number, int) and not isinstance(number, bool)):
            return None
        fault = Fault("$.transactionId", "type integer", f"{number!r:.80} is not an integer")
        return InvalidPayload(START, "response", [fault], payload=result, received=True)

    def _delivered(self, message: Message, result: Result) -> Callable[[], object]:
        """What is to be done once the lock is free."""
        if message.starts and message.transaction is not None:
            message.transaction._answered(result)
        self._take_out([message])
        return lambda: message.future.set_result(result)

    def _failed(self, message: Message, error: BaseException) -> Callable[[], object]:
        attempts = self._attempts()
        message.failures += 1
        number = message.failures
        if _may_work_later(error) and number < attempts:
            message.failed = time.monotonic()
            if isinstance(error, CallError):
                message.unique_id = str(uuid.uuid4())  # the other one has its answer
            self._write({message.key: message.row()})
            text = "%s failed, attempt %d of %d; the next in %g s: %s"
            told = (message.action, number, attempts, self._retry_interval() * number, error)
            return lambda: self._log.warning(text, *told)
        lost = [message, *self._dependents(message)]
        self._take_out(lost)
        why = f"attempt {number} of {attempts} failed: {error}"
        if not _may_work_later(error):
            why = f"it cannot be sent: {error}"
        return lambda: self._give_up(lost, why, error)

    def _give_up(self, lost: list[Message], why: str, error: BaseException) -> None:
        for message in lost:
            reason = why if message is lost[0] else "its StartTransaction was"
            given_up = GivenUp(message.action, reason)
            given_up.__cause__ = error
            self._fail(message.future, given_up)

    def _fail(self, future: Future[Result], error: GivenUp) -> None:
        self._log.error("%s", error)
        future.set_exception(error)

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
        with self._lock:
            self._messages = _without(self._messages, messages)

    # --- its life ---

    def close(self, timeout: float) -> None:
        """Send no more. The futures of what is left fail; with a store it is kept for the next
        start, else it is lost."""
        with self._lock:
            was_closed, self._closed = self._closed, True
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            worker = self._worker
        if was_closed:
            return
        if worker is not None and worker is not threading.current_thread():
            worker.join(timeout)
        with self._changing:
            kept = self._store is not None and self._store.flush()
            with self._lock:
                left, self._messages, self._sending = list(self._messages), [], None
                self._obstacle = ""
            for message in left:
                if message.transaction is not None:
                    message.transaction._messages = 0
                    if kept or message.transaction._over:
                        self._transactions.pop(message.transaction.key, None)
        if not left:
            return
        if kept and self._store is not None:
            fate = f"kept in {self._store.file} for the next start"
            self._log.info("closed; messages of the transaction queue: %d, %s", len(left), fate)
        else:
            fate = "lost"
            self._log.warning("closed; messages of the transaction queue: %d, lost", len(left))
        text = f"was not delivered: closed; of {len(left)} messages, {fate}"
        for message in left:
            message.future.set_exception(ConnectionLost(f"{message.action} {text}"))

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
        opened = sum(not transaction.stopped for transaction in self._transactions.values())
        if messages or opened:
            text = "%s has messages for the transaction queue: %d, and open transactions: %d"
            self._log.info(text, self._store.file, len(messages), opened)


def _without(
    messages: deque[Message] | list[Message], gone: Iterable[Message]
) -> deque[Message] | list[Message]:
    gone = set(gone)
    if len(gone) == 1 and messages[0] in gone and isinstance(messages, deque):
        messages.popleft()
        return messages or []
    return deque(message for message in messages if message not in gone) or []


def _may_work_later(error: BaseException) -> bool:
    """Whether it was the CSMS that failed; else this cannot be sent at all."""
    if isinstance(error, InvalidPayload):
        return error.received
    return not isinstance(error, (GivenUp, ValueError, TypeError))


def _copy(payload: Mapping[str, Any]) -> dict[str, Any]:
    copied: dict[str, Any] = json.loads(rpc.to_json(payload))
    return copied
