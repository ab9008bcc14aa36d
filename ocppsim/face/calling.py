"""What a script sends: calls, messages of the transaction queue, raw messages, pings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from ..blocking import may_block
from ..calls import Result
from ..conversation import Conversation
from ..link import Link
from ..transaction_queue import TransactionQueue
from ..transactions import Transaction

__all__ = ["Calling"]


class Calling:
    """The part of `ChargePoint` that sends."""

    _conversation: Conversation
    _link: Link
    _response_timeout: float

    @property
    def queue(self) -> TransactionQueue:
        raise NotImplementedError

    def submit(
        self,
        action: str,
        payload: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        validate: bool = True,
        unique_id: str | None = None,
        concurrent: bool = False,
    ) -> Future[Result]:
        """Send a CALL without waiting for its answer: a Future of a `Result`.

        One CALL is outstanding at a time, first come first served; `concurrent` sends at once.
        timeout: seconds from sending, else the response time-out. unique_id: else a new UUID.
        validate=False sends a payload that breaks the schema, or an action that OCPP does not have.
        Raises InvalidPayload before anything leaves; everything else ends the future: see `call`.
        """
        return self._conversation.submit(
            action,
            {} if payload is None else payload,
            timeout=self._response_timeout if timeout is None else timeout,
            validate=validate,
            unique_id=unique_id,
            concurrent=concurrent,
        )

    def call(
        self,
        action: str,
        payload: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        validate: bool = True,
        unique_id: str | None = None,
        concurrent: bool = False,
    ) -> Result:
        """Send a CALL and wait for the payload of its CALLRESULT; arguments as for `submit`.

        Raises InvalidPayload (the request is wrong: nothing was sent; or the response is, unless
        ``strict=False``), CallError (the CSMS answered with a CALLERROR), CallTimeout,
        ConnectionLost, WouldDeadlock (from an observer, or a callback of a future).
        """
        may_block(f"call({action!r})")
        return self.submit(
            action,
            payload,
            timeout=timeout,
            validate=validate,
            unique_id=unique_id,
            concurrent=concurrent,
        ).result()

    def send_raw(self, data: str | bytes, *, fragments: int = 1) -> None:
        """Send anything at all as one message: text for str, binary for bytes.

        fragments: in so many WebSocket frames (RFC 6455 §5.4). Raises ConnectionLost.
        """
        if fragments < 1:
            raise ValueError(f"a message has at least one fragment, not {fragments}")
        self._conversation.send_raw(data, fragments=fragments)

    def ping(self, payload: bytes | None = None, *, timeout: float = 10.0) -> float:
        """Send a WebSocket ping; the seconds until its pong (RFC 6455 §5.5.2).

        payload: at most 125 bytes; random ones if not given. Raises TimeoutError,
        ConnectionLost, ValueError.
        """
        may_block("ping()")
        if payload is not None and len(payload) > 125:
            raise ValueError(f"a ping has at most 125 bytes (RFC 6455 §5.5), not {len(payload)}")
        return self._link.transport.ping(os.urandom(8) if payload is None else payload, timeout)

    def enqueue_start(self, payload: Mapping[str, Any]) -> Transaction:
        """Put a StartTransaction into the transaction queue; a Future of its answer, to be given to
        `enqueue` with what belongs to it.

        The queue delivers one message at a time, in order, once there is a connection and the CSMS
        has accepted a BootNotification (OCPP 1.6 §3.7). One that the CSMS fails to process, or does
        not answer in time, is sent again as TransactionMessageAttempts and
        TransactionMessageRetryInterval say (§3.7.1), then given up: its future raises GivenUp. With
        a state_dir it is on the disk when this comes back, and outlives the process.
        Raises InvalidPayload, ConnectionLost where this is closed.
        """
        return self.queue.enqueue_start(payload)

    def enqueue(
        self,
        action: str,
        payload: Mapping[str, Any],
        *,
        transaction: Transaction | int | None = None,
    ) -> Future[Result]:
        """Put another message into the transaction queue: MeterValues, StopTransaction, or what
        else is not to be lost. A Future of its answer.

        transaction: what `enqueue_start` or `open_transactions` gave, or a transactionId; the
        payload then has none: it is filled in when the message is sent. Where the start is given
        up, so is what belongs to it. Raises as `enqueue_start`; ValueError for a StartTransaction,
        a BootNotification, two transactionIds, or a transaction that is none of this charge point.
        """
        return self.queue.enqueue(action, payload, transaction)

    def open_transactions(self) -> list[Transaction]:
        """The transactions whose StopTransaction was not put into the queue, oldest first; with a
        state_dir those of earlier processes too."""
        return self.queue.open_transactions()
