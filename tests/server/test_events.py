"""Events: each once, in order, over breaks and restarts, for many, and within bounds."""

from __future__ import annotations

import http.client
import json
import logging
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("flask", reason="the extra server is not installed")

from command import environment
from hypothesis import given
from hypothesis import strategies as st

from ocppsim import Plugins, connect
from ocppsim.csms import CentralSystem
from ocppsim.server import events as module
from ocppsim.server.events import EventLog
from ocppsim.server.refusal import Refusal

PATIENCE = 60.0


class Stream:
    """Reads pieces of an event stream as a browser does (WHATWG HTML §9.2)."""

    def __init__(self) -> None:
        self.last_id = ""
        self.events: list[tuple[str, Any]] = []
        self.comments = 0
        self._lines = ""

    def feed(self, text: str) -> None:
        self._lines += text
        *blocks, self._lines = self._lines.split("\n\n")
        for block in blocks:
            kind, data = "message", []
            for line in block.splitlines():
                field, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if field == "id":
                    self.last_id = value
                elif field == "event":
                    kind = value
                elif field == "data":
                    data.append(value)
                elif field == "":
                    self.comments += 1
            if data:
                self.events.append((kind, json.loads("\n".join(data))))

    def numbers(self) -> list[int]:
        return [data["n"] for kind, data in self.events if kind == "state"]


@pytest.fixture
def log() -> Iterator[EventLog]:
    log = EventLog(100)
    yield log
    log.close()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PACE", 0.0)


def put(log: EventLog, *numbers: int, cp: str | None = "CP1") -> None:
    for number in numbers:
        log.publish("state", cp, {"n": number})


def read(log: EventLog, after: str | None, cp: str | None = None) -> Stream:
    """All that there is."""
    stream = Stream()
    pieces = log.since(after, cp, heartbeat=0.0)
    for piece in pieces:
        stream.feed(piece)
        if stream.comments:
            break
    pieces.close()  # type: ignore[attr-defined]
    return stream


def test_who_comes_gets_what_comes_from_now_on(log: EventLog) -> None:
    put(log, 1, 2)
    pieces = log.since(None)
    stream = Stream()
    stream.feed(next(pieces))
    assert stream.last_id == log.last_id
    put(log, 3)
    stream.feed(next(pieces))
    assert stream.numbers() == [3]
    pieces.close()  # type: ignore[attr-defined]


def test_who_comes_back_gets_what_came_meanwhile(log: EventLog) -> None:
    start = log.last_id
    put(log, *range(10))
    assert read(log, start).numbers() == list(range(10))
    assert read(log, log.last_id).numbers() == []


@given(cuts=st.lists(st.integers(0, 12), max_size=12), others=st.integers(0, 3))
def test_no_break_loses_or_doubles_one(cuts: list[int], others: int) -> None:
    log = EventLog(1000)
    try:
        last, got, n = log.last_id, [], 0
        for cut in cuts:
            for _ in range(cut):
                put(log, n)
                put(log, *[-1] * others, cp="CP2")
                n += 1
            stream = read(log, last, "CP1")
            got += stream.numbers()
            assert not [kind for kind, _ in stream.events if kind == "gap"]
            last = stream.last_id
        assert got == list(range(n))
    finally:
        log.close()


def test_a_gap_is_told_with_its_size(log: EventLog) -> None:
    start = log.last_id
    put(log, *range(250))
    stream = read(log, start)
    kind, data = stream.events[0]
    assert kind == "gap"
    assert data["missed"] == 150
    assert stream.numbers() == list(range(150, 250))
    assert read(log, stream.last_id).events == []


@pytest.mark.parametrize("after", ["0", "x-1", "7f3-", "", "-", "1e9", "ffffffff-7", "🦉"])
def test_an_id_of_another_run_is_a_gap_of_unknown_size(log: EventLog, after: str) -> None:
    put(log, 1, 2)
    stream = read(log, after)
    assert stream.events[0][0] == "gap"
    assert stream.events[0][1]["missed"] is None
    assert stream.numbers() == [1, 2]


def test_an_id_of_the_future_is_a_gap(log: EventLog) -> None:
    put(log, 1)
    stream = read(log, f"{log.last_id}000")
    assert stream.events[0][0] == "gap"


def test_one_charge_point_hears_of_itself_alone(log: EventLog) -> None:
    start = log.last_id
    put(log, 1)
    put(log, 2, cp="CP2")
    put(log, 3, cp=None)
    assert read(log, start, "CP1").numbers() == [1]
    assert read(log, start, "CP2").numbers() == [2]
    assert read(log, start).numbers() == [1, 2, 3]


def test_its_size_in_bytes_is_bounded(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 10_000)
    for _ in range(50):
        log.publish("state", None, {"text": "x" * 1000})
    assert len(log._events) == 10


def test_who_is_too_slow_is_cut_and_told_of_the_gap(log: EventLog) -> None:
    pieces = log.since(log.last_id)
    stream = Stream()
    stream.feed(next(pieces))
    put(log, 1)
    stream.feed(next(pieces))
    put(log, *range(500))
    for piece in pieces:  # it ends
        stream.feed(piece)
    assert stream.numbers() == [1]
    again = read(log, stream.last_id)
    assert again.events[0][0] == "gap"
    assert again.events[0][1]["missed"] == 400


def test_the_number_of_readers_is_bounded(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CLIENTS", 2)
    readers = [log.since(None) for _ in range(2)]
    for reader in readers:
        next(reader)
    with pytest.raises(Refusal) as refused:
        log.since(None)
    assert refused.value.status == 503
    readers[0].close()  # type: ignore[attr-defined]
    next(log.since(None))


def test_what_happens_to_a_charge_point(log: EventLog) -> None:
    with CentralSystem() as csms:
        start = log.last_id
        with connect(f"{csms.url}/CP1", plugins=Plugins()) as cp:
            log.attach(cp)
            log.attach(cp)
            cp.send_heartbeat()
            cp.log("my own words")
            logging.getLogger("ocppsim.cp").error("CP1: ws://me:5EC2E7@host/ is wrong")
            logging.getLogger("ocppsim.server").info("of nobody")
        events = read(log, start).events
    kinds = [kind for kind, _ in events if kind not in ("log", "error")]
    assert kinds == ["state", "frame", "frame", "state"]
    frames = [data for kind, data in events if kind == "frame"]
    assert [frame["direction"] for frame in frames] == ["sent", "received"]
    assert frames[0]["frame"][2] == "Heartbeat"
    words = [data for kind, data in events if kind == "log" and data["message"].endswith("words")]
    assert words[0]["chargePoint"] == "CP1"
    nobodys = [data for kind, data in events if kind == "log" and "nobody" in data["message"]]
    assert nobodys[0]["chargePoint"] is None
    (error,) = [data for kind, data in events if kind == "error"]
    assert error["message"] == "CP1: ws://***@host/ is wrong"
    states = [data for kind, data in events if kind == "state"]
    assert [state["connected"] for state in states] == [True, False]


def test_frames_are_masked_and_cut(log: EventLog) -> None:
    with CentralSystem() as csms:
        start = log.last_id
        with connect(f"{csms.url}/CP1", plugins=Plugins()) as cp:
            log.attach(cp)
            cp.on("ChangeConfiguration", {"status": "Accepted"})
            csms.call("CP1", "ChangeConfiguration", {"key": "AuthorizationKey", "value": "5EC2E7"})
            cp.call("DataTransfer", {"vendorId": "v", "data": "x" * 300_000})
        texts = [event.text for event in log._events]
        assert not any("5EC2E7" in text for text in texts)
        assert max(map(len, texts)) < module.MAX_TEXT + 1000
        assert read(log, start).events


def test_the_logger_is_as_before(log: EventLog) -> None:
    logger = logging.getLogger("ocppsim")
    before = logger.level
    other = EventLog()
    other.close()
    assert logger.level == before


# --- over HTTP, the server in another process ---

SERVER = Path(__file__).parent / "event_server.py"


@pytest.fixture
def port() -> Iterator[int]:
    """Of a server that publishes 10,000 events once it is asked to."""
    with subprocess.Popen(
        [sys.executable, str(SERVER)], stdout=subprocess.PIPE, text=True, env=environment()
    ) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.kill()


def get(port: int, path: str, last_id: str = "") -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", path, headers={"Last-Event-ID": last_id} if last_id else {})
    response = connection.getresponse()
    assert response.status == 200, response.status
    return response


def follow(response: http.client.HTTPResponse, stream: Stream, count: int, cut: int = 0) -> None:
    """Until there are `count` events in all; or so many bytes later than `cut`."""
    seen = 0
    while len(stream.events) < count:
        data = response.read1(65536)
        assert data, "it ended"
        stream.feed(data.decode())
        seen += len(data)
        if cut and seen > cut:
            stream._lines = ""  # half an event is none
            return


@pytest.mark.timeout(240)
def test_fifty_clients_each_get_each_of_ten_thousand_events_once_in_order(port: int) -> None:
    streams = [Stream() for _ in range(50)]
    ready = threading.Barrier(len(streams) + 1)
    failures: list[BaseException] = []

    def client(number: int) -> None:
        stream = streams[number]
        try:
            with closing(get(port, "/events")) as response:
                stream.feed(response.read1(65536).decode())
                ready.wait(PATIENCE)
                # every third one loses its connection on the way
                follow(response, stream, 10_000, cut=100_000 * (1 + number) * (number % 3 == 0))
            while len(stream.events) < 10_000:
                with closing(get(port, "/events", stream.last_id)) as response:
                    follow(response, stream, 10_000)
        except BaseException as error:
            failures.append(error)
            ready.abort()

    threads = [threading.Thread(target=client, args=(n,), daemon=True) for n in range(50)]
    for thread in threads:
        thread.start()
    ready.wait(PATIENCE)
    with closing(get(port, "/go")) as response:
        response.read()
    for thread in threads:
        thread.join(180)
    assert not failures
    wanted = list(range(10_000))
    assert [number for number, s in enumerate(streams) if s.numbers() != wanted] == []


def test_the_stream_has_its_type_and_ids(port: int) -> None:
    with closing(get(port, "/cp/CP1/events")) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        assert response.headers["Cache-Control"] == "no-store"
        assert re.search(r"retry: \d+\nid: [0-9a-f]+-\d+\n\n", response.read1(65536).decode())
