"""The pictures for README and docs: ``make screenshots`` keeps them, else they are only made."""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from server.client import Client

PHONE = {"width": 390, "height": 844}
SCRIPT = """\
boot = cp.send_boot_notification(
    chargePointVendor="vendor", chargePointModel="model"
)
print("boot:", boot["status"])

@cp.on("Reset")
def reset(request):
    return {"status": "Accepted"}
"""

# the clock of the chart, which goes ahead with each look
CLOCK = """() => {
    const now = performance.now.bind(performance);
    window.ahead = 0;
    performance.now = () => now() + window.ahead;
}"""
LOOK = """async () => {
    const { store } = await import('/web/js/store.js');
    window.ahead += 4000;
    await store.look();
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    kept = os.environ.get("SCREENSHOTS")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("pictures")
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def lively(make: Callable[..., str], client: Client) -> str:
    """A car charges, and the CSMS has asked for things."""
    name = make(station=True, name="CP-DEMO")
    client.post(f"/cp/{name}/station/plug-in", {"connector": 1})
    client.post(f"/cp/{name}/station/present-id-tag", {"idTag": "04E8C2A2", "connector": 1})
    client.post(f"/csms/{name}/call/GetConfiguration", {"key": ["HeartbeatInterval"]})
    client.post(f"/cp/{name}/call/StatusNotification?validate=false", {"connectorId": 1})
    return name


def colours(picture: Path) -> int:
    """How many different pixels a PNG of 8 bits has, filters aside: more than a few lines."""
    data = picture.read_bytes()
    place, packed = 8, b""
    while place < len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        if data[place + 4 : place + 8] == b"IDAT":
            packed += data[place + 8 : place + 8 + length]
        place += length + 12
    raw = zlib.decompress(packed)
    return len({raw[place : place + 3] for place in range(0, len(raw), 3)})


def keep(page: Any, folder: Path, name: str) -> None:
    # no focus ring, no notice in the picture
    page.evaluate("() => { document.activeElement.blur(); }")
    for notice in page.locator("#toasts button").all():
        notice.click()
    path = folder / f"{name}.png"
    path.write_bytes(page.screenshot())
    assert colours(path) > 500


def charge(page: Any, client: Client, name: str) -> None:
    """Three minutes of a session on the chart, with a pause."""
    expect(page.get_by_role("button", name=re.compile("^1 "))).to_have_text("1 Charging")
    page.evaluate(CLOCK)
    for act in ("pause-car", "resume-car", None):
        for _ in range(15):
            page.evaluate(LOOK)
        if act:
            client.post(f"/cp/{name}/station/{act}", {"connector": 1})
    expect(page.locator(".display-1")).to_have_text("Charging")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page(
    visit: Callable[..., Any], lively: str, client: Client, folder: Path, dark: bool
) -> None:
    page = visit(f"?cp={lively}", dark=dark, device_scale_factor=1.5)
    charge(page, client, lively)
    page.get_by_role("textbox", name="Script", exact=True).fill(SCRIPT)
    page.get_by_role("button", name="Clear").click()
    client.post(f"/csms/{lively}/call/GetConfiguration", {"key": ["HeartbeatInterval"]})
    client.post(f"/cp/{lively}/call/StatusNotification?validate=false", {"connectorId": 1})
    expect(page.locator("button.line").nth(6)).to_be_visible()
    keep(page, folder, f"page-{'dark' if dark else 'light'}")


def test_a_message(visit: Callable[..., Any], lively: str, client: Client, folder: Path) -> None:
    page = visit(f"?cp={lively}", device_scale_factor=1.5)
    charge(page, client, lively)
    page.locator("button.line").filter(has_text="StartTransaction").click()
    page.locator(".detail .means").first.wait_for()
    keep(page, folder, "message")


def test_all_at_once(
    visit: Callable[..., Any], make: Callable[..., str], client: Client, folder: Path
) -> None:
    names = [make(station=True, name=f"DEPOT-{number:02}") for number in range(1, 13)]
    for name in names[2:8]:
        client.post(f"/cp/{name}/station/plug-in", {"connector": 1})
    for name in names[4:8]:
        act = {"idTag": "04E8C2A2", "connector": 1}
        client.post(f"/cp/{name}/station/present-id-tag", act)
    client.post(f"/cp/{names[9]}/station/fault", {"connector": 1, "errorCode": "GroundFailure"})
    client.post(f"/cp/{names[10]}/disconnect")
    page = visit(device_scale_factor=1.5)
    page.locator("#all").click()
    page.get_by_label("Find charge points").fill("DEPOT")
    expect(page.locator(".tile")).to_have_count(12)
    expect(page.locator(".tile[data-status=Charging]")).to_have_count(4)
    page.get_by_role("checkbox", name="Choose DEPOT-05").check()
    expect(page.locator("#fleet [role=status]")).to_contain_text(
        re.compile(r"· [1-9]\d* messages/s")
    )
    keep(page, folder, "all")


def test_a_phone(visit: Callable[..., Any], lively: str, client: Client, folder: Path) -> None:
    page = visit(f"?cp={lively}", size=PHONE, device_scale_factor=2)
    charge(page, client, lively)
    keep(page, folder, "phone")
