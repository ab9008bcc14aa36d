"""The log on the screen: a line a frame, and what else there is to say."""

from __future__ import annotations

import io
import json
import logging
import os
import pty
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from answering_csms import HEARTBEAT, AnsweringCsms
from command import environment, ocppsim, python, write

import ocppsim as package
from ocppsim import CallError, Fault, connect, logs, rpc, session, trace
from ocppsim.trace import TracedFrame

CLOCK = r"\d\d:\d\d:\d\d\.\d{3}"
SGR = re.compile(r"\x1b\[[\d;]*m")


@pytest.fixture(autouse=True)
def quiet_again() -> Iterator[None]:
    yield
    logs.hide()


@pytest.fixture
def csms() -> Iterator[AnsweringCsms]:
    with AnsweringCsms() as csms:
        yield csms


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


def show(
    text: str | bytes, level: int = 1, *, log_json: bool = False, stream: Any = None, **fields: Any
) -> str:
    """What the screen shows of one frame, without the time."""
    stream = io.StringIO() if stream is None else stream
    package.verbose(level, log_json=log_json, stream=stream)
    frame = TracedFrame(
        "CP1", fields.pop("direction", "received"), text, rpc.decode(text), **fields
    )
    for observer in trace.everywhere:
        observer(frame)
    shown: str = stream.getvalue()
    assert shown.count("\n") == 1, shown
    return shown.rstrip("\n") if log_json else re.sub(f"^{CLOCK} ", "", shown.rstrip("\n"))


# frames


def test_each_frame_is_one_line(csms: AnsweringCsms, screen: io.StringIO) -> None:
    csms.answers["Authorize"] = '[4,"ID","GenericError","no \\"way\\"",{"a":1}]'
    package.verbose(stream=screen)
    with connect(csms.url) as cp:
        cp.send_heartbeat()
        with pytest.raises(CallError):
            cp.send_authorize(idTag="x")
        cp.log("between")
    lines = screen.getvalue().splitlines()
    patterns = [
        r"CP1 → Heartbeat \{\}",
        r'CP1 ← Heartbeat \{"currentTime":"2026-01-31T12:00:00.000Z"\} \d+\.\d ms',
        r'CP1 → Authorize \{"idTag":"x"\}',
        r'CP1 ← Authorize CALLERROR GenericError "no \\"way\\"" \{"a":1\} \d+\.\d ms',
        r"CP1: between",
    ]
    assert len(lines) == len(patterns)
    for line, pattern in zip(lines, patterns, strict=True):
        assert re.fullmatch(f"{CLOCK} {pattern}", line)


@pytest.mark.parametrize(
    ("text", "fields", "line"),
    [
        ('[2,"1","Reset",{"type":"Soft"}]', {"action": "Reset"}, 'CP1 ← Reset {"type":"Soft"}'),
        ('[2,"1","Reset",null]', {"action": "Reset"}, "CP1 ← Reset {}"),
        ('[3,"1",{}]', {"action": "A", "latency": 1.5}, "CP1 ← A {} 1.50 s"),
        ('[3,"1",{}]', {"direction": "sent"}, "CP1 → CALLRESULT [1] {}"),
        ('[4,"1","X"]', {"action": "A"}, 'CP1 ← A CALLERROR X ""'),
        ('[4,"1","X","",{}]', {}, 'CP1 ← CALLERROR [1] X ""'),
        ("[2,", {}, "CP1 ← bad [2,"),
        ('{"a": 1}', {}, 'CP1 ← bad {"a": 1}'),
        ('[3,"1",{"a":1e999}]', {"action": "A"}, 'CP1 ← A CALLRESULT [3,"1",{"a":1e999}]'),
        ('[3,"1",7]', {"action": "A", "latency": 0.001}, 'CP1 ← A bad [3,"1",7] 1.0 ms'),
        ("", {}, "CP1 ← bad "),
        (b"\x00A", {}, r"CP1 ← bad 2 bytes b'\x00A'"),
    ],
)
def test_what_a_frame_looks_like(text: str | bytes, fields: dict[str, Any], line: str) -> None:
    assert show(text, **fields) == line


def test_what_is_wrong_follows() -> None:
    faults = [Fault(f"$.a{n}", "enum", "is wrong") for n in range(7)]
    line = show('[2,"1","Reset",{}]', action="Reset", faults=faults[:1])
    assert line == "CP1 ← Reset {} ✗ $.a0: is wrong"
    line = show('[2,"1","Reset",{}]', action="Reset", faults=faults)
    assert line.endswith("; $.a4: is wrong; and 2 more")


def test_debugging_shows_the_unique_id() -> None:
    assert show('[2,"id-1","Reset",{}]', 2, action="Reset") == "CP1 ← Reset [id-1] {}"


def test_absurd_sizes_are_cut_and_say_so() -> None:
    payload = {"data": "x" * 20_000}
    text = json.dumps([2, "1", "DataTransfer", payload], separators=(",", ":"))
    line = show(text, action="DataTransfer")
    assert len(line) < 10_100
    assert line.endswith("xxx… (10,011 more characters)")
    assert show(text, 2, action="DataTransfer").endswith('xxx"}')
    payload = {"data": "x" * 9_000}
    assert json.dumps(payload, separators=(",", ":")) in show(json.dumps([2, "1", "A", payload]))


@pytest.mark.parametrize("character", ["\x1b", "\r", "\n", "\x07", "\x9b", "\u202e", "\u2028"])
def test_nothing_from_the_wire_moves_the_cursor(character: str) -> None:
    evil = f"a{character}[31mb"
    fault = Fault("$", "x", evil)
    frames = [[2, "1", evil, {evil: evil}], [3, evil, {}], [4, "1", evil, evil, {evil: 1}]]
    for text in (evil, *(json.dumps(frame, ensure_ascii=False) for frame in frames)):
        line = show(text, 2, faults=[fault], action=evil)
        assert character not in line
        assert line.isprintable()
        json.loads(show(text, log_json=True, faults=[fault]))


def test_secrets_are_masked(csms: AnsweringCsms, screen: io.StringIO) -> None:
    secret = {"key": "AuthorizationKey", "value": "S3CRET" * 100}
    csms.greeting = (
        [2, "1", "ChangeConfiguration", secret],
        '[2,"2","ChangeConfiguration",{"key":"AuthorizationKey","value":"S3CRET"}',
        [2, "3", "GetDiagnostics", {"location": "ftp://user:S3CRET pass@host/"}],
    )
    for level in (0, 1, 2):
        package.verbose(level, stream=screen)
        with connect(csms.url) as cp:
            cp.wait_for_frame("GetDiagnostics", direction="sent", after=0, timeout=10)
            cp.log({"key": "AuthorizationKey", "value": "S3CRET"})
            cp.log("ftp://user:S3CRET@host")
    text = screen.getvalue()
    assert "S3CRET" not in text
    assert text.count("***") > 9


# colours and encodings


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "variables", "coloured"),
    [
        (io.StringIO, {}, False),
        (Terminal, {}, True),
        (Terminal, {"NO_COLOR": "1"}, False),
        (Terminal, {"TERM": "dumb"}, False),
        (io.StringIO, {"FORCE_COLOR": "1"}, True),
        (io.StringIO, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colours(
    stream: type[io.StringIO],
    variables: dict[str, str],
    coloured: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    lines = {
        show('[2,"1","A",{}]', stream=stream(), action="A"),
        show('[3,"1",{}]', stream=stream(), action="A", latency=0.001),
        show('[4,"1","X","",{}]', stream=stream(), action="A", latency=0.001),
    }
    for line in lines:
        assert bool(SGR.search(line)) is coloured
    assert {re.sub(f"^{CLOCK} ", "", SGR.sub("", line)) for line in lines} == {
        "CP1 ← A {}",
        "CP1 ← A {} 1.0 ms",
        'CP1 ← A CALLERROR X "" 1.0 ms',
    }
    if coloured:
        assert len({line.split("CP1")[1].split("A")[0] for line in lines}) == 3


def test_a_terminal_gets_colours(csms: AnsweringCsms, tmp_path: Path) -> None:
    path = write(tmp_path / "script.py", "with connect() as cp: cp.send_heartbeat()")
    ours, theirs = pty.openpty()
    try:
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-m", "ocppsim", "-v", "--url", csms.url, str(path)],
            environment(TERM="xterm"),
            file_actions=[(os.POSIX_SPAWN_DUP2, theirs, 2)],
        )
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        text = ""
        while text.count("\n") < 2:
            text += os.read(ours, 10_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert "\x1b[1m→\x1b[0m \x1b[1mHeartbeat\x1b[0m" in text
    assert "\x1b[32m←\x1b[0m \x1b[32mHeartbeat\x1b[0m" in text


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_stream_that_knows_no_arrows_gets_others(encoding: str) -> None:
    buffer = io.BytesIO()
    stream = io.TextIOWrapper(buffer, encoding)
    package.verbose(stream=stream)
    frame = TracedFrame("CP1", "sent", "[2,é", rpc.decode("[2,é"), faults=[Fault("$", "x", "no")])
    trace.everywhere[-1](frame)
    package.verbose(log_json=True, stream=stream)
    trace.everywhere[-1](frame)
    line, as_json = buffer.getvalue().decode(encoding).splitlines()
    expected = {
        "ascii": r"CP1 -> bad [2,\xe9 ! $: no",
        "latin-1": "CP1 -> bad [2,é ! $: no",
        "utf-8": "CP1 → bad [2,é ✗ $: no",
    }
    assert line.endswith(f" {expected[encoding]}")
    assert json.loads(as_json)["text"] == "[2,é"


# JSON


def test_json_lines_say_everything() -> None:
    line = json.loads(
        show(
            '[2,"1","Reset",{"type":"Mild"}]',
            log_json=True,
            action="Reset",
            time=1769860800.25,
            faults=[Fault("$.type", "enum", "'Mild' is not one of Hard, Soft")],
        )
    )
    assert line == {
        "time": "2026-01-31T12:00:00.250Z",
        "level": "INFO",
        "logger": "ocppsim.frames",
        "message": 'CP1 ← Reset {"type":"Mild"} ✗ $.type: \'Mild\' is not one of Hard, Soft',
        "chargePoint": "CP1",
        "direction": "received",
        "type": "CALL",
        "action": "Reset",
        "uniqueId": "1",
        "payload": {"type": "Mild"},
        "latency": None,
        "faults": [
            {"path": "$.type", "rule": "enum", "message": "'Mild' is not one of Hard, Soft"}
        ],
    }


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ('[3,"1",{"a":1}]', {"type": "CALLRESULT", "payload": {"a": 1}, "latency": 0.5}),
        (
            '[4,"1","X","why",{"b":2}]',
            {
                "payload": None,
                "errorCode": "X",
                "errorDescription": "why",
                "errorDetails": {"b": 2},
            },
        ),
        ("[2,", {"type": "bad", "text": "[2,", "payload": None, "uniqueId": None}),
        (b"\x00", {"type": "bad", "text": r"1 bytes b'\x00'"}),
        ('[3,"1",{"a":1e999}]', {"type": "CALLRESULT", "text": '[3,"1",{"a":1e999}]'}),
    ],
)
def test_json_of_each_kind(text: str | bytes, fields: dict[str, Any]) -> None:
    line = json.loads(show(text, log_json=True, latency=0.5))
    assert {name: line[name] for name in fields} == fields


def test_json_has_the_traceback(screen: io.StringIO) -> None:
    package.verbose(log_json=True, stream=screen)
    try:
        raise ValueError("no")
    except ValueError:
        logging.getLogger("ocppsim.x").exception("it %s", "failed")
    line = json.loads(screen.getvalue())
    assert (line["level"], line["message"]) == ("ERROR", "it failed")
    assert line["exception"].endswith("ValueError: no")


# levels


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        (-1, ["ERROR e"]),
        (0, ["i", "WARNING w", "ERROR e", "csms WARNING cw"]),
        (1, ["i", "WARNING w", "ERROR e", "csms WARNING cw"]),
        (2, ["DEBUG d", "i", "WARNING w", "ERROR e", "csms ci", "csms WARNING cw"]),
        (9, ["DEBUG d", "i", "WARNING w", "ERROR e", "csms ci", "csms WARNING cw"]),
    ],
)
def test_levels(level: int, shown: list[str], screen: io.StringIO) -> None:
    package.verbose(level, stream=screen)
    log, csms = logging.getLogger("ocppsim.cp"), logging.getLogger("ocppsim.csms")
    log.debug("d")
    log.info("i")
    log.warning("w")
    log.error("e")
    csms.info("ci")
    csms.warning("cw")
    lines = screen.getvalue().splitlines()
    assert [re.sub(f"^{CLOCK} ", "", line) for line in lines] == shown


def test_a_violation_is_shown_once(csms: AnsweringCsms) -> None:
    csms.answers["Heartbeat"] = {"currentTime": "yesterday"}
    for level in (0, 1):
        screen = io.StringIO()
        package.verbose(level, stream=screen)
        with connect(csms.url, strict=False) as cp:
            cp.send_heartbeat()
        assert screen.getvalue().count("$.currentTime") == 1
        assert ("→" in screen.getvalue()) is (level == 1)


def test_several_lines_cannot_pass_for_others(screen: io.StringIO) -> None:
    package.verbose(stream=screen)
    logging.getLogger("ocppsim.cp").info("one\n12:00:00.000 CP1 → forged\x1b[2J")
    _, second = screen.getvalue().splitlines()
    assert second == r"    12:00:00.000 CP1 → forged\u001b[2J"


# other people's logging


def test_nothing_is_configured_unless_asked(csms: AnsweringCsms, tmp_path: Path) -> None:
    path = write(
        tmp_path / "script.py",
        """
        import logging
        from ocppsim import connect
        with connect() as cp:
            cp.send_heartbeat()
            cp.log("not shown")
            logging.getLogger("ocppsim.cp").warning("shown")
        assert logging.getLogger("ocppsim").handlers == []
        assert logging.root.handlers == []
        """,
    )
    result = python(path, OCPPSIM_URL=csms.url)
    assert (result.stderr, result.returncode) == ("shown\n", 0)


def test_the_root_logger_is_left_alone_and_nothing_is_shown_twice(
    csms: AnsweringCsms, tmp_path: Path
) -> None:
    text = """
        import logging, ocppsim
        logging.basicConfig(level=logging.INFO{target})
        ocppsim.verbose()
        ocppsim.verbose()
        with connect() as cp:
            cp.send_heartbeat()
            cp.log("mine")
            logging.warning("the root's")
    """
    path = write(tmp_path / "script.py", text.format(target=""))
    lines = ocppsim("-v", "--url", csms.url, path).stderr.splitlines()
    assert len([line for line in lines if "CP1 → Heartbeat" in line]) == 1
    assert len([line for line in lines if "mine" in line]) == 1
    assert "WARNING:root:the root's" in lines
    # into a file of the script's own the lines go as well
    file = tmp_path / "file.log"
    path = write(tmp_path / "script.py", text.format(target=f", filename={str(file)!r}"))
    assert "mine" in ocppsim("-v", "--url", csms.url, path).stderr
    assert "INFO:ocppsim.cp:CP1: mine" in file.read_text()


def test_everything_is_put_back(screen: io.StringIO) -> None:
    logger = logging.getLogger("ocppsim")
    before = logger.level, logger.propagate, list(logger.handlers), list(trace.everywhere)
    logger.setLevel(logging.CRITICAL)
    package.verbose(2, stream=screen)
    package.verbose(1, stream=screen)
    assert len(logger.handlers) == len(before[2]) + 1
    assert len(trace.everywhere) == len(before[3]) + 1
    logs.hide()
    logs.hide()
    assert logger.level == logging.CRITICAL
    logger.setLevel(before[0])
    assert (logger.level, logger.propagate, logger.handlers, trace.everywhere) == before


def test_a_screen_that_is_gone_does_no_harm(csms: AnsweringCsms) -> None:
    stream = io.StringIO()
    stream.close()
    package.verbose(stream=stream)
    logging.raiseExceptions = False
    try:
        with connect(csms.url) as cp:
            assert cp.send_heartbeat() == HEARTBEAT
    finally:
        logging.raiseExceptions = True


def test_the_variables_are_looked_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    done = logs.environment_is_done(False)
    try:
        monkeypatch.setenv("OCPPSIM_QUIET", "1")
        monkeypatch.setenv("OCPPSIM_RECORD", str(tmp_path / "record"))
        logs.from_environment()
        assert logging.getLogger("ocppsim").level == logging.ERROR
        assert (tmp_path / "record").exists()
        monkeypatch.setenv("OCPPSIM_VERBOSE", "nonsense")
        logs.from_environment()
    finally:
        session.close_all()
        logs.environment_is_done(done)
