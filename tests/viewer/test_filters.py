from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

import pytest

from ocppsim.trace_parser import trace_parser
from ocppsim.viewer import Filter, read_record


@pytest.fixture(scope="module")
def entries(samples: Any) -> Any:
    return read_record(samples.record(samples.conversation()).splitlines(True)).entries


@pytest.mark.parametrize(
    ("given", "numbers"),
    [
        ({}, list(range(1, 22))),
        ({"actions": ["BootNotification"]}, [1, 2]),
        ({"actions": ["bootnotification", "Heartbeat"]}, [1, 2, 17, 18, 19]),
        ({"actions": ["GetLocalListVersion"]}, [13, 14]),
        ({"charge_points": ["CP_2"]}, []),
        ({"direction": "sent", "types": ["CALLRESULT"]}, [6]),
        ({"types": ["CALLERROR", "bad"]}, [12, 14, 15, 21]),
        ({"errors": True}, [11, 12, 14, 15, 16, 21]),
        ({"since": 19}, [19, 20, 21]),
        ({"until": 2}, [1, 2]),
        ({"since": datetime(2026, 1, 31, 12, 1, 47, 123456, UTC)}, [19, 20, 21]),
        ({"since": time(12, 1, 46), "until": time(12, 1, 48)}, [18, 19]),
        ({"grep": "abc123"}, [5, 7]),
        ({"grep": '"connectorId":1', "direction": "received"}, [20]),
        ({"grep": "hello"}, [15]),
    ],
)
def test_filters(entries: Any, given: Any, numbers: list[int]) -> None:
    assert [entry.number for entry in Filter(**given).select(entries)] == numbers


def test_a_frame_without_a_time_passes_no_bound_of_time(samples: Any) -> None:
    line = samples.conversation()[0] | {"time": None}
    entries = read_record(samples.record([line]).splitlines(True)).entries
    assert Filter(since=time(0, 0)).select(entries) == []
    assert Filter(until=5).select(entries) == entries


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("17", 17),
        ("12:00:05", time(12, 0, 5)),
        ("12:00", time(12, 0)),
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T13:00:00+01:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31 12:00:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
    ],
)
def test_bounds_on_the_command_line(text: str, bound: Any) -> None:
    assert trace_parser().parse_args(["x", "--since", text]).since == bound


@pytest.mark.parametrize("text", ["soon", "-1", "25:00", "0001-01-01T00:00:00+14:00"])
def test_a_bound_that_is_none(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        trace_parser().parse_args(["x", f"--since={text}"])
    assert stop.value.code == 2
    assert "neither a number nor a time" in capsys.readouterr().err
