"""The keys of the security extension, over the wire."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ocppsim_security.keys import password_of

from ocppsim import ChargePoint, Request
from ocppsim.csms import CentralSystem, CertificateAuthority

PATIENCE = 30.0

Connect = Callable[..., ChargePoint]


def change(csms: CentralSystem, key: str, value: str) -> str:
    payload = {"key": key, "value": value}
    return str(csms.call("CP1", "ChangeConfiguration", payload)["status"])


@pytest.fixture
def shown() -> list[str | bytes]:
    """The passwords that were shown."""
    return []


@pytest.fixture
def open_door(shown: list[str | bytes]) -> Iterator[CentralSystem]:
    """It wants a password, and takes any."""

    def note(name: str, password: str | bytes) -> bool:
        shown.append(password)
        return True

    with CentralSystem(passwords=note) as csms:
        yield csms


def test_all_keys_are_there(plain: CentralSystem, start: Connect) -> None:
    start(f"{plain.url}/CP1")
    entries = plain.call("CP1", "GetConfiguration")["configurationKey"]
    told = {entry["key"]: (entry["value"], entry["readonly"]) for entry in entries}
    expected = {
        "AdditionalRootCertificateCheck": ("false", True),
        "CertificateSignedMaxChainSize": ("10000", True),
        "CertificateStoreMaxLength": ("10", True),
        "CpoName": ("", False),
        "SecurityProfile": ("0", False),
    }
    assert expected.items() <= told.items()
    assert "AuthorizationKey" not in told


def test_the_script_comes_first(plain: CentralSystem, start: Connect) -> None:
    cp = start(f"{plain.url}/CP1")
    cp.on("ChangeConfiguration", {"status": "NotSupported"})
    assert change(plain, "CpoName", "name") == "NotSupported"


# --- AuthorizationKey ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "form", "password"),
    [
        ("a-text-of-16-char", "auto", "a-text-of-16-char"),
        ("0123456789abcdef", "auto", "0123456789abcdef"),
        ("0123456789abcdef" * 2, "auto", bytes.fromhex("0123456789abcdef" * 2)),
        ("0123456789ABCDEF01" * 2 + "AB", "auto", bytes.fromhex("0123456789ABCDEF01" * 2 + "AB")),
        ("0123456789abcdef" * 2 + "0", "auto", "0123456789abcdef" * 2 + "0"),
        ("0123456789abcdef" * 2, "text", "0123456789abcdef" * 2),
        ("0123456789abcdef" * 2, "hex", bytes.fromhex("0123456789abcdef" * 2)),
    ],
)
def test_what_a_key_is_as_a_password(value: str, form: str, password: str | bytes) -> None:
    assert password_of(value, form) == password


@pytest.mark.parametrize(
    ("value", "form", "status"),
    [
        ("", "auto", "Rejected"),
        ("x" * 15, "auto", "Rejected"),
        ("x" * 16, "auto", "Accepted"),
        ("x" * 40, "auto", "Accepted"),
        ("x" * 41, "auto", "Rejected"),
        ("x" * 15 + "\n", "auto", "Rejected"),
        ("x" * 40, "hex", "Rejected"),
        ("ab" * 20, "hex", "Accepted"),
        ("ab" * 15, "hex", "Rejected"),
    ],
)
def test_the_length_of_a_key(
    open_door: CentralSystem,
    shown: list[str | bytes],
    start: Connect,
    monkeypatch: pytest.MonkeyPatch,
    value: str,
    form: str,
    status: str,
) -> None:
    monkeypatch.setenv("OCPPSIM_AUTHORIZATION_KEY_AS", form)
    cp = start(f"{open_door.url}/CP1", password="the-first-password")
    assert change(open_door, "AuthorizationKey", value) == status
    cp.wait_for_handlers(timeout=PATIENCE)
    if status == "Rejected":
        assert shown == ["the-first-password"]
    else:
        wanted = password_of(value, form)
        raw = wanted if isinstance(wanted, bytes) else wanted.encode()
        last = shown[-1]
        assert (last if isinstance(last, bytes) else last.encode(errors="surrogateescape")) == raw


def test_a_key_is_nowhere_in_the_log(
    open_door: CentralSystem, start: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "ocppsim.cp")
    cp = start(f"{open_door.url}/CP1", password="the-first-password")
    for key in ("too-short-s3cret", "s3cret"):
        change(open_door, "AuthorizationKey", key)
        cp.wait_for_handlers(timeout=PATIENCE)
    plugin_lines = [r.getMessage() for r in caplog.records if "AuthorizationKey" in r.getMessage()]
    assert plugin_lines
    assert not any("s3cret" in line for line in plugin_lines)


def test_a_key_that_is_refused_leaves_the_one_before(start: Connect) -> None:
    good = {"the-first-password", "the-second-password"}
    with CentralSystem(passwords=lambda name, password: password in good) as csms:
        cp = start(f"{csms.url}/CP1", password="the-first-password")
        for password in ("the-second-password", "the-third-password"):
            assert change(csms, "AuthorizationKey", password) == "Accepted"
            csms.wait_for("SecurityEventNotification", "CP1", PATIENCE)
            cp.wait_for_handlers(timeout=PATIENCE)
            assert cp.configuration["AuthorizationKey"] == "the-second-password"


def test_a_first_key_makes_it_profile_1(
    open_door: CentralSystem, plain: CentralSystem, start: Connect
) -> None:
    cp = start(f"{plain.url}/CP1")
    assert cp.configuration["SecurityProfile"] == 0
    assert change(plain, "AuthorizationKey", "the-second-password") == "Accepted"
    plain.wait_for("SecurityEventNotification", "CP1", PATIENCE)
    assert cp.configuration["SecurityProfile"] == 1


@pytest.mark.parametrize("reconnect", [False, True])
def test_where_the_csms_is_gone_it_goes_on_trying_if_it_is_to(
    open_door: CentralSystem, start: Connect, reconnect: bool
) -> None:
    cp = start(f"{open_door.url}/CP1", password="the-first-password", reconnect=reconnect)
    answered = threading.Event()

    @cp.on("ChangeConfiguration")
    def change_late(request: Request) -> Any:
        steps = iter(cp.configuration.answer(request))
        yield next(steps)
        answered.wait(PATIENCE)
        yield from steps

    assert change(open_door, "AuthorizationKey", "the-second-password") == "Accepted"
    open_door.stop()
    answered.set()
    cp.wait_for_handlers(timeout=PATIENCE)
    assert bool(cp.handler_failures) is not reconnect
    if reconnect:
        open_door.start()
        open_door.wait_for_connection("CP1", PATIENCE)


# --- SecurityProfile -----------------------------------------------------------------------------


def test_what_a_profile_needs(
    open_door: CentralSystem, start: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "ocppsim.cp")
    cp = start(f"{open_door.url}/CP1", password="the-first-password")
    for value, why in (
        ("4", "more than 3"),
        ("-1", "less than 0"),
        ("two", "whole number"),
        ("0", "from 1 down to 0"),
        ("2", "no root certificate"),
        ("3", "no root certificate"),
    ):
        assert change(open_door, "SecurityProfile", value) == "Rejected"
        assert why in caplog.messages[-1]
    cp.trust([CertificateAuthority().root])
    assert change(open_door, "SecurityProfile", "3") == "Rejected"
    assert "no certificate of this charge point" in caplog.messages[-1]
    assert cp.configuration["SecurityProfile"] == 1


def test_profile_1_needs_a_password(plain: CentralSystem, start: Connect) -> None:
    cp = start(f"{plain.url}/CP1", security_profile=0)
    assert change(plain, "SecurityProfile", "1") == "Rejected"
    assert change(plain, "AuthorizationKey", "the-first-password") == "Accepted"
    plain.wait_for("SecurityEventNotification", "CP1", PATIENCE)
    assert cp.configuration["SecurityProfile"] == 0
    assert change(plain, "SecurityProfile", "1") == "Accepted"
    plain.wait_for("SecurityEventNotification", "CP1", PATIENCE)
    assert cp.configuration["SecurityProfile"] == 1


def test_the_profile_that_is_stays_without_a_word(open_door: CentralSystem, start: Connect) -> None:
    cp = start(f"{open_door.url}/CP1", password="the-first-password")
    handshake = cp.handshake
    assert change(open_door, "SecurityProfile", "1") == "Accepted"
    cp.wait_for_handlers(timeout=PATIENCE)
    assert cp.handshake is handshake


def test_the_key_says_what_a_script_has_done(
    open_door: CentralSystem, secure: CentralSystem, start: Connect, tmp_path: Path
) -> None:
    cp = start(f"{open_door.url}/CP1", password="the-first-password", ca=secure.ca_file)
    cp.reconnect(url=secure.url)
    assert cp.configuration["SecurityProfile"] == 2
    cp.reconnect(url=open_door.url)
    assert cp.configuration["SecurityProfile"] == 1


def test_without_another_url_tls_is_at_the_same_host_and_port(
    secure: CentralSystem, open_door: CentralSystem, start: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    cp = start(f"{open_door.url}/CP1", password="the-first-password", ca=secure.ca_file)
    assert change(open_door, "SecurityProfile", "2") == "Accepted"
    cp.wait_for_handlers(timeout=PATIENCE)
    assert cp.url == f"{open_door.url}/CP1"
    assert cp.connected
