"""The web page in Debian's Chromium, served by another process."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from server.client import Client, served

pytest.importorskip("flask", reason="the extra server is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is missing")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    # as without the internet
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
WIDE = {"width": 1280, "height": 800}

_numbers = count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.web)
            item.add_marker(pytest.mark.timeout(180))
            if CHROMIUM is None and not os.environ.get("CI"):
                item.add_marker(pytest.mark.skip(reason="Chromium is missing"))


@pytest.fixture(scope="module")  # another module may have one of its own
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Of a server for all tests, with ``--demo``: CP1 is a station, its CSMS is inside."""
    with served(tmp_path_factory.mktemp("web"), "--demo") as client:
        yield client


class Watched:
    """A page that must not have errors. expected: parts of those that are no surprise."""

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self.url = url
        self.expected: list[str] = []
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(f"{error}"))
        page.on("console", self._said)
        page.on("request", lambda request: self._asked(request.url))
        page.on("websocket", lambda socket: self._asked(socket.url))

    def _said(self, message: Any) -> None:
        if message.type == "error":
            where = message.location.get("url", "") if message.location else ""
            self.errors.append(f"{message.text} {where}")

    def _asked(self, url: str) -> None:
        if not url.startswith((self.url, "blob:", "data:")):
            self.errors.append(f"asks another host: {url}")

    def surprises(self) -> list[str]:
        return [error for error in self.errors if not any(e in error for e in self.expected)]


Open = Callable[..., Any]


@pytest.fixture
def visit(browser: Any, client: Client, make: Any) -> Iterator[Open]:
    """``visit(path="", size=…, dark=False, expected=(), url=None, guide=False)``: a page that is
    there, of a browser that was never here. guide: with the first steps."""
    contexts = []
    pages = []

    def visit(
        path: str = "",
        *,
        size: dict[str, int] = WIDE,
        dark: bool = False,
        expected: tuple[str, ...] = (),
        url: str | None = None,
        guide: bool = False,
        **options: Any,
    ) -> Any:
        context = browser.new_context(
            viewport=size, color_scheme="dark" if dark else "light", **options
        )
        contexts.append(context)
        context.set_default_timeout(10_000)
        if not guide:
            context.add_init_script("localStorage.guide ??= '[\"closed\"]'")
        page = context.new_page()
        watched = Watched(page, url or client.url)
        watched.expected += expected
        if url is not None:  # a server of the test's own, which ends before the page
            watched.expected.append("net::ERR_")
        pages.append(watched)
        page.goto((url or client.url) + path)
        page.locator("#who option").first.wait_for(state="attached")
        return page

    yield visit
    for context in contexts:
        context.close()
    surprises = [error for page in pages for error in page.surprises()]
    assert not surprises


@pytest.fixture
def make(client: Client) -> Iterator[Callable[..., str]]:
    """``make(station=False, name="", **options)``: the name of a new charge point at the CSMS
    inside."""
    names = []

    def make(*, station: bool = False, speed: float = 60, name: str = "", **options: Any) -> str:
        name = name or f"WEB{next(_numbers)}"
        made = client.post("/cp", {"name": name, **options})
        assert made.status == 201, made.text
        names.append(name)
        if station:
            lives = client.post(f"/cp/{name}/station", {"connectors": 2, "speed": speed})
            assert lives.status == 201, lives.text
        return name

    yield make
    for name in names:
        client.delete(f"/cp/{name}")
