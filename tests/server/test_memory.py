"""Memory of scripts: one that grows too much is stopped, and what it had is given back."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("flask", reason="the extra server is not installed")

from command import environment, write
from server.client import Answer, Client

from ocppsim.server import memory

LIMIT = 150 << 20
SERVER = f"""
import threading
from ocppsim import verbose
from ocppsim.server import memory
from ocppsim.server.serving import Server
memory.MAX_GROWTH = {LIMIT}
verbose(0)
with Server(port=0) as server:
    print(server.url, flush=True)
    threading.Event().wait()
"""
GROW = """
import time
{held} = []
while True:
    {held}.append([bytearray({size}) for _ in range({many})])
    time.sleep(0.001)
"""


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A server in another process with a lower limit."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("this system does not tell how much memory there is")
    folder = tmp_path_factory.mktemp("limited")
    log = folder / "stderr.txt"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [sys.executable, write(folder / "server.py", SERVER)],
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="utf-8",
            env=environment(),
        ) as process,
    ):
        try:
            assert process.stdout is not None
            yield Client(process.stdout.readline().strip(), process, log)
        finally:
            process.kill()


def post(client: Client, name: str, script: str) -> Answer:
    return client.post(f"/cp/{name}", script, media="text/x-python")


def resident(client: Client) -> int:
    pages = int(Path(f"/proc/{client.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def grow(client: Client, name: str, script: str) -> None:
    answer = post(client, name, script)
    assert answer.status == 422
    assert "it was stopped as the process grew by" in answer.json["text"]


IN_A_FUNCTION = "def main():\n    held = []\n    def again(): main()\n" + "\n".join(
    f"    {line}" for line in GROW.format(held="held", size=700, many=1000).splitlines()
)
CAUGHT = """
import time
held = []
error = None
try:
    while True:
        held.append(bytearray(1_000_000))
        time.sleep(0.001)
except BaseException as it:
    error = it
    raise
"""


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(GROW.format(held="held", size=1_000_000, many=1), id="large"),
        pytest.param(GROW.format(held="held", size=700, many=1000), id="small"),
        pytest.param(f"{IN_A_FUNCTION}\nmain()\n", id="function"),
        pytest.param(CAUGHT, id="caught"),
    ],
)
def test_what_one_held_is_given_back(limited: Client, script: str) -> None:
    grow(limited, "first", script)
    after_one = resident(limited)
    for number in range(4):
        grow(limited, f"next{number}", script)
    assert resident(limited) - after_one < LIMIT / 5


def test_small_ones_do_not_add_up(limited: Client) -> None:
    script = "def f(): pass\nheld = bytearray(b'x') * 30_000_000\n"
    assert post(limited, "some", script).status == 200
    before = resident(limited)
    for _ in range(20):
        assert post(limited, "some", script).status == 200
    assert resident(limited) - before < memory.MARKED + 2 * 30_000_000


def test_what_lives_on_is_named_and_the_next_one_does_not_pay(limited: Client) -> None:
    limited.post("/cp", {"name": "vars", "connect": False})
    grow(limited, "vars", GROW.format(held="cp.vars.held", size=1_000_000, many=1))
    assert "MB are still held: likely by cp.vars" in limited.log.read_text()
    much = f"held = bytearray(b'x') * {LIMIT * 2 // 3}; import time; time.sleep(0.5)"
    assert post(limited, "another", much).status == 200
    kept = post(limited, "vars", "print(len(cp.vars.held) > 100)")
    assert kept.json["output"] == "True\n"
    before = resident(limited)
    assert post(limited, "vars", "del cp.vars.held").status == 200
    assert before - resident(limited) > LIMIT / 2


def test_one_that_catches_all_grows_no_more(limited: Client) -> None:
    script = """
def main():
    held = [bytearray(b"x") * 145_000_000]
    while True:
        try:
            held.append(bytearray(b"x") * 400_000)
            time.sleep(0.01)
        except:
            pass

import time
main()
"""
    limited.post("/cp", {"name": "all", "connect": False})
    grow(limited, "all", script)
    assert "left behind, it cannot be stopped" in limited.log.read_text()
    before = resident(limited)
    assert post(limited, "another", "import time; time.sleep(0.5)").status == 200
    assert resident(limited) - before < 5_000_000


# --- who has to go ---


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """What the system says: `resident`, `available`."""
    said = {"resident": 0, "available": 10_000}
    monkeypatch.setattr(memory, "MAX_GROWTH", 100)
    monkeypatch.setattr(memory, "MARKED", 10)
    monkeypatch.setattr(memory, "_settled", 0)
    monkeypatch.setattr(memory, "_resident", lambda: said["resident"])
    monkeypatch.setattr(memory, "_available", lambda: said["available"])
    return said


def test_of_several_the_one_that_began_last_goes_first(system: dict[str, int]) -> None:
    with memory.watched() as first:
        system["resident"] = 90
        with memory.watched() as second:
            system["resident"] = 150
            assert (first.excess(), second.excess()) == (0, 0)
            system["resident"] = 200
            assert (first.excess(), second.excess()) == (0, 110)
            system["resident"] = 95  # it was stopped
            assert second.settle() == 0
        assert first.excess() == 0
        system["resident"] = 101
        assert first.excess() == 101


def test_what_another_one_left_is_not_counted(system: dict[str, int]) -> None:
    with memory.watched() as first:
        system["resident"] = 50
        with memory.watched() as second:
            system["resident"] = 160
            assert second.settle() == 110
        assert first.excess() == 0
        system["resident"] = 211
        assert first.excess() == 101


def test_half_of_what_is_free_is_the_limit_also_for_those_that_were_spared(
    system: dict[str, int],
) -> None:
    system["available"] = 160
    with memory.watched() as first:
        with memory.watched() as second:
            system.update(resident=81, available=79)
            assert second.excess() == 81
            assert second.settle() == 81
        system.update(resident=120, available=40)
        assert first.excess() == 0
        system.update(resident=121, available=39)
        assert first.excess() == 40


def test_a_container_may_have_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    of_the_machine = memory._available()
    (tmp_path / "memory.stat").write_text("anon 700000\nfile 900000\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert memory._available() > 1_000_000
    assert of_the_machine > 1_000_000
    (tmp_path / "memory.max").write_text("1000000\n")
    assert memory._available() == 300_000
    (tmp_path / "memory.max").write_text("600000\n")
    assert memory._available() == 0
