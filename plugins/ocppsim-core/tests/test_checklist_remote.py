"""Remote start and stop, unlock, availability: rows of the checklist, by their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import World

START = {"idTag": "ccc", "connectorId": 1}


def test_tc_010_remote_start_with_the_cable_in(world: World) -> None:
    station = world.station()
    station.plug_in(1)
    assert world.status_of("RemoteStartTransaction", **START) == "Accepted"
    assert world.wait_for("StartTransaction").payload["idTag"] == "ccc"
    world.wait_for("StatusNotification", status="Charging")
    assert world.sent("Authorize") == []
    # the answer leaves before what follows from it
    sent = [f for f in world.cp.frames(direction="sent") if f.action]
    actions = [f.action for f in sent]
    assert actions.index("RemoteStartTransaction") < actions.index("StartTransaction")


def test_tc_010_without_a_connector_the_station_chooses(world: World) -> None:
    station = world.station(3)
    station.plug_in(2)
    assert world.status_of("RemoteStartTransaction", idTag="ccc") == "Accepted"
    assert world.wait_for("StartTransaction").payload["connectorId"] == 2


def test_tc_011_1_remote_start_and_then_the_cable(world: World) -> None:
    station = world.station()
    assert world.status_of("RemoteStartTransaction", **START) == "Accepted"
    world.wait_for("StatusNotification", status="Preparing")
    station.plug_in(1)
    world.wait_for("StartTransaction")
    world.wait_for("StatusNotification", status="Charging")


def test_tc_011_2_remote_start_and_no_cable(world: World) -> None:
    world.station(configuration={"ConnectionTimeOut": 30}, speed=100)
    assert world.status_of("RemoteStartTransaction", **START) == "Accepted"
    world.wait_for("StatusNotification", status="Preparing")
    world.wait_for("StatusNotification", connectorId=1, status="Available")
    assert world.sent("StartTransaction") == []


def test_tc_012_remote_stop(world: World) -> None:
    station = world.station()
    number = world.begin(station)
    assert world.status_of("RemoteStopTransaction", transactionId=number) == "Accepted"
    stop = world.wait_for("StopTransaction").payload
    assert (stop["transactionId"], stop["reason"]) == (number, "Remote")
    world.wait_for("StatusNotification", status="Finishing")
    assert "idTag" not in stop


def test_tc_026_remote_start_while_a_session_runs(world: World) -> None:
    station = world.charging()
    assert world.status_of("RemoteStartTransaction", **START) == "Rejected"
    assert station.session(1) is not None
    assert len(world.sent("StartTransaction")) == 1


@pytest.mark.parametrize("why", ["faulted", "unavailable", "taken", "door"])
def test_tc_026_remote_start_that_is_not_possible(world: World, why: str) -> None:
    station = world.station()
    if why == "faulted":
        station.fault(1, "GroundFailure")
    elif why == "unavailable":
        world.call("ChangeAvailability", connectorId=1, type="Inoperative")
        station.wait_for(1, "Unavailable")
    elif why == "taken":
        station.present_id_tag("other", 1)
    else:
        station.open_door()
    assert world.status_of("RemoteStartTransaction", **START) == "Rejected"
    world.quiet()
    assert world.sent("StartTransaction") == []


@pytest.mark.parametrize("connector", [0, 99, -1])
def test_tc_027_remote_start_with_no_such_connector(world: World, connector: int) -> None:
    station = world.station()
    start = {"idTag": "ccc", "connectorId": connector}
    assert world.status_of("RemoteStartTransaction", **start) == "Rejected"
    station.plug_in(1)
    world.quiet()
    assert world.sent("StartTransaction") == []


@pytest.mark.parametrize("number", [-1, 0, 12345678])
def test_tc_028_remote_stop_of_an_unknown_transaction(world: World, number: int) -> None:
    station = world.charging()
    assert world.status_of("RemoteStopTransaction", transactionId=number) == "Rejected"
    assert station.status(1) == "Charging"
    assert world.sent("StopTransaction") == []


def profile(purpose: str) -> dict[str, Any]:
    return {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.0}],
        },
    }


def test_a_remote_start_with_a_profile_of_another_purpose(world: World) -> None:
    station = world.station()
    station.plug_in(1)
    start = {**START, "chargingProfile": profile("TxDefaultProfile")}
    assert world.status_of("RemoteStartTransaction", **start) == "Rejected"
    start = {**START, "chargingProfile": profile("TxProfile")}
    assert world.status_of("RemoteStartTransaction", **start) == "Accepted"
    world.wait_for("StartTransaction")


# --- unlock --------------------------------------------------------------------------------------


def test_tc_017_1_unlock_without_a_session(world: World) -> None:
    station = world.station()
    assert world.status_of("UnlockConnector", connectorId=1) == "Unlocked"
    station.plug_in(1)
    assert station.locked(1)
    assert world.status_of("UnlockConnector", connectorId=1) == "Unlocked"
    world.wait_for("StatusNotification", status="Finishing")
    station.unplug(1, "station")


def test_tc_017_2_unlock_a_fixed_cable(world: World) -> None:
    world.station(fixed=True)
    assert world.status_of("UnlockConnector", connectorId=1) == "NotSupported"


def test_tc_018_1_unlock_in_a_session(world: World) -> None:
    station = world.charging()
    assert world.status_of("UnlockConnector", connectorId=1) == "Unlocked"
    assert world.wait_for("StopTransaction").payload["reason"] == "UnlockCommand"
    world.wait_for("StatusNotification", status="Finishing")
    assert not station.locked(1)


def test_tc_018_2_unlock_a_fixed_cable_in_a_session(world: World) -> None:
    station = world.charging(fixed=True)
    assert world.status_of("UnlockConnector", connectorId=1) == "NotSupported"
    assert station.status(1) == "Charging"
    assert world.sent("StopTransaction") == []


def test_tc_030_the_lock_is_stuck(world: World) -> None:
    station = world.station()
    station.plug_in(1)
    station.break_lock(1, "stuck")
    assert world.status_of("UnlockConnector", connectorId=1) == "UnlockFailed"
    assert station.locked(1)


@pytest.mark.parametrize("connector", [0, 99, -1])
def test_tc_031_unlock_an_unknown_connector(world: World, connector: int) -> None:
    station = world.charging()
    assert world.status_of("UnlockConnector", connectorId=connector) == "NotSupported"
    assert station.status(1) == "Charging"


# --- availability --------------------------------------------------------------------------------


def change(world: World, connector: int, kind: str) -> str:
    return world.status_of("ChangeAvailability", connectorId=connector, type=kind)


def test_availability_of_an_idle_connector(world: World) -> None:
    station = world.station(2)
    assert change(world, 1, "Inoperative") == "Accepted"
    world.wait_for("StatusNotification", connectorId=1, status="Unavailable")
    assert change(world, 1, "Inoperative") == "Accepted"
    assert station.status(2) == station.status(0) == "Available"
    station.plug_in(1)
    assert station.present_id_tag("ccc", 1) == "Refused"
    assert change(world, 1, "Operative") == "Accepted"
    world.wait_for("StatusNotification", connectorId=1, status="Preparing")


def test_what_was_accepted_holds_at_once_and_is_told_after_the_answer(world: World) -> None:
    station = world.station()
    for kind, status in (("Inoperative", "Unavailable"), ("Operative", "Available")) * 10:
        assert change(world, 1, kind) == "Accepted"
        assert station.status(1) == status
    station.wait_until_told()
    sent = [f for f in world.cp.frames(direction="sent") if f.action is not None]
    first = next(i for i, f in enumerate(sent) if f.action == "ChangeAvailability")
    answers = told = 0
    for frame in sent[first:]:  # the next request may overtake the status, never the answer
        answers += frame.action == "ChangeAvailability"
        told += frame.action == "StatusNotification"
        assert told <= answers
    assert told == answers == 20


def test_availability_in_a_session_is_scheduled(world: World) -> None:
    station = world.charging()
    assert change(world, 1, "Inoperative") == "Scheduled"
    assert station.status(1) == "Charging"
    station.unplug(1)
    world.wait_for("StatusNotification", connectorId=1, status="Unavailable")
    assert world.statuses(1)[-2:] == ["Finishing", "Unavailable"]


def test_what_is_scheduled_can_be_taken_back(world: World) -> None:
    station = world.charging()
    assert change(world, 1, "Inoperative") == "Scheduled"
    assert change(world, 1, "Operative") == "Accepted"
    station.unplug(1)
    world.wait_for("StatusNotification", connectorId=1, status="Available")


def test_availability_of_the_whole_station(world: World) -> None:
    station = world.charging(2)
    assert change(world, 0, "Inoperative") == "Scheduled"
    world.wait_for("StatusNotification", connectorId=0, status="Unavailable")
    world.wait_for("StatusNotification", connectorId=2, status="Unavailable")
    assert station.status(1) == "Charging"
    station.unplug(1)
    world.wait_for("StatusNotification", connectorId=1, status="Unavailable")
    assert change(world, 0, "Operative") == "Accepted"
    for connector in (0, 1, 2):
        world.wait_for("StatusNotification", connectorId=connector, status="Available")


def test_availability_while_a_cable_waits(world: World) -> None:
    station = world.station()
    station.plug_in(1)
    assert change(world, 1, "Inoperative") == "Scheduled"
    world.wait_for("StatusNotification", connectorId=1, status="Finishing")
    assert station.present_id_tag("ccc", 1) == "Refused"
    station.unplug(1)
    world.wait_for("StatusNotification", connectorId=1, status="Unavailable")


def test_availability_while_a_tag_waits(world: World) -> None:
    station = world.station()
    station.present_id_tag("ccc", 1)
    assert change(world, 1, "Inoperative") == "Accepted"
    world.wait_for("StatusNotification", connectorId=1, status="Unavailable")
    assert world.statuses(1) == ["Available", "Preparing", "Available", "Unavailable"]


@pytest.mark.parametrize("connector", [99, -1])
def test_availability_of_no_such_connector(world: World, connector: int) -> None:
    station = world.station()
    assert change(world, connector, "Inoperative") == "Rejected"
    assert station.status(1) == "Available"
