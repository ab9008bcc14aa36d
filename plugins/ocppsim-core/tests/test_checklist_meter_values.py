"""Meter values: rows of the checklist by their ids."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from ocppsim_core import ManualClock, Vehicle

from ocppsim import timestamp

if TYPE_CHECKING:
    from conftest import World

ALL = "Energy.Active.Import.Register,Power.Active.Import,Current.Import.L1,Voltage.L1-N,SoC"


def samples(payload: dict[str, Any]) -> dict[tuple[str, str | None], float]:
    (value,) = payload["meterValue"]
    return {(s["measurand"], s.get("phase")): float(s["value"]) for s in value["sampledValue"]}


def moment(payload: dict[str, Any]) -> datetime:
    (value,) = payload["meterValue"]
    return datetime.fromisoformat(value["timestamp"])


def contexts(payload: dict[str, Any]) -> set[str]:
    return {s["context"] for value in payload["meterValue"] for s in value["sampledValue"]}


def test_tc_070_sampled_values(world: World) -> None:
    keys = {"MeterValueSampleInterval": 30, "MeterValuesSampledData": ALL.split(",")}
    station = world.station(clock=ManualClock(), configuration=keys, vehicle=Vehicle(40, 0.3))
    number = world.begin(station)
    station.advance(60)
    first, second = (world.wait_for("MeterValues").payload for _ in range(2))
    assert first["transactionId"] == number
    assert contexts(first) == {"Sample.Periodic"}
    assert [".".join(filter(None, key)) for key in samples(first)] == ALL.split(",")
    (start,) = world.sent("StartTransaction")
    passed = moment(second) - datetime.fromisoformat(start["timestamp"])
    assert passed.total_seconds() == 60
    a, b = samples(first), samples(second)
    assert b["Energy.Active.Import.Register", None] > a["Energy.Active.Import.Register", None]
    assert b["SoC", None] >= a["SoC", None] > 29
    volts, amperes = a["Voltage", "L1-N"], a["Current.Import", "L1"]
    assert 225 < volts < 235
    assert amperes == 16
    assert abs(a["Power.Active.Import", None] - 3 * volts * amperes * 0.99) < 150


def test_an_interval_of_0_takes_no_samples(world: World) -> None:
    station = world.station(speed=1000, configuration={"MeterValueSampleInterval": 0})
    world.begin(station)
    world.wait_for("Heartbeat")
    assert world.sent("MeterValues") == []
    change = {"key": "MeterValueSampleInterval", "value": "60"}
    assert world.status_of("ChangeConfiguration", **change) == "Accepted"
    world.wait_for("MeterValues")


def test_tc_071_values_on_the_clock(world: World) -> None:
    keys = {"ClockAlignedDataInterval": 60, "MeterValueSampleInterval": 0}
    start = datetime(2026, 1, 1, 12, 30, 20, 500_000, tzinfo=UTC)
    station = world.station(clock=ManualClock(start), configuration=keys)
    number = world.begin(station)
    station.advance(120)
    values = world.wait_for("MeterValues", transactionId=number).payload
    assert contexts(values) == {"Sample.Clock"}
    assert moment(values).second == moment(values).microsecond == 0
    later = world.wait_for("MeterValues", transactionId=number).payload
    assert (moment(later) - moment(values)).total_seconds() == 60


def test_values_on_the_clock_of_an_idle_connector(world: World) -> None:
    world.station(2, speed=300, configuration={"ClockAlignedDataInterval": 60})
    for connector in (1, 2):
        assert "transactionId" not in world.wait_for("MeterValues", connectorId=connector).payload


def test_stop_transaction_carries_data(world: World) -> None:
    keys = {
        "MeterValueSampleInterval": 60,
        "StopTxnSampledData": ["Energy.Active.Import.Register", "SoC"],
        "StopTxnAlignedData": ["Voltage"],
        "ClockAlignedDataInterval": 60,
    }
    station = world.station(speed=600, configuration=keys)
    number = world.begin(station)
    for _ in range(2):  # in turn one by the interval and one on the clock
        world.wait_for("MeterValues", transactionId=number)
    station.present_id_tag("ccc", 1)
    stop = world.wait_for("StopTransaction").payload
    data = stop["transactionData"]
    found = [value["sampledValue"][0]["context"] for value in data]
    assert found[0] == "Transaction.Begin"
    assert found[-1] == "Transaction.End"
    assert "Sample.Periodic" in found
    assert "Sample.Clock" in found
    last = [s for s in data[-1]["sampledValue"] if s["measurand"].startswith("Energy")]
    assert int(last[0]["value"]) == stop["meterStop"]


def trigger(world: World, **payload: Any) -> str:
    return world.status_of("TriggerMessage", requestedMessage="MeterValues", **payload)


def test_values_on_a_trigger(world: World) -> None:
    station = world.station(2)
    number = world.begin(station)
    assert trigger(world, connectorId=1) == "Accepted"
    values = world.wait_for("MeterValues").payload
    assert (values["transactionId"], contexts(values)) == (number, {"Trigger"})
    assert trigger(world) == "Accepted"
    world.wait_for("MeterValues", connectorId=1)
    assert "transactionId" not in world.wait_for("MeterValues", connectorId=2).payload
    for connector in (0, 3, -1):
        assert trigger(world, connectorId=connector) == "Rejected"
    station.do(lambda: None)


def test_other_triggers(world: World) -> None:
    world.station(2)
    trigger = {"requestedMessage": "StatusNotification"}
    assert world.status_of("TriggerMessage", **trigger) == "Accepted"
    world.statuses_of_boot(2)
    assert world.status_of("TriggerMessage", **trigger, connectorId=2) == "Accepted"
    world.wait_for("StatusNotification", connectorId=2)
    assert world.status_of("TriggerMessage", **trigger, connectorId=7) == "Rejected"
    assert world.status_of("TriggerMessage", requestedMessage="Heartbeat") == "Accepted"
    world.wait_for("Heartbeat")
    boot = {"requestedMessage": "BootNotification"}
    world.wait_for("BootNotification")
    assert world.status_of("TriggerMessage", **boot) == "Accepted"
    world.wait_for("BootNotification")
    firmware = {"requestedMessage": "FirmwareStatusNotification"}
    assert world.status_of("TriggerMessage", **firmware) == "NotImplemented"


def test_the_car_is_full(world: World) -> None:
    station = world.station(speed=1000, vehicle=Vehicle(battery_kwh=10, soc=0.99))
    world.begin(station)
    world.wait_for("StatusNotification", status="SuspendedEV")
    assert station.vehicle(1).full
    assert station.session(1) is not None


def test_the_car_pauses(world: World) -> None:
    station = world.charging(speed=100)
    station.pause_car(1)
    world.wait_for("StatusNotification", status="SuspendedEV")
    energy = station.energy(1)
    world.cp.call("Heartbeat")
    assert station.energy(1) == energy
    station.resume_car(1)
    world.wait_for("StatusNotification", status="Charging")


def test_a_limit_of_another_plugin(world: World) -> None:
    keys = {"MeterValuesSampledData": ["Current.Import.L1", "Current.Offered"]}
    station = world.charging(configuration=keys)
    station.set_limit("smart", 1, 10)
    trigger(world, connectorId=1)
    found = samples(world.wait_for("MeterValues").payload)
    assert found == {("Current.Import", "L1"): 10, ("Current.Offered", None): 10}
    station.set_limit("smart", 1, 0)
    world.wait_for("StatusNotification", status="SuspendedEVSE")
    station.set_limit("smart", 1)
    world.wait_for("StatusNotification", status="Charging")


def test_the_extended_trigger(world: World) -> None:
    world.station()
    for message in ("Heartbeat", "StatusNotification", "MeterValues", "BootNotification"):
        action = "ExtendedTriggerMessage"
        assert world.status_of(action, requestedMessage=message) == "Accepted"
        world.wait_for(message)


@pytest.mark.parametrize(
    ("rotation", "phase"),
    [("1.RST", "L1"), ("0.RST,1.STR", "L2"), ("1.TRS", "L3"), ("2.TRS", "L1")],
)
def test_connector_phase_rotation(world: World, rotation: str, phase: str) -> None:
    """A car with one phase is measured on the phase of the meter that its L1 hangs on."""
    currents = ",".join(f"Current.Import.L{number}" for number in (1, 2, 3))
    station = world.station(
        2,
        vehicle=Vehicle(phases=1),
        configuration={"MeterValuesSampledData": currents.split(",")},
    )
    world.begin(station)
    change = {"key": "ConnectorPhaseRotation", "value": rotation}
    assert world.status_of("ChangeConfiguration", **change) == "Accepted"
    trigger = {"requestedMessage": "MeterValues", "connectorId": 1}
    assert world.status_of("TriggerMessage", **trigger) == "Accepted"
    (value,) = world.wait_for("MeterValues").payload["meterValue"]
    seen = {one["phase"]: float(one["value"]) for one in value["sampledValue"]}
    assert seen == {name: 16.0 if name == phase else 0.0 for name in ("L1", "L2", "L3")}


def test_a_transaction_with_the_number_0(world: World) -> None:
    world.csms.answer("StartTransaction", {"transactionId": 0, "idTagInfo": {"status": "Accepted"}})
    station = world.station()
    start = {"connectorId": 1, "idTag": "ccc", "meterStart": 0, "timestamp": timestamp()}
    world.cp.call("StartTransaction", start)
    world.until(lambda: station.session(1) is not None)
    assert world.status_of("TriggerMessage", requestedMessage="MeterValues") == "Accepted"
    assert world.wait_for("MeterValues").payload["transactionId"] == 0
