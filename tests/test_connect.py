"""`connect`: who is reached, who is not trusted, and what stood in the way."""

from __future__ import annotations

import datetime
import logging
import socket
import ssl
import time
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from raw_server import (
    PATIENCE,
    RawPeer,
    RawServer,
    authority,
    client_context,
    server_context,
    upgrade,
)

from ocppsim import ConnectError, connect

Answer = Callable[[RawPeer], object]


@pytest.fixture(autouse=True)
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No log, error or repr of these tests shows a password."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "websocket")
    yield
    assert "5ecret" not in caplog.text


def refused(url: str, **options: Any) -> ConnectError:
    """The ConnectError, which shows no password."""
    with pytest.raises(ConnectError) as caught:
        connect(url, **options)
    error = caught.value
    told = "".join(traceback.format_exception(error, chain=True, limit=0))
    assert "5ecret" not in told + repr(error) + error.url
    return error


def csms(answer: Answer = upgrade, context: ssl.SSLContext | None = None) -> RawServer:
    """A server that answers a close frame, so that closing is quick."""
    return RawServer(answer, then=RawPeer.answer_close, context=context)


def choosing(subprotocol: str | None) -> Answer:
    def answer(peer: RawPeer) -> None:
        peer.read_request()
        peer.accept(subprotocol, headers=["X-Server: CSMS"])

    return answer


def authorization(user: str, password: bytes) -> list[str]:
    return ["Basic " + b64encode(user.encode() + b":" + password).decode()]


# --- the subprotocol -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("picked", "said"),
    [
        (None, "the CSMS did not confirm the subprotocol ocpp1.6: it picked none"),
        ("ocpp2.0.1", "the CSMS did not confirm the subprotocol ocpp1.6: it picked 'ocpp2.0.1'"),
        ("OCPP1.6", "the CSMS did not confirm the subprotocol ocpp1.6: it picked 'OCPP1.6'"),
    ],
)
def test_a_csms_has_to_confirm_ocpp16(picked: str | None, said: str) -> None:
    with RawServer(choosing(picked)) as server:
        error = refused(server.url)
        assert str(error) == f"{server.url}: {said}"
        assert error.url == server.url
        assert error.status == 101
        assert error.headers["x-server"] == "CSMS"
        assert server.peer().end() == "closed"


def test_without_subprotocols_the_csms_may_pick_none() -> None:
    with csms(choosing(None)) as server, connect(server.url, subprotocols=[]) as cp:
        assert cp.handshake.subprotocol is None
        assert server.peer().headers("Sec-WebSocket-Protocol") == []


def test_without_subprotocols_the_csms_may_not_pick_one() -> None:
    with csms(choosing("ocpp1.6")) as server:
        error = refused(server.url, subprotocols=[])
        assert "picked the subprotocol 'ocpp1.6', which was not offered" in str(error)


@pytest.mark.parametrize("picked", ["ocpp1.6", "ocpp2.0.1", None])
def test_of_several_subprotocols_ocpp16_has_to_be_picked(picked: str | None) -> None:
    with csms(choosing(picked)) as server:
        if picked == "ocpp1.6":
            with connect(server.url, subprotocols=["ocpp2.0.1", "ocpp1.6"]) as cp:
                assert cp.handshake.subprotocol == "ocpp1.6"
        else:
            refused(server.url, subprotocols=["ocpp2.0.1", "ocpp1.6"])
        assert server.peer().headers("Sec-WebSocket-Protocol") == ["ocpp2.0.1, ocpp1.6"]


@pytest.mark.parametrize("picked", ["nonsense", None])
def test_where_ocpp16_is_not_offered_anything_offered_may_be_picked(picked: str | None) -> None:
    with csms(choosing(picked)) as server, connect(server.url, subprotocols=["nonsense"]) as cp:
        assert cp.handshake.subprotocol == picked


@pytest.mark.parametrize("argument", ["subprotocols", "lenient"])
def test_a_list_is_not_one_string(argument: str) -> None:
    with pytest.raises(ValueError, match="lists"):
        connect("ws://127.0.0.1:1/CP1", **{argument: "ocpp1.6"})  # type: ignore[arg-type]


def test_there_is_only_ocpp16() -> None:
    with pytest.raises(ValueError, match=r"'2\.0\.1'"):
        connect("ws://127.0.0.1:1/CP1", version="2.0.1")


# --- nobody there --------------------------------------------------------------------------------


def test_an_unknown_host() -> None:
    error = refused("ws://me:5ecret@nowhere.invalid/CP1")
    assert str(error).startswith("ws://nowhere.invalid/CP1: unknown host 'nowhere.invalid'")
    assert error.status is None


def test_a_refused_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = refused(f"ws://me:5ecret@127.0.0.1:{port}/CP1")
    assert f"nothing listens at 127.0.0.1:{port}" in str(error)


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_a_server_that_says_nothing(scheme: str) -> None:
    with RawServer(lambda peer: None) as server:
        started = time.monotonic()
        error = refused(
            f"{scheme}://me:5ecret@{server.address}/CP1",
            connect_timeout=0.3,
            ssl_context=client_context(),
        )
        assert "in time" in str(error)
        assert 0.3 <= time.monotonic() - started < 2


@pytest.mark.parametrize("status", ["401 No", "403 No", "404 No", "500 No", "503 No"])
def test_a_server_that_refuses(status: str) -> None:
    def answer(peer: RawPeer) -> None:
        peer.read_request()
        peer.answer(status, "Content-Length: 3", "X-Server: CSMS", body=b"why")

    with RawServer(answer) as server:
        error = refused(server.url, password="5ecret")
        assert error.status == int(status[:3])
        assert error.headers["x-server"] == "CSMS"
        assert error.body == b"why"
        assert error.url == server.url
        assert "why" in str(error)


def test_what_is_no_url() -> None:
    assert "ws://" in str(refused("http://me:5ecret@127.0.0.1/CP1"))


# --- TLS -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_wss_with_a_context_of_ones_own(version: ssl.TLSVersion) -> None:
    context = server_context(version=version)
    with csms(context=context) as server, connect(server.url, ssl_context=client_context()) as cp:
        assert cp.connected
        assert cp.handshake.status == 101


def test_wss_trusts_whom_the_system_trusts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "ca.pem"
    authority().cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with csms(upgrade, context=server_context()) as server, connect(server.url) as cp:
        assert cp.connected


def test_wss_trusts_nobody_else() -> None:
    with csms(upgrade, context=server_context()) as server:
        error = refused(server.url)
        assert f"the certificate of {server.address} is not trusted" in str(error)
        assert isinstance(error.__cause__, ssl.SSLCertVerificationError)


def test_an_expired_certificate() -> None:
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    context = server_context(not_before=yesterday - datetime.timedelta(days=1), not_after=yesterday)
    with csms(upgrade, context=context) as server:
        assert "expired" in str(refused(server.url, ssl_context=client_context()))


def test_a_certificate_for_another_host() -> None:
    with csms(upgrade, context=server_context("csms.example")) as server:
        error = refused(server.url, ssl_context=client_context())
        assert "127.0.0.1" in str(error)
        assert "mismatch" in str(error)


def test_a_certificate_of_another_authority() -> None:
    with csms(upgrade, context=server_context(signer=trustme.CA())) as server:
        error = refused(server.url, ssl_context=client_context())
        assert "not trusted: " in str(error)


def test_a_self_signed_certificate(tmp_path: Path) -> None:
    own = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.cert_pem.write_to_path(str(tmp_path / "cert.pem"))
    own.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with csms(upgrade, context=context) as server:
        error = refused(server.url, ssl_context=client_context())
        assert "not trusted: self" in str(error)


def test_a_server_without_a_common_tls_version() -> None:
    context = client_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    with csms(upgrade, context=server_context(version=ssl.TLSVersion.TLSv1_2)) as server:
        assert "no TLS with" in str(refused(server.url, ssl_context=context))


def test_tls_towards_a_plain_port() -> None:
    def answer(peer: RawPeer) -> None:
        peer.take(1)
        peer.answer("400 Bad Request")

    with RawServer(answer) as server:
        error = refused(f"wss://{server.address}/CP1", ssl_context=client_context())
        assert "does it speak TLS?" in str(error)


def test_plain_towards_a_tls_port() -> None:
    with csms(upgrade, context=server_context()) as server:
        assert "does it want wss://?" in str(refused(f"ws://{server.address}/CP1"))


def test_a_context_is_of_no_use_without_tls() -> None:
    with csms() as server, connect(server.url, ssl_context=client_context()) as cp:
        assert cp.connected


# --- name, user and password ---------------------------------------------------------------------


def test_the_name_goes_to_the_end_of_the_url() -> None:
    with csms() as server, connect(f"ws://{server.address}/ocpp", name="CP 1/ä") as cp:
        assert cp.name == "CP 1/ä"
        assert server.peer().path == "/ocpp/CP%201%2F%C3%A4"


def test_user_and_password_of_the_url() -> None:
    with csms() as server, connect(f"ws://m%C3%A9:5ecret%3A@{server.address}/CP1") as cp:
        assert server.peer().headers("Authorization") == authorization("mé", b"5ecret:")
        assert cp.url == server.url
        assert "5ecret" not in repr(cp)


@pytest.mark.parametrize("password", ["5ecret", b"5ecret\x00\xff"])
def test_user_and_password_as_arguments(password: str | bytes) -> None:
    secret = password.encode() if isinstance(password, str) else password
    with csms() as server:
        with connect(server.url, password=password) as cp:
            assert server.peer().headers("Authorization") == authorization("CP1", secret)
            assert "5ecret" not in repr(cp)
        with connect(server.url, user="me", password=password):
            assert server.peer().headers("Authorization") == authorization("me", secret)


def test_reconnecting_sends_the_password_again() -> None:
    with csms() as server, connect(server.url, password="5ecret") as cp:
        server.peer().stop()
        cp.reconnect()
        assert server.peer().headers("Authorization") == authorization("CP1", b"5ecret")


def test_headers_of_ones_own() -> None:
    with csms() as server, connect(server.url, headers={"X-Vendor": "v"}):
        assert server.peer().headers("X-Vendor") == ["v"]


# --- the environment -----------------------------------------------------------------------------


def test_the_url_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with csms() as server, csms() as other:
        monkeypatch.setenv("OCPPSIM_URL", server.url)
        with connect() as cp:
            assert cp.url == server.url
        with connect(name="CP2") as cp:
            assert cp.url == f"{server.url}/CP2"
        with connect(other.url) as cp:
            assert cp.url == other.url


def test_without_a_url_there_is_an_embedded_csms(caplog: pytest.LogCaptureFixture) -> None:
    with connect() as one, connect() as two, connect(name="CP 3") as three:
        assert (one.name, three.name) != (two.name, "")
        assert three.name == "CP 3"
        answer = one.send_boot_notification(chargePointVendor="v", chargePointModel="m")
        assert answer["status"] == "Accepted"
    assert "started an embedded CSMS at ws://127.0.0.1:" in caplog.text


def response_timeout(cp: Any) -> float:
    """Seconds in which a CALL that nobody answers fails."""
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        cp.call("Heartbeat")
    return time.monotonic() - started


@pytest.mark.parametrize(
    ("environment", "argument"),
    [
        ({"RESPONSE_TIMEOUT": "200"}, None),
        ({"OCPPSIM_RESPONSE_TIMEOUT": "0.2"}, None),
        ({"OCPPSIM_RESPONSE_TIMEOUT": "0.2", "RESPONSE_TIMEOUT": "60000"}, None),
        ({"OCPPSIM_RESPONSE_TIMEOUT": "60", "RESPONSE_TIMEOUT": "60000"}, 0.2),
    ],
)
def test_the_response_timeout_has_a_unit_and_an_order(
    environment: dict[str, str], argument: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with csms() as server, connect(server.url, response_timeout=argument) as cp:
        assert 0.2 <= response_timeout(cp) < 2


@pytest.mark.parametrize("variable", ["RESPONSE_TIMEOUT", "OCPPSIM_RESPONSE_TIMEOUT"])
@pytest.mark.parametrize("value", ["soon", "0", "-1", "nan", "inf", "1e99", "1 s"])
def test_a_bad_response_timeout_in_the_environment_is_named(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValueError, match=rf"^{variable}\b.*{value}"):
        connect("ws://127.0.0.1:1/CP1")


@pytest.mark.parametrize("argument", ["response_timeout", "connect_timeout", "send_timeout"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), 1e99])
def test_a_bad_timeout_is_named(argument: str, value: float) -> None:
    with pytest.raises(ValueError, match=argument):
        connect("ws://127.0.0.1:1/CP1", **{argument: value})  # type: ignore[arg-type]


def test_the_connect_timeout_is_for_all_of_it() -> None:
    """TCP, TLS and the handshake share it."""

    def answer(peer: RawPeer) -> None:
        peer.read_request()

    with RawServer(answer, context=server_context()) as server:
        started = time.monotonic()
        refused(server.url, connect_timeout=0.3, ssl_context=client_context())
        assert time.monotonic() - started < PATIENCE / 5
