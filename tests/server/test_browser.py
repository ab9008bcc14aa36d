"""A page of somebody else, in a real browser: its form, its fetch and its WebSocket are refused."""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from server.client import Client, served

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is missing")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is missing"),
    pytest.mark.timeout(180),
]

FORMS = """\
<title>foreign</title>
<form id="plain" method="post" enctype="text/plain" action="{url}cp/CP1">
<input name="print(1)" value=""></form>
<form id="coded" method="post" action="{url}cp"><input name="name" value="evil"></form>
<form id="parts" method="post" enctype="multipart/form-data" action="{url}cp"></form>
<form id="empty" method="post" action="{url}cp/CP1/stop"></form>
"""

FETCHES = """
async (url) => {
    const ask = async (path, options) => {
        try {
            const answer = await fetch(url + path, options);
            return answer.type === 'opaque' ? 'opaque' : `read ${answer.status}`;
        } catch (error) {
            return 'refused';
        }
    };
    const json = {'Content-Type': 'application/json'};
    const python = {'Content-Type': 'text/x-python'};
    const body = JSON.stringify({name: 'evil', connect: false});
    return [
        await ask('cp', {}),
        await ask('cp', {method: 'POST', headers: json, body}),
        await ask('cp/evil', {method: 'POST', headers: python, body: 'pass'}),
        await ask('cp/CP1', {method: 'DELETE'}),
        await ask('events', {}),
    ];
}
"""
UNSEEN = """
async (url) => {
    const body = JSON.stringify({name: 'evil', connect: false});
    const types = ['text/plain', 'application/x-www-form-urlencoded'];
    for (const type of types) {
        const options = {method: 'POST', mode: 'no-cors', headers: {'Content-Type': type}, body};
        await fetch(url + 'cp', options).catch(() => null);
    }
    navigator.sendBeacon(url + 'cp', new Blob([body], {type: 'text/plain'}));
    await fetch(url + 'cp/CP1/stop', {method: 'POST', mode: 'no-cors'}).catch(() => null);
}
"""
SOCKET = """
(url) => new Promise((resolve) => {
    const socket = new WebSocket(url.replace('http', 'ws') + 'events');
    socket.onopen = () => resolve('open');
    socket.onerror = () => resolve('refused');
})
"""
EVENTS = """
(url) => new Promise((resolve) => {
    const source = new EventSource(url + 'events');
    source.onopen = () => resolve('open');
    source.onerror = () => resolve('refused');
})
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with served(tmp_path_factory.mktemp("target"), "--demo", plugins="") as client:
        yield client


@pytest.fixture
def foreign(browser: Any, target: Client, tmp_path: Path) -> Iterator[Any]:
    """A page of another origin, on the same machine, which is the hardest to tell."""
    (tmp_path / "index.html").write_text(FORMS.format(url=target.url))
    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = False
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        page = browser.new_page()
        try:
            page.goto(f"http://127.0.0.1:{server.server_address[1]}/")
            yield page
        finally:
            page.close()
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("form", ["plain", "coded", "parts", "empty"])
def test_a_foreign_form_is_refused(foreign: Any, target: Client, form: str) -> None:
    with foreign.expect_navigation() as navigation:
        foreign.evaluate("(form) => document.getElementById(form).submit()", form)
    assert navigation.value.status == 403
    assert [one["name"] for one in target.get("/cp").json["chargePoints"]] == ["CP1"]


def test_a_foreign_fetch_is_refused(foreign: Any, target: Client) -> None:
    assert foreign.evaluate(FETCHES, target.url) == ["refused"] * 5
    statuses = []
    foreign.on("response", lambda answer: statuses.append(answer.status))
    foreign.evaluate(UNSEEN, target.url)
    foreign.wait_for_timeout(100)
    assert set(statuses) <= {403}
    assert [one["name"] for one in target.get("/cp").json["chargePoints"]] == ["CP1"]


def test_foreign_websockets_and_events_are_refused(foreign: Any, target: Client) -> None:
    assert foreign.evaluate(SOCKET, target.url) == "refused"
    assert foreign.evaluate(EVENTS, target.url) == "refused"


def test_a_foreign_frame_or_script_shows_nothing(foreign: Any, target: Client) -> None:
    loaded = foreign.evaluate(
        """(url) => new Promise((resolve) => {
            const script = document.createElement('script');
            script.onload = () => resolve('loaded');
            script.onerror = () => resolve('refused');
            script.src = url + 'openapi.json';
            document.body.append(script);
        })""",
        target.url,
    )
    assert loaded == "refused"


def test_our_own_page_works_and_keeps_to_its_policy(browser: Any, target: Client) -> None:
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(target.url)
    page.wait_for_selector("#who option", state="attached")
    page.goto(f"{target.url}api")
    assert page.locator("section").count() > 20
    status = page.evaluate("async () => (await fetch('/cp')).status")
    assert status == 200
    assert page.evaluate(EVENTS, target.url) == "open"
    page.close()
    assert said == []


def test_a_link_with_the_token_is_followed(browser: Any, foreign: Any, tmp_path: Path) -> None:
    with served(tmp_path, "--bind", "0.0.0.0", plugins="") as client:
        token = client.url.partition("?token=")[2]
        url = f"http://127.0.0.1:{client.port}/"
        foreign.evaluate(
            """(url) => {
                const link = document.createElement('a');
                link.href = url;
                link.id = 'link';
                link.textContent = 'the server';
                document.body.append(link);
            }""",
            f"{url}?token={token}",
        )
        foreign.click("#link")
        foreign.wait_for_url(url)
        assert foreign.locator("h1").inner_text() == "ocppsim"
        status = foreign.evaluate("async () => (await fetch('/cp')).status")
        assert status == 200


def test_a_browser_logs_in_by_the_address(browser: Any, tmp_path: Path) -> None:
    with served(tmp_path, "--bind", "0.0.0.0", plugins="") as client:
        token = client.url.partition("?token=")[2]
        url = f"http://127.0.0.1:{client.port}/"
        page = browser.new_page()
        assert page.goto(url).status == 401
        assert page.goto(f"{url}?token={token}").status == 200
        assert page.url == url
        assert page.goto(f"{url}cp").status == 200
        assert page.evaluate("document.cookie") == ""
        page.close()
