"""The record: every frame of every charge point as one JSON object a line."""

from __future__ import annotations

import base64
import contextlib
import logging
import os
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from . import rpc, session, trace
from .clock import timestamp
from .masking import Masked, Masker
from .trace import TracedFrame

__all__ = ["Recorder", "frame_line", "record", "record_text"]

_log = logging.getLogger("ocppsim.record")


def record(path: str | os.PathLike[str], *, secrets: bool = False) -> Recorder:
    """Write every frame of this process from now on to the file `path`, until the end or `close`.

    One JSON object a line: number, time (RFC 3339), chargePoint, direction, type, action, uniqueId,
    frame (the JSON on the wire; or text, what is no JSON; or base64, a binary message), latency
    (s, of an answer), faults (path, rule, message). An existing file is overwritten.
    secrets: write AuthorizationKey and the passwords in URLs too; else they are ``***``.

    Usable in a ``with``. Raises OSError where the file cannot be written.
    """
    recorder = Recorder(path, secrets=secrets)
    trace.everywhere.append(recorder)
    session.at_end(recorder.close)
    return recorder


def record_text(frames: Iterable[TracedFrame]) -> str:
    """These frames as a record, secrets masked."""
    masker = Masker()
    return "".join(f"{frame_line(frame, masker.mask(frame))}\n" for frame in frames)


class Recorder:
    """An observer of frames that writes them to a file. `record` makes one and installs it."""

    def __init__(self, path: str | os.PathLike[str], *, secrets: bool = False) -> None:
        self.path = os.fspath(path)
        self._masker = Masker(masking=not secrets)
        self._lock = threading.Lock()
        # unbuffered: what is written outlives a kill, and nothing is left to fail at the end
        self._file = open(path, "wb", buffering=0)  # noqa: SIM115

    def __call__(self, frame: TracedFrame) -> None:
        """Write `frame`. A file that cannot be written any more is reported once, and left."""
        with self._lock:
            if self._file.closed:
                return
            line = frame_line(frame, self._masker.mask(frame))
            rest = memoryview(line.encode() + b"\n")
            try:
                while rest:
                    rest = rest[self._file.write(rest) or 0 :]
            except OSError as error:
                self._file.close()
                why = error.strerror or error
                _log.error("the record %s ends here, the run goes on: %s", self.path, why)

    def close(self) -> None:
        """Write no more. Twice is harmless."""
        if self in trace.everywhere:
            trace.everywhere.remove(self)
        with self._lock:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def frame_line(frame: TracedFrame, masked: Masked) -> str:
    """One line of a record, without its end."""
    head = {
        "number": frame.number,
        "time": timestamp(frame.time, timespec="microseconds"),
        "chargePoint": frame.chargePoint,
        "direction": frame.direction,
        "type": frame.type,
        "action": frame.action,
        "uniqueId": frame.unique_id,
    }
    names = ("path", "rule", "message")
    tail = {
        "latency": None if frame.latency is None else round(frame.latency, 6),
        "faults": [dict(zip(names, fault, strict=True)) for fault in masked.faults],
    }
    if isinstance(masked.text, bytes):
        return rpc.to_json({**head, "base64": base64.b64encode(masked.text).decode(), **tail})
    if masked.json is not None:
        with contextlib.suppress(RecursionError):
            return rpc.to_json({**head, "frame": masked.json, **tail})
    return rpc.to_json({**head, "text": masked.text, **tail})
