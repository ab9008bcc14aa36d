"""The page of the Core profile is true: each action, each key, each row, and a test for it."""

from __future__ import annotations

import re
from pathlib import Path

from ocppsim_core.keys import CORE_KEYS, KEPT_BY_THE_ENGINE, MEASURAND_LISTS
from ocppsim_core.requests import Requests

from ocppsim.v16.actions import PROTOCOL

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "reference" / "core.md").read_text()
CORE_ROWS = """
    001 002 003 004_1 004_2 005_1 005_2 005_3 068 069 007_1 007_2 061_1 061_2 023_4 023_5 024
    010 011_1 011_2 012 026 027 028 013 014 015 016 017_1 017_2 018_1 018_2 030 031
    019 021 040_1 040_2 070 071 032_1 032_2 034 036 037_1 037_2 037_3 038 039 041 062
""".split()


def table(heading: str) -> dict[str, list[str]]:
    """Of a section: its first column, and the tests of each row."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.*) \|$", section, re.M)[2:]
    return {row.split(" | ")[0]: re.findall(r"`([\w/.]+)`", row.split(" | ")[-1]) for row in rows}


def names_of_tests() -> set[str]:
    files = Path(__file__).parent.glob("test_*.py")
    texts = [file.read_text() for file in files]
    return {name for text in texts for name in re.findall(r"^def (test_\w+)", text, re.M)}


def test_each_action_is_there() -> None:
    served = [name for name in PROTOCOL.from_csms if hasattr(Requests, name)]
    assert list(table("Actions of the CSMS")) == sorted(served)


def test_each_key_is_there() -> None:
    of_station = {"ConnectorPhaseRotation", "ConnectorPhaseRotationMaxLength", "NumberOfConnectors"}
    of_station |= {"SupportedFeatureProfiles", *MEASURAND_LISTS, *KEPT_BY_THE_ENGINE}
    assert list(table("Configuration keys")) == sorted({*CORE_KEYS, *of_station})


def test_each_row_of_the_checklist_is_there() -> None:
    rows = {id for row in table("The checklist") for id in re.findall(r"TC_(\w+)", row)}
    assert rows == set(CORE_ROWS)
    for row, named in table("The checklist").items():
        for id in re.findall(r"TC_\w+", row):
            assert all(id.lower() in name for name in named), row


def test_each_test_that_is_named_exists() -> None:
    there = names_of_tests()
    for heading in ("Actions of the CSMS", "Configuration keys", "The checklist"):
        for row, named in table(heading).items():
            assert named, row
            for name in named:
                assert name in there or (ROOT / name).is_file(), f"{row}: {name}"


def test_each_test_of_a_row_is_named() -> None:
    named = {name for names in table("The checklist").values() for name in names}
    assert {name for name in names_of_tests() if name.startswith("test_tc_")} <= named
