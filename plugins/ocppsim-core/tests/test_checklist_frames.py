"""DataTransfer and frames: rows of the checklist."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ocppsim import CallError, Request

if TYPE_CHECKING:
    from conftest import World


def transfer(world: World, **payload: Any) -> dict[str, Any]:
    return world.call("DataTransfer", **payload)


def test_tc_062_data_transfer_of_an_unknown_vendor(world: World) -> None:
    world.station()
    assert transfer(world, vendorId="com.example") == {"status": "UnknownVendorId"}


def test_tc_062_data_transfer_of_a_known_vendor(world: World) -> None:
    station = world.station()

    @station.on_data_transfer("com.Example", "hello")
    def hello(request: Request) -> dict[str, str]:
        return {"status": "Accepted", "data": str(request.payload["data"]).upper()}

    answer = transfer(world, vendorId="com.example", messageId="hello", data="you")
    assert answer == {"status": "Accepted", "data": "YOU"}
    unknown = {"status": "UnknownMessageId"}
    assert transfer(world, vendorId="com.example", messageId="bye") == unknown
    assert transfer(world, vendorId="com.example") == unknown

    @station.on_data_transfer("com.example")
    def anything(request: Request) -> dict[str, str]:
        return {"status": "Rejected"}

    assert transfer(world, vendorId="com.example", messageId="bye") == {"status": "Rejected"}


def test_it_sends_a_data_transfer_itself(world: World) -> None:
    world.station()
    for status in ("Accepted", "Rejected", "UnknownMessageId", "UnknownVendorId"):
        world.csms.answer("DataTransfer", {"status": status})
        assert world.cp.call("DataTransfer", {"vendorId": "com.example"})["status"] == status


def test_unknown_actions_and_malformed_payloads(world: World) -> None:
    station = world.charging()
    with pytest.raises(CallError) as caught:
        world.csms.call("CP1", "Nonsense", {}, validate=False)
    assert caught.value.code == "NotImplemented"
    for action, payload, code in (
        ("Reset", {"type": "Later"}, "PropertyConstraintViolation"),
        ("Reset", {}, "ProtocolError"),
        ("UnlockConnector", {"connectorId": "one"}, "TypeConstraintViolation"),
        ("RemoteStopTransaction", {"transactionId": 1, "extra": 1}, "FormationViolation"),
        ("ChangeAvailability", [], "FormationViolation"),
    ):
        with pytest.raises(CallError) as caught:
            world.csms.call("CP1", action, payload, validate=False)  # type: ignore[arg-type]
        assert caught.value.code == code, (action, payload)
    assert station.status(1) == "Charging"
    assert station.online
    assert world.cp.violations
    world.cp.violations.clear()


def test_garbage_does_not_end_the_service(world: World) -> None:
    station = world.charging()
    for text in ("", "null", "[", "[7]", '[3,"nobody",{}]', '[4,"nobody","GenericError","",{}]'):
        world.csms.send_raw("CP1", text)
    world.csms.send_raw("CP1", b"\x00\xff")
    assert world.call("GetConfiguration", key=["NumberOfConnectors"])
    assert station.status(1) == "Charging"
    world.cp.violations.clear()


def test_one_call_at_a_time_and_ids_that_are_unique(world: World) -> None:
    station = world.station(3, speed=600)
    for connector in station.connectors:
        station.plug_in(connector)
        station.present_id_tag(f"tag{connector}", connector)
    world.wait_for("MeterValues", connectorId=3)
    open_call = None
    ids = set()
    for frame in world.cp.trace:
        if frame.direction == "sent" and frame.type == "CALL":
            assert open_call is None
            open_call = frame.unique_id
            assert open_call not in ids
            assert len(json.loads(frame.text)[1]) <= 36
            ids.add(open_call)
        elif frame.direction == "received" and frame.unique_id == open_call:
            open_call = None
    assert len(ids) > 10


def test_it_asks_for_ocpp_1_6(world: World) -> None:
    world.station()
    assert world.cp.handshake.subprotocol == "ocpp1.6"
