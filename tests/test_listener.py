"""The web listener of a script: its routes over real HTTP, and whom it lets in."""

from __future__ import annotations

import base64
import http.client
import json
import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from command import ocppsim, python, write
from scripted_csms import HEARTBEAT, PATIENCE, Peer

pytest.importorskip("werkzeug", reason="the extra server is not installed")

from ocppsim import ChargePoint
from ocppsim.listener import MAX_BODY, Listener

Asked = tuple[int, str]


def ask(
    listener: Listener, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, str, http.client.HTTPMessage]:
    """Status, text, headers of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", listener.port, timeout=PATIENCE)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None and not isinstance(body, (str, bytes)):
        body, sent = json.dumps(body), {"Content-Type": "application/json", **sent}
    with closing(connection):
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers


@pytest.fixture
def listener(cp: ChargePoint) -> Listener:
    return cp.start_listener(0)


def test_each_method_has_its_routes(listener: Listener) -> None:
    routes = {"GET": listener.get, "POST": listener.post, "PUT": listener.put}
    for method, route in {**routes, "DELETE": listener.delete}.items():
        route("/thing")(lambda method=method: f"{method} it is")
    for method in ("GET", "POST", "PUT", "DELETE"):
        assert ask(listener, method, "/thing")[:2] == (200, f"{method} it is\n")


def test_a_route_gets_path_query_and_body(listener: Listener) -> None:
    @listener.post("/plug/<int:connector>")
    def plug(connector: int, body: Any, query: dict[str, str]) -> Any:
        return {"connector": connector, "body": body, "query": query}

    status, text, headers = ask(listener, "POST", "/plug/2?slow=yes", {"idTag": "ä"})
    assert status == 200
    assert headers["Content-Type"] == "application/json"
    assert json.loads(text) == {"connector": 2, "body": {"idTag": "ä"}, "query": {"slow": "yes"}}
    assert json.loads(ask(listener, "POST", "/plug/2")[1])["body"] is None


@pytest.mark.parametrize(
    ("value", "status", "text"),
    [
        ("words", 200, "words\n"),
        ({"a": [1, None]}, 200, '{"a": [1, null]}\n'),
        ([], 200, "[]\n"),
        (7, 200, "7\n"),
        (None, 204, ""),
        (("gone", 410), 410, "gone\n"),
        (({"a": 1}, 201), 201, '{"a": 1}\n'),
    ],
)
def test_what_a_route_returns(listener: Listener, value: Any, status: int, text: str) -> None:
    listener.get("/it")(lambda: value)
    assert ask(listener, "GET", "/it")[:2] == (status, text)


def test_registering_again_replaces(listener: Listener) -> None:
    listener.get("/it")(lambda: "first")
    assert ask(listener, "GET", "/it")[1] == "first\n"
    listener.get("/it")(lambda: "second")
    assert ask(listener, "GET", "/it")[1] == "second\n"


def test_a_route_may_call_the_csms(listener: Listener, cp: ChargePoint, peer: Peer) -> None:
    listener.post("/beat")(lambda: cp.call("Heartbeat"))
    peer.answers["Heartbeat"] = HEARTBEAT
    status, text, _ = ask(listener, "POST", "/beat")
    assert (status, json.loads(text)) == (200, HEARTBEAT)


@pytest.mark.parametrize("error", [ValueError("no\n  car"), SystemExit("no car")])
def test_an_error_is_500_in_one_line_and_logged(
    listener: Listener, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    def fail() -> None:
        raise error

    listener.get("/fail")(fail)
    with caplog.at_level(logging.ERROR, "ocppsim.cp"):
        status, text, _ = ask(listener, "GET", "/fail")
    assert (status, text) == (500, f"{type(error).__name__}: no car\n")
    assert "CP1: GET /fail: the route failed" in caplog.text
    assert ask(listener, "GET", "/fail")[0] == 500


def test_no_error_shows_a_secret(listener: Listener) -> None:
    def fail() -> None:
        raise ValueError("ws://me:S3CRET@host/ is wrong")

    listener.get("/fail")(fail)
    assert "S3CRET" not in ask(listener, "GET", "/fail")[1]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nowhere", None, 404),
        ("DELETE", "/put", None, 405),
        ("PUT", "/put", "{", 400),
        ("PUT", "/put", "[" * 100_000, 400),
        ("PUT", "/put", b"\xff", 400),
        ("PUT", "/put", "x" * (MAX_BODY + 1), 413),
        ("PATCH", "/put", None, 405),
    ],
)
def test_a_wrong_request_is_answered_in_one_line(
    listener: Listener, method: str, path: str, body: Any, status: int
) -> None:
    listener.put("/put")(lambda body: body)
    got, text, headers = ask(listener, method, path, body, Content_Type="application/json")
    assert got == status
    assert text.count("\n") == 1
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_another_content_type_is_refused(listener: Listener) -> None:
    # what a form of any page can send
    listener.post("/post")(lambda body: body)
    for media in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert ask(listener, "POST", "/post", "{}", Content_Type=media)[0] == 415


# --- whom it lets in ---


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "", "10.0.0.1", "@"])
def test_a_name_that_leads_here_is_refused(listener: Listener, host: str) -> None:
    listener.get("/it")(lambda: "in")
    status, text, _ = ask(listener, "GET", "/it", Host=host)
    assert status == 403
    assert "is not called" in text


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1", "[::1]:3000"])
def test_its_own_names_are_not(listener: Listener, host: str) -> None:
    listener.get("/it")(lambda: "in")
    assert ask(listener, "GET", "/it", Host=host)[0] == 200


def test_pages_of_other_sites_are_refused(listener: Listener) -> None:
    listener.post("/stop")(lambda: "stopped")
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"https://127.0.0.1:{listener.port}"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ):
        assert ask(listener, "POST", "/stop", **headers)[0] == 403
    own = {"Origin": listener.url, "Sec_Fetch_Site": "same-origin"}
    assert ask(listener, "POST", "/stop", **own)[0] == 200


def test_it_listens_on_the_loopback_alone(listener: Listener) -> None:
    assert listener.url == f"http://127.0.0.1:{listener.port}"


def test_an_open_one_is_warned_of(cp: ChargePoint, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "ocppsim.cp"), cp.start_listener(bind="0.0.0.0") as it:
        it.get("/it")(lambda: "in")
        assert ask(it, "GET", "/it", Host="10.0.0.7:80")[0] == 200
        assert ask(it, "GET", "/it", Host="evil.example")[0] == 403
    assert "users= asks for a password" in caplog.text


def test_the_warning_of_an_open_one_is_seen_though_quiet(tmp_path: Path) -> None:
    script = write(
        tmp_path / "script.py",
        """
        from ocppsim import connect
        with connect() as cp:
            cp.start_listener(bind="0.0.0.0")
            cp.start_listener(bind="0.0.0.0", users={"ann": "secret"})
            cp.start_listener()
        """,
    )
    ended = ocppsim("-q", script)
    assert ended.returncode == 0
    assert ended.stderr.count("may use it: users= asks for a password") == 1
    assert len(ended.stderr.splitlines()) == 1


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_a_password_is_asked_for(cp: ChargePoint) -> None:
    listener = cp.start_listener(users={"ann": "ü:1", "bob": "2"})
    listener.get("/it")(lambda: "in")
    status, _, headers = ask(listener, "GET", "/it")
    assert status == 401
    assert headers["WWW-Authenticate"].startswith("Basic ")
    for user, password in (("ann", "2"), ("bob", "ü:1"), ("", ""), ("eve", "2"), ("bob", "")):
        assert ask(listener, "GET", "/it", **basic(user, password))[0] == 401
    assert ask(listener, "GET", "/it", Authorization="Basic ???")[0] == 401
    assert ask(listener, "GET", "/it", Authorization="Bearer 2")[0] == 401
    assert ask(listener, "GET", "/it", **basic("ann", "ü:1"))[0] == 200
    assert ask(listener, "GET", "/it", **basic("bob", "2"))[0] == 200
    assert ask(listener, "GET", "/nowhere")[0] == 401


def test_nobody_enters_where_there_are_no_users(cp: ChargePoint) -> None:
    listener = cp.start_listener(users={})
    listener.get("/it")(lambda: "in")
    assert ask(listener, "GET", "/it", **basic("", ""))[0] == 401


# --- its life ---


def refuses(listener: Listener) -> bool:
    try:
        socket.create_connection(("127.0.0.1", listener.port), PATIENCE).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_route_ends_it_and_answers(listener: Listener) -> None:
    @listener.get("/stop")
    def stop() -> str:
        listener.terminate()
        return "stopped"

    waited: list[bool] = []
    waiting = threading.Thread(target=lambda: waited.append(listener.wait(PATIENCE)))
    waiting.start()
    assert not listener.wait(0.001)
    assert ask(listener, "GET", "/stop")[:2] == (200, "stopped\n")
    waiting.join(PATIENCE)
    assert waited == [True]
    assert refuses(listener)
    listener.terminate()


@pytest.mark.parametrize(
    "end", [lambda cp, it: cp.close(), lambda cp, it: it.terminate(), lambda cp, it: exit_of(it)]
)
def test_it_ends(cp: ChargePoint, end: Callable[[ChargePoint, Listener], None]) -> None:
    listener = cp.start_listener()
    end(cp, listener)
    assert refuses(listener)
    assert listener.wait(0)


def exit_of(listener: Listener) -> None:
    with listener:
        pass


def test_two_routes_that_end_it_do_not_wait_for_each_other(listener: Listener) -> None:
    both = threading.Barrier(2)

    @listener.get("/stop")
    def stop() -> str:
        both.wait(PATIENCE)
        listener.terminate(1000)
        return "stopped"

    asking = threading.Thread(target=ask, args=(listener, "GET", "/stop"))
    asking.start()
    assert ask(listener, "GET", "/stop")[:2] == (200, "stopped\n")
    asking.join(PATIENCE)
    assert not asking.is_alive()


def test_closing_from_a_route_answers(listener: Listener, cp: ChargePoint) -> None:
    listener.get("/close")(lambda: [cp.close(), "closed"][1])
    assert ask(listener, "GET", "/close")[:2] == (200, "closed\n")
    assert not cp.connected


def test_a_route_that_does_not_end_is_named_and_left(
    cp: ChargePoint, caplog: pytest.LogCaptureFixture
) -> None:
    listener = cp.start_listener()
    began, go_on = threading.Event(), threading.Event()

    @listener.get("/hang")
    def hang() -> str:
        began.set()
        go_on.wait(PATIENCE)
        return "late"

    def cut() -> None:
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            ask(listener, "GET", "/hang")

    asking = threading.Thread(target=cut)
    asking.start()
    assert began.wait(PATIENCE)
    with caplog.at_level(logging.WARNING, "ocppsim.cp"):
        listener.terminate(0.1)
    assert "left behind, a route at work" in caplog.text
    go_on.set()
    asking.join(PATIENCE)


def test_a_port_that_is_taken_is_said(cp: ChargePoint, listener: Listener) -> None:
    with pytest.raises(OSError, match=rf"cannot listen at 127.0.0.1, port {listener.port}: "):
        cp.start_listener(listener.port)


def test_a_path_begins_with_a_slash(listener: Listener) -> None:
    with pytest.raises(ValueError, match="begins with a slash"):
        listener.get("stop")


def test_where_the_extra_is_missing_a_line_says_so(tmp_path: Path) -> None:
    script = write(
        tmp_path / "script.py",
        """
        import sys
        sys.modules["werkzeug"] = sys.modules["werkzeug.exceptions"] = None
        from ocppsim import connect
        with connect() as cp:
            cp.start_listener(0)
        """,
    )
    done = python("-m", "ocppsim", script)
    assert done.returncode == 1
    assert "a listener needs the extra server: pip install 'ocppsim[server]'" in done.stderr


def test_a_batch_script_is_stopped_over_http(tmp_path: Path) -> None:
    script = write(
        tmp_path / "script.py",
        """
        from ocppsim import connect
        with connect() as cp:
            listener = cp.start_listener(0)

            @listener.get("/stop")
            def stop():
                listener.terminate()
                return "stopping"

            print(listener.port, flush=True)
            listener.wait()
        print("stopped")
        """,
    )
    with subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(Path(__file__).parents[1])},
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        with closing(connection):
            connection.request("GET", "/stop")
            assert connection.getresponse().read() == b"stopping\n"
        assert process.stdout.read() == "stopped\n"
    assert process.returncode == 0
