"""Power, network and faults: rows of the checklist by their ids."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ocppsim_core import Station

from ocppsim import CallError, Plugins, connect
from ocppsim.csms import CentralSystem

if TYPE_CHECKING:
    from conftest import World


def test_tc_032_1_power_fails_with_battery(world: World) -> None:
    station = world.station()
    number = world.begin(station)
    station.power_off(battery=True)
    stop = world.wait_for("StopTransaction").payload
    assert (stop["transactionId"], stop["reason"]) == (number, "PowerLoss")
    world.wait_for("StatusNotification", status="Finishing")
    assert not world.cp.connected
    world.wait_for("BootNotification")
    station.power_on()
    world.wait_for("BootNotification")
    world.statuses_of_boot()
    assert len(world.sent("StopTransaction")) == 1


def test_a_battery_does_not_wait_for_what_cannot_come(
    csms: CentralSystem, plugin_set: Plugins, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    csms.answer("BootNotification", lambda name, payload: None)
    with connect(f"{csms.url}/CP1", plugins=plugin_set, response_timeout=8) as cp:
        station = Station(cp)
        station.power_on(wait=False)
        csms.wait_for("BootNotification")
        station.power_off(battery=True)
    # the boot was cut short: it has not timed out
    assert "BootNotification: " not in caplog.text


def test_tc_032_2_power_fails_without_battery(world: World) -> None:
    station = world.station(speed=100)
    number = world.begin(station)
    station.power_off()
    assert world.sent("StopTransaction") == []
    assert station.present_id_tag("ccc", 1) == "Refused"
    station.unplug(1)  # the lock lets go
    energy = station.energy(1)
    world.wait_for("BootNotification")
    station.power_on()
    stop = world.wait_for("StopTransaction").payload
    assert (stop["transactionId"], stop["reason"]) == (number, "PowerLoss")
    assert stop["meterStop"] == energy
    boot = world.wait_for("BootNotification")
    assert datetime.fromisoformat(stop["timestamp"]).tzinfo is not None
    stops = world.csms.received("StopTransaction")
    assert boot.time < stops[0].time
    world.wait_for("StatusNotification", connectorId=1, status="Available")


def test_a_power_failure_that_the_process_does_not_survive(
    csms: CentralSystem, tmp_path: Path, plugin_set: Plugins
) -> None:
    url = f"{csms.url}/CP1"
    with connect(url, plugins=plugin_set, state_dir=tmp_path) as cp:
        station = Station(cp, speed=600)
        station.power_on()
        station.plug_in(1)
        station.present_id_tag("ccc", 1)
        csms.wait_for("MeterValues")
        session = station.session(1)
        cp.abort()
    assert session is not None
    with connect(url, plugins=plugin_set, state_dir=tmp_path) as cp:
        station = Station(cp)
        station.power_on()
        stop = csms.wait_for("StopTransaction").payload
        assert (stop["transactionId"], stop["reason"]) == (session.transactionId, "PowerLoss")
        assert session.meterStart < stop["meterStop"] <= station.energy(1)
        assert cp.open_transactions() == []
        # the meter has gone on from where it was
        station.plug_in(1)
        station.present_id_tag("ccc", 1)
        starts = [csms.wait_for("StartTransaction").payload["meterStart"] for _ in range(2)]
        assert starts[1] >= stop["meterStop"]


def test_tc_034_inoperative_survives_the_power_failure(world: World) -> None:
    station = world.station(2)
    answer = world.status_of("ChangeAvailability", connectorId=2, type="Inoperative")
    assert answer == "Accepted"
    world.wait_for("StatusNotification", connectorId=2, status="Unavailable")
    station.power_off()
    station.power_on()
    world.wait_for("StatusNotification", connectorId=1, status="Available")
    world.wait_for("StatusNotification", connectorId=2, status="Unavailable")


def test_tc_034_what_was_scheduled_survives_too(world: World) -> None:
    station = world.charging()
    answer = world.status_of("ChangeAvailability", connectorId=1, type="Inoperative")
    assert answer == "Scheduled"
    world.cp.wait_for_handlers()
    station.power_off()
    station.unplug(1)
    station.power_on()
    assert world.wait_for("StopTransaction").payload["reason"] == "PowerLoss"
    world.wait_for("StatusNotification", connectorId=1, status="Unavailable")
    kept = world.cp.state["core.availability"]
    assert kept == [1]


def test_tc_034_and_the_end_of_the_process(
    csms: CentralSystem, tmp_path: Path, plugin_set: Plugins
) -> None:
    url = f"{csms.url}/CP1"
    for kind in ("Inoperative", "Operative"):
        with connect(url, plugins=plugin_set, state_dir=tmp_path) as cp:
            station = Station(cp)
            station.power_on()
            before = "Available" if kind == "Inoperative" else "Unavailable"
            assert station.status(1) == before
            csms.call("CP1", "ChangeAvailability", {"connectorId": 1, "type": kind})
            cp.wait_for_handlers()


def test_tc_036_connection_lost_in_a_session(world: World) -> None:
    station = world.station(speed=600)
    number = world.begin(station)
    world.wait_for("MeterValues")
    world.go_offline()
    seen = len(world.sent("MeterValues"))
    assert not station.online
    from_here = len(world.cp.queue)
    while len(world.cp.queue) < from_here + 3:  # samples gather
        world.cp.sleep(0.01)
    assert station.status(1) == "Charging"
    world.go_online()
    for _ in range(3):
        world.wait_for("MeterValues", transactionId=number)
    assert len(world.sent("BootNotification")) == 1
    assert len(world.sent("MeterValues")) > seen
    assert world.statuses(1) == ["Available", "Preparing", "Charging"]
    world.wait_for("Heartbeat")
    assert station.online


def known_offline(world: World) -> Station:
    """A station that knows the tag ccc, with the central system gone."""
    station = world.charging()
    station.unplug(1)
    world.wait_for("StatusNotification", connectorId=1, status="Available")
    world.wait_for("StartTransaction")
    world.wait_for("StopTransaction")
    world.go_offline()
    return station


def test_tc_037_1_offline_start_with_a_known_tag(world: World) -> None:
    station = known_offline(world)
    station.plug_in(1)
    assert station.present_id_tag("ccc", 1) == "Accepted"
    session = station.session(1)
    assert session is not None
    assert session.transactionId is None
    assert station.status(1) == "Charging"
    told = len(world.statuses(1))
    world.go_online()
    start = world.wait_for("StartTransaction").payload
    moment = datetime.fromisoformat(start["timestamp"])
    assert abs((moment - session.timestamp).total_seconds()) < 0.002
    world.wait_for("StatusNotification", connectorId=1, status="Charging")
    assert world.statuses(1)[told:] == ["Charging"]
    assert world.order("StartTransaction", "StatusNotification")[-2:] == [
        "StartTransaction",
        "Charging",
    ]


def refuse_starts(world: World) -> None:
    answer = {"transactionId": 77, "idTagInfo": {"status": "Invalid"}}
    world.csms.answer("StartTransaction", answer)


def test_tc_037_2_offline_start_that_turns_out_invalid(world: World) -> None:
    station = known_offline(world)
    world.cp.configuration["StopTransactionOnInvalidId"] = False
    refuse_starts(world)
    station.plug_in(1)
    station.present_id_tag("ccc", 1)
    world.go_online()
    world.wait_for("StatusNotification", connectorId=1, status="SuspendedEVSE")
    session = station.session(1)
    assert session is not None
    assert session.transactionId == 77
    assert len(world.sent("StopTransaction")) == 1  # that of the session before
    station.present_id_tag("ccc", 1)
    assert world.wait_for("StopTransaction").payload["transactionId"] == 77


def test_tc_037_3_offline_start_that_turns_out_invalid_and_stops(world: World) -> None:
    station = known_offline(world)
    refuse_starts(world)
    station.plug_in(1)
    station.present_id_tag("ccc", 1)
    world.go_online()
    stop = world.wait_for("StopTransaction").payload
    assert (stop["transactionId"], stop["reason"]) == (77, "DeAuthorized")
    world.wait_for("StatusNotification", connectorId=1, status="Finishing")
    assert station.session(1) is None
    # the cable is a pledge until its owner shows the card
    station.unplug(1)
    assert station.locked(1)
    assert station.present_id_tag("ccc", 1) == "Accepted"
    station.unplug(1, "station")
    assert station.status(1) == "Available"


def test_max_energy_on_invalid_id(world: World) -> None:
    settings = {"StopTransactionOnInvalidId": False, "MaxEnergyOnInvalidId": 500}
    station = world.station(configuration=settings, speed=600)
    world.begin(station)
    world.wait_for("MeterValues")
    station.unplug(1)
    world.wait_for("StatusNotification", connectorId=1, status="Available")
    refuse_starts(world)
    station.plug_in(1)
    station.present_id_tag("ccc", 1)
    world.wait_for("StatusNotification", status="SuspendedEVSE")
    session = station.session(1)
    assert session is not None
    assert 500 <= session.meter - session.meterStart < 600
    assert station.history(1)[-2:] == ["Charging", "SuspendedEVSE"]


def test_tc_038_offline_stop(world: World) -> None:
    station = world.station()
    number = world.begin(station)
    world.go_offline()
    station.present_id_tag("ccc", 1)
    ended = station.clock.now()
    world.go_online()
    stop = world.wait_for("StopTransaction").payload
    assert (stop["transactionId"], stop["reason"]) == (number, "Local")
    moment = datetime.fromisoformat(stop["timestamp"])
    assert abs((ended - moment).total_seconds()) < 5
    world.wait_for("StatusNotification", connectorId=1, status="Finishing")


def test_tc_039_start_and_stop_offline(world: World) -> None:
    station = known_offline(world)
    station.plug_in(1)
    station.present_id_tag("ccc", 1)
    station.present_id_tag("ccc", 1)
    station.unplug(1)
    assert station.status(1) == "Available"
    told = len(world.statuses(1))
    world.csms.answer(
        "StartTransaction", {"transactionId": 4711, "idTagInfo": {"status": "Accepted"}}
    )
    world.go_online()
    world.wait_for("StartTransaction")
    assert world.wait_for("StopTransaction").payload["transactionId"] == 4711
    world.quiet()
    assert world.statuses(1)[told:] == []  # it is as it was when the connection went


@pytest.mark.parametrize(
    ("settings", "idTag", "shown"),
    [
        ({}, "stranger", "Invalid"),
        ({"AllowOfflineTxForUnknownId": True}, "stranger", "Accepted"),
        ({"LocalAuthorizeOffline": False}, "ccc", "Invalid"),
        ({"LocalAuthorizeOffline": False, "AllowOfflineTxForUnknownId": True}, "ccc", "Accepted"),
        ({"AuthorizationCacheEnabled": False}, "ccc", "Invalid"),
    ],
)
def test_who_may_start_offline(
    world: World, settings: dict[str, bool], idTag: str, shown: str
) -> None:
    station = known_offline(world)
    for key, value in settings.items():
        world.cp.configuration[key] = value
    station.plug_in(1)
    assert station.present_id_tag(idTag, 1) == shown


def test_who_was_blocked_may_not_start_offline(world: World, refusing: Callable[..., None]) -> None:
    refusing(bad="Blocked")
    station = world.station(configuration={"AllowOfflineTxForUnknownId": True})
    station.plug_in(1)
    assert station.present_id_tag("bad", 1) == "Blocked"
    world.go_offline()
    assert station.present_id_tag("bad", 1) == "Blocked"


def test_a_central_system_that_cannot_authorize_counts_as_offline(world: World) -> None:
    station = world.station(configuration={"AllowOfflineTxForUnknownId": True})
    world.csms.answer("Authorize", CallError("InternalError"))
    station.plug_in(1)
    assert station.present_id_tag("ccc", 1) == "Accepted"
    world.wait_for("StartTransaction")


def test_tc_041_fault_while_idle(world: World) -> None:
    station = world.station(2)
    station.fault(1, "GroundFailure", info="wet", vendorId="com.example", vendorErrorCode="7")
    told = world.wait_for("StatusNotification", status="Faulted").payload
    assert {**told, "timestamp": ""} == {
        "connectorId": 1,
        "status": "Faulted",
        "errorCode": "GroundFailure",
        "info": "wet",
        "vendorId": "com.example",
        "vendorErrorCode": "7",
        "timestamp": "",
    }
    assert station.present_id_tag("ccc", 1) == "Refused"
    assert station.status(2) == "Available"
    station.repair(1)
    world.wait_for("StatusNotification", connectorId=1, status="Available", errorCode="NoError")


def test_tc_041_fault_while_charging(world: World) -> None:
    station = world.charging(speed=100)
    station.fault(1, "OverCurrentFailure")
    world.wait_for("StatusNotification", status="Faulted", errorCode="OverCurrentFailure")
    energy = station.energy(1)
    world.cp.call("Heartbeat")
    assert station.energy(1) == energy  # nothing flows
    station.repair(1)
    world.wait_for("StatusNotification", connectorId=1, status="Charging", errorCode="NoError")
    assert world.sent("StopTransaction") == []


def test_a_fault_that_changes_is_told_again(world: World) -> None:
    station = world.station()
    for code in ("GroundFailure", "HighTemperature"):
        station.fault(1, code)
        world.wait_for("StatusNotification", status="Faulted", errorCode=code)


def test_an_error_that_stops_nothing(world: World) -> None:
    station = world.charging()
    station.fault(1, "WeakSignal", stops=False)
    world.wait_for("StatusNotification", status="Charging", errorCode="WeakSignal")
    station.repair(1)
    world.wait_for("StatusNotification", status="Charging", errorCode="NoError")


def test_fault_of_the_whole_station(world: World) -> None:
    station = world.charging(2, speed=100)
    station.fault(0, "InternalError")
    world.wait_for("StatusNotification", connectorId=0, status="Faulted")
    world.wait_for("StatusNotification", connectorId=1, status="SuspendedEVSE")
    energy = station.energy(1)
    station.plug_in(2)
    assert station.present_id_tag("eee", 2) == "Refused"
    assert world.status_of("RemoteStartTransaction", idTag="eee", connectorId=2) == "Rejected"
    station.repair(0)
    assert energy <= station.energy(1) <= energy + 2  # nothing flowed
    world.wait_for("StatusNotification", connectorId=0, status="Available")
    world.wait_for("StatusNotification", connectorId=1, status="Charging")
    assert station.present_id_tag("eee", 2) == "Accepted"


def test_a_fault_before_the_cable_comes(world: World) -> None:
    station = world.station()
    station.present_id_tag("ccc", 1)
    station.open_door()
    station.plug_in(1)
    assert station.session(1) is None
    station.close_door()
    world.wait_for("StartTransaction")


@pytest.mark.parametrize(
    ("code", "more"),
    [
        ("Nonsense", {}),
        ("NoError", {}),
        ("OtherError", {"info": "x" * 51}),
        ("OtherError", {"vendorErrorCode": "x" * 51}),
    ],
)
def test_a_fault_that_cannot_be_told(world: World, code: str, more: dict[str, str]) -> None:
    station = world.station()
    with pytest.raises(ValueError, match="fault"):
        station.fault(1, code, **more)
    assert station.status(1) == "Available"


def test_a_fault_behind_an_open_door(world: World) -> None:
    station = world.station()
    station.fault(0, "HighTemperature")
    station.open_door()
    station.close_door()
    assert station.status(0) == "Faulted"
    station.open_door()
    station.repair(0)
    assert station.status(0) == "Faulted"  # the door is open yet
    station.close_door()
    assert station.status(0) == "Available"


def test_the_door(world: World) -> None:
    station = world.charging()
    station.open_door()
    world.wait_for("StatusNotification", connectorId=0, status="Faulted", info="door open")
    world.wait_for("StatusNotification", connectorId=1, status="SuspendedEVSE")
    station.close_door()
    world.wait_for("StatusNotification", connectorId=0, status="Available")
    world.wait_for("StatusNotification", connectorId=1, status="Charging")


def test_a_connection_lost_before_the_boot_was_accepted(world: World) -> None:
    held: list[Any] = [None]

    def boot(name: str, payload: dict[str, Any]) -> Any:
        if held:
            return held.pop()
        return {"status": "Accepted", "currentTime": "2026-01-01T00:00:00Z", "interval": 300}

    world.csms.answer("BootNotification", boot)
    station = world.station(on=False)
    station.power_on(wait=False)
    world.wait_for("BootNotification")
    world.go_offline()
    world.go_online()
    station.power_on()
    world.statuses_of_boot()


def test_a_status_that_nobody_has_answered_is_told_again(world: World) -> None:
    station = world.station()
    world.csms.answer("StatusNotification", lambda name, payload: None)
    station.plug_in(1)
    world.wait_for("StatusNotification", status="Preparing")
    world.go_offline()
    world.csms.answer("StatusNotification", None)
    world.go_online()
    world.wait_for("StatusNotification", status="Preparing")
    station.wait_until_told()
    assert world.statuses(1) == ["Available", "Preparing", "Preparing"]


def test_of_an_outage_only_what_is_news_is_told(world: World) -> None:
    station = world.station(3)
    world.go_offline()
    station.plug_in(1)
    station.plug_in(2)
    station.unplug(2)
    station.fault(3)
    station.repair(3)
    before = [len(world.statuses(connector)) for connector in (1, 2, 3)]
    world.go_online()
    world.wait_for("StatusNotification", connectorId=1, status="Preparing")
    station.wait_until_told()
    after = [len(world.statuses(connector)) for connector in (1, 2, 3)]
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 0, 0]
