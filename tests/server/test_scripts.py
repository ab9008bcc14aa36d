"""Scripts of a charge point: how they end, how they are ended, and what they leave."""

from __future__ import annotations

import builtins
import contextlib
import logging
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

pytest.importorskip("flask", reason="the extra server is not installed")

from ocppsim import CallError, Plugins, interrupts, verbose
from ocppsim.csms import CentralSystem
from ocppsim.logs import hide
from ocppsim.server import scripts, stopping
from ocppsim.server.events import EventLog
from ocppsim.server.fleet import Entry, Fleet
from ocppsim.server.output import MAX_OUTPUT
from ocppsim.server.refusal import Refusal
from ocppsim.server.scripts import HISTORY, Busy, Outcome
from ocppsim.server.stopping import Stop
from ocppsim.server.surroundings import surroundings

PATIENCE = 20.0


class World:
    """A fleet with the entry CP1, and what its scripts said."""

    def __init__(self, csms: CentralSystem) -> None:
        self.csms = csms
        self.events = EventLog(10_000)
        self.fleet = Fleet(self.events, Plugins())
        self.entry: Entry = self.fleet.create("CP1", csms.url)

    def run(self, script: str, **options: Any) -> Outcome:
        return self.entry.script.run(textwrap.dedent(script), **options)

    def well(self, script: str) -> str:
        """Run it; what it prints."""
        outcome = self.run(script)
        assert outcome.ok, outcome.text
        return outcome.output

    def began(self, script: str) -> Callable[[], Outcome]:
        """Run it in the background, until it has printed; how it ended."""
        outcomes: list[Outcome] = []
        number = len(self.said("output"))
        thread = threading.Thread(target=lambda: outcomes.append(self.run(script)), daemon=True)
        thread.start()
        wait_until(lambda: len(self.said("output")) > number)

        def end() -> Outcome:
            thread.join(PATIENCE)
            assert outcomes, "it runs on"
            return outcomes[0]

        return end

    def said(self, kind: str) -> list[Any]:
        return [event for event in list(self.events._events) if event.kind == kind]

    def stop(self, timeout: float = PATIENCE) -> Stop:
        return self.entry.script.stop(timeout)


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def world() -> Iterator[World]:
    with CentralSystem() as csms:
        world = World(csms)
        yield world
        world.fleet.close()
        world.events.close()


# --- what a script finds ---


def test_it_has_the_charge_point_and_its_vars(world: World) -> None:
    assert world.well("cp.vars.count = 1; print(cp.name, cp.connected)") == "CP1 False\n"
    assert world.well("connect(); cp.vars.count += 1; print(cp.vars.count)") == "2\n"
    assert world.well("print(sorted(cp.send_heartbeat()), cp.connected)") == (
        "['currentTime'] True\n"
    )


@pytest.mark.parametrize(
    "line", ["", "from ocppsim import connect", "import ocppsim; connect = ocppsim.connect"]
)
def test_connect_is_about_this_charge_point(world: World, line: str) -> None:
    script = f"{line}\ncp = connect()\nprint(cp.name, cp.connected)\n"
    assert world.well(script) == "CP1 True\n"
    cp = world.entry.cp
    assert world.well("print(connect() is cp)") == "True\n"
    assert world.well(f"print(connect({world.csms.url + '/CP1'!r}) is cp)") == "True\n"
    assert world.well(f"print(connect({world.csms.url!r}) is cp)") == "True\n"
    assert world.entry.cp is cp
    wait_until(lambda: world.csms.charge_points == ["CP1"])


def test_a_name_that_is_new_is_connected_by_the_script(world: World) -> None:
    entry = world.fleet.create("CP2")
    outcome = entry.script.run(f"with connect({world.csms.url!r}) as cp:\n    cp.send_heartbeat()")
    assert outcome.ok, outcome.text
    assert entry.cp is not None
    assert entry.cp.name == "CP2"
    assert not entry.cp.connected


def test_other_options_make_another_charge_point_of_that_name(world: World) -> None:
    assert world.well("before = connect(); now = connect(strict=False); print(now.strict)") == (
        "False\n"
    )
    assert world.entry.cp is not None
    assert not world.entry.cp.strict
    wait_until(lambda: world.csms.charge_points == ["CP1"])


def test_another_name_is_another_charge_point(world: World) -> None:
    world.well(f"with connect({world.csms.url!r}, name='CP9') as other: print(other.name)")
    assert world.entry.cp is None


def test_it_is_a_module_of_its_own_each_time(world: World) -> None:
    assert world.well("if __name__ == '__main__':\n    here = 1\n    print(here)") == "1\n"
    assert "NameError" in world.run("print(here)").text


def test_handlers_answer_when_the_script_is_over(world: World) -> None:
    world.well(
        """
        connect()
        @cp.on("Reset")
        def reset(request):
            print("asked for", request.payload["type"])
            return {"status": "Accepted"}
        """
    )
    assert world.csms.call("CP1", "Reset", {"type": "Soft"})["status"] == "Accepted"
    wait_until(lambda: world.said("output"))
    assert "asked for Soft" in world.said("output")[0].text


# --- how it ends ---


def test_a_traceback_begins_at_the_scripts_own_line(world: World) -> None:
    outcome = world.run("def f():\n    return 1 / 0\n\nprint('so far')\nf()\n")
    assert not outcome.ok
    assert outcome.output == "so far\n"
    lines = outcome.text.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1:3] == ['  File "<script 1 of CP1>", line 5, in <module>', "    f()"]
    assert "    return 1 / 0" in lines
    assert lines[-1] == "ZeroDivisionError: division by zero"


def test_a_syntax_error_shows_its_line(world: World) -> None:
    outcome = world.run("x = 1\ny = = 2\n")
    assert "line 2" in outcome.text
    assert "y = = 2" in outcome.text


@pytest.mark.parametrize(
    ("script", "ok", "text"),
    [
        ("import sys; sys.exit()", True, ""),
        ("raise SystemExit(0)", True, ""),
        ("import sys; sys.exit(3)", False, "SystemExit: 3"),
        ("import sys; sys.exit('no car')", False, "SystemExit: no car"),
        ("raise KeyboardInterrupt", False, "KeyboardInterrupt"),
        ("raise BaseException('all')", False, "BaseException: all"),
        ("raise MemoryError", False, "MemoryError"),
        ("def f(): f()\nf()", False, "RecursionError"),
        ("class E(Exception):\n def __str__(self): raise SystemExit\nraise E", False, "E"),
        ("class E:\n def __str__(self): 1 / 0\nraise SystemExit(E())", False, "cannot be shown"),
        ("\0", False, "null bytes"),
        ("(" * 5000, False, "Error"),
    ],
)
def test_whatever_it_raises_the_next_one_runs(
    world: World, script: str, ok: bool, text: str
) -> None:
    outcome = world.run(script)
    assert outcome.ok == ok
    assert text in outcome.text
    assert world.well("print('alive')") == "alive\n"


def test_output_and_history_are_bounded(world: World) -> None:
    outcome = world.run("for i in range(40): print('x' * 20_000)")
    assert outcome.ok
    assert len(outcome.output) < 2 * MAX_OUTPUT + 100
    assert outcome.output.startswith("… (")
    for _ in range(HISTORY + 5):
        world.well("print(1)")
    history = world.entry.script.history
    assert len(history) == HISTORY
    assert history[-1].outcome.output == "1\n"
    assert history[-1].number == HISTORY + 6


def test_what_it_writes_is_its_own(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout
    output = world.well("import sys; sys.stdout.write('out'); print('err', file=sys.stderr)")
    assert output == "outerr\n"
    assert sys.stdout is before
    assert capsys.readouterr().out == ""


def test_the_log_is_not_its_output(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    verbose(2)
    try:
        output = world.well(
            """
            import logging
            connect()
            logging.getLogger("ocppsim.csms").warning("from the csms")
            cp.log("a line of the log")
            cp.send_heartbeat()
            print("hello")
            """
        )
    finally:
        hide()
    assert output == "hello\n"
    shown = capsys.readouterr().err
    assert all(text in shown for text in ("from the csms", "a line of the log", "Heartbeat"))


@pytest.mark.parametrize(
    "script",
    [
        "import builtins; del builtins.print",
        "import builtins as b; b.print = b.len = b.open = None",
        "from builtins import __dict__ as b; b.clear()",
        "import sys; sys.stdout = sys.stderr = None",
        "import sys; sys.stdout.close(); sys.stderr.close()",
        "import io, sys; sys.stdout = sys.stderr = io.StringIO()",
    ],
)
def test_what_it_breaks_is_its_own(
    world: World, script: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sys.stdout, sys.stderr
    world.well(script)
    assert world.well("import sys; print(1); sys.stdout.write('2')") == "1\n2"
    assert (sys.stdout, sys.stderr) == before
    print("still there")
    assert capsys.readouterr().out == "still there\n"


def test_it_may_change_its_builtins(world: World) -> None:
    script = "import builtins; builtins.twice = lambda x: 2 * x; print(twice(4))"
    assert world.well(script) == "8\n"
    assert not hasattr(builtins, "twice")


def test_a_secret_is_not_shown(world: World) -> None:
    outcome = world.run("print('ws://me:S3CRET@host/'); raise ValueError('ws://me:S3CRET@host/')")
    assert "S3CRET" not in outcome.output + outcome.text
    assert all("S3CRET" not in event.text for event in world.events._events)


def test_its_life_is_in_the_events(world: World) -> None:
    world.run("print('one'); print('two', end=''); 1 / 0")
    kinds = [event.kind for event in world.events._events]
    assert [kind for kind in kinds if kind in ("script", "output")] == [
        "script",
        "output",
        "output",
        "script",
    ]
    assert '"ok":false' in world.said("script")[1].text
    assert "ZeroDivisionError" in world.said("script")[1].text


# --- one at a time ---


def test_a_second_script_is_refused_or_waits(world: World) -> None:
    end = world.began("print('first'); cp.sleep(1000)")
    assert world.entry.busy
    with pytest.raises(Busy, match="a script runs for CP1 already"):
        world.run("", wait=False)
    with pytest.raises(Busy, match=r"within 0.01 s"):
        world.run("", timeout=0.01)
    outcomes: list[Outcome] = []
    second = threading.Thread(target=lambda: outcomes.append(world.run("print('second')")))
    second.start()
    wait_until(lambda: world.entry.script._waiting)
    assert not outcomes
    world.stop()
    assert not end().ok
    second.join(PATIENCE)
    assert outcomes[0].output == "second\n"
    assert not world.entry.busy


def test_those_that_wait_come_in_their_order(world: World) -> None:
    world.well("cp.vars.order = []")
    world.began("print('first'); cp.sleep(1000)")
    threads = []
    for number in range(5):
        waiting = len(world.entry.script._waiting)
        thread = threading.Thread(target=world.run, args=(f"cp.vars.order.append({number})",))
        thread.start()
        threads.append(thread)
        wait_until(lambda waiting=waiting: len(world.entry.script._waiting) > waiting)
    world.stop()
    for thread in threads:
        thread.join(PATIENCE)
    assert world.entry.prepare().vars.order == [0, 1, 2, 3, 4]


# --- stopped ---

WAITS = [
    "cp.sleep(1000)",
    "cp.expect('Reset', timeout=1000)",
    "cp.wait_for_frame(timeout=1000)",
    "cp.enqueue('Heartbeat', {}).result()",
]
PYTHON = [
    "while True: pass",
    "while True:\n    try:\n        sum(range(1000))\n    except Exception:\n        pass",
    "import time\nwhile True: time.sleep(0.01)",
]
STUBBORN = "while True:\n    try:\n        cp.sleep(1000)\n    except Exception:\n        pass"


@pytest.mark.parametrize("script", [*WAITS, STUBBORN])
def test_what_waits_in_ocppsim_wakes(world: World, script: str) -> None:
    end = world.began(f"print('go')\n{script}")
    stop = world.stop()
    outcome = end()
    assert not outcome.ok
    assert "Stopped: the script was stopped" in outcome.text
    assert stop.left == []
    assert stop.woken or stop.interrupted
    assert world.well("print('alive')") == "alive\n"


@pytest.mark.parametrize("script", PYTHON)
def test_pure_python_is_interrupted(world: World, script: str) -> None:
    end = world.began(f"print('go')\n{script}")
    stop = world.stop()
    outcome = end()
    assert stop.interrupted
    assert stop.left == []
    assert "Stopped" in outcome.text
    assert "<script 1 of CP1>" in outcome.text


def test_its_other_threads_and_handlers_at_work_end_as_well(world: World) -> None:
    end = world.began(
        """
        import threading
        connect()
        print("go")
        threading.Thread(target=lambda: cp.sleep(1000), name="one of its own").start()

        @cp.on("Reset")
        def reset(request):
            print("asked")
            while True:
                pass

        cp.expect("GetLocalListVersion", timeout=1000)
        """
    )
    handled = threading.Thread(target=ask, args=(world,))
    handled.start()
    wait_until(lambda: len(world.said("output")) > 1)
    stop = world.stop()
    end()
    handled.join(PATIENCE)
    assert stop.left == []
    names = " ".join([*stop.woken, *stop.interrupted])
    assert "one of its own" in names
    assert "Reset" in names


def ask(world: World) -> None:
    with contextlib.suppress(CallError):  # InternalError, as the handler was stopped
        world.csms.call("CP1", "Reset", {"type": "Soft"})


def test_a_reader_that_is_in_the_scripts_observer_lives_on(world: World) -> None:
    end = world.began(
        """
        import time
        connect()
        cp.vars.go_on = False

        def observer(frame):
            if frame.direction == "received":
                print("seen")
                while not cp.vars.go_on:
                    time.sleep(0.001)

        cp.trace.observers.append(observer)
        print("go")
        cp.send_heartbeat()
        """
    )
    wait_until(lambda: any("seen" in event.text for event in world.said("output")))
    stop = world.stop()
    assert not end().ok
    assert len(stop.woken) == 1
    assert stop.left == stop.interrupted == []
    cp = world.entry.prepare()
    cp.vars.go_on = True
    assert cp.call("Heartbeat")["currentTime"]


def test_ocppsims_own_code_is_not_interrupted() -> None:
    def run(outer: str, inner: str) -> bool:
        """Whether code of the file `inner`, that code of the file `outer` calls, counts as it."""
        names: dict[str, Any] = {"look": lambda: stopping._in_engine(sys._getframe(1), {"<s>"})}
        exec(compile("def called(): return look()", inner, "exec"), names)
        exec(compile("result = called()", outer, "exec"), names)
        return bool(names["result"])

    engine = stopping._ENGINE + "calls.py"
    assert run("<s>", engine)
    assert not run(engine, "<s>")
    assert not run("<s>", "/usr/lib/python3/json/__init__.py")


def test_the_handler_of_an_earlier_script_goes_on(world: World) -> None:
    world.well(
        """
        connect()
        @cp.on("Reset")
        def reset(request):
            print("asked")
            while not hasattr(cp.vars, "go_on"):
                cp.sleep(0.01)
            return {"status": "Accepted"}
        """
    )
    end = world.began("print('go'); cp.sleep(1000)")
    answers: list[Any] = []
    asking = threading.Thread(
        target=lambda: answers.append(world.csms.call("CP1", "Reset", {"type": "Soft"}))
    )
    asking.start()
    wait_until(lambda: len(world.said("output")) > 1)
    world.stop()
    end()
    world.well("cp.vars.go_on = True")
    asking.join(PATIENCE)
    assert answers[0]["status"] == "Accepted"


def test_what_neither_reaches_is_named_and_left(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    lock = threading.Lock()
    lock.acquire()
    world.entry.prepare().vars.lock = lock
    end = world.began("print('go')\ncp.vars.lock.acquire()\n")
    with caplog.at_level(logging.WARNING, "ocppsim.server"):
        stop = world.stop(0.2)
    assert len(stop.left) == 1
    assert "<script 1 of CP1>, line 2" in stop.left[0]
    assert "left behind, it cannot be stopped" in caplog.text
    assert "left where it does not end" in end().text
    assert world.well("print('alive')") == "alive\n"
    lock.release()


def test_one_that_has_not_begun_yet_does_not_begin(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on = threading.Event(), threading.Event()

    def slow(*args: Any, **options: Any) -> dict[str, Any]:
        began.set()
        assert go_on.wait(PATIENCE)
        return surroundings(*args, **options)

    monkeypatch.setattr(scripts, "surroundings", slow)
    outcomes: list[Outcome] = []
    stops: list[Stop] = []
    running = threading.Thread(target=lambda: outcomes.append(world.run("print('begun')")))
    running.start()
    assert began.wait(PATIENCE)
    stopping = threading.Thread(target=lambda: stops.append(world.stop()))
    stopping.start()
    wait_until(lambda: len(interrupts._told) > 0)
    go_on.set()
    running.join(PATIENCE)
    stopping.join(PATIENCE)
    assert outcomes[0].output == ""
    assert "Stopped" in outcomes[0].text
    assert stops[0].left == []
    assert len(stops[0].woken) == 1


def test_a_charge_point_that_is_removed_takes_its_script_with_it(world: World) -> None:
    end = world.began("print('go')\nwhile True: pass")
    world.fleet.remove("CP1")
    assert not end().ok


def test_one_that_waits_does_not_begin_when_its_charge_point_is_removed(world: World) -> None:
    end = world.began("print('go')\nwhile True: pass")
    refused: list[Refusal] = []

    def second() -> None:
        try:
            world.run("print('second')")
        except Refusal as error:
            refused.append(error)

    waiting = threading.Thread(target=second)
    waiting.start()
    wait_until(lambda: world.entry.script._waiting)
    world.fleet.remove("CP1")
    end()
    waiting.join(PATIENCE)
    assert [(error.status, error.what) for error in refused] == [(409, "CP1 was removed meanwhile")]


def test_a_thread_of_a_pool_serves_others_afterwards(world: World) -> None:
    with ThreadPoolExecutor(1) as pool:
        world.entry.prepare().vars.pool = pool
        end = world.began("print('go')\ncp.vars.pool.submit(lambda: cp.sleep(1000)).result()")
        wait_until(lambda: len(interrupts._wakers) > 0)
        assert world.stop().left == []
        end()
        assert world.well("print(cp.vars.pool.submit(lambda: cp.sleep(0.001)).result())") == (
            "None\n"
        )


def test_its_error_is_shown_in_its_own_thread_so_that_too_is_stopped(world: World) -> None:
    end = world.began(
        """
        class Endless(Exception):
            def __str__(self):
                print("go")
                while True:
                    pass
        raise Endless
        """
    )
    assert world.stop().left == []
    assert "Endless" in end().text


def test_nothing_runs_so_nothing_is_stopped(world: World) -> None:
    assert world.stop() == Stop()
    assert not interrupts._wakers
