"""Messages at an interval, over HTTP."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from server.client import PATIENCE, Client

from ocppsim.csms import CentralSystem


def test_heartbeats(client: Client, csms: CentralSystem, name: str) -> None:
    path = f"/cp/{name}/heartbeat"
    assert client.put(path, {"interval": 0.02}).json["heartbeat"] == 0.02
    for _ in range(2):
        csms.wait_for("Heartbeat", timeout=PATIENCE)
    assert client.put(path, {"interval": 30}).json["heartbeat"] == 30
    assert client.get(f"/cp/{name}").json["heartbeat"] == 30
    for _ in range(2):
        assert client.delete(path).json["heartbeat"] is None


def test_meter_values(client: Client, csms: CentralSystem, name: str) -> None:
    path = f"/cp/{name}/meter-values"
    body = {"interval": 0.1, "connectorId": 2, "transactionId": 5, "power": 3.6e8, "meter": 500}
    assert client.put(path, body).json["meter_values"] == 0.1
    first = csms.wait_for("MeterValues", timeout=PATIENCE).payload
    second = csms.wait_for("MeterValues", timeout=PATIENCE).payload
    assert (first["connectorId"], first["transactionId"]) == (2, 5)
    energies = [int(one["meterValue"][0]["sampledValue"][0]["value"]) for one in (first, second)]
    assert 500 + 10_000 <= energies[0] < energies[1]
    for _ in range(2):
        assert client.delete(path).json["meter_values"] is None


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("heartbeat", {}),
        ("heartbeat", {"interval": -1}),
        ("heartbeat", {"interval": "30"}),
        ("meter-values", {"interval": 10}),
        ("meter-values", {"interval": 0, "power": 1}),
        ("meter-values", {"interval": 10, "power": 1, "connectorId": "1"}),
    ],
)
def test_what_cannot_be(client: Client, name: str, what: str, body: dict[str, object]) -> None:
    answer = client.put(f"/cp/{name}/{what}", body)
    assert (answer.status, answer.error["where"].partition(":")[0]) == (422, "body")


@pytest.mark.parametrize(
    ("what", "body"),
    [("heartbeat", {"interval": 1}), ("meter-values", {"interval": 1, "power": 1})],
)
def test_without_a_connection(
    client: Client, make: Callable[..., str], what: str, body: dict[str, object]
) -> None:
    name = make(connect=False)
    answer = client.put(f"/cp/{name}/{what}", body)
    assert (answer.status, answer.error["where"]) == (409, "connection")
    assert client.delete(f"/cp/{name}/{what}").status == 200
