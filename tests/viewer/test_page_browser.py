"""The page in a real browser: what it shows, its keys, and that it asks the network for nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ocppsim.viewer import html_page, read_record

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is missing")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(180),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is missing"),
]

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def show(browser: Any, samples: Any, tmp_path: Path) -> Iterator[Open]:
    """Opens a page of some lines; at the end no error was logged and nothing was asked for."""
    said: list[str] = []
    asked: list[str] = []
    pages = []

    def open_page(lines: Any, **options: Any) -> Any:
        entries = read_record(samples.record(lines).splitlines(True)).entries
        path = tmp_path / "page.html"
        path.write_text(html_page(entries, title="run.jsonl"), encoding="utf-8")
        page = browser.new_page(**options)
        page.set_default_timeout(20000)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: (said.append("a dialog"), dialog.dismiss()))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert len([url for url in asked if url.startswith("file:")]) == len(pages)


def rows(page: Any) -> list[str]:
    """The numbers of the frames that are shown."""
    return page.locator(".frame .no").all_text_contents()


def test_it_shows_every_frame_and_what_is_wrong(show: Open, samples: Any) -> None:
    page = show(samples.conversation())
    assert rows(page) == [str(number) for number in range(1, 22)]
    assert page.locator(".frame").first.inner_text().split()[:3] == [
        "1",
        "12:00:00.123",
        "BootNotification",
    ]
    assert "'seven' is not an integer" in page.locator(".frame.faulty").first.inner_text()
    assert page.locator(".frame.faulty").count() == 4
    assert page.locator("#names b").all_inner_texts() == ["CP_1", "CSMS"]
    assert page.get_by_text("no answer").count() == 2
    assert page.get_by_text("4 s later").count() == 1


def test_a_payload_opens_by_click_and_by_key(show: Open, samples: Any) -> None:
    page = show(samples.conversation())
    line = page.locator(".line").nth(8)
    line.click()
    assert line.get_attribute("aria-expanded") == "true"
    text = page.locator("pre").inner_text()
    assert text.splitlines()[:4] == [
        "{",
        '  "connectorId": 1,',
        '  "transactionId": 7,',
        '  "meterValue": [',
    ]
    assert page.locator("pre .k").first.inner_text() == '"connectorId"'
    page.keyboard.press("Escape")
    assert page.locator("pre").count() == 0
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.locator("pre").inner_text() == "{}"
    page.keyboard.press("ArrowLeft")
    assert page.locator("pre").count() == 0
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")
    assert page.locator("pre").inner_text() == "AAEC"


def test_a_call_and_its_answer_are_linked(show: Open, samples: Any) -> None:
    page = show(samples.conversation())
    page.locator(".line").nth(6).hover()
    assert page.locator(".frame.pair .no").all_inner_texts() == ["7", "8"]
    page.locator(".line").nth(6).focus()
    page.keyboard.press("p")
    assert page.evaluate("document.activeElement.querySelector('.no').textContent") == "8"
    page.keyboard.press("Enter")
    page.get_by_role("button", name="#7").click()
    assert page.evaluate("document.activeElement.querySelector('.no').textContent") == "7"


def test_filters(show: Open, samples: Any) -> None:
    page = show(samples.conversation())
    page.locator("#search").fill("heartbeat")
    page.get_by_text("3 of 21 frames", exact=True).wait_for()
    assert rows(page) == ["17", "18", "19"]
    page.locator(".chip.t-CALLRESULT").click()
    assert rows(page) == ["17", "19"]
    page.locator("#search").fill("no such thing")
    page.get_by_text("No frame passes the filters.").wait_for()
    page.locator("#search").fill("")
    page.get_by_text("14 of 21 frames", exact=True).wait_for()
    page.get_by_role("button", name="only violations").click()
    assert rows(page) == ["11", "15", "21"]
    # to the answer of a call, which the filters hide
    page.locator(".line").first.focus()
    page.keyboard.press("p")
    assert page.evaluate("document.activeElement.querySelector('.no').textContent") == "12"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"


def test_what_comes_from_the_wire_stays_text(show: Open, samples: Any) -> None:
    evil = "</script><img src=x onerror=alert(1)>"
    lines = [
        samples.line(1, 0, "sent", [2, evil, evil, {evil: evil}], chargePoint=evil),
        samples.line(2, 0, "received", evil, faults=[(evil, evil, evil)], chargePoint=evil),
    ]
    page = show(lines)
    for line in page.locator(".line").all():
        line.click()
    assert page.locator("img").count() == 0
    assert evil in page.locator("pre").nth(1).inner_text()
    assert page.locator("#names b").first.inner_text() == evil


def test_several_charge_points(show: Open, samples: Any) -> None:
    page = show(samples.long(60, 3))
    assert page.locator("#names b").all_inner_texts() == ["CP_1", "CP_2", "CP_3", "CSMS"]
    page.locator("#who").select_option(label="CP_2")
    assert page.locator("#names b").all_inner_texts() == ["CP_2", "CSMS"]
    assert len(rows(page)) == 20
    crowd = show(samples.long(60, 30))
    assert crowd.locator("#names b").all_inner_texts() == ["30 charge points", "CSMS"]


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_window(
    show: Open, samples: Any, width: int, scheme: str
) -> None:
    page = show(
        samples.conversation(), viewport={"width": width, "height": 800}, color_scheme=scheme
    )
    for line in page.locator(".line").all():
        line.click()
    page.locator("#actions summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 27)"
    assert dark == (scheme == "dark")


def test_ten_thousand_frames_do_not_freeze_it(show: Open, samples: Any) -> None:
    page = show(samples.long(10000))
    assert page.locator(".frame").count() < 500
    ready = page.evaluate(
        "performance.timing.domContentLoadedEventEnd - performance.timing.responseEnd"
    )
    assert ready < 5000
    page.locator(".line").first.focus()
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.querySelector('.no').textContent") == "10000"
    page.locator("#search").fill("id-4999")
    page.get_by_text("2 of 10000 frames", exact=True).wait_for()
