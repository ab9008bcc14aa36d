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
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from raw_server import RawPeer, RawServer, upgrade

from ocppsim import CertificateError, ConnectError, connect
from ocppsim.certificates import generate_csr
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

LONG: dict[str, Any] = {"not_before": on("2020-01-01"), "not_after": on("2100-01-01")}
LIFE: dict[str, Any] = {"not_before": on("2019-12-01"), "not_after": on("2020-01-01")}
FUTURE: dict[str, Any] = {"not_before": on("2099-12-01"), "not_after": on("2100-01-01")}
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


def with_files(spoil: Callable[[dict[str, Any]], object], **options: Any) -> Row:
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


def other_key(files: dict[str, Any]) -> None:
    files["key"].write_bytes(pair().private_key_pem.bytes())


def weak_key(files: dict[str, Any]) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-nodes", "-newkey", "rsa:1024", "-subj", "/CN=CP1"]
        + ["-out", str(files["cert"]), "-keyout", str(files["key"])],
        check=True,
        capture_output=True,
    )


def in_der(files: dict[str, Any]) -> None:
    certificate = x509.load_pem_x509_certificate(files["cert"].read_bytes())
    files["cert"].write_bytes(certificate.public_bytes(serialization.Encoding.DER))


ROWS: dict[str, Row] = {
    "self-signed": towards(lambda: serving(leaf=self_signed())),
    "wrong CA": towards(
        lambda: serving("localhost", leaf=STRANGER.issue_cert("localhost", **LONG))
    ),
    "expired": towards(lambda: serving("localhost", **LIFE)),
    "not yet valid": towards(lambda: serving("localhost", **FUTURE)),
    "wrong host name": towards(lambda: serving("csms.example", **LONG)),
    "wrong address": by_number,
    "TLS 1.1 only": towards(old_tls),
    "no TLS there": towards(lambda: None, read_hello),
    "ws to TLS": towards(lambda: None, hang_up, scheme="ws"),
    "ws to TLS, and a reset": towards(serving, scheme="ws"),
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
    "not in PEM": with_files(in_der),
    "weak key": with_files(weak_key),
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


# --- whom to trust -------------------------------------------------------------------------------


def hashed(folder: Path, ca: Path) -> Path:
    """With the links that OpenSSL looks for."""
    shutil.copy(ca, folder / "any.name")
    command = ["openssl", "x509", "-hash", "-noout", "-in", str(ca)]
    name = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    (folder / f"{name}.0").symlink_to("any.name")
    (folder / "00000000.0").symlink_to("nowhere")
    return folder


@pytest.fixture(params=["path", "text", "DER", "folder", "hashed", "two folders"])
def trust(request: pytest.FixtureRequest, ca: Path, tmp_path: Path) -> dict[str, Any]:
    """The ways to name an authority."""
    folder = tmp_path / "folder"
    folder.mkdir()
    match request.param:
        case "path":
            return {"ca": str(ca)}
        case "text":
            return {"ca": ca.read_text()}
        case "DER":
            der = tmp_path / "ca.cer"
            der.write_bytes(ssl.PEM_cert_to_DER_cert(ca.read_text()))
            return {"ca": der}
        case "folder":
            shutil.copy(ca, folder / "one.crt")
            (folder / "README").write_text("no certificate")
            return {"ca_dir": folder}
        case "hashed":
            return {"ca_dir": hashed(folder, ca)}
    other = tmp_path / "other"
    other.mkdir()
    STRANGER.cert_pem.write_to_path(str(folder / "stranger.pem"))
    shutil.copy(ca, other / "one.PEM")
    return {"ca_dir": f"{folder}{os.pathsep}{other}"}


def test_who_is_named_is_trusted_and_nobody_else(trust: dict[str, Any]) -> None:
    with csms(serving()) as server:
        connect(url(server), **trust).close()
    with csms(serving(leaf=pair("localhost", STRANGER))) as server:
        if "stranger" not in str(os.listdir(str(trust.get("ca_dir", "/")).partition(":")[0])):
            assert "is not trusted" in failing(url(server), **trust)


def test_the_variables_name_them_too(
    trust: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"ca": "SSL_CERT_FILE", "ca_dir": "SSL_CERT_DIR"}
    for name, value in trust.items():
        monkeypatch.setenv(names[name], str(value))
    with csms(serving()) as server:
        connect(url(server)).close()


def test_an_argument_beats_every_variable(ca: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR", "OCPPSIM_CA", "OCPPSIM_CA_DIR"):
        monkeypatch.setenv(variable, "/nowhere")
    with csms(serving()) as server:
        connect(url(server), ca=ca).close()
    monkeypatch.setenv("OCPPSIM_CA", str(ca))
    monkeypatch.delenv("OCPPSIM_CA_DIR")
    with csms(serving()) as server:
        connect(url(server)).close()


def test_a_csms_may_be_trusted_by_its_own_certificate_alone(tmp_path: Path) -> None:
    leaf = pair("localhost", STRANGER)
    own = tmp_path / "own.pem"
    leaf.cert_chain_pems[0].write_to_path(str(own))
    with csms(serving(leaf=leaf)) as server:
        connect(url(server), ca=own).close()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ca": "nothing.pem"}, "nothing.pem: cannot be read: No such file or directory"),
        ({"ca": "text.pem"}, "text.pem: no certificate to trust, neither PEM nor DER"),
        ({"ca": "-----BEGIN X-----"}, "the PEM to trust: no certificate to trust"),
        ({"ca_dir": "nowhere"}, "nowhere: cannot be read: No such file or directory"),
        ({"ca_dir": "empty"}, "empty: no certificate to trust (*.pem, *.crt, *.cer)"),
        ({"ca_dir": "text.pem"}, "text.pem: cannot be read: Not a directory"),
        ({"ca": "a\0b"}, "cannot be read"),
    ],
)
def test_what_cannot_be_trusted_is_named(
    given: dict[str, str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.pem").write_text("hello")
    Path("empty").mkdir()
    assert said in failing("wss://127.0.0.1:1/CP1", **given)


def test_without_tls_no_file_is_looked_at() -> None:
    with csms() as server:
        connect(url(server, "ws"), ca="/nowhere", cert="/nowhere").close()


def test_roots_may_come_later(ca: Path, tmp_path: Path) -> None:
    stranger = STRANGER.cert_pem.bytes().decode()
    with (
        csms(serving()) as server,
        csms(serving(leaf=pair("localhost", STRANGER))) as other,
        connect(url(server), ca=ca) as cp,
    ):
        assert cp.trusted == [AUTHORITY.cert_pem.bytes().decode()]
        with pytest.raises(ConnectError, match="not trusted"):
            cp.reconnect(url=url(other))
        cp.trust([stranger])
        assert stranger in cp.trusted
        cp.reconnect(url=url(other))
        cp.reconnect(url=url(server))
        cp.trust([])
        with pytest.raises(ConnectError, match="not trusted"):
            cp.reconnect(url=url(other))


def test_insecure_checks_nothing_and_says_so_each_time(caplog: pytest.LogCaptureFixture) -> None:
    with (
        csms(serving("csms.example", leaf=None, **LIFE)) as server,
        connect(url(server), insecure=True) as cp,
    ):
        cp.reconnect()
    warnings = [r for r in caplog.records if "insecure=True" in r.message]
    assert [(r.levelno, r.name) for r in warnings] == [(logging.WARNING, "ocppsim.cp")] * 2


# --- the certificate of the charge point ---------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Any]:
    return written(tmp_path, pair())


def in_one_file(files: dict[str, Any]) -> dict[str, Any]:
    files["cert"].write_bytes(files["cert"].read_bytes() + files["key"].read_bytes())
    files["key"].unlink()
    return {"cert": files["cert"]}


def with_password(files: dict[str, Any]) -> dict[str, Any]:
    encrypted(files["key"], SECRET.encode())
    return {**files, "key_password": SECRET}


def entry(files: dict[str, Any], name: str = "CP1") -> dict[str, str]:
    return {"id": name, **{what: str(path) for what, path in files.items()}}


def json_file(files: dict[str, Any]) -> dict[str, Any]:
    file = files["cert"].with_name("keystore.json")
    file.write_text(json.dumps([entry(files)]))
    return {"keystore": file}


def relative(files: dict[str, Any]) -> dict[str, Any]:
    root = files["cert"].parent
    names = {what: Path(path.name) for what, path in files.items()}
    return {"keystore": [entry(names)], "keystore_root": root}


def saved(files: dict[str, Any]) -> dict[str, Any]:
    root = files["cert"].with_name("root")
    cert, key = files["cert"].read_bytes(), files["key"].read_bytes()
    KeyStore(root).save("CP1", cert=cert, key=key)
    return {"keystore_root": root}


WAYS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "two files": dict,
    "one file": in_one_file,
    "key_password": with_password,
    "list": lambda files: {"keystore": [entry(files)]},
    "for all": lambda files: {"keystore": [entry(files, "*")]},
    "JSON": lambda files: {"keystore": json.dumps([entry(files)])},
    "file of JSON": json_file,
    "KeyStore": lambda files: {"keystore": KeyStore(None, [entry(files)])},
    "root": relative,
    "saved": saved,
}


@pytest.mark.parametrize("way", WAYS)
def test_ways_to_give_a_certificate(way: str, ca: Path, files: dict[str, Any]) -> None:
    given = WAYS[way](files)
    with (
        csms(serving(clients=(AUTHORITY,))) as server,
        connect(url(server), ca=ca, **given) as cp,
    ):
        assert client_name(server) == "CP1"
        assert cp.security_profile == 3
        assert cp.keystore.find("CP1") is not None


@pytest.mark.parametrize("prefix", ["SSL_CLIENT_", "OCPPSIM_"])
@pytest.mark.parametrize("way", ["two files", "one file", "JSON", "file of JSON", "root", "saved"])
def test_variables_give_a_certificate(
    way: str, prefix: str, ca: Path, files: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in WAYS[way](files).items():
        text = json.dumps(value) if isinstance(value, list) else str(value)
        file = "_FILE" if prefix.startswith("SSL") and name in ("cert", "key") else ""
        monkeypatch.setenv(f"{prefix}{name.upper()}{file}", text)
    with csms(serving(clients=(AUTHORITY,))) as server, connect(url(server), ca=ca):
        assert client_name(server) == "CP1"


def test_what_comes_first(ca: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Saved, cert=, the entry of that name, the certificate of variables, the entry for all."""
    files = {name: written(tmp_path, pair(name), name) for name in "abcde"}
    saved_in = tmp_path / "root"
    with csms(serving(clients=(AUTHORITY,))) as server:

        def shown(**given: Any) -> str | None:
            with connect(url(server), ca=ca, **given):
                return client_name(server)

        for_all, named = entry(files["e"], "*"), entry(files["c"])
        monkeypatch.setenv("SSL_CLIENT_KEYSTORE", json.dumps([for_all]))
        assert shown() == "e"
        monkeypatch.setenv("SSL_CLIENT_CERT_FILE", str(files["d"]["cert"]))
        monkeypatch.setenv("SSL_CLIENT_KEY_FILE", str(files["d"]["key"]))
        assert shown() == "d"
        assert shown(keystore=[for_all]) == "e"
        monkeypatch.setenv("SSL_CLIENT_KEYSTORE", json.dumps([for_all, named]))
        assert shown() == "c"
        assert shown(**files["b"]) == "b"
        cert, key = files["a"]["cert"].read_bytes(), files["a"]["key"].read_bytes()
        KeyStore(saved_in).save("CP1", cert=cert, key=key)
        assert shown(**files["b"], keystore_root=saved_in) == "a"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"key": "k.pem"}, "key= without cert="),
        ({"ca": "x", "insecure": True, "ssl_context": 1}, "no ca=, insecure= beside it"),
        ({"keystore": KeyStore(), "cert": "c.pem"}, "keystore= has it all"),
        ({"keystore": "nothing.json"}, "keystore=: neither a JSON array nor a file"),
        ({"keystore": "[1]"}, "keystore=: key store: entry 1"),
        ({"keystore": "[}"}, "keystore=: key store: not JSON"),
        ({"keystore": [{"id": "CP1"}]}, "keystore=: key store: entry 1 ('CP1')"),
    ],
)
def test_settings_that_make_no_sense(given: dict[str, Any], said: str) -> None:
    if "ssl_context" in given:
        given = {**given, "ssl_context": ssl.create_default_context()}
    with pytest.raises(ValueError, match=re.escape(said)):
        connect("wss://127.0.0.1:1/CP1", **given)


def test_a_key_without_a_certificate_in_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CLIENT_KEY_FILE", "k.pem")
    with pytest.raises(ValueError, match="SSL_CLIENT_KEY_FILE without SSL_CLIENT_CERT_FILE"):
        connect("wss://127.0.0.1:1/CP1")


def test_a_certificate_of_ones_own_that_has_expired_is_a_warning(
    ca: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files: dict[str, Any] = written(tmp_path, pair(**LIFE))
    with csms(serving()) as server:
        connect(url(server), ca=ca, **files).close()
    assert "cp1.pem (CN=CP1" in caplog.text
    assert "expired on 2020-01-01T00:00:00Z; it is offered all the same" in caplog.text


def test_a_certificate_of_ones_own_may_have_an_old_serial_number(ca: Path, tmp_path: Path) -> None:
    """0, of which the library warns."""
    request = generate_csr("/CN=CP1")
    files = {"cert": tmp_path / "cp1.pem", "key": tmp_path / "cp1.key"}
    files["key"].write_text(request.key)
    (tmp_path / "ca.key").write_bytes(AUTHORITY.private_key_pem.bytes())
    command = ["openssl", "x509", "-req", "-set_serial", "0", "-CA", str(ca)]
    command += ["-CAkey", str(tmp_path / "ca.key"), "-out", str(files["cert"])]
    subprocess.run(command, input=request.csr.encode(), capture_output=True, check=True)
    with (
        csms(serving(clients=(AUTHORITY,))) as server,
        connect(url(server), ca=ca, **files) as cp,
    ):
        assert client_name(server) == "CP1"
        # as one to trust, too
        cp.trust([files["cert"].read_text()])
        assert len(cp.trusted) == 2


# --- contexts ------------------------------------------------------------------------------------


def test_a_context_is_made_once_as_long_as_no_file_changes(ca: Path, files: dict[str, Any]) -> None:
    def context() -> ssl.SSLContext:
        settings = TlsSettings(ca=ca, keystore=KeyStore(None, [entry(files)]))
        return settings.context(settings.keystore.find("CP1"))

    first = context()
    assert first.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert first.check_hostname
    assert context() is first
    new = pair()
    written(files["cert"].parent, new)
    second = context()
    assert second is not first
    assert context() is second
    ca.write_bytes(ca.read_bytes() + STRANGER.cert_pem.bytes())
    assert context() is not second


def test_a_file_that_changes_is_used_at_the_next_connection(
    ca: Path, files: dict[str, Any]
) -> None:
    with (
        csms(serving(clients=(AUTHORITY,))) as server,
        connect(url(server), ca=ca, **files) as cp,
    ):
        assert client_name(server) == "CP1"
        written(files["cert"].parent, pair("renewed"))
        cp.reconnect()
        assert client_name(server) == "renewed"


def test_nothing_secret_in_a_repr(files: dict[str, Any]) -> None:
    settings = TlsSettings(key_password=SECRET, keystore=KeyStore(None, [entry(files)]))
    assert SECRET not in repr(settings)


# --- a new certificate ---------------------------------------------------------------------------


def save(store: KeyStore, leaf: trustme.LeafCert) -> None:
    cert = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
    store.save("CP1", cert=cert, key=leaf.private_key_pem.bytes())


def test_a_saved_pair_is_used_by_the_next_connection(
    ca: Path, files: dict[str, Any], tmp_path: Path
) -> None:
    with (
        csms(serving(clients=(AUTHORITY,))) as server,
        connect(url(server), ca=ca, **files, keystore_root=tmp_path / "root") as cp,
    ):
        assert client_name(server) == "CP1"
        save(cp.keystore, pair("new"))
        cp.reconnect()
        assert client_name(server) == "new"


def refusing(name: str, status: str = "403 Forbidden") -> Callable[[RawPeer], object]:
    def answer(peer: RawPeer) -> None:
        peer.read_request()
        if name in str(peer.sock.getpeercert()):  # type: ignore[attr-defined]
            peer.answer(status, "Content-Length: 0")
            raise EOFError
        peer.accept()

    return answer


REFUSALS: dict[str, tuple[ssl.TLSVersion, trustme.CA, Callable[[RawPeer], object], str]] = {
    "TLS 1.2": (TLS_1_2, STRANGER, upgrade, "unknown CA"),
    "TLS 1.3": (TLS_1_3, STRANGER, upgrade, "unknown CA"),
    "HTTP": (TLS_1_3, AUTHORITY, refusing("new"), "HTTP 403"),
}


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("former", ["an entry", "saved"])
def test_where_the_new_pair_is_refused_the_former_is_used_again(
    former: str, refusal: str, ca: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    version, signer, answer, why = REFUSALS[refusal]
    root = tmp_path / "root"
    given = written(tmp_path, pair()) if former == "an entry" else {}
    if former == "saved":
        save(KeyStore(root), pair())
    context = serving(clients=(AUTHORITY,), version=version)
    with RawServer(answer, context=context) as server:
        cp = connect(url(server), ca=ca, **given, keystore_root=root)
        server.peer().sock.close()
        before = cp.keystore.find("CP1")
        save(cp.keystore, pair("new", signer))
        cp.reconnect()
        assert cp.connected
        assert cp.keystore.find("CP1") == before
        peer = server.peer()
        assert "CP1" in str(peer.sock.getpeercert())  # type: ignore[attr-defined]
        _, _, action, payload = json.loads(peer.next().payload)
        assert action == "SecurityEventNotification"
        assert payload["type"] == "InvalidChargePointCertificate"
        assert why in payload["techInfo"]
        cp.abort()
        cp.close()
    assert why in caplog.text


def test_the_first_connection_tells_of_it_after_the_boot_notification(
    ca: Path, tmp_path: Path
) -> None:
    store = KeyStore(tmp_path / "root")
    save(store, pair())
    save(store, pair("new", STRANGER))
    with (
        RawServer(context=serving(clients=(AUTHORITY,))) as server,
        connect(url(server), ca=ca, keystore=store) as cp,
    ):
        peer = server.peer()
        boot = cp.submit("BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"})
        _, number, action, _ = json.loads(peer.next().payload)
        assert action == "BootNotification"
        accepted = {"status": "Accepted", "currentTime": "2026-01-01T00:00:00Z", "interval": 300}
        peer.send_text(json.dumps([3, number, accepted]))
        assert boot.result()["status"] == "Accepted"
        _, number, action, payload = json.loads(peer.next().payload)
        assert action == "SecurityEventNotification"
        assert payload["type"] == "InvalidChargePointCertificate"
        peer.send_text(json.dumps([3, number, {}]))
        cp.abort()


def test_where_both_are_refused_the_new_one_stays(
    ca: Path, files: dict[str, Any], tmp_path: Path
) -> None:
    closed = False

    def answer(peer: RawPeer) -> None:
        peer.read_request()
        if closed:
            peer.answer("403 Forbidden", "Content-Length: 0")
            raise EOFError
        peer.accept()

    with (
        csms(serving(clients=(AUTHORITY,)), answer) as server,
        connect(url(server), ca=ca, **files, keystore_root=tmp_path / "root") as cp,
    ):
        assert client_name(server) == "CP1"
        save(cp.keystore, pair("new"))
        closed = True
        with pytest.raises(ConnectError, match="HTTP 403"):
            cp.reconnect()
        closed = False
        cp.reconnect()
        assert client_name(server) == "new"


def test_what_is_no_refusal_changes_nothing(
    ca: Path, files: dict[str, Any], tmp_path: Path
) -> None:
    """A CSMS that is not there, not trusted, or not well."""
    answer = refusing("new", "503 Service Unavailable")
    with (
        csms(serving(clients=(AUTHORITY,))) as server,
        connect(url(server), ca=ca, **files, keystore_root=tmp_path / "root") as cp,
    ):
        assert client_name(server) == "CP1"
        save(cp.keystore, pair("new"))
        with (
            csms(serving(clients=(AUTHORITY,)), answer) as ill,
            pytest.raises(ConnectError, match="503"),
        ):
            cp.reconnect(url=url(ill))
        with pytest.raises(ConnectError, match="nothing listens"):
            cp.reconnect(url=url(ill))
        with (
            csms(serving(leaf=self_signed())) as stranger,
            pytest.raises(ConnectError, match="not trusted"),
        ):
            cp.reconnect(url=url(stranger))
        cp.reconnect()
        assert client_name(server) == "new"
