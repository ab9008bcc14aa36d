"""All charge points at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect
from server.client import Client


def tile(page: Any, name: str) -> Any:
    opens = page.get_by_role("button", name=re.compile(f"Open {name}"))
    return page.locator(".tile").filter(has=opens)


def test_tiles_by_state_and_acts_on_many(
    visit: Callable[..., Any], make: Callable[..., str]
) -> None:
    names = [make(station=True) for _ in range(3)]
    page = visit()
    page.locator("#all").click()
    for name in names:
        expect(tile(page, name)).to_have_attribute("data-status", "Available")
        tile(page, name).get_by_role("checkbox").check()
    bulk = page.locator(".bulk")
    bulk.get_by_role("button", name="Plug in").click()
    for name in names:
        expect(tile(page, name)).to_have_attribute("data-status", "Preparing")
    tile(page, names[2]).get_by_role("checkbox").uncheck()
    bulk.get_by_role("button", name="Hold up card").click()
    for name in names[:2]:
        expect(tile(page, name)).to_have_attribute("data-status", "Charging")
    expect(tile(page, names[2])).to_have_attribute("data-status", "Preparing")
    colors = {
        tile(page, name).evaluate("(one) => getComputedStyle(one).borderLeftColor")
        for name in names
    }
    assert len(colors) == 2
    expect(page.locator(".legend")).to_contain_text("Charging 2")
    # MeterValues come each second: a minute of the station
    expect(page.locator("#fleet [role=status]")).to_contain_text(re.compile(r"[1-9]\d* messages/s"))
    bulk.get_by_role("button", name="Drop the line").click()
    expect(tile(page, names[0])).to_have_attribute("data-status", "disconnected")
    bulk.get_by_role("button", name="Connect", exact=True).click()
    expect(tile(page, names[0])).not_to_have_attribute("data-status", "disconnected")
    page.get_by_role("button", name=re.compile(f"Open {names[2]}")).click()
    expect(page.get_by_label("Charge point", exact=True)).to_have_value(names[2])
    expect(page.locator("#station")).to_be_visible()


def test_many_are_made_found_and_removed(visit: Callable[..., Any], client: Client) -> None:
    page = visit()
    page.locator("#all").click()
    page.get_by_role("button", name="Add charge points").click()
    dialog = page.get_by_role("dialog", name="Connect a charge point")
    dialog.get_by_label("Name (identity)").fill("DEPOT-01")
    dialog.get_by_label("How many").fill("12")
    dialog.get_by_role("button", name="Connect", exact=True).click()
    expect(dialog).to_be_hidden(timeout=20_000)
    page.get_by_label("Find charge points").fill("depot-")
    expect(page.locator(".tile")).to_have_count(12)
    expect(tile(page, "DEPOT-12")).to_have_attribute("data-status", "Available")
    page.get_by_label("All", exact=True).check()
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.locator(".tile")).to_have_count(0, timeout=20_000)
    assert not [one for one in client.get("/cp").json["chargePoints"] if "DEPOT" in one["name"]]
