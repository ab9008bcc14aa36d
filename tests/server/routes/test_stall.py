"""A dead line over HTTP."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from server.client import Client

from ocppsim import CallTimeout
from ocppsim.csms import CentralSystem


def test_a_line_is_dead_and_comes_back(client: Client, csms: CentralSystem, name: str) -> None:
    dead = client.post(f"/cp/{name}/stall", {"seconds": 3600})
    assert (dead.status, dead.json["connected"]) == (200, True)
    with pytest.raises(CallTimeout):
        csms.call(name, "ClearCache", timeout=0.05)
    call = client.post(f"/cp/{name}/call/Heartbeat?timeout=0.05")
    assert (call.status, call.error["kind"]) == (424, "CallTimeout")
    assert csms.received("Heartbeat") == []
    assert client.post(f"/cp/{name}/stall", {"seconds": 0}).status == 200
    assert client.post(f"/cp/{name}/call/Heartbeat").status == 200
    assert len(csms.received("Heartbeat")) == 2  # the one that timed out went too


def test_without_a_connection(client: Client, make: Callable[..., str]) -> None:
    name = make(connect=False)
    for _ in range(2):
        answer = client.post(f"/cp/{name}/stall", {"seconds": 1})
        assert (answer.status, answer.error["where"]) == (409, "connection")
        client.post(f"/cp/{name}/connect")
        client.post(f"/cp/{name}/disconnect")


@pytest.mark.parametrize("body", [{}, {"seconds": -1}, {"seconds": 3601}, {"seconds": "1"}])
def test_what_cannot_be(client: Client, name: str, body: dict[str, object]) -> None:
    assert client.post(f"/cp/{name}/stall", body).status == 422
