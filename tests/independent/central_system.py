"""A central system that is none of ours: the package `ocpp`, with its own schemas, on `websockets`.

    python central_system.py

Prints its port. Serves one charge point; after the BootNotification it asks for diagnostics, a
firmware update and a reset. When the charge point is gone it prints, as one line of JSON, what it
received, what its own requests were answered with, and what it found wrong.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from dataclasses import asdict
from typing import Any

from ocpp.routing import after, on
from ocpp.v16 import ChargePoint, call, call_result
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

TIME = "2026-01-31T12:00:00Z"
LATENCY = 0.02  # seconds; so that the charge point's threads take turns
MOST = 30.0  # seconds that all this may take


class Errors(logging.Handler):
    """Whatever the package reports as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self.texts.append(f"{record.getMessage()}: {error!r}")


class CentralSystem(ChargePoint):  # type: ignore[misc]
    """One charge point, as the central system sees it."""

    def __init__(self, name: str, connection: ServerConnection) -> None:
        super().__init__(name, connection, response_timeout=10)
        self.received: list[Any] = []
        self.answers: dict[str, Any] = {}
        self.wrong: list[str] = []

    async def route_message(self, raw_msg: str) -> None:
        self.received.append(json.loads(raw_msg))
        await asyncio.sleep(LATENCY)
        await super().route_message(raw_msg)

    async def ask(self, request: Any) -> None:
        name = type(request).__name__
        try:
            answer = await self.call(request, suppress=False)
            self.answers[name] = asdict(answer)
        except Exception as error:
            self.wrong.append(f"{name}: {error!r}")

    @on("BootNotification")
    def boot(self, **fields: Any) -> Any:
        return call_result.BootNotification(current_time=TIME, interval=300, status="Accepted")

    @after("BootNotification")
    async def after_boot(self, **fields: Any) -> None:
        ftp = sys.argv[1]
        await self.ask(call.GetDiagnostics(location=ftp))
        await self.ask(call.UpdateFirmware(location=f"{ftp}/firmware.bin", retrieve_date=TIME))
        await self.ask(call.Reset(type="Soft"))

    @on("Heartbeat")
    def heartbeat(self) -> Any:
        return call_result.Heartbeat(current_time=TIME)

    @on("StatusNotification")
    def status(self, **fields: Any) -> Any:
        return call_result.StatusNotification()

    @on("Authorize")
    def authorize(self, **fields: Any) -> Any:
        return call_result.Authorize(id_tag_info={"status": "Accepted"})

    @on("StartTransaction")
    def start_transaction(self, **fields: Any) -> Any:
        return call_result.StartTransaction(
            transaction_id=4711, id_tag_info={"status": "Accepted", "parent_id_tag": "parent"}
        )

    @on("MeterValues")
    def meter_values(self, **fields: Any) -> Any:
        return call_result.MeterValues()

    @on("StopTransaction")
    def stop_transaction(self, **fields: Any) -> Any:
        return call_result.StopTransaction(id_tag_info={"status": "Accepted"})

    @on("DiagnosticsStatusNotification")
    def diagnostics_status(self, **fields: Any) -> Any:
        return call_result.DiagnosticsStatusNotification()

    @on("FirmwareStatusNotification")
    def firmware_status(self, **fields: Any) -> Any:
        return call_result.FirmwareStatusNotification()


async def main() -> None:
    errors = Errors()
    logging.getLogger("ocpp").addHandler(errors)
    over: asyncio.Future[CentralSystem] = asyncio.get_running_loop().create_future()

    async def serve_one(connection: ServerConnection) -> None:
        assert connection.request is not None
        system = CentralSystem(connection.request.path.lstrip("/"), connection)
        try:
            await system.start()
        except ConnectionClosed:
            over.set_result(system)

    async with serve(serve_one, "127.0.0.1", 0, subprotocols=["ocpp1.6"]) as server:  # type: ignore[list-item]
        print(server.sockets[0].getsockname()[1], flush=True)
        system = await asyncio.wait_for(over, MOST)
    report = {
        "name": system.id,
        "subprotocol": system._connection.subprotocol,
        "close_code": system._connection.close_code,
        "received": system.received,
        "answers": system.answers,
        "wrong": system.wrong + errors.texts,
    }
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
