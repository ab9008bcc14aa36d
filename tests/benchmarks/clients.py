"""The three that are measured, each in a process of its own: ``python clients.py NAME URL TASK …``.

Tasks: ``calls KIND COUNT`` prints seconds; ``boot COUNT`` prints seconds, resident bytes of the
process before and with all of them connected.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

TIMESTAMP = "2026-01-31T12:00:00Z"
BOOT = {"chargePointVendor": "vendor", "chargePointModel": "model"}
DIALLERS = 8


def meter_values(samples: int) -> dict[str, Any]:
    sample = {
        "value": "1234",
        "context": "Sample.Periodic",
        "measurand": "Energy.Active.Import.Register",
        "unit": "Wh",
    }
    return {
        "connectorId": 1,
        "transactionId": 1,
        "meterValue": [{"timestamp": TIMESTAMP, "sampledValue": [sample] * samples}],
    }


KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "Heartbeat": ("Heartbeat", {}),
    "MeterValues-1": ("MeterValues", meter_values(1)),
    "MeterValues-20": ("MeterValues", meter_values(20)),
}


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def timed(call: Callable[[], object], count: int) -> float:
    for _ in range(20):
        call()
    started = time.perf_counter()
    for _ in range(count):
        call()
    return time.perf_counter() - started


class Ocppsim:
    """Validates both ways."""

    def calls(self, url: str, kind: str, count: int) -> float:
        from ocppsim import Plugins, connect

        action, payload = KINDS[kind]
        with connect(f"{url}/CP1", plugins=Plugins()) as cp:
            return timed(lambda: cp.call(action, payload), count)

    def boot(self, url: str, count: int) -> tuple[float, int, int]:
        from ocppsim import Plugins, connect

        plugins = Plugins()

        def start(number: int) -> Any:
            cp = stack.enter_context(connect(f"{url}/CP{number}", plugins=plugins, trace_size=0))
            cp.send_boot_notification(**BOOT)  # type: ignore[misc]

        with ExitStack() as stack:
            start(0)
            before = resident()
            with ThreadPoolExecutor(DIALLERS) as pool:
                started = time.perf_counter()
                list(pool.map(start, range(1, count + 1)))
                seconds = time.perf_counter() - started
            return seconds, before, resident()


class Mobilityhouse:
    """The package `ocpp` on `websockets`; validates both ways."""

    def calls(self, url: str, kind: str, count: int) -> float:
        from ocpp.v16 import call

        action, payload = KINDS[kind]

        async def run(cp: Any) -> float:
            for _ in range(20):
                await cp.call(self._request(call, action, payload))
            started = time.perf_counter()
            for _ in range(count):
                await cp.call(self._request(call, action, payload))
            return time.perf_counter() - started

        async def main() -> float:
            async with self._connect(f"{url}/CP1") as socket:
                cp, task = self._charge_point("CP1", socket)
                try:
                    return await run(cp)
                finally:
                    task.cancel()

        return asyncio.run(main())

    def boot(self, url: str, count: int) -> tuple[float, int, int]:
        from contextlib import AsyncExitStack

        from ocpp.v16 import call

        async def main() -> tuple[float, int, int]:
            dialling = asyncio.Semaphore(DIALLERS)

            async with AsyncExitStack() as stack:
                tasks = []

                async def start(number: int) -> None:
                    async with dialling:
                        socket = await stack.enter_async_context(self._connect(f"{url}/CP{number}"))
                        cp, task = self._charge_point(f"CP{number}", socket)
                        tasks.append(task)
                        await cp.call(call.BootNotification("model", "vendor"))

                await start(0)
                before = resident()
                started = time.perf_counter()
                await asyncio.gather(*(start(number) for number in range(1, count + 1)))
                seconds = time.perf_counter() - started
                full = resident()
                for task in tasks:
                    task.cancel()
                return seconds, before, full

        return asyncio.run(main())

    @staticmethod
    def _connect(url: str) -> Any:
        from websockets.asyncio.client import connect

        return connect(
            url,
            subprotocols=["ocpp1.6"],  # type: ignore[list-item]
            compression=None,
            ping_interval=None,
        )

    @staticmethod
    def _charge_point(name: str, socket: Any) -> tuple[Any, asyncio.Task[Any]]:
        from ocpp.v16 import ChargePoint

        cp = ChargePoint(name, socket)
        return cp, asyncio.create_task(cp.start())

    @staticmethod
    def _request(call: Any, action: str, payload: dict[str, Any]) -> Any:
        if action == "Heartbeat":
            return call.Heartbeat()
        return call.MeterValues(
            connector_id=payload["connectorId"],
            transaction_id=payload["transactionId"],
            meter_value=payload["meterValue"],
        )


class Floor:
    """A bare loop of send and recv on websocket-client: no validation, no threads."""

    def calls(self, url: str, kind: str, count: int) -> float:
        import websocket

        action, payload = KINDS[kind]
        ws = websocket.create_connection(f"{url}/CP1", subprotocols=["ocpp1.6"])

        def call() -> None:
            ws.send(json.dumps([2, str(uuid.uuid4()), action, payload]))
            json.loads(ws.recv())

        try:
            return timed(call, count)
        finally:
            ws.close()


CLIENTS: dict[str, Any] = {"ocppsim": Ocppsim, "mobilityhouse": Mobilityhouse, "floor": Floor}


def main(name: str, url: str, task: str, *arguments: str) -> None:
    client = CLIENTS[name]()
    if task == "calls":
        print(json.dumps(client.calls(url, arguments[0], int(arguments[1]))))
    else:
        print(json.dumps(client.boot(url, int(arguments[0]))))


if __name__ == "__main__":
    main(*sys.argv[1:])
