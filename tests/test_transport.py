"""One WebSocket connection, against a server that sends bytes."""

from __future__ import annotations

import queue
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from raw_server import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PATIENCE,
    PING,
    PONG,
    TEXT,
    Frame,
    RawPeer,
    RawServer,
    frame,
)

from ocppsim.address import Address
from ocppsim.errors import ConnectionLost, Fault, WouldDeadlock
from ocppsim.transport import Transport

MUCH = 8 << 20
"""Bytes; more than all buffers between here and there hold."""


class Line:
    """A transport, and what it told.

    on_message: called in the reader thread, after the message was noted.
    """

    def __init__(self, server: RawServer, *, stall_timeout: float = PATIENCE) -> None:
        self.on_message: Callable[[str | bytes], object] = lambda data: None
        self._messages: queue.Queue[tuple[str | bytes, Fault | None]] = queue.Queue()
        self._losses: queue.Queue[ConnectionLost] = queue.Queue()
        self.transport = Transport.open(
            Address.parse(server.url),
            subprotocols=["ocpp1.6"],
            headers={},
            context=None,
            timeout=PATIENCE,
            stall_timeout=stall_timeout,
            on_message=self._message,
            on_lost=lambda transport, error: self._losses.put(error),
        )

    def _message(self, transport: Transport, data: str | bytes, fault: Fault | None) -> None:
        assert transport is self.transport
        self._messages.put((data, fault))
        self.on_message(data)

    def next(self) -> str | bytes:
        """The next message, which has to be without fault."""
        data, fault = self._messages.get(timeout=PATIENCE)
        assert fault is None
        return data

    def next_bad(self) -> tuple[str | bytes, Fault]:
        data, fault = self._messages.get(timeout=PATIENCE)
        assert fault is not None
        return data, fault

    def lost(self) -> ConnectionLost:
        """How the connection ended. It is told once, and then nothing of it is left."""
        error = self._losses.get(timeout=PATIENCE)
        assert not self.transport.alive
        self.transport.abort()
        assert self._losses.empty()
        return error


Dial = Callable[..., tuple[Line, RawPeer]]


@pytest.fixture
def dial() -> Iterator[Dial]:
    """Connects a `Line` to a server of its own; arguments as for `Line`."""
    with ExitStack() as stack:

        def connect(*, start: bool = True, **options: Any) -> tuple[Line, RawPeer]:
            server = stack.enter_context(RawServer())
            line = Line(server, **options)
            stack.callback(line.transport.abort)
            if start:
                line.transport.start()
            return line, server.peer()

        yield connect


@pytest.fixture
def ends(dial: Dial) -> tuple[Line, RawPeer]:
    return dial()


@pytest.fixture
def line(ends: tuple[Line, RawPeer]) -> Line:
    return ends[0]


@pytest.fixture
def transport(line: Line) -> Transport:
    return line.transport


@pytest.fixture
def peer(ends: tuple[Line, RawPeer]) -> RawPeer:
    return ends[1]


def closing(code: int, reason: str = "") -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason.encode())


# --- messages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", ["", "a", "ä€😀", "x" * 125, "x" * 126, "x" * 65535, "x" * 65536])
def test_text_comes_and_goes(line: Line, peer: RawPeer, data: str) -> None:
    peer.send_text(data)
    assert line.next() == data
    line.transport.send(data)
    assert peer.next() == Frame(TEXT, data.encode())


@pytest.mark.parametrize("data", [b"", b"\x00\xff", bytes(70_000)])
def test_binary_comes_and_goes(line: Line, peer: RawPeer, data: bytes) -> None:
    peer.send(frame(BINARY, data))
    assert line.next() == data
    line.transport.send(data)
    assert peer.next() == Frame(BINARY, data)


def test_ten_megabytes_come_and_go(line: Line, peer: RawPeer) -> None:
    data = "0123456789" * 1_000_000
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(peer.next)
        line.transport.send(data)
        assert coming.result(PATIENCE) == Frame(TEXT, data.encode())
        pool.submit(peer.send_text, data)
        assert line.next() == data


def test_messages_of_one_packet_come_in_order(line: Line, peer: RawPeer) -> None:
    peer.send(b"".join(frame(TEXT, str(n).encode()) for n in range(1000)))
    assert [line.next() for _ in range(1000)] == [str(n) for n in range(1000)]


def test_a_message_may_come_byte_by_byte(line: Line, peer: RawPeer) -> None:
    for byte in frame(TEXT, "täxt".encode()) + frame(BINARY, bytes(200)):
        peer.send(bytes([byte]))
    assert line.next() == "täxt"
    assert line.next() == bytes(200)


def test_fragments_are_put_together_and_control_frames_may_come_between(
    line: Line, peer: RawPeer
) -> None:
    one, two = "ä".encode()
    peer.send(frame(TEXT, bytes([one]), fin=False))
    peer.send(frame(PING, b"?"))
    peer.send(frame(CONTINUATION, bytes([two]), fin=False) + frame(CONTINUATION, b"", fin=False))
    peer.send(frame(CONTINUATION, b"!"))
    peer.send(frame(BINARY, b"", fin=False) + frame(CONTINUATION, b"\x00"))
    assert line.next() == "ä!"
    assert line.next() == b"\x00"
    assert peer.next() == Frame(PONG, b"?")


@pytest.mark.parametrize(
    ("data", "fragments", "payloads"),
    [
        ("abcdefg", 3, [b"abc", b"def", b"g"]),
        ("ab", 4, [b"a", b"b", b"", b""]),
        ("", 2, [b"", b""]),
        ("abc", 1, [b"abc"]),
    ],
)
def test_a_message_goes_in_fragments(
    transport: Transport, peer: RawPeer, data: str, fragments: int, payloads: list[bytes]
) -> None:
    transport.send(data, fragments=fragments)
    frames = [peer.next() for _ in payloads]
    assert [f.payload for f in frames] == payloads
    assert [f.opcode for f in frames] == [TEXT] + [CONTINUATION] * (len(payloads) - 1)
    assert [f.fin for f in frames] == [False] * (len(payloads) - 1) + [True]


def test_half_a_surrogate_pair_goes_out_as_it_is(transport: Transport, peer: RawPeer) -> None:
    transport.send("\ud800")
    assert peer.next().payload == b"\xed\xa0\x80"


def test_every_frame_is_masked_with_a_key_of_its_own(transport: Transport, peer: RawPeer) -> None:
    for _ in range(3):
        transport.send("abcd")
    raw = [peer.take(10) for _ in range(3)]
    assert all(r[1] & 0x80 for r in raw)
    assert len({r[2:6] for r in raw}) == 3


def test_messages_of_many_threads_are_whole(transport: Transport, peer: RawPeer) -> None:
    def send(letter: str) -> None:
        for _ in range(20):
            transport.send(letter * 100_000)

    with ThreadPoolExecutor(5) as pool:
        sending = [pool.submit(send, letter) for letter in "abcde"]
        came = [peer.next().payload.decode() for _ in range(100)]
        for result in sending:
            result.result(PATIENCE)
    assert sorted(came) == [letter * 100_000 for letter in "abcde" for _ in range(20)]


def test_the_reader_may_send(line: Line, peer: RawPeer) -> None:
    line.on_message = lambda data: line.transport.send(data, wait=True)
    peer.send_text("a")
    assert peer.next().payload == b"a"


def test_the_reader_never_waits_for_a_peer_that_does_not_read(line: Line, peer: RawPeer) -> None:
    line.on_message = lambda data: line.transport.send(bytes(MUCH), wait=True)
    peer.send_text("a")
    peer.send_text("b")
    assert line.next() == "a"
    assert line.next() == "b"


# --- what breaks RFC 6455 ------------------------------------------------------------------------


def test_a_masked_message_is_a_fault_and_no_end(line: Line, peer: RawPeer) -> None:
    peer.send(frame(TEXT, b"abc", mask=b"1234"))
    data, fault = line.next_bad()
    assert (data, fault.rule) == ("abc", "no mask")
    peer.send_text("next")
    assert line.next() == "next"


def test_a_masked_fragment_is_a_fault(line: Line, peer: RawPeer) -> None:
    peer.send(frame(TEXT, b"a", fin=False, mask=b"1234") + frame(CONTINUATION, b"b"))
    data, fault = line.next_bad()
    assert (data, fault.rule) == ("ab", "no mask")
    peer.send_text("next")
    assert line.next() == "next"


@pytest.mark.parametrize(
    "bad", [b"ab\xff", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\xc3"]
)
def test_text_that_is_not_utf8_is_a_fault_and_no_end(line: Line, peer: RawPeer, bad: bytes) -> None:
    peer.send(frame(TEXT, bad))
    data, fault = line.next_bad()
    assert fault.rule == "UTF-8"
    assert data == bad.decode(errors="replace")
    peer.send_text("next")
    assert line.next() == "next"


@pytest.mark.parametrize(
    "data",
    [
        *(pytest.param(frame(TEXT, b"a", reserved=r), id=f"reserved bits {r}") for r in (1, 2, 4)),
        *(pytest.param(frame(o), id=f"opcode {o}") for o in (3, 7, 11, 15)),
        pytest.param(frame(CONTINUATION, b"a"), id="continuation of nothing"),
        pytest.param(frame(TEXT, fin=False) + frame(TEXT), id="text among fragments"),
        pytest.param(frame(PING, bytes(126)), id="long ping"),
        pytest.param(frame(PONG, bytes(126)), id="long pong"),
        pytest.param(frame(PING, fin=False), id="ping in fragments"),
        pytest.param(frame(CLOSE, fin=False), id="close in fragments"),
        pytest.param(frame(CLOSE, b"\x03"), id="half a close code"),
        *(pytest.param(closing(c), id=f"close code {c}") for c in (0, 999, 1005, 1006, 2999)),
    ],
)
def test_a_protocol_error_ends_the_connection_with_1002(
    line: Line, peer: RawPeer, data: bytes
) -> None:
    peer.send(data)
    assert peer.next() == Frame(CLOSE, struct.pack("!H", 1002))
    assert peer.rest() == b""
    error = line.lost()
    assert "the CSMS broke the WebSocket protocol" in str(error)
    assert error.code is None  # it sent none
    assert not line.transport.closed_by_us


def test_1002_goes_out_after_the_message_that_is_under_way(
    transport: Transport, peer: RawPeer
) -> None:
    transport.send(bytes(MUCH), wait=False)
    peer.send(frame(TEXT, reserved=1))
    assert len(peer.next().payload) == MUCH
    assert peer.next() == Frame(CLOSE, struct.pack("!H", 1002))


# --- pings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("payload", [b"", b"abc", bytes(125)])
def test_a_ping_is_answered_with_its_payload(line: Line, peer: RawPeer, payload: bytes) -> None:
    peer.send(frame(PING, payload))
    assert peer.next() == Frame(PONG, payload)


def test_pings_are_answered_though_a_message_cannot_go_out(line: Line, peer: RawPeer) -> None:
    """In their turn; the reader goes on meanwhile."""
    line.transport.send(bytes(MUCH), wait=False)
    peer.send(frame(PING, b"?"))
    peer.send_text("after")
    assert line.next() == "after"
    assert len(peer.next().payload) == MUCH
    assert peer.next() == Frame(PONG, b"?")


def test_ping_returns_the_seconds_until_its_pong(transport: Transport, peer: RawPeer) -> None:
    with ThreadPoolExecutor(1) as pool:
        pinging = pool.submit(transport.ping, b"abc", PATIENCE)
        assert peer.next() == Frame(PING, b"abc")
        peer.send(frame(PONG, b"other") + frame(PONG, b"") + frame(PONG, b"abc"))
        assert 0 < pinging.result(PATIENCE) < PATIENCE


def test_pings_are_told_apart(transport: Transport, peer: RawPeer) -> None:
    with ThreadPoolExecutor(2) as pool:
        pinging = {p: pool.submit(transport.ping, p, PATIENCE) for p in (b"one", b"two")}
        first, second = peer.next().payload, peer.next().payload
        peer.send(frame(PONG, second))
        pinging[second].result(PATIENCE)
        assert not pinging[first].done()
        peer.send(frame(PONG, first))
        pinging[first].result(PATIENCE)


def test_ping_ends_in_time(transport: Transport) -> None:
    with pytest.raises(TimeoutError, match=r"no pong within 0\.1 s"):
        transport.ping(b"abc", 0.1)


def test_ping_ends_in_time_though_it_cannot_go_out(transport: Transport) -> None:
    transport.send(bytes(MUCH), wait=False)
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        transport.ping(b"abc", 0.1)
    assert time.monotonic() - started < PATIENCE / 2


def test_a_pong_from_before_is_not_the_answer(line: Line, peer: RawPeer) -> None:
    peer.send(frame(PONG, b"abc"))
    peer.send_text("it was read")
    assert line.next() == "it was read"
    with pytest.raises(TimeoutError):
        line.transport.ping(b"abc", 0.1)


def test_ping_fails_when_the_connection_ends(line: Line, peer: RawPeer) -> None:
    with ThreadPoolExecutor(1) as pool:
        pinging = pool.submit(line.transport.ping, b"abc", PATIENCE)
        peer.next()
        peer.send(closing(1001))
        with pytest.raises(ConnectionLost) as caught:
            pinging.result(PATIENCE)
    assert caught.value.code == 1001
    line.lost()
    with pytest.raises(ConnectionLost):
        line.transport.ping(b"abc", PATIENCE)


def test_the_reader_cannot_ping(line: Line, peer: RawPeer) -> None:
    told: queue.Queue[Exception] = queue.Queue()

    def ping(data: str | bytes) -> None:
        try:
            line.transport.ping(b"abc", PATIENCE)
        except WouldDeadlock as error:
            told.put(error)

    line.on_message = ping
    peer.send_text("a")
    assert "ping()" in str(told.get(timeout=PATIENCE))


# --- the other side ends it ----------------------------------------------------------------------


def test_the_peer_closes_with_code_and_reason(line: Line, peer: RawPeer) -> None:
    peer.send(closing(4001, "änd"))
    assert peer.next() == Frame(CLOSE, struct.pack("!H", 4001))
    error = line.lost()
    assert error.code == 4001
    assert str(error) == "the CSMS closed the connection (code 4001: änd)"
    assert not line.transport.closed_by_us


def test_the_peer_closes_without_a_code(line: Line, peer: RawPeer) -> None:
    peer.send(frame(CLOSE))
    assert peer.next() == Frame(CLOSE, b"")
    error = line.lost()
    assert error.code is None
    assert "no code" in str(error)


def test_a_reason_that_is_no_text_is_shown_all_the_same(line: Line, peer: RawPeer) -> None:
    peer.send(frame(CLOSE, struct.pack("!H", 1000) + b"\xff"))
    assert str(line.lost()).endswith("(code 1000: \N{REPLACEMENT CHARACTER})")


def test_messages_before_the_close_frame_are_delivered(line: Line, peer: RawPeer) -> None:
    peer.send(frame(TEXT, b"last") + closing(1000))
    assert line.next() == "last"
    assert line.lost().code == 1000


def test_a_close_is_answered_after_the_message_that_is_under_way(line: Line, peer: RawPeer) -> None:
    line.transport.send(bytes(MUCH), wait=False)
    peer.send(closing(1001))
    assert len(peer.next().payload) == MUCH
    assert peer.next() == Frame(CLOSE, struct.pack("!H", 1001))
    assert line.lost().code == 1001


def test_the_peer_just_ends(line: Line, peer: RawPeer) -> None:
    peer.close()
    error = line.lost()
    assert error.code is None
    assert "without a closing handshake" in str(error)


def test_the_peer_ends_within_a_message(line: Line, peer: RawPeer) -> None:
    peer.send(frame(TEXT, bytes(1000))[:500])
    peer.close()
    assert "without a closing handshake" in str(line.lost())


def test_the_peer_resets(line: Line, peer: RawPeer) -> None:
    peer.reset()
    error = line.lost()
    assert error.code is None
    assert "reset" in str(error)


def test_who_waits_to_send_is_told_of_the_end(line: Line, peer: RawPeer) -> None:
    with ThreadPoolExecutor(1) as pool:
        begun = threading.Event()
        sending = pool.submit(line.transport.send, bytes(MUCH), first=begun.set)
        assert begun.wait(PATIENCE)
        peer.reset()
        with pytest.raises(ConnectionLost):
            sending.result(PATIENCE)
    line.lost()
    with pytest.raises(ConnectionLost):
        line.transport.send("more")


def test_a_peer_that_reads_nothing_is_lost(dial: Dial) -> None:
    line, _ = dial(stall_timeout=0.2)
    with pytest.raises(ConnectionLost, match=r"read nothing for 0\.2 s"):
        line.transport.send(bytes(MUCH))
    assert "has read nothing for 0.2 s" in str(line.lost())


def test_a_callback_that_fails_ends_the_connection_and_is_logged(
    line: Line, peer: RawPeer, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(data: str | bytes) -> None:
        raise ZeroDivisionError

    line.on_message = fail
    peer.send_text("a")
    line.lost()
    assert "please report this" in caplog.text


# --- this side ends it ---------------------------------------------------------------------------


def test_close_says_code_and_reason_and_waits_for_the_answer(line: Line, peer: RawPeer) -> None:
    with ThreadPoolExecutor(1) as pool:
        closing = pool.submit(line.transport.close, 3000, "änough", PATIENCE)
        came = peer.next()
        assert came == Frame(CLOSE, struct.pack("!H", 3000) + "änough".encode())
        assert not line.transport.alive
        assert not closing.done()
        peer.send(frame(CLOSE, came.payload))
        assert closing.result(PATIENCE) is True
    assert line.transport.closed_by_us
    assert line.lost().code == 3000
    assert peer.end() == "closed"


def test_close_may_be_without_a_code(transport: Transport, peer: RawPeer) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(transport.close, None)
        assert peer.answer_close().payload == b""


def test_a_long_reason_is_cut_between_characters(transport: Transport, peer: RawPeer) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(transport.close, 1000, "x" + "€" * 100)
        assert peer.answer_close().payload[2:].decode() == "x" + "€" * 40


def test_close_twice_and_after_the_end(line: Line, peer: RawPeer) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(peer.answer_close)
        assert line.transport.close()
        assert line.transport.close()
    line.lost()
    assert line.transport.close()


def test_close_by_many_threads_sends_one_close_frame(line: Line, peer: RawPeer) -> None:
    together = threading.Barrier(8)

    def close() -> bool:
        together.wait(PATIENCE)
        return line.transport.close()

    with ThreadPoolExecutor(8) as pool:
        closing = [pool.submit(close) for _ in range(8)]
        came = peer.next()
        assert came.opcode == CLOSE
        peer.send(frame(CLOSE, came.payload))
        assert all(result.result(PATIENCE) for result in closing)
    assert peer.rest() == b""


def test_messages_are_delivered_until_the_peer_closes_too(line: Line, peer: RawPeer) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(line.transport.close)
        assert peer.next().opcode == CLOSE
        peer.send(frame(TEXT, b"last") + closing(1000))
        assert line.next() == "last"


def test_nothing_is_sent_after_the_close_frame(transport: Transport, peer: RawPeer) -> None:
    noted: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        closing = pool.submit(transport.close)
        came = peer.next()
        with pytest.raises(ConnectionLost, match="being closed"):
            transport.send("more", first=lambda: noted.append("more"))
        peer.send(frame(CLOSE, came.payload))
        closing.result(PATIENCE)
    assert peer.rest() == b""
    assert noted == []


def test_close_returns_in_time_though_the_peer_says_nothing(line: Line) -> None:
    started = time.monotonic()
    assert line.transport.close(timeout=0.4)
    assert time.monotonic() - started < 2
    error = line.lost()
    assert error.code is None
    assert "without an answer" in str(error)


def test_close_returns_in_time_though_the_peer_never_stops(line: Line, peer: RawPeer) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(peer.send_for_ever, frame(TEXT, bytes(10_000)))
        line.next()
        started = time.monotonic()
        assert line.transport.close(timeout=0.4)
        assert time.monotonic() - started < 2
        peer.stop()
    line.lost()


def test_close_returns_in_time_though_a_callback_does_not(line: Line, peer: RawPeer) -> None:
    release = threading.Event()
    line.on_message = lambda data: release.wait(PATIENCE)
    peer.send_text("a")
    line.next()
    started = time.monotonic()
    assert not line.transport.close(timeout=0.4)
    assert 0.4 <= time.monotonic() - started < 2
    release.set()
    line.lost()


def test_close_waits_for_a_message_that_is_under_way(line: Line, peer: RawPeer) -> None:
    with ThreadPoolExecutor(2) as pool:
        begun = threading.Event()
        sending = pool.submit(line.transport.send, bytes(MUCH), first=begun.set)
        assert begun.wait(PATIENCE)
        closing = pool.submit(line.transport.close)
        assert len(peer.next().payload) == MUCH
        sending.result(PATIENCE)
        peer.answer_close()
        assert closing.result(PATIENCE)


def test_close_returns_in_time_though_a_message_cannot_go_out(line: Line) -> None:
    with ThreadPoolExecutor(1) as pool:
        begun = threading.Event()
        sending = pool.submit(line.transport.send, bytes(MUCH), first=begun.set)
        assert begun.wait(PATIENCE)
        started = time.monotonic()
        assert line.transport.close(timeout=0.4)
        assert time.monotonic() - started < 2
        with pytest.raises(ConnectionLost):
            sending.result(PATIENCE)
    line.lost()


def test_a_callback_may_close(line: Line, peer: RawPeer) -> None:
    line.on_message = lambda data: line.transport.close(3001)
    peer.send_text("a")
    assert peer.answer_close().payload == struct.pack("!H", 3001)
    assert line.lost().code == 3001


@pytest.mark.parametrize("noisy", [False, True])
def test_a_callback_may_close_though_the_peer_does_not_answer(
    line: Line, peer: RawPeer, noisy: bool
) -> None:
    line.on_message = lambda data: line.transport.close(timeout=0.2)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(peer.send_for_ever, frame(TEXT, bytes(1000))) if noisy else peer.send_text("a")
        assert "without an answer" in str(line.lost())
        peer.stop()


def test_a_callback_may_abort(line: Line, peer: RawPeer) -> None:
    line.on_message = lambda data: line.transport.abort(reset=True)
    peer.send_text("a")
    assert peer.end() == "reset"
    line.lost()


def test_abort_ends_without_a_close_frame(line: Line, peer: RawPeer) -> None:
    line.transport.abort()
    assert peer.rest() == b""
    assert peer.end() == "closed"
    assert line.transport.closed_by_us
    assert line.lost().code is None


def test_abort_can_reset(line: Line, peer: RawPeer) -> None:
    line.transport.abort(reset=True)
    with pytest.raises(ConnectionResetError):
        peer.rest()
    line.lost()


def test_abort_can_reset_a_peer_that_never_stops(line: Line, peer: RawPeer) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(peer.send_for_ever, frame(TEXT, bytes(10_000)))
        line.next()
        started = time.monotonic()
        line.transport.abort(reset=True)
        assert time.monotonic() - started < 2
        peer.stop()
    line.lost()


def test_abort_can_reset_a_peer_that_does_not_read(line: Line, peer: RawPeer) -> None:
    line.transport.send(bytes(MUCH), wait=False)
    line.transport.abort(reset=True)
    assert peer.end() == "reset"
    line.lost()


def test_after_abort_nothing_is_sent(transport: Transport) -> None:
    transport.abort()
    with pytest.raises(ConnectionLost):
        transport.send("more")
    assert not transport.alive


@pytest.mark.parametrize("end", ["close", "abort"])
def test_it_may_end_before_it_starts(dial: Dial, end: str) -> None:
    line, peer = dial(start=False)
    getattr(line.transport, end)()
    if end == "close":
        assert peer.next().opcode == CLOSE
    assert peer.rest() == b""
    line.transport.start()  # whoever was about to
    assert not line.transport.alive
    line.lost()


def test_close_and_start_may_meet(dial: Dial) -> None:
    for _ in range(20):
        line, peer = dial(start=False)
        with ThreadPoolExecutor(3) as pool:
            together = threading.Barrier(2)
            pool.submit(peer.answer_close)

            def start(line: Line = line, together: threading.Barrier = together) -> None:
                together.wait(PATIENCE)
                line.transport.start()

            starting = pool.submit(start)
            together.wait(PATIENCE)
            line.transport.close(timeout=1)
            starting.result(PATIENCE)
            peer.sock.close()
        line.lost()


def test_threads_bear_the_name(transport: Transport) -> None:
    transport.send(bytes(MUCH), wait=False)
    names = {thread.name for thread in threading.enumerate()}
    assert {"ocppsim CP1 reader", "ocppsim CP1 writer"} <= names
