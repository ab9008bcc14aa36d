"""The plugins of this project use only what docs/plugins.md says that any plugin may."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import ocppsim

ROOT = Path(__file__).parents[2]
SECTION = (ROOT / "docs" / "plugins.md").read_text().partition("## What a plugin may import\n")[2]


def table() -> dict[str, set[str]]:
    """The names that each module has for plugins; {"all"} where it is all of them."""
    rows = re.findall(r"^\| `([\w.]+)` \| (.*?) \|", SECTION, re.M)
    return {module: set(re.findall(r"\w+", names)) for module, names in rows}


def test_plugins_use_only_what_any_plugin_may() -> None:
    allowed = table()
    files = list((ROOT / "plugins").glob("*/ocppsim_*/**/*.py"))
    files += (ROOT / "plugins").glob("*/ocppsim_*.py")
    assert files
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                assert not any(one.name.startswith("ocppsim.") for one in node.names), file
            if not isinstance(node, ast.ImportFrom) or node.level or not node.module:
                continue
            names = {one.name for one in node.names}
            if node.module == "ocppsim":
                assert names <= set(ocppsim.__all__), file
            elif node.module.startswith("ocppsim."):
                there = allowed.get(node.module, set())
                assert there == {"all"} or names <= there, f"{file}: {node.module} {names}"


def test_what_the_page_names_is_there() -> None:
    for module, names in table().items():
        there = importlib.import_module(module)
        assert names == {"all"} or all(hasattr(there, name) for name in names), module
