from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppsim.viewer import mermaid_text, read_record
from ocppsim.viewer.mermaid import escape
from ocppsim.viewer.text import visible

SHAPE = re.compile(
    r"sequenceDiagram"
    r"|    participant (P\d+ as [^;#\n]*|CSMS)"
    r"|    (P\d+|CSMS)(->>|-->>|-x|--x)(P\d+|CSMS): [^;#\n]+"
    r"|    Note over P\d+,CSMS: [^;#\n]+"
)


def bare(line: str) -> str:
    """The line with its entities taken out, after which no sign of the language is left over."""
    return re.sub(r"#\d+;", "x", line)


def diagram(samples: Any, lines: Any) -> str:
    return mermaid_text(read_record(samples.record(lines).splitlines(True)).entries)


def test_a_conversation(samples: Any) -> None:
    lines = diagram(samples, samples.conversation()).splitlines()
    assert lines[:3] == ["sequenceDiagram", "    participant P1 as CP_1", "    participant CSMS"]
    assert lines[3].startswith("    P1->>CSMS: BootNotification chargePointVendor=Vendor")
    assert lines[4].endswith("(12.4 ms)")
    assert "    CSMS->>P1: RemoteStartTransaction idTag=ABC123" in lines
    assert "    P1-xCSMS: Heartbeat (no answer)" in lines
    assert "    Note over P1,CSMS: #36;.transactionId#58; #39;seven#39; is not an integer" in lines
    assert any(
        line.startswith("    P1--xCSMS: GetLocalListVersion CALLERROR Not") for line in lines
    )
    assert any(line.startswith("    CSMS-xP1: bad ") for line in lines)
    assert all(SHAPE.fullmatch(bare(line)) for line in lines)


def test_charge_points_stand_left_of_the_csms(samples: Any) -> None:
    call = [2, "1", "Heartbeat", {}]
    lines = [samples.line(1, 0, "sent", call, chargePoint=name) for name in ("CSMS", "B;", "")]
    text = diagram(samples, lines)
    assert re.findall("participant (.*)", text) == ["P1 as CSMS", "P2 as B#59;", "P3 as ?", "CSMS"]


@given(st.text() | st.text("ends#;:%{}\n<>\"'-x+@ ", max_size=20))
def test_lines_keep_their_shape_whatever_the_payload_says(text: str) -> None:
    call = {"number": 1, "time": None, "chargePoint": text, "direction": "sent", "type": "CALL"}
    call |= {"action": text, "uniqueId": "1", "frame": [2, "1", text, {"data": text, text: 1}]}
    call |= {"latency": None, "faults": [{"path": text, "rule": text, "message": text}]}
    bad = call | {"type": "bad", "text": text, "action": None}
    bad.pop("frame")
    data = [json.dumps(line).encode() + b"\n" for line in (call, bad)]
    lines = mermaid_text(read_record(data).entries).split("\n")
    assert lines.pop() == ""
    assert len(lines) == 7
    assert all(SHAPE.fullmatch(bare(line)) for line in lines)


ODD = [
    "end",
    "loop",
    "note over",
    "; drop",
    "#35;",
    "# x",
    "style: x;y#",
    "classDef a:b#c;",
    "wrap x",
    "wrap: x",
    "nowrap:",
    "%%{init: {}}%%",
    "%% x",
    "ﬂ°°60¶ß",
    "<script>alert(1)</script>",
    "a\nb",
    "\x00\u202e\ud800",
    "P1->>CSMS: x",
    "日本語",
    "🙂",
    "@{a}",
    "++",
    "-",
    "---",
    "a as b",
    "()",
    "x()",
    "title: x",
    "accTitle: y",
    "=",
    "_",
    ",",
    "...",
    "1",
    "/x",
    "½²",
    "CSMS",
    "participant",
    "&amp;",
    'say "x"',
]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(shutil.which("npm") is None, reason="node is missing")
def test_mermaid_itself_understands_every_word(samples: Any, tmp_path: Path) -> None:
    """Installs Mermaid from npm, and asks it what it read."""
    script = tmp_path / "check.mjs"
    shutil.copy(Path(__file__).with_name("mermaid_check.mjs"), script)
    (tmp_path / "package.json").write_text('{"private": true}')
    install = ["npm", "install", "--no-audit", "--no-fund", "mermaid@11", "jsdom@26"]
    subprocess.run(install, cwd=tmp_path, check=True, capture_output=True, timeout=200)
    texts = [escape(text) for text in ODD]
    diagrams = [diagram(samples, samples.conversation())]
    for text in texts:
        lines = ["sequenceDiagram", f"participant P1 as {text}", "participant CSMS"]
        lines += [f"P1->>CSMS: {text}", f"Note over P1,CSMS: {text}", f"CSMS--xP1: style {text}"]
        diagrams.append("\n".join(lines) + "\n")
    ran = subprocess.run(
        ["node", str(script)],
        cwd=tmp_path,
        input=json.dumps(diagrams),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    first, *others = json.loads(ran.stdout)
    assert first["actors"] == ["CP_1", "CSMS"]
    assert len(first["messages"]) == 21 + 4
    for text, found in zip(ODD, others, strict=True):
        word = visible(text)
        assert found == {
            "actors": [word, "CSMS"],
            "messages": [
                ["P1", "CSMS", word],
                ["P1", "CSMS", word],
                ["CSMS", "P1", f"style {word}"],
            ],
        }
