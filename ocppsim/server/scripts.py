"""Scripts that come over HTTP: each in a thread of its own, one at a time for a charge point."""

from __future__ import annotations

import ast
import linecache
import logging
import threading
import time
import traceback
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import interrupts
from ..clock import timestamp
from ..masking import mask_text
from .memory import Watch, watched
from .output import Output, capture
from .refusal import Refusal
from .stopping import Stop, stop
from .surroundings import surroundings

if TYPE_CHECKING:
    from .fleet import Entry

__all__ = ["Busy", "Outcome", "Past", "ScriptRunner"]

_log = logging.getLogger("ocppsim.server")

HISTORY = 20
_REMEMBERED = 10_000  # characters of text and output in the history
_MAX_LINES = 20_000_000  # characters of all scripts together, for their tracebacks
MAX_TRACEBACK = 50_000  # characters
_LOOK = 0.2  # s between looks at how the process grows


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


class _Run:
    """One script as it runs. filename: tells its code from all other."""

    def __init__(self, number: int, name: str) -> None:
        self.number = number
        self.filename = f"<script {number} of {name}>"  # of a name that came again: the same
        self.started = time.time()
        self.output = Output()
        self.names: list[dict[str, Any]] = []  # its globals, its builtins
        self.ok = False
        self.text = ""
        self.seconds = 0.0
        self.over = threading.Event()
        self.left = False  # it goes on all the same
        self.thread: threading.Thread | None = None

    def end(self, ok: bool, text: str, *, left: bool = False) -> None:
        """The first who says how it ended is right."""
        if not self.over.is_set():
            self.ok, self.text, self.left = ok, text, left
            self.seconds = round(time.time() - self.started, 3)
            self.over.set()

    def starve(self) -> None:
        """Take its names away: what catches all that is to stop it can do little without."""
        for names in self.names:
            names.clear()


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
        return self._accompany(self._begin(wait, timeout), source)

    def start(self, source: str, *, wait: bool = True, timeout: float | None = None) -> int:
        """The same, but do not wait for its end: the number of the script. An event ``script``, and
        `history`, tell how it ended. Raises Busy."""
        run = self._begin(wait, timeout)
        name = f"ocppsim script {run.number} of {self._entry.name}"
        thread = threading.Thread(
            target=self._accompany, args=(run, source), name=name, daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # the system has no more threads
            self._free()
            raise
        return run.number

    def stop(self, timeout: float = 5.0) -> Stop:
        """End the script that runs: its threads, and the handlers at work that are its own. Where
        none runs, what scripts have left behind. Within `timeout` seconds."""
        with self._changed:
            run = self._run
            filenames = {run.filename} if run is not None else set(self._filenames)
        if run is None:
            stopped = stop(filenames, timeout)
        else:
            stopped = stop(filenames, timeout, run.thread, run.over)
        for place in stopped.left:
            _log.warning("%s: left behind, it cannot be stopped: %s", self._entry.name, place)
        if run is not None:
            text = "Stopped: the script was stopped, and left where it does not end"
            run.end(False, text, left=True)
        return stopped

    # --- inside ---

    def _accompany(self, run: _Run, source: str) -> Outcome:
        try:
            with watched() as watch:
                self._start(run, source)
                reason = self._watch(run, watch)
                self._settle(run, watch)
            outcome = self._outcome(run, reason)
        finally:
            self._free()
        self._tell(run, outcome)
        return outcome

    def _free(self) -> None:
        with self._changed:
            self._run = None
            self._changed.notify_all()

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
                if self._entry.removed:
                    text = f"{self._entry.name} was removed meanwhile"
                    raise Refusal(409, text, where="script")
                self._number += 1
                run = self._run = _Run(self._number, self._entry.name)
                self._filenames.append(run.filename)
                return run
            finally:
                self._waiting.remove(me)
                self._changed.notify_all()

    def _start(self, run: _Run, source: str) -> None:
        _keep_lines(run.filename, source)
        run.thread = threading.Thread(
            target=self._execute, args=(run, source), name=f"ocppsim {run.filename}", daemon=True
        )
        self._publish(run, "script", {"state": "started"})
        try:
            run.thread.start()
        except RuntimeError as error:  # the system has no more threads
            run.end(False, f"RuntimeError: {error}")

    def _watch(self, run: _Run, watch: Watch) -> str:
        """Until it is over; it ends where the process grows too much: why it was stopped."""
        reason = ""
        while not run.over.wait(_LOOK):
            grown = watch.excess()
            if grown:
                reason = f"it was stopped as the process grew by {grown >> 20} MB"
                self.stop()
                if run.left:
                    run.starve()
        return reason

    def _settle(self, run: _Run, watch: Watch) -> None:
        if run.thread is not None and run.thread.is_alive() and not run.left:
            run.thread.join(_LOOK)  # what it holds goes with it
        run.names = []
        left = watch.settle()
        if left:
            text = "%s: %s is over, and %d MB are still held: likely by cp.vars, a handler or a"
            text += " thread of it, by the trace, or by another script"
            _log.warning(text, self._entry.name, run.filename, left >> 20)

    def _execute(self, run: _Run, source: str) -> None:
        ok, text = False, ""
        try:
            with capture(run.output, lambda text: self._print(run, text)):
                ok, text = self._verdict(run, source)
        except BaseException as error:  # one more stop, on its way out
            text = f"{type(error).__name__}: {error}"
        finally:
            run.end(ok, text)
            interrupts.interrupt(threading.current_thread(), undo=True)

    def _verdict(self, run: _Run, source: str) -> tuple[bool, str]:
        """Whether it went well; what to say where it did not. No error leaves this: it would hold
        all that the script held."""
        try:
            tree = ast.parse(source, run.filename)
            code = compile(tree, run.filename, "exec", dont_inherit=True)
            names = surroundings(self._entry, needs_cp=_needs_cp(tree), output=run.output)
            run.names = [names, vars(names["__builtins__"])]
            interrupts.check()  # it may have been stopped before it began
            exec(code, names)
        except BaseException as error:  # whatever it is, the server lives on
            return _judged(error, run.filename)
        return True, ""

    def _print(self, run: _Run, text: str) -> None:
        self._publish(run, "output", {"text": mask_text(text)})

    def _outcome(self, run: _Run, reason: str) -> Outcome:
        ok, text = (False, f"Stopped: {reason}") if reason else (run.ok, run.text)
        output = mask_text(run.output.text)
        kept = Outcome(ok, text[-_REMEMBERED:], output[-_REMEMBERED:])
        self._past.append(Past(run.number, timestamp(run.started), run.seconds, kept))
        return Outcome(ok, text, output)

    def _tell(self, run: _Run, outcome: Outcome) -> None:
        state = {"state": "ended", "ok": outcome.ok, "text": outcome.text}
        self._publish(run, "script", {**state, "seconds": run.seconds})
        if not outcome.ok:
            last = outcome.text.strip().splitlines()[-1:]
            _log.warning("%s: %s failed: %s", self._entry.name, run.filename, *last or [""])

    def _publish(self, run: _Run, kind: str, data: dict[str, Any]) -> None:
        self._entry.events.publish(kind, self._entry.name, {"script": run.number, **data})


def _judged(error: BaseException, filename: str) -> tuple[bool, str]:
    """Whether a script that ended by `error` went well; what to say where it did not."""
    try:
        if isinstance(error, SystemExit):
            ok, text = error.code in (None, 0), f"SystemExit: {error.code}"
        else:
            ok, text = False, _traceback(error, filename)
    except BaseException as worse:  # its own __str__ may do anything
        ok, text = False, f"{type(error).__name__}, which cannot be shown: {type(worse).__name__}"
    if len(text) > MAX_TRACEBACK:
        text = f"{text[: MAX_TRACEBACK // 2]}\n…\n{text[-MAX_TRACEBACK // 2 :]}"
    return ok, "" if ok else mask_text(text)


def _traceback(error: BaseException, filename: str) -> str:
    tb = error.__traceback__
    while tb is not None and tb.tb_frame.f_code.co_filename != filename:
        tb = tb.tb_next
    shown = traceback.TracebackException(type(error), error, tb, limit=-100, compact=True)
    return "".join(shown.format())


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
