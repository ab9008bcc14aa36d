"""What is shown fits, at each width that people have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect
from server.client import Client
from web.waiting import until

PARTS = ["station", "conversation", "workbench"]
SMALL = """() => [...document.querySelectorAll('body *')].filter((one) => {
    const text = [...one.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    return text && one.checkVisibility() && !one.closest('svg') && !one.closest('.unseen')
        && parseFloat(getComputedStyle(one).fontSize) < 11;
}).map((one) => `${one.textContent}: ${getComputedStyle(one).fontSize}`)"""
CONTROLS = "button, input, select, a.button"
OUTSIDE = f"""() => [...document.querySelectorAll('{CONTROLS}')].filter((one) => {{
    const box = one.getBoundingClientRect();
    return one.checkVisibility() && box.width > 1 && !one.closest('.unseen, .skip, .tabs')
        && !one.matches('.skip') && (box.left < 0 || box.right > innerWidth + 1);
}}).map((one) => one.getAttribute('aria-label') || one.textContent)"""


@pytest.mark.parametrize("width", [1024, 1280, 1920])
def test_the_three_parts_are_beside_each_other(
    visit: Callable[..., Any], make: Callable[..., str], client: Client, width: int
) -> None:
    name = make(station=True)
    client.post(f"/cp/{name}/station/plug-in", {"connector": 1})
    page = visit(f"?cp={name}", size={"width": width, "height": 800}, guide=True)
    expect(page.locator("button.line").first).to_be_visible()
    for part in PARTS:
        expect(page.locator(f"#{part}")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.documentElement.scrollHeight") <= 800
    assert page.evaluate(OUTSIDE) == []
    assert page.evaluate(SMALL) == []


def test_the_limit_in_force_is_drawn(
    visit: Callable[..., Any], make: Callable[..., str], client: Client
) -> None:
    name = make(station=True)
    client.post(f"/cp/{name}/station/plug-in", {"connector": 1})
    act = {"idTag": "04E8C2A2", "connector": 1}
    client.post(f"/cp/{name}/station/present-id-tag", act)
    page = visit(f"?cp={name}")
    chart = page.get_by_role("figure").filter(has_text="Limit")
    offered = client.get(f"/cp/{name}/station").json["connectors"][0]["offered"]
    expect(chart).to_contain_text(f"Limit {offered / 1000:.0f} kW")
    for line in ("power", "limit", "soc"):
        drawn = f"document.querySelector('.chart path.{line}').getAttribute('d')"
        until(page, f"() => /[LHV]/.test({drawn})")


def test_what_takes_long_says_so(visit: Callable[..., Any], make: Callable[..., str]) -> None:
    """A button that is at work; and how far many charge points are."""
    name = make()
    page = visit(f"?cp={name}")
    asked: list[Any] = []
    page.route("**/disconnect", lambda route: asked.append(route))
    page.get_by_role("button", name="Disconnect", exact=True).click()
    busy = page.get_by_role("button", name="Disconnect", exact=True)
    expect(busy).to_have_attribute("aria-busy", "true")
    busy.click()
    page.locator("#all").click()
    page.get_by_role("checkbox", name=f"Choose {name}").check()
    page.locator(".bulk").get_by_role("button", name="Drop the line").click()
    expect(page.get_by_role("progressbar", name="Charge points done")).to_be_visible()
    assert len(asked) == 2  # the second press of a busy button does nothing
    for one in asked:
        one.continue_()
    expect(page.get_by_role("progressbar", name="Charge points done")).to_be_hidden()
