"""A station over HTTP: a whole charging session, and what breaks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from server.client import Client, served

from ocppsim.csms import CentralSystem


@pytest.fixture
def act(client: Client, name: str) -> Callable[..., Any]:
    """``act("plug-in", connector=1)``: the answer; it must be done."""
    made = client.post(f"/cp/{name}/station", {"connectors": 2, "speed": 600})
    assert made.status == 201, made.text

    def act(what: str, **body: Any) -> Any:
        answer = client.post(f"/cp/{name}/station/{what}", body)
        assert answer.status == 200, answer.text
        return answer.json

    return act


def test_a_whole_session(
    client: Client, csms: CentralSystem, name: str, act: Callable[..., Any]
) -> None:
    state = client.get(f"/cp/{name}/station").json
    assert (state["online"], state["registration"], state["status"]) == (
        True,
        "Accepted",
        "Available",
    )
    assert [one["connectorId"] for one in state["connectors"]] == [1, 2]
    act("plug-in", connector=1, vehicle={"battery_kwh": 50, "soc": 0.5})
    assert act("present-id-tag", idTag="04E8C2A2", connector=1) == {"shown": "Accepted"}
    act("wait-for", connector=1, status="Charging")
    csms.wait_for("MeterValues", timeout=60)
    one = client.get(f"/cp/{name}/station").json["connectors"][0]
    assert (one["status"], one["locked"], one["session"]["idTag"]) == ("Charging", True, "04E8C2A2")
    assert one["energy"] > 0
    assert 0.5 < one["soc"] < 1
    act("pause-car", connector=1)
    act("wait-for", connector=1, status="SuspendedEV")
    act("resume-car", connector=1)
    act("wait-for", connector=1, status="Charging")
    act("present-id-tag", idTag="04E8C2A2", connector=1)
    state = act("unplug", connector=1)
    assert state["connectors"][0]["session"] is None
    act("wait-for", connector=1, status="Available")
    assert csms.wait_for("StopTransaction", timeout=60).payload["reason"] == "Local"
    assert client.get(f"/cp/{name}").json["station"] is True


def test_what_breaks_is_mended(csms: CentralSystem, act: Callable[..., Any]) -> None:
    state = act("fault", connector=1, errorCode="GroundFailure", info="wet")
    assert state["connectors"][0]["status"] == "Faulted"
    assert act("mend", connector=1)["connectors"][0]["status"] == "Available"
    assert act("fault", connector=0)["status"] == "Faulted"
    assert act("mend", connector=0)["status"] == "Available"


def test_the_power(client: Client, name: str, act: Callable[..., Any]) -> None:
    assert act("power-off", battery=True)["online"] is False
    assert client.get(f"/cp/{name}").json["connected"] is False
    client.post(f"/cp/{name}/connect")
    assert act("power-on", wait=True)["online"] is True


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("plug-in", {"connector": 3}),
        ("plug-in", {"connector": "1"}),
        ("plug-in", {"connector": 1, "side": "wall"}),
        ("plug-in", {"connector": 1, "vehicle": {"soc": 2}}),
        ("unplug", {"connector": 1}),
        ("present-id-tag", {"idTag": ""}),
        ("present-id-tag", {"idTag": "x" * 21}),
        ("fault", {"connector": 1, "nonsense": 1}),
        ("mend", {"connector": 7}),
        ("wait-for", {"connector": 1, "status": "Nonsense"}),
    ],
)
def test_what_cannot_be(
    client: Client, name: str, act: Callable[..., Any], what: str, body: dict[str, Any]
) -> None:
    answer = client.post(f"/cp/{name}/station/{what}", body)
    assert answer.status == 422, answer.text
    assert answer.error["what"]


def test_what_does_not_come(client: Client, name: str, act: Callable[..., Any]) -> None:
    body = {"connector": 1, "status": "Charging", "timeout": 0.05}
    answer = client.post(f"/cp/{name}/station/wait-for", body)
    assert (answer.status, answer.error["kind"]) == (424, "WaitTimeout")


def test_there_is_one(client: Client, name: str, act: Callable[..., Any]) -> None:
    again = client.post(f"/cp/{name}/station", {})
    assert (again.status, again.error["where"]) == (409, "station")
    client.post(f"/cp/{name}/disconnect")
    assert client.get(f"/cp/{name}/station").status == 409


def test_without_a_station(client: Client, name: str) -> None:
    for answer in (
        client.get(f"/cp/{name}/station"),
        client.post(f"/cp/{name}/station/plug-in", {"connector": 1}),
    ):
        assert answer.status == 409
        assert answer.error["hint"] == "POST /cp/NAME/station makes one"


def test_without_the_plugin(tmp_path: Path, csms: CentralSystem) -> None:
    with served(tmp_path, plugins="") as client:
        client.post("/cp", {"name": "CP1", "url": csms.url})
        for answer in (client.get("/cp/CP1/station"), client.post("/cp/CP1/station")):
            assert answer.status == 409
            assert "pip install ./plugins/ocppsim-core" in answer.error["hint"]
        assert client.get("/plugins").json == {"plugins": [], "problems": []}
        assert client.get("/cp/CP1").json["station"] is False
