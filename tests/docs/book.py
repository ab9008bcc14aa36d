"""Runs a page as a reader would: writes its files, types its commands, compares what they print.

A block of Python, or any block, that follows a line ending in `` `NAME`: `` is the file NAME. Other
Python is a script of its own. A block of sh is typed into a shell; what goes on running (a CSMS, a
server) stays until the page ends. A block of text is what the block above printed, times, ports
and the like aside; a line with ``…`` alone stands for any lines.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from command import interruptible
from docs.installed import python_path

__all__ = ["Block", "Book", "blocks", "steady"]

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0

# what installs is run by make and CI in a fresh environment; the shell here has it all
_INSTALLS = ("python3 -m venv ", ". .venv/bin/activate", "pip install ")
_SERVERS = ("ocppsim-csms", "ocppsim --port", "python -m pyftpdlib")
# until Ctrl-C, which comes once it has printed this
_ENDLESS = {"ocppsim --station": "Finishing"}
_PROGRAMS = {
    "ocppsim": "-m ocppsim",
    "ocppsim-csms": "-m ocppsim.csms",
    "ocppsim-trace": "-m ocppsim.viewer",
    "python": "",
}


class Block(NamedTuple):
    """file: its name, where it is a file."""

    language: str
    text: str
    file: str | None
    line: int


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for match in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S):
        before = text[: match.start()].rstrip()
        named = re.search(r"`([\w./-]+)`:$", before.splitlines()[-1])
        line = text.count("\n", 0, match.start()) + 1
        yield Block(match[1], match[2], named[1] if named else None, line)


def steady(text: str) -> str:
    """`text` without what differs from run to run: times, durations, ports, padding."""
    text = re.sub(r"\d{4}-\d\d-\d\d", "DATE", text)
    text = re.sub(r"\d\d:\d\d:\d\d[.,]\d+", "TIME", text)
    text = re.sub(r"\b[\d.]+ ms", "N ms", text)
    text = re.sub(r"in [\d.]+ ?s\b", "in N s", text)
    text = re.sub(r"(TIME +)\d+\.\d(?= )", r"\1N", text)
    text = re.sub(r"(127\.0\.0\.1|localhost):\d+", r"\1:PORT", text)
    return re.sub(r" {2,}", "  ", text).strip()


class Book:
    """A folder and a shell for one page. Use it in a ``with``, which ends what still runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {name: _free_port() for name in ("9000", "3000", "2121")}
        self._servers: list[tuple[subprocess.Popen[bytes], Path]] = []
        self._printed = ""
        programs = folder / ".bin"
        programs.mkdir()
        for name, arguments in _PROGRAMS.items():
            program = programs / name
            program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
            program.chmod(0o755)
        # an answer that says that something is wrong is a failure
        (folder / ".curlrc").write_text("fail-with-body\n")
        # a reader has set none of these
        ours = ("OCPPSIM_", "PYTEST_", "SSL_CERT_", "SSL_CLIENT_")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        self._environment = {
            **kept,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "CURL_HOME": str(folder),
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "PYTHONIOENCODING": "utf-8",
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for server, _ in self._servers:
            server.send_signal(signal.SIGINT)
        for server, _ in self._servers:
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()

    def read(self, page: Path) -> None:
        """Do what the page says. Fails where it is not true."""
        text = page.read_text()
        self._environment["PYTHONPATH"] = python_path(text, self.folder / ".bin")
        for block in blocks(page):
            where = f"{page.name}, line {block.line}"
            text = self._here(block.text)
            if block.language == "text":
                self._compare(block.text, where)
            elif block.file is not None:
                (self.folder / block.file).write_text(text)
            elif block.language == "python":
                (self.folder / "block.py").write_text(text)
                self._shell("python block.py", where)
            elif block.language == "sh":
                self.type(text, where)
            elif block.language == "js":
                pass  # the language of another program
            elif block.language == "yaml":
                commands = re.findall(r"^\s*- run: (.*)$", text, re.M)
                self.type("\n".join(commands), where)
            else:
                raise AssertionError(f"{where}: what is to be done with {block.language}?")

    def _here(self, text: str) -> str:
        for port, free in self.ports.items():
            text = text.replace(f":{port}", f":{free}").replace(f"--port {port}", f"--port {free}")
            text = text.replace(f'"localhost", {port}', f'"localhost", {free}')
            text = text.replace(f"start_listener({port}", f"start_listener({free}")
        return text

    def type(self, text: str, where: str) -> None:
        """Type these lines into a shell."""
        lines = text.replace("\\\n", "").splitlines()
        others = (*_INSTALLS, *_SERVERS, *_ENDLESS)
        shell = [line for line in lines if not line.startswith(others)]
        if shell:
            self._shell("\n".join(shell), where)
        for line in lines:
            if line.startswith(_SERVERS):
                self._serve(line)
            elif line.startswith(tuple(_ENDLESS)):
                self._watch(line, where)

    def _watch(self, line: str, where: str) -> None:
        """Run what does not end by itself until it has printed enough."""
        (enough,) = (text for start, text in _ENDLESS.items() if line.startswith(start))
        seen: list[str] = []
        with subprocess.Popen(
            line.split(),
            cwd=self.folder,
            executable=str(self.folder / ".bin" / line.split()[0]),
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            preexec_fn=interruptible,
        ) as process:
            late = threading.Timer(PATIENCE, process.kill)
            late.start()
            assert process.stdout is not None
            for text in process.stdout:
                seen.append(text)
                if enough in text:
                    process.send_signal(signal.SIGINT)
            late.cancel()
        self._printed = "".join(seen)
        ended = process.returncode
        assert ended == 0, f"{where} ended with {ended}:\n{self._printed}"

    def _shell(self, text: str, where: str) -> None:
        # a block that shows an exit status has a command that fails
        strict = "" if "$?" in text else "set -e\n"
        done = subprocess.run(
            ["bash", "-c", strict + text],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, f"{where} ended with {done.returncode}:\n{done.stdout}"
        self._printed = done.stdout

    def _serve(self, line: str) -> None:
        port = re.search(r"--port (\d+)", line)
        if port is None:
            line, number = f"{line} --port {self.ports['9000']}", self.ports["9000"]
        else:
            number = port[1]
        output = self.folder / f".output-{len(self._servers)}"
        with output.open("wb") as file:
            server = subprocess.Popen(
                line.split(),
                cwd=self.folder,
                # as the shell would, in the PATH of the page
                executable=str(self.folder / ".bin" / line.split()[0]),
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                preexec_fn=interruptible,
            )
        self._servers.append((server, output))
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", int(number)), 1).close()
                # this one listens first
                if not line.startswith("ocppsim --port") or "serves" in output.read_text():
                    break
                raise OSError("it has not said so yet")
            except OSError:
                waits = server.poll() is None and time.monotonic() < deadline
                assert waits, output.read_text()
                time.sleep(0.05)
        self._printed = output.read_text()

    def _compare(self, expected: str, where: str) -> None:
        wanted, got = steady(expected).splitlines(), steady(self._printed).splitlines()
        if "…" in wanted:
            cut = wanted.index("…")
            tail = len(wanted) - cut - 1
            wanted.pop(cut)
            got = got[:cut] + got[len(got) - tail :]
        assert got[: len(wanted)] == wanted, f"{where}: it prints\n{self._printed}"
        if not self._servers or self._printed != self._servers[-1][1].read_text():
            assert len(got) == len(wanted), f"{where}: it prints more:\n{self._printed}"


def _free_port() -> str:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return str(sock.getsockname()[1])
