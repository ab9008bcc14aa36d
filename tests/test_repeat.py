"""Messages at an interval, without a wire."""

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import Future

import pytest
from scripted_csms import PATIENCE

from ocppsim.calls import Result
from ocppsim.errors import CallTimeout, ConnectionLost
from ocppsim.repeat import Repeat
from ocppsim.timers import timers

INTERVAL = 0.01


class Sender:
    """Counts what is to be sent; `outcome` answers each at once, None leaves it open."""

    def __init__(self, outcome: Result | Exception | None) -> None:
        self.outcome = outcome
        self.futures: list[Future[Result]] = []
        self.sent = threading.Semaphore(0)

    def __call__(self) -> Future[Result]:
        future: Future[Result] = Future()
        self.futures.append(future)
        if isinstance(self.outcome, Exception):
            future.set_exception(self.outcome)
        elif self.outcome is not None:
            future.set_result(self.outcome)
        self.sent.release()
        return future

    def start(self) -> Repeat:
        log = logging.LoggerAdapter(logging.getLogger("ocppsim.cp"), {})
        return Repeat("heartbeat", INTERVAL, self, log)


@pytest.fixture(autouse=True)
def _timers_run() -> Iterator[None]:
    timers.hold()
    yield
    timers.release()


def pass_time(seconds: float) -> None:
    """Until the timers have got so far."""
    passed = threading.Event()
    timers.after(seconds, passed.set)
    assert passed.wait(PATIENCE)


ANSWER = Result({}, "Heartbeat", "a", 0.0)


def test_one_after_the_other() -> None:
    sender = Sender(ANSWER)
    repeat = sender.start()
    for _ in range(5):
        assert sender.sent.acquire(timeout=PATIENCE)
    repeat.stop()


def test_at_most_one_waits() -> None:
    sender = Sender(None)
    repeat = sender.start()
    assert sender.sent.acquire(timeout=PATIENCE)
    pass_time(10 * INTERVAL)
    assert len(sender.futures) == 1
    sender.futures[0].set_result(ANSWER)
    assert sender.sent.acquire(timeout=PATIENCE)
    repeat.stop()


def test_none_is_sent_after_stop() -> None:
    sender = Sender(ANSWER)
    repeat = sender.start()
    assert sender.sent.acquire(timeout=PATIENCE)
    repeat.stop()
    pass_time(0)
    sent = len(sender.futures)
    pass_time(5 * INTERVAL)
    assert len(sender.futures) == sent


def test_stop_before_the_first_one() -> None:
    sender = Sender(ANSWER)
    sender.start().stop()
    pass_time(3 * INTERVAL)
    assert sender.futures == []


@pytest.mark.parametrize("error", [CallTimeout("Heartbeat", "a", 5), ConnectionLost("gone")])
def test_one_that_fails_is_logged_and_the_next_follows(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    sender = Sender(error)
    repeat = sender.start()
    for _ in range(2):
        assert sender.sent.acquire(timeout=PATIENCE)
    repeat.stop()
    assert f"heartbeat: {error}" in caplog.text


def test_one_that_is_cancelled_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    sender = Sender(None)
    repeat = sender.start()
    assert sender.sent.acquire(timeout=PATIENCE)
    sender.futures[0].cancel()
    assert sender.sent.acquire(timeout=PATIENCE)
    repeat.stop()
    assert caplog.text == ""


def test_what_fails_after_stop_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    sender = Sender(None)
    repeat = sender.start()
    assert sender.sent.acquire(timeout=PATIENCE)
    repeat.stop()
    sender.futures[0].set_exception(ConnectionLost("closed by this charge point"))
    assert caplog.text == ""
