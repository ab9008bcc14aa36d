"""Every code block and every line of code in the pages runs."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from docs.installed import python_path

import ocppsim
from ocppsim import OcppsimError, Plugins, connect
from ocppsim.csms import CentralSystem

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
EXAMPLES = sorted((DOCS / "examples").glob("*.py"))
# pages whose Python blocks are scripts that run by themselves
SCRIPTS = ["handlers.md", "reliability.md", "trace.md", "waiting.md"]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def run(script: str, *arguments: str, env: dict[str, str] | None = None) -> str:
    """Run a script as a user would; its output. Fails where it does."""
    with tempfile.TemporaryDirectory() as folder:
        path = python_path((ROOT / script).read_text(), Path(folder))
        return _run(script, *arguments, env={**(env or {}), "PYTHONPATH": path})


def _run(script: str, *arguments: str, env: dict[str, str]) -> str:
    environment = {**os.environ, **env}
    done = subprocess.run(
        [sys.executable, script, *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def csms() -> Iterator[CentralSystem]:
    with CentralSystem() as csms:
        yield csms


def scripts() -> Iterator[tuple[str, str]]:
    for name in SCRIPTS:
        for number, block in enumerate(blocks(DOCS / name, "python"), 1):
            yield f"{name}, block {number}", block


@pytest.mark.parametrize(("where", "block"), list(scripts()), ids=lambda value: value[:30])
def test_a_block_runs_by_itself(where: str, block: str, tmp_path: Path) -> None:
    script = tmp_path / "block.py"
    script.write_text(block)
    run(str(script))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_runs(example: Path, csms: CentralSystem, tmp_path: Path) -> None:
    text = example.read_text()
    script = tmp_path / example.name
    script.write_text(text.replace("ws://localhost:9000", csms.url))
    run(str(script))


def test_a_certificate_is_renewed() -> None:
    assert run("docs/examples/certificate_renewal.py").splitlines() == [
        "security profile 3",
        "shown: CN=CP1, for 30 days",
        "trigger: Accepted",
        "asked for: CN=CP1,O=operator",
        "told: ReconfigurationOfSecurityParameters",
        "shown: CN=CP1,O=operator, for 365 days",
        "stored: cert.pem key.pem",
    ]


def test_the_negative_tests_do_what_they_say() -> None:
    output = run("docs/examples/wrong_on_purpose.py").splitlines()
    assert output == [
        "once: {'status': 'Rejected'} CallError",
        "breaks the schema: InvalidPayload",
        "late: CallTimeout",
        "twice: {'status': 'Accepted'}",
        "never: CallTimeout",
        "under another id: CallTimeout",
        "raw text: CallTimeout",
        "an error: CallError",
        "at once: 3",
        "ping: answered",
        "a dead line: CallTimeout and then: CallError",
        "still works: ['currentTime']",
    ]


CELLS = re.findall(r"\| `(.+)` \|$", (DOCS / "negative-tests.md").read_text(), re.MULTILINE)
LINES = [line for cell in CELLS for line in cell.split("`, `")]


@pytest.mark.parametrize("line", LINES)
def test_a_line_of_the_table_runs_and_the_charge_point_survives(
    line: str, csms: CentralSystem
) -> None:
    url = f"{csms.url}/CP1"
    names = {"url": url}

    def connect_and_close(*arguments: object, **options: object) -> None:
        with connect(*arguments, **options):  # type: ignore[arg-type]
            pass

    with connect(url, plugins=Plugins()) as cp:
        with contextlib.suppress(OcppsimError):
            exec(line, {"cp": cp, "connect": connect_and_close, **names})
        if "delay" not in line:
            with contextlib.suppress(OcppsimError):
                csms.call("CP1", "Reset", {"type": "Soft"}, timeout=0.1)
        cp.reconnect()
        assert cp.call("Heartbeat")


def test_there_are_lines_in_the_table() -> None:
    assert len(LINES) == 25


def test_links_between_pages_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *DOCS.glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_public_names_are_all_there() -> None:
    for name in ocppsim.__all__:
        assert hasattr(ocppsim, name)


def test_readme_shows_what_the_demo_prints() -> None:
    readme = (ROOT / "README.md").read_text()
    shown = re.search(r"<!-- demo: begin -->\n```text\n(.*?)\n```", readme, re.DOTALL)
    assert shown is not None
    done = subprocess.run(
        [sys.executable, "-m", "ocppsim", "-v", "docs/examples/charging_session.py"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert steady(done.stderr.strip()) == steady(shown[1])


def steady(text: str) -> str:
    """Without what differs from run to run: times, latencies, ports."""
    text = re.sub(r"\d\d:\d\d:\d\d\.\d{3}", "HH:MM:SS.mmm", text)
    text = re.sub(r"\d{4}-\d\d-\d\dTHH", "DATE", text)
    text = re.sub(r"[\d.]+ ms$", "N ms", text, flags=re.MULTILINE)
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)


def test_readme_has_the_first_script() -> None:
    assert (DOCS / "examples" / "first.py").read_text() in (ROOT / "README.md").read_text()


def test_readme_shows_the_error_that_an_invalid_payload_gives(csms: CentralSystem) -> None:
    with (
        connect(f"{csms.url}/CP1", plugins=Plugins()) as cp,
        pytest.raises(OcppsimError) as caught,
    ):
        cp.send_boot_notification(
            chargePointVendor="vendor", chargePointModel="abcdefghijklmnopqrstuvwxyz"
        )
    assert str(caught.value) in (ROOT / "README.md").read_text()
