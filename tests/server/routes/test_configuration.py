"""Configuration keys over HTTP."""

from __future__ import annotations

import pytest
from server.client import Client

from ocppsim.csms import CentralSystem


def test_keys_are_listed_set_and_served(client: Client, csms: CentralSystem, name: str) -> None:
    path = f"/cp/{name}/configuration"
    keys = {one["key"]: one for one in client.get(path).json["configuration"]}
    assert {"WebSocketPingInterval", "TransactionMessageAttempts"} <= set(keys)
    one = client.get(f"{path}/websocketpinginterval").json
    assert one == keys["WebSocketPingInterval"]
    assert (one["type"], one["access"], one["unit"], one["minimum"]) == ("int", "RW", "s", 0)
    assert client.put(f"{path}/WebSocketPingInterval", {"value": 25}).json["value"] == 25
    assert client.post(f"{path}-serve").status == 200
    asked = csms.call(name, "GetConfiguration", {"key": ["WebSocketPingInterval"]})
    assert asked["configurationKey"][0]["value"] == "25"
    change = {"key": "WebSocketPingInterval", "value": "35"}
    assert csms.call(name, "ChangeConfiguration", change) == {"status": "Accepted"}
    assert client.get(f"{path}/WebSocketPingInterval").json["value"] == 35


def test_a_key_is_added(client: Client, csms: CentralSystem, name: str) -> None:
    path = f"/cp/{name}/configuration"
    key = {"key": "Brightness", "value": 50, "type": "int", "minimum": 0, "maximum": 100}
    added = client.post(path, key)
    assert added.status == 201
    assert added.json["maximum"] == 100
    assert client.post(path, key).status == 409
    refused = client.put(f"{path}/Brightness", {"value": 101})
    assert refused.status == 422
    assert "101 is more than 100" in refused.error["what"] or "100" in refused.error["what"]
    assert client.post(path, {"key": "L", "value": ["a", "b"], "type": "list"}).status == 201


@pytest.mark.parametrize(
    "key",
    [
        {"key": "X"},
        {"key": "X", "value": {}},
        {"key": "X", "value": "soon", "type": "int"},
        {"key": "X", "value": 1, "type": "number"},
        {"key": "", "value": "1"},
        {"key": "X", "value": "1", "access": "RWX"},
    ],
)
def test_a_key_that_is_none(client: Client, name: str, key: dict[str, object]) -> None:
    assert client.post(f"/cp/{name}/configuration", key).status == 422


def test_a_secret_is_not_shown(client: Client, name: str) -> None:
    path = f"/cp/{name}/configuration"
    key = {"key": "AuthorizationKey", "value": "hush hush", "access": "W"}
    assert client.post(path, key).json["value"] is None
    texts = client.get(path).text + client.get(f"{path}/AuthorizationKey").text
    assert "hush" not in texts


def test_a_key_that_is_not_there(client: Client, name: str) -> None:
    for ask in (client.get, lambda path: client.put(path, {"value": 1})):
        gone = ask(f"/cp/{name}/configuration/Nothing")
        assert (gone.status, gone.error["where"]) == (404, "path: key")
