"""The log on the screen: frames, the script's own lines, and what went wrong, on standard error.

Nothing is shown unless `verbose` is called, by the command line, by a script, or by the first
`connect` where a variable asks for it; until then this is a library that is quiet.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, TextIO

from . import trace
from .masking import Masker, mask_text
from .trace import TracedFrame
from .violation import Violation

if TYPE_CHECKING:
    from .lines import Shown

__all__ = ["environment_is_done", "from_environment", "hide", "in_json", "say", "verbose"]

_logger = logging.getLogger("ocppsim")
_frames = logging.getLogger("ocppsim.frames")
_screen: Screen | None = None
_before = (logging.NOTSET, True)  # level and propagate of the logger, without the screen
_looked = False  # whether the variables of the environment were looked at
_looking = threading.Lock()  # no charge point of another thread connects before

_THRESHOLDS = {-1: logging.ERROR, 0: logging.INFO, 1: logging.INFO, 2: logging.DEBUG}


def verbose(level: int = 1, *, log_json: bool = False, stream: TextIO | None = None) -> None:
    """Show what happens on the screen (standard error), secrets masked.

    level: 1 each frame on one line, and what 0 shows; 0 warnings, and what the script says by
    ``cp.log``; 2 debugging too; -1 errors alone. log_json: one JSON object a line. stream: where
    to, instead of standard error.

    Calling it again changes it. Where the root logger writes to the screen too, that does not get
    the lines a second time.
    """
    global _before, _screen
    hide()
    _before = _logger.level, _logger.propagate
    _screen = Screen(max(-1, min(level, 2)), log_json, stream)
    _logger.addHandler(_screen)
    _logger.setLevel(_screen.level)
    if level >= 1:
        trace.everywhere.append(_screen.show_frame)


def hide() -> None:
    """Undo `verbose`."""
    global _screen
    if _screen is None:
        return
    if _screen.show_frame in trace.everywhere:
        trace.everywhere.remove(_screen.show_frame)
    _logger.removeHandler(_screen)
    level, _logger.propagate = _before
    _logger.setLevel(level)
    _screen = None


def in_json() -> bool:
    """Whether the screen is to show JSON alone."""
    return _screen is not None and _screen.log_json


def say(text: str, error: BaseException | None = None) -> None:
    """What the command itself has to say, on standard error whatever the level; JSON where all is.

    error: in JSON, whose traceback to add.
    """
    if _screen is not None and in_json():
        exc_info = (type(error), error, error.__traceback__) if error is not None else None
        _screen.handle(logging.LogRecord("ocppsim", logging.ERROR, "", 0, text, None, exc_info))
    elif sys.stderr is not None:
        from .lines import printable

        print(printable(f"ocppsim: {mask_text(text)}", keep="\n\t"), file=sys.stderr)


def from_environment() -> None:
    """At the first `connect` of a program, do what ``OCPPSIM_VERBOSE`` and its like ask for.

    Raises ValueError where one of them makes no sense, or OCPPSIM_RECORD cannot be written.
    """
    global _looked
    with _looking:
        if not _looked:
            _do_as_asked()
            _looked = True


def _do_as_asked() -> None:
    if not any(name.startswith("OCPPSIM_") for name in os.environ):
        return
    from .parser import from_variables, screen_level

    options = from_variables(os.environ)
    asked = {"verbose", "quiet", "log_json"} & options.keys()
    if asked and _screen is None:  # a call of `verbose` in the script comes first
        verbose(screen_level(options), log_json=options.get("log_json", False))
    if options.get("verdict"):
        from .verdict import say_at_end

        say_at_end()
    if path := options.get("record"):
        from .record import record

        try:
            record(path, secrets=options.get("record_secrets", False))
        except OSError as error:
            raise ValueError(f"OCPPSIM_RECORD: cannot write {path}: {error.strerror}") from None


def environment_is_done(done: bool = True) -> bool:
    """Have `from_environment` do nothing any more, as it has run, or the command line did its part.
    Returns what held before."""
    global _looked
    before, _looked = _looked, done
    return before


class Screen(logging.Handler):
    """Writes log records, and frames among them, for people or as JSON."""

    def __init__(self, verbosity: int, log_json: bool, stream: TextIO | None) -> None:
        super().__init__(_THRESHOLDS[verbosity])
        self.log_json = log_json
        self._verbosity = verbosity
        self._stream = stream
        self._masker = Masker()

    @property
    def stream(self) -> TextIO | None:
        # looked up each time, as sys.stderr may be replaced
        return sys.stderr if self._stream is None else self._stream

    def show_frame(self, frame: TracedFrame) -> None:
        """An observer: log `frame`."""
        # always, as what a later frame may show depends on it
        masked = self._masker.mask(frame)
        if _frames.isEnabledFor(logging.INFO):
            from .lines import Shown

            shown = Shown(frame, masked, whole=self._verbosity >= 2)
            _frames.info("%s", shown, extra={"ocpp": shown})

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to show it; -v shows much of it as a frame."""
        if not super().filter(record):
            return False
        if self._verbosity >= 2:
            return True
        if record.name.startswith("ocppsim.csms"):
            return record.levelno >= logging.WARNING
        return not (self._verbosity == 1 and _violation(record))

    def emit(self, record: logging.LogRecord) -> None:
        stream = self.stream
        # read by logging after this: whether the handlers of the root logger get it too
        _logger.propagate = _before[1] and not _root_writes_to(stream)
        if stream is None:
            return
        try:
            stream.write(self._line(record, stream) + "\n")
            stream.flush()
        except Exception:
            self.handleError(record)

    def _line(self, record: logging.LogRecord, stream: TextIO) -> str:
        from . import lines

        shown: Shown | None = getattr(record, "ocpp", None)
        text = lines.message(record, _violation(record))
        encoding = getattr(stream, "encoding", None) or "utf-8"
        if self.log_json:
            return lines.json_line(record, text, shown, encoding)
        return lines.line(record, text, shown, encoding, colours=_wants_colours(stream))


def _violation(record: logging.LogRecord) -> Violation | None:
    args = record.args
    if isinstance(args, tuple) and len(args) == 1 and isinstance(args[0], Violation):
        return args[0]
    return None


def _root_writes_to(stream: TextIO | None) -> bool:
    screens = (stream, sys.stderr, sys.stdout)
    streams = [getattr(handler, "stream", None) for handler in logging.root.handlers]
    return any(used is screen for used in streams if used is not None for screen in screens)


def _wants_colours(stream: TextIO) -> bool:
    # https://no-color.org and https://force-color.org
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return os.environ.get("TERM") != "dumb" and stream.isatty()
