"""GetLog: a log goes to an FTP server, and LogStatusNotification tells how that goes."""

from __future__ import annotations

import ftplib
import re
import threading
from collections.abc import Iterator
from concurrent.futures import Future, wait
from datetime import UTC, datetime
from itertools import count
from typing import Any

from ocppsim import ChargePoint, TransferError, timestamp
from ocppsim.clock import scaled
from ocppsim.location import Location
from ocppsim.record import record_text

from .outbox import Outbox
from .security_log import Period, SecurityLog

__all__ = ["Uploads", "answer", "status_of", "trigger"]

ACTION = "LogStatusNotification"
# where the CSMS names none
RETRY_INTERVAL = 10.0  # s
LONGEST_WAIT = 86_400.0  # s

_DENIED = re.compile(r"denied|permi|privilege|not allowed|forbidden|access", re.IGNORECASE)

Payload = dict[str, Any]


class Upload:
    """One that GetLog asked for. over: it has ended, or is to end."""

    def __init__(self, request: Payload) -> None:
        # as the CSMS wrote it
        self.named = {key: value for key, value in request.items() if key == "requestId"}
        self.over = threading.Event()
        self.sent: list[Future[Any]] = []

    def go_on(self, done: int, total: int | None) -> None:
        """As the progress of a transfer, end it where it is to end."""
        if self.over.is_set():
            raise _Over


class _Over(Exception):
    pass


class Uploads:
    """Those of one charge point: one at a time. `noted` is the LogStatusNotification that was sent
    last, by whomever."""

    def __init__(self) -> None:
        # held while something is handed over to be sent, so that nothing follows an end
        self._lock = threading.Lock()
        self._outbox = Outbox(ACTION)
        self._current: Upload | None = None
        self.noted: Payload = {}

    def begin(self, upload: Upload) -> Upload | None:
        """Have `upload` take the place of the one under way, which ends: that one."""
        with self._lock:
            before, self._current = self._current, upload
            if before is not None:
                before.over.set()
        return before

    def tell(self, cp: ChargePoint, upload: Upload, status: str) -> None:
        """Tell the CSMS how it goes, unless it is over; all but Uploading is an end. Never
        blocks."""
        with self._lock:
            if not upload.over.is_set():
                self._tell(cp, upload, status)

    def canceled(self, cp: ChargePoint, upload: Upload) -> None:
        """Tell the CSMS that it has ended for another one. Never blocks."""
        with self._lock:
            self._tell(cp, upload, "UploadFailure")

    def stop(self, cp: ChargePoint) -> None:
        """End what is under way; the CSMS hears of it when there is a connection again."""
        with self._lock:
            if self._current is not None:
                self._tell(cp, self._current, "UploadFailure")

    def tell_state(self, cp: ChargePoint) -> list[Future[Any]]:
        """Tell the CSMS what is under way now, or that nothing is (Idle). Never blocks."""
        with self._lock:
            if self._current is not None:
                state = {"status": "Uploading", **self._current.named}
            else:
                # a script may have an upload of its own
                state = self.noted if self.noted.get("status") == "Uploading" else {}
            return self._outbox.put(cp, state or {"status": "Idle"})

    def deliver(self, cp: ChargePoint) -> None:
        """Send what waits for a connection. Never blocks."""
        self._outbox.deliver(cp)

    def _tell(self, cp: ChargePoint, upload: Upload, status: str) -> None:
        if status != "Uploading":
            upload.over.set()
            if self._current is upload:
                self._current = None
        upload.sent += self._outbox.put(cp, {"status": status, **upload.named})


def trigger(cp: ChargePoint, uploads: Uploads) -> Iterator[Payload]:
    """Answer an ExtendedTriggerMessage for a LogStatusNotification, and send it."""
    yield {"status": "Accepted"}
    wait(uploads.tell_state(cp))


def answer(
    cp: ChargePoint, uploads: Uploads, log: SecurityLog, request: Payload
) -> Iterator[Payload]:
    """Answer a GetLog, and upload the log that it asks for."""
    period = Period.of(cp, request["log"])
    kind = "security" if request["logType"] == "SecurityLog" else "messages"
    data = log.text(period) if kind == "security" else _messages(cp, period)
    if data == "":
        yield {"status": "Accepted"}  # without a filename there is nothing to upload
        return
    upload = Upload(request)
    before = uploads.begin(upload)
    name = f"{re.sub(r'[^A-Za-z0-9._-]', '_', cp.name)[:100]}-{kind}-{_stamp()}.jsonl"
    try:
        try:
            yield {"status": "AcceptedCanceled" if before else "Accepted", "filename": name}
        finally:
            if before is not None:
                uploads.canceled(cp, before)
        uploads.tell(cp, upload, _upload(cp, uploads, upload, request, name, data))
    finally:
        uploads.tell(cp, upload, "UploadFailure")  # where it did not get that far
    wait(upload.sent)


def _messages(cp: ChargePoint, period: Period) -> str | None:
    """The message log; None: all of it, as it is when it is sent."""
    if not period:
        return None
    return record_text(
        frame for frame in cp.trace if datetime.fromtimestamp(frame.time, UTC) in period
    )


def _stamp() -> str:
    return re.sub("[:-]", "", timestamp())


def _upload(
    cp: ChargePoint,
    uploads: Uploads,
    upload: Upload,
    request: Payload,
    name: str,
    data: str | None,
) -> str:
    """The status that it ends with."""
    location = request["log"]["remoteLocation"]
    try:
        Location.parse(location)
    except TransferError as error:
        cp.log("GetLog: %s", error)
        return "BadMessage"
    uploads.tell(cp, upload, "Uploading")
    pause = min(max(0.0, request.get("retryInterval", RETRY_INTERVAL)), LONGEST_WAIT)
    for attempt in count(1):
        try:
            cp.ftp_upload(location, name, data, progress=upload.go_on)
        except TransferError as error:
            cp.log("GetLog: %s", error)
            if attempt >= request.get("retries", 1) or upload.over.wait(scaled(pause)):
                return status_of(error)
        except _Over:
            break
        else:
            return "Uploaded"
    return "UploadFailure"


def status_of(error: TransferError) -> str:
    """What a LogStatusNotification says of an upload that failed (security white paper §6.16)."""
    if isinstance(error.__cause__, ftplib.error_proto):
        return "BadMessage"
    reply = error.reply or ""
    match reply[:3]:
        case "500" | "502" | "504" | "533" | "536":
            return "NotSupportedOperation"
        case "501" | "503":
            return "BadMessage"
        case "530" | "532" | "534" | "553":
            return "PermissionDenied"
        case "550" if _DENIED.search(reply):
            return "PermissionDenied"
    return "UploadFailure"
