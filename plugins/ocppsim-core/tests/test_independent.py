"""A station against a central system that shares no code with ours: the package `ocpp`, with its
own schemas."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from ocppsim_core import Station
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from ocppsim import Plugins, connect

TIME = "2026-01-31T12:00:00Z"


class Peer(ChargePoint):  # type: ignore[misc]
    """One charge point, as the other central system sees it."""

    def __init__(self, name: str, connection: ServerConnection, log: list[Any]) -> None:
        super().__init__(name, connection, response_timeout=20)
        self.log = log
        self.numbers = 0

    @on("BootNotification")
    def boot(self, **fields: Any) -> Any:
        self.log.append(("BootNotification", fields))
        return call_result.BootNotification(current_time=TIME, interval=300, status="Accepted")

    @on("Heartbeat")
    def heartbeat(self) -> Any:
        return call_result.Heartbeat(current_time=TIME)

    @on("StatusNotification")
    def status(self, **fields: Any) -> Any:
        self.log.append((fields["status"], fields))
        return call_result.StatusNotification()

    @on("Authorize")
    def authorize(self, **fields: Any) -> Any:
        self.log.append(("Authorize", fields))
        return call_result.Authorize(id_tag_info={"status": "Accepted"})

    @on("StartTransaction")
    def start_transaction(self, **fields: Any) -> Any:
        self.log.append(("StartTransaction", fields))
        self.numbers += 1
        info = {"status": "Accepted", "parent_id_tag": "group"}
        return call_result.StartTransaction(transaction_id=self.numbers, id_tag_info=info)

    @on("MeterValues")
    def meter_values(self, **fields: Any) -> Any:
        self.log.append(("MeterValues", fields))
        return call_result.MeterValues()

    @on("StopTransaction")
    def stop_transaction(self, **fields: Any) -> Any:
        self.log.append(("StopTransaction", fields))
        return call_result.StopTransaction()


class Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(f"{record.getMessage()} {record.exc_info}")


class Other:
    """The other central system, in a thread of its own. log: what came, in order."""

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.port = 0
        self.errors = Errors()
        self._peer: Peer | None = None
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Other:
        logging.getLogger("ocpp").addHandler(self.errors)
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(20)
        self._loop.close()
        logging.getLogger("ocpp").removeHandler(self.errors)

    def call(self, request: Any) -> dict[str, Any]:
        """Ask the charge point."""
        assert self._peer is not None
        answer = asyncio.run_coroutine_threadsafe(
            self._peer.call(request, suppress=False), self._loop
        )
        return asdict(answer.result(20))

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        async def one(connection: ServerConnection) -> None:
            self._peer = Peer("CP1", connection, self.log)
            with contextlib.suppress(ConnectionClosed):
                await self._peer.start()

        async with serve(one, "127.0.0.1", 0, subprotocols=["ocpp1.6"]) as server:  # type: ignore[list-item]
            self.port = server.sockets[0].getsockname()[1]
            self._ready.set()
            await self._over.wait()


@pytest.fixture
def other() -> Iterator[Other]:
    with Other() as other:
        yield other
    assert other.errors.texts == []


def test_sessions_and_requests(other: Other, plugin_set: Plugins) -> None:
    keys = {
        "MeterValuesSampledData": [
            "Energy.Active.Import.Register",
            "Voltage",
            "SoC",
            "Temperature",
        ],
        "StopTxnSampledData": ["Energy.Active.Import.Register", "Current.Import"],
    }
    url = f"ws://127.0.0.1:{other.port}/CP1"
    with connect(url, plugins=plugin_set, response_timeout=20) as cp:
        station = Station(cp, 2, speed=300, configuration=keys)
        station.power_on()

        # at the station
        station.plug_in(1)
        assert station.present_id_tag("ann", 1) == "Accepted"
        station.wait_for(1, "Charging")
        cp.wait_for_frame("MeterValues", type="CALLRESULT", after=0)
        station.unplug(1)
        station.wait_until_told()
        # a schema of the other one's would have made an error of any of these
        assert [what for what, _ in other.log if what != "MeterValues"] == [
            "BootNotification",
            "Available",
            "Available",
            "Available",
            "Preparing",
            "Authorize",
            "StartTransaction",
            "Charging",
            "StopTransaction",
            "Finishing",
            "Available",
        ]

        # from the central system
        start = call.RemoteStartTransaction(id_tag="bob", connector_id=2)
        assert other.call(start)["status"] == "Accepted"
        station.plug_in(2)
        station.wait_for(2, "Charging")
        station.wait_until_told()
        session = station.session(2)
        assert session is not None
        stop = call.RemoteStopTransaction(transaction_id=2)
        assert session.transactionId == 2
        assert other.call(stop)["status"] == "Accepted"
        station.wait_for(2, "Finishing")
        trigger = call.TriggerMessage(requested_message="MeterValues", connector_id=1)
        assert other.call(trigger)["status"] == "Accepted"
        unlock = call.UnlockConnector(connector_id=2)
        assert other.call(unlock)["status"] == "Unlocked"
        change = call.ChangeAvailability(connector_id=1, type="Inoperative")
        assert other.call(change)["status"] == "Accepted"
        assert len(other.call(call.GetConfiguration())["configuration_key"]) > 30
        setting = call.ChangeConfiguration(key="HeartbeatInterval", value="60")
        assert other.call(setting)["status"] == "Accepted"
        assert other.call(call.ClearCache())["status"] == "Accepted"
        data = call.DataTransfer(vendor_id="com.example")
        assert other.call(data)["status"] == "UnknownVendorId"
        station.wait_until_told()
        boots = len([one for one in other.log if one[0] == "BootNotification"])
        assert other.call(call.Reset(type="Soft"))["status"] == "Accepted"
        cp.wait_for_handlers()
        station.power_on()
        station.wait_until_told()
        assert len([one for one in other.log if one[0] == "BootNotification"]) == boots + 1
        assert station.status(1) == "Unavailable"
        assert cp.violations == []
