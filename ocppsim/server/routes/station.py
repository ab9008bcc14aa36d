"""A station that lives on a charge point (plugin core): what people and cars do to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .. import stations
from ..api import Api, parts, ref
from ..schemas import SECONDS

__all__ = ["api"]

api = Api("station", "station")

_CONNECTOR = {"type": "integer", "minimum": 1, "maximum": 100}
_ANY_CONNECTOR = {**_CONNECTOR, "minimum": 0}
_SIDE = {"enum": ["station", "car"]}
_TEXT = {"type": "string", "maxLength": 50}
_ERRORS = {409: "no station lives there, or it is closed", 424: "the CSMS did not answer in time"}


@api.route("GET", "/cp/{name}/station", "Look at its state", answer=ref("Station"), errors=_ERRORS)
def get_station(name: str) -> Any:
    return stations.shown(stations.station_of(parts().fleet.get(name).cp))


@api.route(
    "POST",
    "/cp/{name}/station",
    "Make one",
    body=ref("NewStation"),
    optional=True,
    status=201,
    answer=ref("Station"),
    errors=_ERRORS,
    example={"connectors": 2, "speed": 60, "vehicle": {"battery_kwh": 77, "soc": 0.2}},
)
def make_station(name: str, body: dict[str, Any]) -> Any:
    """It boots, answers, charges and reports by itself. speed: how much faster than ours its time
    runs. It ends when its charge point is closed."""
    cp = parts().fleet.get(name).prepare()
    options = dict(body)
    power_on = options.pop("power_on", True)
    station = stations.make_station(cp, options)
    if power_on:
        station.power_on(wait=cp.connected, timeout=30)
    return stations.shown(station)


Act = Callable[[Any, dict[str, Any]], Any]


def _act(
    act: str,
    summary: str,
    properties: Mapping[str, Any],
    *required: str,
    example: Mapping[str, Any] | None = None,
    answer: Mapping[str, Any] | None = None,
) -> Callable[[Act], Act]:
    schema: dict[str, Any] = {"type": "object", "properties": dict(properties)}
    schema["additionalProperties"] = False
    if required:
        schema["required"] = list(required)

    def register(function: Act) -> Act:
        def view(name: str, body: dict[str, Any]) -> Any:
            station = stations.station_of(parts().fleet.get(name).cp)
            given = function(station, body)
            return stations.shown(station) if given is None else given

        view.__name__ = act.replace("-", "_")
        view.__doc__ = function.__doc__
        api.route(
            "POST",
            f"/cp/{{name}}/station/{act}",
            summary,
            body=schema,
            optional=not required,
            answer=answer or ref("Station"),
            errors=_ERRORS,
            example=dict(example or {}),
        )(view)
        return function

    return register


@_act("power-on", "Switch on", {"wait": {"type": "boolean"}, "timeout": SECONDS})
def power_on(station: Any, body: dict[str, Any]) -> None:
    """wait: until the CSMS has accepted its boot; the default where it is connected."""
    wait = body.get("wait", station.cp.connected)
    station.power_on(wait=wait, timeout=body.get("timeout", 30))


@_act("power-off", "Cut the power", {"battery": {"type": "boolean"}})
def power_off(station: Any, body: dict[str, Any]) -> None:
    """battery: true lets it end transactions in good order before."""
    station.power_off(battery=body.get("battery", False))


@_act(
    "plug-in",
    "Plug the cable in",
    {"connector": _CONNECTOR, "side": _SIDE, "vehicle": ref("Vehicle")},
    "connector",
    example={"connector": 1},
)
def plug_in(station: Any, body: dict[str, Any]) -> None:
    """side: without it, wherever it is not yet. vehicle: another car than before."""
    car = stations.vehicle(body["vehicle"]) if "vehicle" in body else None
    station.plug_in(body["connector"], body.get("side"), vehicle=car)


@_act(
    "unplug",
    "Pull the cable",
    {"connector": _CONNECTOR, "side": _SIDE},
    "connector",
    example={"connector": 1},
)
def unplug(station: Any, body: dict[str, Any]) -> None:
    station.unplug(body["connector"], body.get("side"))


@_act(
    "present-id-tag",
    "Hold a card up to the reader",
    {
        "idTag": {"type": "string", "minLength": 1, "maxLength": 20},
        "connector": _CONNECTOR,
        "wait": {"type": "boolean"},
    },
    "idTag",
    example={"idTag": "04E8C2A2", "connector": 1},
    answer=ref("Shown"),
)
def present_id_tag(station: Any, body: dict[str, Any]) -> Any:
    """connector: without it, the reader is that of the whole station. wait: false does not wait
    for the CSMS; what is shown is then empty."""
    wait = body.get("wait", True)
    shown = station.present_id_tag(body["idTag"], body.get("connector"), wait=wait)
    return {"shown": shown}


@_act(
    "fault",
    "Let something break",
    {
        "connector": _ANY_CONNECTOR,
        "errorCode": _TEXT,
        "info": _TEXT,
        "vendorId": {"type": "string", "maxLength": 255},
        "vendorErrorCode": _TEXT,
        "stops": {"type": "boolean"},
    },
    "connector",
    example={"connector": 1, "errorCode": "GroundFailure"},
)
def fault(station: Any, body: dict[str, Any]) -> None:
    """connector: 0 is the whole station. stops: false tells of it, and all goes on."""
    options = dict(body)
    station.fault(options.pop("connector"), options.pop("errorCode", "InternalError"), **options)


@_act("mend", "Mend it", {"connector": _ANY_CONNECTOR}, "connector", example={"connector": 1})
def mend(station: Any, body: dict[str, Any]) -> None:
    station.repair(body["connector"])


@_act(
    "break-lock",
    "Let the lock of the cable break",
    {"connector": _CONNECTOR, "how": {"enum": ["open", "stuck"], "default": "open"}},
    "connector",
    example={"connector": 1, "how": "stuck"},
)
def break_lock(station: Any, body: dict[str, Any]) -> None:
    """open: it does not close any more; stuck: it does not open. `mend` mends it."""
    station.break_lock(body["connector"], body.get("how", "open"))


@_act("open-door", "Open the housing", {})
def open_door(station: Any, body: dict[str, Any]) -> None:
    """No energy is offered, and the station is Faulted, until it is closed."""
    station.open_door()


@_act("close-door", "Close the housing", {})
def close_door(station: Any, body: dict[str, Any]) -> None:
    station.close_door()


@_act(
    "pause-car",
    "Let the car take no energy",
    {"connector": _CONNECTOR},
    "connector",
    example={"connector": 1},
)
def pause_car(station: Any, body: dict[str, Any]) -> None:
    station.pause_car(body["connector"])


@_act(
    "resume-car",
    "Let the car take energy again",
    {"connector": _CONNECTOR},
    "connector",
    example={"connector": 1},
)
def resume_car(station: Any, body: dict[str, Any]) -> None:
    station.resume_car(body["connector"])


@_act(
    "wait-for",
    "Wait for a status",
    {"connector": _ANY_CONNECTOR, "status": _TEXT, "timeout": SECONDS},
    "connector",
    "status",
    example={"connector": 1, "status": "Charging"},
)
def wait_for(station: Any, body: dict[str, Any]) -> None:
    """Until the connector has it, or has had it meanwhile."""
    station.wait_for(body["connector"], body["status"], timeout=body.get("timeout", 30))
