"""Who answers what, over HTTP; and they do."""

from __future__ import annotations

from typing import Any

from server.client import Client

from ocppsim.csms import CentralSystem
from ocppsim.v16.actions import PROTOCOL

SILENT = "A station whose boot was rejected says nothing."
ANSWERS = "A station answers, where one lives."


def asked(client: Client, name: str, action: str) -> list[dict[str, Any]]:
    answer = client.get(f"/cp/{name}/answering")
    assert answer.status == 200, answer.text
    found = {one["action"]: one["asked"] for one in answer.json["answering"]}
    assert list(found) == sorted(PROTOCOL.from_csms)
    who: list[dict[str, Any]] = found[action]
    return who


def test_plugins_and_the_default(client: Client, name: str) -> None:
    texts = [
        (one["who"], one["name"], one["hook"], one["what"]) for one in asked(client, name, "Reset")
    ]
    assert texts == [
        ("plugin", "core", "ocpp16_reset", SILENT),
        ("plugin", "core", "ocpp16_reset", ANSWERS),
        ("plugin", "core", "ocppsim_call", SILENT),
        ("default", "", "", "NotSupported"),
    ]
    trigger = asked(client, name, "TriggerMessage")
    assert [one["hook"] for one in trigger[:2]] == ["ocppsim_trigger"] * 2
    assert trigger[-1]["what"] == "NotImplemented"


def test_what_is_set_comes_first_in_turn(client: Client, csms: CentralSystem, name: str) -> None:
    path = f"/cp/{name}/handlers/Reset"
    script = "@cp.on('Reset', once=True)\ndef refuse(request):\n    return {'status': 'Rejected'}\n"
    client.put(path, {"payload": {"status": "Accepted"}})
    client.post(f"/cp/{name}", script, media="text/x-python")
    first, second, third, *_ = asked(client, name, "Reset")
    assert (first["who"], first["name"], first["once"]) == ("script", "refuse", True)
    assert (second["who"], second["once"], third["who"]) == ("server", False, "plugin")
    for status in ("Rejected", "Accepted"):
        assert csms.call(name, "Reset", {"type": "Soft"}) == {"status": status}
    assert [one["who"] for one in asked(client, name, "Reset")[:2]] == ["server", "plugin"]
    client.post(path, {"drop": True})
    assert [one["once"] for one in asked(client, name, "Reset")[:2]] == [True, False]
    client.delete(path)
    assert asked(client, name, "Reset")[0]["who"] == "plugin"


def test_one_message_of_a_trigger(client: Client, csms: CentralSystem, name: str) -> None:
    path = f"/cp/{name}/handlers/TriggerMessage"
    client.put(path, {"payload": {"status": "Rejected"}})
    client.put(path, {"payload": {"status": "Accepted"}, "message": "Heartbeat"})
    found = asked(client, name, "TriggerMessage")[:3]
    assert [(one["who"], one["message"]) for one in found] == [
        ("server", "Heartbeat"),
        ("server", None),
        ("plugin", None),
    ]
    for message, status in (("Heartbeat", "Accepted"), ("MeterValues", "Rejected")):
        payload = {"requestedMessage": message}
        assert csms.call(name, "TriggerMessage", payload) == {"status": status}


def test_a_script_that_takes_the_place(client: Client, name: str) -> None:
    client.put(f"/cp/{name}/handlers/Reset", {"payload": {"status": "Accepted"}})
    client.post(f"/cp/{name}", "cp.on('Reset', {'status': 'Rejected'})\n", media="text/x-python")
    first, second, *_ = asked(client, name, "Reset")
    assert (first["who"], first["name"], second["who"]) == ("script", "", "plugin")
