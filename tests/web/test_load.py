"""A thousand messages a second for thirty seconds: no frozen page, no lost row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from server.client import Client

SECONDS = 30
CALLS = 500 * SECONDS
SCRIPT = f"""
import time
start = time.monotonic()
for number in range({CALLS}):
    if number % 3:
        cp.send_heartbeat()
    else:
        cp.send_status_notification(connectorId=1, errorCode="NoError", status="Available")
    ahead = start + number / 500 - time.monotonic()
    if ahead > 0:
        time.sleep(ahead)
print(round(time.monotonic() - start))
"""
WATCH = """() => {
    window.frames_ = [];
    let last = performance.now();
    const frame = (now) => { window.frames_.push(now - last); last = now; requestAnimationFrame(frame); };
    requestAnimationFrame(frame);
}"""
ROWS = """async () => {
    const { store } = await import('/web/js/store.js');
    return store.exchanges.rows.map((row) => [row.mark, row.call?.number, row.answer?.number]);
}"""
FROZEN = 1000  # ms


@pytest.mark.timeout(120)
def test_a_thousand_messages_a_second(
    visit: Callable[..., Any],
    make: Callable[..., str],
    client: Client,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = make()
    page = visit(f"?cp={name}")
    page.evaluate(WATCH)
    begun = client.post(f"/cp/{name}?background=true", SCRIPT, media="text/x-python")
    assert begun.status == 202
    output = page.locator("#workbench .output")
    page.wait_for_function(
        f"async () => (await import('/web/js/store.js')).store.exchanges.last === {2 * CALLS}",
        timeout=90_000,
        polling=500,
    )
    assert output.count() <= 1
    rows = page.evaluate(ROWS)
    assert rows == [["", 2 * place + 1, 2 * place + 2] for place in range(CALLS)]
    gaps = sorted(page.evaluate("window.frames_"))
    with capsys.disabled():
        middle, worst = gaps[len(gaps) // 2], gaps[-1]
        print(f"\n{len(gaps)} frames: {middle:.0f} ms at the median, {worst:.0f} ms the longest")
    assert gaps[-1] < FROZEN
    shown = page.locator("button.line")
    assert 5 < shown.count() < 100
    assert page.locator(".rows li").last.get_attribute("aria-setsize") == str(CALLS)
