"""The site builds without a warning, and its reference leaves nothing out."""

from __future__ import annotations

import html
import re
import subprocess
import sys
import zlib
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ocppsim
from ocppsim import csms, schema, verdict, viewer
from ocppsim.csms_parser import csms_parser
from ocppsim.parser import _VARIABLES, ocppsim_parser
from ocppsim.plugins import Plugins
from ocppsim.protocol import Action
from ocppsim.trace_parser import trace_parser
from ocppsim.v16 import hookspecs
from ocppsim.v16.actions import PROTOCOL
from ocppsim.v16.chargepoint import ChargePoint16

DOCS = Path(__file__).parents[2] / "docs"
ACTIONS = sorted(PROTOCOL.actions.values(), key=lambda action: action.name)

pytest.importorskip("furo", reason="the extra docs is not installed")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = "-m sphinx -W --keep-going -q -b html".split()
    doctrees = ["-d", str(folder / "doctrees")]
    done = subprocess.run(
        [sys.executable, *command, *doctrees, str(DOCS), str(folder / "html")],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def names(site: Path) -> set[str]:
    """Every Python object and label of the site."""
    # four lines of text, then one line an object, compressed: name, kind, and where it is
    *_, packed = (site / "objects.inv").read_bytes().split(b"\n", 4)
    lines = (line.split(" ") for line in zlib.decompress(packed).decode().splitlines())
    return {line[0] for line in lines if line[1].startswith(("py:", "std:label"))}


def words(site: Path, page: str) -> str:
    text = re.sub(r"<[^>]+>", "", (site / page).read_text())
    return html.unescape(text)


@pytest.mark.parametrize("module", [ocppsim, csms, viewer], ids=lambda module: module.__name__)
def test_every_public_name_is_there(module: ModuleType, names: set[str]) -> None:
    # what stands for a type is no object of its own
    aliases = {"Answer", "AnswerFunction"}
    wanted = {f"{module.__name__}.{name}" for name in module.__all__ if name not in aliases}
    assert wanted - names == set()


def test_every_method_of_a_charge_point_is_there(names: set[str]) -> None:
    for name in dir(ChargePoint16):
        if not name.startswith("_"):
            cls = "v16.chargepoint.ChargePoint16" if name.startswith("send_") else "ChargePoint"
            path = f"ocppsim.{cls}.{name}".replace(
                "v16.chargepoint.ChargePoint16.send_raw", "ChargePoint.send_raw"
            )
            assert path in names


def test_every_hook_is_there(names: set[str]) -> None:
    for hook in Plugins()._known:
        module = hookspecs if hasattr(hookspecs, hook) else ocppsim.hookspecs
        assert f"{module.__name__}.{hook}" in names


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_every_action_is_there_with_its_fields(action: Action, names: set[str], site: Path) -> None:
    wanted = {f"action-{action.name.lower()}", action.request.__name__.lower()}
    assert wanted - names == set()
    assert action.name in words(site, "reference/messages/index.html")
    (page,) = (
        text
        for path in (site / "reference" / "messages").glob("*.html")
        if f'id="action-{action.name.lower()}"' in (text := path.read_text())
    )
    section = page.partition(f'id="action-{action.name.lower()}"')[2].partition("</section>")[0]
    for message in (action.request, action.response):
        for field in schema.derive(message)["properties"]:
            assert f'<span class="pre">{field}</span>' in section


def test_every_option_variable_and_exit_status_is_there(site: Path) -> None:
    page = words(site, "reference/programs.html")
    for parser in (ocppsim_parser(), csms_parser(), trace_parser()):
        for action in parser._actions:
            for option in action.option_strings:
                assert option in page
    for name in _VARIABLES:
        assert f"OCPPSIM_{name.upper()}" in page.partition("Variables¶")[2]
    for name in verdict.__all__:
        if name.isupper():
            assert re.search(rf"^{getattr(verdict, name)}$", page, re.M)


@pytest.fixture
def facts(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(DOCS / "_ext")
    return import_module("facts")


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_the_example_of_an_action_runs(action: Action, facts: Any) -> None:
    with csms.CentralSystem() as central, ocppsim.connect(f"{central.url}/CP1") as cp:
        exec(facts.example_lines(action), {"cp": cp})
        if action.from_charge_point:
            assert central.wait_for(action.name, timeout=5).faults == ()
        if action.from_csms:
            answer = central.call("CP1", action.name, facts.example(action.request))
            assert answer == facts.example(action.response)
