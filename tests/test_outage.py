"""An outage of 25 seconds with a transaction running: all is back, and in order."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ocppsim import clock, connect
from ocppsim.csms import CentralSystem

PATIENCE = 100.0
TIME = "2026-01-31T12:00:00.000Z"
OUTAGE = 25.0
EVERY = 2.5  # s between meter values
QUEUED = ("StartTransaction", "MeterValues", "StopTransaction")


def values(number: int) -> dict[str, Any]:
    sampled = {"timestamp": TIME, "sampledValue": [{"value": str(number)}]}
    return {"connectorId": 1, "meterValue": [sampled]}


@pytest.mark.parametrize(
    "scale", [clock.SCALE, pytest.param(1.0, marks=pytest.mark.slow)], ids=["short", "real"]
)
@pytest.mark.timeout(180)
def test_heartbeats_queue_and_handlers_are_back_in_order(
    scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "SCALE", scale)
    with CentralSystem() as csms, connect(f"{csms.url}/CP1", reconnect=True) as cp:
        cp.on("Reset", {"status": "Accepted"})
        back = threading.Event()
        cp.on_reconnect(back.set)
        cp.send_boot_notification(chargePointVendor="vendor", chargePointModel="model")
        cp.start_heartbeat(max(0.05, clock.scaled(5)))
        transaction = cp.enqueue_start(
            {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": TIME}
        )
        transaction.result(PATIENCE)
        csms.wait_for("Heartbeat")

        csms.stop()
        futures = []
        passing = threading.Event()
        for number in range(int(OUTAGE / EVERY)):  # the outage itself
            futures.append(cp.enqueue("MeterValues", values(number), transaction=transaction))
            passing.wait(clock.scaled(EVERY))
        assert len(cp.queue) == len(futures)
        before = len(csms.received("Heartbeat"))
        csms.start()

        futures.append(
            cp.enqueue(
                "StopTransaction", {"meterStop": 9, "timestamp": TIME}, transaction=transaction
            )
        )
        assert [future.result(PATIENCE) for future in futures] == [{}] * len(futures)
        assert back.wait(PATIENCE)
        assert csms.call("CP1", "Reset", {"type": "Soft"}) == {"status": "Accepted"}
        csms.wait_for(
            "Heartbeat", timeout=PATIENCE, where=lambda _: len(csms.received("Heartbeat")) > before
        )

        of_queue = [one for one in csms.received() if one.action in QUEUED]
        assert [one.action for one in of_queue] == [
            "StartTransaction",
            *["MeterValues"] * (len(futures) - 1),
            "StopTransaction",
        ]
        sampled = [
            one.payload["meterValue"][0]["sampledValue"][0]["value"] for one in of_queue[1:-1]
        ]
        assert sampled == [str(number) for number in range(len(sampled))]
        assert {one.payload["transactionId"] for one in of_queue[1:]} == {transaction.transactionId}
        assert csms.violations == []
