"""Dependencies point one way."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import ocppsim

PACKAGE = Path(ocppsim.__file__).parent
IMPORTS = (ast.Import, ast.ImportFrom)


def modules() -> dict[str, Path]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts != ("__init__",):
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


def imported(name: str, path: Path) -> Iterator[str]:
    """The modules of this package that `path` imports when it is loaded."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in _statements(ast.parse(path.read_text()).body):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        base = package[: len(package) - node.level + 1]
        target = [*base, *(node.module.split(".") if node.module else [])]
        for alias in node.names:
            whole = ".".join([*target, alias.name])
            yield whole if whole in modules() else ".".join(target)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        yield node


ARROWS = {
    name: {target for target in imported(name, path) if target} for name, path in modules().items()
}


def reached(start: str) -> set[str]:
    seen: set[str] = set()
    left = [start]
    while left:
        for target in ARROWS.get(left.pop(), ()):
            if target not in seen:
                seen.add(target)
                left.append(target)
    return seen


def test_there_are_arrows() -> None:
    assert "errors" in ARROWS["chargepoint"]
    assert "v16.messages" in reached("connect")


def test_no_module_reaches_itself() -> None:
    assert [name for name in ARROWS if name in reached(name)] == []


def test_what_is_pure_stays_pure() -> None:
    assert reached("rpc") == {"errors"}
    assert reached("schema") <= {"accept", "errors", "formats"}
    assert not {"chargepoint", "connect"} & reached("csms")
    assert not {"chargepoint", "connect", "csms"} & reached("viewer")
    for parser in ("parser", "csms_parser", "trace_parser", "docstrings"):
        assert reached(parser) == set()


def test_the_engine_starts_without_what_only_some_need() -> None:
    heavy = {"csms", "csms.server", "viewer", "runner", "cli", "lines"}
    assert not heavy & reached("chargepoint")


def test_nothing_is_evaluated_or_given_to_a_shell() -> None:
    plugins = PACKAGE.parent.glob("plugins/*/ocppsim_*")
    found = set()
    for path in [PACKAGE, *plugins]:
        for file in path.rglob("*.py") if path.is_dir() else [path]:
            for node in ast.walk(ast.parse(file.read_text())):
                name = getattr(node, "attr", None) or getattr(node, "id", None)
                modules = [getattr(node, "module", None) or ""]
                if isinstance(node, IMPORTS):
                    modules += [alias.name for alias in node.names]
                if name in ("eval", "exec", "system", "popen", "spawn") or any(
                    module.split(".")[0] in ("subprocess", "pickle", "marshal", "shelve", "code")
                    for module in modules
                ):
                    found.add(file.name)
    assert found == {"runner.py", "scripts.py"}  # which run the scripts of the user
