"""An ocppsim plugin: TriggerMessage and ExtendedTriggerMessage for what the charge point has sent
before, with the payload that it sent last (OCPP 1.6 §5.17; security white paper, edition 3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

from ocppsim import (
    CallError,
    CallTimeout,
    ChargePoint,
    InvalidPayload,
    Request,
    TracedFrame,
    hookimpl,
)

__all__ = ["ocppsim_frame", "ocppsim_trigger"]

Payload = dict[str, Any]

# the action that a requestedMessage stands for, where it is not its own name
OTHER_NAMES = {
    ("ExtendedTriggerMessage", "FirmwareStatusNotification"): "SignedFirmwareStatusNotification",
    ("ExtendedTriggerMessage", "SignChargePointCertificate"): "SignCertificate",
}
PER_CONNECTOR = {"MeterValues", "StatusNotification"}

# per charge point: action → connectorId (None where it has none) → payload
_last_sent: WeakKeyDictionary[ChargePoint, dict[str, dict[int | None, Payload]]]
_last_sent = WeakKeyDictionary()


@hookimpl
def ocppsim_frame(cp: ChargePoint, frame: TracedFrame) -> None:
    if frame.direction == "sent" and frame.type == "CALL" and isinstance(frame.payload, dict):
        connectorId = frame.payload.get("connectorId")
        if not isinstance(connectorId, int):
            connectorId = None  # it has none, or one that is wrong on purpose
        sent = _last_sent.setdefault(cp, {})
        sent.setdefault(str(frame.action), {})[connectorId] = frame.payload


@hookimpl(trylast=True)  # another plugin may serve single messages better
def ocppsim_trigger(
    cp: ChargePoint, request: Request, requestedMessage: str
) -> Payload | Iterator[Payload]:
    action = OTHER_NAMES.get((request.action, requestedMessage), requestedMessage)
    payloads = _payloads(cp, action, request.payload.get("connectorId"))
    if not payloads:
        return {"status": "Rejected"}
    return _send(cp, action, payloads)


def _payloads(cp: ChargePoint, action: str, connectorId: int | None) -> list[Payload]:
    """What is to be sent; nothing where nothing like it was sent before."""
    if action == "Heartbeat":
        return [{}]
    sent = _last_sent.get(cp, {}).get(action, {})
    if action not in PER_CONNECTOR:
        # a connectorId that means nothing to the message is ignored, says the specification
        return list(sent.values())[-1:]
    if connectorId is not None:
        return [sent[connectorId]] if connectorId in sent else []
    # no connectorId means all of them
    return [sent[connector] for connector in sorted(sent, key=lambda c: (c is None, c))]


def _send(cp: ChargePoint, action: str, payloads: list[Payload]) -> Iterator[Payload]:
    yield {"status": "Accepted"}
    for payload in payloads:
        try:
            # as it was sent, even if that was wrong on purpose
            cp.call(action, payload, validate=False)
        except (CallError, CallTimeout, InvalidPayload) as error:
            cp.log("triggered: %s", error)
