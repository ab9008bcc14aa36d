"""A script runs as Python runs it, and its exit status says how it went."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from answering_csms import HEARTBEAT, AnsweringCsms
from command import ocppsim, python, start, write

from ocppsim import Fault, InvalidPayload, cli, runner, verdict
from ocppsim.violation import Violation

WRONG = {"currentTime": "yesterday"}


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], Path]:
    """``script(text)``: a file with it."""
    return lambda text: write(tmp_path / "script.py", text)


@pytest.fixture
def wrong() -> Iterator[AnsweringCsms]:
    """A CSMS that answers a Heartbeat with what is no time."""
    with AnsweringCsms({"Heartbeat": WRONG}) as csms:
        yield csms


@pytest.fixture
def right() -> Iterator[AnsweringCsms]:
    with AnsweringCsms() as csms:
        yield csms


def run(*args: object) -> int:
    """The command, in this process."""
    return cli.main([str(arg) for arg in args])


# as Python runs one

AROUND = '''
    """What it says of itself."""
    import sys
    x: int = 1
    def f(a: x): ...
    import neighbour
    print(__name__, __file__, __doc__, __package__, __spec__, __annotations__, f.__annotations__)
    print(sys.argv, sys.path[0], sys.modules["__main__"].f is f, neighbour, __builtins__)
'''


@pytest.mark.parametrize("how", ["absolute", "relative", "below", "link"])
def test_a_script_finds_what_python_gives_it(
    how: str, script: Callable[[str], Path], tmp_path: Path
) -> None:
    path = script(AROUND)
    write(tmp_path / "neighbour.py", "")
    cwd, name = tmp_path, str(path)
    if how == "relative":
        name = path.name
    elif how == "below":
        cwd, name = tmp_path.parent, f"{tmp_path.name}/{path.name}"
    elif how == "link":
        (tmp_path / "elsewhere").mkdir()
        link = tmp_path / "elsewhere" / "link.py"
        link.symlink_to(path)
        name = str(link)
    by_python = python(name, "a", "--url", "x", cwd=cwd)
    by_ocppsim = ocppsim(name, "a", "--url", "x", cwd=cwd)
    assert by_python.returncode == 0, by_python.stderr
    assert by_ocppsim.stdout == by_python.stdout
    assert by_ocppsim.stderr == ""
    assert by_ocppsim.returncode == 0


@pytest.mark.parametrize("options", [["-"], ["--stdin"], ["--stdin", "-"], ["-q", "-"]])
def test_a_script_comes_from_standard_input(options: list[str], tmp_path: Path) -> None:
    write(tmp_path / "neighbour.py", "")
    by_python = python("-", "a", "--", "b", stdin=AROUND, cwd=tmp_path)
    by_ocppsim = ocppsim(*options, "a", "--", "b", stdin=AROUND, cwd=tmp_path)
    assert by_python.returncode == 0, by_python.stderr
    assert (by_ocppsim.stdout, by_ocppsim.stderr) == (by_python.stdout, "")


def test_connect_is_there_without_an_import(
    right: AnsweringCsms, script: Callable[[str], Path]
) -> None:
    path = script("with connect() as cp: print(cp.send_heartbeat())")
    result = ocppsim("--url", right.url, path)
    assert (result.stdout, result.returncode) == (f"{HEARTBEAT}\n", 0)
    assert result.stderr == ""


def test_everything_is_put_back(script: Callable[[str], Path]) -> None:
    before = sys.modules["__main__"], sys.argv, list(sys.path)
    term = signal.getsignal(signal.SIGTERM)
    assert run(script("import sys; sys.path.append('x'); sys.argv.append('y')")) == 0
    assert (sys.modules["__main__"], sys.argv, sys.path) == before
    assert signal.getsignal(signal.SIGTERM) is term


def test_what_is_printed_keeps_its_place_among_the_frames(
    right: AnsweringCsms, script: Callable[[str], Path]
) -> None:
    path = script("""
        with connect() as cp:
            print("before")
            cp.send_heartbeat()
            print("after")
    """)
    text = "import os, sys; os.dup2(1, 2); from ocppsim.cli import main; sys.exit(main())"
    result = python("-c", text, "-v", "--url", right.url, path)
    first, *frames, last = result.stdout.splitlines()
    assert (first, last) == ("before", "after")
    assert len(frames) == 2


# tracebacks


def test_a_traceback_starts_at_the_line_of_the_script(
    script: Callable[[str], Path], capfd: pytest.CaptureFixture[str]
) -> None:
    path = script("""
        def fail():
            try:
                {}["key"]
            except KeyError as error:
                raise ValueError("no") from error

        fail()
    """)
    assert run(path) == 1
    expected = python(path).stderr
    assert capfd.readouterr().err == expected
    assert expected.splitlines()[1].startswith(f'  File "{path}", line 4')


def test_a_script_may_change_the_folder(script: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    script("import os\nos.chdir('other')\nconnect('ws://127.0.0.1:1/CP1')")
    result = ocppsim("script.py", cwd=tmp_path)
    assert result.stderr.endswith(" (script.py, line 3)\n")


def test_a_traceback_of_standard_input_has_its_lines(tmp_path: Path) -> None:
    result = ocppsim("-", stdin="x = 1\ny = x / 0  # here\n", cwd=tmp_path)
    assert result.returncode == 1
    lines = result.stderr.splitlines()
    assert lines[:3] == [
        "Traceback (most recent call last):",
        '  File "<stdin>", line 2, in <module>',
        "    y = x / 0  # here",
    ]
    assert lines[-1] == "ZeroDivisionError: division by zero"


def test_a_syntax_error_looks_as_it_does_in_python(
    script: Callable[[str], Path], capfd: pytest.CaptureFixture[str]
) -> None:
    path = script("x = 1\ny = = 2\n")
    assert run(path) == 1
    assert capfd.readouterr().err == python(path).stderr


def test_a_hook_of_the_script_shows_the_exception(tmp_path: Path) -> None:
    text = """
        import sys
        sys.excepthook = lambda kind, error, tb: print("hook", error, tb.tb_lineno, file=sys.stderr)
        raise ValueError("no")
    """
    result = ocppsim("-", stdin=text)
    assert (result.returncode, result.stderr) == (1, "hook no 4\n")


def test_an_error_of_the_package_leads_to_the_line_of_the_script(
    right: AnsweringCsms, script: Callable[[str], Path], capfd: pytest.CaptureFixture[str]
) -> None:
    path = script("with connect() as cp: cp.send_boot_notification(chargePointModel=1)")
    assert run("--url", right.url, path) == 1
    lines = capfd.readouterr().err.splitlines()
    assert lines[1] == f'  File "{path}", line 1, in <module>'
    assert "InvalidPayload: BootNotification: invalid request" in lines[-1]


# the exit status


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ("", 0, ""),
        ("raise SystemExit", 0, ""),
        ("import sys; sys.exit(7)", 7, ""),
        ("import sys; sys.exit('done with it')", 1, "done with it\n"),
        ("raise SystemExit(True)", 1, ""),
    ],
)
def test_what_the_script_gives_to_exit_is_the_status(
    text: str,
    status: int,
    said: str,
    script: Callable[[str], Path],
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert run(script(text)) == status
    assert capfd.readouterr().err == said


def test_no_connection_is_status_3(
    script: Callable[[str], Path], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = script("""
        from ocppsim import connect
        def dial():
            connect("ws://user:S3CRET@127.0.0.1:1/CP1")
        dial()
    """)
    assert run(path) == 3
    said = capfd.readouterr().err
    assert said.startswith("ocppsim: could not connect: ws://127.0.0.1:1/CP1: ")
    assert said.endswith(f" ({path}, line 4)\n")
    assert said.count("\n") == 1


HEARTBEATS = """
    with connect({}) as cp:
        for _ in range(3):
            cp.send_heartbeat()
"""


def test_violations_are_status_4_and_summed_up(
    wrong: AnsweringCsms, script: Callable[[str], Path], capfd: pytest.CaptureFixture[str]
) -> None:
    path = script(HEARTBEATS.format("strict=False"))
    assert run("-q", "--url", wrong.url, path) == 4
    head, line = capfd.readouterr().err.splitlines()
    assert head == "ocppsim: the CSMS broke the protocol 3 times:"
    assert line.startswith("  CP1 Heartbeat: $.currentTime: 'yesterday' is not a date-time")
    assert line.endswith("[format date-time], 3 times")


def test_violations_can_be_allowed(
    wrong: AnsweringCsms, script: Callable[[str], Path], capfd: pytest.CaptureFixture[str]
) -> None:
    path = script(HEARTBEATS.format("strict=False"))
    assert run("-q", "--allow-violations", "--url", wrong.url, path) == 0
    assert "broke the protocol 3 times (allowed):" in capfd.readouterr().err


def test_each_kind_of_violation_has_its_line(
    right: AnsweringCsms, script: Callable[[str], Path], capfd: pytest.CaptureFixture[str]
) -> None:
    secret = {"key": "AuthorizationKey", "value": ["S3CRET"]}
    right.greeting = (
        "no\x1b[31m JSON",
        [2, "1", "Reset", {"type": "Mild"}],
        [2, "2", "ChangeConfiguration", secret],
    )
    path = script("""
        with connect() as cp:
            while len(cp.violations) < 3:
                cp.sleep(0.01)
    """)
    assert run("-q", "--url", right.url, path) == 4
    said = capfd.readouterr().err
    assert said.splitlines()[:3] == [
        "ocppsim: the CSMS broke the protocol 3 times:",
        "  CP1: $: not JSON: Expecting value: line 1 column 1 (char 0) [JSON]",
        "  CP1 Reset: $.type: 'Mild' is not one of Hard, Soft [enum]",
    ]
    assert "S3CRET" not in said


def test_an_invalid_answer_that_nobody_catches_is_status_4(
    wrong: AnsweringCsms, script: Callable[[str], Path], capfd: pytest.CaptureFixture[str]
) -> None:
    path = script(HEARTBEATS.format(""))
    assert run("--url", wrong.url, path) == 4
    said = capfd.readouterr().err
    assert "Traceback" in said
    assert "broke the protocol once:" in said
    assert run("--allow-violations", "--url", wrong.url, path) == 1


def test_an_exception_comes_before_violations(
    wrong: AnsweringCsms, script: Callable[[str], Path]
) -> None:
    path = script(HEARTBEATS.format("strict=False") + "\n    1 / 0")
    assert run("-q", "--url", wrong.url, path) == 1


HANDLER = """
    with connect() as cp:
        @cp.on("Reset")
        def reset(request):
            {}
        print("ready", flush=True)
        while not cp.handler_failures:
            cp.sleep(0.01)
"""


@pytest.mark.parametrize(
    ("text", "answer", "status"),
    [("raise KeyError('x')", HEARTBEAT, 1), ("cp.send_heartbeat()", WRONG, 4)],
)
def test_a_handler_that_fails_counts(
    text: str,
    answer: object,
    status: int,
    right: AnsweringCsms,
    script: Callable[[str], Path],
    capfd: pytest.CaptureFixture[str],
) -> None:
    with start("--url", right.url, script(HANDLER.format(text))) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        right.answers["Heartbeat"] = answer
        right.send([2, "1", "Reset", {"type": "Soft"}])
        _, said = process.communicate(timeout=30)
    assert process.returncode == status, said
    failed = "ocppsim: a handler failed: KeyError: 'x'" in said.splitlines()
    assert failed is (status == 1)


# its end


def test_what_is_left_open_is_closed(right: AnsweringCsms, script: Callable[[str], Path]) -> None:
    result = ocppsim("--url", right.url, script("cp = connect(); cp.send_heartbeat()"))
    assert (result.stderr, result.returncode) == ("", 0)
    assert right.close_code() == 1000


@pytest.mark.parametrize(
    ("number", "status", "said"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
@pytest.mark.parametrize(
    "wait",
    [
        "cp.sleep(60)",
        "cp.send_authorize(idTag='x')",
        "import threading; threading.Thread(target=cp.sleep, args=(60,)).start()",
    ],
    ids=["sleep", "call", "thread"],
)
def test_a_signal_closes_cleanly(
    number: int,
    status: int,
    said: str,
    wait: str,
    right: AnsweringCsms,
    script: Callable[[str], Path],
) -> None:
    path = script(f"cp = connect()\nprint('ready', flush=True)\n{wait}\n")
    with start("--url", right.url, path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        if "authorize" in wait:
            assert right.came.get(timeout=30)[2] == "Authorize"
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (out, err, process.returncode) == ("", f"ocppsim: {said}\n", status)
    assert right.close_code() == 1000


STUCK = """
import time
from ocppsim import hookimpl

@hookimpl
def ocppsim_frame(cp, frame):
    if frame.number == 1:
        print("ready", flush=True)
        time.sleep(60)
"""


@pytest.mark.parametrize(
    ("number", "status", "said"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_a_signal_inside_a_plugin_is_no_fault_of_the_plugin(
    number: int,
    status: int,
    said: str,
    right: AnsweringCsms,
    script: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "stuck.py").write_text(STUCK)
    path = script("connect().submit('Heartbeat', {})")
    with start("--url", right.url, "--plugins-dir", folder, path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert process.returncode == status
    assert f"ocppsim: {said}" in err.splitlines()
    assert "failed" not in err


def test_threads_that_are_no_daemons_keep_their_connections(
    right: AnsweringCsms, script: Callable[[str], Path]
) -> None:
    text = """
        import threading
        from ocppsim import connect
        cp = connect()
        go = threading.Event()
        def work():
            go.wait()
            print(cp.send_heartbeat())
        threading.Thread(target=work).start()
        threading.Timer(0.1, go.set).start()
    """
    for result in (
        ocppsim("--url", right.url, script(text)),
        python(script(text), OCPPSIM_URL=right.url),
    ):
        assert (result.stdout, result.stderr, result.returncode) == (f"{HEARTBEAT}\n", "", 0)


def test_daemons_and_idle_workers_do_not_hold_it_up() -> None:
    text = """
        import threading, time
        from concurrent.futures import ThreadPoolExecutor
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        pool = ThreadPoolExecutor(2)
        print(pool.submit(lambda: "done").result())
    """
    result = ocppsim("-", stdin=text)
    assert (result.stdout, result.stderr, result.returncode) == ("done\n", "", 0)


# a plain script

PLAIN = """
    import atexit, sys
    from ocppsim import connect
    {before}
    with connect(strict=False) as cp:
        cp.send_heartbeat()
    sys.stdout.write("unfinished line")
    {after}
"""


def plain(
    path: Path, csms: AnsweringCsms, *, before: str = "", after: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    script = write(path / "plain.py", PLAIN.format(before=before, after=after))
    return python(script, OCPPSIM_URL=csms.url, **variables)


def test_a_plain_script_ends_with_4_after_violations(wrong: AnsweringCsms, tmp_path: Path) -> None:
    result = plain(tmp_path, wrong, before="atexit.register(print, ' and a farewell')")
    assert result.returncode == 4
    assert result.stdout == "unfinished line and a farewell\n"
    assert "ocppsim: the CSMS broke the protocol once:\n  CP1 Heartbeat: $.cur" in result.stderr


def test_a_plain_script_ends_as_python_has_it_otherwise(
    wrong: AnsweringCsms, right: AnsweringCsms, tmp_path: Path
) -> None:
    assert plain(tmp_path, right).returncode == 0
    allowed = plain(tmp_path, wrong, OCPPSIM_ALLOW_VIOLATIONS="1")
    assert allowed.returncode == 0
    assert "broke the protocol once (allowed):" in allowed.stderr
    raised = plain(tmp_path, wrong, after="1 / 0")
    assert raised.returncode == 1
    assert "broke the protocol once:" in raised.stderr
    assert plain(tmp_path, right, after="sys.exit(7)").returncode == 7


def test_a_plain_script_ends_with_1_after_a_failed_handler(
    right: AnsweringCsms, tmp_path: Path
) -> None:
    path = write(
        tmp_path / "plain.py",
        """
        import threading
        from ocppsim import connect
        asked = threading.Event()
        cp = connect()
        @cp.on("Reset")
        def reset(request):
            asked.set()
            1 / 0
        cp.send_heartbeat()
        asked.wait()
        """,
    )
    right.then["Heartbeat"] = [2, "1", "Reset", {"type": "Soft"}]
    result = python(path, OCPPSIM_URL=right.url)
    assert result.returncode == 1
    assert "a handler failed: ZeroDivisionError" in result.stderr


def test_a_program_that_uses_the_package_keeps_its_own_status(
    wrong: AnsweringCsms, tmp_path: Path
) -> None:
    text = "import ocppsim\ndef dial(): return ocppsim.connect(strict=False)"
    write(tmp_path / "library.py", text)
    text = "import library\nwith library.dial() as cp: cp.send_heartbeat()"
    result = python(write(tmp_path / "program.py", text), OCPPSIM_URL=wrong.url)
    assert result.returncode == 0
    assert "times" not in result.stderr


def test_a_script_that_cannot_be_read(tmp_path: Path) -> None:
    latin = tmp_path / "latin.py"
    latin.write_bytes(b"x = '\xe9'\n")
    late = tmp_path / "late.py"
    late.write_bytes(b"\n\n\nx = '\xe9'\n")
    for name, why in [
        (tmp_path / "none.py", "No such file"),
        (tmp_path, "Is a directory"),
        (latin, "not UTF-8"),
        (late, "not UTF-8"),
    ]:
        with pytest.raises(runner.ScriptError, match=why):
            runner.read_script(os.fspath(name))
    latin.write_bytes(b"# coding: latin-1\nassert '\xe9' == chr(233)\n")
    assert run(latin) == 0


# what is said at the end


def violation(action: str | None, rule: str, message: str = "is wrong") -> Violation:
    return Violation("CP1", 0.0, rule, "$", message, action, "[]")


def test_a_long_summary_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    violations = [violation(f"Action{n % 60}", "enum") for n in range(1200)]
    assert verdict.judge(0, violations, [], False) == 4
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "ocppsim: the CSMS broke the protocol at least 1200 times:"
    assert lines[1] == "  CP1 Action0: $: is wrong [enum], 20 times"
    assert lines[-1] == "  and 10 more kinds"
    assert len(lines) == 52


def test_failures_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert verdict.judge(0, [], [ValueError("a\nb"), KeyError("c")], False) == 1
    assert capsys.readouterr().err == (
        "ocppsim: handlers failed 2 times, the first with ValueError: a b\n"
    )


def test_what_the_csms_did_wrong_to_a_handler_is_no_failure_of_it() -> None:
    error = InvalidPayload("Heartbeat", "response", [Fault("$", "x", "y")], received=True)
    assert verdict.judge(0, [violation(None, "x")], [error], False) == 4
    assert verdict.judge(0, [violation(None, "x")], [error], True) == 1


@pytest.mark.parametrize("status", [1, 3, 4, 7, 130, 143])
def test_how_the_script_ended_comes_first(status: int) -> None:
    failures = [ValueError("x")]
    for allow in (False, True):
        assert verdict.judge(status, [violation(None, "x")], failures, allow) == status


def test_a_thread_of_the_script_that_raises_is_status_1(tmp_path: Path) -> None:
    script = tmp_path / "s.py"
    script.write_text("import threading\nthreading.Thread(target=lambda: 1 / 0).start()\n")
    result = ocppsim(script)
    assert result.returncode == 1
    assert "ZeroDivisionError: division by zero" in result.stderr
    assert "a thread of the script raised ZeroDivisionError" in result.stderr
