"""A phone shows one part at a time, and all of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def page(visit: Callable[..., Any], make: Callable[..., str]) -> Any:
    return visit(f"?cp={make(station=True)}", size=PHONE, has_touch=True, is_mobile=True)


def test_one_part_at_a_time(page: Any) -> None:
    places = page.get_by_role("navigation", name="Parts of the page")
    for text, part in (
        ("Messages", "conversation"),
        ("Workbench", "workbench"),
        ("All", "fleet"),
        ("Station", "station"),
    ):
        places.get_by_role("button", name=text).tap()
        for other in ("station", "conversation", "workbench", "fleet"):
            assert page.locator(f"#{other}").is_visible() == (other == part)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], f"{part} is {width} px wide"
        for one in page.locator(f"#{part}").get_by_role("button").all():
            box = one.bounding_box() if one.is_visible() else None
            assert box is None or box["x"] + box["width"] <= PHONE["width"] + 1, one.inner_text()


def test_a_session_by_touch(page: Any) -> None:
    page.get_by_role("button", name="Plug in", exact=True).tap()
    page.get_by_role("button", name="Hold up card").tap()
    expect(page.locator(".connectors button").first).to_have_text("1 Charging")
    page.get_by_role("navigation").get_by_role("button", name="Messages").tap()
    row = page.locator("button.line").filter(has_text="StartTransaction")
    row.tap()
    page.get_by_role("button", name="Send again, edited").tap()
    expect(page.locator("#workbench")).to_be_visible()


def test_the_connection_is_told_of_too(page: Any) -> None:
    page.get_by_role("button", name="About the connection").tap()
    facts = page.locator("#facts")
    expect(facts).to_contain_text("ws://127.0.0.1")
    expect(facts).to_contain_text("Connectedfor")
    expect(facts).to_contain_text("0 · plain")
    expect(facts).to_contain_text("Queue")


def test_the_name_is_not_cut(page: Any) -> None:
    which = page.get_by_label("Charge point", exact=True)
    assert which.evaluate("(one) => one.clientWidth") >= 96
