"""``ocppsim --station``, as a user runs it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocppsim.csms import CentralSystem

ROOT = Path(__file__).parents[3]


@pytest.fixture
def ocppsim(tmp_path: Path) -> list[str]:
    """The command, with the plugin by hand, as it may not be installed here."""
    (tmp_path / "core.py").write_text("from ocppsim_core.plugin import *\n")
    return [
        sys.executable,
        "-m",
        "ocppsim",
        "--no-plugin=none",
        f"--plugins-dir={tmp_path}",
    ]


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OCPPSIM_")}
    path = os.pathsep.join([str(ROOT), str(ROOT / "plugins" / "ocppsim-core")])
    return {**kept, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


def run(ocppsim: list[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*ocppsim, *arguments], env=environment(), capture_output=True, text=True, timeout=50
    )


@contextlib.contextmanager
def start(ocppsim: list[str], *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """It minds Ctrl-C, also where these tests run in the background and do not. Killed at the
    end."""
    with subprocess.Popen(
        [*ocppsim, *arguments],
        env=environment(),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_station_charges_by_itself_until_ctrl_c(ocppsim: list[str], csms: CentralSystem) -> None:
    arguments = ["--station", f"{csms.url}/CP7", "--connectors=2", "--demo", "--speed=500"]
    with start(ocppsim, *arguments, "--id-tag=ann") as process:
        try:
            stop = csms.wait_for("StopTransaction", "CP7", timeout=50)
            csms.wait_for("StartTransaction", "CP7", timeout=50)
            csms.wait_for("StartTransaction", "CP7", timeout=50)
        finally:
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert stop.payload["idTag"] == "ann"
    lines = [re.sub(r"^\S+ ", "", line) for line in out.splitlines()]
    assert lines[0] == f"at {csms.url}/CP7; Ctrl-C ends it"
    for line in (
        "station: Available",
        "connector 2: Available",
        "connector 1: Charging",
        "connector 1: ann begins to charge",
        "connector 2: Charging",
    ):
        assert line in lines
    assert any(re.fullmatch(r"connector 1: \d+ Wh, ended: Local", line) for line in lines)
    assert out.splitlines()[-1] == "stopped"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--station", "--connectors=0"], "'0' is not a number from 1 to 1000"),
        (["--station", "--speed=fast"], "'fast' is not a number above 0"),
        (["--station", "--speed=0"], "'0' is not a number above 0"),
        (["--station", "--id-tag="], "'' does not have 1 to 20 characters"),
        (["--station", f"--id-tag={'x' * 21}"], "does not have 1 to 20 characters"),
    ],
)
def test_a_line_that_makes_no_sense(ocppsim: list[str], arguments: list[str], said: str) -> None:
    done = run(ocppsim, *arguments)
    assert done.returncode == 2
    assert said in done.stderr


def test_ctrl_c_before_the_boot_was_answered(ocppsim: list[str], csms: CentralSystem) -> None:
    csms.answer("BootNotification", lambda name, payload: None)
    arguments = ["--response-timeout=600", "--station", f"{csms.url}/CP7"]
    with start(ocppsim, *arguments) as process:
        csms.wait_for("BootNotification", "CP7", timeout=50)
        process.send_signal(signal.SIGINT)
        # it does not wait for what cannot come
        out, err = process.communicate(timeout=50)
    assert process.returncode == 0, err
    assert out.splitlines()[-1] == "stopped"


def test_a_central_system_that_is_not_there(ocppsim: list[str]) -> None:
    done = run(ocppsim, "--station", "ws://127.0.0.1:1/CP1")
    assert done.returncode == 3
    assert "could not connect" in done.stderr
