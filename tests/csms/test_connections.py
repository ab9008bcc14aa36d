"""Who gets in, under which name, and how a connection ends (OCPP-J 1.6 §3, §6.2.2)."""

from __future__ import annotations

import base64
import contextlib
import ssl
import threading
from collections.abc import Callable
from typing import Any

import pytest
import trustme
from websockets.exceptions import InvalidStatus

from ocppsim.csms import CentralSystem
from ocppsim.csms.handshake import charge_point_name
from ocppsim.errors import ConnectionLost, WaitTimeout


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/CP1", "CP1"),
        ("/ocpp/1.6/CP1", "CP1"),
        ("/RDAM%20123", "RDAM 123"),
        ("/a%2Fb", "a/b"),
        ("/%C3%9C", "Ü"),
        ("/CP1?token=a/b", "CP1"),
        ("/", ""),
        ("/ocpp/", ""),
        ("/?x=CP1", ""),
    ],
)
def test_the_name_is_the_last_segment(path: str, name: str) -> None:
    assert charge_point_name(path) == name


def test_names_on_the_wire(csms: Any, client: Any) -> None:
    client(csms, "ocpp/RDAM%20123?x=1")
    csms.wait_for_connection("RDAM 123")
    assert csms.charge_points == ["RDAM 123"]


@pytest.mark.parametrize("path", ["", "ocpp/", "?CP1"])
def test_no_name_is_404(csms: Any, client: Any, path: str) -> None:
    with pytest.raises(InvalidStatus) as caught:
        client(csms, path)
    assert caught.value.response.status_code == 404
    body = caught.value.response.body
    assert body.count(b"\n") == 1
    assert b"name of the charge point" in body


def test_the_subprotocol_is_agreed(csms: Any, client: Any) -> None:
    assert client(csms).socket.subprotocol == "ocpp1.6"
    both = client(csms, "CP2", subprotocols=["ocpp2.0.1", "ocpp1.6"])
    assert both.socket.subprotocol == "ocpp1.6"


@pytest.mark.parametrize("offered", [None, ["ocpp2.0.1"], ["OCPP1.6", "ocpp1.5"]])
def test_without_the_subprotocol_the_handshake_is_completed_then_closed(
    csms: Any, client: Any, offered: Any
) -> None:
    cp = client(csms, subprotocols=offered)
    assert cp.socket.response.status_code == 101
    assert "Sec-WebSocket-Protocol" not in cp.socket.response.headers
    code, reason = cp.closed()
    assert code == 1002
    assert "ocpp1.6" in reason
    assert csms.charge_points == []


def test_no_compression(csms: Any, client: Any) -> None:
    cp = client(csms, compression="deflate")
    assert "Sec-WebSocket-Extensions" not in cp.socket.response.headers
    assert cp.ask("Heartbeat")[0] == 3


def test_plain_http_is_refused(csms: Any, raw: Any) -> None:
    sock = raw()
    sock.sendall(b"GET /CP1 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert sock.recv(1000).startswith(b"HTTP/1.1 426 ")


def test_bytes_that_are_no_http(csms: Any, raw: Any, client: Any) -> None:
    sock = raw()
    sock.sendall(b"\x16\x03\x01" + b"\xff" * 500 + b"\r\n\r\n")
    while sock.recv(1000):
        pass
    assert client(csms).ask("Heartbeat")[0] == 3


def test_pings_are_answered(cp: Any) -> None:
    assert cp.socket.ping(b"x").wait(5)


def test_wait_for_connection(csms: Any, client: Any, background: Any) -> None:
    wait = background(csms.wait_for_connection, "CP1")
    client(csms)
    wait.result()
    csms.wait_for_connection("CP1", timeout=0)
    with pytest.raises(WaitTimeout, match=r"CP2 did not connect within 0 s; connected: CP1"):
        csms.wait_for_connection("CP2", timeout=0)


def test_charge_points_come_and_go(csms: Any, client: Any) -> None:
    assert csms.charge_points == []
    one, two = client(csms, "CP1"), client(csms, "CP2")
    csms.wait_for_connection("CP1")
    csms.wait_for_connection("CP2")
    assert csms.charge_points == ["CP1", "CP2"]
    one.socket.close()
    csms.disconnect("CP2")
    assert csms.charge_points == []
    assert two.closed() == (1000, "")


def test_the_newer_connection_takes_over(csms: Any, client: Any, background: Any) -> None:
    old = client(csms)
    pending = background(csms.call, "CP1", "ClearCache", timeout=60)
    old.recv()
    new = client(csms)
    assert old.closed() == (1000, "another connection with this name has taken over")
    with pytest.raises(ConnectionLost, match="taken over"):
        pending.result()
    assert csms.charge_points == ["CP1"]
    call = background(csms.call, "CP1", "ClearCache")
    new.send([3, new.recv()[1], {"status": "Accepted"}])
    assert call.result() == {"status": "Accepted"}


def test_a_silent_old_connection_does_not_hold_up_the_newer(
    csms: Any, client: Any, raw: Any
) -> None:
    old = raw()
    old.sendall(
        b"GET /CP1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
    )
    csms.wait_for_connection("CP1")
    assert client(csms).ask("Heartbeat")[0] == 3
    assert client(csms).ask("Heartbeat")[0] == 3
    assert csms.charge_points == ["CP1"]


def test_disconnect_is_a_closing_handshake(csms: Any, cp: Any) -> None:
    csms.disconnect("CP1", 4001, "go away")
    assert cp.closed() == (4001, "go away")
    assert csms.charge_points == []


@pytest.mark.parametrize("code", [0, 999, 1005, 1006, 1015, 5000, 70000])
def test_disconnect_with_a_code_that_cannot_be_sent(csms: Any, cp: Any, code: int) -> None:
    with pytest.raises(ValueError, match=f"{code} cannot be sent"):
        csms.disconnect("CP1", code)
    assert cp.ask("Heartbeat")[0] == 3


def test_disconnect_with_a_reason_that_is_too_long(csms: Any, cp: Any) -> None:
    with pytest.raises(ValueError, match="at most 123 bytes"):
        csms.disconnect("CP1", 1000, "ü" * 62)
    csms.disconnect("CP1", 1000, "x" * 123)
    assert cp.closed() == (1000, "x" * 123)


def test_drop_is_a_reset(csms: Any, raw: Any) -> None:
    sock = raw()
    sock.sendall(
        b"GET /CP1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
    )
    assert b" 101 " in sock.recv(1000)
    csms.wait_for_connection("CP1")
    csms.drop("CP1")
    assert csms.charge_points == []
    with pytest.raises(ConnectionResetError):
        sock.recv(1000)


# passwords


def basic(user: str | bytes, password: str | bytes) -> dict[str, str]:
    user = user.encode() if isinstance(user, str) else user
    password = password.encode() if isinstance(password, str) else password
    return {"Authorization": "Basic " + base64.b64encode(user + b":" + password).decode()}


def status(client: Callable[..., Any], csms: Any, name: str, headers: Any) -> int:
    try:
        return int(client(csms, name, additional_headers=headers).socket.response.status_code)
    except InvalidStatus as error:
        response = error.response
        assert response.body is not None
        assert response.body.count(b"\n") == 1
        if response.status_code == 401:
            assert response.headers["WWW-Authenticate"].startswith("Basic ")
        return response.status_code


@pytest.mark.parametrize(
    ("name", "headers", "expected"),
    [
        ("CP1", basic("CP1", "secret"), 101),
        ("CP1", {"Authorization": "basic Q1AxOnNlY3JldA=="}, 101),
        ("a%20b", basic("a b", "pass:word ü"), 101),
        ("AL1000", basic("AL1000", bytes(range(8)) + b"\xff" * 12), 101),
        ("CP1", basic("CP1", "wrong"), 401),
        ("CP1", basic("CP1", ""), 401),
        ("CP1", basic("CP2", "secret"), 401),
        ("CP2", basic("CP2", "secret"), 401),
        ("CP1", {}, 401),
        ("CP1", {"Authorization": "Bearer x"}, 401),
        ("CP1", {"Authorization": "Basic"}, 401),
        ("CP1", {"Authorization": "Basic !!!"}, 401),
        ("CP1", {"Authorization": "Basic Q1Ax"}, 401),
        ("", basic("", "secret"), 404),
    ],
)
def test_passwords(client: Any, name: str, headers: Any, expected: int) -> None:
    passwords: dict[str, str | bytes] = {
        "CP1": "secret",
        "a b": "pass:word ü",
        # the example of OCPP-J 1.6 §6.2.2: 20 bytes that are no text
        "AL1000": bytes.fromhex("0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF"),
    }
    with CentralSystem(passwords=passwords) as csms:
        assert status(client, csms, name, headers) == expected


def test_the_header_of_the_specification(client: Any) -> None:
    key = bytes.fromhex("0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF")
    header = {"Authorization": "Basic QUwxMDAwOgABAgMEBQYH////////////////"}
    with CentralSystem(passwords={"AL1000": key}) as csms:
        assert status(client, csms, "AL1000", header) == 101


def test_a_password_that_is_changed(client: Any) -> None:
    passwords = {"CP1": "old"}
    with CentralSystem(passwords=passwords) as csms:
        assert status(client, csms, "CP1", basic("CP1", "old")) == 101
        passwords["CP1"] = "new"
        assert status(client, csms, "CP1", basic("CP1", "old")) == 401
        assert status(client, csms, "CP1", basic("CP1", "new")) == 101


def test_a_password_function_runs_outside_the_loop(client: Any) -> None:
    threads: list[str] = []

    def right(name: str, password: str) -> bool:
        threads.append(threading.current_thread().name)
        return (name, password) == ("CP1", "secret")

    with CentralSystem(passwords=right) as csms:
        assert status(client, csms, "CP1", basic("CP1", "secret")) == 101
        assert status(client, csms, "CP1", basic("CP1", "Secret")) == 401
    assert threads == ["ocppsim-csms CP1 password"] * 2


def test_a_password_function_that_fails(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    def fails(name: str, password: str) -> bool:
        raise RuntimeError("no database")

    with CentralSystem(passwords=fails) as csms:
        assert status(client, csms, "CP1", basic("CP1", "secret")) == 401
    assert "no database" in caplog.text
    assert "secret" not in caplog.text


# TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def client_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context


def test_tls(server_context: Any, client_context: Any, client: Any, background: Any) -> None:
    with CentralSystem(ssl_context=server_context) as csms:
        assert csms.url == f"wss://127.0.0.1:{csms.port}"
        cp = client(csms, ssl=client_context)
        assert cp.ask("Heartbeat")[0] == 3
        call = background(csms.call, "CP1", "ClearCache")
        cp.send([3, cp.recv()[1], {"status": "Accepted"}])
        assert call.result() == {"status": "Accepted"}
        csms.drop("CP1")
        assert csms.charge_points == []
        other = client(csms, ssl=client_context)
        csms.disconnect("CP1")
        assert other.closed()[0] == 1000


def test_tls_with_password(server_context: Any, client_context: Any, client: Any) -> None:
    with CentralSystem(ssl_context=server_context, passwords={"CP1": "secret"}) as csms:
        with pytest.raises(InvalidStatus):
            client(csms, ssl=client_context)
        headers = basic("CP1", "secret")
        cp = client(csms, ssl=client_context, additional_headers=headers)
        assert cp.ask("Heartbeat")[0] == 3


def test_stop_with_tls_peers_that_do_nothing(
    server_context: Any, client_context: Any, client: Any, raw: Any
) -> None:
    with CentralSystem(ssl_context=server_context) as csms:
        silent = raw(csms)
        half = raw(csms)
        half.sendall(b"\x16\x03\x01")
        cp = client(csms, ssl=client_context)
        assert cp.ask("Heartbeat")[0] == 3
    for sock in (silent, half):
        with contextlib.suppress(ConnectionResetError):
            assert sock.recv(1000) == b""
