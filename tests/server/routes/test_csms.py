"""What the embedded CSMS is told to send over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from server.client import Client, served

from ocppsim.csms import CentralSystem

SOFT = {"type": "Soft"}
CALL = "/csms/CP1/call"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Of ``ocppsim --demo``, whose charge point answers nothing by itself."""
    with served(tmp_path_factory.mktemp("demo"), "--demo", plugins="") as client:
        yield client


def test_the_next_reset_is_rejected(demo: Client) -> None:
    demo.post("/cp/CP1/handlers/Reset", {"payload": {"status": "Rejected"}})
    answer = demo.post(f"{CALL}/Reset", SOFT)
    assert (answer.status, answer.json) == (200, {"status": "Rejected"})
    again = demo.post(f"{CALL}/Reset", SOFT)
    assert (again.status, again.error["where"]) == (424, "charge point")
    assert again.error["errorCode"] == "NotSupported"


def test_one_without_a_body(demo: Client) -> None:
    demo.post("/cp/CP1/handlers/ClearCache", {"payload": {"status": "Accepted"}})
    assert demo.post(f"{CALL}/ClearCache").json == {"status": "Accepted"}


def test_what_is_wrong(demo: Client) -> None:
    invalid = demo.post(f"{CALL}/Reset", {"type": "Gentle"})
    assert (invalid.status, invalid.error["where"]) == (422, "body")
    assert demo.post(f"{CALL}/Reset?validate=false", {"type": "Gentle"}).status == 424
    demo.post("/cp/CP1/handlers/Reset", {"drop": True})
    late = demo.post(f"{CALL}/Reset?timeout=0.2", SOFT)
    assert (late.status, late.error["kind"]) == (424, "CallTimeout")
    wrong = {"payload": {"status": "Perhaps"}, "validate": False}
    demo.post("/cp/CP1/handlers/Reset", wrong)
    received = demo.post(f"{CALL}/Reset", SOFT)
    assert (received.status, received.error["where"]) == (424, "charge point")
    nobody = demo.post("/csms/nobody/call/Reset", SOFT)
    assert (nobody.status, nobody.error["where"]) == (404, "path: name")


def test_one_of_another_csms(demo: Client, csms: CentralSystem) -> None:
    demo.post("/cp", {"name": "away", "url": csms.url})
    answer = demo.post("/csms/away/call/Reset", SOFT)
    assert (answer.status, answer.error["where"]) == (409, "csms")
    assert "/admin" in answer.error["hint"]
    demo.delete("/cp/away")


def test_where_there_is_none(tmp_path: Path) -> None:
    with served(tmp_path, plugins="") as client:
        client.post("/cp", {"name": "CP1", "url": "ws://localhost:1", "connect": False})
        answer = client.post(f"{CALL}/Reset", SOFT)
        assert (answer.status, answer.error["where"]) == (409, "csms")
        assert "--demo" in answer.error["hint"]
