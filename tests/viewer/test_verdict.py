from __future__ import annotations

from typing import Any

from ocppsim.viewer import read_record, verdict_json, verdict_text


def entries(samples: Any, lines: Any) -> Any:
    return read_record(samples.record(lines).splitlines(True)).entries


def test_a_good_run(samples: Any) -> None:
    text = verdict_text(entries(samples, samples.conversation()[:8]))
    assert text.splitlines() == [
        "8 frames of CP_1 in 4.745 s, from 2026-01-31 12:00:00.123 UTC",
        "sent          4: 3 CALL, 1 CALLRESULT, 0 CALLERROR",
        "received      4: 1 CALL, 3 CALLRESULT, 0 CALLERROR",
        "",
        "VERDICT: good: 4 calls, all answered, no violations",
    ]


def test_everything_that_went_wrong_is_named(samples: Any) -> None:
    text = verdict_text(entries(samples, samples.conversation()))
    assert "received     12: 4 CALL, 6 CALLRESULT, 0 CALLERROR, 2 bad" in text
    violation = "1 × RemoteStopTransaction CALL $.transactionId: 'seven' is not an integer"
    assert f"  {violation} [type integer] (#11)" in text
    assert "calls that the CSMS did not answer:\n  #19 Heartbeat h-2 (CP_1, 12:01:47.123)" in text
    assert "calls that the charge point did not answer:\n  #20 UnlockConnector u-1" in text
    assert "#18 Heartbeat h-1 (CP_1, 12:01:46.323) after 31.20 s" in text
    assert text.endswith(
        "VERDICT: not good: 4 frames of the CSMS in violation, 2 of 10 calls unanswered,"
        " 1 answer too late\n"
    )


def test_violations_are_grouped_and_long_lists_end(samples: Any) -> None:
    fault = ("$.type", "required type", "type is missing")
    lines = [
        samples.line(i, i, "received", [2, str(i), "Reset", {}], faults=[fault]) for i in range(30)
    ]
    text = verdict_text(entries(samples, lines))
    assert "30 × Reset CALL $.type: type is missing [required type] (#0, #1, #2, #3, #4, …)" in text
    assert "\n  #19 Reset 19" in text
    assert "  #20 Reset" not in text
    assert "\n  and 10 more\n" in text


def test_what_the_charge_point_sends_wrong_is_no_violation_of_the_csms(samples: Any) -> None:
    fault = ("$", "JSON", "an empty message")
    text = verdict_text(entries(samples, [samples.line(1, 0, "sent", "", faults=[fault])]))
    assert text.endswith("VERDICT: good: no calls, no violations\n")


def test_nothing() -> None:
    assert verdict_text([]).endswith("VERDICT: nothing was said\n")


def test_for_a_program(samples: Any) -> None:
    found = verdict_json(entries(samples, samples.conversation()))
    assert found["good"] is False
    assert found["sent"] == {"CALL": 6, "CALLRESULT": 1, "CALLERROR": 2, "bad": 0}
    assert [one["number"] for one in found["violations"]] == [11, 15, 16, 21]
    assert found["violations"][0]["faults"][0]["rule"] == "type integer"
    assert [(one["direction"], one["uniqueId"]) for one in found["unanswered"]] == [
        ("sent", "h-2"),
        ("received", "u-1"),
    ]
    assert [one["number"] for one in found["late"]] == [18]


def test_nothing_from_the_wire_reaches_the_terminal_raw(samples: Any) -> None:
    fault = ("$.\x1b[2J", "rule\r", "message\x07\u202e")
    call = [2, "\x1b]0;id\x07", "Act\nion", {}]
    lines = [samples.line(1, 0, "received", call, faults=[fault], chargePoint="C\x1b[31m")]
    text = verdict_text(entries(samples, lines))
    assert all(line.isprintable() for line in text.splitlines())
