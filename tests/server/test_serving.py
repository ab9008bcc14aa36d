"""The port: how many may come, and what they get."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from pathlib import Path

from server.client import served

from ocppsim.server import Server
from ocppsim.server.events import HEARTBEAT, MAX_CLIENTS
from ocppsim.server.serving import MAX_CONNECTIONS


def test_connections_are_bounded(tmp_path: Path) -> None:
    with served(tmp_path, plugins="") as client, contextlib.ExitStack() as stack:
        where = client.host, client.port
        idle = [
            stack.enter_context(socket.create_connection(where, 60)) for _ in range(MAX_CONNECTIONS)
        ]
        with socket.create_connection(where, 60) as sock:
            # they are taken one after the other
            assert sock.makefile("rb").readline().split()[1] == b"503"
        for one in idle[:10]:
            one.close()
        deadline = time.monotonic() + 60
        while (status := client.get("/cp").status) == 503 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert status == 200


def test_it_starts_and_stops_in_a_program() -> None:
    threads = threading.active_count()
    with Server(port=0) as server:
        assert server.url == server.login_url == f"http://127.0.0.1:{server.port}/"
        with socket.create_connection(("127.0.0.1", server.port), 30) as sock:
            sock.sendall(b"GET /cp HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert sock.makefile("rb").readline() == b"HTTP/1.1 200 OK\r\n"
    server.stop()
    assert threading.active_count() == threads
    with Server(port=0, token="mine") as server:
        assert server.login_url == f"{server.url}?token=mine"


def test_what_is_no_http(tmp_path: Path) -> None:
    lines = b"", b"GET", b"\xff" * 100, b"GET / HTTP/9", b"GET / HTTP/1.1\r\nHost: \xff"
    with served(tmp_path, plugins="") as client:
        for line in lines:
            with socket.create_connection((client.host, client.port), 60) as sock:
                sock.sendall(line + b"\r\n\r\n")
                answer = sock.makefile("rb").read()
            assert b"500" not in answer.split(b"\r\n")[0]
        assert client.get("/cp").status == 200


def test_heads_without_bodies(tmp_path: Path) -> None:
    """Also of streams, which nobody reads then: they do not count as readers."""
    with served(tmp_path, plugins="") as client:
        for _ in range(MAX_CLIENTS + 5):
            assert client.ask("HEAD", "/events").status == 200
        assert client.ask("HEAD", "/cp").text == ""


def test_readers_of_events_who_hang_up_make_room_at_once(tmp_path: Path) -> None:
    """While nothing happens that would be written to them."""
    with served(tmp_path, plugins="") as client:

        def read() -> socket.socket:
            sock = socket.create_connection((client.host, client.port), 60)
            sock.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            with sock.makefile("rb") as answer:
                assert answer.readline() == b"HTTP/1.1 200 OK\r\n"
            return sock

        begin = time.monotonic()
        for _ in range(2):
            readers = [read() for _ in range(MAX_CLIENTS)]
            full = client.get("/cp/CP1/events")
            assert (full.status, full.error["where"]) == (503, "events")
            for reader in readers:
                reader.close()
        read().close()
        assert time.monotonic() - begin < HEARTBEAT
