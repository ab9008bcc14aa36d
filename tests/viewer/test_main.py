from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ocppsim.viewer.__main__ import main


@pytest.fixture
def file(samples: Any, tmp_path: Path) -> str:
    path = tmp_path / "run.jsonl"
    path.write_bytes(samples.record(samples.conversation()))
    return str(path)


def test_the_table_is_the_default(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([file]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 26
    assert err == ""


def test_filters_and_several_outputs(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([file, "--action", "Heartbeat", "--stats", "--verdict", "--mermaid"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("action ")
    assert "VERDICT: not good: 1 of 2 calls unanswered, 1 answer too late\n\nsequenceDiagram" in out


def test_json(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([file, "--json", "--type", "callerror"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["number"] for line in lines] == [12, 14]
    assert main([file, "--json", "--stats", "--verdict"]) == 0
    stats, verdict = map(json.loads, capsys.readouterr().out.splitlines())
    assert stats["frames"] == 21
    assert verdict["good"] is False


def test_a_filtered_record_is_a_record(
    file: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    main([file, "--json"])
    out = capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(out.encode())))
    assert main(["-", "--json"]) == 0
    assert capsys.readouterr().out == out


def test_a_record_that_is_cut_off(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    data = Path(file).read_bytes()
    Path(file).write_bytes(data[:-30])
    assert main([file]) == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 24
    assert re.fullmatch(rf"ocppsim-trace: {re.escape(file)}: line 21: cut off, or .*\n", err)


def test_a_file_that_is_no_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"\xff\n" * 100)
    assert main([str(path)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 21
    assert err.endswith("and 80 more, up to line 100\n")


def test_an_empty_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "empty"
    path.write_bytes(b"")
    assert main([str(path), "--verdict"]) == 0
    assert capsys.readouterr().out.endswith("VERDICT: nothing was said\n")


@pytest.mark.parametrize("path", ["missing.jsonl", "."])
def test_no_such_file(path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ocppsim-trace: ")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    "wrong",
    [["--json", "--mermaid"], ["--type", "X"], ["--since", "soon"], ["--html", "{file}"], ["-x"]],
)
def test_a_wrong_command_line(
    file: str, wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = Path(file).read_bytes()
    with pytest.raises(SystemExit) as stop:
        main([file, *(word.replace("{file}", file) for word in wrong)])
    assert stop.value.code == 2
    assert Path(file).read_bytes() == before


def test_no_frame_passes(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([file, "--action", "Reset"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "no frame passes the filters" in err


def test_a_page(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run.html"
    assert main([file, "--html", str(out)]) == 0
    assert capsys.readouterr() == ("", "")
    assert "<title>run.jsonl" in out.read_text("utf-8")
    assert main([file, "--html", "-", "--action", "Heartbeat"]) == 0
    assert capsys.readouterr().out.startswith("<!doctype html>")
    assert main([file, "--html", str(tmp_path / "no" / "such.html")]) == 1
    assert "such.html: No such file" in capsys.readouterr().err


def test_colours_by_the_environment(
    file: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    main([file])
    assert "\x1b[36m" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    main([file])
    assert "\x1b" not in capsys.readouterr().out


def test_a_diagram_too_long_for_mermaid(
    samples: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "long.jsonl"
    path.write_bytes(samples.record(samples.long(2000)))
    assert main([str(path), "--mermaid"]) == 0
    assert "Mermaid draws at most 50000 characters" in capsys.readouterr().err


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "ocppsim.viewer", *words]
    env = os.environ | environment
    return subprocess.run(command, capture_output=True, env=env, check=False, timeout=30)


def test_a_closed_pipe_is_no_error(samples: Any, tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    path.write_bytes(samples.record(samples.long(5000)))
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "ocppsim.viewer", str(path)]
    try:
        ran = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False, timeout=30)
    finally:
        os.close(write)
    assert ran.stderr == b""
    assert ran.returncode == 0


def test_an_output_that_has_no_arrows(file: str) -> None:
    ran = run(file, PYTHONIOENCODING="ascii")
    assert ran.returncode == 0
    assert b"\\u2192" in ran.stdout
    assert ran.stderr == b""


def test_help_tells_the_exit_codes() -> None:
    ran = run("--help")
    assert ran.returncode == 0
    assert b"Exit codes: 0" in ran.stdout
