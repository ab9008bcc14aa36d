"""A proxy between many charge points and a CSMS, in one thread, that gives each connection a random
life: it is cut, reset, stalls, goes half-open, crawls, or has its first byte wrong."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import threading
from collections import Counter
from types import TracebackType
from typing import Self

__all__ = ["Weather"]

FAULTS = ["cut", "reset", "stall", "half-open", "crawl", "corrupt", "refuse"]


class Weather:
    """Listens on a port of its own; fair until it is told to `turn`.

    mean: seconds that a connection lives on average; a fault that says nothing lasts as long, then
    the connection is cut. struck: how often each fault came.
    """

    def __init__(self, port: int, *, seed: int, mean: float) -> None:
        self._target = port
        self._chance = random.Random(seed)
        self._mean = mean
        self._bad = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.struck: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1000)
        )
        self.port: int = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, name="weather")
        self._thread.start()

    def clear_up(self) -> None:
        """No more faults: what there is is cut, what is new lives on."""
        self._loop.call_soon_threadsafe(self._clear_up)

    def turn(self) -> None:
        """From now on there are faults, for the connections that there are too."""
        self._loop.call_soon_threadsafe(self._bad.set)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _clear_up(self) -> None:
        self._bad.clear()
        for task in self._tasks:
            task.cancel()

    async def _stop(self) -> None:
        self._server.close()
        self._clear_up()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            # cancelled by the change of the weather
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await self._live(reader, writer)
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _live(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fault = self._chance.choice(FAULTS)
        if self._bad.is_set() and fault == "refuse" and self._chance.random() < 0.5:
            self.struck[fault] += 1
            return
        theirs, ours = await asyncio.open_connection("127.0.0.1", self._target)
        line = _Line(reader, writer, theirs, ours)
        calm = asyncio.ensure_future(line.pump())
        storm = asyncio.ensure_future(self._storm())
        try:
            await asyncio.wait((calm, storm), return_when=asyncio.FIRST_COMPLETED)
            if calm.done():
                return
            calm.cancel()
            await asyncio.gather(calm, return_exceptions=True)
            self.struck[fault] += 1
            await line.suffer(fault, self._mean)
        finally:
            calm.cancel()
            storm.cancel()
            await asyncio.gather(calm, storm, return_exceptions=True)
            ours.close()

    async def _storm(self) -> None:
        await self._bad.wait()
        await asyncio.sleep(self._chance.expovariate(1 / self._mean))


class _Line:
    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        theirs: asyncio.StreamReader,
        ours: asyncio.StreamWriter,
    ) -> None:
        self._ways = [(reader, ours), (theirs, writer)]
        self._writer = writer

    async def pump(
        self, *, pause: float = 0.0, chunk: int = 65536, lose: bool = False, first: bytes = b""
    ) -> None:
        """Until either side ends. lose: what comes is read, and nobody gets it. first: in place of
        the first byte of the CSMS."""

        async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            wrong = first if writer is self._writer else b""
            while data := await reader.read(chunk):
                if not lose:
                    writer.write(wrong + data[len(wrong) :])
                    wrong = b""
                    await writer.drain()
                await asyncio.sleep(pause)

        tasks = [asyncio.ensure_future(one(*way)) for way in self._ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def suffer(self, fault: str, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                match fault:
                    case "reset":
                        sock: socket.socket = self._writer.get_extra_info("socket")
                        linger = struct.pack("ii", 1, 0)
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    case "stall":
                        await asyncio.sleep(seconds)
                    case "half-open":
                        await self.pump(lose=True)
                        await asyncio.sleep(seconds)
                    case "crawl":
                        await self.pump(pause=0.05, chunk=1)
                    case "corrupt":
                        await self.pump(first=b"\xff")
