"""What the CSMS is answered, as set over HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from server.client import Client

from ocppsim import CallError, CallTimeout, InvalidPayload
from ocppsim.csms import CentralSystem

RESET = {"type": "Soft"}


@pytest.fixture
def reset(csms: CentralSystem, name: str) -> Callable[[], Any]:
    """What the CSMS is told when it asks for a Reset."""

    def reset() -> Any:
        try:
            return csms.call(name, "Reset", RESET)["status"]
        except CallError as error:
            return error.code

    return reset


def test_the_next_reset_is_rejected(client: Client, name: str, reset: Callable[[], Any]) -> None:
    path = f"/cp/{name}/handlers/Reset"
    assert client.post(path, {"payload": {"status": "Rejected"}}).status == 201
    assert (reset(), reset()) == ("Rejected", "NotSupported")


def test_one_that_stays_and_some_for_the_next(
    client: Client, name: str, reset: Callable[[], Any]
) -> None:
    path = f"/cp/{name}/handlers/Reset"
    assert client.put(path, {"payload": {"status": "Accepted"}}).status == 200
    client.post(path, {"payload": {"status": "Rejected"}})
    error = {"errorCode": "InternalError", "errorDescription": "no", "errorDetails": {"a": 1}}
    listed = client.post(path, {"error": error}).json["handlers"]
    assert [one["once"] for one in listed] == [True, True, False]
    assert listed[1] == {
        "action": "Reset",
        "message": None,
        "once": True,
        "answer": {"error": error},
    }
    assert [reset() for _ in range(4)] == ["Rejected", "InternalError", "Accepted", "Accepted"]
    assert len(client.get(f"/cp/{name}/handlers").json["handlers"]) == 1
    assert client.delete(path).json == {"handlers": []}
    assert reset() == "NotSupported"
    gone = client.delete(path)
    assert (gone.status, gone.error["where"]) == (404, "path: action")


def test_late_never_twice_and_raw(client: Client, csms: CentralSystem, name: str) -> None:
    path = f"/cp/{name}/handlers/Reset"
    client.post(path, {"payload": {"status": "Accepted"}, "delay": 0.3})
    begin = time.monotonic()
    csms.call(name, "Reset", RESET)
    assert time.monotonic() - begin > 0.29
    client.post(path, {"drop": True})
    with pytest.raises(CallTimeout):
        csms.call(name, "Reset", RESET, timeout=0.5)
    client.post(path, {"payload": {"status": "Accepted"}, "times": 2})
    csms.call(name, "Reset", RESET)
    client.post(path, {"raw": "nonsense"})
    with pytest.raises(CallTimeout):
        csms.call(name, "Reset", RESET, timeout=0.5)
    sent = client.get(f"/cp/{name}/messages?direction=sent").json["messages"]
    assert [one["type"] for one in sent] == ["CALLRESULT", "CALLRESULT", "CALLRESULT", "bad"]


def test_what_breaks_the_schema_is_sent_on_purpose_alone(
    client: Client, csms: CentralSystem, name: str
) -> None:
    path = f"/cp/{name}/handlers/Reset"
    wrong = {"payload": {"status": "Perhaps"}}
    refused = client.post(path, wrong)
    assert (refused.status, refused.error["faults"][0]["path"]) == (422, "$.status")
    assert client.post(path, {**wrong, "validate": False}).status == 201
    with pytest.raises(InvalidPayload):
        csms.call(name, "Reset", RESET)


def test_one_requested_message(client: Client, csms: CentralSystem, name: str) -> None:
    path = f"/cp/{name}/handlers/TriggerMessage"
    answer = {"payload": {"status": "Accepted"}, "message": "Heartbeat"}
    assert client.put(path, answer).status == 200

    def trigger(message: str) -> Any:
        return csms.call(name, "TriggerMessage", {"requestedMessage": message})["status"]

    assert trigger("Heartbeat") == "Accepted"
    assert trigger("BootNotification") == "NotImplemented"
    assert client.delete(path).status == 404
    assert client.delete(f"{path}?message=Heartbeat").status == 200
    assert trigger("Heartbeat") == "NotImplemented"
    nonsense = client.put(f"/cp/{name}/handlers/Reset", answer)
    assert nonsense.status == 422


def test_it_is_set_before_the_first_connection(
    client: Client, csms: CentralSystem, make: Callable[..., str]
) -> None:
    name = make(connect=False)
    client.put(f"/cp/{name}/handlers/Reset", {"payload": {"status": "Accepted"}})
    client.post(f"/cp/{name}/connect")
    assert csms.call(name, "Reset", RESET) == {"status": "Accepted"}
    client.post(f"/cp/{name}/disconnect")
    client.post(f"/cp/{name}/connect")
    assert csms.call(name, "Reset", RESET) == {"status": "Accepted"}


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"payload": 1},
        {"payload": {}, "drop": True},
        {"drop": False},
        {"error": {}},
        {"payload": {}, "delay": -1},
        {"payload": {}, "times": 0},
    ],
)
def test_an_answer_that_is_none(client: Client, name: str, answer: dict[str, Any]) -> None:
    for ask in (client.put, client.post):
        refused = ask(f"/cp/{name}/handlers/Reset", answer)
        assert (refused.status, refused.error["where"][:4]) == (422, "body")


def test_there_are_not_too_many(client: Client, name: str) -> None:
    from ocppsim.server.answers import MAX_ANSWERS

    statuses = {
        client.post(f"/cp/{name}/handlers/Reset", {"drop": True}).status for _ in range(MAX_ANSWERS)
    }
    assert statuses == {201}
    full = client.post(f"/cp/{name}/handlers/Reset", {"drop": True})
    assert full.status == 409
    assert str(MAX_ANSWERS) in full.error["what"]
