"""GetLog: what is in the logs, how an upload goes, and what the CSMS hears of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import ocppsim_security
import pytest
from ftp_server import HANG_UP, FakeFtp, RealFtp
from hypothesis import given
from hypothesis import strategies as st
from ocppsim_security import security_log
from ocppsim_security.security_log import Period, SecurityLog

from ocppsim import CallError, ChargePoint, clock, timestamp
from ocppsim.csms import CentralSystem

PATIENCE = 30.0

Connect = Callable[..., ChargePoint]


@pytest.fixture
def cp(plain: CentralSystem, start: Connect) -> ChargePoint:
    return start(f"{plain.url}/CP1")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
def ftp(root: Path) -> Iterator[str]:
    """The URL of a real server that anybody may write to."""
    with RealFtp(root, users={"CP1": "secret"}) as server:
        yield f"ftp://CP1:secret@{server.host}:{server.port}/"


def get_log(
    csms: CentralSystem,
    location: str,
    requestId: int = 1,
    *,
    logType: str = "SecurityLog",
    period: dict[str, str] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """The answer."""
    log = {"remoteLocation": location, **(period or {})}
    payload = {"logType": logType, "requestId": requestId, "log": log, **fields}
    return csms.call("CP1", "GetLog", payload)


def heard(csms: CentralSystem) -> tuple[str, int | None]:
    """The next LogStatusNotification: status, requestId."""
    payload = csms.wait_for("LogStatusNotification", "CP1", PATIENCE).payload
    return payload["status"], payload.get("requestId")


def all_heard(csms: CentralSystem) -> list[tuple[str, int | None]]:
    return [
        (request.payload["status"], request.payload.get("requestId"))
        for request in csms.received("LogStatusNotification")
    ]


def uploaded(
    csms: CentralSystem, root: Path, ftp: str, period: dict[str, str] | None = None
) -> list[dict[str, Any]]:
    """The events in the security log."""
    name = get_log(csms, ftp, period=period)["filename"]
    assert heard(csms) == ("Uploading", 1)
    assert heard(csms) == ("Uploaded", 1)
    return [json.loads(line) for line in (root / name).read_text().splitlines()]


# --- what is in the security log -----------------------------------------------------------------


def test_what_the_plugin_and_the_script_tell_is_there_once(
    cp: ChargePoint, plain: CentralSystem, root: Path, ftp: str
) -> None:
    ocppsim_security._states[cp].events.tell(cp, "Told", "why")
    cp.wait_for_frame("SecurityEventNotification", type="CALLRESULT", after=0)
    by_script = {"type": "MemoryExhaustion", "timestamp": timestamp(), "techInfo": "1 kB left"}
    for _ in range(2):
        cp.call("SecurityEventNotification", by_script)
    cp.abort()
    ocppsim_security._states[cp].events.tell(cp, "Untold yet")
    cp.reconnect()
    started, told, memory, untold = uploaded(plain, root, ftp)
    assert started["type"] == "StartupOfTheDevice"
    assert (told["type"], told["techInfo"]) == ("Told", "why")
    assert memory == by_script
    assert (untold["type"], untold.get("techInfo")) == ("Untold yet", None)


def test_secrets_are_not_there(cp: ChargePoint, plain: CentralSystem, root: Path, ftp: str) -> None:
    location = "ftp://CP1:very-secret@host/"
    ocppsim_security._states[cp].events.tell(cp, "Told", f"no connection to {location}")
    info = json.dumps({"key": "AuthorizationKey", "value": "very-secret"})
    cp.send_security_event_notification(type="Sent", timestamp=timestamp(), techInfo=info)
    _, told, sent = uploaded(plain, root, ftp)
    assert told["techInfo"] == "no connection to ftp://***@host/"
    assert "***" in sent["techInfo"]
    assert "very-secret" not in f"{told} {sent}"


def test_what_is_wrong_on_purpose_is_there_and_short(
    cp: ChargePoint, plain: CentralSystem, root: Path, ftp: str
) -> None:
    wrong = [{"type": ["list"], "timestamp": "now", "techInfo": "x" * 1000}, {}]
    for payload in wrong:
        with pytest.raises(CallError):
            cp.call("SecurityEventNotification", payload, validate=False)
    _, first, second = uploaded(plain, root, ftp)
    assert (first["type"], first["techInfo"]) == ("['list']", "x" * 255)
    assert second["type"] == "None"
    for entry in (first, second):
        assert datetime.fromisoformat(entry["timestamp"]).tzinfo


def test_the_log_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security_log, "MAX_ENTRIES", 3)
    log = SecurityLog()
    for number in range(5):
        log.add({"type": str(number)}, float(number))
    assert [json.loads(line)["type"] for line in log.text(Period()).splitlines()] == [*"234"]


@given(
    st.lists(st.datetimes(timezones=st.timezones()), unique=True, max_size=20),
    st.none() | st.datetimes(timezones=st.timezones()),
    st.none() | st.datetimes(timezones=st.timezones()),
)
def test_a_period_has_what_lies_in_it_oldest_first(
    moments: list[datetime], oldest: datetime | None, latest: datetime | None
) -> None:
    log = SecurityLog()
    for moment in moments:
        log.add({"type": "E", "timestamp": moment.isoformat()}, 0.0)
    text = log.text(Period(oldest, latest))
    found = [datetime.fromisoformat(json.loads(line)["timestamp"]) for line in text.splitlines()]
    wanted = [
        moment
        for moment in moments
        if (oldest is None or moment >= oldest) and (latest is None or moment <= latest)
    ]
    assert [moment.timestamp() for moment in found] == sorted(m.timestamp() for m in wanted)


def test_the_period_of_a_request_is_honoured(
    cp: ChargePoint, plain: CentralSystem, root: Path, ftp: str
) -> None:
    start = datetime.fromisoformat("2026-01-31T12:00:00+00:00")
    for minute in range(5):
        when = timestamp(start + timedelta(minutes=minute))
        cp.send_security_event_notification(type=f"Event{minute}", timestamp=when)
    # in another zone, and both ends belong to it
    period = {
        "oldestTimestamp": "2026-01-31T13:01:00+01:00",
        "latestTimestamp": "2026-01-31t12:03:00z",
    }
    events = uploaded(plain, root, ftp, period)
    assert [event["type"] for event in events] == ["Event1", "Event2", "Event3"]
    # a leap second is no moment for Python
    events = uploaded(plain, root, ftp, {"latestTimestamp": "2016-12-31T23:59:60Z"})
    assert len(events) == 6


@pytest.mark.parametrize("logType", ["SecurityLog", "DiagnosticsLog"])
def test_where_there_is_nothing_there_is_no_file(
    cp: ChargePoint, plain: CentralSystem, root: Path, ftp: str, logType: str
) -> None:
    period = {"latestTimestamp": "2000-01-01T00:00:00Z"}
    assert get_log(plain, ftp, logType=logType, period=period) == {"status": "Accepted"}
    cp.wait_for_handlers(timeout=PATIENCE)
    assert not list(root.iterdir())
    assert cp.frames("LogStatusNotification") == []


# --- the message log -----------------------------------------------------------------------------


def test_the_message_log_is_a_record(
    cp: ChargePoint, plain: CentralSystem, root: Path, ftp: str
) -> None:
    cp.send_heartbeat()
    before = timestamp(cp.trace[-1].time, timespec="microseconds")
    whole = get_log(plain, ftp, logType="DiagnosticsLog")["filename"]
    assert [heard(plain), heard(plain)] == [("Uploading", 1), ("Uploaded", 1)]
    lines = [json.loads(line) for line in (root / whole).read_text().splitlines()]
    assert [line["action"] for line in lines[:3]] == ["Heartbeat", "Heartbeat", "GetLog"]
    assert lines[2]["frame"][3]["log"]["remoteLocation"] == ftp.replace("CP1:secret", "***")

    period = {"latestTimestamp": before}
    part = get_log(plain, ftp, 2, logType="DiagnosticsLog", period=period)["filename"]
    assert [heard(plain), heard(plain)] == [("Uploading", 2), ("Uploaded", 2)]
    lines = [json.loads(line) for line in (root / part).read_text().splitlines()]
    assert [line["action"] for line in lines] == ["Heartbeat", "Heartbeat"]


# --- what fails ----------------------------------------------------------------------------------


@pytest.mark.parametrize("location", ["http://localhost/log", "nowhere", "ftp:///", "sftp://host/"])
def test_a_location_that_is_none_is_a_bad_message(
    cp: ChargePoint, plain: CentralSystem, location: str
) -> None:
    assert get_log(plain, location, retries=5)["status"] == "Accepted"
    assert heard(plain) == ("BadMessage", 1)
    cp.wait_for_handlers(timeout=PATIENCE)
    assert cp.handler_failures == []


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        ({"PASS": "530 wrong password"}, "PermissionDenied"),
        ({"STOR": "550 Permission denied."}, "PermissionDenied"),
        ({"STOR": "553 Could not create file."}, "PermissionDenied"),
        ({"STOR": "550 No such directory."}, "UploadFailure"),
        ({"STOR": "552 full"}, "UploadFailure"),
        ({"STOR": HANG_UP}, "UploadFailure"),
        ({"STOR": "502 not implemented"}, "NotSupportedOperation"),
        ({"STOR": "501 what?"}, "BadMessage"),
        ({"greeting": b"SSH-2.0-OpenSSH\r\n"}, "BadMessage"),
    ],
)
def test_each_failure_has_its_status(
    cp: ChargePoint, plain: CentralSystem, answers: dict[str, Any], status: str
) -> None:
    with FakeFtp(answers) as server:
        assert get_log(plain, server.url(), 7)["status"] == "Accepted"
        assert [heard(plain), heard(plain)] == [("Uploading", 7), (status, 7)]


def test_a_real_server_that_lets_nobody_write(
    cp: ChargePoint, plain: CentralSystem, root: Path
) -> None:
    with RealFtp(root, users={"CP1": "secret"}, permissions="elr") as ftp:
        get_log(plain, f"ftp://CP1:secret@{ftp.host}:{ftp.port}/")
        assert [heard(plain), heard(plain)] == [("Uploading", 1), ("PermissionDenied", 1)]


def test_nobody_listens(cp: ChargePoint, plain: CentralSystem) -> None:
    with FakeFtp() as server:
        url = server.url()
    get_log(plain, url)
    assert [heard(plain), heard(plain)] == [("Uploading", 1), ("UploadFailure", 1)]


class Fails:
    """An answer to STOR: no, `times` times."""

    def __init__(self, times: int) -> None:
        self.left = times
        self.failed = threading.Event()

    def __call__(self, fake: FakeFtp, argument: str) -> None:
        self.left -= 1
        if self.left >= 0:
            fake.say("451 not now")
            self.failed.set()
        else:
            fake.take_data()


@pytest.mark.parametrize(
    ("retries", "tries", "last"),
    [(None, 1, "UploadFailure"), (2, 2, "UploadFailure"), (3, 3, "Uploaded"), (9, 3, "Uploaded")],
)
def test_it_is_tried_as_often_as_the_csms_says(
    cp: ChargePoint, plain: CentralSystem, retries: int | None, tries: int, last: str
) -> None:
    with FakeFtp({"STOR": Fails(2)}) as server:
        how = {} if retries is None else {"retries": retries, "retryInterval": 1}
        get_log(plain, server.url(), **how)
        assert [heard(plain), heard(plain)] == [("Uploading", 1), (last, 1)]
        stores = [command for command in server.commands if command.startswith("STOR")]
        assert len(stores) == tries
        assert len(set(stores)) == 1


def test_the_interval_is_kept(
    cp: ChargePoint, plain: CentralSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "SCALE", 0.1)
    with FakeFtp({"STOR": Fails(1)}) as server:
        get_log(plain, server.url(), retries=2, retryInterval=5)
        assert [heard(plain), heard(plain)] == [("Uploading", 1), ("Uploaded", 1)]
    uploading, end = cp.frames("LogStatusNotification", type="CALL")
    assert end.time - uploading.time >= 0.5


def test_a_script_that_waits_for_handlers_has_sent_the_end(
    cp: ChargePoint, plain: CentralSystem, ftp: str
) -> None:
    get_log(plain, ftp)
    cp.wait_for_handlers(timeout=PATIENCE)
    answers = cp.frames("LogStatusNotification", type="CALLRESULT")
    assert len(answers) == 2


# --- one after the other -------------------------------------------------------------------------


class Holds:
    """An answer to STOR that takes the data and says so when it may."""

    def __init__(self) -> None:
        self.has_it = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, fake: FakeFtp, argument: str) -> None:
        fake.say("150 send it")
        with fake.data() as conn:
            fake.content = b"".join(iter(lambda: conn.recv(65536), b""))
        self.has_it.set()
        assert self.go_on.wait(PATIENCE)
        fake.say("226 stored")


def test_another_get_log_cancels_the_one_under_way(
    cp: ChargePoint, plain: CentralSystem, ftp: str, root: Path
) -> None:
    holds = Holds()
    with FakeFtp({"STOR": holds}) as server:
        get_log(plain, server.url(), 1)
        assert heard(plain) == ("Uploading", 1)
        assert holds.has_it.wait(PATIENCE)
        second = get_log(plain, ftp, 2)
        assert second["status"] == "AcceptedCanceled"
        assert heard(plain) == ("UploadFailure", 1)
        assert [heard(plain), heard(plain)] == [("Uploading", 2), ("Uploaded", 2)]
        # the first one ends where it stands, which nobody hears of
        holds.go_on.set()
        cp.wait_for_handlers(timeout=PATIENCE)
    assert "QUIT" not in server.commands
    assert (root / second["filename"]).exists()
    assert len(all_heard(plain)) == 4
    # and then there is none to cancel
    assert get_log(plain, ftp, 3)["status"] == "Accepted"
    assert [heard(plain), heard(plain)] == [("Uploading", 3), ("Uploaded", 3)]
    assert cp.handler_failures == []


def test_one_that_waits_to_try_again_is_cancelled_at_once(
    cp: ChargePoint, plain: CentralSystem, ftp: str
) -> None:
    fails = Fails(100)
    with FakeFtp({"STOR": fails}) as server:
        get_log(plain, server.url(), 1, retries=100, retryInterval=2**31)
        assert fails.failed.wait(PATIENCE)
        assert get_log(plain, ftp, 2)["status"] == "AcceptedCanceled"
        cp.wait_for_handlers(timeout=PATIENCE)
        assert [command[:4] for command in server.commands].count("STOR") == 1
    wanted = [("Uploading", 1), ("UploadFailure", 1), ("Uploading", 2), ("Uploaded", 2)]
    assert all_heard(plain) == wanted


def test_nothing_to_upload_cancels_nothing(cp: ChargePoint, plain: CentralSystem) -> None:
    holds = Holds()
    with FakeFtp({"STOR": holds}) as server:
        get_log(plain, server.url(), 1)
        period = {"latestTimestamp": "2000-01-01T00:00:00Z"}
        assert get_log(plain, server.url(), 2, period=period) == {"status": "Accepted"}
        holds.go_on.set()
        assert [heard(plain), heard(plain)] == [("Uploading", 1), ("Uploaded", 1)]


def test_the_end_is_told_after_an_outage(cp: ChargePoint, plain: CentralSystem) -> None:
    holds = Holds()
    with FakeFtp({"STOR": holds}) as server:
        get_log(plain, server.url(), 5)
        assert heard(plain) == ("Uploading", 5)
        assert holds.has_it.wait(PATIENCE)
        cp.abort()
        holds.go_on.set()
        cp.wait_for_handlers(timeout=PATIENCE)
    cp.reconnect()
    assert heard(plain) == ("Uploaded", 5)


def test_closing_ends_it(cp: ChargePoint, plain: CentralSystem) -> None:
    fails = Fails(100)
    with FakeFtp({"STOR": fails}) as server:
        get_log(plain, server.url(), 5, retries=100, retryInterval=2**31)
        assert heard(plain) == ("Uploading", 5)
        assert fails.failed.wait(PATIENCE)
        cp.close()
        cp.wait_for_handlers(timeout=PATIENCE)
    cp.reconnect()
    assert heard(plain) == ("UploadFailure", 5)
    assert cp.handler_failures == []


# --- ExtendedTriggerMessage ----------------------------------------------------------------------


def ask_for_status(csms: CentralSystem) -> tuple[str, int | None]:
    payload = {"requestedMessage": "LogStatusNotification"}
    assert csms.call("CP1", "ExtendedTriggerMessage", payload) == {"status": "Accepted"}
    return heard(csms)


def test_the_status_is_told_when_asked(cp: ChargePoint, plain: CentralSystem) -> None:
    assert ask_for_status(plain) == ("Idle", None)
    holds = Holds()
    with FakeFtp({"STOR": holds}) as server:
        get_log(plain, server.url(), 6)
        assert heard(plain) == ("Uploading", 6)
        assert ask_for_status(plain) == ("Uploading", 6)
        holds.go_on.set()
        assert heard(plain) == ("Uploaded", 6)
    assert ask_for_status(plain) == ("Idle", None)


def test_the_upload_of_a_script_counts_as_well(cp: ChargePoint, plain: CentralSystem) -> None:
    cp.on("GetLog", {"status": "Accepted", "filename": "mine"})
    assert get_log(plain, "ftp://nowhere/")["filename"] == "mine"
    cp.send_log_status_notification(status="Uploading", requestId=9)
    assert heard(plain) == ("Uploading", 9)
    assert ask_for_status(plain) == ("Uploading", 9)
    cp.send_log_status_notification(status="Uploaded", requestId=9)
    assert heard(plain) == ("Uploaded", 9)
    assert ask_for_status(plain) == ("Idle", None)
