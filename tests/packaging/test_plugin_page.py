"""docs/plugins.md, followed to the letter in a fresh environment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from command import ROOT, write
from fresh import Environment

PAGE = ROOT / "docs" / "plugins.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"`(my-plugins/[\w.]+)`")


class Step(NamedTuple):
    """A file to write, or a command to run."""

    file: str | None
    text: str


def steps() -> Iterator[Step]:
    """What the page tells to do, in its order. A block is the file that was named last."""
    page = PAGE.read_text(encoding="utf-8")
    end = 0
    for block in BLOCK.finditer(page):
        language, text = block.groups()
        before, end = page[end : block.start()], block.end()
        if language == "sh":
            yield from (Step(None, line) for line in text.splitlines())
        else:
            yield Step(FILE.findall(before)[-1], text)


@pytest.mark.timeout(300)
def test_whoever_follows_the_page_has_a_plugin(fresh: Environment, tmp_path: Path) -> None:
    outputs = []
    for file, text in steps():
        if file is None:
            outputs.append((text, fresh.run("sh", "-c", text, cwd=tmp_path).stdout))
        else:
            path = tmp_path / file
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    commands = [command for command, _ in outputs]
    assert commands == [
        "ocppsim --plugins-dir my-plugins --list-plugins",
        "pip install pytest",
        "python -m pytest my-plugins",
        "pip install ./my-plugins",
        "ocppsim --list-plugins",
    ]
    in_folder, _, tested, _, installed = (output for _, output in outputs)
    assert re.search(r"^fixed_configuration \(.*my-plugins.*\)$", in_folder, re.MULTILINE)
    assert "test_fixed_configuration" not in in_folder
    assert "1 passed" in tested
    plugin = r"^fixed-configuration 1\.0 \(.+\)\n +ocpp16_get_configuration$"
    assert re.search(plugin, installed, re.MULTILINE)

    # "From now on every charge point of this Python answers GetConfiguration."
    script = write(
        tmp_path / "ask.py",
        """
        from ocppsim import CallError
        from ocppsim.csms import CentralSystem

        with CentralSystem() as csms, connect(f"{csms.url}/CP1"):
            try:
                print(csms.call("CP1", "GetConfiguration", {"key": ["HeartbeatInterval"]}))
            except CallError as error:
                print(error.code)
        """,
    )
    answer = "{'configurationKey': [{'key': 'HeartbeatInterval', 'readonly': True, 'value': '300'}]"
    for command in ("ocppsim", "python -m ocppsim"):
        said = fresh.run(*command.split(), script, cwd=tmp_path).stdout
        assert said.startswith(answer)
    (leave_out,) = re.findall(r"`(ocppsim --no-plugin .*) …`", PAGE.read_text(encoding="utf-8"))
    said = fresh.run(*leave_out.split(), script, cwd=tmp_path).stdout
    assert said == "NotSupported\n"
