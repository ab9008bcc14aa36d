"""The head of the page, and how charge points come to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect
from server.client import Client

from ocppsim.csms import CentralSystem


def fact(page: Any, name: str) -> Any:
    return page.locator("#facts > div").filter(has=page.locator("dt", has_text=name)).locator("dd")


def test_it_tells_what_is_connected_to_what(
    visit: Callable[..., Any], make: Callable[..., str], client: Client
) -> None:
    name = make()
    page = visit(f"?cp={name}")
    expect(page).to_have_title(f"{name} · ocppsim")
    expect(fact(page, "OCPP")).to_have_text("1.6")
    expect(fact(page, "URL")).to_have_text(client.get(f"/cp/{name}").json["url"])
    expect(fact(page, "Connected")).to_have_text(re.compile(r"for \d+ s"))
    expect(fact(page, "Security")).to_have_text("0 · plain")
    expect(fact(page, "Queue")).to_have_text("empty")
    expect(fact(page, "Violations")).to_have_text("0")


def test_disconnect_and_connect(visit: Callable[..., Any], make: Callable[..., str]) -> None:
    page = visit(f"?cp={make()}")
    page.get_by_role("button", name="Disconnect", exact=True).click()
    expect(fact(page, "Connected")).to_have_text("no")
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(fact(page, "Connected")).to_have_text(re.compile("^for"))


def test_what_waits_in_the_queue_is_counted(
    visit: Callable[..., Any], make: Callable[..., str], client: Client
) -> None:
    name = make(station=True)
    page = visit(f"?cp={name}")
    page.get_by_role("button", name="Plug in", exact=True).click()
    page.get_by_role("button", name="Hold up card").click()
    expect(page.get_by_role("button", name=re.compile("^1 "))).to_have_text("1 Charging")
    client.post(f"/cp/{name}/disconnect", {"how": "reset"})
    expect(fact(page, "Queue")).to_have_text(re.compile(r"\d+ waiting"))


def test_the_address_fills_in_a_charge_point(visit: Callable[..., Any], client: Client) -> None:
    with CentralSystem() as csms:
        page = visit(f"?connectTemplate={csms.url}/charging&cp=chargepoint001")
        dialog = page.get_by_role("dialog", name="Connect a charge point")
        expect(dialog.get_by_label("URL of the CSMS")).to_have_value(f"{csms.url}/charging")
        expect(dialog.get_by_label("Name (identity)")).to_have_value("chargepoint001")
        dialog.get_by_role("button", name="Connect", exact=True).click()
        expect(dialog).to_be_hidden()
        expect(page.get_by_label("Charge point", exact=True)).to_have_value("chargepoint001")
        expect(fact(page, "URL")).to_have_text(f"{csms.url}/charging/chargepoint001")
        assert csms.charge_points == ["chargepoint001"]
        page.get_by_role("button", name="More for this charge point").click()
        page.get_by_role("button", name="Remove this charge point").click()
        expect(page.locator("#who option[value=chargepoint001]")).to_have_count(0)


def test_a_csms_that_is_not_there(visit: Callable[..., Any]) -> None:
    page = visit(expected=("424",))
    page.get_by_role("button", name="Connect another charge point").click()
    dialog = page.get_by_role("dialog", name="Connect a charge point")
    dialog.get_by_label("URL of the CSMS").fill("ws://127.0.0.1:1")
    dialog.get_by_role("button", name="Connect", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("connection refused")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()


def test_light_and_dark(visit: Callable[..., Any]) -> None:
    page = visit()
    root = page.locator("html")
    expect(root).to_have_attribute("data-theme", "light")
    page.get_by_role("button", name="Light or dark").click()
    expect(root).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(root).to_have_attribute("data-theme", "dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 19, 23)"
