"""What a charge point says to a CSMS and makes of what it hears: over a real socket, frame by
frame."""

import json
import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from scripted_csms import HEARTBEAT, PATIENCE, Peer, ScriptedCsms

from ocppsim import (
    CallError,
    CallTimeout,
    ChargePoint,
    InvalidPayload,
    OcppsimError,
    Request,
    TracedFrame,
    connect,
)

BOOT = {"chargePointVendor": "vendor", "chargePointModel": "1"}
BOOTED = {**HEARTBEAT, "interval": 300, "status": "Accepted"}


def assert_works(cp: ChargePoint, peer: Peer) -> None:
    """Both sides can call, and all that came before has been handled."""
    future = cp.submit("Heartbeat")
    peer.answer(HEARTBEAT, "Heartbeat")
    assert future.result(PATIENCE) == HEARTBEAT
    assert peer.ask("ClearCache")[2] == "NotSupported"


def rules(cp: ChargePoint) -> list[tuple[str, str]]:
    return [(violation.rule, violation.path) for violation in cp.violations]


@pytest.fixture
def lax(server: ScriptedCsms) -> Iterator[ChargePoint]:
    """CP1 with ``strict=False``."""
    with connect(server.url, strict=False) as cp:
        yield cp


# --- calls and their answers ---------------------------------------------------------------------


def test_a_call_stands_on_the_wire_as_ocpp_j_has_it(cp: ChargePoint, peer: Peer) -> None:
    future = cp.submit("BootNotification", BOOT)
    kind, unique_id, action, payload = peer.next()
    assert (kind, action, payload) == (2, "BootNotification", BOOT)
    assert len(unique_id) == 36
    peer.send([3, unique_id, BOOTED])
    assert future.result(PATIENCE) == BOOTED


def test_each_call_has_an_id_of_its_own(cp: ChargePoint, peer: Peer) -> None:
    ids = set()
    for _ in range(20):
        cp.submit("Heartbeat")
        ids.add(peer.answer(HEARTBEAT, "Heartbeat")[1])
    assert len(ids) == 20


def test_a_call_may_choose_its_id(cp: ChargePoint, peer: Peer) -> None:
    future = cp.submit("Heartbeat", unique_id="mine")
    assert peer.answer(HEARTBEAT, "Heartbeat")[1] == "mine"
    assert future.result(PATIENCE).unique_id == "mine"


def test_a_result_knows_its_action_and_latency(cp: ChargePoint, peer: Peer) -> None:
    future = cp.submit("Heartbeat")
    peer.answer(HEARTBEAT, "Heartbeat")
    result = future.result(PATIENCE)
    assert result.action == "Heartbeat"
    assert 0 < result.latency < PATIENCE
    assert cp.trace[-1].latency == result.latency


def test_a_result_with_null_is_an_empty_payload(cp: ChargePoint, peer: Peer) -> None:
    future = cp.submit(
        "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
    )
    peer.answer(None, "StatusNotification")
    assert future.result(PATIENCE) == {}
    assert cp.violations == []


def test_text_beyond_ascii_goes_both_ways(cp: ChargePoint, peer: Peer) -> None:
    future = cp.submit("DataTransfer", {"vendorId": "€", "data": "𝄞\x00\ud800"})
    sent = peer.answer({"status": "Accepted", "data": "ä 𝄞 \ud800"}, "DataTransfer")
    assert sent[3] == {"vendorId": "€", "data": "𝄞\x00\ud800"}
    assert future.result(PATIENCE) == {"status": "Accepted", "data": "ä 𝄞 \ud800"}


def test_one_call_is_outstanding_at_a_time_first_come_first_served(
    cp: ChargePoint, peer: Peer
) -> None:
    ids = [str(number) for number in range(10)]
    futures = [cp.submit("Heartbeat", unique_id=unique_id) for unique_id in ids]
    for unique_id in ids:
        call = peer.next_call("Heartbeat")
        assert call[1] == unique_id
        # whatever left the charge point before this answer would come first
        assert peer.ask("ClearCache")[2] == "NotSupported"
        peer.send([3, unique_id, HEARTBEAT])
    assert [future.result(PATIENCE).unique_id for future in futures] == ids


def test_a_concurrent_call_does_not_wait(cp: ChargePoint, peer: Peer) -> None:
    first = cp.submit("Heartbeat")
    second = cp.submit("Heartbeat", concurrent=True)
    one, two = peer.next_call("Heartbeat"), peer.next_call("Heartbeat")
    peer.send([3, two[1], HEARTBEAT])
    assert second.result(PATIENCE) == HEARTBEAT
    assert not first.done()
    peer.send([3, one[1], HEARTBEAT])
    assert first.result(PATIENCE) == HEARTBEAT


def test_a_call_that_times_out_says_so(cp: ChargePoint, peer: Peer) -> None:
    with pytest.raises(CallTimeout, match=r"Heartbeat: no answer within 0\.05 s"):
        cp.call("Heartbeat", timeout=0.05)


def test_a_late_reply_is_dropped_with_a_note(
    cp: ChargePoint, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ocppsim.cp")
    with pytest.raises(CallTimeout):
        cp.call("Heartbeat", timeout=0.01)
    peer.answer(HEARTBEAT, "Heartbeat")
    assert_works(cp, peer)
    assert "late answer" in caplog.text
    assert cp.violations == []


@pytest.mark.parametrize("timeout", [-1, float("nan")])
def test_a_timeout_that_makes_no_sense_is_refused(
    cp: ChargePoint, peer: Peer, timeout: float
) -> None:
    with pytest.raises(ValueError, match="number of seconds"):
        cp.call("Heartbeat", timeout=timeout)
    assert_works(cp, peer)


def test_a_call_may_wait_for_ever(cp: ChargePoint, peer: Peer) -> None:
    future = cp.submit("Heartbeat", timeout=float("inf"))
    peer.answer(HEARTBEAT, "Heartbeat")
    assert future.result(PATIENCE) == HEARTBEAT
    with pytest.raises(CallTimeout):
        cp.call("Heartbeat", timeout=0)


# --- invalid payloads, sent ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "payload", "path", "rule"),
    [
        ("BootNotification", {"chargePointVendor": "v"}, "$", "required chargePointModel"),
        (
            "BootNotification",
            {**BOOT, "chargePointModel": "x" * 21},
            "$.chargePointModel",
            "maxLength 20",
        ),
        ("BootNotification", {**BOOT, "model": 1}, "$.model", "additionalProperties"),
        ("BootNotification", {**BOOT, "iccid": 5}, "$.iccid", "type string"),
        ("BootNotification", [], "$", "type object"),
        ("Heartbeat", {"now": True}, "$.now", "additionalProperties"),
        ("MeterValues", {"connectorId": 1, "meterValue": []}, "$.meterValue", "minItems 1"),
        ("Bootnotification", BOOT, "$[2]", "action"),
        ("Reset", {"type": "Hard"}, "$[2]", "action"),
    ],
)
def test_an_invalid_request_raises_and_nothing_leaves(
    cp: ChargePoint, peer: Peer, action: str, payload: Any, path: str, rule: str
) -> None:
    with pytest.raises(InvalidPayload) as caught:
        cp.call(action, payload)
    error = caught.value
    assert (error.action, error.kind, error.received) == (action, "request", False)
    assert (error.path, error.rule, error.payload) == (path, rule, payload)
    assert_works(cp, peer)
    assert cp.trace[0].action == "Heartbeat"


def test_the_typed_methods_raise_it_too(cp: ChargePoint) -> None:
    with pytest.raises(InvalidPayload, match="chargePointModel is missing"):
        cp.send_boot_notification(chargePointVendor="v")  # type: ignore[attr-defined]


def test_submit_raises_it_at_once(cp: ChargePoint) -> None:
    with pytest.raises(InvalidPayload):
        cp.submit("Authorize", {})


def test_a_misspelt_action_is_told_its_name(cp: ChargePoint) -> None:
    with pytest.raises(InvalidPayload, match="did you mean BootNotification"):
        cp.call("BootNotificaton", BOOT)


def test_an_action_of_the_csms_is_told_so(cp: ChargePoint) -> None:
    with pytest.raises(InvalidPayload, match="for the CSMS to send"):
        cp.call("Reset", {"type": "Hard"})


def test_an_id_of_37_characters_is_refused(cp: ChargePoint) -> None:
    with pytest.raises(InvalidPayload) as caught:
        cp.call("Heartbeat", unique_id="x" * 37)
    assert (caught.value.path, caught.value.rule) == ("$[1]", "maxLength 36")


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("BootNotification", {"chargePointVendor": 5}),
        ("BootNotification", []),
        ("Frobnicate", {"a": None}),
        ("Reset", {"type": "Hard"}),
    ],
)
def test_validate_false_sends_it_all_the_same(
    cp: ChargePoint, peer: Peer, action: str, payload: Any
) -> None:
    future = cp.submit(action, payload, validate=False, unique_id="x" * 40)
    sent = peer.next()
    assert sent == [2, "x" * 40, action, payload]
    peer.send([4, sent[1], "FormationViolation", "", {}])
    assert isinstance(future.exception(PATIENCE), CallError)


@pytest.mark.parametrize("value", [object(), float("nan"), b"bytes", {1, 2}])
def test_what_is_no_json_is_refused_even_unvalidated(
    cp: ChargePoint, peer: Peer, value: Any
) -> None:
    with pytest.raises(InvalidPayload, match="not JSON"):
        cp.call("DataTransfer", {"vendorId": "v", "data": value}, validate=False)
    assert_works(cp, peer)


def test_send_raw_sends_anything(cp: ChargePoint, peer: Peer) -> None:
    cp.send_raw('[2,"a"]')
    assert peer.next() == [2, "a"]
    cp.send_raw(b"\x00\xff")
    assert peer.next() == b"\x00\xff"
    assert_works(cp, peer)
    assert cp.violations == []


# --- invalid payloads, received in an answer -----------------------------------------------------


def test_an_invalid_response_raises(cp: ChargePoint, peer: Peer) -> None:
    future = cp.submit("BootNotification", BOOT)
    response = {**BOOTED, "status": "Perhaps"}
    peer.answer(response, "BootNotification")
    error = future.exception(PATIENCE)
    assert isinstance(error, InvalidPayload)
    assert (error.action, error.kind, error.received) == ("BootNotification", "response", True)
    assert (error.path, error.rule, error.value) == ("$.status", "enum", "Perhaps")
    assert error.payload == response
    assert str(error).startswith("BootNotification: the CSMS sent an invalid response: $.status:")


def test_an_invalid_response_is_a_violation_and_the_connection_works(
    cp: ChargePoint, peer: Peer
) -> None:
    future = cp.submit("Heartbeat")
    sent = peer.answer({"time": "now"}, "Heartbeat")
    future.exception(PATIENCE)
    assert_works(cp, peer)
    assert rules(cp) == [("additionalProperties", "$.time"), ("required currentTime", "$")]
    violation = cp.violations[0]
    assert (violation.chargePoint, violation.action) == ("CP1", "Heartbeat")
    assert json.loads(violation.frame) == [3, sent[1], {"time": "now"}]


def test_not_strict_returns_it_and_keeps_the_violation(
    lax: ChargePoint, server: ScriptedCsms, caplog: pytest.LogCaptureFixture
) -> None:
    peer = server.peer()
    future = lax.submit("Heartbeat")
    peer.answer({"currentTime": "noon"}, "Heartbeat")
    assert future.result(PATIENCE) == {"currentTime": "noon"}
    assert rules(lax) == [("format date-time", "$.currentTime")]
    assert "the CSMS broke the protocol" in caplog.text


def test_a_lenient_action_is_returned_without_a_violation(server: ScriptedCsms) -> None:
    with connect(server.url, lenient=["Heartbeat"]) as cp:
        peer = server.peer()
        future = cp.submit("Heartbeat")
        peer.answer({"currentTime": "noon"}, "Heartbeat")
        assert future.result(PATIENCE) == {"currentTime": "noon"}
        assert cp.violations == []


def test_the_answer_to_an_unknown_action_has_no_schema(cp: ChargePoint, peer: Peer) -> None:
    future = cp.submit("Frobnicate", validate=False)
    peer.answer({"any": "thing"}, "Frobnicate")
    assert future.result(PATIENCE) == {"any": "thing"}


@pytest.mark.parametrize(
    "answer",
    [
        '[3,"a"]',
        '[3,"a",[]]',
        '[3,"a",{},{}]',
        '[3,"a","Accepted"]',
        '[3,"a",{"currentTime":}]',
        '[3,"a",{"currentTime":NaN}]',
        '[3,"a",' + "[" * 100_000,
        '[3,"a",' + "[" * 980 + "]" * 980 + "]",
        '[4,"a"]',
        '[4,"a",17,"",{}]',
        '[4,"a",null,null,null]',
    ],
)
def test_a_malformed_answer_ends_the_call_at_once(cp: ChargePoint, peer: Peer, answer: str) -> None:
    future = cp.submit("Heartbeat", unique_id="a", timeout=10 * PATIENCE)
    peer.next_call("Heartbeat")
    peer.send(answer)
    error = future.exception(PATIENCE)
    assert isinstance(error, InvalidPayload)
    assert (error.action, error.kind, error.received) == ("Heartbeat", "response", True)
    assert_works(cp, peer)
    assert cp.violations


@pytest.mark.parametrize("depth", [150, 190, 210, 900, 950, 970, 980, 990, 1000, 5000])
def test_an_answer_of_any_depth_ends_the_call(cp: ChargePoint, peer: Peer, depth: int) -> None:
    future = cp.submit("DataTransfer", {"vendorId": "v"}, unique_id="a", timeout=10 * PATIENCE)
    peer.next_call("DataTransfer")
    nested = "[" * depth + "]" * depth
    peer.send('[3,"a",{"status":"Accepted","data":' + nested + "}]")
    assert isinstance(future.exception(PATIENCE), InvalidPayload)
    future = cp.submit("DataTransfer", {"vendorId": "v"}, unique_id="b", timeout=10 * PATIENCE)
    peer.next_call("DataTransfer")
    peer.send('[4,"b","GenericError","",{"data":' + nested + "}]")
    assert isinstance(future.exception(PATIENCE), OcppsimError)
    assert_works(cp, peer)


# --- CALLERROR -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        "NotImplemented",
        "NotSupported",
        "InternalError",
        "ProtocolError",
        "SecurityError",
        "FormationViolation",
        "PropertyConstraintViolation",
        "OccurenceConstraintViolation",
        "TypeConstraintViolation",
        "GenericError",
        "OccurrenceConstraintViolation",
        "FormatViolation",
        "MessageTypeNotSupported",
        "RpcFrameworkError",
    ],
)
def test_a_call_error_raises_with_its_code_as_spelt(cp: ChargePoint, peer: Peer, code: str) -> None:
    future = cp.submit("Heartbeat", unique_id="a")
    peer.next_call("Heartbeat")
    peer.send([4, "a", code, "a reason", {"b": [1]}])
    error = future.exception(PATIENCE)
    assert isinstance(error, CallError)
    assert (error.code, error.description, error.details) == (code, "a reason", {"b": [1]})
    assert (error.action, error.unique_id) == ("Heartbeat", "a")
    assert str(error) == f'Heartbeat: {code}: a reason {{"b": [1]}}'
    assert cp.violations == []


def test_an_unknown_code_raises_and_is_a_violation(cp: ChargePoint, peer: Peer) -> None:
    future = cp.submit("Heartbeat", unique_id="a")
    peer.next_call("Heartbeat")
    peer.send([4, "a", "OutOfCoffee", "", {}])
    error = future.exception(PATIENCE)
    assert isinstance(error, CallError)
    assert error.code == "OutOfCoffee"
    assert rules(cp) == [("error code", "$[2]")]


@pytest.mark.parametrize(
    ("frame", "description", "details"),
    [
        ([4, "a", "GenericError"], "", {}),
        ([4, "a", "GenericError", "why"], "why", {}),
        ([4, "a", "GenericError", None, None], "", {}),
        ([4, "a", "GenericError", 5, ["x"]], "5", {"details": ["x"]}),
    ],
)
def test_a_sloppy_call_error_raises_and_is_a_violation(
    cp: ChargePoint, peer: Peer, frame: Any, description: str, details: Any
) -> None:
    future = cp.submit("Heartbeat", unique_id="a")
    peer.next_call("Heartbeat")
    peer.send(frame)
    error = future.exception(PATIENCE)
    assert isinstance(error, CallError)
    assert (error.description, error.details) == (description, details)
    assert cp.violations


# --- answers that nobody waits for ---------------------------------------------------------------


@pytest.mark.parametrize("frame", [[3, "x", {}], [4, "x", "GenericError", "", {}], [3, "x", []]])
def test_an_answer_to_an_unknown_id_is_a_violation(cp: ChargePoint, peer: Peer, frame: Any) -> None:
    peer.send(frame)
    assert_works(cp, peer)
    assert ("answer to a call", "$[1]") in rules(cp)
    assert "no call with this id" in cp.violations[-1].message


def test_a_second_answer_is_a_violation(cp: ChargePoint, peer: Peer) -> None:
    future = cp.submit("Heartbeat")
    call = peer.next_call("Heartbeat")
    peer.send([3, call[1], HEARTBEAT])
    peer.send([3, call[1], {"currentTime": "2000-01-01T00:00:00Z"}])
    assert future.result(PATIENCE) == HEARTBEAT
    assert_works(cp, peer)
    assert rules(cp) == [("answer to a call", "$[1]")]
    assert "second answer" in cp.violations[0].message


def test_a_call_that_waits_for_its_turn_cannot_be_answered(cp: ChargePoint, peer: Peer) -> None:
    first = cp.submit("Heartbeat", unique_id="a")
    second = cp.submit("Heartbeat", unique_id="b")
    peer.send([3, "b", HEARTBEAT])
    assert peer.next_call("Heartbeat")[1] == "a"
    peer.send([3, "a", HEARTBEAT])
    assert first.result(PATIENCE) == HEARTBEAT
    assert peer.next_call("Heartbeat")[1] == "b"
    assert not second.done()
    peer.send([3, "b", HEARTBEAT])
    assert second.result(PATIENCE) == HEARTBEAT
    assert rules(cp) == [("answer to a call", "$[1]")]


# --- invalid requests ----------------------------------------------------------------------------

SCHEDULE = {"chargingRateUnit": "A", "chargingSchedulePeriod": []}
PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": SCHEDULE,
}


@pytest.mark.parametrize(
    ("action", "payload", "code", "path", "rule"),
    [
        ("Reset", {"type": "Hard", "x": 1}, "FormationViolation", "$.x", "additionalProperties"),
        ("Reset", {}, "ProtocolError", "$", "required type"),
        ("Reset", {"type": 5}, "TypeConstraintViolation", "$.type", "type string"),
        ("Reset", {"type": "Medium"}, "PropertyConstraintViolation", "$.type", "enum"),
        (
            "SetChargingProfile",
            {"connectorId": 1, "csChargingProfiles": PROFILE},
            "OccurenceConstraintViolation",
            "$.csChargingProfiles.chargingSchedule.chargingSchedulePeriod",
            "minItems 1",
        ),
    ],
)
def test_an_invalid_request_is_answered_with_its_code_and_no_handler_sees_it(
    cp: ChargePoint, peer: Peer, action: str, payload: Any, code: str, path: str, rule: str
) -> None:
    seen: list[Any] = []
    cp.on(action, seen.append)
    answer = peer.ask(action, payload)
    assert (answer[0], answer[2]) == (4, code)
    assert answer[3].startswith(f"{path}: ")
    assert answer[4]["faults"][0]["path"] == path
    assert answer[4]["faults"][0]["rule"] == rule
    assert_works(cp, peer)
    assert seen == []
    assert (rule, path) in rules(cp)
    assert cp.violations[0].action == action


@pytest.mark.parametrize(
    "frame",
    [
        '[2,"a","Reset"]',
        '[2,"a","Reset",{},{}]',
        '[2,"a","Reset",[]]',
        '[2,"a",5,{}]',
        '[2,"a"]',
        '[2,"a","Reset",{"type":}]',
        '[2,"a","Reset",' + "[" * 100_000,
    ],
)
def test_a_malformed_request_is_answered_and_no_handler_sees_it(
    cp: ChargePoint, peer: Peer, frame: str
) -> None:
    seen: list[Any] = []
    cp.on("Reset", seen.append)
    peer.send(frame)
    answer = peer.next()
    assert answer[:3] == [4, "a", "FormationViolation"]
    assert len(answer) == 5
    assert len(answer[3]) <= 255
    assert_works(cp, peer)
    assert seen == []
    assert cp.violations[0].frame == frame[:10_000]


@pytest.mark.parametrize("depth", [150, 190, 210, 900, 950, 970, 980, 990, 1000, 5000])
def test_a_request_of_any_depth_is_answered(cp: ChargePoint, peer: Peer, depth: int) -> None:
    nested = "[" * depth + "]" * depth
    for action in ("GetConfiguration", "Frobnicate"):
        peer.send(f'[2,"a","{action}",{{"key":{nested}}}]')
        answer = peer.next()
        assert answer[:2] == [4, "a"]
        assert answer[2] != "InternalError"
    assert_works(cp, peer)


def test_an_unknown_action_is_not_implemented(cp: ChargePoint, peer: Peer) -> None:
    assert peer.ask("Frobnicate", {"a": 1})[2] == "NotImplemented"
    assert rules(cp) == [("action", "$[2]")]


def test_an_action_without_a_handler_is_not_supported_which_is_no_violation(
    cp: ChargePoint, peer: Peer
) -> None:
    assert peer.ask("Reset", {"type": "Hard"})[2] == "NotSupported"
    assert cp.violations == []


def test_an_action_of_the_charge_point_is_a_violation(cp: ChargePoint, peer: Peer) -> None:
    assert peer.ask("Heartbeat")[2] == "NotSupported"
    assert rules(cp) == [("action", "$[2]")]
    assert "for the charge point to send" in cp.violations[0].message


def test_a_handler_may_serve_an_action_that_ocpp_does_not_have(cp: ChargePoint, peer: Peer) -> None:
    cp.on("Frobnicate", lambda request: {"got": request.payload})
    assert peer.ask("Frobnicate", {"a": 1})[2] == {"got": {"a": 1}}


def test_a_lenient_action_reaches_its_handler_without_a_violation(server: ScriptedCsms) -> None:
    with connect(server.url, lenient={"Reset", "Frobnicate"}) as cp:
        peer = server.peer()
        seen: list[Any] = []

        @cp.on("Reset")
        def reset(request: Request) -> dict[str, str]:
            seen.append(request.payload)
            return {"status": "Accepted"}

        assert peer.ask("Reset", {"type": "Medium", "x": 1})[2] == {"status": "Accepted"}
        assert peer.ask("Frobnicate")[2] == "NotImplemented"
        assert seen == [{"type": "Medium", "x": 1}]
        assert cp.violations == []


def test_a_request_with_null_is_an_empty_payload(cp: ChargePoint, peer: Peer) -> None:
    cp.on("ClearCache", lambda request: {"status": "Accepted" if request.payload == {} else "?"})
    peer.send('[2,"a","ClearCache",null]')
    assert peer.next() == [3, "a", {"status": "Accepted"}]
    assert cp.violations == []


def test_two_requests_with_one_id_are_both_answered_and_the_second_is_a_violation(
    cp: ChargePoint, peer: Peer
) -> None:
    cp.on("ClearCache", lambda request: {"status": "Accepted"})
    for _ in range(2):
        assert peer.ask("ClearCache", unique_id="a") == [3, "a", {"status": "Accepted"}]
    assert rules(cp) == [("unique id", "$[1]")]
    assert "used before" in cp.violations[0].message


def test_on_the_next_connection_an_id_may_come_again(
    cp: ChargePoint, peer: Peer, server: ScriptedCsms
) -> None:
    peer.ask("ClearCache", unique_id="a")
    cp.reconnect()
    server.peer().ask("ClearCache", unique_id="a")
    assert cp.violations == []


def test_the_csms_may_use_the_id_of_the_charge_points_call(cp: ChargePoint, peer: Peer) -> None:
    future = cp.submit("Heartbeat", unique_id="a")
    peer.next_call("Heartbeat")
    assert peer.ask("ClearCache", unique_id="a")[2] == "NotSupported"
    peer.send([3, "a", HEARTBEAT])
    assert future.result(PATIENCE) == HEARTBEAT
    assert cp.violations == []


@pytest.mark.parametrize("unique_id", ["17", "null", "[]", "true"])
def test_a_request_whose_id_is_no_string_is_not_answered(
    cp: ChargePoint, peer: Peer, unique_id: str
) -> None:
    peer.send(f'[2,{unique_id},"ClearCache",{{}}]')
    assert_works(cp, peer)
    assert rules(cp) == [("unique id", "$[1]")]


def test_an_id_of_37_characters_is_a_violation_but_served(cp: ChargePoint, peer: Peer) -> None:
    cp.on("ClearCache", lambda request: {"status": "Accepted"})
    answer = peer.ask("ClearCache", unique_id="x" * 37)
    assert answer == [3, "x" * 37, {"status": "Accepted"}]
    assert rules(cp) == [("maxLength 36", "$[1]")]


# --- what is no frame ----------------------------------------------------------------------------

MUCH = 10 * 2**20


@pytest.mark.parametrize(
    ("message", "rule", "path"),
    [
        ("", "JSON", "$"),
        ("hello", "JSON", "$"),
        ('{"a":1}', "array", "$"),
        ('"text"', "array", "$"),
        ("[]", "message type", "$[0]"),
        ('[1,"a","b",{}]', "message type", "$[0]"),
        ('[5,"a","b",{}]', "message type", "$[0]"),
        ('["2","a","Reset",{}]', "message type", "$[0]"),
        (b"", "text frame", "$"),
        (b'[2,"a","Reset",{}]', "text frame", "$"),
        (b"\x00\xff", "text frame", "$"),
    ],
)
def test_it_is_logged_and_kept_and_the_connection_works(
    cp: ChargePoint,
    peer: Peer,
    caplog: pytest.LogCaptureFixture,
    message: str | bytes,
    rule: str,
    path: str,
) -> None:
    before = time.time()
    peer.send(message)
    assert_works(cp, peer)
    (violation,) = cp.violations
    assert (violation.frame, violation.rule, violation.path) == (message, rule, path)
    assert (violation.chargePoint, violation.action) == ("CP1", None)
    assert before <= violation.time <= time.time()
    assert f"the CSMS broke the protocol: {path}: {violation.message} [{rule}]" in caplog.text
    assert [frame.text for frame in cp.trace if frame.type == "bad"] == [message]


@pytest.mark.parametrize(
    "text",
    [
        "x" * MUCH,
        "[" * MUCH,
        '[2,"' + "x" * MUCH + '","Reset",{}]',
        "[" + "9" * MUCH + "]",
    ],
    ids=["letters", "brackets", "id", "digits"],
)
def test_10_mb_of_text(
    cp: ChargePoint, peer: Peer, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    peer.send(text)
    if "Reset" in text:
        assert peer.next()[0] == 4
    assert_works(cp, peer)
    assert cp.violations
    assert {len(violation.frame) for violation in cp.violations} == {10_000}
    assert len(caplog.text) < 10_000


def test_10_mb_in_a_valid_request_are_served(cp: ChargePoint, peer: Peer) -> None:
    cp.on("DataTransfer", lambda request: {"status": "Accepted", "data": request.payload["data"]})
    answer = peer.ask("DataTransfer", {"vendorId": "v", "data": "x" * MUCH})
    assert len(answer[2]["data"]) == MUCH
    assert cp.violations == []


def test_invalid_utf_8(cp: ChargePoint, peer: Peer) -> None:
    peer.send_text(b"\xc3\x28\xff")
    assert_works(cp, peer)
    assert cp.violations[0].rule == "UTF-8"
    assert "\ufffd" in cp.violations[0].frame


def test_invalid_utf_8_in_a_request(cp: ChargePoint, peer: Peer) -> None:
    cp.on("DataTransfer", lambda request: {"status": "Accepted"})
    peer.send_text(b'[2,"a","DataTransfer",{"vendorId":"\xff"}]')
    assert peer.next()[:2] == [3, "a"]
    assert rules(cp) == [("UTF-8", "$")]


def test_invalid_utf_8_in_an_answer(cp: ChargePoint, peer: Peer) -> None:
    future = cp.submit("DataTransfer", {"vendorId": "v"}, unique_id="a")
    peer.next_call("DataTransfer")
    peer.send_text(b'[3,"a",{"status":"Accepted","data":"\xff"}]')
    assert future.result(PATIENCE) == {"status": "Accepted", "data": "\ufffd"}
    assert rules(cp) == [("UTF-8", "$")]


def test_a_thousand_violations_are_kept(cp: ChargePoint, peer: Peer) -> None:
    for _ in range(1010):
        peer.send("x")
    assert_works(cp, peer)
    assert len(cp.violations) == 1000


# --- what observers see --------------------------------------------------------------------------


def test_the_trace_has_both_directions_with_their_verdicts(cp: ChargePoint, peer: Peer) -> None:
    future = cp.submit("Heartbeat")
    call = peer.answer(HEARTBEAT, "Heartbeat")
    future.result(PATIENCE)
    peer.ask("Reset", {}, unique_id="r")
    sent, received, request, refusal = cp.trace
    assert [frame.number for frame in cp.trace] == [1, 2, 3, 4]
    assert (sent.direction, sent.type, sent.action, sent.faults) == (
        "sent",
        "CALL",
        "Heartbeat",
        [],
    )
    assert json.loads(sent.text) == call
    assert (received.direction, received.type, received.action) == (
        "received",
        "CALLRESULT",
        "Heartbeat",
    )
    assert (request.type, request.faults[0].rule) == ("CALL", "required type")
    assert (refusal.type, refusal.direction, refusal.action) == ("CALLERROR", "sent", "Reset")


def test_an_observer_knows_of_an_answer_before_the_script_does(cp: ChargePoint, peer: Peer) -> None:
    seen: list[str] = []
    cp.trace.observers.append(lambda frame: seen.append(frame.type))
    peer.answers["Heartbeat"] = HEARTBEAT
    for number in range(1, 50):
        cp.call("Heartbeat")
        assert seen == ["CALL", "CALLRESULT"] * number


def test_an_observer_knows_of_a_request_before_its_handler_does(
    cp: ChargePoint, peer: Peer
) -> None:
    seen: list[TracedFrame] = []
    cp.trace.observers.append(seen.append)
    cp.on("ClearCache", lambda request: {"status": "Accepted" if len(seen) == 1 else "Rejected"})
    assert peer.ask("ClearCache")[2] == {"status": "Accepted"}


def test_an_observer_that_hangs_does_not_hold_up_the_wire_for_ever(
    cp: ChargePoint, peer: Peer
) -> None:
    go_on = threading.Event()

    def hang(frame: TracedFrame) -> None:
        assert go_on.wait(PATIENCE)

    cp.trace.observers.append(hang)
    script = threading.Thread(target=cp.submit, args=("Heartbeat",))
    script.start()
    call = peer.next_call("Heartbeat")
    peer.send([2, "a", "ClearCache", {}])
    peer.send([3, call[1], HEARTBEAT])
    go_on.set()
    assert peer.next()[:3] == [4, "a", "NotSupported"]
    script.join()


def test_the_trace_keeps_what_stood_on_the_wire(cp: ChargePoint, peer: Peer) -> None:
    payload = {"idTag": "AAA"}
    future = cp.submit("Authorize", payload)
    payload["idTag"] = "BBB"
    frame = peer.next()
    peer.send([3, frame[1], {"idTagInfo": {"status": "Accepted"}}])
    result = future.result(PATIENCE)
    result["idTagInfo"]["status"] = "Blocked"
    sent, received = cp.frames("Authorize")
    assert sent.payload == {"idTag": "AAA"}
    assert received.payload == {"idTagInfo": {"status": "Accepted"}}
    assert cp.trace[-2:] == [sent, received]
