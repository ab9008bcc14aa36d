"""Files that a charge point sends and fetches for its CSMS, and where it keeps them."""

from __future__ import annotations

import ssl
import tempfile
import threading
from pathlib import Path
from typing import BinaryIO

from . import transfer
from .record import record_text
from .trace import Trace

__all__ = ["Files"]


class Files:
    """The files of one charge point; downloads lie in a temporary folder of its own."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._lock = threading.Lock()
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def upload(
        self,
        location: str,
        name: str,
        data: bytes | str | Path | BinaryIO | None,
        timeout: float,
        context: ssl.SSLContext | None,
        progress: transfer.Progress | None,
    ) -> None:
        """Without `data`, what the trace holds, as a record."""
        if data is None:
            data = record_text(self._trace).encode()
        transfer.upload(location, name, data, timeout=timeout, context=context, progress=progress)

    def download(
        self,
        location: str,
        timeout: float,
        context: ssl.SSLContext | None,
        progress: transfer.Progress | None,
    ) -> Path:
        with self._lock:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="ocppsim-")
            folder = Path(self._folder.name)
        return transfer.download(
            location, folder, timeout=timeout, context=context, progress=progress
        )

    def remove(self) -> None:
        """Remove what was downloaded."""
        with self._lock:
            folder, self._folder = self._folder, None
        if folder is not None:
            folder.cleanup()
