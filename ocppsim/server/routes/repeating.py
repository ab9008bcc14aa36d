"""What a charge point sends at an interval: heartbeats, meter values."""

from __future__ import annotations

from typing import Any

from ..api import Api, parts, ref
from .charge_points import shown

__all__ = ["api"]

api = Api("repeating", "calls")

_ERRORS = {409: "it is not connected"}


@api.route(
    "PUT",
    "/cp/{name}/heartbeat",
    "Send heartbeats",
    body=ref("Heartbeat"),
    answer=ref("ChargePoint"),
    errors=_ERRORS,
    example={"interval": 30},
)
def start_heartbeat(name: str, body: dict[str, Any]) -> Any:
    """One each interval, until this is deleted or the connection ends; they go on where it connects
    again by itself. A station sets them anew when its boot is accepted, and when its key
    HeartbeatInterval changes."""
    entry = parts().fleet.get(name)
    entry.made().start_heartbeat(body["interval"])
    return shown(entry)


@api.route("DELETE", "/cp/{name}/heartbeat", "Send no more heartbeats", answer=ref("ChargePoint"))
def stop_heartbeat(name: str) -> Any:
    """A station begins again when its next boot is accepted."""
    entry = parts().fleet.get(name)
    if entry.cp is not None:
        entry.cp.stop_heartbeat()
    return shown(entry)


@api.route(
    "PUT",
    "/cp/{name}/meter-values",
    "Send MeterValues at an interval",
    body=ref("MeterValues"),
    answer=ref("ChargePoint"),
    errors=_ERRORS,
    example={"interval": 10, "connectorId": 1, "power": 7360},
)
def start_meter_values(name: str, body: dict[str, Any]) -> Any:
    """Energy.Active.Import.Register, which rises as the power has it, and Power.Active.Import; in
    place of those that were begun before, until this is deleted or the charge point is closed.
    While it is not connected none is sent. A station knows nothing of them: its own meters go on
    beside them."""
    entry = parts().fleet.get(name)
    entry.made().start_meter_values(**body)
    return shown(entry)


@api.route(
    "DELETE", "/cp/{name}/meter-values", "Send no more MeterValues", answer=ref("ChargePoint")
)
def stop_meter_values(name: str) -> Any:
    """Those of a station go on."""
    entry = parts().fleet.get(name)
    if entry.cp is not None:
        entry.cp.stop_meter_values()
    return shown(entry)
