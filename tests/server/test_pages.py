"""The pages for people: the start, the API, the documentation."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from server.client import Client, served

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
    assert path == "/" or "<script" not in answer.text
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
    assert f"curl -s {client.url}admin" in text


# --- the documentation ---------------------------------------------------------------------------


@pytest.fixture
def app() -> Iterator[FlaskClient]:
    events = EventLog()
    yield create_app(Fleet(events), events, Guard("127.0.0.1")).test_client()
    events.close()


def test_documentation_that_is_not_built(
    app: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "DOCS", [tmp_path])
    answer = app.get("/docs/")
    assert answer.status_code == 200
    assert "make docs" in answer.text
    assert app.get("/docs").headers["Location"].endswith("/docs/")
    for path in ("index.html", "how-to/server.html", "_static/page.css"):
        answer = app.get(f"/docs/{path}")
        assert (answer.status_code, answer.json["error"]["where"]) == (404, f"GET /docs/{path}")
        assert "/docs/" in answer.json["error"]["hint"]


def test_documentation_of_a_clone() -> None:
    """It is looked for where ``make docs`` builds it."""
    assert pages.DOCS[-1] == PAGE.parents[1] / "_build" / "html"


def test_documentation_that_is_built(
    app: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "how-to").mkdir()
    (tmp_path / "index.html").write_text("<title>the start</title>")
    (tmp_path / "how-to" / "index.html").write_text("<title>how</title>")
    (tmp_path / "page.css").write_text("p {}")
    (tmp_path.parent / "secret.txt").write_text("hush")
    monkeypatch.setattr(pages, "DOCS", [tmp_path / "nothing", tmp_path])

    def get(path: str) -> tuple[int, str, str]:
        with app.get(path) as answer:
            return answer.status_code, answer.text, answer.headers["Content-Type"]

    assert get("/docs/") == (200, "<title>the start</title>", "text/html; charset=utf-8")
    assert get("/docs/how-to/")[1] == get("/docs/how-to")[1] == "<title>how</title>"
    assert get("/docs/page.css")[2] == "text/css; charset=utf-8"
    with app.get("/docs/") as answer:
        assert "'unsafe-inline'" in answer.headers["Content-Security-Policy"]
    for path in ("nothing.html", "../secret.txt", "%2e%2e/secret.txt", "/etc/passwd", "a\0b"):
        status, text, _ = get(f"/docs/{path}")
        assert (status, "hush" in text) == (404, False)


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


# --- the reference -------------------------------------------------------------------------------

REST = PAGE.parents[1] / "reference" / "rest.md"
# so that each is possible after the one before
STORY = """
POST /cp; GET /cp; GET /cp/{name}; POST /cp/{name}/connect; POST /cp/{name}/call/{action};
PUT /cp/{name}/handlers/{action}; POST /cp/{name}/handlers/{action}; GET /cp/{name}/handlers;
POST /csms/{name}/call/{action}; DELETE /cp/{name}/handlers/{action};
POST /cp/{name}/configuration-serve; GET /cp/{name}/configuration; POST /cp/{name}/configuration;
GET /cp/{name}/configuration/{key}; PUT /cp/{name}/configuration/{key};
GET /cp/{name}/answering; GET /cp/{name}/certificates; PUT /cp/{name}/heartbeat;
DELETE /cp/{name}/heartbeat; PUT /cp/{name}/meter-values; DELETE /cp/{name}/meter-values;
POST /cp/{name}/station; POST /cp/{name}/station/power-on; POST /cp/{name}/station/plug-in;
POST /cp/{name}/station/present-id-tag; POST /cp/{name}/station/wait-for;
POST /cp/{name}/station/pause-car; POST /cp/{name}/station/resume-car; GET /cp/{name}/station;
POST /cp/{name}/station/unplug; POST /cp/{name}/station/fault; POST /cp/{name}/station/mend;
POST /cp/{name}/station/break-lock; POST /cp/{name}/station/open-door;
POST /cp/{name}/station/close-door; POST /cp/{name}; GET /cp/{name}/messages;
GET /cp/{name}/messages/export;
POST /cp/{name}/messages/export; GET /cp/{name}/events;
GET /events; POST /cp/{name}/raw; POST /cp/{name}/stall; POST /cp/{name}/station/power-off;
POST /cp/{name}/disconnect; POST /cp/{name}/stop; GET /actions; GET /plugins; GET /admin;
DELETE /cp/{name}
"""


def test_the_reference_is_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(PAGE.parents[1] / "_ext")
    rest = import_module("rest")
    assert rest.fresh(REST.read_text()) == REST.read_text(), "make generate"


def test_the_curl_line_of_each_route_works(tmp_path: Path) -> None:
    found = re.findall(r"^### `(\w+) (\S+)`\n.*?^```sh\n(.*?)\n```", REST.read_text(), re.M | re.S)
    lines = {(method, path): line for method, path, line in found}
    assert set(lines) == ROUTES
    story = [tuple(step.split()) for step in STORY.split(";")]
    assert sorted(story) == sorted(ROUTES)
    with served(tmp_path) as client:
        client.post("/cp", {"name": "other"})  # which begins the embedded CSMS
        csms = client.get("/admin").json["csms"]["url"]
        for step in story:
            line = lines[step].replace("http://localhost:3000", client.url.rstrip("/"))
            line = line.replace("ws://localhost:9000", csms)
            line = line.replace("curl -sN", "curl -sN --max-time 1")
            done = subprocess.run(
                ["bash", "-c", f"{line} --fail-with-body"], capture_output=True, timeout=60
            )
            endless = line.startswith("curl -sN")
            assert done.returncode == (28 if endless else 0), (step, done.stdout)
            assert done.stdout, step
