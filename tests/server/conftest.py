"""A server for all tests, in another process; and a CSMS in this one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

pytest.importorskip("flask", reason="the extra server is not installed")

from server.client import Client, served

from ocppsim.csms import CentralSystem

_numbers = count(1)


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Of a server without charge points, with the core plugin."""
    with served(tmp_path_factory.mktemp("server")) as client:
        yield client


@pytest.fixture
def csms() -> Iterator[CentralSystem]:
    with CentralSystem() as csms:
        yield csms


@pytest.fixture
def make(client: Client, csms: CentralSystem) -> Iterator[Callable[..., str]]:
    """``make(**options)``: the name of a new charge point, connected to `csms`; removed at the
    end."""
    names = []

    def make(**options: Any) -> str:
        name = f"CP{next(_numbers)}"
        names.append(name)
        made = client.post("/cp", {"name": name, "url": csms.url, **options})
        assert made.status == 201, made.text
        return name

    yield make
    for name in names:
        client.delete(f"/cp/{name}")


@pytest.fixture
def name(make: Callable[..., str]) -> str:
    """A charge point that is connected."""
    return make()
