"""Records for these tests, written by hand: one conversation, and long ones."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

START = datetime(2026, 1, 31, 12, 0, 0, 123456, UTC)
NAMES = {2: "CALL", 3: "CALLRESULT", 4: "CALLERROR"}


def line(
    number: int,
    seconds: float,
    direction: str,
    frame: Any,
    *,
    action: str | None = None,
    latency: float | None = None,
    faults: Iterable[tuple[str, str, str]] = (),
    chargePoint: str = "CP_1",
    type: str | None = None,
) -> dict[str, Any]:
    """One line of a record, as an object. frame: a list, a text or bytes."""
    moment = START + timedelta(seconds=seconds)
    result: dict[str, Any] = {
        "number": number,
        "time": moment.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "chargePoint": chargePoint,
        "direction": direction,
        "type": type or (NAMES[frame[0]] if isinstance(frame, list) else "bad"),
        "action": frame[2] if isinstance(frame, list) and frame[0] == 2 else action,
        "uniqueId": frame[1] if isinstance(frame, list) else None,
    }
    if isinstance(frame, list):
        result["frame"] = frame
    elif isinstance(frame, str):
        result["text"] = frame
    else:
        result["base64"] = frame.decode()
    result["latency"] = latency
    result["faults"] = [{"path": p, "rule": r, "message": m} for p, r, m in faults]
    return result


def record(lines: Iterable[Any]) -> bytes:
    """The file: JSON lines; bytes among `lines` stand for themselves."""
    return b"".join(
        one if isinstance(one, bytes) else json.dumps(one, ensure_ascii=False).encode() + b"\n"
        for one in lines
    )


def conversation() -> list[dict[str, Any]]:
    """A boot, a charge, a reset, and everything that can go wrong."""
    boot = {"chargePointVendor": "Vendor", "chargePointModel": "One", "firmwareVersion": "1.2.3"}
    now = "2026-01-31T12:00:00Z"
    accepted = {"currentTime": now, "interval": 300, "status": "Accepted"}
    sampled = [
        {"value": "1234.5", "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
        {"value": "16.0", "measurand": "Current.Import", "phase": "L1", "unit": "A"},
    ]
    meter = {"connectorId": 1, "transactionId": 7}
    meter["meterValue"] = [{"timestamp": now, "sampledValue": sampled}]
    free = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
    tag = {"idTagInfo": {"status": "Accepted"}, "transactionId": 7}
    begin = {"connectorId": 1, "idTag": "ABC123", "meterStart": 1200, "timestamp": now}
    short = ("$.transactionId", "type integer", "'seven' is not an integer")
    stray = ("$[1]", "answer to a call", "no call with this id is open")
    text = '{"hello": "world"'
    nojson = ("$", "JSON", "not JSON: Expecting ',' delimiter: line 1 column 18 (char 17)")
    return [
        line(1, 0.0, "sent", [2, "b-1", "BootNotification", boot]),
        line(
            2, 0.0124, "received", [3, "b-1", accepted], action="BootNotification", latency=0.0124
        ),
        line(3, 0.02, "sent", [2, "s-1", "StatusNotification", free]),
        line(4, 0.0285, "received", [3, "s-1", {}], action="StatusNotification", latency=0.0085),
        line(5, 4.5, "received", [2, "r-1", "RemoteStartTransaction", {"idTag": "ABC123"}]),
        line(
            6,
            4.503,
            "sent",
            [3, "r-1", {"status": "Accepted"}],
            action="RemoteStartTransaction",
            latency=0.003,
        ),
        line(7, 4.6, "sent", [2, "t-1", "StartTransaction", begin]),
        line(8, 4.745, "received", [3, "t-1", tag], action="StartTransaction", latency=0.145),
        line(9, 65.0, "sent", [2, "m-1", "MeterValues", meter]),
        line(10, 65.009, "received", [3, "m-1", {}], action="MeterValues", latency=0.009),
        line(
            11,
            66.0,
            "received",
            [2, "x-1", "RemoteStopTransaction", {"transactionId": "seven"}],
            faults=[short],
        ),
        line(
            12,
            66.001,
            "sent",
            [4, "x-1", "TypeConstraintViolation", "$.transactionId: 'seven' is not an integer", {}],
            action="RemoteStopTransaction",
        ),
        line(13, 67.0, "received", [2, "g-1", "GetLocalListVersion", {}]),
        line(
            14,
            67.002,
            "sent",
            [
                4,
                "g-1",
                "NotSupported",
                "nobody answers this action",
                {"hint": "install ocppsim-local-auth-list"},
            ],
            action="GetLocalListVersion",
            latency=0.002,
        ),
        line(15, 68.0, "received", text, faults=[nojson]),
        line(16, 70.0, "received", [3, "nobody", {}], faults=[stray]),
        line(17, 75.0, "sent", [2, "h-1", "Heartbeat", {}]),
        line(18, 106.2, "received", [3, "h-1", {"currentTime": now}]),
        line(19, 107.0, "sent", [2, "h-2", "Heartbeat", {}]),
        line(20, 108.0, "received", [2, "u-1", "UnlockConnector", {"connectorId": 1}]),
        line(
            21,
            109.0,
            "received",
            b"AAEC",
            faults=[("$", "text frame", "a binary message; OCPP-J is text")],
        ),
    ]


def long(count: int, chargePoints: int = 1) -> list[dict[str, Any]]:
    """That many heartbeats and their answers, in turn."""
    lines = []
    for index in range(count // 2):
        name, unique_id = f"CP_{index % chargePoints + 1}", f"id-{index}"
        call = [2, unique_id, "Heartbeat", {}]
        answer = [3, unique_id, {"currentTime": "2026-01-31T12:00:00Z"}]
        seconds, latency = index * 0.5, 0.005 + index % 7 / 1000
        lines += [
            line(2 * index + 1, seconds, "sent", call, chargePoint=name),
            line(
                2 * index + 2,
                seconds + latency,
                "received",
                answer,
                action="Heartbeat",
                latency=latency,
                chargePoint=name,
            ),
        ]
    return lines


@pytest.fixture(scope="session")
def samples() -> SimpleNamespace:
    """`line`, `record`, `conversation` and `long` of this file."""
    return SimpleNamespace(line=line, record=record, conversation=conversation, long=long)
