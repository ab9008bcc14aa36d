"""The command line: its options, their variables, and what is wrong with them."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from answering_csms import AnsweringCsms
from command import ROOT, ocppsim, python, start, write

import ocppsim as package
from ocppsim import cli
from ocppsim.parser import from_variables, ocppsim_parser, parse, screen_level

VARIABLES = [
    "OCPPSIM_VERBOSE",
    "OCPPSIM_QUIET",
    "OCPPSIM_LOG_JSON",
    "OCPPSIM_RECORD",
    "OCPPSIM_RECORD_SECRETS",
    "OCPPSIM_ALLOW_VIOLATIONS",
    "OCPPSIM_URL",
    "OCPPSIM_RESPONSE_TIMEOUT",
]


@pytest.fixture
def csms() -> Iterator[AnsweringCsms]:
    with AnsweringCsms() as csms:
        yield csms


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], Path]:
    """``script(text)``: a file with it."""
    return lambda text: write(tmp_path / "script.py", text)


def run(*args: object) -> int:
    """The command, in this process."""
    return cli.main([str(arg) for arg in args])


# the line


@pytest.mark.parametrize(
    ("line", "script", "args"),
    [
        ("s.py", "s.py", []),
        ("s.py a b", "s.py", ["a", "b"]),
        ("-v s.py -v --url x --stdin", "s.py", ["-v", "--url", "x", "--stdin"]),
        ("s.py --unknown -x -1", "s.py", ["--unknown", "-x", "-1"]),
        ("s.py -- a", "s.py", ["--", "a"]),
        ("s.py --", "s.py", ["--"]),
        ("s.py a -- b", "s.py", ["a", "--", "b"]),
        ("-- s.py -v", "s.py", ["-v"]),
        ("-v -- s.py -- a", "s.py", ["--", "a"]),
        ("- -v", "-", ["-v"]),
        ("--stdin", "-", []),
        ("--stdin a -v", "-", ["a", "-v"]),
        ("--stdin - a", "-", ["a"]),
        ("--stdin -- -x", "-", ["-x"]),
    ],
)
def test_what_follows_the_script_is_the_scripts(line: str, script: str, args: list[str]) -> None:
    options = parse(ocppsim_parser(), line.split(), {})
    assert (options.script, options.args) == (script, args)
    assert options.stdin is (script == "-")


@pytest.mark.parametrize(
    ("line", "level"), [("", 0), ("-v", 1), ("-vv", 2), ("-v --verbose", 2), ("-q", -1)]
)
def test_how_much_is_shown(line: str, level: int) -> None:
    options = parse(ocppsim_parser(), [*line.split(), "s.py"], {})
    assert screen_level(vars(options)) == level


def test_an_option_beats_its_variable() -> None:
    variables = {
        "OCPPSIM_URL": "ws://variable/",
        "OCPPSIM_RESPONSE_TIMEOUT": "7.5",
        "OCPPSIM_VERBOSE": "2",
        "OCPPSIM_LOG_JSON": "1",
        "OCPPSIM_RECORD": "variable.jsonl",
        "OCPPSIM_RECORD_SECRETS": "yes",
        "OCPPSIM_ALLOW_VIOLATIONS": "true",
    }
    options = parse(ocppsim_parser(), ["s.py"], variables)
    assert (options.url, options.response_timeout) == ("ws://variable/", 7.5)
    assert (options.log_json, options.record) == (True, "variable.jsonl")
    assert (options.record_secrets, options.allow_violations) == (True, True)
    assert screen_level(vars(options)) == 2
    line = "-q --no-log-json --no-record-secrets --no-allow-violations --url x --record y"
    options = parse(ocppsim_parser(), [*line.split(), "s.py"], variables)
    assert (options.url, options.record, options.log_json) == ("x", "y", False)
    assert (options.record_secrets, options.allow_violations) == (False, False)
    assert screen_level(vars(options)) == -1
    options = parse(ocppsim_parser(), ["-v", "s.py"], {"OCPPSIM_QUIET": "1"})
    assert screen_level(vars(options)) == 1


def test_an_empty_variable_is_none() -> None:
    assert from_variables(dict.fromkeys(VARIABLES, "")) == {}
    assert from_variables({"OCPPSIM_QUIET": "0", "OCPPSIM_LOG_JSON": "off"}) == {
        "quiet": False,
        "log_json": False,
    }


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--demo s.py", "--demo goes without a SCRIPT"),
        ("--port 65536", "'65536' is not a number from 0 to 65535"),
        ("--port http", "'http' is not a number from 0 to 65535"),
        ("--nonsense s.py", "unrecognized arguments: --nonsense"),
        ("--record-secret s.py", "unrecognized arguments: --record-secret"),
        ("-v -q s.py", "not allowed with argument"),
        ("--response-timeout soon s.py", "'soon' is not a number of seconds above 0"),
        ("--response-timeout 0 s.py", "'0' is not a number of seconds above 0"),
        ("--response-timeout inf s.py", "'inf' is not a number"),
    ],
)
def test_a_wrong_line_is_status_2(line: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(line.split())
    assert end.value.code == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.startswith("usage: ocppsim [options] [SCRIPT [ARGS...]]")


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("OCPPSIM_VERBOSE", "loud"),
        ("OCPPSIM_VERBOSE", "-1"),
        ("OCPPSIM_QUIET", "2"),
        ("OCPPSIM_LOG_JSON", "maybe"),
        ("OCPPSIM_RECORD_SECRETS", "x"),
        ("OCPPSIM_ALLOW_VIOLATIONS", "x"),
        ("OCPPSIM_RESPONSE_TIMEOUT", "-3"),
    ],
)
def test_a_wrong_variable_is_named(
    variable: str,
    text: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    script: Callable[[str], Path],
) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(SystemExit) as end:
        run(script(""))
    assert end.value.code == 2
    assert f"error: {variable}: {text!r} " in capsys.readouterr().err


def test_the_help_names_every_variable_and_status(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["--help"])
    assert end.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for variable in VARIABLES:
        assert f"[{variable}" in text, variable
    for status in ("0 done", "1 the script", "2 the", "3 could", "4 the", "130 interrupted"):
        assert status in text, status
    for action in ocppsim_parser()._actions:
        assert action.help, action


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"ocppsim {package.__version__}\n"


def test_the_parser_needs_no_package(tmp_path: Path) -> None:
    text = f"""
        import runpy
        names = runpy.run_path({str(ROOT / "ocppsim" / "parser.py")!r})
        print(names["ocppsim_parser"]().format_usage())
    """
    result = python("-I", "-S", "-", stdin=text, cwd=tmp_path)
    assert result.stdout.startswith("usage: ocppsim"), result.stderr


# files


def test_a_file_that_cannot_be_opened_is_status_2_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], script: Callable[[str], Path]
) -> None:
    record = tmp_path / "record.jsonl"
    record.write_text("precious")
    assert run("--record", record, tmp_path / "none.py") == 2
    assert capsys.readouterr().err == (
        f"ocppsim: cannot read {tmp_path}/none.py: No such file or directory\n"
    )
    assert record.read_text() == "precious"
    assert run(tmp_path) == 2
    assert capsys.readouterr().err == f"ocppsim: cannot read {tmp_path}: Is a directory\n"
    path = script("print('never')")
    assert run("--record", tmp_path / "no" / "folder", path) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"ocppsim: cannot write the record {tmp_path}/no/folder: No such file")
    assert err.count("\n") == 1


# plugins

PLUGIN = """
    from ocppsim import hookimpl

    @hookimpl
    def ocppsim_add_options(parser):
        parser.add_argument("--colour", help="of the charge point")

    @hookimpl
    def ocppsim_configure(options):
        print("colour", options.colour)
"""


def test_options_of_a_plugin(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], script: Callable[[str], Path]
) -> None:
    write(tmp_path / "colour_plugin.py", PLUGIN)
    path = script("import sys; print(sys.argv[1:])")
    folder = ("--plugins-dir", tmp_path, "--no-plugin", "script")
    assert run(*folder, "--colour", "red", path, "-v", "-q", "--no-plugin", "x") == 0
    assert capsys.readouterr() == ("colour red\n['-v', '-q', '--no-plugin', 'x']\n", "")
    with pytest.raises(SystemExit) as end:
        run(*folder, "--colour", "red", "--no-plugin", "other", path)
    assert end.value.code == 2
    assert "--no-plugin come before the options of plugins" in capsys.readouterr().err


# what the options do

HEARTBEAT = """
    with connect() as cp:
        print(cp.url, cp.name)
        cp.log("mine")
        cp.send_heartbeat()
        cp.call("Unheard", validate=False, timeout={timeout})
"""


def test_options_reach_connect_and_leave_no_trace(
    csms: AnsweringCsms, script: Callable[[str], Path], capfd: pytest.CaptureFixture[str]
) -> None:
    path = script(HEARTBEAT.format(timeout=None))
    assert run("--url", csms.url, "--response-timeout", "0.05", path) == 1
    out, err = capfd.readouterr()
    assert out == f"{csms.url} CP1\n"
    assert "CallTimeout: Unheard: no answer within 0.05 s" in err
    assert "OCPPSIM_URL" not in os.environ
    assert "OCPPSIM_RESPONSE_TIMEOUT" not in os.environ


def test_without_a_url_the_embedded_csms_is_there_and_says_so(
    script: Callable[[str], Path], capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(script("with connect() as cp: print(cp.send_heartbeat().action)")) == 0
    out, err = capfd.readouterr()
    assert out == "Heartbeat\n"
    assert "started an embedded CSMS at ws://127.0.0.1:" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("plain", [False, True], ids=["ocppsim", "python"])
def test_variables_do_what_options_do(
    plain: bool, csms: AnsweringCsms, script: Callable[[str], Path], tmp_path: Path
) -> None:
    text = "from ocppsim import connect\nwith connect() as cp: cp.send_heartbeat()"
    record = tmp_path / "record.jsonl"
    result = (python if plain else ocppsim)(
        script(text),
        OCPPSIM_URL=csms.url,
        OCPPSIM_RECORD=str(record),
        OCPPSIM_VERBOSE="1",
        OCPPSIM_LOG_JSON="1",
    )
    assert result.returncode == 0, result.stderr
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    assert [line["type"] for line in lines] == ["CALL", "CALLRESULT"]
    frames = [json.loads(line) for line in record.read_text().splitlines()]
    assert [frame["uniqueId"] for frame in frames] == [line["uniqueId"] for line in lines]


@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        ("OCPPSIM_VERBOSE", "loud", "OCPPSIM_VERBOSE: 'loud' is not"),
        ("OCPPSIM_RECORD", "/no/such/folder", "OCPPSIM_RECORD: cannot write /no/such/folder"),
    ],
)
def test_a_wrong_variable_of_a_plain_script_is_named(
    variable: str, text: str, said: str, script: Callable[[str], Path]
) -> None:
    result = python(script("import ocppsim; ocppsim.connect()"), **{variable: text})
    assert result.returncode == 1
    assert f"ValueError: {said}" in result.stderr


def test_what_a_plain_script_calls_beats_the_variable(
    csms: AnsweringCsms, script: Callable[[str], Path]
) -> None:
    path = script("""
        import ocppsim
        ocppsim.verbose(0)
        with ocppsim.connect() as cp:
            cp.send_heartbeat()
    """)
    result = python(path, OCPPSIM_URL=csms.url, OCPPSIM_VERBOSE="2")
    assert (result.stderr, result.returncode) == ("", 0)


def test_in_json_everything_is_json(csms: AnsweringCsms, script: Callable[[str], Path]) -> None:
    csms.answers["Heartbeat"] = {"currentTime": "yesterday"}
    path = script("with connect() as cp: cp.send_heartbeat()")
    for text, status in [
        (path.read_text(), 4),
        ("import sys; sys.exit('so\\nlong')", 1),
        ("connect('ws://127.0.0.1:1/CP1')", 3),
    ]:
        result = ocppsim("-q", "--log-json", "--url", csms.url, "-", stdin=text)
        assert result.returncode == status
        lines = [json.loads(line) for line in result.stderr.splitlines()]
        assert {line["level"] for line in lines} == {"ERROR"}
        if status == 4:
            assert lines[0]["exception"].splitlines()[1].startswith('  File "<stdin>", line 1')
            assert "broke the protocol once" in lines[1]["message"]


def test_ctrl_c_while_the_script_is_read(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    os.mkfifo(script)
    # to open a pipe for writing waits until the other side reads
    with start(script) as process, script.open("w"):
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert (err, process.returncode) == ("ocppsim: interrupted\n", 130)


# --- the closing verdict -------------------------------------------------------------------------

BEAT = "from ocppsim import connect\nwith connect() as cp:\n    cp.send_heartbeat()\n"


def test_verdict_sums_up(tmp_path: Path) -> None:
    (tmp_path / "s.py").write_text(BEAT)
    result = ocppsim("--verdict", tmp_path / "s.py")
    assert result.returncode == 0
    assert "VERDICT: good: 1 call, all answered, no violations" in result.stderr


def test_verdict_is_json_where_all_is(tmp_path: Path) -> None:
    (tmp_path / "s.py").write_text(BEAT)
    result = ocppsim("--verdict", "--log-json", tmp_path / "s.py")
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    assert isinstance(lines[-1], dict)


def test_a_plain_script_gives_a_verdict_too(tmp_path: Path) -> None:
    (tmp_path / "s.py").write_text(BEAT)
    result = python(tmp_path / "s.py", OCPPSIM_VERDICT="1")
    assert result.returncode == 0
    assert "VERDICT: good: 1 call, all answered, no violations" in result.stderr
