"""What charge points do against the protocol is answered, recorded, and survived."""

from __future__ import annotations

import json
import struct
import threading
from typing import Any

import pytest

from ocppsim.errors import CallError, CallTimeout, InvalidPayload


def rules(csms: Any) -> list[str]:
    return [violation.fault.rule for violation in csms.violations]


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("Nonsense", {}, "NotImplemented"),
        ("heartbeat", {}, "NotImplemented"),
        ("Reset", {"type": "Soft"}, "NotSupported"),
        ("Heartbeat", {"x": 1}, "FormationViolation"),
        ("Authorize", {}, "ProtocolError"),
        ("Authorize", {"idTag": 5}, "TypeConstraintViolation"),
        ("Authorize", {"idTag": "x" * 21}, "PropertyConstraintViolation"),
        ("LogStatusNotification", {"status": "Sleeping"}, "PropertyConstraintViolation"),
    ],
)
def test_an_invalid_request(csms: Any, cp: Any, action: str, payload: Any, code: str) -> None:
    kind, _, got, description, details = cp.ask(action, payload)
    assert (kind, got, details) == (4, code, {})
    name, fault, text = csms.violations[0]
    assert (name, fault.code, str(fault)) == ("CP1", code, description)
    assert json.loads(text)[2] == action
    request = csms.received(action)[0]
    assert request.faults == (fault,)
    assert isinstance(request.answer, CallError)
    assert cp.ask("Heartbeat")[0] == 3


@pytest.mark.parametrize(
    "frame",
    [
        [2, "id"],
        [2, "id", "Heartbeat"],
        [2, "id", 5, {}],
        [2, "id", "Heartbeat", []],
        [2, "id", "Heartbeat", "x"],
        [2, "id", "Heartbeat", {}, {}],
    ],
)
def test_a_malformed_call_with_an_id(csms: Any, cp: Any, frame: Any) -> None:
    cp.send(frame)
    assert cp.recv()[:3] == [4, "id", "FormationViolation"]
    assert len(csms.violations) >= 1
    assert csms.received() == []


def test_an_id_that_is_too_long(csms: Any, cp: Any) -> None:
    cp.send([2, "x" * 37, "Heartbeat", {}])
    assert cp.recv()[:3] == [4, "x" * 37, "FormationViolation"]
    assert rules(csms) == ["maxLength 36"]


@pytest.mark.parametrize(
    "message",
    [
        "",
        " ",
        "hello",
        "{}",
        "[]",
        "null",
        "NaN",
        '"2"',
        "[2]",
        "[2,5,null,null]",
        "[9,null]",
        '[true,"x"]',
        "[2.0]",
        "[" * 100_000,
        "9" * 5000,
        "\x00\x1b[31m",
        "[3]",
        '[4,"a"]',
        '[5,"x",{}]',
        b"",
        b"\xff\xfe",
        b'[2,"x","Heartbeat",{}]',
        bytes(range(256)) * 4,
    ],
    ids=lambda message: repr(message[:12]),
)
def test_garbage_is_recorded_and_survived(csms: Any, cp: Any, message: Any) -> None:
    cp.send(message)
    assert cp.ask("Heartbeat")[0] == 3
    assert len(csms.violations) == 1
    assert csms.violations[0].name == "CP1"
    if isinstance(message, str):
        assert csms.violations[0].text == message[:10_000]


def test_10_megabytes(csms: Any, cp: Any) -> None:
    cp.send([2, "big", "DataTransfer", {"vendorId": "v", "data": "x" * 10_000_000}])
    assert cp.recv()[2] == {"status": "UnknownVendorId"}
    assert len(csms.received("DataTransfer")[0].payload["data"]) == 10_000_000
    cp.send("x" * 10_000_000)
    cp.send(b"x" * 10_000_000)
    assert cp.ask("Heartbeat")[0] == 3
    assert [len(violation.text) for violation in csms.violations] == [10_000, 10_000]


def test_many_faults_of_one_message(csms: Any, cp: Any) -> None:
    answer = cp.ask("Heartbeat", {f"x{i}": i for i in range(50_000)})
    assert answer[2] == "FormationViolation"
    assert len(csms.violations) == 20


def test_a_large_message_keeps_its_place(csms: Any, cp: Any) -> None:
    large = {"vendorId": "v", "data": "x" * 500_000}
    cp.send([2, "1", "Heartbeat", {}])
    cp.send([2, "2", "DataTransfer", large])
    cp.send([2, "3", "Heartbeat", {}])
    assert [cp.recv()[1] for _ in range(3)] == ["1", "2", "3"]


def test_text_that_is_no_utf8(csms: Any, client: Any) -> None:
    cp = client(csms)
    # a text frame by hand: FIN, opcode 1, masked with zeros
    data = b'[2,"\xff","Heartbeat",{}]'
    cp.socket.socket.sendall(struct.pack("!BB4x", 0x81, 0x80 | len(data)) + data)
    assert cp.closed()[0] == 1007
    again = client(csms)
    assert again.ask("Heartbeat")[0] == 3
    assert rules(csms) == ["UTF-8"]


def test_frames_that_are_no_websocket(csms: Any, client: Any) -> None:
    cp = client(csms)
    cp.socket.socket.sendall(b"\xff\xff\xff\xff")
    assert cp.closed()[0] == 1002
    assert client(csms).ask("Heartbeat")[0] == 3
    assert rules(csms) == ["WebSocket"]


def test_a_close_of_the_charge_point_is_no_violation(csms: Any, client: Any) -> None:
    client(csms).socket.close(1002, "so there")
    assert client(csms).ask("Heartbeat")[0] == 3
    assert csms.violations == []


@pytest.mark.parametrize("frame", [[3, "stray", {}], [4, "stray", "GenericError", "", {}]])
def test_a_stray_answer(csms: Any, cp: Any, frame: Any) -> None:
    cp.send(frame)
    assert cp.ask("Heartbeat")[0] == 3
    assert rules(csms) == ["unique id"]


def test_a_late_answer(csms: Any, cp: Any) -> None:
    with pytest.raises(CallTimeout, match=r"Reset: no answer within 0\.01 s"):
        csms.call("CP1", "Reset", {"type": "Soft"}, timeout=0.01)
    cp.send([3, cp.recv()[1], {"status": "Accepted"}])
    assert cp.ask("Heartbeat")[0] == 3
    assert rules(csms) == ["unique id"]


def test_an_answer_to_another_call_does_not_count(csms: Any, cp: Any, background: Any) -> None:
    call = background(csms.call, "CP1", "ClearCache")
    unique_id = cp.recv()[1]
    cp.send([3, "stray", {"status": "Rejected"}])
    cp.send([3, unique_id, {"status": "Accepted"}])
    assert call.result() == {"status": "Accepted"}


def test_an_invalid_response(csms: Any, cp: Any, background: Any) -> None:
    call = background(csms.call, "CP1", "ClearCache")
    cp.send([3, cp.recv()[1], {"status": "Maybe"}])
    with pytest.raises(InvalidPayload, match="CP1 sent an invalid response") as caught:
        call.result()
    assert caught.value.received
    assert (caught.value.action, caught.value.kind) == ("ClearCache", "response")
    assert caught.value.payload == {"status": "Maybe"}
    assert rules(csms) == ["enum"]


def test_an_invalid_response_that_is_welcome(csms: Any, cp: Any, background: Any) -> None:
    call = background(csms.call, "CP1", "ClearCache", validate=False)
    cp.send([3, cp.recv()[1], {"status": "Maybe"}])
    assert call.result() == {"status": "Maybe"}
    assert rules(csms) == ["enum"]


@pytest.mark.parametrize("rest", [[], [5], [{}, {}], [[]]])
def test_a_malformed_result(csms: Any, cp: Any, background: Any, rest: Any) -> None:
    call = background(csms.call, "CP1", "ClearCache", validate=False)
    cp.send([3, cp.recv()[1], *rest])
    with pytest.raises(InvalidPayload, match="CP1 sent an invalid response"):
        call.result()


def test_a_malformed_error(csms: Any, cp: Any, background: Any) -> None:
    call = background(csms.call, "CP1", "ClearCache")
    cp.send([4, cp.recv()[1]])
    with pytest.raises(InvalidPayload):
        call.result()


def test_an_error_without_details_is_understood(csms: Any, cp: Any, background: Any) -> None:
    call = background(csms.call, "CP1", "ClearCache")
    cp.send([4, cp.recv()[1], "NotSupported"])
    with pytest.raises(CallError) as caught:
        call.result()
    assert caught.value.code == "NotSupported"
    assert rules(csms) == ["5 elements"]


def test_an_error_code_that_does_not_exist(csms: Any, cp: Any, background: Any) -> None:
    call = background(csms.call, "CP1", "ClearCache")
    cp.send([4, cp.recv()[1], "Whatever", "", {}])
    with pytest.raises(CallError, match="Whatever"):
        call.result()
    assert rules(csms) == ["error code"]


def test_an_id_that_is_used_again_is_recorded_and_answered(csms: Any, cp: Any) -> None:
    for _ in range(2):
        cp.send([2, "same", "Heartbeat", {}])
        assert cp.recv()[:2] == [3, "same"]
    assert rules(csms) == ["unique id"]


def test_an_id_that_is_being_handled_is_refused(csms: Any, cp: Any) -> None:
    go = threading.Event()
    csms.answer("Heartbeat", lambda name, payload: go.wait(10) and {"currentTime": "2026"})
    cp.send([2, "same", "Heartbeat", {}])
    cp.send([2, "same", "Heartbeat", {}])
    assert csms.wait_for("Heartbeat").faults == ()
    assert [fault.rule for fault in csms.wait_for("Heartbeat").faults] == ["unique id"]
    go.set()
    assert [cp.recv()[0], cp.recv()[:3]] == [3, [4, "same", "FormationViolation"]]
