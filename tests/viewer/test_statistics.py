from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppsim.viewer import read_record, statistics_json, statistics_text
from ocppsim.viewer.statistics import percentile


@pytest.mark.parametrize(
    ("values", "p", "expected"),
    [
        # the example of the Wikipedia article on percentiles: ranks ⌈0.05·5⌉ = 1, ⌈0.3·5⌉ = 2, …
        ([15, 20, 35, 40, 50], 5, 15),
        ([15, 20, 35, 40, 50], 30, 20),
        ([15, 20, 35, 40, 50], 40, 20),
        ([15, 20, 35, 40, 50], 50, 35),
        ([15, 20, 35, 40, 50], 100, 50),
        ([50, 15, 40, 20, 35], 50, 35),
        ([7], 1, 7),
        ([7], 99, 7),
        ([1, 2], 50, 1),
        ([1, 2], 51, 2),
        (range(1, 101), 95, 95),
        (range(1, 101), 99, 99),
        (range(1, 21), 95, 19),
        (range(1, 21), 99, 20),
        ([], 50, None),
    ],
)
def test_percentiles_by_nearest_rank(values: Any, p: float, expected: float | None) -> None:
    assert percentile(values, p) == expected


@given(st.lists(st.floats(0, 100), min_size=1, max_size=200), st.sampled_from([50, 95, 99]))
def test_a_percentile_is_the_least_value_that_enough_values_do_not_exceed(
    values: list[float], p: int
) -> None:
    found = percentile(values, p)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= p * len(values)
    assert sum(value < found for value in values) * 100 < p * len(values)


def rows(samples: Any, lines: Any) -> dict[tuple[str | None, str], dict[str, Any]]:
    found = statistics_json(read_record(samples.record(lines).splitlines(True)).entries)
    return {(row["action"], row["direction"]): row for row in found["actions"]}


def test_counts_per_action_and_direction(samples: Any) -> None:
    found = rows(samples, samples.conversation())
    assert found["Heartbeat", "sent"] == {
        "action": "Heartbeat",
        "direction": "sent",
        "count": 2,
        "answered": 1,
        "errors": 0,
        "invalid": 0,
        "unanswered": 1,
        "late": 1,
        "latencyMs": {"p50": 31200.0, "p95": 31200.0, "p99": 31200.0},
    }
    stop = found["RemoteStopTransaction", "received"]
    assert (stop["count"], stop["answered"], stop["errors"], stop["invalid"]) == (1, 1, 1, 1)
    unlock = found["UnlockConnector", "received"]
    assert (unlock["unanswered"], unlock["latencyMs"]["p50"]) == (1, None)
    nothing = found[None, "received"]
    assert (nothing["count"], nothing["invalid"], nothing["unanswered"]) == (3, 3, 0)


def test_latencies_of_an_action_by_hand(samples: Any) -> None:
    lines = []
    for index in range(20):  # 1 … 20 ms: ranks 10, 19 and 20
        call = [2, str(index), "Heartbeat", {}]
        lines.append(samples.line(2 * index, index, "sent", call))
        answer = [3, str(index), {}]
        latency = (20 - index) / 1000
        at = index + latency
        lines.append(
            samples.line(2 * index + 1, at, "received", answer, action="Heartbeat", latency=latency)
        )
    assert rows(samples, lines)["Heartbeat", "sent"]["latencyMs"] == {
        "p50": 10.0,
        "p95": 19.0,
        "p99": 20.0,
    }


def test_the_same_action_both_ways_is_two_rows(samples: Any) -> None:
    call, back = [2, "1", "DataTransfer", {"vendorId": "V"}], [3, "1", {"status": "Accepted"}]
    lines = [
        samples.line(1, 0, "sent", call),
        samples.line(2, 1, "received", call),
        samples.line(3, 2, "sent", back, action="DataTransfer", latency=1.0),
    ]
    found = rows(samples, lines)
    assert found["DataTransfer", "sent"]["unanswered"] == 1
    assert found["DataTransfer", "received"]["answered"] == 1
    assert found["DataTransfer", "received"]["latencyMs"]["p99"] == 1000.0


def test_an_answer_without_its_call_counts_as_one(samples: Any) -> None:
    lines = samples.conversation()[1:2]
    found = rows(samples, lines)["BootNotification", "sent"]
    assert (found["count"], found["answered"], found["latencyMs"]["p50"]) == (0, 0, 12.4)


def test_totals(samples: Any) -> None:
    entries = read_record(samples.record(samples.conversation()).splitlines(True)).entries
    sent, received = statistics_json(entries)["totals"]
    assert (sent["action"], sent["direction"], sent["count"], sent["answered"]) == (
        "*",
        "sent",
        6,
        5,
    )
    assert (received["count"], received["errors"], received["unanswered"]) == (4, 2, 1)


def test_the_table(samples: Any) -> None:
    entries = read_record(samples.record(samples.conversation()).splitlines(True)).entries
    lines = statistics_text(entries).splitlines()
    assert lines[0].split() == (
        "action direction count answered errors invalid unanswered p50 ms p95 ms p99 ms".split()
    )
    assert lines[1].split() == "BootNotification sent 1 1 0 0 0 12.4 12.4 12.4".split()
    assert lines[-3].split() == "(no action) received 3 0 0 3 0 – – –".split()
    assert lines[-1].split() == "all received 4 3 2 1 1 2.0 3.0 3.0".split()
    assert len({len(line) for line in lines}) == 1


def test_no_frames(samples: Any) -> None:
    assert len(statistics_text([]).splitlines()) == 1
    assert statistics_json([])["actions"] == []
