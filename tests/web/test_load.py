"""A thousand messages a second for thirty seconds: no frozen page, no lost row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect
from server.client import Client
from web.waiting import until

SECONDS = 30
CALLS = 500 * SECONDS  # each with its answer
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
print("took", round(time.monotonic() - start), "s")
"""
WATCH = """() => {
    window.frames_ = [];
    window.tasks = [];
    let last = performance.now();
    const frame = (now) => {
        window.frames_.push(now - last);
        last = now;
        requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    const seen = (list) => window.tasks.push(...list.getEntries().map((one) => one.duration));
    new PerformanceObserver(seen).observe({ entryTypes: ['longtask'] });
}"""
ALL_THERE = """async () => {
    const { store } = await import('/web/js/store.js');
    return store.exchanges.last >= %d && store.exchanges.rows.every((row) => row.answer);
}"""
ROWS = """async () => {
    const { store } = await import('/web/js/store.js');
    return store.exchanges.rows.map((row) => [row.mark, row.call?.number, row.answer?.number]);
}"""
DRAWN = """() => [...document.querySelectorAll('.rows > li')].map(
    (one) => [Number(one.getAttribute('aria-posinset')), one.row.call.number])"""
FROZEN = 1000  # ms


def drawn_rightly(page: Any) -> list[int]:
    """The places of the rows that exist; each is what belongs there, without a hole."""
    drawn = page.evaluate(DRAWN)
    places = [place for place, _ in drawn]
    assert places == list(range(places[0], places[0] + len(places)))
    assert [number for _, number in drawn] == [2 * place - 1 for place in places]
    assert len(places) < 100
    return places


@pytest.mark.timeout(180)
def test_a_thousand_messages_a_second(
    visit: Callable[..., Any],
    make: Callable[..., str],
    client: Client,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = make()
    page = visit(f"?cp={name}")
    page.evaluate(WATCH)
    begun = client.post(f"/cp/{name}?background=true&wait=false", SCRIPT, media="text/x-python")
    assert begun.status == 202
    until(page, ALL_THERE % (2 * CALLS), timeout=4 * SECONDS)
    gaps = sorted(page.evaluate("window.frames_"))
    longest = max(page.evaluate("window.tasks"), default=0)
    output = page.get_by_role("log", name="Output of the script")
    expect(output).to_contain_text("took")
    with capsys.disabled():
        print(
            f"\n{len(gaps)} frames, {gaps[len(gaps) // 2]:.0f} ms the median, {gaps[-1]:.0f} ms "
            f"the longest; the longest task {longest:.0f} ms; the script {output.inner_text()}"
        )
    assert gaps[-1] < FROZEN
    assert page.evaluate(ROWS) == [["", 2 * place + 1, 2 * place + 2] for place in range(CALLS)]
    # at the end, which is followed; at the beginning; and in between
    expect(page.locator(".rows > li").last).to_have_attribute("aria-setsize", str(CALLS))
    assert drawn_rightly(page)[-1] == CALLS
    page.locator("button.line").last.focus()
    page.keyboard.press("Home")
    expect(page.locator("[aria-posinset='1'] > button")).to_be_focused()
    assert drawn_rightly(page)[0] == 1
    page.locator("#conversation .scroll").evaluate("(one) => one.scrollTo(0, one.scrollHeight / 2)")
    expect(page.locator(f"[aria-posinset='{CALLS // 2}']")).to_be_attached()
    page.keyboard.press("ArrowDown")  # from the row that is out of sight, and still has the focus
    expect(page.locator("[aria-posinset='2'] > button")).to_be_focused()
