"""What a charge point has sent, held against the protocol. Pure: no sockets, no threads."""

from __future__ import annotations

from typing import Any

from .. import rpc, schema
from ..errors import Fault, InvalidPayload
from ..v16.actions import PROTOCOL

__all__ = ["invalid_request", "invalid_response", "judge", "request_faults"]


def judge(
    message: str | bytes, unique_id: str | None, action: str | None
) -> tuple[rpc.Frame, list[Fault]]:
    """The frame that `message` is, and all that is wrong with it.

    unique_id, action: of the CALL that waits for an answer; None where there is none.
    """
    frame = rpc.decode(message)
    if isinstance(frame, rpc.CallFrame):
        return frame, frame.faults + _received_faults(frame)
    if isinstance(frame, rpc.BadFrame):
        return frame, frame.faults
    if unique_id is None or frame.unique_id != unique_id:
        text = f"no CALL with the unique id {frame.unique_id[:40]!r} waits for an answer (any more)"
        return frame, [Fault("$[1]", "unique id", text)]
    faults = list(frame.faults)
    if isinstance(frame, rpc.ErrorFrame):
        if frame.code not in PROTOCOL.error_codes:
            text = f"OCPP 1.6 has no error code {frame.code[:80]!r}"
            faults.append(Fault("$[2]", "error code", text))
    elif action in PROTOCOL.from_csms:
        faults += schema.check(PROTOCOL.from_csms[action].response, frame.payload)
    return frame, faults


def _received_faults(frame: rpc.CallFrame) -> list[Fault]:
    action = PROTOCOL.actions.get(frame.action)
    if action is None:
        text = f"OCPP 1.6 has no action {frame.action[:80]!r}"
        return [Fault("$[2]", "action", text, "NotImplemented")]
    if not action.from_charge_point:
        text = f"{action.name} is sent by a central system, not by a charge point"
        return [Fault("$[2]", "action", text, "NotSupported")]
    return schema.check(action.request, frame.payload)


def request_faults(action: str, payload: Any) -> list[Fault]:
    """What is wrong with a request that the central system is to send."""
    row = PROTOCOL.from_csms.get(action)
    if row is not None:
        return schema.check(row.request, payload)
    if action in PROTOCOL.actions:
        text = f"{action} is sent by a charge point, not by a central system"
        return [Fault("$", "action", text, "NotSupported")]
    return [Fault("$", "action", f"OCPP 1.6 has no action {action!r}", "NotImplemented")]


def invalid_request(action: str, faults: list[Fault], payload: Any) -> InvalidPayload:
    """A request that is not to be sent."""
    return InvalidPayload(action, "request", faults, payload=payload)


def invalid_response(name: str, action: str, faults: list[Fault], payload: Any) -> InvalidPayload:
    """The answer of the charge point `name` is not what it should be."""
    return InvalidPayload(action, "response", faults, payload=payload, received=True, sender=name)
