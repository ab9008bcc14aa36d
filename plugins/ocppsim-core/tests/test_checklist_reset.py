"""Resets: rows of the checklist, by their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ocppsim import ConnectionLost

if TYPE_CHECKING:
    from conftest import World


def reset(world: World, kind: str) -> None:
    world.wait_for("BootNotification")
    assert world.status_of("Reset", type=kind) == "Accepted"
    world.wait_for("BootNotification")


@pytest.mark.parametrize("kind", ["Hard", "Soft"])
def test_tc_013_tc_014_reset_while_idle(world: World, kind: str) -> None:
    station = world.station(2)
    reset(world, kind)
    world.statuses_of_boot(2)
    assert station.online
    assert world.sent("StopTransaction") == []
    assert world.status_of("Reset", type=kind) == "Accepted"  # once more
    world.wait_for("BootNotification")
    world.statuses_of_boot(2)


def test_tc_015_hard_reset_in_a_session(world: World) -> None:
    station = world.station()
    number = world.begin(station)
    reset(world, "Hard")
    stop = world.wait_for("StopTransaction").payload
    assert (stop["transactionId"], stop["reason"]) == (number, "HardReset")
    world.wait_for("StatusNotification", connectorId=1, status="Finishing")
    actions = [r.action for r in world.csms.received(None, "CP1")]
    assert actions.index("StopTransaction") > len(actions) - 1 - actions[::-1].index(
        "BootNotification"
    )
    assert station.session(1) is None


def test_tc_016_soft_reset_in_a_session(world: World) -> None:
    station = world.station()
    number = world.begin(station)
    reset(world, "Soft")
    stop = world.wait_for("StopTransaction").payload
    assert (stop["transactionId"], stop["reason"]) == (number, "SoftReset")
    order = world.order("BootNotification", "StopTransaction")
    assert order == ["BootNotification", "StopTransaction", "BootNotification"]
    world.statuses_of_boot()
    station.unplug(1)
    world.wait_for("StatusNotification", connectorId=1, status="Available")


def test_a_second_reset_is_rejected_while_one_is_under_way(world: World) -> None:
    station = world.charging()
    world.csms.answer("StopTransaction", lambda name, payload: None)  # it waits for the answer
    assert world.status_of("Reset", type="Soft") == "Accepted"
    world.wait_for("StopTransaction")
    assert world.status_of("Reset", type="Hard") == "Rejected"
    world.cp.close()
    with pytest.raises(ConnectionLost, match="closed"):
        station.plug_in(2)


def test_a_reset_that_fails_is_tried_again(world: World) -> None:
    station = world.station(configuration={"ResetRetries": 2})
    station.fail_resets(2)
    reset(world, "Hard")
    world.statuses_of_boot()


def test_a_reset_that_fails_too_often_is_told(world: World) -> None:
    station = world.station(configuration={"ResetRetries": 1})
    station.fail_resets(2)
    assert world.status_of("Reset", type="Hard") == "Accepted"
    world.wait_for("StatusNotification", connectorId=0, errorCode="ResetFailure")
    assert len(world.sent("BootNotification")) == 1
    assert world.status_of("Reset", type="Hard") == "Accepted"
    world.wait_for("BootNotification")
    world.wait_for("BootNotification")
