"""A TCP proxy that does to a connection what networks do: cuts, resets, stalls, loses, delays,
splits, corrupts. It knows nothing of what passes."""

from __future__ import annotations

import contextlib
import queue
import select
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Self

__all__ = ["DELAY", "Fault", "Proxy", "Way"]

Fault = Literal[
    "cut", "reset", "stall", "half-open", "delay", "split", "corrupt head", "corrupt text"
]
"""cut: the TCP connection is closed. reset: by a TCP reset. stall: nothing passes any more, nor is
it read. half-open: all is read, and lost. delay: what passes comes later. split: it comes byte by
byte. corrupt head: the first byte is another one; corrupt text: the last is.

What strikes bytes on their way lets the first half of them pass (cut, reset, stall)."""

Way = Literal["up", "down"]
"""up: from the charge point to the CSMS."""

DELAY = 0.3
"""Seconds."""

_PATIENCE = 10.0


class Proxy:
    """Listens on a port of its own; all goes to `port`, and back."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lines: list[_Line] = []
        self._armed: tuple[Fault, Way] | None = None
        self._thread = threading.Thread(target=self._listen, name="proxy")
        self._thread.start()

    def arm(self, fault: Fault, way: Way) -> None:
        """For the next connection: it strikes the first bytes on that way."""
        self._armed = fault, way

    def strike(self, fault: Fault, way: Way | None = None) -> None:
        """Strike the next bytes on that way on the last connection; None: at once, on a quiet line
        (what can only strike bytes waits for those of the CSMS)."""
        self._lines[-1].strike(fault, way)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(_PATIENCE)
        self._listener.close()
        for line in self._lines:
            line.end()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                line = _Line(client, socket.create_connection(("127.0.0.1", self._target)))
                armed, self._armed = self._armed, None
                if armed is not None:
                    line.strike(*armed)
                self._lines.append(line)
                line.start()


class _Line:
    """One connection through the proxy, in a thread."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self._ends: dict[Way, tuple[socket.socket, socket.socket]] = {
            "up": (client, server),
            "down": (server, client),
        }
        for sock in (client, server):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(_PATIENCE)
        self._armed: dict[Way, Fault] = {}
        self._lossy = self._stalled = self._over = False
        self._commands: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._wake, self._woken = socket.socketpair()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy line")

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._stop.set()
        self._do(self._close)
        self._thread.join(_PATIENCE)
        self._wake.close()
        self._woken.close()

    def strike(self, fault: Fault, way: Way | None) -> None:
        """From when this returns on; before `start`, from then on."""
        done = threading.Event()
        self._do(lambda: (self._arm(fault, way), done.set()))
        if self._thread.is_alive():
            assert done.wait(_PATIENCE)

    def _do(self, command: Callable[[], object]) -> None:
        self._commands.put(command)
        self._wake.send(b"!")

    def _arm(self, fault: Fault, way: Way | None) -> None:
        if way is not None or fault in ("delay", "split", "corrupt head", "corrupt text"):
            self._armed[way or "down"] = fault
        elif fault == "cut":
            self._close()
        elif fault == "reset":
            self._close(reset=True)
        else:
            self._lossy, self._stalled = fault == "half-open", fault == "stall"

    def _run(self) -> None:
        ways = {source: way for way, (source, _) in self._ends.items()}
        while not self._over:
            flowing = [] if self._stalled else [sock for sock in ways if sock.fileno() >= 0]
            ready, _, _ = select.select([self._woken, *flowing], [], [])
            if self._woken in ready:
                self._woken.recv(1)
                self._commands.get()()
                continue
            for source in ready:
                if not self._over and not self._stalled:
                    self._pass_on(ways[source], *self._ends[ways[source]])

    def _pass_on(self, way: Way, source: socket.socket, target: socket.socket) -> None:
        try:
            data = source.recv(65536)
            if self._lossy:
                if not data:
                    source.close()
                return
            if not data:
                self._close()
                return
            fault = self._armed.get(way)
            if fault is None:
                target.sendall(data)
            else:
                self._harm(fault, way, target, data)
        except OSError:  # one of them has gone
            self._close(reset=True)

    def _harm(self, fault: Fault, way: Way, target: socket.socket, data: bytes) -> None:
        half = data[: len(data) // 2]
        if fault == "half-open":
            self._lossy = True
        elif fault == "delay":
            self._stop.wait(DELAY)
            target.sendall(data)
        elif fault == "split":
            for byte in data:
                target.sendall(bytes([byte]))
        elif fault == "corrupt head":
            del self._armed[way]
            target.sendall(bytes([data[0] ^ 0x70]) + data[1:])
        elif fault == "corrupt text":
            del self._armed[way]
            target.sendall(data[:-1] + bytes([data[-1] ^ 0x80]))
        else:
            target.sendall(half)
            if fault == "stall":
                self._stalled = True
            else:
                self._close(reset=fault == "reset")

    def _close(self, *, reset: bool = False) -> None:
        self._over = True
        for sock, _ in self._ends.values():
            with contextlib.suppress(OSError):
                if reset:
                    linger = struct.pack("ii", 1, 0)
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            sock.close()
