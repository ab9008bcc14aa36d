"""What the central system answers, by itself and as a script says."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ocppsim import schema
from ocppsim.csms import CentralSystem
from ocppsim.csms.answers import Answers
from ocppsim.errors import CallError
from ocppsim.v16.actions import PROTOCOL

START = {
    "connectorId": 1,
    "idTag": "A",
    "meterStart": 0,
    "timestamp": "2026-01-31T12:00:00Z",
}
STOP = {"transactionId": 1, "meterStop": 5, "timestamp": "2026-01-31T12:00:00Z"}


@pytest.mark.parametrize("action", sorted(PROTOCOL.from_charge_point))
def test_every_action_has_a_default_that_obeys_its_schema(action: str) -> None:
    answer = Answers(300).to(action, {"idTag": "A"})
    assert isinstance(answer, dict)
    assert schema.check(PROTOCOL.actions[action].response, answer) == []


def test_boot_is_accepted_now_with_the_interval(client: Any) -> None:
    with CentralSystem(interval=77) as csms:
        boot = {"chargePointVendor": "v", "chargePointModel": "m"}
        kind, _, answer = client(csms).ask("BootNotification", boot)
    assert (kind, answer["status"], answer["interval"]) == (3, "Accepted", 77)
    assert abs(datetime.fromisoformat(answer["currentTime"]) - datetime.now(UTC)) < timedelta(
        seconds=30
    )


def test_heartbeat_tells_the_time(cp: Any) -> None:
    answer = cp.ask("Heartbeat")[2]
    assert answer["currentTime"].endswith("Z")
    assert datetime.now(UTC) - datetime.fromisoformat(answer["currentTime"]) < timedelta(seconds=30)


def test_transaction_ids_count_up_from_1_for_all_charge_points(csms: Any, client: Any) -> None:
    one, two = client(csms, "CP1"), client(csms, "CP2")
    answers = [each.ask("StartTransaction", START)[2] for each in (one, two, one)]
    assert [answer["transactionId"] for answer in answers] == [1, 2, 3]
    assert answers[0]["idTagInfo"] == {"status": "Accepted"}


def test_stop_transaction_speaks_of_the_tag_only_when_there_is_one(cp: Any) -> None:
    assert cp.ask("StopTransaction", STOP)[2] == {}
    assert cp.ask("StopTransaction", {**STOP, "idTag": "A"})[2] == {
        "idTagInfo": {"status": "Accepted"}
    }


def test_data_transfer_knows_no_vendor(cp: Any) -> None:
    assert cp.ask("DataTransfer", {"vendorId": "x"})[2] == {"status": "UnknownVendorId"}


def test_the_security_extension(cp: Any) -> None:
    assert cp.ask("SignCertificate", {"csr": "x"})[2] == {"status": "Accepted"}
    event = {"type": "StartupOfTheDevice", "timestamp": "2026-01-31T12:00:00Z"}
    assert cp.ask("SecurityEventNotification", event)[2] == {}
    assert cp.ask("LogStatusNotification", {"status": "Idle"})[2] == {}
    assert cp.ask("SignedFirmwareStatusNotification", {"status": "Idle"})[2] == {}


def test_a_payload_of_the_script(csms: Any, cp: Any) -> None:
    csms.answer("Authorize", {"idTagInfo": {"status": "Blocked"}})
    assert cp.ask("Authorize", {"idTag": "A"})[2] == {"idTagInfo": {"status": "Blocked"}}
    csms.answer("Authorize", None)
    assert cp.ask("Authorize", {"idTag": "A"})[2] == {"idTagInfo": {"status": "Accepted"}}


def test_a_function_gets_name_and_payload_outside_the_loop(csms: Any, cp: Any) -> None:
    got: list[Any] = []

    def authorize(name: str, payload: Any) -> Any:
        got.append((name, payload, threading.current_thread().name))
        return {"idTagInfo": {"status": "Expired"}}

    csms.answer("Authorize", authorize)
    assert cp.ask("Authorize", {"idTag": "A"})[2]["idTagInfo"]["status"] == "Expired"
    assert got[0][:2] == ("CP1", {"idTag": "A"})
    assert got[0][2] == "ocppsim-csms CP1 Authorize"
    assert csms.received("Authorize")[0].answer == {"idTagInfo": {"status": "Expired"}}


def test_a_function_may_call_its_charge_point_before_it_answers(csms: Any, cp: Any) -> None:
    def boot(name: str, payload: Any) -> Any:
        assert csms.call(name, "GetConfiguration") == {"unknownKey": []}
        return {"status": "Pending", "currentTime": "2026-01-31T12:00:00Z", "interval": 0}

    csms.answer("BootNotification", boot)
    cp.send([2, "b", "BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"}])
    _, unique_id, action, _ = cp.recv()
    assert action == "GetConfiguration"
    cp.send([3, unique_id, {"unknownKey": []}])
    assert cp.recv()[2]["status"] == "Pending"


def test_a_function_that_raises_call_error(csms: Any, cp: Any) -> None:
    def refuse(name: str, payload: Any) -> Any:
        raise CallError("SecurityError", "not you", {"a": 1})

    csms.answer("Heartbeat", refuse)
    answer = cp.ask("Heartbeat")
    assert [answer[0], *answer[2:]] == [4, "SecurityError", "not you", {"a": 1}]
    request = csms.received("Heartbeat")[0]
    assert isinstance(request.answer, CallError)
    assert request.answer.code == "SecurityError"


def test_a_call_error_as_the_answer(csms: Any, cp: Any) -> None:
    csms.answer("Heartbeat", CallError("GenericError"))
    answer = cp.ask("Heartbeat")
    assert [answer[0], *answer[2:]] == [4, "GenericError", "", {}]


def test_a_function_that_answers_nothing(csms: Any, cp: Any) -> None:
    csms.answer("Heartbeat", lambda name, payload: None)
    cp.send([2, "h", "Heartbeat", {}])
    assert cp.ask("Authorize", {"idTag": "A"})[0] == 3
    assert csms.received("Heartbeat")[0].answer is None


@pytest.mark.parametrize(
    "answer",
    [
        lambda name, payload: 1 / 0,
        lambda name, payload: 7,
        lambda name, payload: {"x": object()},
        lambda name, payload: {"x": float("nan")},
        lambda name, payload: CallError("GenericError", details={"x": object()}),
        lambda: {},
        {"currentTime": {1, 2}},
    ],
)
def test_a_fault_of_the_script_is_an_internal_error(
    csms: Any, cp: Any, caplog: pytest.LogCaptureFixture, answer: Any
) -> None:
    csms.answer("Heartbeat", answer)
    assert cp.ask("Heartbeat")[2] == "InternalError"
    assert [r for r in caplog.records if r.levelno == logging.ERROR]
    csms.answer("Heartbeat", None)
    assert cp.ask("Heartbeat")[0] == 3


def test_requests_of_one_charge_point_are_answered_in_order(csms: Any, cp: Any) -> None:
    go = threading.Event()

    def slow(name: str, payload: Any) -> Any:
        assert go.wait(10)
        return {"currentTime": "2026-01-31T12:00:00Z"}

    csms.answer("Heartbeat", slow)
    cp.send([2, "1", "Heartbeat", {}])
    cp.send([2, "2", "Authorize", {"idTag": "A"}])
    cp.send([2, "3", "Nonsense", {}])
    cp.send([2, "4"])
    # it is seen at once, before its answer is there
    assert csms.wait_for("Heartbeat").answer is None
    csms.wait_for("Nonsense")
    go.set()
    assert [cp.recv()[1] for _ in range(4)] == ["1", "2", "3", "4"]


def test_a_slow_function_holds_up_no_other_charge_point(csms: Any, client: Any) -> None:
    everybody = threading.Barrier(21)

    def slow(name: str, payload: Any) -> Any:
        everybody.wait(10)
        return {"currentTime": "2026-01-31T12:00:00Z"}

    csms.answer("Heartbeat", slow)
    clients = [client(csms, f"CP{i}") for i in range(20)]
    for each in clients:
        each.send([2, "h", "Heartbeat", {}])
    assert client(csms, "other").ask("Authorize", {"idTag": "A"})[0] == 3
    everybody.wait(10)
    assert all(each.recv()[0] == 3 for each in clients)


def test_an_action_that_does_not_exist_is_told_and_done(
    csms: Any, cp: Any, caplog: pytest.LogCaptureFixture
) -> None:
    csms.answer("Autorize", {"a": 1})
    assert "no Autorize" in caplog.text
    assert "did you mean Authorize?" in caplog.text
    assert cp.ask("Autorize")[2] == {"a": 1}
    assert csms.violations[0].fault.code == "NotImplemented"


def test_an_answer_against_its_schema_is_told_and_sent(
    csms: Any, cp: Any, caplog: pytest.LogCaptureFixture
) -> None:
    csms.answer("Authorize", {"idTagInfo": {"status": "Bloked"}})
    assert "against OCPP 1.6" in caplog.text
    assert cp.ask("Authorize", {"idTag": "A"})[2] == {"idTagInfo": {"status": "Bloked"}}


def test_an_answer_that_is_none(csms: Any) -> None:
    with pytest.raises(TypeError, match="the answer to Heartbeat is 5, not a payload"):
        csms.answer("Heartbeat", 5)


def test_an_invalid_request_does_not_reach_the_script(csms: Any, cp: Any) -> None:
    csms.answer("Authorize", lambda name, payload: {"idTagInfo": {"status": payload["idTag"]}})
    assert cp.ask("Authorize", {})[2] == "ProtocolError"
