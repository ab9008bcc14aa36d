"""axe-core finds no serious fault, in any state of the page."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from server.client import Client, served

AXE = os.environ.get("AXE", "")
pytestmark = pytest.mark.skipif(not AXE, reason="AXE does not name axe.min.js; make test-web does")
PHONE = {"width": 390, "height": 844}
TABS = ["Script", "Send", "Faults", "Keys", "Answers", "Certificates"]


def faults(page: Any) -> list[str]:
    """What is serious or critical: the rule, and where."""
    # by the debugger, as the policy of the page lets no script of others in
    page.evaluate(Path(AXE).read_text() + "; null")
    found = page.evaluate("async () => (await axe.run(document)).violations")
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.fixture
def name(make: Callable[..., str], client: Client) -> str:
    """A car charges there, and something went wrong."""
    name = make(station=True)
    client.post(f"/cp/{name}/station/plug-in", {"connector": 1})
    client.post(f"/cp/{name}/station/present-id-tag", {"idTag": "04E8C2A2", "connector": 1})
    client.post(f"/cp/{name}/raw", {"text": "nonsense"})
    client.post(f"/cp/{name}/call/DataTransfer?validate=false", {})
    return name


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_session(visit: Callable[..., Any], name: str, dark: bool) -> None:
    page = visit(f"?cp={name}", dark=dark, guide=True)
    expect(page.get_by_role("button", name=re.compile("^1 "))).to_have_text("1 Charging")
    page.get_by_text("Break, mend").click()
    page.locator("li.bad button.line").first.click()
    expect(page.locator(".detail")).to_be_visible()
    assert faults(page) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_each_tab(visit: Callable[..., Any], name: str, dark: bool) -> None:
    page = visit(f"?cp={name}", dark=dark)
    found = {}
    for tab in TABS:
        page.get_by_role("tab", name=tab, exact=True).click()
        controls = page.get_by_role("tabpanel").locator("button, input, a")
        controls.locator("visible=true").first.wait_for()
        found[tab] = faults(page)
    assert found == {tab: [] for tab in TABS}


def test_an_error_in_a_script(visit: Callable[..., Any], name: str) -> None:
    page = visit(f"?cp={name}")
    page.get_by_role("textbox", name="Script", exact=True).fill("print(1)\nx / 0")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("group", name="Traceback")).to_be_visible()
    assert faults(page) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_all_at_once_and_the_dialog(visit: Callable[..., Any], name: str, dark: bool) -> None:
    page = visit(f"?cp={name}", dark=dark)
    page.locator("#all").click()
    page.get_by_role("checkbox", name=f"Choose {name}").check()
    assert faults(page) == []
    page.get_by_role("button", name="Add charge points").click()
    page.get_by_role("dialog").get_by_text("Security", exact=True).click()
    assert faults(page) == []


@pytest.mark.parametrize("how", ["JSON", "Raw"])
def test_a_message_by_hand(visit: Callable[..., Any], name: str, how: str) -> None:
    page = visit(f"?cp={name}")
    page.get_by_role("tab", name="Send", exact=True).click()
    page.get_by_role("tabpanel").get_by_text(how, exact=True).click()
    page.get_by_role("textbox", name=re.compile("Payload as JSON|Text of the message")).wait_for()
    assert faults(page) == []


def test_nothing_is_there_yet(visit: Callable[..., Any], tmp_path: Path) -> None:
    with served(tmp_path) as client:
        page = visit(url=client.url, guide=True)
        page.get_by_role("dialog", name="Welcome").wait_for()
        assert faults(page) == []
        page.keyboard.press("Escape")
        assert faults(page) == []


@pytest.mark.parametrize("place", ["Station", "Messages", "Workbench"])
def test_a_phone(visit: Callable[..., Any], name: str, place: str) -> None:
    page = visit(f"?cp={name}", size=PHONE)
    page.get_by_role("navigation").get_by_role("button", name=place).click()
    assert faults(page) == []
