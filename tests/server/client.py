"""A server in a process of its own, and a client that asks it over HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from command import ROOT, environment, interruptible
from docs.installed import python_path

__all__ = ["Answer", "Client", "served"]

PATIENCE = 60.0
JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def error(self) -> Any:
        return self.json["error"]


class Client:
    """Asks the server at `url`; each request by a connection of its own."""

    def __init__(self, url: str, process: subprocess.Popen[str], log: Path) -> None:
        self.url = url
        self.log = log
        split = urlsplit(url)
        self.host, self.port = split.hostname or "", split.port or 0
        self.process = process

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        """Send a signal: exit status, the rest of standard output, all of standard error."""
        self.process.send_signal(number)
        out, _ = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, self.log.read_text()

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        media: str | None = JSON,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """body: JSON, or text or bytes as they are; media: its content type."""
        data = body
        if body is not None and not isinstance(body, (str, bytes)):
            data = json.dumps(body)
        if isinstance(data, str):
            data = data.encode()
        sent = dict(headers or {})
        if data is not None and media is not None:
            sent.setdefault("Content-Type", media)
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request(method, path, data, sent)
            got = connection.getresponse()
            found = {name.lower(): value for name, value in got.getheaders()}
            return Answer(got.status, found, got.read().decode())

    def get(self, path: str, **options: Any) -> Answer:
        return self.ask("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> Answer:
        return self.ask("POST", path, body, **options)

    def put(self, path: str, body: Any = None, **options: Any) -> Answer:
        return self.ask("PUT", path, body, **options)

    def delete(self, path: str, **options: Any) -> Answer:
        return self.ask("DELETE", path, **options)


@contextlib.contextmanager
def served(
    folder: Path, *arguments: str, plugins: str = "ocppsim-core", **variables: str
) -> Iterator[Client]:
    """``ocppsim --port 0`` with these arguments. plugins: the one that is there, whatever is
    installed here; folder: for what tells of it."""
    installs = f"pip install ./plugins/{plugins}" if plugins else ""
    path = python_path(installs, folder)
    others = {folder.name for folder in (ROOT / "plugins").iterdir()} - {plugins}
    without = ",".join(sorted(name.removeprefix("ocppsim-") for name in others))
    log = folder / "stderr.txt"  # a pipe that nobody reads would hold it up
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "ocppsim", "--port", "0", *arguments],
            preexec_fn=interruptible,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="utf-8",
            cwd=folder,
            env=environment(**{"PYTHONPATH": path, "OCPPSIM_NO_PLUGIN": without, **variables}),
        ) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.fullmatch(r"ocppsim serves (\S+)\n", line)
            assert found is not None, (line, log.read_text())
            yield Client(found[1], process, log)
        finally:
            process.terminate()
            process.wait(PATIENCE)
