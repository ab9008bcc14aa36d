"""Scripts that come over HTTP: each in a thread of its own, one at a time for a charge point."""

from __future__ import annotations

import ast
import linecache
import logging
import os
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import TYPE_CHECKING, Any

from .. import interrupts
from ..clock import timestamp
from ..errors import Stopped
from ..masking import mask_text
from .memory import watched
from .output import Output, capture
from .refusal import Refusal
from .surroundings import surroundings

if TYPE_CHECKING:
    from .fleet import Entry

__all__ = ["Busy", "Outcome", "Past", "ScriptRunner", "Stop"]

_log = logging.getLogger("ocppsim.server")

HISTORY = 20
_REMEMBERED = 10_000  # characters of text and output in the history
_MAX_LINES = 20_000_000  # characters of all scripts together, for their tracebacks
MAX_TRACEBACK = 50_000  # characters
_LOOK = 0.2  # s between looks at how the process grows
_STEP = 0.05  # s between looks at a script that is to stop
_ENGINE = os.path.dirname(os.path.dirname(__file__)) + os.sep
# what begins code of a script in threads of its own; other threads only call it, and must live on
_STARTERS = (__file__, f"{_ENGINE}handlers.py", f"{_ENGINE}listener.py")


class Busy(Refusal):
    """Another script runs for this charge point."""

    def __init__(self, name: str, waited: float | None) -> None:
        text = f"a script runs for {name} already"
        if waited is not None:
            text += f", and did not end within {waited:g} s"
        super().__init__(409, text, where="script", hint=f"POST /cp/{name}/stop stops it")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a script ended. text: its traceback, or what it gave to ``sys.exit``; "" where all went
    well. output: what it printed, the end of it."""

    ok: bool
    text: str
    output: str


@dataclass(frozen=True, slots=True)
class Past:
    """A script that has ended, or was left. started: RFC 3339. seconds: how long it ran."""

    number: int
    started: str
    seconds: float
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Stop:
    """What stopping did, by the names of threads. woken: they waited in ocppsim. interrupted: they
    ran Python. left: neither reached them; each says where it is."""

    woken: list[str] = field(default_factory=list)
    interrupted: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


class _Run:
    """One script as it runs. filename: tells its code from all other."""

    def __init__(self, number: int, name: str) -> None:
        self.number = number
        self.filename = f"<script {number} of {name}>"  # of a name that came again: the same
        self.started = time.time()
        self.output = Output()
        self.error: BaseException | None = None
        self.reason = ""  # why the server stopped it
        self.over = threading.Event()
        self.thread: threading.Thread | None = None


class ScriptRunner:
    """Runs the scripts of one charge point, one after the other. For any thread."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._changed = threading.Condition()
        self._run: _Run | None = None
        self._waiting: deque[object] = deque()
        self._number = 0
        self._past: deque[Past] = deque(maxlen=HISTORY)
        self._filenames: deque[str] = deque(maxlen=HISTORY)

    @property
    def busy(self) -> bool:
        """Whether a script runs."""
        return self._run is not None

    @property
    def history(self) -> list[Past]:
        """The last scripts, oldest first."""
        return list(self._past)

    def run(self, source: str, *, wait: bool = True, timeout: float | None = None) -> Outcome:
        """Run a script to its end, or until `stop` leaves it.

        wait: where another one runs, until that has ended, first come first served, and at most
        `timeout` seconds. Raises Busy.
        """
        run = self._begin(wait, timeout)
        _keep_lines(run.filename, source)
        run.thread = threading.Thread(
            target=self._execute, args=(run, source), name=f"ocppsim {run.filename}", daemon=True
        )
        self._publish(run, "script", {"state": "started"})
        try:
            run.thread.start()
        except RuntimeError as error:  # the system has no more threads
            run.error = error
            run.over.set()
        self._watch(run)
        return self._end(run)

    def stop(self, timeout: float = 5.0) -> Stop:
        """End the script that runs: its threads, and the handlers at work that are its own. Where
        none runs, what scripts have left behind. Within `timeout` seconds."""
        with self._changed:
            run = self._run
            filenames = {run.filename} if run is not None else set(self._filenames)
        deadline = time.monotonic() + timeout
        _be_quiet()
        woken: dict[threading.Thread, None] = {}
        interrupted: dict[threading.Thread, None] = {}
        while True:
            found = _at_work(run, filenames)
            if not found and (run is None or run.over.is_set()):
                break
            for thread, frame in found.items():
                if interrupts.tell(thread):
                    woken[thread] = None
                elif not _in_engine(frame, filenames):
                    interrupts.interrupt(thread)
                    interrupted[thread] = None
            if time.monotonic() >= deadline:
                break
            if run is None or run.over.wait(_STEP):
                time.sleep(_STEP)
        going_on = _at_work(run, filenames)
        for thread in (woken | interrupted).keys() - going_on.keys():
            interrupts.forget(thread)  # of a pool: it may serve others
        left = [_place(thread, frame) for thread, frame in going_on.items()]
        for place in left:
            _log.warning("%s: left behind, it cannot be stopped: %s", self._entry.name, place)
        if run is not None and not run.over.is_set():
            run.error = Stopped("the script was stopped, and left where it does not end")
            run.over.set()
        if run is not None and run.thread is not None and not (woken or interrupted or left):
            woken[run.thread] = None  # it had hardly begun, or was about to end
        only = [thread.name for thread in interrupted if thread not in woken]
        return Stop([thread.name for thread in woken], only, left)

    # --- inside ---

    def _begin(self, wait: bool, timeout: float | None) -> _Run:
        me = object()
        with self._changed:
            self._waiting.append(me)
            try:
                self._changed.wait_for(
                    lambda: self._run is None and self._waiting[0] is me,
                    timeout if wait else 0.0,
                )
                if self._run is not None or self._waiting[0] is not me:
                    raise Busy(self._entry.name, timeout if wait else None)
                self._number += 1
                run = self._run = _Run(self._number, self._entry.name)
                self._filenames.append(run.filename)
                return run
            finally:
                self._waiting.remove(me)
                self._changed.notify_all()

    def _watch(self, run: _Run) -> None:
        """Until it is over; it ends where the process grows too much."""
        with watched() as watch:
            while not run.over.wait(_LOOK):
                grown = watch.excess()
                if grown:
                    run.reason = f"it was stopped as the process grew by {grown >> 20} MB"
                    self.stop()

    def _execute(self, run: _Run, source: str) -> None:
        error: BaseException | None = None
        try:
            with capture(run.output, lambda text: self._print(run, text)):
                error = self._failure(run, source)
        except BaseException as again:  # one more stop, on its way out
            error = again
        finally:
            if not run.over.is_set():
                run.error = error
            run.over.set()
            interrupts.interrupt(threading.current_thread(), undo=True)

    def _failure(self, run: _Run, source: str) -> BaseException | None:
        try:
            tree = ast.parse(source, run.filename)
            code = compile(tree, run.filename, "exec", dont_inherit=True)
            names = surroundings(self._entry, needs_cp=_needs_cp(tree), output=run.output)
            interrupts.check()  # it may have been stopped before it began
            exec(code, names)
        except BaseException as error:  # whatever it is, the server lives on
            return error
        return None

    def _print(self, run: _Run, text: str) -> None:
        self._publish(run, "output", {"text": mask_text(text)})

    def _end(self, run: _Run) -> Outcome:
        outcome = Outcome(*_judged(run), mask_text(run.output.text))
        run.error = None  # it holds all that the script held
        seconds = round(time.time() - run.started, 3)
        with self._changed:
            kept = Outcome(outcome.ok, outcome.text[-_REMEMBERED:], outcome.output[-_REMEMBERED:])
            self._past.append(Past(run.number, timestamp(run.started), seconds, kept))
            self._run = None
            self._changed.notify_all()
        state = {"state": "ended", "ok": outcome.ok, "text": outcome.text, "seconds": seconds}
        self._publish(run, "script", state)
        if not outcome.ok:
            last = outcome.text.strip().splitlines()[-1:]
            _log.warning("%s: %s failed: %s", self._entry.name, run.filename, *last or [""])
        return outcome

    def _publish(self, run: _Run, kind: str, data: dict[str, Any]) -> None:
        self._entry.events.publish(kind, self._entry.name, {"script": run.number, **data})


def _judged(run: _Run) -> tuple[bool, str]:
    """Whether it went well; what to say where it did not."""
    error = run.error
    if run.reason:
        return False, f"{type(error).__name__ if error else 'Stopped'}: {run.reason}"
    if error is None:
        return True, ""
    if isinstance(error, SystemExit):
        if error.code in (None, 0):
            return True, ""
        return False, mask_text(f"SystemExit: {error.code}")
    tb = error.__traceback__
    while tb is not None and tb.tb_frame.f_code.co_filename != run.filename:
        tb = tb.tb_next
    try:
        shown = traceback.TracebackException(type(error), error, tb, limit=-100, compact=True)
        text = "".join(shown.format())
    except BaseException as worse:  # its own __str__ may do anything
        text = f"{type(error).__name__}, which cannot be shown: {type(worse).__name__}"
    if len(text) > MAX_TRACEBACK:
        text = f"{text[: MAX_TRACEBACK // 2]}\n…\n{text[-MAX_TRACEBACK // 2 :]}"
    return False, mask_text(text)


_lines: deque[tuple[str, int]] = deque()
_lines_lock = threading.Lock()


def _keep_lines(filename: str, source: str) -> None:
    """For tracebacks, also those of the handlers that a script leaves behind."""
    lines = source.splitlines(keepends=True)
    with _lines_lock:
        linecache.cache[filename] = (len(source), None, lines, filename)
        _lines.append((filename, len(source)))
        while len(_lines) > 1 and sum(size for _, size in _lines) > _MAX_LINES:
            linecache.cache.pop(_lines.popleft()[0], None)


def _needs_cp(tree: ast.AST) -> bool:
    """Whether it uses a `cp` that it does not bring itself."""
    uses = False
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and node.arg == "cp":
            return False
        if isinstance(node, ast.Name) and node.id == "cp":
            if isinstance(node.ctx, ast.Store):
                return False
            uses = True
    return uses


def _threads_in(filenames: set[str]) -> Iterator[tuple[threading.Thread, FrameType]]:
    """The threads in which these scripts have code at work, and where each is; not those of
    ocppsim that only call it: observers, callbacks of futures."""
    frames = sys._current_frames()
    for thread in threading.enumerate():
        top = frame = frames.get(thread.ident or 0)
        theirs = False
        while frame is not None:
            name = frame.f_code.co_filename
            if name in filenames:
                theirs = True
            elif theirs and name.startswith(_ENGINE) and name not in _STARTERS:
                theirs = False
            frame = frame.f_back
        if theirs and top is not None:
            yield thread, top


def _at_work(run: _Run | None, filenames: set[str]) -> dict[threading.Thread, FrameType]:
    """What is to be stopped: threads in which the scripts have code at work, and that of `run`,
    also before and after its code."""
    found = dict(_threads_in(filenames))
    thread = None if run is None or run.over.is_set() else run.thread
    if thread is not None and thread.is_alive() and thread not in found:
        frame = sys._current_frames().get(thread.ident or 0)
        if frame is not None:
            found[thread] = frame
    return found


def _in_engine(frame: FrameType | None, filenames: set[str]) -> bool:
    """Whether it is ocppsim's code that runs there: to be interrupted would break what others need
    whole, and it comes out of there by itself."""
    while frame is not None and frame.f_code.co_filename not in filenames:
        if frame.f_code.co_filename.startswith(_ENGINE):
            return True
        frame = frame.f_back
    return False


def _be_quiet() -> None:
    """From now on nothing is printed of threads that were stopped."""
    before = threading.excepthook
    if getattr(before, "ocppsim", False):
        return

    def hook(args: threading.ExceptHookArgs) -> None:
        if not issubclass(args.exc_type, Stopped):
            before(args)

    hook.ocppsim = True  # type: ignore[attr-defined]
    threading.excepthook = hook


def _place(thread: threading.Thread, frame: FrameType) -> str:
    where: FrameType | None = frame
    while where is not None and not where.f_code.co_filename.startswith("<script "):
        where = where.f_back
    line = f", line {where.f_lineno}" if where is not None else ""
    return f"{thread.name}{line}: in {frame.f_code.co_name}"
