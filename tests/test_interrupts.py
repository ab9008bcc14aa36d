"""A thread is told to stop: its waits in ocppsim wake, those of other threads do not."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future

import pytest
from ftp_server import SILENT, FakeFtp
from scripted_csms import HEARTBEAT, PATIENCE, Peer, ScriptedCsms

from ocppsim import ChargePoint, Stopped, connect, interrupts, timestamp
from ocppsim.csms import CentralSystem

START = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": timestamp(0)}
FOR_EVER = 10_000.0


class Worker:
    """A thread that does one thing; how that ended."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.error: BaseException | None = None
        self._act = act
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self._act()
        except BaseException as error:
            self.error = error

    def waits(self) -> bool:
        return self.thread.ident in interrupts._wakers

    def until_it_waits(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while not self.waits():
            assert self.thread.is_alive(), self.error
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def end(self) -> BaseException | None:
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()
        return self.error


WAITS: dict[str, Callable[[ChargePoint], object]] = {
    "call": lambda cp: cp.send_heartbeat(),  # type: ignore[attr-defined]
    "the future of submit": lambda cp: cp.submit("Heartbeat").result(),
    "its exception": lambda cp: cp.submit("Heartbeat").exception(FOR_EVER),
    "a call that waits for its turn": lambda cp: [cp.submit("Heartbeat"), cp.call("Heartbeat")],
    "expect": lambda cp: cp.expect("Reset", timeout=FOR_EVER),
    "wait_for_request": lambda cp: cp.wait_for_request("Reset", timeout=FOR_EVER),
    "wait_for_frame": lambda cp: cp.wait_for_frame(timeout=FOR_EVER),
    "sleep": lambda cp: cp.sleep(FOR_EVER),
    "wait_until_connected": lambda cp: [cp.abort(), cp.wait_until_connected(timeout=FOR_EVER)],
    "the queue, start": lambda cp: cp.enqueue_start(START).result(),
    "the queue, other": lambda cp: cp.enqueue("Heartbeat", {}).result(FOR_EVER),
    "reconnect, for a call": lambda cp: [cp.submit("Heartbeat", timeout=1000), cp.reconnect()],
}


@pytest.mark.parametrize("what", WAITS)
def test_a_wait_wakes(what: str, server: ScriptedCsms) -> None:
    with connect(server.url, response_timeout=FOR_EVER) as cp:
        worker = Worker(lambda: WAITS[what](cp))
        worker.until_it_waits()
        assert interrupts.tell(worker.thread)
        assert isinstance(worker.end(), Stopped)


def test_a_wait_for_the_embedded_csms_wakes() -> None:
    with CentralSystem() as csms, connect(f"{csms.url}/CP1") as cp:
        cp.on("Reset", lambda request: request.no_reply())
        for wait in (
            lambda: csms.wait_for("Heartbeat", timeout=FOR_EVER),
            lambda: csms.wait_for_connection("CP2", timeout=FOR_EVER),
            lambda: csms.call("CP1", "Reset", {"type": "Soft"}, timeout=FOR_EVER),
        ):
            worker = Worker(wait)
            worker.until_it_waits()
            interrupts.tell(worker.thread)
            assert isinstance(worker.end(), Stopped)


def test_a_wait_for_handlers_wakes(peer: Peer, cp: ChargePoint) -> None:
    go_on = threading.Event()
    cp.on("Reset", lambda request: go_on.wait(PATIENCE))
    peer.send([2, "1", "Reset", {"type": "Soft"}])
    cp.wait_for_request("Reset", after=0)
    worker = Worker(lambda: cp.wait_for_handlers(timeout=FOR_EVER))
    worker.until_it_waits()
    interrupts.tell(worker.thread)
    assert isinstance(worker.end(), Stopped)
    go_on.set()


def test_others_that_wait_for_the_same_go_on(peer: Peer, cp: ChargePoint) -> None:
    future = cp.submit("Heartbeat")
    told, other = Worker(future.result), Worker(lambda: future.result(FOR_EVER))
    also = [
        Worker(lambda: cp.wait_for_frame("Heartbeat", type="CALLRESULT", timeout=FOR_EVER))
        for _ in range(2)
    ]
    for worker in (told, other, *also):
        worker.until_it_waits()
    interrupts.tell(told.thread)
    interrupts.tell(also[0].thread)
    assert isinstance(told.end(), Stopped)
    assert isinstance(also[0].end(), Stopped)
    assert other.waits()
    assert also[1].waits()
    peer.answer(HEARTBEAT, "Heartbeat")
    assert other.end() is None
    assert also[1].end() is None


def test_each_further_wait_raises_it_again_until_it_is_forgotten(cp: ChargePoint) -> None:
    def swallow() -> None:
        for _ in range(3):
            with contextlib.suppress(Stopped):
                cp.sleep(FOR_EVER)
        interrupts.forget(threading.current_thread())
        cp.sleep(0.001)

    worker = Worker(swallow)
    worker.until_it_waits()
    interrupts.tell(worker.thread)
    assert worker.end() is None


def test_a_thread_that_was_told_closes_as_ever(server: ScriptedCsms) -> None:
    def script() -> None:
        with connect(server.url) as cp:
            cp.sleep(FOR_EVER)

    worker = Worker(script)
    worker.until_it_waits()
    peer = server.peer()
    # connecting may have been the wait
    while worker.thread.is_alive():
        interrupts.tell(worker.thread)
        worker.thread.join(0.05)
    assert isinstance(worker.end(), Stopped)
    assert peer.rest() == []


def test_dialling_ends() -> None:
    held, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        go_on.wait(PATIENCE)

    with ScriptedCsms(hold) as server:
        worker = Worker(lambda: connect(server.url, connect_timeout=60))
        assert held.wait(PATIENCE)
        worker.until_it_waits()
        interrupts.tell(worker.thread)
        assert isinstance(worker.end(), Stopped)
        go_on.set()


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_transfer_ends(way: str, cp: ChargePoint) -> None:
    with FakeFtp({"STOR": SILENT, "RETR": SILENT}) as ftp:

        def act() -> None:
            if way == "up":
                cp.ftp_upload(ftp.url(), "file", b"data", timeout=1000)
            else:
                cp.ftp_download(ftp.url("file"), timeout=1000)

        worker = Worker(act)
        while not any(line.startswith(("STOR", "RETR")) for line in ftp.commands):
            assert worker.thread.is_alive(), worker.error
            time.sleep(0.005)
        worker.until_it_waits()
        interrupts.tell(worker.thread)
        assert isinstance(worker.end(), Stopped)


def test_python_is_interrupted() -> None:
    began = threading.Event()

    def spin() -> None:
        began.set()
        while True:
            with contextlib.suppress(Exception):
                pass

    worker = Worker(spin)
    assert began.wait(PATIENCE)
    assert not interrupts.tell(worker.thread)
    interrupts.interrupt(worker.thread)
    assert isinstance(worker.end(), Stopped)


def test_what_did_not_happen_yet_can_be_undone() -> None:
    began, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        began.set()
        go_on.wait(PATIENCE)

    worker = Worker(wait)
    assert began.wait(PATIENCE)
    interrupts.interrupt(worker.thread)
    interrupts.interrupt(worker.thread, undo=True)
    go_on.set()
    assert worker.end() is None


def test_a_future_is_one_as_ever() -> None:
    future: Future[int] = interrupts.Pending()
    with pytest.raises(TimeoutError):
        future.result(0.001)
    threading.Timer(0.01, future.set_result, [7]).start()
    assert future.result(PATIENCE) == 7
    assert future.exception(0) is None
    cancelled: Future[int] = interrupts.Pending()
    threading.Timer(0.01, cancelled.cancel).start()
    with pytest.raises(CancelledError):
        cancelled.result(PATIENCE)


def test_no_except_of_exceptions_holds_it() -> None:
    assert not issubclass(Stopped, Exception)
