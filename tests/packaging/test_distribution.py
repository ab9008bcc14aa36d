"""The distributions: what is in them, and what works once the wheel is installed."""

from __future__ import annotations

import configparser
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from urllib.request import urlopen

import pytest
from command import environment, write
from fresh import Environment, run

import ocppsim

# the first to ask waits for the builds
pytestmark = pytest.mark.timeout(300)

PROGRAMS = ["ocppsim", "ocppsim-csms", "ocppsim-trace"]
DATED = re.compile(rb'^(\.TH \S+ "1") "[^"]*"', re.MULTILINE)


def contents(wheel: Path) -> dict[str, bytes]:
    """The files of a wheel by their names, without what says when and by what it was built."""
    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return {
        name: DATED.sub(rb"\1", data)
        for name, data in files.items()
        if not name.endswith((".dist-info/RECORD", ".dist-info/WHEEL"))
    }


def test_the_wheel_holds_the_package_whole(wheel: Path, tree: Path) -> None:
    names = set(contents(wheel))
    package = {
        str(path.relative_to(tree)) for path in (tree / "ocppsim").rglob("*") if path.is_file()
    }
    assert {"ocppsim/py.typed", "ocppsim/viewer/page.html"} < package
    pages = {name for name in names if name.startswith("ocppsim/server/docs/")}
    assert {name for name in names if name.startswith("ocppsim/")} - pages == package


def test_the_wheel_holds_pages_licence_and_programs(wheel: Path) -> None:
    version = ocppsim.__version__
    assert wheel.name == f"ocppsim-{version}-py3-none-any.whl"
    files = contents(wheel)
    info = f"ocppsim-{version}.dist-info"
    for program in PROGRAMS:
        assert f"ocppsim-{version}.data/data/share/man/man1/{program}.1" in files
    assert b"Apache License" in files[f"{info}/licenses/LICENSE"]
    assert b"\nLicense-Expression: Apache-2.0\n" in files[f"{info}/METADATA"]
    entry_points = configparser.ConfigParser()
    entry_points.read_string(files[f"{info}/entry_points.txt"].decode())
    assert sorted(entry_points["console_scripts"]) == PROGRAMS


def test_the_source_distribution_gives_the_same_wheel(tree: Path, wheel: Path) -> None:
    # `wheel` comes from the source distribution
    folder = tree.parent / "from-tree"
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", folder, tree, cwd=tree.parent)
    assert contents(folder / wheel.name) == contents(wheel)


def test_the_source_distribution_holds_no_tests(distributions: Path) -> None:
    (sdist,) = distributions.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        tops = {name.split("/")[1] for name in archive.getnames() if "/" in name}
    assert {"LICENSE", "README.md", "ocppsim", "pyproject.toml", "setup.cfg", "setup.py"} < tops
    assert "tests" not in tops


def test_the_wheel_has_the_documentation_and_serves_it(
    fresh: Environment, wheel: Path, tree: Path, tmp_path: Path
) -> None:
    fresh.install(f"{wheel}[server]")
    sources = {path.relative_to(tree / "docs") for path in (tree / "docs").rglob("*.md")}
    assert {Path("index.md"), Path("how-to/server.md"), Path("reference/rest.md")} < sources
    with subprocess.Popen(
        [fresh.path / "bin" / "ocppsim", "--port", "0"],
        cwd=tmp_path,
        env=environment(PYTHONPATH=""),
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        for source in sources:
            with urlopen(f"{url}docs/{source.with_suffix('.html')}", timeout=30) as page:
                assert page.status == 200
                text = page.read().decode()
            assert "<title>" in text, source
        process.terminate()


def test_the_programs_run(fresh: Environment, tree: Path, tmp_path: Path) -> None:
    where = fresh.run("python", "-c", "print(__import__('ocppsim').__file__)", cwd=tmp_path)
    assert Path(where.stdout).is_relative_to(fresh.path)
    version = fresh.run("ocppsim", "--version", cwd=tmp_path).stdout
    assert version == f"ocppsim {ocppsim.__version__}\n"
    for program in PROGRAMS:
        assert f"usage: {program} " in fresh.run(program, "--help", cwd=tmp_path).stdout
    session = tree / "docs" / "examples" / "charging_session.py"
    fresh.run("ocppsim", "--record", "frames.jsonl", session, cwd=tmp_path)
    table = fresh.run("ocppsim-trace", "frames.jsonl", cwd=tmp_path).stdout
    assert "BootNotification" in table
    assert "StopTransaction" in table
    fresh.run("ocppsim-trace", "--html", "page.html", "frames.jsonl", cwd=tmp_path)
    assert "StopTransaction" in (tmp_path / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_man_page_is_installed(fresh: Environment, program: str, tmp_path: Path) -> None:
    page = fresh.path / "share" / "man" / "man1" / f"{program}.1"
    text = page.read_text(encoding="utf-8")
    assert re.match(rf"\.TH {re.escape(program.upper())} ", text.replace("\\-", "-"))
    assert f"{program} - " in text.replace("\\-", "-")  # the NAME that whatis reads
    if shutil.which("man"):
        assert Path(fresh.run("man", "-w", program, cwd=tmp_path).stdout.strip()) == page
    if shutil.which("groff"):
        shown = run("groff", "-man", "-Tutf8", "-ww", "-P-cbou", page, cwd=tmp_path)
        assert shown.stderr == ""
        # nothing was taken for a request of roff: every word of the help is there
        flat = re.sub(r"‐\s+", "", shown.stdout.replace("−", "-"))
        flat = re.sub(r"\s+", "", flat)
        for line in text.splitlines():
            if not line.startswith("."):
                plain = re.sub(r"\\f[BIR]|\\[,/]|\s+", "", line).replace("\\-", "-")
                assert plain.replace("‐", "") in flat


def test_a_plugin_is_installed_and_answers(fresh: Environment, tree: Path, tmp_path: Path) -> None:
    fresh.install(tree / "plugins" / "ocppsim-remote-trigger")
    listing = fresh.run("ocppsim", "--list-plugins", cwd=tmp_path).stdout
    name, _, rest = listing[listing.index("remote-trigger") :].partition(" ")
    assert name == "remote-trigger"
    assert rest.startswith("0.1.0 ")
    assert "ocppsim_frame ocppsim_trigger" in rest
    script = write(
        tmp_path / "triggered.py",
        """
        from ocppsim.csms import CentralSystem

        with CentralSystem() as csms, connect(f"{csms.url}/CP1") as cp:
            print(csms.call("CP1", "TriggerMessage", {"requestedMessage": "Heartbeat"}))
            cp.wait_for_frame("Heartbeat", type="CALLRESULT", after=0, timeout=10)
        """,
    )
    assert fresh.run("ocppsim", script, cwd=tmp_path).stdout == "{'status': 'Accepted'}\n"


def test_a_folder_of_plugins_answers(fresh: Environment, tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    write(
        folder / "resets.py",
        """
        from ocppsim import hookimpl


        @hookimpl
        def ocpp16_reset(request):
            return {"status": "Rejected"}
        """,
    )
    script = write(
        tmp_path / "reset.py",
        """
        from ocppsim.csms import CentralSystem

        with CentralSystem() as csms, connect(f"{csms.url}/CP1"):
            print(csms.call("CP1", "Reset", {"type": "Soft"}))
        """,
    )
    done = fresh.run("ocppsim", "--plugins-dir", folder, script, cwd=tmp_path)
    assert done.stdout == "{'status': 'Rejected'}\n"


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="needs mypy")
def test_the_types_reach_whoever_installs_it(fresh: Environment, tmp_path: Path) -> None:
    right = """
        from ocppsim import connect

        with connect("ws://localhost:9000/CP1") as cp:
            boot = cp.send_boot_notification(chargePointVendor="vendor", chargePointModel="model")
            cp.start_heartbeat(boot["interval"])
        """
    write(tmp_path / "right.py", right)
    write(tmp_path / "wrong.py", right.replace("chargePointModel", "chargePointModl"))
    mypy = (sys.executable, "-m", "mypy", "--strict", "--output=json", "--hide-error-context")
    python = f"--python-executable={fresh.python}"
    done = run(*mypy, python, "right.py", "wrong.py", cwd=tmp_path, status=1)
    errors = [json.loads(line) for line in done.stdout.splitlines()]
    assert {error["file"] for error in errors} == {"wrong.py"}
    assert any("chargePointModl" in error["message"] for error in errors)


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("ocppsim --rec", "--record --record-secrets"),
        ("ocppsim-csms --pa", "--passwords "),
        ("ocppsim-trace --merm", "--mermaid "),
    ],
)
def test_a_shell_completes(
    fresh: Environment, wheel: Path, typed: str, completed: str, tmp_path: Path
) -> None:
    fresh.install(f"{wheel}[completion]")
    program = typed.split()[0]
    # what bash itself does when the key is pressed
    script = f"""
        eval "$(register-python-argcomplete {program})"
        COMP_LINE='{typed}' COMP_POINT={len(typed)} COMP_TYPE=9
        _python_argcomplete {program}
        (IFS=' '; echo "${{COMPREPLY[*]}}")
        """
    assert fresh.run("bash", "-c", script, cwd=tmp_path).stdout == f"{completed}\n"
