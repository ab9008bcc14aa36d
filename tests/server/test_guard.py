"""Who may not ask the server anything, and what it says to them."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from server.client import Client, served

from ocppsim.hosts import is_loopback
from ocppsim.server.guard import Guard
from ocppsim.server.inputs import MAX_BODY


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, str]]:
    """A server on all addresses, asked by one of them; and its token."""
    with served(tmp_path_factory.mktemp("guarded"), "--bind", "0.0.0.0") as client:
        url, _, token = client.url.partition("?token=")
        assert re.fullmatch(r"[\w-]{43}", token)
        client.url = url
        client.host = "127.0.0.1"
        yield client, token


# --- Host ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:3000",
        "127.0.0.1.evil.example",
        "localhost.evil.example:80",
        "evil@localhost",
        "[::1",
        "",
        "10.0.0.1",
        "localhost, evil.example",
    ],
)
@pytest.mark.parametrize("path", ["/", "/cp", "/docs/", "/no/such/thing", "/openapi.json"])
def test_a_host_that_is_not_ours_is_refused(client: Client, host: str, path: str) -> None:
    answer = client.get(path, headers={"Host": host})
    assert answer.status == 403
    assert answer.error["where"] == "header: Host"
    assert "localhost" in answer.error["hint"]


def test_our_own_names_are_taken(client: Client) -> None:
    for host in ("localhost", "127.0.0.1", "[::1]", "LOCALHOST", f"127.0.0.1:{client.port}"):
        assert client.get("/cp", headers={"Host": host}).status == 200
    # through a tunnel the port is another one
    assert client.get("/cp", headers={"Host": "localhost:8443"}).status == 200


def test_the_address_in_the_request_line_counts_as_host(client: Client) -> None:
    head = b"GET http://evil.example/cp HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection((client.host, client.port), 30) as sock:
        sock.sendall(head)
        assert sock.makefile("rb").readline().split()[1] == b"403"


# --- Origin --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "https://{host}",
        "http://{host}0",
        "http://127.0.0.1:1",
        "http://localhost:1",
        "http://[::1",
        "file://",
        "",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
def test_a_foreign_origin_is_refused(client: Client, method: str, origin: str) -> None:
    origin = origin.format(host=f"{client.host}:{client.port}")
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    answer = client.ask(method, "/cp", headers=headers)
    assert answer.status == 403
    assert answer.error["where"] == "header: Origin"
    assert not any(name.startswith("access-control-") for name in answer.headers)


def test_our_own_origin_is_taken(client: Client) -> None:
    origin = client.url.rstrip("/")
    assert client.get("/cp", headers={"Origin": origin}).status == 200
    made = client.post("/cp", {"name": "origin", "connect": False}, headers={"Origin": origin})
    assert made.status == 201
    assert client.delete("/cp/origin", headers={"Origin": origin}).status == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_another_site_has_fetched_is_refused(client: Client, site: str) -> None:
    for mode, dest in (("no-cors", "script"), ("navigate", "iframe"), ("cors", "empty")):
        headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
        answer = client.get("/cp", headers=headers)
        assert (answer.status, answer.error["where"]) == (403, "header: Sec-Fetch-Site")
    followed = {
        "Sec-Fetch-Site": site,
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    }
    assert client.get("/docs/", headers=followed).status == 200
    assert client.post("/cp", headers=followed).status == 403


def test_a_foreign_websocket_is_refused(client: Client) -> None:
    headers = {
        "Origin": "http://evil.example",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    for path in ("/", "/cp", "/events"):
        assert client.get(path, headers=headers).status == 403


# --- the token -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/cp", "/docs/", "/openapi.json", "/events", "/nothing"])
def test_without_the_token_there_is_nothing(guarded: tuple[Client, str], path: str) -> None:
    client, token = guarded
    wrong = token[:-1] + ("A" if token[-1] != "A" else "B")
    for headers in (
        {},
        {"Authorization": f"Bearer {wrong}"},
        {"Authorization": f"Basic {token}"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer \xff\xff"},
        {"Cookie": f"ocppsim-{client.port}={wrong}"},
        {"Cookie": f"ocppsim={token}"},
    ):
        answer = client.get(path, headers=headers)
        assert answer.status == 401, headers
        assert answer.headers["www-authenticate"] == "Bearer"
        assert token not in answer.text
    assert client.get(f"{path}?token={wrong}").status == 401
    assert client.post(f"/cp/CP1?token={token}", "1", media="text/x-python").status == 401


def test_the_token_in_a_header(guarded: tuple[Client, str]) -> None:
    client, token = guarded
    assert client.get("/cp", headers={"Authorization": f"Bearer {token}"}).status == 200
    assert client.get("/cp", headers={"Authorization": f"bearer {token}"}).status == 200


def test_a_browser_gets_a_cookie_and_loses_the_token(guarded: tuple[Client, str]) -> None:
    client, token = guarded
    answer = client.get(f"/cp?token={token}&x=1%202")
    assert answer.status == 303
    assert answer.headers["location"] == "/cp?x=1+2"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"ocppsim-{client.port}={token};")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert client.get("/cp", headers={"Cookie": cookie.partition(";")[0]}).status == 200
    for slashes in ("//", "///", "////"):
        away = client.get(f"{slashes}evil.example/x?token={token}")
        assert away.headers["location"] == "/evil.example/x"


def test_any_address_is_a_host_but_no_foreign_name(guarded: tuple[Client, str]) -> None:
    client, token = guarded
    for host, status in (("10.1.2.3:3000", 200), ("[fe80::1]", 200), ("evil.example", 403)):
        headers = {"Host": host, "Authorization": f"Bearer {token}"}
        assert client.get("/cp", headers=headers).status == status


def test_the_token_is_in_no_log(tmp_path: Path) -> None:
    with served(tmp_path, "--bind", "0.0.0.0", "-vv") as client:
        token = client.url.partition("?token=")[2]
        client.host = "127.0.0.1"
        client.get(f"/?token={token}")
        client.get(f"/nothing?token={token}", headers={"Authorization": f"Bearer {token}"})
        _, out, err = client.end()
    assert token not in out  # after the line with the address
    assert "terminated" in err
    assert token not in err


def test_the_loopback_needs_none() -> None:
    for bind in ("127.0.0.1", "localhost", "::1", "127.8.8.8"):
        assert is_loopback(bind)
        assert Guard(bind).token is None
    for bind in ("0.0.0.0", "::", "192.168.1.2", "example.org", ""):
        assert not is_loopback(bind)
    one, two = Guard("0.0.0.0").token, Guard("0.0.0.0").token
    assert one != two
    assert Guard("127.0.0.1", "mine").token == "mine"


# --- bodies --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "media",
    [
        None,
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "text/x-python2",
    ],
)
def test_a_body_of_another_type_is_refused(client: Client, media: str | None) -> None:
    for path in ("/cp", "/cp/CP1", "/cp/CP1/connect"):
        answer = client.post(path, '{"name": "CP1"}', media=media)
        assert answer.status == 415
        assert answer.error["where"] == "header: Content-Type"


def test_a_script_is_no_json_and_json_no_script(client: Client) -> None:
    assert client.post("/cp/CP1", "{}").status == 415
    assert client.post("/cp", "{}", media="text/x-python").status == 415


def test_a_body_that_is_too_large(client: Client) -> None:
    answer = client.post("/cp", b" " * (MAX_BODY + 1))
    assert answer.status == 413
    assert str(MAX_BODY) in answer.error["what"]


def test_a_body_in_chunks_that_is_too_large(client: Client) -> None:
    connection = http.client.HTTPConnection(client.host, client.port, timeout=60)
    with contextlib.closing(connection):
        chunks = (b" " * 65536 for _ in range(2 * MAX_BODY // 65536))
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/cp", chunks, headers, encode_chunked=True)
        assert connection.getresponse().status == 413


def test_a_body_in_chunks(client: Client) -> None:
    connection = http.client.HTTPConnection(client.host, client.port, timeout=60)
    with contextlib.closing(connection):
        chunks = iter([b'{"name": "chunks",', b'"connect": false}'])
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/cp", chunks, headers, encode_chunked=True)
        assert connection.getresponse().status == 201
    client.delete("/cp/chunks")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{", "is not JSON"),
        ("NaN", "NaN is not JSON"),
        ('{"name": 1e999}', "too large a number"),
        ("[" * 100_000, "nested too deeply"),
        (b'{"name": "\xff"}', "is not UTF-8"),
        ('{"name": "\\ud800"}', "is not UTF-8"),
        ("1" * 5000, "is not JSON"),
        ("", "a body is expected"),
    ],
)
def test_a_body_that_is_no_json(client: Client, body: Any, said: str) -> None:
    answer = client.post("/cp", body)
    assert answer.status == 400
    assert said in answer.error["what"]


# --- headers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/api", "/cp", "/docs/", "/openapi.json", "/nothing"])
def test_headers_for_browsers(client: Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers
