"""Connected sockets, plain and TLS: reading, writing from many threads, peers that do not read."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest
from raw_server import PATIENCE, RawPeer, RawServer, client_context, server_context

from ocppsim.errors import ConnectError, ConnectionLost
from ocppsim.stream import Stream, open_stream
from ocppsim.writer import Writer

MUCH = bytes(8 << 20)
"""More than all buffers between here and there hold."""

Connect = Callable[[], tuple[Stream, RawPeer]]


def nothing(peer: RawPeer) -> None:
    pass


@pytest.fixture(params=["plain", "TLS 1.2", "TLS 1.3"])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[Stream, RawPeer]]:
    """A stream, and its other end."""
    version = {"TLS 1.2": ssl.TLSVersion.TLSv1_2, "TLS 1.3": ssl.TLSVersion.TLSv1_3}.get(
        request.param
    )
    with ExitStack() as stack:
        tls = version is not None
        server = stack.enter_context(
            RawServer(nothing, context=server_context(version=version) if tls else None)
        )
        stream = open_stream(
            server.host, server.port, client_context() if tls else None, time.monotonic() + PATIENCE
        )
        stack.callback(stream.free)
        yield stream, server.peer()


@pytest.fixture
def stream(ends: tuple[Stream, RawPeer]) -> Stream:
    return ends[0]


@pytest.fixture
def peer(ends: tuple[Stream, RawPeer]) -> RawPeer:
    return ends[1]


@pytest.fixture
def writer(stream: Stream) -> Iterator[Writer]:
    """A writer that waits as long as a test does."""
    writer = Writer(stream, "test writer", PATIENCE)
    yield writer
    writer.stop("the test is over")
    writer.join(PATIENCE)


def read(stream: Stream, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := stream.recv(size - len(data))):
        data += more
    return data


def stalled(stream: Stream, stall_timeout: float) -> Writer:
    """A writer with more to write than the peer, who does not read, has room for."""
    writer = Writer(stream, "test writer", stall_timeout)
    writer.write(MUCH, wait=False)
    return writer


# --- connecting ----------------------------------------------------------------------------------


def refusal(host: str, port: int, context: ssl.SSLContext | None = None, within: float = 5) -> str:
    """The text of the ConnectError."""
    with pytest.raises(ConnectError) as caught:
        open_stream(host, port, context, time.monotonic() + within)
    return str(caught.value)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def full() -> Iterator[int]:
    """A port of 127.0.0.1 where connecting takes for ever: the queue of its listener is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = listener.getsockname()
        while True:
            sock = stack.enter_context(socket.socket())
            sock.settimeout(0.1)
            try:
                sock.connect(address)
            except TimeoutError:
                break
        yield address[1]


def test_an_unknown_host_is_named() -> None:
    assert "unknown host 'nowhere.invalid'" in refusal("nowhere.invalid", 80)


@pytest.mark.parametrize("host", ["a\0b", "...", "x" * 300, "a b", "ä" * 70])
def test_what_is_no_host_name_is_a_connect_error(host: str) -> None:
    refusal(host, 80)


def test_a_refused_port_is_named() -> None:
    port = free_port()
    assert f"nothing listens at 127.0.0.1:{port}" in refusal("127.0.0.1", port)
    assert f"nothing listens at [::1]:{port}" in refusal("::1", port)


def test_connecting_ends_at_the_deadline(full: int) -> None:
    started = time.monotonic()
    assert f"no answer from 127.0.0.1:{full} in time" in refusal("127.0.0.1", full, within=0.2)
    assert 0.2 <= time.monotonic() - started < 2


def test_many_addresses_of_a_host_share_the_deadline(
    full: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = socket.getaddrinfo("127.0.0.1", full, type=socket.SOCK_STREAM) * 20
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)
    started = time.monotonic()
    assert "in time" in refusal("many.example", full, within=0.2)
    assert time.monotonic() - started < 2


def test_the_next_address_of_a_host_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with RawServer(nothing) as server:
        bad, good = (
            socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM)
            for port in (free_port(), server.port)
        )
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: bad + good)
        open_stream("two.example", server.port, None, time.monotonic() + PATIENCE).free()


def test_the_tls_handshake_ends_at_the_deadline() -> None:
    with RawServer(nothing) as server:
        started = time.monotonic()
        told = refusal(server.host, server.port, client_context(), within=0.2)
        assert 0.2 <= time.monotonic() - started < 2
        assert f"{server.address} did not finish the TLS handshake in time" in told


def test_what_connecting_took_is_not_left_for_the_tls_handshake(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect = socket.socket.connect

    def slowly(sock: socket.socket, address: Any) -> None:
        connect(sock, address)
        threading.Event().wait(0.4)

    monkeypatch.setattr(socket.socket, "connect", slowly)
    with RawServer(nothing) as server:
        started = time.monotonic()
        refusal(server.host, server.port, client_context(), within=0.5)
        assert time.monotonic() - started < 0.8


def test_a_tls_handshake_that_is_broken_off_is_told() -> None:
    def answer(peer: RawPeer) -> None:
        peer.take(1)
        peer.reset()

    with RawServer(answer) as server:
        assert "broke off the TLS handshake" in refusal(server.host, server.port, client_context())


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-sshd\r\n"])
def test_a_server_that_does_not_speak_tls_is_told(answer: bytes) -> None:
    with RawServer(lambda peer: peer.send(answer)) as server:
        told = refusal(server.host, server.port, client_context())
        assert f"no TLS with {server.address}" in told
        assert "does it speak TLS?" in told


# --- reading -------------------------------------------------------------------------------------


def test_reading_is_buffered(stream: Stream, peer: RawPeer) -> None:
    stream.established()
    peer.send(b"abcdef")
    assert stream.recv(1) == b"a"
    peer.sock.close()
    assert stream.recv(3) == b"bcd"
    assert stream.recv(100) == b"ef"


def test_a_handshake_is_read_by_the_line(stream: Stream, peer: RawPeer) -> None:
    peer.send(b"HTTP/1.1 101\r\n\r\nrest")
    peer.sock.close()
    read = [stream.recv(1) for _ in range(4)]
    assert read == [b"HTTP/1.1 101\r", b"\n", b"\r", b"\n"]
    stream.established()
    assert stream.recv(1) == b"r"


def test_the_end_is_empty_and_stays_so(stream: Stream, peer: RawPeer) -> None:
    peer.sock.close()
    assert stream.recv(10) == b""
    assert stream.recv(10) == b""


def test_much_is_read_whole(stream: Stream, peer: RawPeer) -> None:
    data = bytes(range(256)) * 40_000
    with ThreadPoolExecutor(1) as pool:
        pool.submit(peer.send, data)
        assert read(stream, len(data)) == data


def test_reading_ends_at_the_deadline(stream: Stream) -> None:
    stream.deadline = time.monotonic() + 0.1
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        stream.recv(1)
    assert 0.09 <= time.monotonic() - started < 2


def test_reading_ends_at_the_deadline_though_there_is_always_something(
    stream: Stream, peer: RawPeer
) -> None:
    def read_on() -> None:
        while stream.recv(16384):
            assert time.monotonic() < deadline + 2

    stream.deadline = deadline = time.monotonic() + 0.3
    with ThreadPoolExecutor(1) as pool:
        pool.submit(peer.send_for_ever, bytes(65536))
        with pytest.raises(TimeoutError):
            read_on()
        peer.stop()


@pytest.mark.parametrize("end", ["shutdown", "reset"])
def test_who_reads_is_woken_up(stream: Stream, end: str) -> None:
    stream.deadline = None
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(stream.recv, 1)
        # blocked or not yet: both have to end
        getattr(stream, end)()
        assert reading.result(PATIENCE) == b""


def test_a_reset_ends_reading_though_more_has_come(stream: Stream, peer: RawPeer) -> None:
    peer.fill()
    assert len(stream.recv(10)) == 10
    stream.reset()
    read = 0
    while data := stream.recv(1 << 20):
        read += len(data)
    assert read < 65536  # of what was read from the socket before


def test_the_peer_sees_a_reset(stream: Stream, peer: RawPeer) -> None:
    stream.reset()
    stream.free()
    assert peer.end() == "reset"


def test_without_a_reset_the_peer_sees_the_end(stream: Stream, peer: RawPeer) -> None:
    stream.shutdown()
    stream.free()
    assert peer.end() == "closed"


def test_websocket_client_cannot_close_the_socket(stream: Stream, peer: RawPeer) -> None:
    stream.close()
    peer.send(b"a")
    assert stream.recv(1) == b"a"


# --- writing -------------------------------------------------------------------------------------


def test_send_waits_until_all_is_sent(stream: Stream, peer: RawPeer) -> None:
    with ThreadPoolExecutor(1) as pool:
        taken = pool.submit(peer.take, len(MUCH))
        assert stream.send(MUCH) == len(MUCH)
        assert taken.result(PATIENCE) == MUCH


def test_send_ends_at_the_deadline(stream: Stream) -> None:
    stream.deadline = time.monotonic() + 0.2
    with pytest.raises(TimeoutError):
        stream.send(MUCH)


def test_what_is_written_arrives(writer: Writer, peer: RawPeer) -> None:
    writer.write(b"abc")
    writer.write(b"def", wait=False)
    assert peer.take(6) == b"abcdef"


def test_what_fits_needs_no_thread(writer: Writer) -> None:
    before = threading.active_count()
    writer.write(b"abc", wait=False)
    writer.write(b"abc")
    assert threading.active_count() == before


def test_messages_of_many_threads_are_whole(writer: Writer, peer: RawPeer) -> None:
    """Large ones to a peer that reads slowly: each in one piece, those of a thread in order."""
    size, count, threads = 300_000, 10, 6
    order: list[bytes] = []

    def write(thread: int) -> None:
        for number in range(count):
            head = bytes([thread, number])
            note = partial(order.append, head)
            writer.write(head * (size // 2), wait=number % 2 == 0, first=note)

    with ThreadPoolExecutor(threads) as pool:
        writing = [pool.submit(write, thread) for thread in range(threads)]
        came = [peer.take(size) for _ in range(threads * count)]
        for result in writing:
            result.result(PATIENCE)
    assert all(message == message[:2] * (size // 2) for message in came)
    heads = [message[:2] for message in came]
    assert heads == order
    for thread in range(threads):
        assert [h[1] for h in heads if h[0] == thread] == list(range(count))


def test_the_thread_ends_when_nothing_is_left(writer: Writer, peer: RawPeer) -> None:
    writer.write(MUCH, wait=False)
    (thread,) = [t for t in threading.enumerate() if t.name == "test writer"]
    assert peer.take(len(MUCH)) == MUCH
    thread.join(PATIENCE)
    assert not thread.is_alive()
    writer.write(b"more")
    assert peer.take(4) == b"more"


def test_waiting_ends_when_all_is_written(writer: Writer, peer: RawPeer) -> None:
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(writer.write, MUCH)
        peer.take(len(MUCH) - (1 << 20))
        peer.take(1 << 20)
        writing.result(PATIENCE)


def test_without_waiting_nothing_blocks_however_long_the_peer_stalls(stream: Stream) -> None:
    stall = 2.0
    started = time.monotonic()
    writer = stalled(stream, stall)
    for _ in range(100):
        writer.write(b"more", wait=False)
    assert time.monotonic() - started < stall / 2
    writer.stop("enough")
    writer.join(PATIENCE)


def test_a_peer_that_stalls_ends_waiting(stream: Stream) -> None:
    stall = 0.3
    writer = Writer(stream, "test writer", stall)
    started = time.monotonic()
    with pytest.raises(ConnectionLost, match=r"read nothing for 0\.3 s"):
        writer.write(MUCH)
    assert stall <= time.monotonic() - started < stall + 2
    assert writer.failure == "the CSMS has read nothing for 0.3 s"


def test_a_peer_that_stalls_ends_the_thread_and_the_reader(stream: Stream) -> None:
    stream.deadline = None
    writer = stalled(stream, 0.2)
    assert stream.recv(1) == b""
    writer.join(PATIENCE)
    assert not [t for t in threading.enumerate() if t.name == "test writer"]


def test_after_a_stall_nothing_is_written(stream: Stream) -> None:
    writer = stalled(stream, 0.1)
    writer.join(PATIENCE)
    with pytest.raises(ConnectionLost, match="read nothing"):
        writer.write(b"more", wait=False)


def test_a_peer_that_reads_slowly_does_not_stall(stream: Stream, peer: RawPeer) -> None:
    """A small part of what the kernel may hold, each time, well within the time-out."""
    writer = Writer(stream, "test writer", 0.5)
    size = 6 << 20
    writer.write(bytes(size), wait=False)
    pause = threading.Event()
    left = size
    while left > size - (10 << 16):
        left -= len(peer.take(min(65536, left)))
        pause.wait(0.1)
    assert writer.failure is None
    peer.take(left)
    writer.join(PATIENCE)
    assert writer.failure is None


def test_stopping_ends_waiting_and_the_thread(stream: Stream) -> None:
    writer = stalled(stream, PATIENCE)
    with ThreadPoolExecutor(1) as pool:
        begun = threading.Event()
        waiting = pool.submit(writer.write, b"more", first=begun.set)
        assert begun.wait(PATIENCE)
        started = time.monotonic()
        writer.stop("it is over")
        with pytest.raises(ConnectionLost, match="it is over"):
            waiting.result(PATIENCE)
        writer.join(PATIENCE)
        assert time.monotonic() - started < 2
    with pytest.raises(ConnectionLost, match="it is over"):
        writer.write(b"more")


def test_first_runs_before_and_only_where_something_is_written(
    writer: Writer, peer: RawPeer
) -> None:
    order: list[str] = []
    writer.write(b"a", first=lambda: order.append("a"))
    writer.stop("it is over")
    with pytest.raises(ConnectionLost):
        writer.write(b"b", first=lambda: order.append("b"))
    assert order == ["a"]


def test_what_first_raises_keeps_the_message_back(writer: Writer, peer: RawPeer) -> None:
    def refuse() -> Any:
        raise ConnectionLost("not now")

    with pytest.raises(ConnectionLost, match="not now"):
        writer.write(b"a", first=refuse)
    writer.write(b"b")
    assert peer.take(1) == b"b"


def test_a_peer_that_is_gone_ends_writing(writer: Writer, peer: RawPeer) -> None:
    peer.reset()
    with pytest.raises(ConnectionLost, match="gone"):
        writer.write(MUCH)


def test_flush_waits_until_all_is_written(writer: Writer, peer: RawPeer) -> None:
    with ThreadPoolExecutor(1) as pool:
        writer.write(MUCH, wait=False)
        taken = pool.submit(peer.take, len(MUCH))
        writer.flush(PATIENCE)
        writer.stop("it is over")
        assert taken.result(PATIENCE) == MUCH


def test_flush_ends_in_time(stream: Stream) -> None:
    writer = stalled(stream, PATIENCE)
    started = time.monotonic()
    writer.flush(0.1)
    assert time.monotonic() - started < 2
    writer.stop("it is over")
    writer.join(PATIENCE)


def test_stopping_lets_a_reset_through_to_a_peer_that_does_not_read(
    stream: Stream, peer: RawPeer
) -> None:
    """The socket is not closed as long as the writer's thread waits for it."""
    writer = stalled(stream, PATIENCE * 2)
    stream.reset()
    writer.stop("reset")
    stream.free()
    assert peer.end() == "reset"
