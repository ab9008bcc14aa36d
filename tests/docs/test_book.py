"""The pages are true: each is done as it says, from top to bottom."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from docs.book import Book, blocks
from ftp_server import RealFtp

from ocppsim import connect
from ocppsim.v16.chargepoint import ChargePoint16

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [
    DOCS / "index.md",
    DOCS / "tutorial.md",
    DOCS / "ocpp-in-ten-minutes.md",
    DOCS / "from-the-javascript-simulator.md",
    *sorted((DOCS / "how-to").glob("*.md")),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_does_what_it_says(page: Path, tmp_path: Path) -> None:
    with Book(tmp_path) as book:
        book.read(page)


@pytest.mark.parametrize("name", ["command-line.md", "trace.md"])
def test_the_commands_of_a_page_run(name: str, tmp_path: Path) -> None:
    (tmp_path / "docs").symlink_to(DOCS)
    with Book(tmp_path) as book:
        for block in blocks(DOCS / name):
            if block.language == "sh" and "SCRIPT" not in block.text:
                book.type(block.text, f"{name}, line {block.line}")


# --- tables --------------------------------------------------------------------------------------


def cells(name: str, column: int) -> Iterator[str]:
    for row in re.findall(r"^\|(.*)\|$", (DOCS / name).read_text(), re.M):
        yield row.split(" | ")[column].strip()


def test_what_replaces_javascript_is_there() -> None:
    names = {
        name
        for cell in cells("from-the-javascript-simulator.md", -1)
        for name in re.findall(r"\bcp\.(\w+)", cell)
    }
    assert len(names) > 20
    for name in names - {"vars"}:
        assert callable(getattr(ChargePoint16, name))


def test_the_security_page_names_the_test_of_each_row() -> None:
    checklist = DOCS.parent / "plugins" / "ocppsim-security" / "tests" / "test_checklist.py"
    tests = re.findall(r"^def (test_tc_\w+)", checklist.read_text(), re.M)
    named = re.findall(r"`(test_tc_\w+)`", (DOCS / "how-to" / "security.md").read_text())
    assert sorted(named) == sorted(tests)
    for row in cells("how-to/security.md", 0):
        if row.startswith("TC_"):
            assert any(test.startswith(f"test_{row.lower()}_") for test in named), row


def test_each_way_to_upload_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("local.txt").write_text("from here")
    Path("server").mkdir()
    lines = [cell.strip("`") for cell in cells("how-to/ftp.md", -1) if "cp." in cell]
    assert len(lines) == 3
    with RealFtp(Path("server"), users={"CP1": "secret"}) as ftp, connect() as cp:
        cp.send_heartbeat()
        location = f"ftp://CP1:secret@{ftp.host}:{ftp.port}/"
        kept = []
        for line in lines:
            exec(line, {"cp": cp, "location": location, "Path": Path})
            (file,) = Path("server").iterdir()
            kept.append(file.read_text())
            file.unlink()
    assert kept[:2] == ["all is well\n", "from here"]
    assert '"action":"Heartbeat"' in kept[2]
