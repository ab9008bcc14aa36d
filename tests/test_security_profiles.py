"""The security profiles: one setting each, and changing them while a charge point lives."""

from __future__ import annotations

import logging
import os
import ssl
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from certificates_of_tests import AUTHORITY, pair, serving, written
from raw_server import RawPeer, RawServer

from ocppsim import ConnectError, connect

SECRET = "5ecret"
KEY = "5ec7e70005ec7e70ff"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    for variable in os.environ:
        if variable.startswith("SSL_"):
            monkeypatch.delenv(variable)
    caplog.set_level(logging.DEBUG)
    yield
    assert SECRET not in caplog.text
    assert KEY not in caplog.text


@pytest.fixture
def plain() -> Iterator[RawServer]:
    with RawServer(then=RawPeer.answer_close) as server:
        yield server


@pytest.fixture
def secure() -> Iterator[RawServer]:
    """It takes a client certificate where there is one."""
    context = serving(clients=(AUTHORITY,))
    context.verify_mode = ssl.CERT_OPTIONAL
    with RawServer(then=RawPeer.answer_close, context=context) as server:
        yield server


@pytest.fixture
def trust(tmp_path: Path) -> dict[str, Any]:
    file = tmp_path / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(str(file))
    return {"ca": file}


@pytest.fixture
def own(tmp_path: Path) -> dict[str, Any]:
    """A certificate of the charge point, and its key."""
    return written(tmp_path, pair())


def url(server: RawServer, name: str = "/CP1") -> str:
    return f"{server.url.partition('://')[0]}://localhost:{server.port}{name}"


def shown(server: RawServer) -> tuple[bytes | None, bool]:
    """What the next connection proved itself with: password, certificate."""
    peer = server.peer()
    header = peer.headers("Authorization")
    password = None
    if header:
        user, _, password = _decoded(header[0]).partition(b":")
        assert user in (b"CP1", b"me")
    certificate = isinstance(peer.sock, ssl.SSLSocket) and bool(peer.sock.getpeercert())
    return password, certificate


def _decoded(header: str) -> bytes:
    return b64decode(header.removeprefix("Basic "))


def refused(url: str, **options: Any) -> str:
    with pytest.raises(ConnectError) as caught:
        connect(url, **options)
    assert str(caught.value).startswith(f"{url}: ")
    assert "\n" not in str(caught.value)
    assert SECRET not in str(caught.value)
    return str(caught.value).removeprefix(f"{url}: ")


# --- each by one setting -------------------------------------------------------------------------


def test_profile_1_is_a_password(plain: RawServer, own: dict[str, Any]) -> None:
    with connect(url(plain), security_profile=1, password=SECRET, **own) as cp:
        assert shown(plain) == (SECRET.encode(), False)
        assert cp.security_profile == 1


def test_profile_2_is_a_password_over_tls(
    secure: RawServer, trust: dict[str, Any], own: dict[str, Any]
) -> None:
    with connect(url(secure), security_profile=2, password=SECRET, **own, **trust) as cp:
        assert shown(secure) == (SECRET.encode(), False)
        assert cp.security_profile == 2


def test_profile_3_is_a_certificate(
    secure: RawServer, trust: dict[str, Any], own: dict[str, Any]
) -> None:
    with connect(url(secure), security_profile=3, password=SECRET, **own, **trust) as cp:
        assert shown(secure) == (None, True)
        assert cp.security_profile == 3


def test_profile_3_believes_a_context_of_the_scripts_own(
    secure: RawServer, trust: dict[str, Any], own: dict[str, Any]
) -> None:
    context = ssl.create_default_context(cafile=trust["ca"])
    context.load_cert_chain(own["cert"], own["key"])
    with connect(url(secure), security_profile=3, ssl_context=context):
        assert shown(secure) == (None, True)


def test_profile_0_is_nothing(
    secure: RawServer, trust: dict[str, Any], own: dict[str, Any]
) -> None:
    with connect(url(secure), security_profile=0, password=SECRET, **own, **trust) as cp:
        assert shown(secure) == (None, False)
        assert cp.security_profile == 0


def test_without_one_all_that_is_given_is_used(
    plain: RawServer, secure: RawServer, trust: dict[str, Any], own: dict[str, Any]
) -> None:
    cases: list[tuple[RawServer, dict[str, Any], int]] = [
        (plain, {}, 0),
        (plain, {"password": SECRET}, 1),
        (plain, own, 0),
        (secure, {}, 0),
        (secure, {"password": SECRET}, 2),
        (secure, own, 3),
        (secure, {**own, "password": SECRET}, 3),
    ]
    for server, given, profile in cases:
        with connect(url(server), **given, **trust) as cp:
            assert cp.security_profile == profile
            password, certificate = shown(server)
            assert (password is not None) == ("password" in given)
            assert certificate == ("cert" in given and server is secure)


# --- refused, before anything is dialled ---------------------------------------------------------

ONE = "security profile 1 is a password over ws://: "
TWO = "security profile 2 is a password over wss://: "
THREE = "security profile 3 is a client certificate over wss://: "
NO_PASSWORD = "there is no password (password=, authorization_key=)"


@pytest.mark.parametrize(
    ("profile", "scheme", "given", "said"),
    [
        (1, "wss", {"password": SECRET}, f"{ONE}the URL is wss://"),
        (1, "ws", {}, f"{ONE}{NO_PASSWORD}"),
        (1, "ws", {"password": ""}, f"{ONE}{NO_PASSWORD}"),
        (2, "ws", {"password": SECRET}, f"{TWO}the URL is ws://"),
        (2, "wss", {}, f"{TWO}{NO_PASSWORD}"),
        (3, "ws", {}, f"{THREE}the URL is ws://"),
        (
            3,
            "wss",
            {"password": SECRET},
            f"{THREE}there is no certificate of this charge point (cert= and key=, keystore=)",
        ),
    ],
)
def test_what_is_missing_is_said(
    profile: int, scheme: str, given: dict[str, Any], said: str
) -> None:
    with RawServer() as server:
        target = f"{scheme}://127.0.0.1:{server.port}/CP1"
        assert refused(target, security_profile=profile, **given) == said
        assert not server._connections


@pytest.mark.parametrize("profile", [-1, 4, "2", 1.5, True])
def test_there_is_no_other_profile(profile: Any) -> None:
    with pytest.raises(ValueError, match="security_profile is 0, 1, 2 or 3"):
        connect("ws://127.0.0.1:1/CP1", security_profile=profile)


def test_the_profile_of_a_variable(monkeypatch: pytest.MonkeyPatch, plain: RawServer) -> None:
    monkeypatch.setenv("OCPPSIM_SECURITY_PROFILE", "1")
    assert NO_PASSWORD in refused(url(plain))
    connect(url(plain), security_profile=0).close()
    for text in ("4", "x", "-1", "²"):
        monkeypatch.setenv("OCPPSIM_SECURITY_PROFILE", text)
        with pytest.raises(ValueError, match=f"OCPPSIM_SECURITY_PROFILE is .*, not {text}"):
            connect(url(plain))


# --- the password --------------------------------------------------------------------------------


def test_an_authorization_key_is_raw_bytes(plain: RawServer) -> None:
    with connect(url(plain), authorization_key=KEY) as cp:
        assert shown(plain) == (bytes.fromhex(KEY), False)
        assert cp.security_profile == 1


def test_a_password_may_be_bytes(plain: RawServer) -> None:
    with connect(url(plain), password=b"\xff\x00:", user="me"):
        assert shown(plain) == (b"\xff\x00:", False)


@pytest.mark.parametrize("text", [f"{KEY}0", "5ecret", f"0x{KEY}", 5])
def test_an_authorization_key_that_is_not_hexadecimal(text: Any) -> None:
    with pytest.raises(ValueError, match="authorization_key is not hexadecimal") as caught:
        connect("ws://127.0.0.1:1/CP1", authorization_key=text)
    assert SECRET not in str(caught.value)


def test_a_password_is_given_once() -> None:
    with pytest.raises(ValueError, match="give one"):
        connect("ws://127.0.0.1:1/CP1", authorization_key=KEY, password=SECRET)


def test_the_password_of_a_variable(
    plain: RawServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\n")
    variables = [
        ("OCPPSIM_PASSWORD_FILE", str(file), SECRET.encode()),
        ("OCPPSIM_PASSWORD", "pass word", b"pass word"),
        ("OCPPSIM_AUTHORIZATION_KEY", KEY, bytes.fromhex(KEY)),
    ]
    for variable, value, password in variables:  # each beats the one before
        monkeypatch.setenv(variable, value)
        with connect(url(plain)):
            assert shown(plain) == (password, False)
    with connect(url(plain), password="mine"):
        assert shown(plain) == (b"mine", False)
    with connect(url(plain).replace("://", "://me:other@")):
        assert shown(plain) == (b"other", False)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("OCPPSIM_PASSWORD_FILE", "/nowhere", "/nowhere: No such file"),
        ("OCPPSIM_AUTHORIZATION_KEY", SECRET, "not hexadecimal"),
    ],
)
def test_a_bad_variable_is_named(
    variable: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValueError, match=f"^{variable}.*{said}") as caught:
        connect("ws://127.0.0.1:1/CP1")
    assert SECRET not in str(caught.value)


# --- changing it ---------------------------------------------------------------------------------


def test_from_profile_1_to_2_to_3(
    plain: RawServer, secure: RawServer, trust: dict[str, Any], own: dict[str, Any]
) -> None:
    with connect(url(plain), security_profile=1, password=SECRET, **trust, **own) as cp:
        assert shown(plain) == (SECRET.encode(), False)
        cp.reconnect(url=url(secure, "/ocpp"), security_profile=2)
        assert cp.url == url(secure, "/ocpp/CP1")
        assert shown(secure) == (SECRET.encode(), False)
        cp.reconnect(security_profile=3)
        assert shown(secure) == (None, True)
        assert cp.security_profile == 3
        cp.reconnect()
        assert shown(secure) == (None, True)
        cp.reconnect(security_profile=2, password=b"new", user="me")
        assert shown(secure) == (b"new", False)
        cp.reconnect(password="newer")
        assert shown(secure) == (b"newer", False)


def test_what_lacks_something_does_not_hang_up(plain: RawServer) -> None:
    with connect(url(plain), security_profile=1, password=SECRET) as cp:
        shown(plain)
        with pytest.raises(ConnectError, match=r"security profile 2 is .*: the URL is ws://"):
            cp.reconnect(security_profile=2)
        with pytest.raises(ConnectError, match=r"security profile 1 is .*: the URL is wss://"):
            cp.reconnect(url="wss://127.0.0.1:1")
        with pytest.raises(ConnectError, match="is not a ws:// or wss:// URL"):
            cp.reconnect(url="http://127.0.0.1:1")
        with pytest.raises(ValueError, match="security_profile is"):
            cp.reconnect(security_profile=7)
        assert cp.connected
        assert cp.security_profile == 1


def test_what_does_not_work_leaves_all_as_it_was(trust: dict[str, Any]) -> None:
    def answer(peer: RawPeer) -> None:
        peer.read_request()
        right = "Basic " + b64encode(f"CP1:{SECRET}".encode()).decode()
        if peer.headers("Authorization") == [right]:
            peer.accept()
        else:
            peer.answer("401 Unauthorized", "Content-Length: 0")
            raise EOFError

    with (
        RawServer(answer, then=RawPeer.answer_close) as server,
        connect(url(server), password=SECRET) as cp,
    ):
        for change in ({"password": "wrong"}, {"user": "me"}, {"security_profile": 0}):
            with pytest.raises(ConnectError, match="HTTP 401"):
                cp.reconnect(**change)
            assert not cp.connected
            assert cp.security_profile == 1
            cp.reconnect()
            assert cp.connected
        with pytest.raises(ConnectError, match="nothing listens"):
            cp.reconnect(url="ws://127.0.0.1:1/", password="other")
        assert cp.url == url(server)
        cp.reconnect()


def test_user_and_password_of_a_new_url(plain: RawServer) -> None:
    with connect(url(plain), user="you", password="old") as cp:
        server = plain.peer()
        assert _decoded(server.headers("Authorization")[0]) == b"you:old"
        cp.reconnect(url=url(plain).replace("://", f"://me:{SECRET}@"))
        assert _decoded(plain.peer().headers("Authorization")[0]) == f"me:{SECRET}".encode()
        assert SECRET not in cp.url + repr(cp)
