"""Every fault of the network at every phase of a connection: what the caller gets, how soon, and
that the next call works. What is expected stands in matrix.py."""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from faults.matrix import FAULTS, PHASES, TABLE, TLS, Outcome, Phase, rows
from proxy import DELAY, Fault, Proxy, Way
from raw_server import client_context, server_context
from scripted_csms import HEARTBEAT, PATIENCE, Peer, ScriptedCsms
from websockets.exceptions import ConnectionClosed

from ocppsim import CallTimeout, ConnectionLost, Reconnect, Request, clock, connect
from ocppsim.chargepoint import ChargePoint

ACCEPTED = {"status": "Accepted"}
BOOT = {"chargePointVendor": "v", "chargePointModel": "m"}
BOOTED = {"status": "Accepted", "currentTime": "2026-01-31T12:00:00Z", "interval": 300}

LONG = 6 * PATIENCE
"""Seconds of each time-out that is not the one to be seen."""
SHORT = 0.5
"""Seconds of the one that is. Pings: half of it for the interval, half for the pong."""

Who = Callable[["Scene"], Future[Any]]


class Scene:
    """A charge point, a proxy, a CSMS, and the fault that is to strike."""

    def __init__(self, fault: Fault, outcome: Outcome, context: ssl.SSLContext | None) -> None:
        self.fault: Fault = fault
        self.when = outcome.when
        self._stack = ExitStack()
        enter = self._stack.enter_context
        self._context = context
        self.server = enter(ScriptedCsms(context=context and server_context()))
        self.proxy = enter(Proxy(self.server.port))
        self.cp: ChargePoint = None  # type: ignore[assignment]
        self.peer: Peer = None  # type: ignore[assignment]
        self.gone: Future[ConnectionLost] = Future()
        self.struck = 0.0

    def connect(self, *, again: bool = False) -> ChargePoint:
        """again: the CSMS believes in the one before."""
        if again:
            self.server.peer()
        scheme = "ws" if self._context is None else "wss"
        cp = connect(
            f"{scheme}://127.0.0.1:{self.proxy.port}/CP1",
            ssl_context=self._context,
            connect_timeout=SHORT if self.when == "connect time-out" else LONG,
            response_timeout=LONG,
            reconnect=Reconnect(first=0.01, longest=0.01),
            pong_timeout=SHORT / 2 / clock.SCALE,
        )
        self.cp = self._stack.enter_context(cp)
        self.peer = self.server.peer()
        cp.on_close(self._gone)
        cp.on("ClearCache", ACCEPTED)
        return cp

    def strike(self, way: Way | None) -> None:
        if self.when.startswith("ping"):
            self.cp.configuration["WebSocketPingInterval"] = round(SHORT / 2 / clock.SCALE)
        self.struck = time.monotonic()
        self.proxy.strike(self.fault, way)

    def loss_or(self, good: Future[Any]) -> Future[Any]:
        """What comes first: the end of the connection, or `good`."""
        first: Future[Any] = Future()
        lock = threading.Lock()

        def take(future: Future[Any]) -> None:
            with lock:
                if not first.done() and future.result() is not None:
                    first.set_result(future.result())

        good.add_done_callback(take)
        self.gone.add_done_callback(take)
        return first

    def _gone(self, reason: ConnectionLost) -> None:
        self.cp.configuration["WebSocketPingInterval"] = 0
        if not self.gone.done():
            self.gone.set_result(reason)

    def close(self) -> None:
        if self.cp is not None:
            self.cp.close(timeout=SHORT)
        self._stack.close()


def in_thread(function: Callable[[], Any]) -> Future[Any]:
    """What it returned, or raised."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(function())
        except Exception as error:
            future.set_result(error)

    threading.Thread(target=run, name="caller").start()
    return future


# --- the phases: each makes the fault strike, and gives what the caller gets ---------------------


def handshake(scene: Scene) -> Future[Any]:
    scene.proxy.arm(scene.fault, "down")
    scene.struck = time.monotonic()

    def dial() -> str:
        scene.connect()
        return "a connection"

    return in_thread(dial)


def boot(scene: Scene) -> Future[Any]:
    cp = scene.connect()
    scene.peer.answers["BootNotification"] = BOOTED
    scene.strike("up")
    return in_thread(lambda: answered(cp.call("BootNotification", BOOT)))


def call_sent(scene: Scene) -> Future[Any]:
    cp = scene.connect()
    future = in_thread(lambda: answered(cp.call("Heartbeat")))
    call = scene.peer.next_call("Heartbeat")
    scene.strike(None)
    answer(scene.peer, call)
    return future


def answer_under_way(scene: Scene) -> Future[Any]:
    cp = scene.connect()
    future = in_thread(lambda: answered(cp.call("Heartbeat")))
    call = scene.peer.next_call("Heartbeat")
    scene.strike("down")
    answer(scene.peer, call)
    return future


def request_under_way(scene: Scene) -> Future[Any]:
    scene.connect()
    scene.strike("down")
    good = in_thread(lambda: answered_to(scene.peer))
    scene.peer.send([2, "1", "ClearCache", {}])
    return scene.loss_or(good)


def handler_running(scene: Scene) -> Future[Any]:
    cp = scene.connect()
    begun, go_on = threading.Event(), threading.Event()

    @cp.on("ClearCache")
    def clear(request: Request) -> dict[str, str]:
        begun.set()
        assert go_on.wait(PATIENCE)
        return ACCEPTED

    scene.peer.send([2, "1", "ClearCache", {}])
    assert begun.wait(PATIENCE)
    good = in_thread(lambda: answered_to(scene.peer))
    strikes_now = scene.fault in ("cut", "reset", "half-open", "stall")
    scene.strike(None if strikes_now else "up")
    go_on.set()
    return scene.loss_or(good)


def closing(scene: Scene) -> Future[Any]:
    cp = scene.connect()
    scene.strike("up")

    def close() -> str:
        cp.close(timeout=SHORT if "close" in scene.when else LONG)
        return "it returns"

    return in_thread(close)


PLAY: dict[Phase, Who] = {
    "handshake": handshake,
    "boot": boot,
    "call sent": call_sent,
    "answer under way": answer_under_way,
    "request under way": request_under_way,
    "handler running": handler_running,
    "closing": closing,
}


def answered(payload: dict[str, Any]) -> str:
    assert payload in (HEARTBEAT, BOOTED)
    return "its answer"


def answered_to(peer: Peer) -> str | None:
    frame = peer.next_or_end()
    if frame is None:
        return None
    assert frame[:2] == [4, "1"] or frame == [3, "1", ACCEPTED]
    return "the CSMS its answer" if frame[0] == 3 else "the CSMS a CALLERROR"


def answer(peer: Peer, call: Any) -> None:
    with contextlib.suppress(ConnectionClosed):  # cut or reset by then
        peer.send([3, call[1], HEARTBEAT])


# --- the tests -----------------------------------------------------------------------------------


LEAST = {"at once": 0, "after the delay": DELAY, "half the close time-out": SHORT / 2}


def check(phase: Phase, fault: Fault, outcome: Outcome, context: ssl.SSLContext | None) -> None:
    with playing(fault, outcome, context) as scene:
        got = PLAY[phase](scene).result(PATIENCE)
        took = time.monotonic() - scene.struck
        kind, colon, text = outcome.gets.partition(": ")
        assert (type(got).__name__ if colon else got) == kind, got
        assert all(part.strip() in str(got) for part in text.split("…")), got
        assert took >= LEAST.get(outcome.when, SHORT) * 0.9
        the_next_call_works(scene, phase, outcome, context is not None)


def the_next_call_works(scene: Scene, phase: Phase, outcome: Outcome, tls: bool) -> None:
    if outcome.then == "after connecting again":
        if phase == "handshake":
            scene.connect(again=not tls)
        elif phase == "closing":
            scene.cp.reconnect()
            scene.peer = scene.server.peer()
        else:
            scene.cp.wait_until_connected(timeout=PATIENCE)
            scene.peer = scene.server.peer()
    scene.peer.answers["Heartbeat"] = HEARTBEAT
    assert scene.cp.call("Heartbeat", timeout=PATIENCE) == HEARTBEAT
    assert scene.peer.ask("ClearCache")[2] == ACCEPTED


@contextmanager
def playing(fault: Fault, outcome: Outcome, context: ssl.SSLContext | None) -> Iterator[Scene]:
    scene = Scene(fault, outcome, context)
    try:
        yield scene
    finally:
        scene.close()


def cells(table: dict[Phase, dict[Fault, Outcome]]) -> list[Any]:
    return [
        pytest.param(phase, fault, id=f"{phase}-{fault}".replace(" ", "-"))
        for phase, row in table.items()
        for fault in row
    ]


@pytest.mark.parametrize(("phase", "fault"), cells(TABLE))
def test_a_fault(phase: Phase, fault: Fault) -> None:
    check(phase, fault, TABLE[phase][fault], None)


@pytest.mark.parametrize(("phase", "fault"), cells(TLS))
def test_a_fault_under_tls(phase: Phase, fault: Fault) -> None:
    check(phase, fault, TLS[phase][fault], client_context())


@pytest.mark.parametrize("fault", ["stall", "half-open"])
def test_without_pings_the_call_times_out_and_a_reconnect_helps(fault: Fault) -> None:
    with playing(fault, Outcome("", "at once", "after connecting again"), None) as scene:
        cp = scene.connect()
        scene.strike(None)
        with pytest.raises(CallTimeout):
            cp.call("Heartbeat", timeout=SHORT)
        assert cp.connected
        cp.abort()
        cp.reconnect()
        scene.peer = scene.server.peer()
        scene.peer.answers["Heartbeat"] = HEARTBEAT
        assert cp.call("Heartbeat") == HEARTBEAT


def test_the_page_shows_the_matrix() -> None:
    page = Path(__file__).parents[2] / "docs" / "reliability.md"
    shown = page.read_text().partition("<!-- fault matrix: begin -->\n\n")[2]
    wanted = "\n".join(rows()) + "\n"
    assert shown.startswith(wanted), "python tests/faults/table.py prints what the page has to show"


def test_every_fault_is_there_at_every_phase() -> None:
    assert {phase: set(row) for phase, row in TABLE.items()} == {key: set(FAULTS) for key in PHASES}
