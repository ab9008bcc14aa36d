"""The trace: every frame, in the order of the wire, for whoever observes."""

import threading
import time
from collections.abc import Iterator

import pytest
from scripted_csms import PATIENCE

from ocppsim import trace as traces
from ocppsim.blocking import may_block
from ocppsim.errors import Fault, WouldDeadlock
from ocppsim.rpc import BadFrame, CallFrame, ErrorFrame, Frame, ResultFrame, encode
from ocppsim.trace import Direction, Trace, TracedFrame
from ocppsim.violation import Violation


def a_frame(
    unique_id: str = "a", direction: Direction = "sent", frame: Frame | None = None
) -> TracedFrame:
    return TracedFrame("CP1", direction, "[]", frame or ResultFrame(unique_id, {"n": 1}))


def put(trace: Trace, unique_id: str = "a", *, wait: bool = False) -> TracedFrame:
    frame = a_frame(unique_id)
    trace.add(frame)
    trace.tell(frame, wait=wait)
    return frame


@pytest.fixture
def everywhere() -> Iterator[list[traces.Observer]]:
    yield traces.everywhere
    traces.everywhere.clear()


# --- what it keeps -------------------------------------------------------------------------------


def test_frames_are_numbered_and_timed_as_they_come() -> None:
    trace = Trace()
    before = time.time()
    frames = [put(trace) for _ in range(3)]
    assert list(trace) == frames
    assert [frame.number for frame in trace] == [1, 2, 3]
    assert before <= frames[0].time <= frames[1].time <= frames[2].time <= time.time()
    assert (len(trace), trace[0], trace[-1]) == (3, frames[0], frames[2])


def test_only_the_last_ones_are_kept() -> None:
    trace = Trace(3)
    for _ in range(10):
        put(trace)
    assert [frame.number for frame in trace] == [8, 9, 10]


def test_a_trace_of_size_0_keeps_none_and_tells_all() -> None:
    trace = Trace(0)
    seen: list[int] = []
    trace.observers.append(lambda frame: seen.append(frame.number))
    put(trace)
    put(trace)
    assert (len(trace), list(trace), seen) == (0, [], [1, 2])


def test_it_can_be_read_while_it_grows() -> None:
    trace = Trace(50)
    over = threading.Event()

    def grow() -> None:
        while not over.is_set():
            put(trace)

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        for _ in range(300):
            numbers = [frame.number for frame in trace]
            assert numbers == sorted(numbers)
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize(
    ("frame", "kind", "unique_id", "payload"),
    [
        (CallFrame("a", "Reset", {"type": "Hard"}), "CALL", "a", {"type": "Hard"}),
        (ResultFrame("a", {"status": "Accepted"}), "CALLRESULT", "a", {"status": "Accepted"}),
        (ErrorFrame("a", "GenericError"), "CALLERROR", "a", None),
        (BadFrame([Fault("$", "JSON", "not JSON")]), "bad", None, None),
    ],
)
def test_a_frame_tells_what_it_is(
    frame: Frame, kind: str, unique_id: str | None, payload: object
) -> None:
    text = "nonsense" if isinstance(frame, BadFrame) else encode(frame)
    traced = TracedFrame("CP1", "sent", text, frame)
    assert (traced.type, traced.unique_id, traced.payload) == (kind, unique_id, payload)


def test_a_frame_as_text_has_its_number_its_direction_and_an_end() -> None:
    trace = Trace()
    assert str(put(trace)) == "#1 → []"
    received = TracedFrame("CP1", "received", b"\xff" * 1000, ResultFrame("a", {}), number=7)
    assert str(received).startswith("#7 ← b'\\xff")
    assert len(str(received)) < 320


def test_a_violation_as_text_says_where_what_and_in_which_frame() -> None:
    violation = Violation("CP1", 0.0, "JSON", "$", "not JSON", None, "x" * 10_000)
    assert str(violation).startswith("$: not JSON [JSON] in 'xxx")
    assert len(str(violation)) < 200
    assert str(Violation("CP1", 0.0, "JSON", "$", "not", "Reset", "")).startswith("Reset $: not")


# --- whom it tells -------------------------------------------------------------------------------


def test_observers_see_each_frame_once() -> None:
    trace = Trace()
    seen: list[TracedFrame] = []
    trace.observers.append(seen.append)
    frames = [put(trace), put(trace, wait=True)]
    assert seen == frames


def test_observers_of_every_charge_point(everywhere: list[traces.Observer]) -> None:
    seen: list[TracedFrame] = []
    everywhere.append(seen.append)
    frames = [put(Trace()), put(Trace())]
    assert seen == frames


def test_an_observer_that_raises_does_not_stop_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    trace = Trace()
    seen: list[int] = []
    trace.observers.append(lambda frame: 1 / 0)
    trace.observers.append(lambda frame: seen.append(frame.number))
    put(trace)
    put(trace)
    assert seen == [1, 2]
    assert caplog.text.count("ZeroDivisionError") == 2


def test_an_observer_that_is_interrupted_leaves_the_trace_in_order() -> None:
    trace = Trace()
    seen: list[int] = []

    def interrupt(frame: TracedFrame) -> None:
        if frame.number == 1:
            raise KeyboardInterrupt
        seen.append(frame.number)

    trace.observers.append(interrupt)
    with pytest.raises(KeyboardInterrupt):
        put(trace)
    put(trace, wait=True)
    assert seen == [2]


def test_an_observer_must_not_block() -> None:
    trace = Trace()
    said: list[str] = []

    def block(frame: TracedFrame) -> None:
        try:
            may_block("call")
        except WouldDeadlock as error:
            said.append(str(error))

    trace.observers.append(block)
    put(trace)
    assert "an observer holds up" in said[0]
    may_block("afterwards this thread again")


def test_a_frame_that_an_observer_sends_comes_after_the_one_it_saw() -> None:
    trace = Trace()
    first: list[int] = []
    second: list[int] = []

    def send_two_more(frame: TracedFrame) -> None:
        first.append(frame.number)
        if frame.number < 3:
            put(trace)

    trace.observers += [send_two_more, lambda frame: second.append(frame.number)]
    put(trace)
    assert first == second == [1, 2, 3]


def test_an_observer_may_remove_itself() -> None:
    trace = Trace()
    seen: list[int] = []

    def once(frame: TracedFrame) -> None:
        seen.append(frame.number)
        trace.observers.remove(once)

    trace.observers += [once, lambda frame: seen.append(-frame.number)]
    put(trace)
    put(trace)
    assert seen == [1, -1, -2]


def test_observers_of_many_threads_see_the_order_of_the_wire() -> None:
    trace = Trace(10_000)
    seen: list[int] = []
    trace.observers.append(lambda frame: seen.append(frame.number))

    def send() -> None:
        for _ in range(200):
            put(trace)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    put(trace, wait=True)
    assert seen == [frame.number for frame in trace] == list(range(1, 1602))


def test_tell_with_wait_comes_back_after_the_observers_although_another_thread_tells() -> None:
    """The reader must not resolve a future before an observer knows."""
    trace = Trace()
    began, go_on = threading.Event(), threading.Event()
    seen: list[int] = []

    def observe(frame: TracedFrame) -> None:
        if frame.number == 1:
            began.set()
            assert go_on.wait(PATIENCE)
        seen.append(frame.number)

    trace.observers.append(observe)
    script = threading.Thread(target=put, args=(trace,))
    script.start()
    assert began.wait(PATIENCE)
    second = a_frame()
    trace.add(second)
    after: list[list[int]] = []

    def reader() -> None:
        trace.tell(second, wait=True)
        after.append(list(seen))

    waiting = threading.Thread(target=reader)
    waiting.start()
    go_on.set()
    script.join()
    waiting.join()
    assert after == [[1, 2]]


def test_tell_with_wait_also_waits_for_a_frame_that_is_being_told() -> None:
    trace = Trace()
    began, go_on = threading.Event(), threading.Event()
    seen: list[int] = []

    def observe(frame: TracedFrame) -> None:
        began.set()
        assert go_on.wait(PATIENCE)
        seen.append(frame.number)

    trace.observers.append(observe)
    frame = a_frame()
    trace.add(frame)
    # another thread, which has sent something, picks up the reader's frame first
    other = threading.Thread(target=trace.tell, args=(frame,), kwargs={"wait": False})
    other.start()
    assert began.wait(PATIENCE)
    threading.Timer(0.05, go_on.set).start()
    trace.tell(frame, wait=True)
    assert seen == [1]
    other.join()


def test_tell_with_wait_does_not_wait_where_there_was_no_observer_yet() -> None:
    trace = Trace()
    frame = put(trace)
    trace.observers.append(lambda frame: None)
    started = time.monotonic()
    trace.tell(frame, wait=True)
    assert time.monotonic() - started < 4
