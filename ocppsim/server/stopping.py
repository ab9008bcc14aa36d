"""Ends what scripts do: their threads, and the handlers at work that are theirs."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from types import FrameType

from .. import interrupts
from ..errors import Stopped

__all__ = ["Stop", "stop"]

_STEP = 0.05  # s between looks
_ENGINE = os.path.dirname(os.path.dirname(__file__)) + os.sep
# what begins code of a script in threads of its own; other threads only call it, and must live on
_STARTERS = tuple(
    _ENGINE + name for name in ("handlers.py", "listener.py", f"server{os.sep}scripts.py")
)


@dataclass(frozen=True, slots=True)
class Stop:
    """What stopping did, by the names of threads. woken: they waited in ocppsim. interrupted: they
    ran Python. left: neither reached them; each says where it is."""

    woken: list[str] = field(default_factory=list)
    interrupted: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def stop(
    filenames: Collection[str],
    timeout: float,
    main: threading.Thread | None = None,
    over: threading.Event | None = None,
) -> Stop:
    """End all code of the scripts with these file names, within `timeout` seconds.

    main: the thread of the one that runs, which ends also before and after its code, until `over`.
    """
    deadline = time.monotonic() + timeout
    _be_quiet()
    told: dict[threading.Thread, None] = {}
    woken: dict[threading.Thread, None] = {}
    interrupted: dict[threading.Thread, None] = {}
    while True:
        found = _at_work(filenames, main, over)
        if not found and (over is None or over.is_set()):
            break
        for thread, frame in found.items():
            told[thread] = None
            if interrupts.tell(thread):
                woken[thread] = None
            elif not _in_engine(frame, filenames):
                interrupts.interrupt(thread)
                interrupted[thread] = None
        if time.monotonic() >= deadline:
            break
        if over is None or over.wait(_STEP):
            time.sleep(_STEP)
    going_on = _at_work(filenames, main, over)
    for thread in told.keys() - going_on.keys():  # of a pool: it may serve others
        interrupts.forget(thread)
        interrupts.interrupt(thread, undo=True)
        if thread not in interrupted:  # it came out of ocppsim between two looks
            woken[thread] = None
    left = [_place(thread, frame) for thread, frame in going_on.items()]
    if main is not None and not (told or left):
        woken[main] = None  # it had hardly begun, or was about to end
    only = [thread.name for thread in interrupted if thread not in woken]
    return Stop([thread.name for thread in woken], only, left)


def _at_work(
    filenames: Collection[str], main: threading.Thread | None, over: threading.Event | None
) -> dict[threading.Thread, FrameType]:
    """What is to be stopped, and where each is."""
    found = dict(_threads_in(filenames))
    if main is None or (over is not None and over.is_set()):
        return found
    if main.is_alive() and main not in found:
        frame = sys._current_frames().get(main.ident or 0)
        if frame is not None:
            found[main] = frame
    return found


def _threads_in(filenames: Collection[str]) -> Iterator[tuple[threading.Thread, FrameType]]:
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


def _in_engine(frame: FrameType | None, filenames: Collection[str]) -> bool:
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
