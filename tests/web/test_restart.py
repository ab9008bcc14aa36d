"""The server goes and comes back: so does the page."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import expect
from server.client import served


def test_it_goes_on_after_a_restart(visit: Callable[..., Any], tmp_path: Path) -> None:
    lines = ".exchange .line"
    first, second = tmp_path / "1", tmp_path / "2"
    first.mkdir()
    second.mkdir()
    with served(first, "--demo") as client:
        port = client.port
        page = visit(url=client.url, expected=("404",))
        expect(page.locator(lines)).to_have_count(4)
        client.end(signal.SIGTERM)
    expect(page.locator("#banner")).to_contain_text("does not answer")
    expect(page.locator(lines)).to_have_count(4)
    with served(second, "--port", str(port), "--demo") as client:
        expect(page.locator("#banner")).to_be_hidden(timeout=20_000)
        expect(page.locator(".mark")).to_have_text("the server was started anew")
        # those of before, and the four of the boot
        expect(page.locator(lines)).to_have_count(8)
        client.post("/cp/CP1/call/Heartbeat")
        expect(page.locator(lines).last).to_contain_text("Heartbeat")
        expect(page.locator("#facts")).to_contain_text("for ")


def test_a_break_of_the_line_loses_nothing(
    visit: Callable[..., Any], make: Callable[..., str], client: Any
) -> None:
    name = make()
    page = visit(f"?cp={name}")
    client.post(f"/cp/{name}/call/Heartbeat")
    expect(page.locator(".exchange .line")).to_have_count(1)
    page.evaluate("async () => (await import('/web/js/store.js')).store.live.source.close()")
    for _ in range(5):
        client.post(f"/cp/{name}/call/Heartbeat")
    page.evaluate("async () => (await import('/web/js/store.js')).store.live.open()")
    expect(page.locator(".exchange .line")).to_have_count(6)
    expect(page.locator(".mark")).to_have_count(0)
