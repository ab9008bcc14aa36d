"""The left of the page: a whole charging session by clicks alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect
from server.client import Client


def press(page: Any, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def rows(page: Any, action: str) -> Any:
    return page.locator("button.line").filter(has_text=action)


def test_a_car_is_charged_by_clicks(
    visit: Callable[..., Any], make: Callable[..., str], client: Client
) -> None:
    name = make(station=True)
    page = visit(f"?cp={name}")
    expect(page.get_by_label("Charge point", exact=True)).to_have_value(name)
    outlet = page.get_by_role("button", name=re.compile("^1 "))
    expect(outlet).to_have_text("1 Available")
    press(page, "Plug in")
    expect(outlet).to_have_text("1 Preparing")
    press(page, "Hold up card")
    expect(outlet).to_have_text("1 Charging")
    expect(rows(page, "StartTransaction")).to_have_count(1)
    # the chart and the display go on by themselves
    chart = page.get_by_role("img", name=re.compile("^Power, limit"))
    expect(chart).to_be_visible()
    page.wait_for_function(
        "() => /[LV].*[LV]/.test(document.querySelector('path.power').getAttribute('d'))"
    )
    expect(page.locator(".display-1")).to_have_text("Charging")
    expect(page.locator(".display-2")).to_have_text(re.compile(r"kW · \d+ %"))
    expect(page.locator(".flow").first).to_be_visible()
    expect(rows(page, "MeterValues").first).to_be_visible()
    press(page, "Card: stop")
    expect(outlet).to_have_text("1 Finishing")
    press(page, "Unplug")
    expect(outlet).to_have_text("1 Available")
    expect(rows(page, "StopTransaction")).to_have_count(1)
    actions = [
        one["action"] for one in client.get(f"/cp/{name}/messages?type=CALL").json["messages"]
    ]
    assert [one for one in actions if one.endswith("Transaction")] == [
        "StartTransaction",
        "StopTransaction",
    ]


def test_it_breaks_and_is_mended(visit: Callable[..., Any], make: Callable[..., str]) -> None:
    page = visit(f"?cp={make(station=True)}")
    second = page.get_by_role("button", name=re.compile("^2 "))
    second.click()
    page.get_by_text("Break, mend").click()
    page.get_by_label("What breaks").select_option("HighTemperature")
    press(page, "Break")
    expect(second).to_have_text("2 Faulted")
    expect(page.locator(".display-1")).to_have_text("Out of order")
    expect(page.locator(".display-2")).to_have_text("HighTemperature")
    press(page, "Mend")
    expect(second).to_have_text("2 Available")


def test_the_power_goes_and_comes_back(visit: Callable[..., Any], make: Callable[..., str]) -> None:
    page = visit(f"?cp={make(station=True)}")
    page.get_by_text("Break, mend").click()
    press(page, "Power off")
    expect(page.locator("#station .badge").first).to_have_text("no power")
    press(page, "Power on")
    expect(page.locator("#station .badge").first).to_have_text("in service")
    expect(rows(page, "BootNotification")).to_have_count(2)


def test_each_outlet_is_picked_in_the_drawing(
    visit: Callable[..., Any], make: Callable[..., str]
) -> None:
    page = visit(f"?cp={make(station=True)}")
    page.locator(".outlet .hit").nth(1).click()
    expect(page.get_by_role("button", name=re.compile("^2 "))).to_have_attribute(
        "aria-pressed", "true"
    )


def test_one_that_says_only_what_it_is_told_becomes_a_station(
    visit: Callable[..., Any], make: Callable[..., str]
) -> None:
    name = make()
    page = visit(f"?cp={name}")
    expect(page.get_by_text(f"{name} says only what you tell it to")).to_be_visible()
    press(page, "Make it a station")
    expect(page.get_by_role("button", name=re.compile("^2 "))).to_have_text("2 Available")


def test_what_is_refused_is_said(visit: Callable[..., Any], make: Callable[..., str]) -> None:
    page = visit(f"?cp={make(station=True)}", expected=("422",))
    page.get_by_label("idTag of the card").fill("")
    press(page, "Hold up card")
    expect(page.get_by_role("log", name="Notices")).to_contain_text("non-empty")
