"""A folder that one process has for itself, as long as it uses it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

from .errors import StateError

__all__ = ["claim", "release"]

LOCK_FILE = ".lock"


@dataclass(slots=True)
class _Held:
    """descriptor: of the lock file, whose lock ends with the process at the latest."""

    descriptor: int
    names: set[str] = field(default_factory=set)


_lock = threading.Lock()
_held: dict[Path, _Held] = {}


def claim(folder: Path, name: str) -> Path:
    """Take `name` in `folder`, which is made where it is not there; the file of that name.

    Raises StateError where another process has the folder, another user of this process the name,
    or the folder cannot be used.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = folder.resolve(strict=True)
        with _lock:
            if folder not in _held:
                _held[folder] = _Held(_open_lock(folder))
            if name in _held[folder].names:
                text = "is in use in this process: another charge point of this name is open"
                raise StateError(f"{folder / name} {text}; close it first")
            _held[folder].names.add(name)
    except OSError as error:
        if isinstance(error, StateError):
            raise
        why = error.strerror or error
        raise StateError(f"no state can be kept in the folder {folder}: {why}") from None
    return folder / name


def release(file: Path) -> None:
    """Give back what `claim` returned; the last one lets other processes in."""
    with _lock:
        held = _held[file.parent]
        held.names.discard(file.name)
        if not held.names:
            os.close(held.descriptor)
            del _held[file.parent]


def _forked() -> None:
    """The lock is the parent's; a child that has it open would keep it when the parent is gone."""
    global _lock
    _lock = threading.Lock()
    for held in _held.values():
        with contextlib.suppress(OSError):
            os.close(held.descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_forked)


def _open_lock(folder: Path) -> int:
    descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.read(descriptor, 20).decode(errors="replace").strip()
        os.close(descriptor)
        who = f"another process (pid {pid})" if pid else "another process"
        text = f"{who} keeps its state in the folder {folder}"
        raise StateError(f"{text}; give this one a folder of its own, or end that one") from None
    except OSError:
        os.close(descriptor)
        raise
    # for the text above alone: a full disk must not stand in the way
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
    return descriptor
