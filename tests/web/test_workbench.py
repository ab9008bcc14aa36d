"""The right of the page: scripts, single messages, faults, keys, who answers, certificates."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect
from server.client import Client

SNIPPETS = [
    "Startup",
    "BootNotification",
    "StatusNotification",
    "Authorize",
    "StartTransaction",
    "MeterValues",
    "StopTransaction",
]


@pytest.fixture
def name(make: Callable[..., str]) -> str:
    return make()


@pytest.fixture
def page(visit: Callable[..., Any], name: str) -> Any:
    page = visit(f"?cp={name}", expected=("424", "422"))
    expect(page.locator("#workbench")).not_to_contain_text("is not connected")
    return page


def editor(page: Any) -> Any:
    return page.get_by_role("textbox", name="Script", exact=True)


def press(page: Any, name: str) -> None:
    page.locator("#workbench").get_by_role("button", name=name, exact=True).click()


def tab(page: Any, name: str) -> Any:
    page.get_by_role("tab", name=name, exact=True).click()
    return page.get_by_role("tabpanel")


def rows(page: Any, action: str) -> Any:
    return page.locator("button.line").filter(has_text=action)


# --- Script ---


def test_a_script_runs_and_its_output_is_shown(page: Any) -> None:
    editor(page).fill("cp.send_heartbeat()\nprint('said', cp.name)\n")
    press(page, "Run")
    expect(page.get_by_role("log", name="Output of the script")).to_contain_text("said WEB")
    expect(rows(page, "Heartbeat")).to_have_count(1)


def test_an_error_is_marked_at_its_line(page: Any) -> None:
    editor(page).fill("x = 1\n\nx / 0\n")
    press(page, "Run")
    expect(page.get_by_role("group", name="Traceback")).to_contain_text("ZeroDivisionError")
    marked = page.locator(".at-fault")
    expect(marked).to_have_count(1)
    assert marked.evaluate("(one) => [...one.parentElement.children].indexOf(one)") == 2
    expect(page.locator(".code-fault")).to_contain_text("division by zero")


def test_a_script_is_stopped(page: Any, client: Client, name: str) -> None:
    editor(page).fill("print('waits')\ncp.expect('Reset', timeout=1000)\n")
    editor(page).press("Control+Enter")
    expect(page.get_by_role("log", name="Output of the script")).to_contain_text("waits")
    assert client.get(f"/cp/{name}").json["busy"]
    press(page, "Stop")
    expect(page.get_by_role("log", name="Notices")).to_contain_text("Stopped")
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_enabled()
    assert not client.get(f"/cp/{name}").json["busy"]


def test_the_output_is_copied_over_plain_http_too(page: Any) -> None:
    """Where the server is another machine, the browser gives no `navigator.clipboard`."""
    page.evaluate(
        """() => {
            Object.defineProperty(navigator, 'clipboard', { value: undefined });
            document.addEventListener('copy', () => (window.copied = String(getSelection())));
        }"""
    )
    editor(page).fill("print('copy me')\n")
    press(page, "Run")
    expect(page.get_by_role("log", name="Output of the script")).to_contain_text("copy me")
    press(page, "Copy the output")
    expect(page.get_by_role("log", name="Notices")).to_contain_text("Copied")
    assert "copy me" in page.evaluate("window.copied")


def test_the_text_is_kept_and_the_past_comes_back(page: Any) -> None:
    editor(page).fill("print('first')\n")
    press(page, "Run")
    expect(page.get_by_role("log", name="Output of the script")).to_contain_text("first")
    editor(page).fill("print('second')\n")
    page.wait_for_function("() => localStorage.script === \"print('second')\\n\"")
    page.reload()
    expect(editor(page)).to_have_value("print('second')\n")
    press(page, "History")
    past = page.get_by_role("dialog", name="Scripts that were run")
    past.get_by_role("button").filter(has_text="first").first.click()
    expect(editor(page)).to_have_value("print('first')\n")


def test_the_usual_calls_are_inserted_and_run(page: Any) -> None:
    for snippet in SNIPPETS:
        editor(page).press("Control+End")
        press(page, snippet)
    text = editor(page).input_value()
    for snippet in SNIPPETS[1:]:
        call = re.sub(r"(?<!^)(?=[A-Z])", "_", snippet).lower()
        assert f"cp.send_{call}(" in text
    press(page, "Run")
    expect(rows(page, "StopTransaction")).to_have_count(1)
    expect(page.locator("li.bad, li.error")).to_have_count(0)
    expect(page.get_by_role("group", name="Traceback")).to_be_hidden()


def test_continuous_messages(page: Any, client: Client, name: str) -> None:
    page.get_by_label("Seconds between heartbeats").fill("0.2")
    page.get_by_role("checkbox", name="Heartbeats").check()
    expect(rows(page, "Heartbeat").nth(2)).to_be_visible()
    page.get_by_role("checkbox", name="Heartbeats").uncheck()
    page.get_by_label("Seconds between MeterValues").fill("0.2")
    page.get_by_label("Power, in watts").fill("11000")
    page.get_by_role("checkbox", name="MeterValues").check()
    expect(rows(page, "MeterValues").nth(2)).to_be_visible()
    expect(rows(page, "MeterValues").first).to_contain_text("11000 W")
    page.get_by_role("checkbox", name="MeterValues").uncheck()
    expect(page.get_by_role("checkbox", name="MeterValues")).not_to_be_checked()
    shown = client.get(f"/cp/{name}").json
    assert (shown["heartbeat"], shown["meter_values"]) == (None, None)


# --- Send ---


def pick(page: Any, action: str) -> Any:
    panel = tab(page, "Send")
    panel.get_by_role("combobox", name="Action to send").click()
    page.locator(f".picker-list [data-value={action}]").click()
    return panel


@pytest.mark.parametrize(
    "action",
    ["BootNotification", "Authorize", "StartTransaction", "MeterValues", "StatusNotification"],
)
def test_a_message_from_its_form_at_once(page: Any, action: str) -> None:
    panel = pick(page, action)
    panel.get_by_role("button", name="Send", exact=True).click()
    answer = page.get_by_role("region", name="Answer")
    expect(answer).to_contain_text("ms")
    row = rows(page, action).last
    expect(row).to_have_attribute("aria-label", f"{action}, from the charge point, answered")
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", action).lower()
    expect(panel).to_contain_text(f"cp.send_{snake}(")


def test_what_breaks_the_schema_is_said_and_sent_all_the_same(page: Any) -> None:
    panel = pick(page, "Authorize")
    panel.get_by_label("idTag", exact=True).fill("x" * 21)
    expect(panel).to_contain_text("21 characters, at most 20 are allowed")
    panel.get_by_role("button", name="Send it all the same").click()
    expect(rows(page, "Authorize")).to_have_attribute(
        "aria-label", re.compile("breaks the protocol")
    )


def test_raw_nonsense_is_sent(page: Any) -> None:
    panel = tab(page, "Send")
    panel.get_by_role("radio", name="Raw").check(force=True)
    panel.get_by_label("Text of the message").fill("[2, 'nonsense'")
    panel.get_by_role("button", name="Send", exact=True).click()
    expect(rows(page, "nonsense")).to_have_count(1)


def test_one_plays_the_csms(page: Any) -> None:
    panel = tab(page, "Send")
    panel.get_by_role("radio", name="As CSMS").check(force=True)
    panel.get_by_role("combobox", name="Action to send").click()
    page.locator(".picker-list [data-value=GetConfiguration]").click()
    panel.get_by_role("button", name="Send", exact=True).click()
    expect(rows(page, "GetConfiguration")).to_have_attribute(
        "aria-label", re.compile("from the CSMS")
    )


# --- Faults ---


def test_the_line_is_dropped(page: Any) -> None:
    tab(page, "Faults").get_by_role("button", name="Reset the connection").click()
    expect(page.get_by_role("button", name="Connect", exact=True)).to_be_visible()


def test_the_line_is_stalled(page: Any, client: Client, name: str) -> None:
    panel = tab(page, "Faults")
    panel.get_by_label("Seconds to stall").fill("600")
    panel.get_by_role("button", name="Stall", exact=True).click()
    expect(page.get_by_role("log", name="Notices")).to_contain_text("Nothing comes through")
    late = client.post(f"/cp/{name}/call/Heartbeat?timeout=0.2")
    assert (late.status, late.error["kind"]) == (424, "CallTimeout")
    panel.get_by_role("button", name="End it").click()
    expect(page.get_by_role("log", name="Notices")).to_contain_text("The line is open again")
    assert client.post(f"/cp/{name}/call/Heartbeat").status == 200


def test_something_malformed_is_sent(page: Any) -> None:
    panel = tab(page, "Faults")
    panel.get_by_role("button", name="Broken JSON").click()
    expect(page.locator("li.bad")).to_have_count(1)
    panel.get_by_role("button", name="No payload").click()
    expect(page.locator("li.bad")).to_have_count(2)


def test_the_next_request_is_answered_with_an_error(page: Any, client: Client, name: str) -> None:
    panel = tab(page, "Faults")
    panel.get_by_label("Action that is answered").select_option("Reset")
    how = panel.get_by_label("How it is answered")
    error = next(text for text in how.locator("option").all_inner_texts() if "CALLERROR" in text)
    how.select_option(label=error)
    panel.get_by_role("button", name="Set this answer").click()
    expect(panel.get_by_role("button", name="Remove the answers set for Reset")).to_be_visible()
    asked = client.post(f"/csms/{name}/call/Reset", {"type": "Soft"})
    assert (asked.status, asked.error["kind"]) == (424, "CallError")
    assert client.get(f"/cp/{name}/handlers").json == {"handlers": []}


# --- Keys, Answers, Certificates ---


def test_configuration_keys_are_set(page: Any, client: Client, name: str) -> None:
    panel = tab(page, "Keys")
    panel.get_by_label("Search the keys").fill("ping")
    value = panel.get_by_label("WebSocketPingInterval")
    value.fill("45")
    value.press("Enter")
    expect(panel.get_by_role("status").filter(has_text="kept")).to_be_visible()
    assert client.get(f"/cp/{name}/configuration/WebSocketPingInterval").json["value"] == 45


def test_who_answers_what(visit: Callable[..., Any], make: Callable[..., str]) -> None:
    page = visit(f"?cp={make(station=True)}")
    panel = tab(page, "Answers")
    row = panel.locator("tr").filter(has_text="ChangeAvailability")
    expect(row).to_contain_text("core")
    expect(row).to_contain_text("NotSupported")
    expect(panel).to_contain_text("ocppsim-core")


def test_certificates_of_a_plain_line(page: Any) -> None:
    panel = tab(page, "Certificates")
    expect(panel).to_contain_text("This connection has no TLS")
    expect(panel.get_by_role("link", name="How to connect with TLS")).to_be_visible()
