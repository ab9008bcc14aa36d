"""By keyboard alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

FOCUS = """() => {
    const one = document.activeElement;
    const style = getComputedStyle(one);
    const seen = (parseFloat(style.outlineWidth) > 0 && style.outlineStyle !== 'none')
        || style.boxShadow !== 'none'
        || [...document.querySelectorAll(':focus-visible, :has(:focus-visible)')].some(
            (other) => other.contains(one) && getComputedStyle(other).outlineStyle !== 'none');
    return [one.getAttribute('aria-label') || one.innerText || one.id, seen, one.tagName];
}"""


def tab_to(page: Any, wanted: str, most: int = 80) -> None:
    seen = []
    for _ in range(most):
        if page.evaluate("document.activeElement.matches('textarea')"):
            page.keyboard.press("Escape")  # Tab indents there
        page.keyboard.press("Tab")
        name, visible, tag = page.evaluate(FOCUS)
        seen.append(name)
        if tag != "BODY":
            assert visible, f"no visible focus: {name}"
        if (name or "").strip().startswith(wanted):
            return
    raise AssertionError(f"{wanted} is not reached: {seen}")


def test_a_session_by_keyboard(visit: Callable[..., Any], make: Callable[..., str]) -> None:
    page = visit(f"?cp={make(station=True)}")
    outlet = page.locator(".connectors button").first
    expect(outlet).to_have_text("1 Available")
    tab_to(page, "Plug in")
    page.keyboard.press("Enter")
    expect(outlet).to_have_text("1 Preparing")
    tab_to(page, "Hold up card")
    page.keyboard.press("Enter")
    expect(outlet).to_have_text("1 Charging")
    page.keyboard.press("Enter")
    expect(outlet).to_have_text("1 Finishing")
    tab_to(page, "Unplug")
    page.keyboard.press("Space")
    expect(outlet).to_have_text("1 Available")
    tab_to(page, "More for this charge point")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Connect to another URL")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("button", name="Remove this charge point")).to_be_focused()
    page.keyboard.press("Escape")
    tab_to(page, "BootNotification, from the charge point")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".detail")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator(".detail")).to_be_hidden()
    tab_to(page, "Make a script")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "() => document.querySelector('#workbench textarea').value.includes('StopT')"
    )
    page.get_by_role("tab", name="Script").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Send")).to_be_focused()
    expect(page.get_by_role("tab", name="Send")).to_have_attribute("aria-selected", "true")


def test_the_editor_indents_and_lets_go(visit: Callable[..., Any]) -> None:
    page = visit()
    editor = page.get_by_role("textbox", name="Script", exact=True)
    editor.focus()
    page.keyboard.type("if True:")
    page.keyboard.press("Enter")
    page.keyboard.type("pass")
    expect(editor).to_have_value("if True:\n    pass")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    expect(editor).not_to_be_focused()
