"""Messages over HTTP: filtered, paged, exported, said again."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import ocppsim
from server.client import Client

from ocppsim.csms import CentralSystem
from ocppsim.viewer import mermaid_text, read_record


@pytest.fixture
def said(client: Client, csms: CentralSystem, name: str) -> str:
    """A charge point that has said something: ten Heartbeats, a session, and answers."""
    for _ in range(10):
        client.post(f"/cp/{name}/call/Heartbeat")
    client.post(f"/cp/{name}/handlers/Reset", {"payload": {"status": "Rejected"}})
    csms.call(name, "Reset", {"type": "Hard"})
    client.post(f"/cp/{name}/call/Nonsense?validate=false")
    return name


def test_a_page_after_the_other(client: Client, said: str) -> None:
    seen: list[int] = []
    after = 0
    while True:
        page = client.get(f"/cp/{said}/messages?limit=7&after={after}").json
        seen += [one["number"] for one in page["messages"]]
        if page["next"] is None:
            break
        assert len(page["messages"]) == 7
        after = page["next"]
    assert seen == list(range(1, 25))
    assert page["kept"] == 24


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 24),
        ("action=Heartbeat", 20),
        ("action=heartbeat&action=Reset", 22),
        ("direction=received", 12),
        ("type=CALL", 12),
        ("type=CALLRESULT&type=CALLERROR", 12),
        ("errors=true", 1),
        ("since=20", 5),
        ("until=4", 4),
        ("since=3&until=4", 2),
        ("since=2020-01-01T00:00:00Z", 24),
        ("until=2020-01-01T00:00:00Z", 0),
        ("grep=rejected", 1),
        ("action=Nothing", 0),
    ],
)
def test_filters(client: Client, said: str, query: str, count: int) -> None:
    assert len(client.get(f"/cp/{said}/messages?{query}").json["messages"]) == count
    lines = client.get(f"/cp/{said}/messages/export?{query}").text.splitlines()
    assert len(lines) == count


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("limit=0", "query: limit"),
        ("limit=many", "query: limit"),
        ("limit=1&limit=2", "query: limit"),
        ("actoin=Reset", "query: actoin"),
        ("since=yesterday", "query: since"),
        ("type=CALLS", "query: type"),
        ("direction=up", "query: direction"),
        ("errors=maybe", "query: errors"),
        ("after=99999999999999999999999999", "query: after"),
    ],
)
def test_a_wrong_filter_is_named(client: Client, name: str, query: str, where: str) -> None:
    answer = client.get(f"/cp/{name}/messages?{query}")
    assert (answer.status, answer.error["where"]) == (400, where)


def test_a_record_for_the_viewer(client: Client, said: str) -> None:
    answer = client.get(f"/cp/{said}/messages/export?format=jsonl")
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    record = read_record(answer.text.encode().splitlines(keepends=True))
    assert (len(record.entries), record.problems) == (24, [])
    diagram = client.get(f"/cp/{said}/messages/export?format=mermaid")
    assert diagram.text == mermaid_text(record.entries)


def test_a_table(client: Client, said: str) -> None:
    answer = client.get(f"/cp/{said}/messages/export?format=csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 24
    assert (rows[0]["number"], rows[0]["action"], rows[0]["direction"]) == (
        "1",
        "Heartbeat",
        "sent",
    )


def test_secrets_are_masked(client: Client, csms: CentralSystem, name: str) -> None:
    secret = "0123456789abcdef0123"
    csms_call = {"key": "AuthorizationKey", "value": secret}
    client.put(f"/cp/{name}/handlers/ChangeConfiguration", {"payload": {"status": "Accepted"}})
    csms.call(name, "ChangeConfiguration", csms_call)
    texts = [client.get(f"/cp/{name}/messages").text]
    for form in ("jsonl", "csv", "mermaid", "script"):
        texts.append(client.get(f"/cp/{name}/messages/export?format={form}").text)
    assert all("AuthorizationKey" in text for text in texts[:-1])
    assert not any(secret in text for text in texts)


def test_a_script_says_it_all_again(
    client: Client, csms: CentralSystem, name: str, tmp_path: Path
) -> None:
    def call(action: str, **payload: object) -> dict[str, object]:
        found: dict[str, object] = client.post(f"/cp/{name}/call/{action}", payload).json
        return found

    def session() -> Iterator[None]:
        call("BootNotification", chargePointVendor='"""', chargePointModel="m\u00e9")
        client.post(f"/cp/{name}/handlers/Reset", {"payload": {"status": "Rejected"}})
        csms.call(name, "Reset", {"type": "Hard"})
        yield
        moment = "2026-01-31T12:00:00Z"
        began = call("StartTransaction", connectorId=1, idTag="A", meterStart=0, timestamp=moment)
        number = began["transactionId"]
        values = [{"timestamp": moment, "sampledValue": [{"value": "1"}]}]
        call("MeterValues", connectorId=1, transactionId=number, meterValue=values)
        call("StopTransaction", transactionId=number, meterStop=5, timestamp=moment)

    list(session())
    script = tmp_path / "again.py"
    script.write_text(client.get(f"/cp/{name}/messages/export?format=script").text)
    with CentralSystem() as other:
        # so that the ids are other ones
        other.answer("StartTransaction", {"transactionId": 77, "idTagInfo": {"status": "Accepted"}})

        def reset(request: object) -> None:
            return None

        other.answer("BootNotification", reset)
        import threading

        def ask() -> None:
            other.wait_for_connection(name, 60)
            other.wait_for("BootNotification", timeout=60)
            answers.append(other.call(name, "Reset", {"type": "Hard"}))

        answers: list[object] = []
        asking = threading.Thread(target=ask)
        asking.start()
        done = ocppsim("--url", other.url, script)
        asking.join(60)
        assert done.returncode == 0, done.stderr
        assert answers == [{"status": "Rejected"}]
        again = [(one.action, one.payload) for one in other.received()]
    before = [(one.action, one.payload) for one in csms.received()]
    assert [action for action, _ in again] == [action for action, _ in before]
    assert again[0] == before[0]
    assert [p["transactionId"] for a, p in again if "transactionId" in p] == [77, 77]


def test_a_script_of_nothing_runs(client: Client, csms: CentralSystem, name: str) -> None:
    text = client.get(f"/cp/{name}/messages/export?format=script").text
    compile(text, "again.py", "exec")
