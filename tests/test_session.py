"""All charge points of the process: closed at its end, and judged."""

import threading
from pathlib import Path
from typing import Any

import pytest
from answering_csms import AnsweringCsms
from command import python, write
from scripted_csms import PATIENCE, Peer, ScriptedCsms

from ocppsim import ChargePoint, connect, session


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """As under the command: charge points are kept for a verdict."""
    monkeypatch.setattr(session, "_kept", None)
    session.keep_all()


def test_close_all_closes_what_is_open(server: ScriptedCsms) -> None:
    cps = [connect(f"{server.base}/CP{number}") for number in range(3)]
    cps[1].close()
    session.close_all()
    assert [cp.connected for cp in cps] == [False] * 3
    for _ in cps:
        peer = server.peer()
        peer.rest()
        assert peer.connection.close_code == 1000


def test_close_all_twice(cp: ChargePoint) -> None:
    session.close_all()
    session.close_all()
    assert not cp.connected


def test_close_all_shares_its_time_among_all(cp: ChargePoint, peer: Peer) -> None:
    given: list[float] = []
    gate = threading.Event()

    class Slow:
        def close(self, timeout: float) -> None:
            given.append(timeout)
            gate.wait(0.05)

    slow = [Slow() for _ in range(4)]
    for each in slow:
        session._open.add(each)  # type: ignore[arg-type]
    session.close_all(timeout=0.15)
    assert len(given) == 4
    assert given == sorted(given, reverse=True)
    assert given[-1] == 0.1


def test_at_end_is_called_once_after_the_charge_points_are_closed(cp: ChargePoint) -> None:
    found: list[bool] = []
    session.at_end(lambda: found.append(cp.connected))
    session.close_all()
    session.close_all()
    assert found == [False]


@pytest.mark.usefixtures("kept")
def test_the_verdict_has_violations_and_failures_of_all(server: ScriptedCsms) -> None:
    cps = []
    for number in range(2):
        with connect(f"{server.base}/CP{number}") as cp:
            peer = server.peer()
            cp.on("ClearCache", lambda request: 1 / 0)
            peer.send("nonsense")
            peer.ask("ClearCache")
        cps.append(cp)
    verdict = session.verdict()
    assert [violation.chargePoint for violation in verdict.violations] == ["CP0", "CP1"]
    assert [type(failure) for failure in verdict.failures] == [ZeroDivisionError] * 2


@pytest.mark.usefixtures("kept")
def test_the_verdict_on_what_went_well_is_empty(cp: ChargePoint, peer: Peer) -> None:
    assert peer.ask("ClearCache")[2] == "NotSupported"
    assert session.verdict() == session.Verdict([], [])


def test_close_all_while_others_connect_is_no_accident(server: ScriptedCsms) -> None:
    errors: list[Any] = []

    def script() -> None:
        try:
            for number in range(20):
                connect(f"{server.base}/CP{number}").close()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=script) for _ in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        session.close_all()
    for thread in threads:
        thread.join(PATIENCE)
    assert errors == []


def test_a_fork_leaves_its_parent_alone(tmp_path: Path) -> None:
    """It has a copy of the charge point, of its locks and of its file, but no threads."""
    script = """
        import os, sys
        from ocppsim import connect
        with connect(sys.argv[1], state_dir=sys.argv[2]) as cp:
            child = os.fork()
            if not child:
                sys.exit(0)
            assert os.waitpid(child, 0)[1] == 0
            cp.call("Heartbeat")
            cp.enqueue("DataTransfer", {"vendorId": "V"})
        with connect(sys.argv[1], state_dir=sys.argv[2]) as cp:
            print(len(cp.queue))
    """
    with AnsweringCsms() as csms:
        path = write(tmp_path / "script.py", script)
        done = python("-W", "ignore", path, csms.url, tmp_path / "state")
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr


def test_a_fork_does_not_keep_the_folder(tmp_path: Path) -> None:
    script = """
        import os, sys
        from ocppsim import connect
        over, go_on = os.pipe()
        first = os.fork()
        if not first:
            cp = connect(sys.argv[1], state_dir=sys.argv[2])
            if not os.fork():
                os.close(go_on)
                os.read(over, 1)  # outlives the first
            os._exit(0)
        os.waitpid(first, 0)
        with connect(sys.argv[1], state_dir=sys.argv[2]):
            print("free", flush=True)
    """
    with AnsweringCsms() as csms:
        path = write(tmp_path / "script.py", script)
        done = python("-W", "ignore", path, csms.url, tmp_path / "state")
    assert done.stdout == "free\n", done.stderr
