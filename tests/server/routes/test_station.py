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
    assert 3000 < one["power"] <= one["offered"]
    assert (one["limits"], one["fixed"]) == ([], False)
    assert one["plugged"] == {"station": True, "car": True}
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


def test_errors_are_shown(act: Callable[..., Any]) -> None:
    state = act("fault", connector=1, errorCode="GroundFailure", info="wet")
    assert [state["errorCode"], state["info"]] == ["NoError", None]
    one, two = state["connectors"]
    assert (one["errorCode"], one["info"]) == ("GroundFailure", "wet")
    assert (two["errorCode"], two["info"]) == ("NoError", None)


def test_the_door_and_the_lock(client: Client, name: str, act: Callable[..., Any]) -> None:
    state = act("open-door")
    assert (state["door"], state["status"], state["info"]) == (True, "Faulted", "door open")
    again = client.post(f"/cp/{name}/station/open-door")
    assert (again.status, again.error["what"]) == (422, "the door is open already")
    assert act("close-door")["door"] is False
    act("break-lock", connector=1, how="stuck")
    act("plug-in", connector=1)
    act("present-id-tag", idTag="04E8C2A2", connector=1)
    act("wait-for", connector=1, status="Charging")
    stuck = act("unplug", connector=1)["connectors"][0]
    assert (stuck["locked"], stuck["plugged"]) == (True, {"station": True, "car": False})


def test_limits_are_shown(client: Client, name: str, act: Callable[..., Any]) -> None:
    before = client.get(f"/cp/{name}/station").json["connectors"][0]["offered"]
    assert 20_000 < before < 24_000  # three phases of 32 A
    script = "import ocppsim_core\nocppsim_core.find(cp).set_limit('fuse', 1, 16)\n"
    ran = client.post(f"/cp/{name}", script, media="text/x-python")
    assert ran.status == 200, ran.text
    one = client.get(f"/cp/{name}/station").json["connectors"][0]
    assert one["limits"] == [{"owner": "fuse", "amperes": 16, "watts": None, "phases": None}]
    assert 10_000 < one["offered"] < 12_000
    assert one["power"] == 0


def test_the_power(client: Client, name: str, act: Callable[..., Any]) -> None:
    assert client.get(f"/cp/{name}/station").json["speed"] == 600
    gone = act("power-off", battery=True)
    assert (gone["online"], gone["powered"]) == (False, False)
    assert client.get(f"/cp/{name}").json["connected"] is False
    client.post(f"/cp/{name}/connect")
    back = act("power-on", wait=True)
    assert (back["online"], back["powered"]) == (True, True)


def test_one_is_made_before_there_is_a_csms(
    client: Client, csms: CentralSystem, make: Callable[..., str]
) -> None:
    name = make(url="ws://127.0.0.1:1", connect=False)
    made = client.post(f"/cp/{name}/station", {"connectors": 2, "speed": 600})
    assert made.status == 201, made.text
    assert (made.json["online"], made.json["powered"]) == (False, True)
    assert client.post(f"/cp/{name}/station/plug-in", {"connector": 1}).status == 200
    assert client.post(f"/cp/{name}/connect").status == 424
    assert client.post(f"/cp/{name}/connect", {"url": csms.url}).status == 200
    csms.wait_for("BootNotification", timeout=60)
    status = {"connectorId": 1, "status": "Preparing"}
    csms.wait_for(
        "StatusNotification", timeout=60, where=lambda r: status.items() <= r.payload.items()
    )
    assert client.get(f"/cp/{name}/station").json["online"] is True


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
