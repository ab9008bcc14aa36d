"""Files to and from an FTP server, for GetDiagnostics and UpdateFirmware (OCPP 1.6 §5.9, §5.19).

Nothing waits longer than its time-out, but for the host's name, which the system looks up in its
own time.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import re
import select
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from .errors import TransferError
from .ftp import Control
from .interrupts import wakeable
from .location import Location, check_name

__all__ = ["Progress", "download", "upload"]

_CHUNK = 65536
_PROGRESS_INTERVAL = 0.25  # s

Progress = Callable[[int, int | None], object]
"""``progress(done, total)`` in bytes; total is None where nobody knows it."""


def upload(
    location: str,
    name: str,
    data: bytes | str | Path | BinaryIO,
    *,
    timeout: float = 30.0,
    context: ssl.SSLContext | None = None,
    progress: Progress | None = None,
) -> None:
    """Store `data` as the file `name` in the folder `location`, over what has that name there.

    location: ``ftp://user:password@host:port/folder/…`` or ``ftps://`` (explicit TLS),
    percent-encoded; anonymous without a user. The folder has to be there.
    data: bytes, text (sent as UTF-8), the path of a file, or an open binary file, which is read
    from where it stands and left open.
    timeout: s without progress: for the connection, each answer, each piece of data.
    context: for ``ftps://``; else the system's trust store and the host's name hold.
    progress: called at most a few times a second, and once when all is stored; what it raises ends
    the transfer and reaches the caller.

    Raises TransferError that says what went wrong and where; ValueError for a time-out that is
    none; what reading `data` raises.
    """
    place = Location.parse(location)
    check_name(name)
    control = Control(place, timeout, context)
    with _opened(data) as (source, total), wakeable(control.stop), control:
        control.enter((*place.folders, place.last) if place.last else place.folders)
        meter = _Meter(progress, total)
        _store(control, name, source, meter)
        meter.finish()
        control.leave()


def download(
    location: str,
    folder: Path,
    *,
    timeout: float = 30.0,
    context: ssl.SSLContext | None = None,
    progress: Progress | None = None,
) -> Path:
    """Fetch the file `location` into `folder`, which has to be there; the path of the new file.

    It is named as at the server, without characters that are trouble, and numbered where that name
    is taken: nothing is overwritten, and nothing lies outside `folder`. Of a transfer that fails no
    file stays. Arguments as for `upload`.

    Raises TransferError that says what went wrong and where; ValueError for a time-out that is
    none; OSError where no file can be written in `folder`.
    """
    place = Location.parse(location)
    if not place.last:
        raise TransferError(f"{place.safe} names a folder, not a file", location=place.safe)
    control = Control(place, timeout, context)
    with wakeable(control.stop), control:
        control.enter(place.folders)
        meter = _Meter(progress, control.size_of(place.last))
        with _new_file(folder, place.last) as (file, path):
            _fetch(control, place.last, file, meter)
            meter.finish()
        control.leave()
    return path


class _Meter:
    """How much of a transfer is done, and who is told."""

    def __init__(self, progress: Progress | None, total: int | None) -> None:
        self.done = 0  # bytes
        self.total = total
        self._progress = progress
        self._next = time.monotonic() + _PROGRESS_INTERVAL

    def add(self, size: int) -> None:
        self.done += size
        if self._progress is not None and time.monotonic() >= self._next:
            self._progress(self.done, self.total)
            self._next = time.monotonic() + _PROGRESS_INTERVAL

    def finish(self) -> None:
        if self._progress is not None:
            self._progress(self.done, self.total)

    def __str__(self) -> str:
        return f"{self.done} bytes" if self.total is None else f"{self.done} of {self.total} bytes"


def _store(control: Control, name: str, source: BinaryIO, meter: _Meter) -> None:
    doing = f"store {name!r}"
    conn, _ = control.open_data(f"STOR {name}", doing)
    with conn:
        try:
            while chunk := source.read(_CHUNK):
                view = memoryview(chunk)
                while view:
                    with control.step(doing, meter):
                        sent = conn.send(view)  # the time-out of sendall is for the whole
                    view = view[sent:]
                    meter.add(sent)
            with control.step(doing, meter):
                _end(conn, control.timeout)
                control.voidresp()
        except BaseException:
            # a plain end would pass for the end of the file: reset it
            with contextlib.suppress(OSError):
                conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise
    stored = None
    with contextlib.suppress(TransferError):  # it has said that it has all
        stored = control.size_of(name)
    if stored is not None and stored != meter.done:
        raise control.error(f"{name!r} has {stored} bytes there, of {meter.done} that were sent")


def _fetch(control: Control, name: str, file: BinaryIO, meter: _Meter) -> None:
    doing = f"fetch {name!r}"
    conn, announced = control.open_data(f"RETR {name}", doing)
    if meter.total is None:
        meter.total = announced
    ended = False
    with conn:
        while meter.total is None or meter.done <= meter.total:
            with control.step(doing, meter):
                try:
                    chunk = conn.recv(_CHUNK)
                except ssl.SSLEOFError:
                    break  # many servers do not end TLS; the size tells whether that was all
            if not chunk:
                ended = True
                break
            file.write(chunk)
            meter.add(len(chunk))
        else:
            raise control.error(f"{name!r} goes on after its {meter.total} bytes")
        with contextlib.suppress(OSError):
            _end(conn, control.timeout)
        with control.step(doing, meter):
            control.voidresp()
    if meter.total is not None and meter.done != meter.total:
        raise control.error(f"{name!r} ended after {meter}")
    if meter.total is None and not ended:
        text = f"{name!r} may be cut off after {meter}: the server gave no size, nor ended TLS"
        raise control.error(text)


def _end(conn: socket.socket, timeout: float) -> None:
    """Say that this was all.

    Closing would throw away what the server has not read yet, if there is something that we have
    not (TLS 1.3 sends tickets at any time). Nor do we wait for the end of TLS from the server:
    some never send it.
    """
    if isinstance(conn, ssl.SSLSocket):
        deadline = time.monotonic() + timeout
        conn.setblocking(False)
        poller = select.poll()
        poller.register(conn, select.POLLOUT)
        while True:
            try:
                conn.unwrap()
            except ssl.SSLWantReadError:
                break
            except ssl.SSLWantWriteError:
                if not poller.poll(max(0.0, deadline - time.monotonic()) * 1000):
                    raise TimeoutError from None
            else:
                break
    # SSLSocket.shutdown would be the end of its TLS only
    socket.socket.shutdown(conn, socket.SHUT_WR)


@contextlib.contextmanager
def _opened(data: bytes | str | Path | BinaryIO) -> Iterator[tuple[BinaryIO, int | None]]:
    """A file to read, and how many bytes there are, if it can tell."""
    if isinstance(data, Path):
        with data.open("rb") as file:
            yield file, _rest(file)
        return
    if isinstance(data, str):
        data = data.encode(errors="backslashreplace")
    if isinstance(data, bytes):
        data = io.BytesIO(data)
    yield data, _rest(data)


def _rest(file: BinaryIO) -> int | None:
    try:
        here = file.tell()
        end = file.seek(0, io.SEEK_END)
        file.seek(here)
    except OSError:  # io.UnsupportedOperation is one
        return None
    return max(0, end - here)


@contextlib.contextmanager
def _new_file(folder: Path, name: str) -> Iterator[tuple[BinaryIO, Path]]:
    """A file that was not there before; gone again if what is done with it fails."""
    stem, suffix = _local_name(name)
    for number in itertools.count(1):
        path = folder / (f"{stem}{suffix}" if number == 1 else f"{stem}-{number}{suffix}")
        with contextlib.suppress(FileExistsError):
            file = path.open("xb")
            break
    try:
        with file:
            yield file, path
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _local_name(name: str) -> tuple[str, str]:
    """Stem and suffix of a name that no file system, shell or listing takes amiss."""
    path = Path(re.sub(r"[^\w.+-]", "_", name).lstrip(".-") or "file")
    suffix = path.suffix[:20]
    # 255 bytes is the most for a name; there has to be room for a number
    return path.stem.encode()[:150].decode(errors="ignore"), suffix
