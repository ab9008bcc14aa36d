"""Waiting for what a page says of itself. Playwright's `wait_for_function` asks by eval, which the
policy of the page refuses."""

from __future__ import annotations

from typing import Any

__all__ = ["until"]

LOOP = """async () => {
    const test = %s;
    const end = performance.now() + %d;
    for (;;) {
        const found = await test();
        if (found) return found;
        if (performance.now() > end) throw new Error(`not so in %d ms: ${test}`);
        await new Promise((go) => setTimeout(go, 20));
    }
}"""


def until(page: Any, test: str, timeout: float = 10.0) -> Any:
    """Wait until the JavaScript function `test` gives something, and return that. timeout: s."""
    most = round(timeout * 1000)
    return page.evaluate(LOOP % (test, most, most))
