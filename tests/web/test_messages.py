"""The middle of the page: what is said, found, held still, and taken home."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command import environment
from docs.installed import python_path
from playwright.sync_api import expect
from server.client import Client

from ocppsim.csms import CentralSystem


def lines(page: Any) -> Any:
    return page.locator("button.line")


def labels(page: Any) -> list[str]:
    return [str(one.get_attribute("aria-label")) for one in lines(page).all()]


@pytest.fixture
def name(make: Callable[..., str], client: Client) -> str:
    """A charge point that has said: Heartbeat, Authorize, a bad message, a bad call; it was asked
    for a Reset."""
    name = make()
    client.post(f"/cp/{name}/call/Heartbeat")
    client.post(f"/cp/{name}/call/Authorize", {"idTag": "FINDME"})
    client.post(f"/cp/{name}/raw", {"text": '[2, "odd", nonsense'})
    client.post(f"/cp/{name}/call/BootNotification?validate=false", {})
    client.post(f"/csms/{name}/call/Reset", {"type": "Soft"})
    return name


@pytest.fixture
def page(visit: Callable[..., Any], name: str) -> Any:
    page = visit(f"?cp={name}")
    expect(lines(page)).to_have_count(5)
    return page


def test_a_call_and_its_answer_are_one_row(page: Any) -> None:
    assert labels(page) == [
        "Heartbeat, from the charge point, answered",
        "Authorize, from the charge point, answered",
        "not a message, from the charge point, breaks the protocol",
        "BootNotification, from the charge point, breaks the protocol",
        "Reset, from the CSMS, CALLERROR",
    ]
    authorize = lines(page).nth(1)
    expect(authorize).to_contain_text("FINDME")
    expect(authorize).to_contain_text("Accepted")
    assert authorize.locator(".latency").inner_text().endswith(" ms")
    assert authorize.locator(".time").inner_text().count(":") == 2
    wrong = lines(page).nth(3).locator(".fault")
    expect(wrong).to_contain_text("is missing")
    assert wrong.evaluate("(one) => getComputedStyle(one).color") == "rgb(187, 33, 41)"


def test_a_row_opens_to_what_each_field_means(page: Any) -> None:
    lines(page).nth(1).click()
    detail = page.locator(".detail")
    expect(detail).to_contain_text("Authorize")
    expect(detail.locator(".tree .name").first).to_have_text("idTag")
    expect(detail.locator(".value").first).to_have_text('"FINDME"')
    expect(detail.locator(".means").first).not_to_be_empty()
    detail.get_by_text("As on the wire").first.click()
    wire = json.loads(detail.locator("pre").first.inner_text())
    assert (wire[0], wire[2], wire[3]) == (2, "Authorize", {"idTag": "FINDME"})
    lines(page).nth(1).click()
    expect(detail).to_be_hidden()


def test_errors_are_explained(page: Any) -> None:
    lines(page).nth(4).click()
    note = page.locator(".detail .note")
    expect(note).to_contain_text("NotSupported")
    expect(note).to_contain_text("does not support it")
    lines(page).nth(2).click()
    expect(page.locator(".detail").first).to_contain_text("not JSON")


@pytest.mark.parametrize(
    ("search", "found"), [("findme", 1), ("odd", 1), ("currentTime", 1), ("nothing at all", 0)]
)
def test_search(page: Any, search: str, found: int) -> None:
    page.get_by_label("Search in messages").fill(search)
    expect(lines(page)).to_have_count(found)
    if not found:
        page.get_by_role("button", name="Show all").click()
        expect(lines(page)).to_have_count(5)


def test_filters(page: Any, client: Client, name: str) -> None:
    page.get_by_label("Action").select_option("Reset")
    expect(lines(page)).to_have_count(1)
    page.get_by_label("Action").select_option("")
    page.get_by_label("Direction").select_option("theirs")
    expect(lines(page)).to_have_count(1)
    page.get_by_label("Direction").select_option("own")
    expect(lines(page)).to_have_count(4)
    page.get_by_label("Direction").select_option("")
    page.get_by_role("button", name="Hide heartbeats").click()
    expect(lines(page)).to_have_count(4)
    client.post(f"/cp/{name}/call/Heartbeat")
    client.post(f"/cp/{name}/call/Authorize", {"idTag": "LATER"})
    expect(lines(page)).to_have_count(5)
    page.get_by_role("button", name="Only problems").click()
    expect(lines(page)).to_have_count(3)


def test_pause_holds_still_and_loses_nothing(page: Any, client: Client, name: str) -> None:
    page.get_by_role("button", name="Pause").click()
    for _ in range(3):
        client.post(f"/cp/{name}/call/Heartbeat")
    more = page.get_by_role("button", name="Go on")
    expect(more).to_be_visible()
    expect(lines(page)).to_have_count(5)
    more.click()
    expect(lines(page)).to_have_count(8)


def test_clear_and_show_again(page: Any, client: Client, name: str) -> None:
    page.get_by_role("button", name="Clear").click()
    expect(lines(page)).to_have_count(0)
    client.post(f"/cp/{name}/call/Heartbeat")
    expect(lines(page)).to_have_count(1)
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("button", name="Show them again").click()
    expect(lines(page)).to_have_count(6)


def export(page: Any, text: str) -> tuple[str, str]:
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name=text).click()
    return download.value.suggested_filename, Path(download.value.path()).read_text()


def test_what_is_shown_is_exported(page: Any, name: str) -> None:
    page.get_by_label("Action").select_option("Authorize")
    expect(lines(page)).to_have_count(1)
    file, text = export(page, "JSON lines")
    assert file == f"{name}.jsonl"
    assert [json.loads(line)["type"] for line in text.splitlines()] == ["CALL", "CALLRESULT"]
    assert export(page, "CSV")[1].splitlines()[0].startswith("number,time,chargePoint")
    assert export(page, "Mermaid")[1].startswith("sequenceDiagram")
    assert '"FINDME"' in export(page, "Python script")[1]


def test_what_is_shown_is_copied(visit: Callable[..., Any], name: str) -> None:
    page = visit(f"?cp={name}", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_label("Search in messages").fill("findme")
    expect(lines(page)).to_have_count(1)
    page.get_by_role("button", name="Export").click()
    page.get_by_role("button", name="Copy as text").click()
    expect(page.get_by_role("log", name="Notices")).to_contain_text("2 messages copied")
    assert '"FINDME"' in page.evaluate("navigator.clipboard.readText()")


def test_send_again_edited(page: Any, client: Client, name: str) -> None:
    lines(page).nth(1).click()
    page.get_by_role("button", name="Send again, edited").click()
    bench = page.locator("#workbench")
    expect(bench.get_by_role("tab", name="Send")).to_have_attribute("aria-selected", "true")
    field = bench.get_by_label("idTag", exact=True)
    expect(field).to_have_value("FINDME")
    field.fill("EDITED")
    bench.get_by_role("button", name="Send", exact=True).click()
    expect(lines(page).last).to_contain_text("EDITED")


def test_make_a_script_whose_script_runs_in_batch_mode(
    visit: Callable[..., Any], make: Callable[..., str], tmp_path: Path
) -> None:
    page = visit(f"?cp={make(station=True, speed=1)}")
    page.get_by_role("button", name="Plug in", exact=True).click()
    page.get_by_role("button", name="Hold up card").click()
    page.get_by_role("button", name="Card: stop").click()
    expect(lines(page).filter(has_text="StopTransaction")).to_have_count(1)
    page.get_by_role("button", name="Unplug", exact=True).click()
    expect(lines(page).filter(has_text="Available").last).to_be_visible()
    page.get_by_role("button", name="Make a script").click()
    editor = page.get_by_role("textbox", name="Script", exact=True)
    page.wait_for_function(
        "() => document.querySelector('#workbench textarea').value.includes('StopT')"
    )
    script = tmp_path / "session.py"
    script.write_text(editor.input_value())
    with CentralSystem() as csms:
        run = subprocess.run(
            [
                sys.executable,
                "-m",
                "ocppsim",
                "--url",
                csms.url,
                "--record",
                "r.jsonl",
                str(script),
            ],
            env=environment(PYTHONPATH=python_path("", tmp_path)),
            capture_output=True,
            text=True,
            timeout=60,
            cwd=tmp_path,
        )
        assert run.returncode == 0, run.stderr
    record = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    said = [one["action"] for one in record if one["type"] == "CALL"]
    assert said[0] == "BootNotification"
    assert said.index("StartTransaction") < said.index("StopTransaction")


def test_arrow_keys_go_from_row_to_row(page: Any) -> None:
    lines(page).first.focus()
    page.keyboard.press("ArrowDown")
    expect(lines(page).nth(1)).to_be_focused()
    page.keyboard.press("End")
    expect(lines(page).nth(4)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".detail")).to_be_visible()
    page.keyboard.press("ArrowUp")
    expect(lines(page).nth(3)).to_be_focused()
