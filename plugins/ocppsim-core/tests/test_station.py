"""What a script may do with a station, and what other plugins may have of it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest
from ocppsim_core import Grid, ManualClock, Session, Station, Vehicle

from ocppsim import ConnectionLost, WaitTimeout

if TYPE_CHECKING:
    from conftest import World


def test_what_cannot_be_done_with_real_things(world: World) -> None:
    station = world.station()
    with pytest.raises(ValueError, match="no cable to be pulled"):
        station.unplug(1)
    station.plug_in(1)
    with pytest.raises(ValueError, match="plugged in there already"):
        station.plug_in(1)
    with pytest.raises(ValueError, match="plugged in there already"):
        station.plug_in(1, "car")
    with pytest.raises(ValueError, match="is locked"):
        station.unplug(1, "station")
    with pytest.raises(ValueError, match="the connectors of this station are 1"):
        station.plug_in(2)
    with pytest.raises(ValueError, match="sides station and car"):
        station.unplug(1, "left")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="closed already"):
        station.close_door()
    for wrong in ("", "x" * 21, 7):
        with pytest.raises(ValueError, match="1 to 20 characters"):
            station.present_id_tag(wrong, 1)  # type: ignore[arg-type]
    assert station.status(1) == "Preparing"


def test_a_fixed_cable(world: World) -> None:
    station = world.station(fixed=True)
    with pytest.raises(ValueError, match="fixed at the station"):
        station.plug_in(1, "station")
    world.begin(station)
    assert not station.locked(1)
    station.unplug(1)
    world.wait_for("StatusNotification", connectorId=1, status="Available")
    assert world.statuses(1)[-2:] == ["Charging", "Available"]


@pytest.mark.parametrize("connectors", [0, -1, 1.5, "2"])
def test_a_station_needs_connectors(world: World, connectors: Any) -> None:
    with pytest.raises(ValueError, match="at least 1 connector"):
        Station(world.cp, connectors)


def test_waiting_for_a_status(world: World) -> None:
    station = world.station()
    station.wait_for(1, "Available")
    station.wait_for(0, "Available")
    with pytest.raises(WaitTimeout, match="connector 1 is Available, and was not Charging within"):
        station.wait_for(1, "Charging", timeout=0.01)
    with pytest.raises(ValueError, match="no status 'Busy'"):
        station.wait_for(1, "Busy")
    with pytest.raises(RuntimeError, match="own thread"):
        station.do(lambda: station.wait_for(1, "Charging"))
    threading.Timer(0.05, station.close).start()
    with pytest.raises(ConnectionLost, match="closed"):
        station.wait_for(1, "Charging")


def test_a_status_that_has_passed_meanwhile(world: World) -> None:
    station = world.charging()

    def leave() -> None:
        station.unplug(1)

    thread = threading.Timer(0.05, leave)
    thread.start()
    station.wait_for(1, "Finishing")
    station.wait_for(1, "Available")
    thread.join()


def test_one_reader_for_all_connectors(world: World) -> None:
    station = world.station(3)
    station.plug_in(2)
    assert station.present_id_tag("ann") == "Accepted"
    assert world.wait_for("StartTransaction").payload["connectorId"] == 2
    station.plug_in(3)
    assert station.present_id_tag("bob") == "Accepted"
    assert world.wait_for("StartTransaction").payload["connectorId"] == 3
    station.wait_for(2, "Charging")
    assert station.present_id_tag("ann") == "Accepted"
    session = station.session(3)
    assert session is not None
    assert world.wait_for("StopTransaction").payload["transactionId"] != session.transactionId
    assert station.present_id_tag("eve") == "Accepted"  # for connector 1, which is free
    assert station.status(1) == "Preparing"


def test_a_tag_that_is_shown_twice_is_taken_back(world: World) -> None:
    station = world.station()
    assert station.present_id_tag("ccc", 1) == "Accepted"
    assert station.present_id_tag("other", 1) == "Refused"
    assert station.present_id_tag("ccc", 1) == "Accepted"
    world.wait_for("StatusNotification", connectorId=1, status="Available")
    station.plug_in(1)
    world.wait_for("StatusNotification", connectorId=1, status="Preparing")
    assert world.sent("StartTransaction") == []


def test_a_driver_who_begins_again_with_the_cable_in(world: World) -> None:
    station = world.station()
    first = world.begin(station)
    station.present_id_tag("ccc", 1)
    world.wait_for("StatusNotification", status="Finishing")
    station.present_id_tag("ccc", 1)
    world.wait_for("StatusNotification", status="Preparing")
    world.wait_for("StatusNotification", status="Charging")
    session = station.session(1)
    assert session is not None
    assert session.transactionId != first


def test_without_waiting_for_the_central_system(world: World) -> None:
    station = world.station()
    free = threading.Event()

    def slow(name: str, payload: dict[str, Any]) -> dict[str, Any]:
        free.wait(10)
        return {"idTagInfo": {"status": "Accepted"}}

    world.csms.answer("Authorize", slow)
    assert station.present_id_tag("ccc", 1, wait=False) == ""
    assert station.present_id_tag("ddd", 1, wait=False) == "Refused"  # one card at a time
    free.set()
    world.wait_for("StatusNotification", status="Preparing")


def test_a_clock_that_a_test_moves(world: World) -> None:
    clock = ManualClock()
    settings = {"ConnectionTimeOut": 60, "MeterValueSampleInterval": 300}
    station = world.station(clock=clock, configuration=settings, grid=Grid(noise=0))
    station.present_id_tag("ccc", 1)
    station.advance(59)
    assert station.status(1) == "Preparing"
    station.advance(1)
    assert station.status(1) == "Available"
    world.begin(station)
    station.advance(3600)
    assert station.energy(1) == 3 * int(230 * 16 * 0.99)
    for _ in range(12):
        world.wait_for("MeterValues")
    stamps = [one["meterValue"][0]["timestamp"] for one in world.sent("MeterValues")]
    assert stamps[:2] == ["2026-01-01T00:06:00.000Z", "2026-01-01T00:11:00.000Z"]


def test_the_same_seed_gives_the_same_session(world: World) -> None:
    readings = []
    for seed in (3, 3, 4):
        clock = ManualClock()
        settings = {"MeterValueSampleInterval": 60, "MeterValuesSampledData": ["Voltage"]}
        station = world.station(clock=clock, configuration=settings, seed=seed)
        world.begin(station)
        station.advance(60)
        readings.append(world.wait_for("MeterValues").payload["meterValue"][0]["sampledValue"])
        station.unplug(1)
        station.wait_until_told()  # else it is sent again after the next boot
        station.power_off()
        station.close()
        world.cp.reconnect()
    assert readings[0] == readings[1] != readings[2]


# --- for other plugins ---------------------------------------------------------------------------


def test_a_list_of_tags(world: World) -> None:
    station = world.station(configuration={"LocalPreAuthorize": True})
    listed: dict[str, Mapping[str, Any]] = {"ann": {"status": "Accepted", "parentIdTag": "group"}}
    station.authorizers.append(listed.get)
    world.begin(station, "ann")
    assert world.sent("Authorize") == []


def test_who_may_begin_is_asked(world: World) -> None:
    station = world.station()
    asked = []

    def check(connectorId: int, idTag: str, parentIdTag: str | None) -> str | None:
        asked.append((connectorId, idTag, parentIdTag))
        return None if idTag == "owner" else "reserved for another driver"

    station.may_start.append(check)
    station.starting.append(lambda number, idTag, parent: {"reservationId": 9})
    station.block(1, "reservation")
    world.wait_for("StatusNotification", status="Reserved")
    assert station.present_id_tag("other", 1) == "Refused"
    remote = {"idTag": "other", "connectorId": 1}
    assert world.status_of("RemoteStartTransaction", **remote) == "Rejected"
    assert asked[-1] == (1, "other", None)
    world.begin(station, "owner")
    (start,) = world.sent("StartTransaction")
    assert start["reservationId"] == 9
    station.unblock(1, "reservation")
    station.unplug(1)
    world.wait_for("StatusNotification", connectorId=1, status="Available")
    assert world.statuses(1)[:4] == ["Available", "Reserved", "Preparing", "Charging"]


def test_profiles_of_remote_starts_are_asked_about(world: World) -> None:
    station = world.station()
    asked = []
    station.remote_profiles.append(lambda number, profile: asked.append(profile) or "too much")
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.0}],
        },
    }
    start = {"idTag": "ccc", "connectorId": 1, "chargingProfile": profile}
    assert world.status_of("RemoteStartTransaction", **start) == "Rejected"
    assert asked == [profile]


def test_what_runs_at_boot(world: World) -> None:
    station = world.station(on=False)
    boots = threading.Semaphore(0)

    def fails() -> None:
        raise ZeroDivisionError

    def at_boot() -> None:
        world.cp.call("Heartbeat")  # it may block
        boots.release()

    station.at_boot(fails)
    station.at_boot(at_boot)
    station.power_on()
    assert boots.acquire(timeout=10)
    station.restart("Hard")
    assert boots.acquire(timeout=10)


def test_who_listens(world: World) -> None:
    station = world.station()
    seen: list[Any] = []
    station.on_status(lambda number, status: seen.append(status))
    station.on_start(lambda session: seen.append(session))
    station.on_stop(lambda session, reason: seen.append((session, reason)))
    station.on_event(lambda name, details: seen.append(name))
    world.begin(station)
    station.open_door()
    station.present_id_tag("ccc", 1)
    kinds = [type(one).__name__ if not isinstance(one, str) else one for one in seen]
    expected = ["Preparing", "Session", "Charging", "blink", "door", "Faulted", "SuspendedEVSE"]
    assert [kind for kind in kinds if kind != "blink"] == [
        *[one for one in expected if one != "blink"],
        "tuple",
        "Finishing",
    ]
    session, reason = next(one for one in seen if isinstance(one, tuple))
    assert isinstance(session, Session)
    assert (session.idTag, reason) == ("ccc", "Local")


def test_a_listener_that_fails_does_no_harm(world: World, caplog: pytest.LogCaptureFixture) -> None:
    station = world.station()

    def fails(number: int, status: str) -> None:
        raise ZeroDivisionError

    station.on_status(fails)
    world.begin(station)
    assert "on_status failed; the station goes on" in caplog.text


def test_authorize_for_another_plugin(world: World) -> None:
    station = world.station()
    told: list[Any] = []
    done = threading.Event()
    station.authorize("ccc", lambda info: (told.append(info["status"]), done.set()))
    assert done.wait(10)
    assert told == ["Accepted"]


def test_another_car(world: World) -> None:
    station = world.station(2, vehicle=Vehicle(soc=0.5))
    station.plug_in(1)
    station.plug_in(2, vehicle=Vehicle(soc=0.9, phases=1))
    assert (station.vehicle(1).soc, station.vehicle(2).soc) == (0.5, 0.9)
    assert station.vehicle(1) is not station.vehicle(2)


def test_closing_ends_it_from_everywhere(world: World) -> None:
    station = world.charging()
    closed = threading.Event()
    station.on_status(lambda number, status: (station.close(), closed.set()))
    with contextlib.suppress(RuntimeError):
        station.unplug(1)
    with pytest.raises(RuntimeError, match="closed"):
        station.plug_in(1)
    assert closed.wait(10)
    world.cp.close()
