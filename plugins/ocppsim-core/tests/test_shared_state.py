"""A script that sends raw messages and a station that acts by itself share one state."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from ocppsim_core import Station, find

from ocppsim import CallError, Plugins, Request, connect, timestamp
from ocppsim.csms import CentralSystem

if TYPE_CHECKING:
    from conftest import World


def start(world: World, **fields: Any) -> int:
    """A script's own StartTransaction; its transactionId."""
    payload = {
        "connectorId": 1,
        "idTag": "script",
        "meterStart": 1000,
        "timestamp": timestamp(),
        **fields,
    }
    return int(world.cp.call("StartTransaction", payload)["transactionId"])


def test_a_transaction_of_the_script_is_stopped_by_the_central_system(world: World) -> None:
    station = world.station()
    number = start(world)
    world.wait_for("StatusNotification", status="Charging")
    session = station.session(1)
    assert session is not None
    assert (session.transactionId, session.idTag, session.ours) == (number, "script", False)
    assert world.status_of("RemoteStopTransaction", transactionId=number + 1) == "Rejected"
    assert world.status_of("RemoteStopTransaction", transactionId=number) == "Accepted"
    stop = world.wait_for("StopTransaction").payload
    assert (stop["transactionId"], stop["reason"], stop["meterStop"]) == (number, "Remote", 1000)
    world.wait_for("StatusNotification", connectorId=1, status="Available")
    assert station.session(1) is None


def test_a_remote_stop_right_behind_the_answer_to_the_start(world: World) -> None:
    """The central system knows the transactionId first, and uses it before anyone else can."""
    world.station()
    stopped: list[str] = []

    def answer(name: str, payload: dict[str, Any]) -> dict[str, Any]:
        return {"transactionId": 31, "idTagInfo": {"status": "Accepted"}}

    world.csms.answer("StartTransaction", answer)
    for _ in range(20):
        start(world)
        stopped.append(world.status_of("RemoteStopTransaction", transactionId=31))
        world.wait_for("StopTransaction")
    assert stopped == ["Accepted"] * 20


def test_its_meter_goes_on_from_what_the_script_has_told(world: World) -> None:
    world.station()
    number = start(world)
    for value, unit in (("1400", "Wh"), ("1.5", "kWh"), ("1450", "Wh")):
        sampled = {"timestamp": timestamp(), "sampledValue": [{"value": value, "unit": unit}]}
        values = {"connectorId": 1, "transactionId": number, "meterValue": [sampled]}
        world.cp.call("MeterValues", values)
    assert world.status_of("RemoteStopTransaction", transactionId=number) == "Accepted"
    assert world.wait_for("StopTransaction").payload["meterStop"] == 1500


def test_a_stop_of_the_script_ends_the_session(world: World) -> None:
    station = world.station()
    number = world.begin(station)
    stop = {"transactionId": number, "meterStop": 5000, "timestamp": timestamp()}
    world.cp.call("StopTransaction", stop)
    world.wait_for("StatusNotification", status="Finishing")
    assert station.session(1) is None
    station.unplug(1)
    world.wait_for("StatusNotification", connectorId=1, status="Available")
    assert len(world.sent("StopTransaction")) == 1


def test_no_second_session_beside_that_of_the_script(world: World) -> None:
    station = world.station()
    start(world)
    remote = {"idTag": "ccc", "connectorId": 1}
    assert world.status_of("RemoteStartTransaction", **remote) == "Rejected"
    station.plug_in(1)
    assert station.present_id_tag("ccc", 1) == "Refused"
    assert len(world.sent("StartTransaction")) == 1


def test_a_start_that_the_central_system_refuses_is_none(world: World) -> None:
    station = world.station()
    world.csms.answer("StartTransaction", CallError("InternalError"))
    with pytest.raises(CallError):
        start(world)
    world.wait_for("StatusNotification", connectorId=1, status="Available")
    assert station.session(1) is None


@pytest.mark.parametrize(
    "wrong", [{"connectorId": "one"}, {"connectorId": 7}, {"meterStart": None}, {"idTag": 5}]
)
def test_a_start_that_is_wrong_on_purpose(world: World, wrong: dict[str, Any]) -> None:
    station = world.station()
    payload = {"connectorId": 1, "idTag": "x", "meterStart": 0, "timestamp": timestamp(), **wrong}
    future = world.cp.submit("StartTransaction", payload, validate=False)
    future.exception(timeout=10)
    assert station.session(1) is None
    assert station.status(1) == "Available"
    world.csms.stop()  # it has violations by now, on purpose
    world.csms._journal._violations.clear()


def test_what_the_script_authorizes_is_cached(world: World) -> None:
    station = world.station(configuration={"LocalPreAuthorize": True})
    world.cp.call("Authorize", {"idTag": "ccc"})
    station.plug_in(1)
    station.present_id_tag("CCC", 1)
    world.wait_for("StartTransaction")
    assert len(world.sent("Authorize")) == 1


def test_a_boot_of_the_script(world: World) -> None:
    station = world.station(on=False)
    boot = {"chargePointVendor": "script", "chargePointModel": "raw"}
    world.cp.call("BootNotification", boot)
    station.plug_in(1)
    world.wait_for("StatusNotification", status="Preparing")
    assert station.online
    assert world.call("GetConfiguration", key=["NumberOfConnectors"])["configurationKey"]
    assert world.statuses(1) == ["Preparing"]  # the script tells the statuses of a boot
    assert [one["chargePointVendor"] for one in world.sent("BootNotification")] == ["script"]


def test_the_script_answers_before_the_station(world: World) -> None:
    station = world.charging()

    @world.cp.on("Reset")
    def reset(request: Request) -> dict[str, str]:
        return {"status": "Rejected"}

    assert world.status_of("Reset", type="Hard") == "Rejected"
    with world.cp.expecting("UnlockConnector") as requests:
        answers: list[dict[str, Any]] = []
        thread = Thread(target=lambda: answers.append(world.call("UnlockConnector", connectorId=1)))
        thread.start()
        requests.get(timeout=10).reply(status="UnlockFailed")
        thread.join()
    assert answers == [{"status": "UnlockFailed"}]
    assert station.status(1) == "Charging"


def test_without_a_station_the_plugin_does_nothing(
    csms: CentralSystem, plugin_set: Plugins
) -> None:
    with connect(f"{csms.url}/CP1", plugins=plugin_set) as cp:
        assert find(cp) is None
        cp.send_boot_notification(chargePointVendor="v", chargePointModel="m")
        for action, payload in (
            ("Reset", {"type": "Soft"}),
            ("GetConfiguration", {}),
            ("RemoteStartTransaction", {"idTag": "x"}),
        ):
            with pytest.raises(CallError) as caught:
                csms.call("CP1", action, payload)
            assert caught.value.code == "NotSupported"
        trigger = {"requestedMessage": "Heartbeat"}
        assert csms.call("CP1", "TriggerMessage", trigger) == {"status": "NotImplemented"}
        assert [r.action for r in csms.received()] == ["BootNotification"]
        assert "NumberOfConnectors" not in cp.configuration


def test_without_the_plugin_there_is_no_station(csms: CentralSystem) -> None:
    with (
        connect(f"{csms.url}/CP1", plugins=Plugins()) as cp,
        pytest.raises(RuntimeError, match="install ocppsim-core"),
    ):
        Station(cp)


def test_one_station_a_charge_point(world: World) -> None:
    station = world.station(on=False)
    with pytest.raises(RuntimeError, match="has a station already"):
        Station(world.cp)
    assert find(world.cp) is station
    station.close()
    assert find(world.cp) is None
    with pytest.raises(RuntimeError, match="closed"):
        station.plug_in(1)


def test_what_is_measured_goes_on_from_the_meter_start_of_the_script(world: World) -> None:
    station = world.station(speed=600)
    world.begin(station)
    world.wait_for("MeterValues")
    station.unplug(1)
    world.wait_for("StopTransaction")
    for meter in (0, 50_000):  # less, and more, than the meter of the station shows
        start = {"connectorId": 1, "idTag": "ccc", "meterStart": meter, "timestamp": timestamp()}
        number = world.cp.call("StartTransaction", start)["transactionId"]
        trigger = {"requestedMessage": "MeterValues", "connectorId": 1}
        assert world.status_of("TriggerMessage", **trigger) == "Accepted"
        payload = world.wait_for("MeterValues", transactionId=number).payload
        assert payload["meterValue"][0]["sampledValue"][0]["value"] == str(meter)
        assert world.status_of("RemoteStopTransaction", transactionId=number) == "Accepted"
        assert world.wait_for("StopTransaction").payload["meterStop"] == meter
