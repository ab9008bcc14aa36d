"""TLS: whom a charge point trusts, what it shows of itself, and what a user sees when it fails."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import ssl
import subprocess
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from certificates_of_tests import (
    AUTHORITY,
    STRANGER,
    encrypted,
    old_tls,
    on,
    pair,
    self_signed,
    serving,
    written,
)
from raw_server import RawPeer, RawServer, upgrade

from ocppsim import CertificateError, ConnectError, connect
from ocppsim.keystore import KeyStore
from ocppsim.tls import TlsSettings

SECRET = "5ecret"
PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "tls.md"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No variable of this machine, and no secret in a log."""
    for variable in os.environ:
        if variable.startswith("SSL_"):
            monkeypatch.delenv(variable)
    caplog.set_level(logging.DEBUG)
    yield
    assert SECRET not in caplog.text


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    """The authority of the CSMS, in a file."""
    file = tmp_path / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(str(file))
    return file


def csms(
    context: ssl.SSLContext | None = None, answer: Callable[[RawPeer], object] = upgrade
) -> RawServer:
    return RawServer(answer, then=RawPeer.answer_close, context=context)


def url(server: RawServer, scheme: str = "wss") -> str:
    return f"{scheme}://localhost:{server.port}/CP1"


def failing(url: str, **options: Any) -> str:
    """What a user sees, which holds no secret."""
    with pytest.raises((ConnectError, CertificateError)) as caught:
        connect(url, **options)
    error = caught.value
    told = "".join(traceback.format_exception(error, limit=0))
    assert SECRET not in told + repr(error)
    assert "\n" not in str(error)
    return str(error).removeprefix(f"{url}: ")


def client_name(server: RawServer) -> str | None:
    """The common name in the certificate that the next connection brought."""
    certificate = server.peer().sock.getpeercert()  # type: ignore[attr-defined]
    names = dict(entry for part in certificate["subject"] for entry in part) if certificate else {}
    return names.get("commonName")


# --- what a user sees: the table of the page -----------------------------------------------------

LONG = {"not_before": on("2020-01-01"), "not_after": on("2100-01-01")}
LIFE = {"not_before": on("2019-12-01"), "not_after": on("2020-01-01")}
FUTURE = {"not_before": on("2099-12-01"), "not_after": on("2100-01-01")}
TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def hang_up(peer: RawPeer) -> None:
    peer.read_request()
    peer.close()


def deny(peer: RawPeer) -> None:
    peer.read_request()
    peer.answer("401 Unauthorized", "Content-Length: 0")


def read_hello(peer: RawPeer) -> None:
    peer.take(1)
    peer.answer("400 Bad Request")


Row = Callable[[Path, Path], str]


def towards(
    context: Callable[[], ssl.SSLContext | None],
    answer: Callable[[RawPeer], object] = upgrade,
    scheme: str = "wss",
    **options: Any,
) -> Row:
    """A CSMS with that context; options: of the charge point; `signer` of its certificate."""

    def row(ca: Path, folder: Path) -> str:
        given = {"ca": ca, **options}
        if "signer" in given:
            leaf = pair(signer=given.pop("signer"), **given.pop("life", {}))
            given |= written(folder, leaf)
        with csms(context(), answer) as server:
            return failing(url(server, scheme), **given)

    return row


def with_files(spoil: Callable[[dict[str, Path]], object], **options: Any) -> Row:
    """Bad files; nobody is asked."""

    def row(ca: Path, folder: Path) -> str:
        files = written(folder, pair())
        spoil(files)
        return failing("wss://127.0.0.1:1/CP1", ca=ca, **files, **options)

    return row


def by_number(ca: Path, folder: Path) -> str:
    with csms(serving("localhost", **LONG)) as server:
        return failing(f"wss://127.0.0.1:{server.port}/CP1", ca=ca)


def mutual(version: ssl.TLSVersion | None = None) -> Callable[[], ssl.SSLContext]:
    return lambda: serving(clients=(AUTHORITY,), version=version)


def other_key(files: dict[str, Path]) -> None:
    files["key"].write_bytes(pair().private_key_pem.bytes())


ROWS: dict[str, Row] = {
    "self-signed": towards(lambda: serving(leaf=self_signed())),
    "wrong CA": towards(lambda: serving("localhost", leaf=STRANGER.issue_cert("localhost", **LONG))),
    "expired": towards(lambda: serving("localhost", **LIFE)),
    "not yet valid": towards(lambda: serving("localhost", **FUTURE)),
    "wrong host name": towards(lambda: serving("csms.example", **LONG)),
    "wrong address": by_number,
    "TLS 1.1 only": towards(old_tls),
    "no TLS there": towards(lambda: None, read_hello),
    "ws to TLS": towards(serving, scheme="ws"),
    "missing client certificate": towards(mutual(TLS_1_3)),
    "missing client certificate in TLS 1.2": towards(mutual(TLS_1_2)),
    "client certificate of a stranger": towards(mutual(), signer=STRANGER),
    "client certificate of a stranger in TLS 1.2": towards(mutual(TLS_1_2), signer=STRANGER),
    "expired client certificate": towards(mutual(TLS_1_3), signer=AUTHORITY, life=LIFE),
    "no certificate and no word": towards(serving, hang_up),
    "a certificate and no word": towards(serving, hang_up, signer=AUTHORITY),
    "no password": towards(serving, deny),
    "wrong password": towards(serving, deny, password=SECRET),
    "wrong key": with_files(other_key),
    "no such file": with_files(lambda files: files["cert"].unlink()),
    "no certificate in it": with_files(lambda files: files["cert"].write_text("hello")),
    "no key in it": with_files(lambda files: files["key"].write_text("-----BEGIN X-----")),
    "encrypted key": with_files(lambda files: encrypted(files["key"], b"right")),
    "wrong passphrase": with_files(
        lambda files: encrypted(files["key"], b"right"), key_password=SECRET
    ),
}


def table() -> list[str]:
    section = PAGE.read_text().partition("## What you see")[2]
    return re.findall(r"^\| `(.*?)` \|", section, re.M)


def as_on_the_page(text: str, folder: Path) -> str:
    return re.sub(r":\d{4,5}\b", ":9000", text.replace(f"{folder}/", ""))


@pytest.mark.parametrize("name", ROWS)
def test_a_row_of_the_table_is_what_a_user_sees(name: str, ca: Path, tmp_path: Path) -> None:
    seen = as_on_the_page(ROWS[name](ca, tmp_path), tmp_path)
    assert seen in table()


def test_the_table_has_no_other_row() -> None:
    assert len(table()) == len(set(table())) == len(ROWS)
