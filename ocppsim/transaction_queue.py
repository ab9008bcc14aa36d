"""The transaction queue (OCPP 1.6 §3.7, §3.7.1): what belongs to a transaction reaches the CSMS in
order, one message at a time, whatever becomes of the connection and, with a `Store`, of the
process.

No thread waits here. A message is sent by whoever opens the way for it: the script that puts it in,
the reader that has the answer to the one before, a new connection, a timer. Where an answer has to
be written to disk first, a short-lived thread does that, so that the reader does not wait for it.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Protocol

from .backlog import START, Backlog
from .blocking import never_block
from .calls import Result
from .clock import scaled
from .configuration import Definition
from .errors import CallError, ConnectionLost, Fault, GivenUp, InvalidPayload
from .timers import Timer, timers
from .transactions import Message, Transaction, pending

if TYPE_CHECKING:
    from .store import Store

__all__ = ["ATTEMPTS", "RETRY_INTERVAL", "Line", "TransactionQueue"]

BOOT = "BootNotification"

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


class Line(Protocol):
    """The way to the CSMS, as the queue sees it.

    accepted: whether the CSMS has accepted a BootNotification.
    """

    accepted: bool

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
    """The queue of one charge point: ``cp.queue``. Its length: how many messages are undelivered.

    What `ChargePoint.enqueue_start` and `ChargePoint.enqueue` put in waits for a connection, and
    until the CSMS has accepted a BootNotification.
    """

    __slots__ = (
        "_attempts",
        "_backlog",
        "_closed",
        "_held",
        "_line",
        "_lock",
        "_log",
        "_obstacle",
        "_retry_interval",
        "_sending",
        "_timeout",
        "_timer",
        "_worker",
    )

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
        self._backlog = Backlog(store)
        self._lock = threading.Lock()  # for all below; never while anybody is called
        self._sending: Message | None = None
        self._closed = False
        self._held = 0
        self._obstacle = ""  # as told in the log
        self._timer: Timer | None = None
        self._worker: threading.Thread | None = None
        self._tell_what_was_found()

    def __len__(self) -> int:
        return len(self._backlog)

    @property
    def accepted(self) -> bool:
        """Whether the last BootNotification on the wire was accepted; one that is under way counts
        as not. A new connection changes nothing: set it to False where the script boots anew."""
        return self._line.accepted

    @accepted.setter
    def accepted(self, accepted: bool) -> None:
        self._line.accepted = accepted
        if accepted:
            self.wake()

    # --- what the script puts in ---

    def enqueue_start(self, payload: Mapping[str, Any]) -> Transaction:
        """Raises InvalidPayload; ConnectionLost where the charge point is closed."""
        self._line.check(START, payload)
        transaction = self._backlog.add_start(payload)
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
        try:
            future = self._backlog.add(action, payload, transaction)
        except GivenUp as error:
            future = pending()
            self._fail(future, error)
        self.wake()
        return future

    def open_transactions(self) -> list[Transaction]:
        """Those whose stop was not put in, oldest first."""
        return self._backlog.open_transactions()

    # --- what opens the way ---

    def hold(self) -> None:
        """Begin with no further message until `release`: the connection is to be closed, and an
        answer would be missed."""
        with self._lock:
            self._held += 1

    def release(self) -> None:
        with self._lock:
            self._held -= 1
        self.wake()

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
            payload = message.whole()
            self._line.check(message.action, payload)
            future = self._line.submit(
                message.action,
                payload,
                timeout=self._timeout,
                validate=False,
                unique_id=message.unique_id,
                concurrent=False,
            )
        except Exception as error:
            future.set_exception(error)
        return future

    def _next(self) -> Message | None:
        """The message to be sent now; it counts as on its way."""
        with self._lock:
            message = self._backlog.first
            if self._closed or self._held or self._sending is not None or message is None:
                return None
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            obstacle = ""
            if not self._line.connected:
                obstacle = "a connection"
            elif not self._line.accepted:
                obstacle = "the CSMS to accept a BootNotification"
            else:
                wait = self._pause(message)
                if wait > 0:
                    self._timer = timers.after(wait, self.wake)
                    return None
                self._sending = message
            is_news = obstacle not in ("", self._obstacle)
            self._obstacle = obstacle
        if is_news:
            text = "the transaction queue waits for %s; messages in it: %d"
            self._log.info(text, obstacle, len(self))
        return None if obstacle else message

    def _pause(self, message: Message) -> float:
        """Seconds from now to the next attempt (OCPP 1.6 §3.7.1)."""
        if not message.failures:
            return 0.0
        since = time.monotonic() - message.failed
        return scaled(self._retry_interval() * message.failures) - since

    # --- what becomes of a message ---

    def _needs_disk(self, future: Future[Result]) -> bool:
        return self._backlog.on_disk and not isinstance(future.exception(), ConnectionLost)

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
        try:
            error = future.exception()
            if isinstance(error, ConnectionLost):
                return  # that is no failure to process it: it goes on as it is
            error = error or _missing_id(message, future.result())
            if error is not None:
                self._failed(message, error)
            elif self._backlog.delivered(message, future.result()):
                message.future.set_result(future.result())
        finally:
            self._leave(message)

    def _leave(self, message: Message) -> None:
        with self._lock:
            if self._sending is message:
                self._sending = None

    def _failed(self, message: Message, error: BaseException) -> None:
        may_work_later = _may_work_later(error)
        attempts = self._attempts() if may_work_later else 0
        # a CALLERROR is an answer; else it may have been processed, and by its id the CSMS can tell
        answered = isinstance(error, CallError)
        stays, lost = self._backlog.failed(message, attempts, answered=answered)
        if stays:
            text = "%s failed, attempt %d of %d; the next in %g s: %s"
            pause = self._retry_interval() * message.failures
            self._log.warning(text, message.action, message.failures, attempts, pause, error)
        why = f"it cannot be sent: {error}"
        if may_work_later:
            why = f"attempt {message.failures} of {attempts} failed: {error}"
        for one in lost:
            given_up = GivenUp(one.action, why if one is message else "its StartTransaction was")
            given_up.__cause__ = error
            self._fail(one.future, given_up)

    def _fail(self, future: Future[Result], error: GivenUp) -> None:
        self._log.error("%s", error)
        future.set_exception(error)

    # --- its life ---

    def close(self, timeout: float) -> Callable[[], object]:
        """Send no more. What is left is kept for the next start with a store, else it is lost; what
        comes back is to be called, and fails its futures."""
        with self._lock:
            was_closed, self._closed = self._closed, True
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            worker = self._worker
        if was_closed:
            return _nothing
        if worker is not None and worker is not threading.current_thread():
            worker.join(max(timeout, 0.5))  # it is but a commit, and an answer that must be kept
        left, file = self._backlog.close()
        with self._lock:
            self._sending = None
            self._obstacle = ""
        if not left:
            return _nothing
        fate = f"kept in {file} for the next start" if file else "lost"
        level = logging.INFO if file else logging.WARNING
        self._log.log(level, "closed; messages of the transaction queue: %d, %s", len(left), fate)
        text = f"was not delivered: closed; of {len(left)} messages, {fate}"

        def fail() -> None:
            for message in left:
                message.future.set_exception(ConnectionLost(f"{message.action} {text}"))

        return fail

    def reopen(self) -> None:
        """After a `close`, once the store is open again."""
        if not self._closed:
            return
        self._backlog.reopen()
        with self._lock:
            self._closed = False
        self._tell_what_was_found()

    def _tell_what_was_found(self) -> None:
        found = str(self._backlog)
        if found:
            self._log.info("%s", found)


def _nothing() -> None:
    pass


def _missing_id(message: Message, result: Result) -> InvalidPayload | None:
    # a charge point that is not strict takes any answer, but there is no going on without it
    number = result.get("transactionId")
    if not message.starts or (isinstance(number, int) and not isinstance(number, bool)):
        return None
    fault = Fault("$.transactionId", "type integer", f"{number!r:.80} is not an integer")
    return InvalidPayload(START, "response", [fault], payload=result, received=True)


def _may_work_later(error: BaseException) -> bool:
    """Whether it was the CSMS that failed; else this cannot be sent at all."""
    if isinstance(error, InvalidPayload):
        return error.received
    return not isinstance(error, (GivenUp, ValueError, TypeError))
