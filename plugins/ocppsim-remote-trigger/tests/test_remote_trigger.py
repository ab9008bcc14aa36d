"""The plugin against the embedded CSMS, with no other plugin beside it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import ocppsim_remote_trigger
import pytest

from ocppsim import CallError, ChargePoint, Plugins, connect, hookimpl
from ocppsim.csms import CentralSystem

BOOT = {"chargePointVendor": "vendor", "chargePointModel": "model"}


def status(connectorId: int, value: str = "Available") -> dict[str, object]:
    return {"connectorId": connectorId, "errorCode": "NoError", "status": value}


@pytest.fixture
def csms() -> Iterator[CentralSystem]:
    with CentralSystem() as csms:
        yield csms


@pytest.fixture
def cp(csms: CentralSystem) -> Iterator[ChargePoint]:
    plugins = Plugins()
    plugins.register(ocppsim_remote_trigger)
    with connect(f"{csms.url}/CP1", plugins=plugins) as cp:
        yield cp


def trigger(csms: CentralSystem, message: str, connectorId: int | None = None, **how: str) -> str:
    payload: dict[str, object] = {"requestedMessage": message}
    if connectorId is not None:
        payload["connectorId"] = connectorId
    answer = csms.call("CP1", how.get("action", "TriggerMessage"), payload)
    return str(answer["status"])


def test_a_message_comes_again_with_its_last_payload(cp: ChargePoint, csms: CentralSystem) -> None:
    cp.call("BootNotification", BOOT)
    last = {**BOOT, "firmwareVersion": "2"}
    cp.call("BootNotification", last)
    before = cp.trace.last_number
    assert trigger(csms, "BootNotification") == "Accepted"
    again = cp.wait_for_frame("BootNotification", direction="sent", after=before)
    assert again.payload == last


def test_the_message_leaves_after_the_answer(cp: ChargePoint, csms: CentralSystem) -> None:
    trigger(csms, "Heartbeat")
    beat = cp.wait_for_frame("Heartbeat", direction="sent", after=0)
    (answer,) = cp.frames("TriggerMessage", direction="sent")
    assert answer.number < beat.number


def test_a_heartbeat_needs_no_earlier_one(cp: ChargePoint, csms: CentralSystem) -> None:
    assert trigger(csms, "Heartbeat") == "Accepted"
    cp.wait_for_frame("Heartbeat", type="CALLRESULT", after=0)


def test_what_was_never_sent_is_rejected(cp: ChargePoint, csms: CentralSystem) -> None:
    assert trigger(csms, "BootNotification") == "Rejected"
    assert not cp.frames("BootNotification")


def test_a_connector_is_honoured(cp: ChargePoint, csms: CentralSystem) -> None:
    for connector in (0, 1, 2):
        cp.call("StatusNotification", status(connector))
    cp.call("StatusNotification", status(1, "Preparing"))
    before = cp.trace.last_number
    assert trigger(csms, "StatusNotification", 1) == "Accepted"
    again = cp.wait_for_frame("StatusNotification", direction="sent", after=before)
    assert again.payload == status(1, "Preparing")


def test_a_connector_that_sent_nothing_is_rejected(cp: ChargePoint, csms: CentralSystem) -> None:
    cp.call("StatusNotification", status(1))
    assert trigger(csms, "StatusNotification", 2) == "Rejected"


def test_without_a_connector_all_of_them_come_in_order(
    cp: ChargePoint, csms: CentralSystem
) -> None:
    for connector in (2, 0, 1):
        cp.call("StatusNotification", status(connector))
    before = cp.trace.last_number
    assert trigger(csms, "StatusNotification") == "Accepted"
    cp.wait_for_frame(
        "StatusNotification", direction="sent", after=before, where=lambda f: f.payload == status(2)
    )
    sent = cp.frames("StatusNotification", direction="sent", where=lambda f: f.number > before)
    assert [frame.payload["connectorId"] for frame in sent] == [0, 1, 2]


def test_a_connector_that_means_nothing_to_the_message_is_ignored(
    cp: ChargePoint, csms: CentralSystem
) -> None:
    cp.call("BootNotification", BOOT)
    assert trigger(csms, "BootNotification", 7) == "Accepted"
    cp.wait_for_frame("BootNotification", type="CALL", after=2)


def test_the_extended_message_has_names_of_its_own(cp: ChargePoint, csms: CentralSystem) -> None:
    cp.call("SignedFirmwareStatusNotification", {"status": "Idle"})
    before = cp.trace.last_number
    answer = trigger(csms, "FirmwareStatusNotification", action="ExtendedTriggerMessage")
    assert answer == "Accepted"
    cp.wait_for_frame("SignedFirmwareStatusNotification", direction="sent", after=before)


def test_other_plugins_and_the_script_come_first(csms: CentralSystem) -> None:
    class Boots:
        @hookimpl
        def ocppsim_trigger(self, requestedMessage: str) -> dict[str, str] | None:
            return {"status": "NotImplemented"} if requestedMessage == "BootNotification" else None

    plugins = Plugins()
    plugins.register(Boots())
    # the last one registered is asked first, but for trylast
    plugins.register(ocppsim_remote_trigger)
    with connect(f"{csms.url}/CP1", plugins=plugins) as cp:
        assert trigger(csms, "BootNotification") == "NotImplemented"
        assert trigger(csms, "Heartbeat") == "Accepted"
        cp.on("TriggerMessage", "Heartbeat", {"status": "Rejected"})
        assert trigger(csms, "Heartbeat") == "Rejected"
        cp.wait_for_frame("Heartbeat", type="CALLRESULT", after=0)


def test_what_is_sent_again_is_what_was_sent(cp: ChargePoint, csms: CentralSystem) -> None:
    payload = status(1)
    cp.call("StatusNotification", payload)
    payload["status"] = "Charging"
    before = cp.trace.last_number
    assert trigger(csms, "StatusNotification", 1) == "Accepted"
    again = cp.wait_for_frame("StatusNotification", direction="sent", after=before)
    assert again.payload == status(1)


def test_all_are_sent_where_the_csms_refuses_them(cp: ChargePoint, csms: CentralSystem) -> None:
    for connector in (0, 1):
        cp.call("StatusNotification", status(connector))
    csms.answer("StatusNotification", CallError("GenericError"))
    before = cp.trace.last_number
    assert trigger(csms, "StatusNotification") == "Accepted"
    cp.wait_for_frame(
        "StatusNotification", direction="sent", after=before, where=lambda f: f.payload == status(1)
    )
    cp.wait_for_handlers()
    assert cp.handler_failures == []


@pytest.mark.parametrize("wrong", ["one", [1], None])
def test_a_connector_that_is_wrong_on_purpose(
    cp: ChargePoint, csms: CentralSystem, wrong: object
) -> None:
    cp.call("StatusNotification", status(1))
    with contextlib.suppress(CallError):
        cp.call("StatusNotification", {**status(1), "connectorId": wrong}, validate=False)
    before = cp.trace.last_number
    assert trigger(csms, "StatusNotification") == "Accepted"
    cp.wait_for_handlers()
    sent = cp.frames("StatusNotification", type="CALL", where=lambda f: f.number > before)
    assert [frame.payload["connectorId"] for frame in sent] == [1, wrong]
