"""Whatever is wrong, the answer is JSON that says what and where."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from server.client import Client

from ocppsim.csms import CentralSystem

HOST = b"Host: localhost\r\n"
UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
JSON = b"Content-Type: application/json\r\n"
MANY = b"".join(b"X-%d: 1\r\n" % number for number in range(200))


def said(client: Client, request: bytes) -> tuple[int, dict[str, str], Any]:
    """Status, headers and `error` of the answer to these bytes."""
    with socket.create_connection((client.host, client.port), 30) as sock:
        sock.sendall(request)
        answer = sock.makefile("rb").read()
    head, _, body = answer.partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    headers = dict(field.lower().split(": ", 1) for field in fields)
    version, status, _ = line.split(" ", 2)
    assert version == "HTTP/1.1"
    return int(status), headers, json.loads(body)["error"]


@pytest.mark.parametrize(
    ("request_", "status", "where"),
    [
        (b"nonsense\r\n\r\n", 400, "request line"),
        (b"one two three four\r\n\r\n", 400, "request line"),
        (b"GET / HTTP/x\r\n\r\n", 400, "request line"),
        (b"GET http://[::1/cp HTTP/1.1\r\n" + HOST + b"\r\n", 400, "request line"),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414, "request line"),
        (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", 505, "request line"),
        (b"GET /events HTTP/1.1\r\nLast-Event-ID: " + b"1" * 70_000 + b"\r\n\r\n", 431, "headers"),
        (b"GET /cp HTTP/1.1\r\n" + HOST + MANY + b"\r\n", 431, "headers"),
        (b"GET /cp HTTP/1.1\r\n\r\n", 403, "header: Host"),
        (b"GET / HTTP/1.1\r\n" + HOST + UPGRADE + b"\r\n", 400, "header: Upgrade"),
        (b"GET /events HTTP/1.1\r\n" + HOST + UPGRADE + b"\r\n", 400, "header: Upgrade"),
        (b"FETCH /cp HTTP/1.1\r\n" + HOST + b"\r\n", 405, "FETCH /cp"),
        (
            b"POST /cp HTTP/1.1\r\n" + HOST + JSON + b"Content-Length: two\r\n\r\n{}",
            400,
            "header: Content-Length",
        ),
        (
            b"POST /cp HTTP/1.1\r\n" + HOST + JSON + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}",
            400,
            "POST /cp",
        ),
    ],
    ids=lambda value: value[:30].decode() if isinstance(value, bytes) else str(value),
)
def test_it_is_json(client: Client, request_: bytes, status: int, where: str) -> None:
    got, headers, error = said(client, request_)
    assert (got, error["where"]) == (status, where)
    assert error["what"]
    assert "browser" not in error["what"]  # as werkzeug says it
    assert headers["content-type"] == "application/json"
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers


def test_it_is_json_while_the_client_still_sends(client: Client) -> None:
    status, _, error = said(client, b"GET /" + b"x" * 2_000_000 + b" HTTP/1.1\r\n\r\n")
    assert (status, error["where"]) == (414, "request line")


# --- bodies --------------------------------------------------------------------------------------


def test_a_name_that_stands_twice(client: Client) -> None:
    for body in (
        '{"name": "twice", "name": "twice2", "connect": false}',
        '{"name": "twice", "connect": false, "headers": {"A": "1", "A": "2"}}',
    ):
        answer = client.post("/cp", body)
        assert (answer.status, answer.error["where"]) == (400, "body")
        assert "stands twice" in answer.error["what"]
    assert client.get("/cp/twice").status == 404


@pytest.mark.parametrize(
    "url",
    ["ws://localhost:99999", "ws://[::1", "ws://", "wss://:1", "ws://host/#x", "http://host"],
)
def test_a_url_that_is_none_is_the_callers_fault(client: Client, name: str, url: str) -> None:
    made = client.post("/cp", {"name": "nowhere", "url": url})
    moved = client.post(f"/cp/{name}/connect", {"url": url})
    for answer in (made, moved):
        assert (answer.status, answer.error["where"]) == (422, "body: $.url")
    assert client.get("/cp/nowhere").status == 404


def test_a_bad_url_shows_no_password(client: Client) -> None:
    answer = client.post("/cp", {"name": "nowhere", "url": "ws://me:5EC2E7@localhost:99999/"})
    assert answer.status == 422
    assert "5EC2E7" not in answer.text


# --- waiting -------------------------------------------------------------------------------------


def test_what_was_waited_for_and_where(client: Client, csms: CentralSystem, name: str) -> None:
    client.post(f"/cp/{name}/station")
    path = f"/cp/{name}/station/wait-for"
    answer = client.post(path, {"connector": 1, "status": "Charging", "timeout": 0.1})
    assert answer.error["where"] == f"POST {path}"
    assert "connector 1 is Available, and was not Charging" in answer.error["what"]


# --- answers to the CSMS -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "answer", "where", "hint"),
    [
        ("Rest", {"payload": {}}, "path: action", "did you mean Reset?"),
        ("Nope", {"drop": True}, "path: action", ""),
        ("Heartbeat", {"payload": {}}, "path: action", ""),
        (
            "Reset",
            {"error": {"errorCode": "Internal"}},
            "body: $.error.errorCode",
            "did you mean InternalError?",
        ),
        ("Reset", {"payload": {"status": "Perhaps"}}, "body: $.payload", ""),
    ],
)
def test_what_ocpp_does_not_have(
    client: Client, name: str, action: str, answer: dict[str, Any], where: str, hint: str
) -> None:
    path = f"/cp/{name}/handlers/{action}"
    for ask in (client.put, client.post):
        refused = ask(path, answer)
        assert (refused.status, refused.error["where"]) == (422, where)
        assert refused.error["hint"].startswith(hint)
        assert '"validate": false' in refused.error["hint"]
    assert client.get(f"/cp/{name}/handlers").json == {"handlers": []}
    assert client.put(path, {**answer, "validate": False}).status == 200


def test_an_action_of_a_vendor_is_answered(client: Client, csms: CentralSystem, name: str) -> None:
    client.put(f"/cp/{name}/handlers/Nope", {"payload": {"a": 1}, "validate": False})
    assert csms.call(name, "Nope", {}, validate=False) == {"a": 1}
