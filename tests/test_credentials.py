"""Certificates, keys and passwords from the command line."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from certificates_of_tests import AUTHORITY, encrypted, pair, serving, written
from raw_server import RawPeer, RawServer, upgrade

from ocppsim import cli

SECRET = "5ecret"
SHOWN: list[bool] = []  # of each connection, whether it came with a certificate


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in os.environ:
        if variable.startswith("SSL_"):
            monkeypatch.delenv(variable)


def note_certificate(peer: RawPeer) -> None:
    sock: Any = peer.sock
    upgrade(peer)
    SHOWN.append(bool(sock.getpeercert()))


@pytest.fixture
def server() -> Iterator[RawServer]:
    """It takes a client certificate where there is one."""
    context = serving(clients=(AUTHORITY,))
    context.verify_mode = ssl.CERT_OPTIONAL
    with RawServer(note_certificate, then=RawPeer.answer_close, context=context) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: an authority, a certificate, a key store, a password, a script."""
    monkeypatch.chdir(tmp_path)
    AUTHORITY.cert_pem.write_to_path("ca.pem")
    (tmp_path / "trusted").mkdir()
    AUTHORITY.cert_pem.write_to_path("trusted/ca.pem")
    written(tmp_path, pair())
    written(tmp_path, pair(), "other")
    (tmp_path / "utf16").write_bytes("[]".encode("utf-16"))
    entry = {"id": "*", "cert": "cp1.pem", "key": "cp1-key.pem"}
    (tmp_path / "keystore.json").write_text(json.dumps([entry]))
    (tmp_path / "password").write_text(f"{SECRET}\r\n")
    (tmp_path / "script.py").write_text(
        "with connect() as cp: print(cp.security_profile)\n", encoding="utf-8"
    )
    return tmp_path


def run(server: RawServer | None, line: str) -> int:
    url = "wss://127.0.0.1:1/CP1" if server is None else server.url
    return cli.main(["--url", url, *line.split(), "script.py"])


@pytest.mark.parametrize(
    ("line", "profile"),
    [
        ("--ca ca.pem", 0),
        ("--ca-dir trusted", 0),
        ("--ca ca.pem --password-file password", 2),
        ("--ca ca.pem --password-file password --security-profile 2", 2),
        ("--ca ca.pem --cert cp1.pem --key cp1-key.pem", 3),
        ("--ca ca.pem --keystore keystore.json --security-profile 3", 3),
        ("--ca ca.pem --keystore keystore.json --keystore-root .", 3),
    ],
)
def test_options_reach_connect_and_leave_no_trace(
    line: str, profile: int, server: RawServer, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = dict(os.environ)
    assert run(server, line) == 0
    out, err = capfd.readouterr()
    assert out == f"{profile}\n"
    assert SECRET not in err
    assert dict(os.environ) == before
    peer = server.peer()
    assert bool(peer.headers("Authorization")) == ("password" in line)
    assert SHOWN.pop() == (profile == 3)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--ca none.pem", "none.pem: cannot be read: No such file or directory"),
        ("--ca password", "password: no certificate to trust, neither PEM nor DER"),
        ("--ca-dir none", "none: cannot be read: No such file or directory"),
        ("--cert none.pem", "none.pem: cannot be read: No such file or directory"),
        ("--cert cp1.pem --key none", "none: cannot be read: No such file or directory"),
        ("--cert cp1.pem", "cp1.pem: no private key in it, but: CERTIFICATE"),
        ("--cert password", "password: neither PEM nor DER"),
        ("--cert cp1.pem --key other-key.pem", "does not belong to"),
        ("--keystore utf16", "keystore=: key store: not JSON in UTF-8"),
        ("--key cp1-key.pem", "key= without cert=: the certificate is missing"),
        ("--keystore none", "keystore=: neither a JSON array nor a file that can be read"),
        ("--keystore password", "keystore=: key store: not JSON"),
        ("--password-file none", "OCPPSIM_PASSWORD_FILE: none: No such file or directory"),
    ],
)
def test_a_bad_file_is_status_2_in_one_line_before_the_script(
    line: str, said: str, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(None, line) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert said in err
    assert err.count("\n") == 1
    assert SECRET not in err


def test_a_key_store_may_begin_with_a_mark_of_its_bytes(server: RawServer, folder: Path) -> None:
    text = (folder / "keystore.json").read_text()
    (folder / "keystore.json").write_text(text, encoding="utf-8-sig")
    assert run(server, "--ca ca.pem --keystore keystore.json") == 0
    assert SHOWN.pop()


def test_a_bad_file_that_a_script_names_is_one_line(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    encrypted(folder / "cp1-key.pem", b"another")
    text = f"connect(cert='cp1.pem', key='cp1-key.pem', key_password={SECRET!r})"
    (folder / "script.py").write_text(f"\n{text}\n")
    assert run(None, "") == 1
    _, err = capfd.readouterr()
    path = folder / "cp1-key.pem"
    assert err == f"ocppsim: {path}: wrong password, or a damaged key (script.py, line 2)\n"


def test_a_key_that_only_the_script_can_open_is_left_to_it(server: RawServer, folder: Path) -> None:
    encrypted(folder / "cp1-key.pem", SECRET.encode())
    (folder / "script.py").write_text(f"connect(key_password={SECRET!r}).close()")
    assert run(server, "--ca ca.pem --cert cp1.pem --key cp1-key.pem") == 0


def test_what_a_profile_lacks_is_status_3(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(None, "--security-profile 3") == 3
    assert "security profile 3 is a client certificate over wss://" in capfd.readouterr().err


def test_there_is_no_profile_4(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        run(None, "--security-profile 4")
    assert end.value.code == 2
    assert "'4' is not 0, 1, 2 or 3" in capfd.readouterr().err
