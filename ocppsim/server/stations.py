"""The station of a charge point, by the core plugin where that is in."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..chargepoint import ChargePoint
from ..plugins import shared
from .refusal import Refusal

if TYPE_CHECKING:
    from .events import EventLog

__all__ = ["has_station", "make_station", "shown", "station_of", "statuses", "vehicle", "watch"]

_INSTALL = "pip install ./plugins/ocppsim-core, and start the server again"


def _core() -> Any:
    """The plugin; None where it is not installed, or left out."""
    if all(plugin.name != "core" for plugin in shared()):
        return None
    try:
        return importlib.import_module("ocppsim_core")
    except ImportError:
        return None


def has_station(cp: ChargePoint) -> bool:
    core = _core()
    return core is not None and core.find(cp) is not None


def statuses(cp: ChargePoint) -> dict[str, str]:
    """Of the connectors of its station, by their ids; {} where none lives there."""
    core = _core()
    station = core.find(cp) if core is not None else None
    if station is None:
        return {}
    return {str(number): station.status(number) for number in (0, *station.connectors)}


def station_of(cp: ChargePoint | None) -> Any:
    """Raises Refusal."""
    core = _core()
    station = core.find(cp) if core is not None and cp is not None else None
    if station is None:
        hint = "POST /cp/NAME/station makes one" if core is not None else _INSTALL
        raise Refusal(409, "no station lives on this charge point", where="station", hint=hint)
    return station


def make_station(cp: ChargePoint, options: Mapping[str, Any]) -> Any:
    """A new station, without power. Raises Refusal, ValueError."""
    core = _core()
    if core is None:
        text = "the plugin core is not installed, or left out"
        raise Refusal(409, text, where="station", hint=_INSTALL)
    if core.find(cp) is not None:
        text = "a station lives on this charge point already"
        raise Refusal(409, text, where="station", hint="POST /cp/NAME/disconnect ends it")
    options = dict(options)
    if "vehicle" in options:
        options["vehicle"] = core.Vehicle(**options["vehicle"])
    try:
        return core.Station(cp, options.pop("connectors", 1), **options)
    except RuntimeError as error:  # the plugin was left out
        raise Refusal(409, str(error), where="station", hint=_INSTALL) from None


def watch(cp: ChargePoint, events: EventLog) -> None:
    """Have it be an event that a station is made on `cp`, or ends, and each new status of its
    connectors."""
    core = _core()
    if core is None:
        return

    def made(station: Any) -> None:
        station.on_status(told)
        station.on_event(happened)
        events.publish("state", cp_name, {"station": True})

    def told(connector: int, status: str) -> None:
        events.publish("state", cp_name, {"connectorId": connector, "status": status})

    def happened(what: str, details: Mapping[str, Any]) -> None:
        if what == "closed":
            events.publish("state", cp_name, {"station": False})

    cp_name = cp.name
    core.on_station(cp, made)


def vehicle(options: Mapping[str, Any]) -> Any:
    """A car. Raises ValueError."""
    return _core().Vehicle(**options)


def shown(station: Any) -> dict[str, Any]:
    """Its state (the schema Station)."""
    return {
        "online": station.online,
        "registration": station.registration,
        "powered": station.powered,
        "speed": station.speed,
        "door": station.door_open,
        "status": station.status(0),
        **_error(station, 0),
        "connectors": [_connector(station, number) for number in station.connectors],
    }


def _connector(station: Any, number: int) -> dict[str, Any]:
    session, limits = station.session(number), station.limits(number)
    return {
        "connectorId": number,
        "status": station.status(number),
        **_error(station, number),
        "energy": station.energy(number),
        "power": station.power(number),
        "offered": station.offered(number),
        "limits": [{"owner": owner, **asdict(limit)} for owner, limit in limits.items()],
        "fixed": station.fixed(number),
        "plugged": station.plugged(number),
        "locked": station.locked(number),
        "soc": round(station.vehicle(number).soc, 4),
        "session": None
        if session is None
        else {
            "idTag": session.idTag,
            "transactionId": session.transactionId,
            "meterStart": session.meterStart,
            "meter": session.meter,
            "timestamp": session.timestamp.isoformat(),
        },
    }


def _error(station: Any, number: int) -> dict[str, Any]:
    error = station.error(number)
    if error is None:
        return {"errorCode": "NoError", "info": None}
    return {"errorCode": error.errorCode, "info": error.info}
