from __future__ import annotations

import json
from typing import Any

from ocppsim.viewer import read_record, table_lines
from ocppsim.viewer.text import cut, visible, width


def entries(samples: Any, lines: Any) -> Any:
    return read_record(samples.record(lines).splitlines(True)).entries


def test_one_frame_a_line_and_faults_below(samples: Any) -> None:
    lines = list(table_lines(entries(samples, samples.conversation())))
    assert lines[0].split() == ("# 2026-01-31 (UTC) ms charge point type action payload".split())
    assert " ".join(lines[2].split()) == (
        "2 12:00:00.135 12.4 CP_1 ← CALLRESULT BootNotification "
        '{"currentTime":"2026-01-31T12:00:00Z","interval":300,"status":"Accepted"}'
    )
    assert lines[12] == "      ! $.transactionId: 'seven' is not an integer [type integer]"
    assert "NotSupported: nobody answers this action {" in lines[15]
    assert "31200.0*" in next(line for line in lines if line.startswith("18"))
    assert lines[-2].endswith("AAEC")
    assert len(lines) == 1 + 21 + 4


def test_a_record_of_several_days_shows_the_date(samples: Any) -> None:
    call = [2, "1", "Heartbeat", {}]
    both = [samples.line(1, 0, "sent", call), samples.line(2, 86400, "sent", call)]
    lines = list(table_lines(entries(samples, both)))
    assert "2026-01-31 12:00:00.123" in lines[1]
    assert "2026-02-01 12:00:00.123" in lines[2]


def test_a_payload_is_cut_to_the_terminal_and_whole_otherwise(samples: Any) -> None:
    found = entries(samples, samples.conversation())
    assert max(map(width, table_lines(found, columns_wide=120))) == 120
    assert any(line.endswith("…") for line in table_lines(found, columns_wide=120))
    assert not any("…" in line for line in table_lines(found))
    assert list(table_lines(found, columns_wide=5))


def test_wide_characters_take_two_columns(samples: Any) -> None:
    lines = [samples.line(1, 0, "sent", [2, "1", "DataTransfer", {"data": "充电桩" * 40}])]
    lines += [samples.line(2, 1, "sent", [2, "2", "Heartbeat", {}], chargePoint="充电")]
    table = list(table_lines(entries(samples, lines), columns_wide=100))
    assert all(width(line) <= 100 for line in table)
    assert width(table[1][: table[1].index("→")]) == width(table[2][: table[2].index("→")])


def test_colours_only_if_asked_for(samples: Any) -> None:
    found = entries(samples, samples.conversation())
    assert not any("\x1b" in line for line in table_lines(found))
    painted = list(table_lines(found, colour=True))
    assert painted[1].startswith("\x1b[36m")
    assert painted[12].startswith("\x1b[31m      !")


def test_control_characters_of_the_wire_are_escaped(samples: Any) -> None:
    text = "\x1b[2J\r\n\u202eevil\ud800\u2028"
    lines = [samples.line(1, 0, "received", "x" + text, faults=[(text, text, text)])]
    lines += [samples.line(2, 0, "received", [2, text, text, {"a": text}], chargePoint=text)]
    data = [json.dumps(line).encode() + b"\n" for line in lines]
    table = list(table_lines(read_record(data).entries))
    assert all(line.isprintable() for line in table)
    assert "\\u001b[2J\\r\\n\\u202eevil\\ud800\\u2028" in table[1]


def test_visible_is_the_same_json() -> None:
    assert visible("\U000e0001") == "\\udb40\\udc01"
    assert visible("déjà 充电 🙂") == "déjà 充电 🙂"


def test_cut() -> None:
    assert cut("abc", 3) == "abc"
    assert cut("abcd", 3) == "ab…"
    assert cut("充电桩", 5) == "充电…"
