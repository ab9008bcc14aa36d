"""Somebody who was never here opens the page with ``--demo``, and follows it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from server.client import Client, served


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Client]:
    with served(tmp_path, "--demo") as client:
        yield client


def test_the_first_steps_lead_to_a_script(visit: Callable[..., Any], fresh: Client) -> None:
    page = visit(url=fresh.url, guide=True)
    guide = page.get_by_role("region", name="Your first charge")
    expect(guide).to_contain_text("step 1 of 5")
    expect(guide).to_contain_text("Plug in the cable")
    page.get_by_role("button", name="Plug in", exact=True).click()
    expect(guide).to_contain_text("step 2 of 5")
    page.get_by_role("button", name="Hold up card").click()
    expect(guide).to_contain_text("step 3 of 5")
    page.locator("button.line").filter(has_text="StartTransaction").click()
    expect(guide).to_contain_text("step 4 of 5")
    page.get_by_role("button", name="Card: stop").click()
    expect(guide).to_contain_text("step 5 of 5")
    page.get_by_role("button", name="Make a script").click()
    expect(guide).to_contain_text("You have charged a car")
    with page.expect_download() as download:
        page.get_by_role("button", name="More for this script").click()
        page.get_by_role("button", name="Save as a file").click()
    assert "StopTransaction" in Path(download.value.path()).read_text()
    page.reload()
    page.get_by_role("button", name="Close the first steps").click()
    expect(guide).to_be_hidden()


def test_without_demo_it_says_what_to_do_first(visit: Callable[..., Any], tmp_path: Path) -> None:
    with served(tmp_path) as client:
        page = visit(url=client.url, guide=True)
        welcome = page.get_by_role("dialog", name="Welcome")
        welcome.get_by_role("button", name="Try it with the CSMS inside").click()
        dialog = page.get_by_role("dialog", name="Connect a charge point")
        dialog.get_by_role("button", name="Connect", exact=True).click()
        expect(page.get_by_role("button", name=re.compile("^1 "))).to_have_text("1 Available")
        expect(page.locator("button.line").first).to_be_visible()


def test_each_part_says_what_to_do_where_there_is_nothing(
    visit: Callable[..., Any], tmp_path: Path
) -> None:
    with served(tmp_path) as client:
        page = visit(url=client.url)
        expect(page.get_by_role("dialog", name="Welcome")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#station")).to_contain_text("Connect a charge point first")
        expect(page.locator("#conversation")).to_contain_text("Connect one, at the top left")
        for tab in page.locator("#workbench").get_by_role("tab").all():
            tab.click()
            expect(page.locator("#workbench")).to_contain_text(re.compile("charge point", re.I))
        page.locator("#all").click()
        expect(page.locator("#fleet")).to_contain_text("Add one, or a hundred")
