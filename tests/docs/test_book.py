"""The tutorial and the how-to pages are true: each is done as it says, from top to bottom."""

from __future__ import annotations

from pathlib import Path

import pytest
from docs.book import Book

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / "tutorial.md", *sorted((DOCS / "how-to").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_does_what_it_says(page: Path, tmp_path: Path) -> None:
    with Book(tmp_path) as book:
        book.read(page)
