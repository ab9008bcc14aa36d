"""The record of requests, and waiting for them."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ocppsim.csms import CentralSystem, ReceivedRequest, Violation
from ocppsim.errors import ConnectionLost, WaitTimeout

BOOT = {"chargePointVendor": "v", "chargePointModel": "m"}


def test_what_is_kept_of_a_request(csms: Any, cp: Any) -> None:
    cp.send([2, "u1", "Authorize", {"idTag": "A"}])
    answer = cp.recv()[2]
    request = csms.received()[0]
    assert isinstance(request, ReceivedRequest)
    assert (request.name, request.action, request.payload) == ("CP1", "Authorize", {"idTag": "A"})
    assert (request.unique_id, request.faults, request.answer) == ("u1", (), answer)
    assert request.time.tzinfo is UTC
    assert datetime.now(UTC) - request.time < timedelta(seconds=30)


def test_the_record_is_there_when_the_answer_is(csms: Any, cp: Any) -> None:
    for i in range(100):
        cp.ask("Heartbeat")
        assert len(csms.received("Heartbeat")) == i + 1
        assert csms.received("Heartbeat")[-1].answer


def test_received_by_action_and_name(csms: Any, client: Any) -> None:
    one, two = client(csms, "CP1"), client(csms, "CP2")
    one.ask("Heartbeat")
    two.ask("Heartbeat")
    one.ask("BootNotification", BOOT)
    got = [(request.name, request.action) for request in csms.received()]
    assert got == [("CP1", "Heartbeat"), ("CP2", "Heartbeat"), ("CP1", "BootNotification")]
    assert len(csms.received("Heartbeat")) == 2
    assert len(csms.received(name="CP1")) == 2
    assert len(csms.received("Heartbeat", "CP2")) == 1
    assert csms.received("Reset") == []


def test_the_record_is_bounded(client: Any) -> None:
    with CentralSystem(record=3) as csms:
        cp = client(csms)
        for i in range(5):
            cp.ask("Authorize", {"idTag": f"{i}"})
            cp.ask("Nonsense", {"i": i})
        cp.ask("Authorize", {"idTag": "last"})
        assert [r.action for r in csms.received()] == ["Authorize", "Nonsense", "Authorize"]
        assert len(csms.violations) == 3
        assert csms.wait_for("Authorize").payload == {"idTag": "4"}
    with pytest.raises(ValueError, match="record=0"):
        CentralSystem(record=0)


def test_a_violation_is_name_fault_and_text(csms: Any, cp: Any) -> None:
    cp.send("oops")
    cp.ask("Heartbeat")
    name, fault, text = csms.violations[0]
    assert isinstance(csms.violations[0], Violation)
    assert (name, fault.rule, text) == ("CP1", "JSON", "oops")
    csms.violations.clear()
    assert len(csms.violations) == 1


def test_wait_for_what_comes(csms: Any, cp: Any, background: Any) -> None:
    wait = background(csms.wait_for, "BootNotification")
    cp.ask("Heartbeat")
    cp.ask("BootNotification", BOOT)
    assert wait.result().payload == BOOT
    assert wait.result().answer["status"] == "Accepted"


def test_wait_for_gives_each_request_once_in_order(csms: Any, cp: Any) -> None:
    for tag in "abc":
        cp.ask("Authorize", {"idTag": tag})
    cp.ask("Heartbeat")
    assert [csms.wait_for("Authorize").payload["idTag"] for _ in range(3)] == ["a", "b", "c"]
    assert csms.wait_for("Heartbeat").action == "Heartbeat"
    with pytest.raises(WaitTimeout):
        csms.wait_for("Authorize", timeout=0)


def test_wait_for_by_name_and_where(csms: Any, client: Any) -> None:
    one, two = client(csms, "CP1"), client(csms, "CP2")
    for cp in (one, two):
        for tag in "ab":
            cp.ask("Authorize", {"idTag": tag})
    got = csms.wait_for("Authorize", name="CP2", where=lambda r: r.payload["idTag"] == "b")
    assert (got.name, got.payload) == ("CP2", {"idTag": "b"})
    rest = [(r.name, r.payload["idTag"]) for r in (csms.wait_for("Authorize") for _ in range(3))]
    assert rest == [("CP1", "a"), ("CP1", "b"), ("CP2", "a")]


def test_one_request_goes_to_one_of_two_waits(csms: Any, cp: Any, background: Any) -> None:
    waits = [background(csms.wait_for, "Authorize") for _ in range(2)]
    for tag in "ab":
        cp.ask("Authorize", {"idTag": tag})
    assert {wait.result().payload["idTag"] for wait in waits} == {"a", "b"}


def test_wait_for_gives_invalid_requests_too(csms: Any, cp: Any) -> None:
    cp.ask("Authorize", {"id": "A"})
    request = csms.wait_for("Authorize")
    assert request.faults[0].code == "FormationViolation"


def test_where_may_look_at_the_record(csms: Any, cp: Any) -> None:
    cp.ask("Heartbeat")
    assert csms.wait_for("Heartbeat", where=lambda r: r in csms.received("Heartbeat"))


def test_what_where_raises_comes_out(csms: Any, cp: Any) -> None:
    cp.ask("Heartbeat")
    with pytest.raises(KeyError):
        csms.wait_for("Heartbeat", where=lambda r: r.payload["x"])


def test_the_timeout_says_what_came_instead(csms: Any, cp: Any) -> None:
    cp.ask("Heartbeat")
    with pytest.raises(WaitTimeout) as caught:
        csms.wait_for("StartTransaction", timeout=0)
    text = str(caught.value)
    assert text == "no StartTransaction within 0 s; instead came: nothing; connected: CP1"


def test_the_timeout_counts_what_came(csms: Any, cp: Any, background: Any) -> None:
    asked = threading.Event()

    def refuse(request: ReceivedRequest) -> bool:
        asked.set()
        return False

    cp.ask("Authorize", {"idTag": "before"})
    wait = background(csms.wait_for, "Authorize", "CP1", 1, refuse)
    assert asked.wait(10)
    cp.ask("Authorize", {"idTag": "A"})
    for _ in range(3):
        cp.ask("Heartbeat")
    with pytest.raises(WaitTimeout) as caught:
        wait.result()
    assert str(caught.value) == (
        "no Authorize from CP1 within 1 s; instead came:"
        " 1 CP1 Authorize (refused by where), 3 CP1 Heartbeat; connected: CP1"
    )


def test_a_wait_ends_in_a_flood(csms: Any, cp: Any, background: Any) -> None:
    wait = background(csms.wait_for, "Authorize", timeout=0.2)
    while wait.is_alive():
        cp.ask("Heartbeat")
    with pytest.raises(WaitTimeout, match="CP1 Heartbeat"):
        wait.result()


def test_stop_ends_every_wait(csms: Any, client: Any, background: Any) -> None:
    waits = [
        background(csms.wait_for, "Heartbeat", timeout=60),
        background(csms.wait_for_connection, "CP9", timeout=60),
    ]
    csms.stop()
    for wait in waits:
        with pytest.raises(ConnectionLost, match="not running"):
            wait.result()


def test_what_came_before_stop_is_still_there(csms: Any, cp: Any) -> None:
    cp.ask("Heartbeat")
    csms.stop()
    assert len(csms.received()) == 1
    assert csms.wait_for("Heartbeat").action == "Heartbeat"
