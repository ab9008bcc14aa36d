from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

from ocppsim.viewer import html_page, read_record
from ocppsim.viewer.reader import Problem

EVIL = "</script><img src=x onerror=alert(1)><!--<script>&amp;'\"{{data}}\u2028"


class Elements(HTMLParser):
    """The elements of a page: tags with their attributes, and the text of each script and style."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self.tags[-1][0] if self.tags else "", []).append(data)


def evil(samples: Any) -> Any:
    lines = [
        samples.line(1, 0, "sent", [2, EVIL, EVIL, {EVIL: EVIL}], chargePoint=EVIL),
        samples.line(2, 0, "received", EVIL, faults=[(EVIL, EVIL, EVIL)], chargePoint=EVIL),
    ]
    return read_record(samples.record(lines).splitlines(True)).entries


def data_of(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found is not None
    return json.loads(found[1])


def test_what_the_page_says(samples: Any) -> None:
    entries = read_record(samples.record(samples.conversation()).splitlines(True)).entries
    data = data_of(html_page(entries, title="run.jsonl", problems=[Problem(7, "not JSON")]))
    assert data["span"] == "2026-01-31 12:00:00.123 – 12:01:49.123 UTC · 109.0 s · 1 charge point"
    tiles = {name: (value, unit, alarm) for name, value, unit, alarm in data["tiles"]}
    assert tiles["Frames"] == ("21", "", False)
    assert tiles["Violations"] == ("4", "", True)
    assert tiles["CSMS p50"] == ("12.4", "ms", False)
    assert tiles["CSMS p95"] == ("31.20", "s", False)
    assert data["problems"] == ["line 7: not JSON"]
    boot, answer = data["frames"][:2]
    assert (boot["pair"], answer["pair"]) == (1, 0)
    assert json.loads(boot["body"]) == entries[0].body
    assert data["frames"][18]["lost"]
    assert data["frames"][17]["late"]


def test_the_page_needs_nothing_else(samples: Any) -> None:
    page = html_page(evil(samples))
    elements = Elements(page)
    for _, attributes in elements.tags:
        assert "src" not in attributes
        assert attributes.get("href", "data:,") == "data:,"
        assert not any(name.startswith("on") for name in attributes)
        assert "style" not in attributes
    style = "".join(elements.texts["style"])
    assert "url(" not in style
    assert "@import" not in style
    assert "http" not in style


def test_the_policy_lets_only_its_own_script_and_style_run(samples: Any) -> None:
    page = html_page(evil(samples))
    policy = next(a["content"] for t, a in Elements(page).tags if "http-equiv" in a)
    assert policy is not None
    assert "default-src 'none'" in policy
    for tag in ("style", "script"):
        text = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.S)
        assert text is not None
        code = b64encode(sha256(text[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{code}'" in policy


def test_nothing_from_the_wire_becomes_an_element(samples: Any) -> None:
    page = html_page(evil(samples), title=EVIL, problems=[Problem(1, EVIL)])
    tags = [tag for tag, _ in Elements(page).tags]
    assert tags == [tag for tag, _ in Elements(html_page([])).tags]
    assert "img" not in tags
    (data,) = re.findall(r'id="data">([^<>&]*)</script>', page)
    assert data.isascii()
    frame = json.loads(data)["frames"][0]
    assert json.loads(frame["body"]) == {EVIL: EVIL}


def test_no_frames() -> None:
    data = data_of(html_page([]))
    assert data["verdict"] == "Nothing was said"
    assert data["frames"] == []


def test_the_script_builds_no_html() -> None:
    page = html_page([])
    for word in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval("):
        assert word not in page
