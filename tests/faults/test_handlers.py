"""Handlers that misbehave: each request is answered or refused all the same, the reader goes on,
and `close` returns in time."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from scripted_csms import HEARTBEAT, PATIENCE, Peer, ScriptedCsms

from ocppsim import AlreadyAnswered, ConnectionLost, Reconnect, Request, connect
from ocppsim.chargepoint import ChargePoint
from ocppsim.handlers import MAX_THREADS

ACCEPTED = {"status": "Accepted"}


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """What handlers block on; set in the end."""
    held = threading.Event()
    yield held
    held.set()


def still_works(cp: ChargePoint, peer: Peer) -> None:
    """Both ways."""
    peer.answers["Heartbeat"] = HEARTBEAT
    assert cp.call("Heartbeat", timeout=PATIENCE) == HEARTBEAT
    cp.on("GetConfiguration", {})
    assert peer.ask("GetConfiguration")[2] == {}


def test_one_that_raises(cp: ChargePoint, peer: Peer) -> None:
    cp.on("ClearCache", lambda request: 1 / 0)  # type: ignore[arg-type,return-value]
    assert peer.ask("ClearCache")[2] == "InternalError"
    still_works(cp, peer)


def test_one_that_blocks_for_ever(
    cp: ChargePoint, peer: Peer, held: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    begun = threading.Event()

    @cp.on("ClearCache")
    def block(request: Request) -> None:
        begun.set()
        held.wait()

    peer.send([2, "1", "ClearCache", {}])
    assert begun.wait(PATIENCE)
    still_works(cp, peer)
    started = time.monotonic()
    cp.close(timeout=0.5)
    assert 0.4 <= time.monotonic() - started < PATIENCE / 2
    assert "left behind, still running: ocppsim CP1 ClearCache" in caplog.text


def test_one_that_answers_twice(cp: ChargePoint, peer: Peer) -> None:
    errors: list[Exception] = []

    @cp.on("ClearCache")
    def twice(request: Request) -> None:
        request.reply(ACCEPTED)
        try:
            request.reply(ACCEPTED)
        except AlreadyAnswered as error:
            errors.append(error)

    assert peer.ask("ClearCache")[2] == ACCEPTED
    cp.wait_for_handlers(timeout=PATIENCE)
    assert len(errors) == 1
    still_works(cp, peer)
    cp.close()
    assert peer.rest() == []


def test_one_that_answers_after_the_connection_is_gone(
    server: ScriptedCsms, held: threading.Event
) -> None:
    """The answer does not go to the connection after it either."""
    errors: list[Exception] = []
    begun = threading.Event()
    with connect(server.url, reconnect=Reconnect(first=0.01)) as cp:
        back = threading.Event()
        cp.on_reconnect(back.set)

        @cp.on("ClearCache")
        def late(request: Request) -> None:
            begun.set()
            assert held.wait(PATIENCE)
            try:
                request.reply(ACCEPTED)
            except ConnectionLost as error:
                errors.append(error)

        peer = server.peer()
        peer.send([2, "1", "ClearCache", {}])
        assert begun.wait(PATIENCE)
        peer.drop()
        assert back.wait(PATIENCE)
        peer = server.peer()
        held.set()
        cp.wait_for_handlers(timeout=PATIENCE)
        assert "the connection is gone" in str(errors[0])
        still_works(cp, peer)


def test_a_thousand_requests_at_once(cp: ChargePoint, peer: Peer, held: threading.Event) -> None:
    """As many as there may be threads are handled, the others refused; nothing waits for them."""

    @cp.on("ClearCache")
    def block(request: Request) -> dict[str, str]:
        assert held.wait(3 * PATIENCE)
        return ACCEPTED

    answers: list[Any] = []
    sending = threading.Thread(
        target=lambda: [peer.send([2, str(i), "ClearCache", {}]) for i in range(1000)]
    )
    sending.start()
    refused = [peer.next() for _ in range(1000 - MAX_THREADS)]
    sending.join(PATIENCE)
    assert {tuple(frame[2:4]) for frame in refused} == {
        ("GenericError", f"too many requests: {MAX_THREADS} are being handled")
    }
    # the reader is not blocked: the charge point calls while all of them are
    peer.answers["Heartbeat"] = HEARTBEAT
    assert cp.call("Heartbeat", timeout=PATIENCE) == HEARTBEAT
    held.set()
    answers = [peer.next() for _ in range(MAX_THREADS)]
    assert {tuple(frame[2].items()) for frame in answers} == {(("status", "Accepted"),)}
    ids = Counter(frame[1] for frame in refused + answers)
    assert ids == Counter(str(i) for i in range(1000))
    still_works(cp, peer)


def test_a_thousand_requests_and_the_connection_goes(
    server: ScriptedCsms, held: threading.Event
) -> None:
    with connect(server.url, reconnect=Reconnect(first=0.01)) as cp:
        back = threading.Event()
        cp.on_reconnect(back.set)
        ended = threading.Semaphore(0)

        @cp.on("ClearCache")
        def block(request: Request) -> dict[str, str]:
            try:
                assert held.wait(3 * PATIENCE)
                return ACCEPTED
            finally:
                ended.release()

        peer = server.peer()
        for i in range(1000):
            peer.send([2, str(i), "ClearCache", {}])
        peer.next()  # the first that is refused
        peer.drop()
        assert back.wait(PATIENCE)
        held.set()
        for _ in range(MAX_THREADS):
            assert ended.acquire(timeout=PATIENCE)
        still_works(cp, server.peer())
