"""What every test gets: no thread and no socket is left behind."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Iterator

import hypothesis
import pytest
from scripted_csms import Peer, ScriptedCsms

from ocppsim import clock, plugins, session
from ocppsim.chargepoint import ChargePoint
from ocppsim.connect import connect

# a busy machine is no fault; where a build is judged, the same examples each time
hypothesis.settings.register_profile(
    "ocppsim", deadline=None, derandomize=bool(os.environ.get("CI"))
)
hypothesis.settings.load_profile("ocppsim")

# what takes seconds on a real line (pauses, attempts, pings) takes hundredths here
clock.SCALE = 0.01


def _sockets() -> set[str]:
    found = set()
    for entry in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{entry}")
        except OSError:
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test ends with the threads and sockets that it began with."""
    for variable in list(os.environ):
        if variable.startswith("OCPPSIM_") or variable == "RESPONSE_TIMEOUT":
            monkeypatch.delenv(variable)
    plugins.share(plugins.Plugins())  # what is installed here plays no part
    threads = set(threading.enumerate())
    sockets = _sockets()
    yield
    session.close_all()
    plugins.share(None)
    deadline = time.monotonic() + 5.0
    while time.monotonic() < deadline:
        left = {thread for thread in threading.enumerate() if thread.is_alive()} - threads
        open_sockets = _sockets() - sockets
        if not left and not open_sockets:
            return
        if open_sockets:
            gc.collect()
        for thread in left:
            thread.join(0.05)
    assert not left, f"threads left: {sorted(thread.name for thread in left)}"
    assert not open_sockets, f"sockets left: {open_sockets}"


@pytest.fixture
def server() -> Iterator[ScriptedCsms]:
    """A CSMS that sends what the test says."""
    with ScriptedCsms() as server:
        yield server


@pytest.fixture
def cp(server: ScriptedCsms) -> Iterator[ChargePoint]:
    """CP1, connected to `server`."""
    with connect(server.url) as cp:
        yield cp


@pytest.fixture
def peer(server: ScriptedCsms, cp: ChargePoint) -> Peer:
    """The other end of `cp`."""
    return server.peer()
