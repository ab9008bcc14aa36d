"""What scripts print, kept for each, while the rest of the process prints where it did."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

__all__ = ["MAX_OUTPUT", "Output", "capture"]

MAX_OUTPUT = 100_000
"""How many characters of a script's output are kept: the last ones."""
_MAX_LINE = 10_000


class Output:
    """Text that is written, the end of it. told: called with each whole line."""

    def __init__(self, told: Callable[[str], object] | None = None) -> None:
        self.told = told
        self._lock = threading.Lock()
        self._parts: list[str] = []
        self._length = 0
        self._cut = 0
        self._line = ""

    def write(self, text: str) -> int:
        """As of a file."""
        if not isinstance(text, str):
            raise TypeError(f"write() takes text, not {type(text).__name__}")
        if not text:
            return 0
        with self._lock:
            self._keep(text)
            *lines, self._line = (self._line + text).split("\n")
            while len(self._line) > _MAX_LINE:
                lines.append(self._line[:_MAX_LINE])
                self._line = self._line[_MAX_LINE:]
        self._tell(lines)
        return len(text)

    def flush(self) -> None:
        """As of a file."""

    def finish(self) -> None:
        """What has no line end yet is a line too."""
        with self._lock:
            line, self._line = self._line, ""
        if line:
            self._tell([line])

    @property
    def text(self) -> str:
        with self._lock:
            kept = "".join(self._parts)
            return f"… ({self._cut} characters before)\n{kept}" if self._cut else kept

    def _keep(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)
        if self._length > 2 * MAX_OUTPUT:
            kept = "".join(self._parts)[-MAX_OUTPUT:]
            self._cut += self._length - len(kept)
            self._parts, self._length = [kept], len(kept)

    def _tell(self, lines: list[str]) -> None:
        if self.told is not None:
            for start in range(0, len(lines), 100):
                self.told("\n".join(line[:_MAX_LINE] for line in lines[start : start + 100]))


class _Switch:
    """In place of sys.stdout or sys.stderr: what a script writes in its thread goes to its Output;
    not the log of ocppsim."""

    def __init__(self, before: Any) -> None:
        self.before = before

    def write(self, text: str) -> int:
        output = getattr(_mine, "output", None)
        if output is not None and not _is_log(sys._getframe(1)):
            return int(output.write(text))
        return 0 if self.before is None else int(self.before.write(text) or 0)

    def flush(self) -> None:
        if self.before is not None:
            self.before.flush()

    def close(self) -> None:
        """It is not the script's to close."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.before, name)


def _is_log(frame: FrameType) -> bool:
    return frame.f_globals.get("__name__") == "ocppsim.logs"


_mine = threading.local()
_lock = threading.Lock()
_running = 0
_switches: dict[str, _Switch] = {}


@contextlib.contextmanager
def capture(output: Output, told: Callable[[str], object]) -> Iterator[None]:
    """What this thread writes to sys.stdout and sys.stderr goes to `output` meanwhile; told: each
    line of it. Whatever is in their place at the end, they come back."""
    global _running
    output.told = told
    with _lock:
        _running += 1
        for name in ("stdout", "stderr"):
            if _running == 1 or getattr(sys, name) is not _switches.get(name):
                _switches[name] = _Switch(getattr(sys, name))
                setattr(sys, name, _switches[name])
    _mine.output = output
    try:
        yield
    finally:
        _mine.output = None
        output.finish()
        with _lock:
            _running -= 1
            for name, switch in _switches.items():
                setattr(sys, name, switch if _running else switch.before)
