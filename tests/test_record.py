"""The record file: every frame of every charge point, as JSON lines."""

from __future__ import annotations

import base64
import json
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from answering_csms import HEARTBEAT, AnsweringCsms

import ocppsim
from ocppsim import Fault, connect, rpc, session, trace
from ocppsim.record import Recorder
from ocppsim.trace import TracedFrame

SECRET = {"key": "AuthorizationKey", "value": "S3CRET"}


@pytest.fixture
def csms() -> Iterator[AnsweringCsms]:
    with AnsweringCsms() as csms:
        yield csms


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "record.jsonl"


def read(path: Path) -> list[dict[str, Any]]:
    text = path.read_text(encoding="utf-8")
    assert text == "" or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def frame(text: str | bytes, **fields: Any) -> TracedFrame:
    return TracedFrame("CP1", "received", text, rpc.decode(text), **fields)


def written(path: Path, traced: TracedFrame, *, secrets: bool = False) -> dict[str, Any]:
    """What is written of one frame."""
    recorder = Recorder(path, secrets=secrets)
    recorder(traced)
    recorder.close()
    (line,) = read(path)
    return line


def test_every_frame_is_written_at_once(csms: AnsweringCsms, path: Path) -> None:
    path.write_text("what was there before")
    before = datetime.now(UTC)
    with ocppsim.record(path), connect(csms.url) as cp:
        assert read(path) == []
        cp.send_heartbeat()
        call, result = read(path)  # while the file is open
    unique_id = call["uniqueId"]
    assert before <= datetime.fromisoformat(call.pop("time")) <= datetime.now(UTC)
    assert call == {
        "number": 1,
        "chargePoint": "CP1",
        "direction": "sent",
        "type": "CALL",
        "action": "Heartbeat",
        "uniqueId": unique_id,
        "frame": [2, unique_id, "Heartbeat", {}],
        "latency": None,
        "faults": [],
    }
    assert 0 < result.pop("latency") < 10
    assert result.pop("time").endswith("Z")
    assert result == {
        "number": 2,
        "chargePoint": "CP1",
        "direction": "received",
        "type": "CALLRESULT",
        "action": "Heartbeat",
        "uniqueId": unique_id,
        "frame": [3, unique_id, HEARTBEAT],
        "faults": [],
    }


def test_the_time_has_microseconds(path: Path) -> None:
    assert written(path, frame("[]", time=1769860800.25))["time"] == "2026-01-31T12:00:00.250000Z"


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ('[3,"1",null]', "frame", [3, "1", None]),
        ('{"a": 1}', "frame", {"a": 1}),
        ("null", "text", "null"),
        ("[2,é\x00", "text", "[2,é\x00"),
        ("", "text", ""),
        ('[3,"1",{"a":NaN}]', "text", '[3,"1",{"a":NaN}]'),
        ('[3,"1",{"a":1e999}]', "text", '[3,"1",{"a":1e999}]'),
        ('[3,"1",{"a":"\\ud800"}]', "frame", [3, "1", {"a": "\ud800"}]),
        ("[" * 9000, "text", "[" * 9000),
        (b"\x00\xff", "base64", base64.b64encode(b"\x00\xff").decode()),
    ],
    ids=str,
)
def test_whatever_came_is_written(text: str | bytes, key: str, value: Any, path: Path) -> None:
    line = written(path, frame(text))
    assert {name: line[name] for name in ("frame", "text", "base64") if name in line} == {
        key: value
    }


def test_faults_are_written(path: Path) -> None:
    traced = frame("[]", faults=[Fault("$.a", "enum", "'x' is not one of y")])
    assert written(path, traced)["faults"] == [
        {"path": "$.a", "rule": "enum", "message": "'x' is not one of y"}
    ]


@pytest.mark.parametrize("secrets", [False, True])
def test_secrets_are_masked_unless_asked_for(secrets: bool, path: Path) -> None:
    text = json.dumps([2, "1", "ChangeConfiguration", SECRET])
    fault = Fault("$.value", "maxLength 3", "'S3CRET' is too long")
    for traced in (frame(text, faults=[fault]), frame(text[:-1]), frame(text.encode())):
        line = written(path, traced, secrets=secrets)
        shown = json.dumps(line) + str(base64.b64decode(line.get("base64", "")))
        assert ("S3CRET" in shown) is secrets


def test_charge_points_in_many_threads_share_it(csms: AnsweringCsms, path: Path) -> None:
    def talk() -> None:
        with connect(csms.url) as cp:
            for _ in range(20):
                cp.send_heartbeat()

    with ocppsim.record(path):
        threads = [threading.Thread(target=talk) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(read(path)) == 5 * 20 * 2


def test_it_ends_when_it_is_closed(csms: AnsweringCsms, path: Path) -> None:
    recorder = ocppsim.record(path)
    with connect(csms.url) as cp:
        cp.send_heartbeat()
        recorder.close()
        recorder.close()
        cp.send_heartbeat()
        recorder(cp.trace[-1])
    assert len(read(path)) == 2
    assert recorder not in trace.everywhere


def test_it_ends_after_the_last_connection(csms: AnsweringCsms, path: Path) -> None:
    recorder = ocppsim.record(path)
    connect(csms.url).send_heartbeat()
    session.close_all()
    assert recorder not in trace.everywhere
    assert len(read(path)) == 2


def test_a_full_disk_is_reported_once(
    csms: AnsweringCsms, caplog: pytest.LogCaptureFixture
) -> None:
    with ocppsim.record("/dev/full"), connect(csms.url) as cp:
        cp.send_heartbeat()
        cp.send_heartbeat()
    errors = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
    assert errors == ["the record /dev/full ends here, the run goes on: No space left on device"]


def test_a_file_that_cannot_be_opened_raises(tmp_path: Path) -> None:
    before = list(trace.everywhere)
    with pytest.raises(FileNotFoundError):
        ocppsim.record(tmp_path / "no" / "folder")
    assert trace.everywhere == before
