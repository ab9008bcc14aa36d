"""What the station reads off the traffic: its own messages, and those that a script sends."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ocppsim import TracedFrame

from .transaction import Transaction

if TYPE_CHECKING:
    from .body import Body

__all__ = ["Wire"]

_WATCHED = {"Authorize", "BootNotification", "MeterValues", "StartTransaction", "StopTransaction"}
_REMEMBERED = 1000
_REGISTER = "Energy.Active.Import.Register"


class Wire:
    """Told of every frame, in the order of the wire; hands on what matters, in that order.

    So the state of a transaction is there before a request that came after its start is answered.
    """

    def __init__(self, body: Body) -> None:
        self._body = body
        # unanswered CALLs: id → payload, and then the transaction that it began
        self._payloads: dict[str, dict[str, Any]] = {}
        self._begun: dict[str, Transaction] = {}

    def saw(self, frame: TracedFrame) -> None:
        """An observer: it must not block."""
        if frame.action not in _WATCHED or frame.unique_id is None:
            return
        unique_id, payload = frame.unique_id, frame.payload
        if frame.direction == "sent" and frame.type == "CALL" and isinstance(payload, dict):
            self._payloads[unique_id] = payload
            while len(self._payloads) > _REMEMBERED:
                del self._payloads[next(iter(self._payloads))]
            self._post(f"_sent_{frame.action}", unique_id, payload)
        elif frame.direction == "received" and unique_id in self._payloads:
            asked = self._payloads.pop(unique_id)
            own = self._body.outbox.is_own(unique_id)
            if isinstance(payload, dict):
                self._post(f"_answered_{frame.action}", unique_id, asked, payload, own)
            elif frame.action == "StartTransaction":
                self._body.actor.post(lambda: self._refused(unique_id))

    def _post(self, name: str, *arguments: Any) -> None:
        function = getattr(self, name, None)
        if function is not None:
            self._body.actor.post(lambda: function(*arguments))

    # --- sent ---

    def _sent_StartTransaction(self, unique_id: str, payload: dict[str, Any]) -> None:
        transaction = self._body.outbox.sent(payload)
        if transaction is None:
            transaction = self._of_script(payload)
        if transaction is not None:
            self._begun[unique_id] = transaction

    def _sent_StopTransaction(self, unique_id: str, payload: dict[str, Any]) -> None:
        if self._body.outbox.sent(payload) is not None:
            return
        transaction = self._body.sessions.find(payload.get("transactionId"))
        if transaction is not None:
            if transaction.ours:
                self._body.metering.end(transaction)
            self._body.sessions.ended(transaction)

    def _sent_MeterValues(self, unique_id: str, payload: dict[str, Any]) -> None:
        transaction = self._body.sessions.find(payload.get("transactionId"))
        if transaction is not None and not transaction.ours:
            transaction.shown = max(transaction.shown, _highest(payload))

    def _of_script(self, payload: dict[str, Any]) -> Transaction | None:
        """A transaction that a script has begun by itself."""
        body = self._body
        number, idTag, meter = (payload.get(n) for n in ("connectorId", "idTag", "meterStart"))
        connector = body.connectors.get(number) if isinstance(number, int) else None
        if connector is None or connector.transaction is not None:
            return None
        if not isinstance(idTag, str) or not isinstance(meter, int):
            return None  # wrong on purpose
        register = body.metering.meter(connector.number).register_wh
        body.sessions.withdraw(connector)
        transaction = Transaction(
            connector.number, idTag, meter, _moment(payload), begun=register, ours=False
        )
        connector.transaction = connector.last = transaction
        return transaction

    # --- answered ---

    def _answered_StartTransaction(
        self, unique_id: str, asked: dict[str, Any], answer: dict[str, Any], own: bool
    ) -> None:
        transaction = self._begun.pop(unique_id, None)
        if transaction is not None:
            self._body.sessions.answered(transaction, answer)

    def _refused(self, unique_id: str) -> None:
        """A CALLERROR to a StartTransaction: one of a script has not begun; the queue sends its own
        again."""
        transaction = self._begun.pop(unique_id, None)
        if transaction is not None and not transaction.ours:
            self._body.sessions.ended(transaction)

    def _answered_Authorize(
        self, unique_id: str, asked: dict[str, Any], answer: dict[str, Any], own: bool
    ) -> None:
        self._learn(asked, answer)

    def _answered_StopTransaction(
        self, unique_id: str, asked: dict[str, Any], answer: dict[str, Any], own: bool
    ) -> None:
        self._learn(asked, answer)

    def _answered_BootNotification(
        self, unique_id: str, asked: dict[str, Any], answer: dict[str, Any], own: bool
    ) -> None:
        self._body.boot.told(answer, own=own)

    def _learn(self, asked: dict[str, Any], answer: dict[str, Any]) -> None:
        idTag = asked.get("idTag")
        if isinstance(idTag, str):
            self._body.rules.learn(idTag, answer.get("idTagInfo"))


def _moment(payload: dict[str, Any]) -> datetime:
    try:
        moment = datetime.fromisoformat(str(payload.get("timestamp")))
    except ValueError:
        return datetime.now(UTC)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _highest(payload: dict[str, Any]) -> int:
    """The highest register in MeterValues, Wh; 0 where there is none."""
    highest = 0
    try:
        for value in payload["meterValue"]:
            for sample in value["sampledValue"]:
                if sample.get("measurand", _REGISTER) == _REGISTER and "phase" not in sample:
                    factor = 1000 if sample.get("unit") == "kWh" else 1
                    highest = max(highest, math.ceil(float(sample["value"]) * factor))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        pass  # wrong on purpose
    return highest
