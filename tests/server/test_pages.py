"""The pages for people: the start, the API, the documentation."""

from __future__ import annotations

import re
import shlex
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from server.client import Client

from ocppsim.server import pages
from ocppsim.server.app import create_app
from ocppsim.server.events import EventLog
from ocppsim.server.fleet import Fleet
from ocppsim.server.guard import Guard
from ocppsim.server.openapi import document

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "server.md"
ROUTES = {
    (method.upper(), path)
    for path, operations in document()["paths"].items()
    for method in operations
}


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.foreign: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "src") and value != "data:,":
                self.links.append(value or "")
                if urlsplit(value or "").netloc:
                    self.foreign.append(value or "")
            assert not name.startswith("on")


@pytest.mark.parametrize("path", ["/", "/api"])
def test_links_lead_somewhere(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    page = Page(answer.text)
    assert page.foreign == []
    assert "<script" not in answer.text
    assert len(set(page.ids)) == len(page.ids)
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in page.ids
        else:
            assert client.get(link).status == 200, link


def test_the_api_page_has_each_route(client: Client) -> None:
    text = client.get("/api").text
    for method, path in ROUTES:
        assert f"<b>{method}</b> <code>{path}</code>" in text


# --- the documentation ---------------------------------------------------------------------------


def test_documentation_that_is_not_built(client: Client) -> None:
    if pages.DOCS.exists():
        pytest.skip("it is built here")
    answer = client.get("/docs/")
    assert answer.status == 200
    assert "make site" in answer.text
    assert client.get("/docs").headers["location"].endswith("/docs/")


def test_documentation_that_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "how-to").mkdir()
    (tmp_path / "index.html").write_text("<title>the start</title>")
    (tmp_path / "how-to" / "index.html").write_text("<title>how</title>")
    (tmp_path / "page.css").write_text("p {}")
    (tmp_path.parent / "secret.txt").write_text("hush")
    monkeypatch.setattr(pages, "DOCS", tmp_path)
    events = EventLog()
    try:
        asked = create_app(Fleet(events), events, Guard("127.0.0.1")).test_client()

        def get(path: str) -> tuple[int, str, str]:
            with asked.get(path) as answer:
                return answer.status_code, answer.text, answer.headers["Content-Type"]

        assert get("/docs/") == (200, "<title>the start</title>", "text/html; charset=utf-8")
        assert get("/docs/how-to/")[1] == get("/docs/how-to")[1] == "<title>how</title>"
        assert get("/docs/page.css")[2] == "text/css; charset=utf-8"
        with asked.get("/docs/") as answer:
            assert "'unsafe-inline'" in answer.headers["Content-Security-Policy"]
        for path in ("nothing.html", "../secret.txt", "%2e%2e/secret.txt", "/etc/passwd", "a\0b"):
            status, text, _ = get(f"/docs/{path}")
            assert (status, "hush" in text) == (404, False)
    finally:
        events.close()


# --- the how-to ----------------------------------------------------------------------------------


def asked(line: str) -> tuple[str, str] | None:
    """The route that a curl line asks for."""
    words = shlex.split(line.partition(" || ")[0].partition(" > ")[0])
    if words[:1] != ["curl"]:
        return None
    method = "POST" if {"-d", "--data-binary"} & set(words) else "GET"
    if "-X" in words:
        method = words[words.index("-X") + 1]
    (url,) = (word for word in words if word.startswith("http://localhost:3000"))
    path = urlsplit(url).path
    for known, template in ROUTES:
        # a name of its own comes before one for any
        pattern = re.sub(r"\{\w+\}", "[^/]+", template)
        if known == method and path == template:
            return known, template
        if known == method and re.fullmatch(pattern, path):
            found = known, template
    return found


def test_the_how_to_has_a_curl_line_for_each_route() -> None:
    text = PAGE.read_text().replace("\\\n", "")
    lines = [asked(line) for line in text.splitlines() if line.startswith("curl ")]
    assert {line for line in lines if line} == ROUTES
