"""``ocppsim`` without a SCRIPT."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from command import environment, ocppsim, python
from server.client import Client, served

from ocppsim.parser import ocppsim_parser, parse, server_address


@pytest.mark.parametrize(
    ("number", "status", "said"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_a_signal_ends_it_cleanly(
    tmp_path: Path, number: signal.Signals, status: int, said: str
) -> None:
    with (
        served(tmp_path, "--demo") as client,
        # which never says anything, and does not hold it up
        socket.create_connection((client.host, client.port), 30),
    ):
        assert client.get("/cp/CP1").json["connected"] is True
        ended, _, err = client.end(number)
    assert ended == status
    assert err.splitlines()[-1] == f"ocppsim: {said}"
    assert "Traceback" not in err


def test_the_demo_has_a_station_that_charges(tmp_path: Path) -> None:
    with served(tmp_path, "--demo") as client:
        admin = client.get("/admin").json
        (one,) = admin["chargePoints"]
        assert (one["name"], one["connected"], one["station"]) == ("CP1", True, True)
        assert admin["csms"]["chargePoints"] == ["CP1"]
        assert one["url"] == f"{admin['csms']['url']}/CP1"
        assert client.get("/cp/CP1/station").json["online"] is True
        names = [plugin["name"] for plugin in client.get("/plugins").json["plugins"]]
        assert names == ["core"]


def test_the_demo_without_the_plugin_boots(tmp_path: Path) -> None:
    with served(tmp_path, "--demo", plugins="") as client:
        actions = [one["action"] for one in client.get("/cp/CP1/messages").json["messages"]]
        assert actions == ["BootNotification", "BootNotification"]


def test_without_flask_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "flask.py").write_text("raise ModuleNotFoundError('no flask', name='flask')")
    root = environment()["PYTHONPATH"]
    done = ocppsim(cwd=tmp_path, PYTHONPATH=f"{tmp_path}:{root}")
    assert done.returncode == 2
    assert done.stderr == (
        "ocppsim: without a SCRIPT this is a server, which needs Flask:"
        " pip install 'ocppsim[server]'\n"
    )
    (tmp_path / "s.py").write_text("print('runs')")
    assert ocppsim("s.py", cwd=tmp_path, PYTHONPATH=f"{tmp_path}:{root}").stdout == "runs\n"


def test_a_script_and_a_library_do_not_import_it() -> None:
    code = "import sys, ocppsim, ocppsim.cli; print('flask' in sys.modules)"
    assert python("-c", code).stdout == "False\n"
    assert ocppsim("-", stdin="import sys; print('flask' in sys.modules)").stdout == "False\n"


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
        done = ocppsim("--port", port, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"ocppsim: cannot listen on 127.0.0.1 port {port}: ")
    assert len(done.stderr.splitlines()) == 1
    assert ocppsim("--bind", "192.0.2.1", "--port", 0).returncode == 2
    wrong = ocppsim(PORT="http")
    assert (wrong.returncode, wrong.stderr) == (
        2,
        "ocppsim: PORT: 'http' is not a number from 0 to 65535\n",
    )


def test_where_it_listens() -> None:
    def address(line: str, **variables: str) -> tuple[str, int]:
        options = parse(ocppsim_parser(), line.split(), variables)
        return server_address(options, variables)

    assert address("") == ("127.0.0.1", 3000)
    assert address("--port 0 --bind [::1]") == ("::1", 0)
    ours = {"OCPPSIM_PORT": "1", "OCPPSIM_BIND": "localhost"}
    theirs = {"PORT": "2", "BIND": "0.0.0.0"}
    assert address("", **theirs) == ("0.0.0.0", 2)
    assert address("", **theirs, **ours) == ("localhost", 1)
    assert address("--port 4 --bind ::", **theirs, **ours) == ("::", 4)


def test_it_listens_on_ipv6(tmp_path: Path) -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with served(tmp_path, "--bind", "::1") as client:
        assert re.fullmatch(r"http://\[::1\]:\d+/", client.url)
        assert client.get("/cp").json == {"chargePoints": []}


def test_options_of_connections_hold(tmp_path: Path, client: Client) -> None:
    url = client.get("/admin").json  # any server will do
    assert "version" in url
    with served(tmp_path, "--url", "ws://127.0.0.1:1/", plugins="") as other:
        made = other.post("/cp", {"name": "CP1"})
        assert (made.status, made.error["kind"]) == (424, "ConnectError")
        assert "ws://127.0.0.1:1/CP1" in made.error["what"]


def test_station_demo_is_the_plugins(tmp_path: Path) -> None:
    """``--station --demo`` runs the plugin's script, not the server."""
    from docs.installed import python_path

    path = python_path("pip install ./plugins/ocppsim-core", tmp_path)
    with subprocess.Popen(
        [sys.executable, "-m", "ocppsim", "--station", "--demo", "--speed", "600"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        env=environment(PYTHONPATH=path, PYTHONUNBUFFERED="1"),
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            assert "serves" not in line
            if "Charging" in line:
                break
        process.terminate()
        process.stdout.read()
