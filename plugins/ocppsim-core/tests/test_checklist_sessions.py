"""Sessions at the station: rows of the checklist, by their ids."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import World

SESSION = ("StatusNotification", "Authorize", "StartTransaction", "StopTransaction")


def test_tc_003_cable_first(world: World) -> None:
    station = world.station(configuration={"MeterValueSampleInterval": 60}, speed=600)
    station.plug_in(1)
    world.wait_for("StatusNotification", status="Preparing")
    assert station.present_id_tag("ccc", 1) == "Accepted"
    world.wait_for("StatusNotification", status="Charging")
    values = world.wait_for("MeterValues")
    assert station.present_id_tag("CCC", 1) == "Accepted"
    world.wait_for("StatusNotification", status="Finishing")
    station.unplug(1)
    world.wait_for("StatusNotification", status="Available")
    assert world.order(*SESSION) == [
        "Available",
        "Preparing",
        "Authorize",
        "StartTransaction",
        "Charging",
        "StopTransaction",
        "Finishing",
        "Available",
    ]
    (start,), (stop,) = world.sent("StartTransaction"), world.sent("StopTransaction")
    assert values.payload["transactionId"] == stop["transactionId"]
    assert stop["meterStop"] > start["meterStart"]
    assert (stop["reason"], stop["idTag"]) == ("Local", "CCC")


def test_tc_004_1_tag_first(world: World) -> None:
    station = world.station()
    assert station.present_id_tag("ccc", 1) == "Accepted"
    world.wait_for("StatusNotification", status="Preparing")
    station.plug_in(1)
    world.wait_for("StatusNotification", status="Charging")
    expected = ["Available", "Authorize", "Preparing", "StartTransaction", "Charging"]
    assert world.order(*SESSION) == expected


def test_tc_004_2_tag_first_and_no_cable(world: World) -> None:
    station = world.station(configuration={"ConnectionTimeOut": 30}, speed=300)
    station.present_id_tag("ccc", 1)
    world.wait_for("StatusNotification", connectorId=1, status="Available")
    station.plug_in(1)
    world.wait_for("StatusNotification", status="Preparing")
    assert world.sent("StartTransaction") == []


def test_tc_005_1_car_unplugged_and_the_cable_is_free(world: World) -> None:
    station = world.charging()
    assert station.locked(1)
    station.unplug(1, "car")
    assert world.wait_for("StopTransaction").payload["reason"] == "EVDisconnected"
    world.wait_for("StatusNotification", status="Finishing")
    assert not station.locked(1)
    station.unplug(1, "station")
    world.wait_for("StatusNotification", status="Available")


def test_tc_005_2_car_unplugged_and_the_cable_stays_locked(world: World) -> None:
    station = world.charging(configuration={"UnlockConnectorOnEVSideDisconnect": False})
    station.unplug(1, "car")
    assert world.wait_for("StopTransaction").payload["reason"] == "EVDisconnected"
    world.wait_for("StatusNotification", status="Finishing")
    with pytest.raises(ValueError, match="locked"):
        station.unplug(1, "station")
    assert station.present_id_tag("ccc", 1) == "Accepted"
    station.unplug(1, "station")
    world.wait_for("StatusNotification", status="Available")
    assert len(world.sent("StartTransaction")) == 1


def test_tc_005_3_car_unplugged_and_the_transaction_goes_on(world: World) -> None:
    station = world.charging(configuration={"StopTransactionOnEVSideDisconnect": False})
    station.unplug(1, "car")
    world.wait_for("StatusNotification", status="SuspendedEV")
    assert world.sent("StopTransaction") == []
    station.plug_in(1, "car")
    world.wait_for("StatusNotification", status="Charging")
    station.unplug(1, "car")
    world.wait_for("StatusNotification", status="SuspendedEV")
    station.present_id_tag("ccc", 1)
    assert world.wait_for("StopTransaction").payload["reason"] == "Local"
    world.wait_for("StatusNotification", status="Finishing")


def test_tc_068_stopped_with_the_same_tag_without_asking(world: World) -> None:
    station = world.charging()
    asked = len(world.sent("Authorize"))
    assert station.present_id_tag("ccc", 1) == "Accepted"
    world.wait_for("StopTransaction", idTag="ccc")
    assert len(world.sent("Authorize")) == asked


def of_groups(name: str, payload: dict[str, Any]) -> dict[str, Any]:
    group = {"ccc": "family", "ddd": "family"}.get(payload["idTag"], "others")
    return {"idTagInfo": {"status": "Accepted", "parentIdTag": group}}


def test_tc_069_stopped_with_another_tag_of_the_group(world: World) -> None:
    world.csms.answer("Authorize", of_groups)
    station = world.charging()
    assert station.present_id_tag("eee", 1) == "Refused"
    assert station.status(1) == "Charging"
    assert station.present_id_tag("ddd", 1) == "Accepted"
    world.wait_for("StopTransaction", idTag="ddd")


def test_tc_007_1_started_from_the_cache(world: World) -> None:
    station = world.station(configuration={"LocalPreAuthorize": True})
    world.begin(station)
    station.unplug(1)
    world.wait_for("StatusNotification", connectorId=1, status="Available")
    assert len(world.sent("Authorize")) == 1
    world.begin(station)
    assert len(world.sent("Authorize")) == 1


def test_tc_007_2_remote_start_with_a_cached_tag(world: World) -> None:
    settings = {"LocalPreAuthorize": True, "AuthorizeRemoteTxRequests": True}
    station = world.charging(configuration=settings)
    station.unplug(1)
    world.wait_for("StatusNotification", connectorId=1, status="Available")
    station.plug_in(1)
    assert world.status_of("RemoteStartTransaction", idTag="ccc", connectorId=1) == "Accepted"
    world.wait_for("StartTransaction")
    world.wait_for("StatusNotification", connectorId=1, status="Charging")
    assert len(world.sent("Authorize")) == 1


def test_tc_061_1_after_clear_cache_a_local_start_asks(world: World) -> None:
    station = world.charging(configuration={"LocalPreAuthorize": True})
    station.unplug(1)
    world.wait_for("StopTransaction")
    assert world.status_of("ClearCache") == "Accepted"
    world.begin(station)
    assert len(world.sent("Authorize")) == 2


def test_tc_061_2_after_clear_cache_a_remote_start_asks(world: World) -> None:
    settings = {"LocalPreAuthorize": True, "AuthorizeRemoteTxRequests": True}
    station = world.charging(configuration=settings)
    station.unplug(1)
    world.wait_for("StopTransaction")
    assert world.status_of("ClearCache") == "Accepted"
    station.plug_in(1)
    assert world.status_of("RemoteStartTransaction", idTag="ccc", connectorId=1) == "Accepted"
    station.wait_for(1, "Charging")
    assert len(world.sent("Authorize")) == 2


@pytest.mark.parametrize("status", ["Invalid", "Blocked", "Expired"])
def test_tc_023_4_local_start_with_a_refused_tag(
    world: World, refusing: Callable[..., None], status: str
) -> None:
    refusing(bad=status)
    station = world.station()
    station.plug_in(1)
    assert station.present_id_tag("bad", 1) == status
    world.quiet()
    assert world.sent("StartTransaction") == []
    assert world.statuses(1) == ["Available", "Preparing"]


@pytest.mark.parametrize("status", ["Invalid", "Blocked", "Expired"])
def test_tc_023_5_remote_start_with_a_refused_tag(
    world: World, refusing: Callable[..., None], status: str
) -> None:
    refusing(bad=status)
    station = world.station(configuration={"AuthorizeRemoteTxRequests": True})
    station.plug_in(1)
    assert world.status_of("RemoteStartTransaction", idTag="bad", connectorId=1) == "Accepted"
    world.wait_for("Authorize", idTag="bad")
    world.quiet()
    assert world.sent("StartTransaction") == []
    assert station.session(1) is None


def test_tc_024_the_lock_fails(world: World) -> None:
    station = world.station()
    station.break_lock(1)
    station.plug_in(1)
    world.wait_for("StatusNotification", status="Faulted", errorCode="ConnectorLockFailure")
    assert station.present_id_tag("ccc", 1) == "Refused"
    station.unplug(1)
    world.wait_for("StatusNotification", status="Available", errorCode="NoError")
    assert world.sent("StartTransaction") == []
