"""Runs a script as Python runs one, and judges how it went by an exit status."""

from __future__ import annotations

import atexit
import builtins
import contextlib
import io
import linecache
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from tokenize import detect_encoding
from types import FrameType, ModuleType
from typing import Any, NoReturn

from . import logs, session
from .errors import CertificateError, ConnectError, InvalidPayload
from .verdict import DONE, INTERRUPTED, NOT_CONNECTED, RAISED, TERMINATED, VIOLATED, judge

__all__ = [
    "Script",
    "ScriptError",
    "read_script",
    "run",
    "until_stopped",
    "watch_plain_script",
]

_running = False  # whether `run` is at work
_watching = False  # whether the process is a script that nobody runs but Python


class _Terminated(KeyboardInterrupt):
    """SIGTERM, raised where the script is."""


class ScriptError(Exception):
    """A script that cannot be read; the text says why in one line."""


@dataclass(frozen=True, slots=True)
class Script:
    """The source of a script. name: as the user gave it, ``"-"`` for standard input. filename:
    what tracebacks call it."""

    name: str
    source: bytes
    filename: str

    @property
    def from_stdin(self) -> bool:
        return self.name == "-"

    def text(self) -> str:
        """Raises SyntaxError for an encoding that does not exist, UnicodeDecodeError."""
        lines = iter(self.source.splitlines(keepends=True))
        encoding, _ = detect_encoding(lambda: next(lines, b""))
        return self.source.decode(encoding)


def read_script(name: str) -> Script:
    """The script in the file `name`, or in standard input (``"-"``). Raises ScriptError."""
    try:
        if name == "-" and sys.stdin is None:
            raise ScriptError("there is no standard input to read the script from")
        if name == "-":
            script = Script(name, sys.stdin.buffer.read(), "<stdin>")
        else:
            with open(name, "rb") as file:
                script = Script(name, file.read(), os.path.abspath(name))
        script.text()
    except OSError as error:
        raise ScriptError(f"cannot read {name}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise ScriptError(f"cannot read {name}: not UTF-8: {error.reason}") from None
    except SyntaxError as error:  # of the line that tells the encoding, or the lack of one
        why = error.msg.replace("invalid or missing encoding declaration", "not UTF-8")
        raise ScriptError(f"cannot read {name}: {why}") from None
    return script


def run(script: Script, args: Sequence[str] = (), *, allow_violations: bool = False) -> int:
    """Run `script` with the arguments `args`, close what it left open; the exit status.

    To be called from the main thread, for the signals.
    """
    session.keep_all()
    before = session.verdict()
    with _as_main(script, args) as module, _sigterm_raises(), _thread_failures() as raised:
        status = _guarded(lambda: _execute(script, module, allow_violations))
        # after a Ctrl-C nobody waits; what is closed makes the threads end
        closed = _guarded(session.close_all)
    now = session.verdict()
    if raised and not (closed or status):
        logs.say(f"a thread of the script raised {raised[0].__name__}")
        status = RAISED
    return judge(
        closed or status,
        now.violations[len(before.violations) :],
        now.failures[len(before.failures) :],
        allow_violations,
    )


def until_stopped(function: Callable[[], object]) -> int:
    """Run `function` until it ends, or Ctrl-C or SIGTERM ends it; the exit status."""

    def act() -> None:
        function()

    with _sigterm_raises():
        return _guarded(act)


@contextlib.contextmanager
def _thread_failures() -> Iterator[list[type[BaseException]]]:
    """What ends threads of the script, beside showing it as Python does."""
    raised: list[type[BaseException]] = []
    shown = threading.excepthook

    def hook(args: threading.ExceptHookArgs) -> None:
        raised.append(args.exc_type)
        shown(args)

    threading.excepthook = hook
    try:
        yield raised
    finally:
        threading.excepthook = shown


def watch_plain_script(caller: Mapping[str, Any]) -> None:
    """`connect` was called; caller: the globals of who did.

    If that is the program itself (``__main__``), run by Python and not by `run`, see at the end of
    the process that its exit status says what was wrong.
    """
    global _watching
    if not _running and caller.get("__name__") == "__main__":
        _watching = True
        session.keep_all()


@atexit.register  # on import, so that it comes after what the script registers itself
def _end_plain_script() -> None:
    if not _watching or sys.flags.interactive or hasattr(sys, "ps1"):
        return
    session.close_all()
    verdict = session.verdict()
    # An uncaught exception has given the process its status already. One given to sys.exit cannot
    # be seen from here; what was wrong outdoes it.
    raised = getattr(sys, "last_value", None) is not None
    status = judge(RAISED if raised else DONE, verdict.violations, verdict.failures, _allowed())
    if raised or status == DONE:
        return
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    logging.shutdown()
    os._exit(status)  # sys.exit does nothing here


def _allowed() -> bool:
    from .parser import from_variables

    try:
        return bool(from_variables(os.environ).get("allow_violations"))
    except ValueError:  # `connect` has said so
        return False


def _guarded(function: Callable[[], int | None]) -> int:
    """What `function` returns; a signal ends it."""
    try:
        return function() or DONE
    except _Terminated:
        logs.say("terminated")
        return TERMINATED
    except KeyboardInterrupt:
        logs.say("interrupted")
        return INTERRUPTED


def _execute(script: Script, module: ModuleType, allow_violations: bool) -> int:
    threads = set(threading.enumerate())
    try:
        code = compile(script.source, script.filename, "exec", dont_inherit=True)
        exec(code, module.__dict__)
        status = DONE
    except KeyboardInterrupt:
        raise
    except SystemExit as end:
        status = _exit_status(end)
    except ConnectError as error:
        logs.say(f"could not connect: {error} ({_place(error, script)})")
        status = NOT_CONNECTED
    except CertificateError as error:  # its text says which file, and why
        logs.say(f"{error} ({_place(error, script)})")
        status = RAISED
    except BaseException as error:
        _show(error)
        of_csms = isinstance(error, InvalidPayload) and error.received
        status = VIOLATED if of_csms and not allow_violations else RAISED
    _wait_for_threads(threads)
    return status


def _exit_status(end: SystemExit) -> int:
    if end.code is None or isinstance(end.code, int):
        return end.code or DONE
    if logs.in_json():
        logs.say(str(end.code))
    else:
        print(end.code, file=sys.stderr)
    return RAISED


def _show(error: BaseException) -> None:
    """The traceback of the script, from its own first line on."""
    tb = error.__traceback__
    while tb is not None and tb.tb_frame.f_code.co_filename == __file__:
        tb = tb.tb_next
    error.__traceback__ = tb
    if logs.in_json():
        logs.say(f"the script raised {type(error).__name__}: {error}", error)
    elif sys.excepthook is sys.__excepthook__:
        # not the hook itself: before Python 3.13 it knows no source lines of standard input
        traceback.print_exception(error)
    else:
        sys.excepthook(type(error), error, tb)


def _place(error: BaseException, script: Script) -> str:
    lines = [
        frame.f_lineno if line is None else line
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename == script.filename
    ]
    name = "<stdin>" if script.from_stdin else script.name
    return f"{name}, line {lines[-1]}" if lines else name


def _wait_for_threads(before: set[threading.Thread]) -> None:
    """Python ends only when the last thread does that is no daemon; so do the connections."""
    # but for the workers of an executor: Python wakes them when it ends, and only then they end
    executors = sys.modules.get("concurrent.futures.thread")
    workers = getattr(executors, "_threads_queues", None) if executors else ()
    if workers is None:
        return

    def left() -> list[threading.Thread]:
        others = set(threading.enumerate()) - before
        return [thread for thread in others if not thread.daemon and thread not in workers]

    while threads := left():
        for thread in threads:
            thread.join()


@contextlib.contextmanager
def _as_main(script: Script, args: Sequence[str]) -> Iterator[ModuleType]:
    """What a script finds around it: its module, sys.argv, sys.path; its lines for tracebacks."""
    global _running
    from .connect import connect

    module = ModuleType("__main__")
    # Python has __file__ for standard input as well
    module.__dict__.update(__builtins__=builtins, __file__=script.filename, __cached__=None)
    module.__dict__["connect"] = connect
    if script.from_stdin:
        folder = ""
        lines = script.text().splitlines(keepends=True)
        linecache.cache[script.filename] = (len(script.source), None, lines, script.filename)
    else:
        folder = os.path.dirname(os.path.realpath(script.name))
    before = sys.modules["__main__"], sys.argv, sys.path[:], _running
    sys.modules["__main__"] = module
    sys.argv = [script.name, *args]
    if not sys.flags.safe_path:
        sys.path[:1] = [folder]
    _running = True
    try:
        with _lines_at_once():
            yield module
    finally:
        sys.modules["__main__"], sys.argv, sys.path[:], _running = before
        linecache.cache.pop("<stdin>", None)


@contextlib.contextmanager
def _lines_at_once() -> Iterator[None]:
    """What the script prints comes out line by line, in step with the frames, also into a pipe."""
    stream = sys.stdout if isinstance(sys.stdout, io.TextIOWrapper) else None
    if stream is None or stream.line_buffering:
        yield
        return
    stream.reconfigure(line_buffering=True)
    try:
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):
            stream.reconfigure(line_buffering=False)


@contextlib.contextmanager
def _sigterm_raises() -> Iterator[None]:
    def terminate(number: int, frame: FrameType | None) -> NoReturn:
        raise _Terminated

    here = threading.current_thread() is threading.main_thread()
    if not here or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
