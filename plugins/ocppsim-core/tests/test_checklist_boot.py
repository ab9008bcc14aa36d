"""Boot: rows of the checklist, by their ids."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ocppsim import CallError, CallTimeout, WaitTimeout, timestamp

if TYPE_CHECKING:
    from conftest import World


def boot_answer(status: str, interval: int) -> dict[str, Any]:
    return {"status": status, "currentTime": timestamp(), "interval": interval}


def then_accepted(world: World, status: str, interval: int) -> None:
    """The central system refuses one BootNotification, and accepts the next."""
    answers = [boot_answer(status, interval)]

    def boot(name: str, payload: dict[str, Any]) -> dict[str, Any]:
        return answers.pop() if answers else boot_answer("Accepted", 300)

    world.csms.answer("BootNotification", boot)


def test_tc_001_cold_boot(world: World) -> None:
    world.csms.answer("BootNotification", boot_answer("Accepted", 60))
    station = world.station(2, speed=600, boot={"firmwareVersion": "1.2"})
    world.wait_for("Heartbeat")
    world.wait_for("Heartbeat")
    assert station.online
    first = world.csms.received(None, "CP1")[0]
    assert first.action == "BootNotification"
    assert first.payload["firmwareVersion"] == "1.2"
    told = world.sent("StatusNotification")
    assert [(one["connectorId"], one["status"]) for one in told] == [
        (0, "Available"),
        (1, "Available"),
        (2, "Available"),
    ]
    assert world.cp.configuration["HeartbeatInterval"] == 60


def test_tc_002_pending(world: World) -> None:
    then_accepted(world, "Pending", 40)
    station = world.station(on=False, speed=20)
    with pytest.raises(WaitTimeout, match="Pending"):
        station.power_on(timeout=0.2)
    station.plug_in(1)  # nothing of this is told
    assert station.registration == "Pending"
    assert world.call("GetConfiguration", key=["NumberOfConnectors"])["configurationKey"]
    change = {"key": "BlinkRepeat", "value": "5"}
    assert world.status_of("ChangeConfiguration", **change) == "Accepted"
    remote = {"idTag": "ccc", "connectorId": 1}
    assert world.status_of("RemoteStartTransaction", **remote) == "Rejected"
    trigger = {"requestedMessage": "StatusNotification", "connectorId": 1}
    assert world.sent("StatusNotification") == []
    assert world.status_of("TriggerMessage", **trigger) == "Accepted"
    world.wait_for("StatusNotification", connectorId=1, status="Preparing")
    station.power_on()
    world.statuses_of_boot()
    asked, again = world.csms.received("BootNotification", "CP1")
    assert (again.time - asked.time).total_seconds() >= 1.9
    assert world.statuses(1) == ["Preparing", "Preparing"]


def test_tc_002_the_boot_can_be_triggered(world: World) -> None:
    then_accepted(world, "Pending", 3600)
    station = world.station(on=False)
    station.power_on(wait=False)
    world.wait_for("BootNotification")
    world.cp.wait_for_frame("BootNotification", type="CALLRESULT", after=0)
    trigger = {"requestedMessage": "BootNotification"}
    assert world.status_of("TriggerMessage", **trigger) == "Accepted"
    station.power_on()
    world.statuses_of_boot()


def test_rejected_is_silence_until_the_interval_is_over(world: World) -> None:
    then_accepted(world, "Rejected", 60)
    station = world.station(on=False, speed=30)
    station.power_on(wait=False)
    world.cp.wait_for_frame("BootNotification", type="CALLRESULT", after=0)
    station.plug_in(1)
    for action, payload in (
        ("GetConfiguration", {}),
        ("GetLocalListVersion", {}),
        ("Reset", {"type": "Soft"}),
    ):
        with pytest.raises(CallTimeout):
            world.csms.call("CP1", action, payload, timeout=0.2)
    assert [r.action for r in world.csms.received(None, "CP1")] == ["BootNotification"]
    station.power_on()
    world.statuses_of_boot()
    asked, again = world.csms.received("BootNotification", "CP1")
    assert (again.time - asked.time).total_seconds() >= 1.9
    assert world.call("GetConfiguration", key=["NumberOfConnectors"])


def test_an_interval_of_0_leaves_the_pause_to_the_station(world: World) -> None:
    then_accepted(world, "Pending", 0)
    station = world.station(on=False, speed=100)
    station.power_on()
    asked, again = world.csms.received("BootNotification", "CP1")
    assert (again.time - asked.time).total_seconds() >= 0.29


def test_a_boot_that_nobody_answers_is_tried_again(world: World) -> None:
    answers: list[Any] = [CallError("InternalError")]

    def boot(name: str, payload: dict[str, Any]) -> Any:
        return answers.pop() if answers else boot_answer("Accepted", 300)

    world.csms.answer("BootNotification", boot)
    station = world.station(on=False, speed=300)
    station.power_on()
    assert len(world.sent("BootNotification")) == 2


def test_no_heartbeats_while_pending_again(world: World) -> None:
    station = world.station(speed=100, configuration={"HeartbeatInterval": 100})
    pending = {"status": "Pending", "currentTime": "2026-01-01T00:00:00Z", "interval": 100_000}
    world.csms.answer("BootNotification", pending)
    world.cp.configuration["HeartbeatInterval"] = 10
    world.wait_for("Heartbeat")
    assert world.status_of("TriggerMessage", requestedMessage="BootNotification") == "Accepted"
    world.until(lambda: station.registration == "Pending")
    station.do(lambda: None)
    world.cp.wait_for_handlers()
    told = len(world.sent("Heartbeat"))
    due = station.clock.now() + timedelta(seconds=40)
    world.until(lambda: station.clock.now() > due)  # four intervals
    assert len(world.sent("Heartbeat")) <= told + 1  # one may have been on its way
