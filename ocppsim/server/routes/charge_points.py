"""Charge points: made, connected, disconnected, removed; and scripts that run with one."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from typing import Any

from ...clock import timestamp
from ...errors import ConnectionLost
from ...v16.actions import PROTOCOL
from ..api import Api, json_response, parts, ref
from ..fleet import Entry
from ..inputs import checked
from ..refusal import Refusal
from ..schemas import SECONDS
from ..stations import has_station, statuses

__all__ = ["api", "shown"]

api = Api("charge_points", "charge points")


def shown(entry: Entry) -> dict[str, Any]:
    """What the API says of a charge point (the schema ChargePoint)."""
    cp = entry.cp
    subprotocol = None
    if cp is not None:
        with contextlib.suppress(ConnectionLost):  # it was never connected
            subprotocol = cp.handshake.subprotocol
    since = None if cp is None else cp.connected_since
    return {
        "name": entry.name,
        "url": None if cp is None else cp.url,
        "version": (PROTOCOL if cp is None else cp.protocol).version,
        "connected": entry.connected,
        "since": None if since is None else timestamp(since),
        "reconnecting": cp is not None and cp._link.retrying,
        "security_profile": None if cp is None else cp.security_profile,
        "subprotocol": subprotocol,
        "busy": entry.busy,
        "station": cp is not None and has_station(cp),
        "connectors": {} if cp is None else statuses(cp),
        "heartbeat": None if cp is None else cp.heartbeat_interval,
        "meter_values": None if cp is None else cp.meter_values_interval,
        "messages": 0 if cp is None else cp.trace.last_number,
        "violations": 0 if cp is None else len(cp.violations),
        "queue": 0 if cp is None else len(cp.queue),
    }


@api.route("GET", "/cp", "List the charge points", answer=ref("ChargePoints"))
def list_charge_points() -> Any:
    return {"chargePoints": [shown(entry) for entry in parts().fleet]}


@api.route(
    "POST",
    "/cp",
    "Create a charge point",
    body=ref("NewChargePoint"),
    status=201,
    answer=ref("ChargePoint"),
    errors={409: "there is one of this name", 424: "the CSMS cannot be reached, or refuses"},
    example={"name": "CP1", "url": "ws://localhost:9000"},
)
def create_charge_point(body: dict[str, Any]) -> Any:
    """The options are those of `connect`; the name goes to the end of the URL where it is not
    there. Where it cannot connect, it is not kept."""
    fleet, options = parts().fleet, dict(body)
    connect = options.pop("connect", True)
    entry = fleet.create(options.pop("name"), **options)
    try:
        if connect:
            entry.connect()
        else:
            entry.prepare()
    except BaseException:
        fleet.remove(entry.name)
        raise
    return shown(entry)


@api.route("GET", "/cp/{name}", "Look at one", answer=ref("ChargePoint"))
def get_charge_point(name: str) -> Any:
    return shown(parts().fleet.get(name))


@api.route("DELETE", "/cp/{name}", "Remove one", answer=ref("Name_"))
def remove_charge_point(name: str) -> Any:
    """Its script is stopped, its connection closed."""
    parts().fleet.remove(name)
    return {"name": name}


@api.route(
    "POST",
    "/cp/{name}/connect",
    "Connect",
    body=ref("Connect"),
    optional=True,
    answer=ref("ChargePoint"),
    errors={409: "it was closed meanwhile", 424: "the CSMS cannot be reached, or refuses"},
    example={},
)
def connect_charge_point(name: str, body: dict[str, Any]) -> Any:
    """Nothing where it is connected, unless the body says to change something: then it connects
    again, and what is given holds from then on if that works."""
    entry = parts().fleet.get(name)
    entry.connect(**body)
    return shown(entry)


@api.route(
    "POST",
    "/cp/{name}/disconnect",
    "Disconnect",
    body=ref("Disconnect"),
    optional=True,
    answer=ref("ChargePoint"),
    example={"how": "reset"},
)
def disconnect_charge_point(name: str, body: dict[str, Any]) -> Any:
    entry = parts().fleet.get(name)
    how = body.get("how", "close")
    if how != "close" and ("code" in body or "reason" in body):
        text = f"{how} has no closing handshake, so neither code nor reason"
        raise Refusal(422, text, where="body: $.how")
    entry.disconnect(how, body.get("code", 1000), body.get("reason", ""))
    return shown(entry)


@api.route(
    "POST",
    "/cp/{name}",
    "Run a script",
    script=True,
    query={
        "wait": {
            "type": "boolean",
            "default": True,
            "description": "until a script that runs there has ended; false: then refuse",
        },
        "timeout": {**SECONDS, "description": "s to wait for that"},
        "background": {
            "type": "boolean",
            "default": False,
            "description": "true: answer with its number when it begins; an event tells the end",
        },
    },
    answer=ref("Outcome"),
    more={202: ("it runs", ref("Script"))},
    errors={409: "another script runs there", 422: "the script failed; see the traceback"},
    example="cp.send_heartbeat()\n",
)
def run_script(name: str, body: str, query: dict[str, Any]) -> Any:
    """`connect` is there, and `cp`, the charge point of that name, with its `vars`. A name that
    there was not is created; it has no `cp` until a script connects it."""
    entry = parts().fleet.get_or_create(checked(name, ref("Name"), "path: name"))
    busy = {"wait": query["wait"], "timeout": query.get("timeout")}
    if query["background"]:
        return json_response({"script": entry.script.start(body, **busy)}, 202)
    outcome = entry.script.run(body, **busy)
    answer = {"ok": outcome.ok, "text": outcome.text, "output": outcome.output}
    if outcome.ok:
        return answer
    lines = outcome.text.strip().splitlines() or ["the script failed"]
    failed = Refusal(422, lines[-1], where="script")
    return json_response({**failed.json("script"), **answer}, failed.status)


@api.route("POST", "/cp/{name}/stop", "Stop its script", answer=ref("Stopped"))
def stop_script(name: str) -> Any:
    """Whatever waits in ocppsim wakes with an exception, pure Python is interrupted; what neither
    reaches is named in the log and left."""
    return asdict(parts().fleet.get(name).script.stop())
