"""What comes over the wire is text, and the page has no place for a script that is not its own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from server.client import Client
from web.waiting import until

import ocppsim.server
from ocppsim import schema
from ocppsim.csms import CentralSystem
from ocppsim.v16.actions import PROTOCOL

EVIL = "<img src=x onerror=document.title='gotcha'>"
WEB = Path(ocppsim.server.__file__).parent / "web"


def evil(schema: dict[str, Any]) -> Any:
    """A value of this shape, with HTML in each string, also where only few are allowed."""
    if schema.get("type") == "object":
        return {name: evil(of) for name, of in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [evil(schema.get("items", {}))]
    return {"integer": 1, "number": 1.0, "boolean": True}.get(schema.get("type", ""), EVIL)


def test_html_in_every_string_of_the_csms_is_shown_as_text(
    visit: Callable[..., Any], make: Callable[..., str], client: Client
) -> None:
    with CentralSystem() as csms:
        name = make(url=csms.url)
        page = visit(f"?cp={name}")
        for action in PROTOCOL.from_charge_point.values():
            csms.answer(action.name, evil(schema.derive(action.response)))
            client.post(f"/cp/{name}/call/{action.name}?validate=false", {"evil": EVIL})
        for number, action in enumerate(PROTOCOL.from_csms.values()):
            payload = evil(schema.derive(action.request))
            csms.send_raw(name, json.dumps([2, f"{EVIL}{number}", action.name, payload]))
        csms.send_raw(name, json.dumps([2, "unknown", EVIL, {EVIL: EVIL}]))
        csms.send_raw(name, json.dumps([4, EVIL, EVIL, EVIL, {EVIL: EVIL}]))
        csms.send_raw(name, EVIL)
        client.post(f"/cp/{name}/call/Heartbeat")
        looked_through(page)


def test_html_from_scripts_keys_and_errors_is_shown_as_text(
    visit: Callable[..., Any], make: Callable[..., str], client: Client
) -> None:
    name = make()
    page = visit(f"?cp={name}")
    client.post(f"/cp/{name}/raw", {"text": EVIL})
    client.post(f"/cp/{name}/raw", {"text": json.dumps([2, EVIL, EVIL, {EVIL: EVIL}])})
    key = {"key": "Evil", "value": EVIL, "description": EVIL, "unit": "<b>"}
    assert client.post(f"/cp/{name}/configuration", key).status == 201
    answer = {"payload": {"status": EVIL}, "validate": False}
    assert client.put(f"/cp/{name}/handlers/Reset", answer).status == 200
    editor = page.get_by_role("textbox", name="Script", exact=True)
    editor.fill(f"print({EVIL!r})\nraise ValueError({EVIL!r})\n")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#workbench")).to_contain_text(f"ValueError: {EVIL}")
    looked_through(page)
    page.get_by_role("tab", name="Keys").click()
    expect(page.locator("#workbench")).to_contain_text(EVIL)
    assert page.locator("img").count() == 0


CARD = "<img src=x>"


def test_html_in_names_addresses_and_cards_is_shown_as_text(
    visit: Callable[..., Any], make: Callable[..., str], client: Client
) -> None:
    name = make(station=True)
    far = make(url=f"ws://127.0.0.1:1/{CARD}", connect=False)
    page = visit(f"?cp={name}", expected=("422", "424"))
    page.get_by_role("button", name="Plug in", exact=True).click()
    page.get_by_label("idTag of the card").fill(CARD)
    page.get_by_role("button", name="Hold up card").click()
    expect(page.locator("#station .numbers")).to_contain_text(CARD)
    page.get_by_role("button", name="Connect another charge point").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name (identity)").fill(CARD)
    dialog.get_by_role("button", name="Connect", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text(CARD)
    dialog.get_by_role("button", name="Cancel").click()
    page.get_by_label("Charge point", exact=True).select_option(far)
    expect(page.locator("#facts")).to_contain_text("%3Cimg")
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.get_by_role("log", name="Notices")).to_contain_text("%3Cimg")
    assert page.locator("img").count() == 0


def test_html_in_the_list_of_charge_points_is_shown_as_text(
    visit: Callable[..., Any], client: Client
) -> None:
    """The server takes no such names, and codes URLs; the page does not count on it."""
    page = visit(expected=("404",))
    (one, *_) = client.get("/cp").json["chargePoints"]
    changed = {"name": EVIL, "url": EVIL, "version": EVIL, "connectors": {"1": EVIL}}
    listed = {"chargePoints": [one | changed]}
    page.route("**/cp", lambda route: route.fulfill(json=listed))
    page.reload()
    expect(page.locator("#facts")).to_contain_text(EVIL)
    expect(page.locator("#who option")).to_have_text(EVIL)
    page.locator("#all").click()
    expect(page.locator(".tile")).to_contain_text(EVIL)
    assert page.locator("img").count() == 0


def test_html_in_what_the_server_logs_is_shown_as_text(
    visit: Callable[..., Any], make: Callable[..., str], client: Client
) -> None:
    name = make()
    page = visit(f"?cp={name}")
    fails = f"@cp.on('Reset')\ndef reset(request):\n    raise ValueError({EVIL!r})\n"
    script = f"{fails}cp.vars.reset = cp.wait_for_request('Reset', timeout=30)\n"
    begun = client.post(f"/cp/{name}?background=true&wait=false", script, media="text/x-python")
    assert begun.status == 202
    until(page, f"async () => (await (await fetch('/cp/{name}')).json()).busy")
    client.post(f"/csms/{name}/call/Reset", {"type": "Soft"})
    expect(page.get_by_role("log", name="Notices")).to_contain_text("Reset")
    assert page.locator("img").count() == 0


def looked_through(page: Any) -> None:
    """Open each row and each tab: nothing of it has become HTML."""
    lines = page.locator("button.line")
    expect(lines.filter(has_text="onerror").first).to_be_visible()
    page.keyboard.press("Escape")
    lines.first.focus()
    for _ in range(120):
        page.keyboard.press("Enter")
        before = page.evaluate("document.activeElement.getAttribute('aria-label')")
        page.wait_for_timeout(0)
        page.keyboard.press("ArrowDown")
        if page.evaluate("document.activeElement.matches('li:last-child > button')"):
            break
    expect(page.locator(".detail").filter(has_text="onerror").first).to_be_attached()
    assert before
    for tab in page.locator("#workbench").get_by_role("tab").all():
        tab.click()
        page.locator("#workbench").get_by_role("tabpanel").first.wait_for()
    page.locator("#all").click()
    page.locator("#all").click()
    assert page.locator("img").count() == 0
    assert "gotcha" not in page.title()


@pytest.mark.parametrize(
    "path",
    ["?cp=%3Cimg%20src=x%20onerror=alert(1)%3E", "?connectTemplate=javascript:alert(1)&cp=a"],
)
def test_html_in_the_address_is_text(visit: Callable[..., Any], path: str) -> None:
    page = visit(path)
    expect(page.get_by_role("dialog")).to_be_visible()
    assert page.locator("img").count() == 0


def test_a_script_in_the_page_does_not_run(visit: Callable[..., Any]) -> None:
    page = visit(expected=("Content Security Policy", "TrustedHTML", "TrustedScript"))
    ran = page.evaluate(
        """() => {
            const script = document.createElement('script');
            try { script.textContent = 'window.ran = 1'; } catch { }
            document.body.append(script);
            let html = 'refused';
            try { document.body.innerHTML = '<p>'; html = 'taken'; } catch { }
            return [window.ran ?? null, html];
        }"""
    )
    assert ran == [None, "refused"]


def test_the_policy(client: Client) -> None:
    policy = client.get("/").headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "require-trusted-types-for 'script'" in policy


SINKS = (
    r"innerHTML|outerHTML|insertAdjacentHTML|setHTML|createContextualFragment|DOMParser"
    r"|document\.write|insertHTML|\beval\(|new Function|srcdoc|javascript:"
    r"|setAttribute\(\W*(on|style)|set(Timeout|Interval)\(\s*[\"'`]"
)
ADDRESS = r"(?:https?:|wss?:)?//[\w.-]+\.\w{2,}|@import"
FILES = sorted(path for path in WEB.rglob("*.*") if path.is_file())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_makes_html_or_names_another_host(path: Path) -> None:
    text = path.read_text().replace("http://www.w3.org/2000/svg", "")
    assert not re.search(SINKS, text)
    assert not re.search(ADDRESS, re.sub(r"(?m)/\*.*?\*/", "", text))


@pytest.mark.parametrize("picture", ["icons.svg", "logo.svg"])
def test_pictures_have_no_scripts(picture: str) -> None:
    assert not re.search(r"<script|\son\w+=|foreignObject", (WEB / picture).read_text(), re.I)


def test_the_html_has_neither_scripts_nor_styles_in_it() -> None:
    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            names = dict(attrs)
            assert tag != "style"
            assert tag != "script" or "src" in names
            assert not [name for name in names if name == "style" or name.startswith("on")]
            for name in ("src", "href"):
                assert (names.get(name) or "/").startswith(("/", "#"))

    Parser().feed((WEB / "index.html").read_text())
