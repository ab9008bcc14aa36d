"""The central system of the benchmarks: none of ocppsim in it.

`websockets` on asyncio; every request is validated with jsonschema-rs against the schema files of
the package `ocpp`. It is quick, so that what is measured is the client. Prints its port.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import jsonschema_rs
from websockets.asyncio.server import ServerConnection, serve

SCHEMAS = resources.files("ocpp.v16") / "schemas"
ACTIONS = ("BootNotification", "Heartbeat", "MeterValues", "StatusNotification")
VALIDATORS = {
    action: jsonschema_rs.validator_for(
        json.loads((SCHEMAS / f"{action}.json").read_text("utf-8-sig"))
    )
    for action in ACTIONS
}


def answer(action: str) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if action == "BootNotification":
        return {"status": "Accepted", "currentTime": now, "interval": 3600}
    return {"currentTime": now} if action == "Heartbeat" else {}


async def session(connection: ServerConnection) -> None:
    async for message in connection:
        _, unique_id, action, payload = json.loads(message)
        VALIDATORS[action].validate(payload)
        await connection.send(json.dumps([3, unique_id, answer(action)]))


async def main() -> None:
    async with serve(
        session,
        "127.0.0.1",
        0,
        subprotocols=["ocpp1.6"],  # type: ignore[list-item]
        compression=None,
        ping_interval=None,
        backlog=2048,
    ) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
