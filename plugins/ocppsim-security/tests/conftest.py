"""A charge point with this plugin alone, and central systems with and without TLS."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import ocppsim_security
import pytest

from ocppsim import ChargePoint, Plugins, clock, connect, session
from ocppsim.csms import CentralSystem

PATIENCE = 30.0

Connect = Callable[..., ChargePoint]


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test ends with the threads that it began with; a second's pause takes a hundredth."""
    monkeypatch.setattr(clock, "SCALE", 0.01)
    for variable in list(os.environ):
        if variable.startswith(("OCPPSIM_", "SSL_C")):
            monkeypatch.delenv(variable)
    before = set(threading.enumerate())
    yield
    session.close_all()
    deadline = time.monotonic() + PATIENCE
    for thread in set(threading.enumerate()) - before:
        thread.join(max(0.0, deadline - time.monotonic()))
        assert not thread.is_alive(), thread.name


@pytest.fixture
def plain() -> Iterator[CentralSystem]:
    """Without TLS."""
    with CentralSystem() as csms:
        yield csms


@pytest.fixture
def secure() -> Iterator[CentralSystem]:
    """With TLS, and an authority that signs certificates; one may be shown."""
    with CentralSystem(tls=True) as csms:
        yield csms


@pytest.fixture
def mutual() -> Iterator[CentralSystem]:
    """With TLS, for charge points with a certificate of its authority alone."""
    with CentralSystem(tls=True, client_certificates=True) as csms:
        yield csms


@pytest.fixture
def start() -> Iterator[Connect]:
    """``start(url, …)``: `connect` with this plugin alone, until the end of the test."""
    with contextlib.ExitStack() as stack:

        def start(url: str, **options: Any) -> ChargePoint:
            plugins = Plugins()
            assert plugins.register(ocppsim_security), plugins.problems
            return stack.enter_context(connect(url, plugins=plugins, **options))

        yield start
