from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppsim.record import Recorder
from ocppsim.rpc import CallFrame, ResultFrame, decode
from ocppsim.trace import Trace, TracedFrame
from ocppsim.viewer import from_trace, read_record, record_line, table_lines, verdict_text
from ocppsim.viewer.mermaid import mermaid_text
from ocppsim.viewer.page import html_page
from ocppsim.viewer.statistics import statistics_text


def read(data: bytes) -> Any:
    return read_record(data.splitlines(keepends=True))


def test_a_record_is_read_whole(samples: Any) -> None:
    lines = samples.conversation()
    record = read(samples.record(lines))
    assert record.problems == []
    assert [entry.number for entry in record.entries] == list(range(1, 22))
    boot, answer = record.entries[:2]
    assert (boot.chargePoint, boot.direction, boot.type, boot.action) == (
        "CP_1",
        "sent",
        "CALL",
        "BootNotification",
    )
    assert boot.time.isoformat() == "2026-01-31T12:00:00.123456+00:00"
    assert boot.body == lines[0]["frame"][3]
    assert boot.answer is answer
    assert answer.call is boot
    assert answer.latency == 0.0124
    wrong = record.entries[10]
    assert [str(fault) for fault in wrong.faults] == ["$.transactionId: 'seven' is not an integer"]
    assert record.entries[14].raw == '{"hello": "world"'
    assert record.entries[20].raw == b"\x00\x01\x02"


def test_a_record_is_written_as_it_was_read(samples: Any) -> None:
    lines = samples.conversation()
    lines[17]["action"] = "Heartbeat"  # found by its call
    record = read(samples.record(lines))
    assert [json.loads(record_line(entry)) for entry in record.entries] == lines


def test_a_late_answer_is_linked_by_its_id_and_its_wait_is_known_by_the_times(samples: Any) -> None:
    late = read(samples.record(samples.conversation())).entries[17]
    assert late.action == "Heartbeat"
    assert late.late
    assert late.latency is None
    assert late.waited == pytest.approx(31.2)


def test_ids_are_apart_by_charge_point_and_direction(samples: Any) -> None:
    frame, answer = [2, "1", "Heartbeat", {}], [3, "1", {}]
    lines = [
        samples.line(1, 0, "sent", frame),
        samples.line(1, 0, "sent", frame, chargePoint="CP_2"),
        samples.line(2, 1, "received", [2, "1", "Reset", {"type": "Soft"}]),
        samples.line(2, 1, "received", answer, chargePoint="CP_2"),
        samples.line(3, 2, "sent", answer),
    ]
    one, two, reset, answer_two, answer_reset = read(samples.record(lines)).entries
    assert one.answer is None
    assert two.answer is answer_two
    assert reset.answer is answer_reset
    assert answer_reset.action == "Reset"


def test_an_id_that_is_used_again_gives_each_call_its_answer(samples: Any) -> None:
    call, answer = [2, "1", "Heartbeat", {}], [3, "1", {}]
    lines = [samples.line(1, 0, "sent", call), samples.line(2, 1, "received", answer)] * 2
    lines += [samples.line(5, 2, "received", answer)]
    entries = read(samples.record(lines)).entries
    assert entries[0].answer is entries[1]
    assert entries[2].answer is entries[3]
    assert entries[4].call is None


def test_a_record_that_is_cut_off_is_shown_up_to_there(samples: Any) -> None:
    data = samples.record(samples.conversation())
    record = read(data[:-40])
    assert len(record.entries) == 20
    assert [problem.line for problem in record.problems] == [21]
    assert "cut off" in str(record.problems[0])


def test_a_last_line_without_its_end_is_whole(samples: Any) -> None:
    record = read(samples.record(samples.conversation()).rstrip(b"\n"))
    assert len(record.entries) == 21
    assert record.problems == []


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"\x89PNG\r\n", "not UTF-8"),
        (b"hello\n", "not JSON"),
        (b"NaN\n", "not JSON"),
        (b"[1]\n", "JSON object"),
        (b"null\n", "JSON object"),
        (b'{"a": 1}\n', '"direction"'),
        (b'{"direction": "sideways", "frame": []}\n', '"direction"'),
        (b'{"direction": ["sent"], "frame": []}\n', '"direction"'),
        (b'{"direction": "sent"}\n', '"frame", "text" or "base64"'),
        (b'{"direction": "sent", "base64": "!"}\n', "Base64"),
        (b'{"direction": "sent", "frame": ' + b"[" * 600 + b"]" * 600 + b"}\n", "too deeply"),
        (b'{"direction": "sent", "frame": ' + b"[" * 100000 + b"\n", "too deeply"),
    ],
)
def test_a_foreign_line_is_named_and_the_others_are_shown(
    samples: Any, line: bytes, why: str
) -> None:
    lines = samples.conversation()
    data = samples.record([lines[0], line, lines[1]])
    record = read(data)
    assert [entry.number for entry in record.entries] == [1, 2]
    assert record.problems[0].line == 2
    assert why in str(record.problems[0])
    assert str(record.problems[0]).startswith("line 2: ")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("number", "1"),
        ("number", True),
        ("number", -1),
        ("number", 10**30),
        ("time", None),
        ("time", "yesterday"),
        ("time", "2026-01-31T12:00:00"),
        ("time", "0001-01-01T00:00:00+14:00"),
        ("time", 5),
        ("chargePoint", None),
        ("type", "SHOUT"),
        ("type", ["CALL"]),
        ("action", 5),
        ("uniqueId", {}),
        ("latency", "fast"),
        ("latency", -1),
        ("latency", True),
        ("latency", 10**400),
        ("faults", None),
        ("faults", "one"),
        ("faults", [{"path": "$"}]),
    ],
)
def test_a_field_that_is_wrong_is_named_and_the_frame_is_shown(
    samples: Any, field: str, value: Any
) -> None:
    line = samples.conversation()[0]
    line[field] = value
    record = read(samples.record([line]))
    assert len(record.entries) == 1
    assert record.entries[0].type == "CALL"
    assert [problem.line for problem in record.problems] == [1]
    assert f'"{field}"' in str(record.problems[0])


def test_a_byte_order_mark_empty_lines_and_unknown_fields_do_no_harm(samples: Any) -> None:
    line = samples.conversation()[0] | {"more": 1}
    record = read(b"\xef\xbb\xbf" + samples.record([b"\n", line, b"  \r\n"]))
    assert len(record.entries) == 1
    assert record.problems == []


def test_digits_that_no_number_holds_are_kept_as_text(samples: Any) -> None:
    data = b'{"number":1,"time":"2026-01-31T12:00:00Z","chargePoint":"C","direction":"sent",'
    data += b'"type":"CALL","action":"X","uniqueId":"1","frame":[2,"1","X",{"a":1e999,"b":'
    data += b"9" * 5000 + b'}],"latency":null,"faults":[]}\n'
    (entry,) = read(data).entries
    assert entry.body == {"a": "1e999", "b": "9" * 5000}
    html_page([entry])


def test_the_trace_of_a_charge_point_serves_as_well() -> None:
    trace = Trace()
    call = '[2,"1","Heartbeat",{}]'
    trace.add(TracedFrame("CP_1", "sent", call, CallFrame("1", "Heartbeat", {}), "Heartbeat"))
    answer = '[3,"1",{"currentTime":"2026-01-31T12:00:00Z"}]'
    result = ResultFrame("1", {})
    trace.add(TracedFrame("CP_1", "received", answer, result, "Heartbeat", latency=0.01))
    deep = '[2,"2","X",' + '{"a":' * 500 + "1" + "}" * 500 + "]"
    for text in ("nonsense", b"\x00", deep):
        frame = decode(text)
        trace.add(TracedFrame("CP_1", "received", text, frame, faults=list(frame.faults)))
    entries = from_trace(trace)
    assert entries[0].answer is entries[1]
    assert abs(entries[0].time.timestamp() - time.time()) < 5  # type: ignore[union-attr]
    assert [entry.text for entry in entries[2:]] == ["nonsense", "AA==", deep]
    for show in (verdict_text, mermaid_text, html_page, statistics_text):
        assert show(entries)


def test_a_trace_shows_no_secrets_unless_asked() -> None:
    text = '[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"hush"}]'
    frame = TracedFrame("CP_1", "received", text, decode(text), "ChangeConfiguration")
    assert from_trace([frame])[0].body["value"] == "***"
    assert from_trace([frame], secrets=True)[0].body["value"] == "hush"


def test_what_the_recorder_writes_is_read(tmp_path: Path) -> None:
    texts = [
        ("sent", '[2,"1","Heartbeat",{}]'),
        ("received", '[3,"1",{"currentTime":"2026-01-31T12:00:00Z"}]'),
        ("received", "nonsense"),
        ("received", '{"an": "object"}'),
        ("received", "[]"),
        ("sent", b"\x00\xff"),
        ("received", '[2,"2","X",{"a":1e999}]'),
    ]
    frames = []
    for number, (direction, text) in enumerate(texts, 1):
        frame = decode(text)
        action = getattr(frame, "action", None)
        traced = TracedFrame("CP_1", direction, text, frame, action, list(frame.faults))  # type: ignore[arg-type]
        traced.number, traced.time = number, time.time()
        frames.append(traced)
    frames[1].latency, frames[1].action = 0.0125, "Heartbeat"
    with Recorder(tmp_path / "run.jsonl") as recorder:
        for traced in frames:
            recorder(traced)
    record = read((tmp_path / "run.jsonl").read_bytes())
    assert record.problems == []
    for entry, live in zip(record.entries, from_trace(frames), strict=True):
        for name in ("number", "direction", "type", "action", "unique_id", "latency", "faults"):
            assert getattr(entry, name) == getattr(live, name)
        assert entry.text.replace(" ", "") == live.text.replace(" ", "")
        assert abs((entry.time - live.time).total_seconds()) < 0.0001


def everything(data: bytes) -> None:
    """Read and show in every way."""
    record = read(data)
    for show in (verdict_text, mermaid_text, html_page, statistics_text):
        assert isinstance(show(record.entries), str)
    for lines in (table_lines(record.entries), table_lines(record.entries, columns_wide=40)):
        assert all(line.isprintable() for line in lines)
    for entry in record.entries:
        assert read(record_line(entry).encode() + b"\n").entries


@given(st.binary(max_size=300))
def test_no_bytes_are_too_bad(data: bytes) -> None:
    everything(data)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
_kinds = st.sampled_from([2, 3, 4, 2.0, True, 9, "2"])
_frames = st.lists(_json, max_size=5) | st.builds(
    lambda kind, rest: [kind, *rest], _kinds, st.lists(_json, max_size=5)
)
_fields = {
    "number": _json,
    "time": _json | st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    "chargePoint": _json,
    "type": _json | st.sampled_from(["CALL", "CALLRESULT", "CALLERROR", "bad"]),
    "action": _json,
    "uniqueId": _json | st.just("1"),
    "frame": _frames,
    "text": _json,
    "latency": _json,
    "faults": _json,
}


@given(
    st.lists(
        st.fixed_dictionaries(
            {"direction": st.sampled_from(["sent", "received"])}, optional=_fields
        ),
        max_size=4,
    )
)
def test_no_line_is_too_bad(lines: list[dict[str, Any]]) -> None:
    everything(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
