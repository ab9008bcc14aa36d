"""Scripts over HTTP, the server in another process: run, fail, exit, be stopped; it lives on."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from contextlib import closing
from urllib.parse import unquote

import pytest
from server.client import Answer, Client

SCRIPT = "text/x-python"
PATIENCE = 30.0


def post(client: Client, name: str, script: str, query: str = "") -> Answer:
    return client.post(f"/cp/{name}{query}", script, media=SCRIPT)


def begin(client: Client, name: str, script: str) -> Callable[[], Answer]:
    """Post it in the background, until it is busy; its answer."""
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(post(client, name, script)))
    thread.start()
    deadline = time.monotonic() + PATIENCE
    while not client.get(f"/cp/{name}").json["busy"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)

    def end() -> Answer:
        thread.join(PATIENCE)
        assert answers, "it runs on"
        return answers[0]

    return end


def test_a_script_runs_with_its_charge_point(client: Client, name: str) -> None:
    answer = post(client, name, "cp.vars.n = 1\nprint(cp.name, *cp.send_heartbeat())\n")
    assert (answer.status, answer.json["output"]) == (200, f"{name} currentTime\n")
    assert post(client, name, "print(cp.vars.n + 1)").json["output"] == "2\n"


def test_one_that_fails_answers_with_its_line(client: Client, name: str) -> None:
    answer = post(client, name, "x = 1\nx / 0\n")
    assert answer.status == 422
    assert "line 2, in <module>\n    x / 0" in answer.json["text"]
    assert answer.error["what"] == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize(
    "script", ["import sys; sys.exit(1)", "raise BaseException", "def f(): f()\nf()", "1 +"]
)
def test_none_takes_the_server_down(client: Client, name: str, script: str) -> None:
    assert post(client, name, script).status == 422
    assert post(client, name, "print('alive')").json["output"] == "alive\n"


@pytest.mark.parametrize(
    "bad", ["..", ".a", "%00", "%E2%98%83", "a%20b", "CP1%0A", "x" * 49, "x" * 5000]
)
def test_a_name_that_may_not_be_is_refused_and_not_kept(client: Client, bad: str) -> None:
    answer = post(client, bad, "print('ran')")
    assert answer.status == 422
    assert answer.error["where"] == "path: name"
    names = [shown["name"] for shown in client.get("/cp").json["chargePoints"]]
    assert unquote(bad) not in names
    with_json = client.post("/cp", {"name": unquote(bad), "connect": False})
    assert (with_json.status, with_json.error["where"]) == (422, "body: $.name")


def test_a_second_one_is_refused_or_waits(client: Client, name: str) -> None:
    end = begin(client, name, "cp.sleep(1000)")
    refused = post(client, name, "pass", "?wait=false")
    assert refused.status == 409
    assert refused.error["where"] == "script"
    assert post(client, name, "pass", "?timeout=0.05").status == 409
    assert client.post(f"/cp/{name}/stop").json["left"] == []
    assert "Stopped" in end().json["text"]


@pytest.mark.parametrize("script", ["while True: pass", "cp.expect('Reset', timeout=1000)"])
def test_it_is_stopped(client: Client, name: str, script: str) -> None:
    end = begin(client, name, script)
    stopped = client.post(f"/cp/{name}/stop").json
    assert stopped["left"] == []
    assert stopped["woken"] or stopped["interrupted"]
    assert "the script was stopped" in end().json["text"]


def test_one_in_the_background_answers_when_it_begins(client: Client, name: str) -> None:
    with closing(http.client.HTTPConnection(client.host, client.port, timeout=PATIENCE)) as events:
        events.request("GET", f"/cp/{name}/events")
        response = events.getresponse()
        text = response.read1(65536).decode()
        begun = post(client, name, "cp.expect('Reset', timeout=1000)", "?background=true")
        assert (begun.status, begun.json) == (202, {"script": 1})
        assert client.get(f"/cp/{name}").json["busy"]
        assert post(client, name, "pass", "?background=true&wait=false").status == 409
        assert client.post(f"/cp/{name}/stop").json["left"] == []
        while '"state":"ended"' not in text:
            text += response.read1(65536).decode()
    assert '"ok":false,"text":"Traceback' in text
    assert post(client, name, "print('on')").json["output"] == "on\n"


def test_its_life_is_in_the_events(client: Client, name: str) -> None:
    connection = http.client.HTTPConnection(client.host, client.port, timeout=PATIENCE)
    with closing(connection):
        connection.request("GET", f"/cp/{name}/events")
        response = connection.getresponse()
        assert response.status == 200
        text = response.read1(65536).decode()
        post(client, name, "print('hello'); cp.send_heartbeat()")
        while '"state":"ended"' not in text:
            text += response.read1(65536).decode()
    kinds = [line.removeprefix("event: ") for line in text.splitlines() if "event: " in line]
    assert kinds == ["script", "output", "frame", "frame", "script"]
