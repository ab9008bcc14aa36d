"""The key store: what is found, what is saved, and what a crash leaves behind."""

from __future__ import annotations

import json
import os
import ssl
import stat
import subprocess
import sys
import textwrap
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

import ocppsim
from ocppsim.certificates import generate_csr, load_chain, load_key, load_pair, to_name, to_pem
from ocppsim.csms.authority import CertificateAuthority
from ocppsim.errors import CertificateError
from ocppsim.keystore import KeyStore, Pair

ROOT = Path(ocppsim.__file__).parent.parent
AUTHORITY = CertificateAuthority()


def made(name: str = "CP1") -> tuple[str, str]:
    """A key and its certificate."""
    request = generate_csr(f"/CN={name}")
    return request.key, AUTHORITY.sign(request.csr)


ONE, TWO, THREE = made("one"), made("two"), made("three")


def content(pair: Pair | None) -> tuple[str, str] | None:
    return None if pair is None else (pair.key.read_text(), pair.cert.read_text())


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys")


def save(store: KeyStore, pair: tuple[str, str], name: str = "CP1") -> Pair:
    return store.save(name, key=pair[0], cert=pair[1])


# --- entries -------------------------------------------------------------------------------------


def test_a_name_comes_before_the_star(tmp_path: Path) -> None:
    entries = [
        {"id": "*", "key": "any.key", "cert": "any.pem"},
        {"id": "CP1", "key": "/keys/1.key", "cert": "1.pem"},
    ]
    store = KeyStore.from_json(json.dumps(entries), tmp_path)
    one, other = store.find("CP1"), store.find("CP2")
    assert one is not None
    assert other is not None
    assert (one.key, one.cert) == (Path("/keys/1.key"), tmp_path / "1.pem")
    assert (other.key, other.cert) == (tmp_path / "any.key", tmp_path / "any.pem")
    assert "'CP1'" in one.source
    assert "'*'" in other.source


def test_without_a_root_paths_are_relative_to_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = KeyStore(None, [{"id": "CP1", "key": "k", "cert": "c"}])
    monkeypatch.chdir("/")
    pair = store.find("CP1")
    assert pair is not None
    assert pair.key == tmp_path / "k"


def test_an_empty_one_has_nothing() -> None:
    assert KeyStore().find("CP1") is None
    assert KeyStore().former("CP1") is None
    assert KeyStore().restore("CP1") is False
    with pytest.raises(ValueError, match="no root"):
        save(KeyStore(), ONE)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[{", "not JSON (line 1)"),
        (b"\xff", "not JSON"),
        ("{}", "a JSON array"),
        ("[5]", "entry 1: {id, key, cert} expected"),
        ('[{"key": "k", "cert": "c"}]', "entry 1: id is missing"),
        ('[{"id": "CP1", "key": "k"}]', "entry 1 ('CP1'): cert is missing"),
        ('[{"id": "CP1", "key": 5, "cert": "c"}]', "entry 1 ('CP1'): key is missing, or no text"),
        ('[{"id": "CP1", "key": "k", "cert": "c", "x": 1}]', "no such field: x"),
        (
            '[{"id": "A", "key": "k", "cert": "c"}, {"id": "A", "key": "k", "cert": "c"}]',
            "entry 2 ('A'): there is one with this id before",
        ),
        (
            json.dumps([{"id": "A", "key": "-----BEGIN\nsecret", "cert": "c"}]),
            "entry 1 ('A'): key is not the path of a file",
        ),
    ],
)
def test_entries_that_are_none(text: str | bytes, why: str) -> None:
    with pytest.raises(ValueError, match=r"^key store: ") as caught:
        KeyStore.from_json(text)
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


# --- saving --------------------------------------------------------------------------------------


def test_what_is_saved_is_found(store: KeyStore) -> None:
    assert store.find("CP1") is None
    pair = save(store, ONE)
    assert content(pair) == ONE
    assert store.find("CP1") == pair
    assert KeyStore(store.root).find("CP1") == pair
    assert stat.S_IMODE(pair.key.stat().st_mode) == 0o600
    assert stat.S_IMODE(pair.key.parent.stat().st_mode) == 0o700
    assert len(load_pair(pair.cert, pair.key)) == 1


def test_a_chain_is_saved_whole_and_der_becomes_pem(store: KeyStore) -> None:
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    sub = CertificateAuthority("sub", issuer=AUTHORITY)
    request = generate_csr("/CN=CP1")
    chain = load_chain(sub.sign(request.csr))
    der = b"".join(certificate.public_bytes(Encoding.DER) for certificate in chain)
    key = load_key(request.key).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    pair = store.save("CP1", key=key, cert=der)
    assert load_pair(pair.cert, pair.key) == chain
    assert len(chain) == 2
    assert pair.key.read_text() == request.key


def test_the_former_pair_is_kept_and_comes_back(store: KeyStore) -> None:
    first = save(store, ONE)
    assert store.former("CP1") is None
    save(store, TWO)
    assert content(store.former("CP1")) == ONE
    third = save(store, THREE)
    assert content(store.find("CP1")) == THREE
    assert content(store.former("CP1")) == TWO
    assert not first.key.parent.exists()
    assert store.restore("CP1") is True
    assert content(store.find("CP1")) == TWO
    assert not third.key.parent.exists()
    assert store.former("CP1") is None
    assert store.restore("CP1") is False
    assert content(store.find("CP1")) == TWO


def test_the_same_saved_twice_is_not_its_own_former_pair(store: KeyStore) -> None:
    first, second = save(store, ONE), save(store, TWO)
    assert save(store, TWO) == store.save("CP1", cert=TWO[1]) == second
    assert store.former("CP1") == first


def test_before_the_first_that_is_saved_an_entry_is_in_use(tmp_path: Path) -> None:
    for name, text in zip(("key", "cert"), ONE, strict=True):
        (tmp_path / name).write_text(text)
    store = KeyStore(tmp_path / "keys", [{"id": "*", "key": "../key", "cert": "../cert"}])
    save(store, TWO)
    assert content(store.find("CP1")) == TWO
    assert content(store.find("CP2")) == ONE
    assert content(store.former("CP1")) == ONE
    assert store.restore("CP1")
    assert content(store.find("CP1")) == ONE
    assert not store.restore("CP1")
    assert (tmp_path / "key").read_text() == ONE[0]


def test_a_renewed_certificate_goes_with_the_key_in_use(store: KeyStore, tmp_path: Path) -> None:
    request = generate_csr("/CN=CP1")
    old, new = AUTHORITY.sign(request.csr), AUTHORITY.sign(request.csr, days=9)
    store.save("CP1", key=request.key, cert=old)
    assert content(store.save("CP1", cert=new)) == (request.key, new)
    with pytest.raises(CertificateError, match="CP2 has no key in use"):
        store.save("CP2", cert=new)
    (tmp_path / "a.key").write_text(request.key)
    by_entry = KeyStore(tmp_path, [{"id": "CP2", "key": "a.key", "cert": "none"}])
    assert content(by_entry.save("CP2", cert=new)) == (request.key, new)


def test_an_encrypted_key_stays_encrypted(store: KeyStore) -> None:
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        PrivateFormat,
    )

    request = generate_csr("/CN=CP1")
    key = load_key(request.key).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"geheim")
    )
    cert = AUTHORITY.sign(request.csr)
    with pytest.raises(CertificateError, match="the new key of CP1: encrypted"):
        store.save("CP1", key=key, cert=cert)
    pair = store.save("CP1", key=key, cert=cert, password="geheim")
    assert pair.key.read_bytes() == key
    with pytest.raises(CertificateError) as caught:
        store.save("CP1", cert=cert, password="wrong one")
    assert str(caught.value) == f"{pair.key}: wrong password, or a damaged key"
    store.save("CP1", cert=cert, password="geheim")


def test_an_encrypted_key_in_der_stays_encrypted(store: KeyStore) -> None:
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        PrivateFormat,
    )

    request = generate_csr("/CN=CP1")
    key = load_key(request.key).private_bytes(
        Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(b"geheim")
    )
    pair = store.save("CP1", key=key, cert=AUTHORITY.sign(request.csr), password="geheim")
    assert b"ENCRYPTED" in pair.key.read_bytes()
    assert len(load_pair(pair.cert, pair.key, "geheim")) == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda pem: pem.replace("\n", "\r\n"),
        lambda pem: pem.replace("\n", "\r"),
        lambda pem: pem.replace("\n", ""),
        lambda pem: "\ufeff" + pem,
        lambda pem: "words before\n" + pem,
        lambda pem: textwrap.indent(pem, "  "),
    ],
)
def test_whatever_lines_they_come_in_tls_can_read_what_is_saved(
    store: KeyStore, spoil: Any
) -> None:
    key, cert = ONE
    pair = store.save("CP1", key=spoil(key), cert=spoil(cert))
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(pair.cert, pair.key)


def test_what_is_too_weak_for_tls_is_not_saved(store: KeyStore) -> None:
    """An authority that is still of RSA 1024: with its certificate sent along, OpenSSL refuses."""
    save(store, ONE)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "old")])
    weak = rsa.generate_private_key(65537, 1024)
    start = datetime.now(UTC) - timedelta(days=1)

    def signed(subject: x509.Name, public: Any) -> str:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(name)
        builder = builder.public_key(public).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(start).not_valid_after(start + timedelta(days=9))
        certificate = builder.add_extension(x509.BasicConstraints(True, None), True)
        return to_pem([certificate.sign(weak, hashes.SHA256())])

    request = generate_csr("/CN=CP1")
    chain = signed(to_name("/CN=CP1"), load_key(request.key).public_key())
    chain += signed(name, weak.public_key())
    with pytest.raises(CertificateError) as caught:
        store.save("CP1", key=request.key, cert=chain)
    why = "OpenSSL does not take it (CA_KEY_TOO_SMALL)"
    assert str(caught.value) == f"the new certificate of CP1: {why}"
    assert content(store.find("CP1")) == ONE
    assert store.former("CP1") is None


def test_what_does_not_belong_together_is_not_saved(store: KeyStore) -> None:
    save(store, ONE)
    for key, cert in [(ONE[0], TWO[1]), (None, TWO[1]), ("x", TWO[1]), (TWO[0], "x"), ("", "")]:
        with pytest.raises(CertificateError) as caught:
            store.save("CP1", key=key, cert=cert)
        assert "\n" not in str(caught.value)
        assert content(store.find("CP1")) == ONE
    assert store.former("CP1") is None
    assert store.root is not None
    assert len(list((store.root / "CP1").glob("pair-*"))) == 1


# --- names ---------------------------------------------------------------------------------------

NASTY = [".", "..", "../../etc", "/etc/passwd", "a/b", "a\0b", "~root", "%2E%2E", "*", " ", "-rf"]
NASTY += ["CP1 ", "cp1", "ä" * 100, "x" * 1000, "\ud800", "current", "pair-x", "a\nb", "\\"]


def test_no_name_leads_out_and_none_into_another(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "a" / "keys")
    pairs = {name: made() for name in NASTY}
    for name, pair in pairs.items():
        save(store, pair, name)
        save(store, pair, name)
    for name, pair in pairs.items():
        assert content(store.find(name)) == pair
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["keys"]


@settings(max_examples=60)
@given(st.lists(st.text(st.characters(), min_size=1), min_size=2, max_size=3, unique=True))
def test_any_names(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    outside = tmp_path_factory.mktemp("outside")
    store = KeyStore(outside / "root")
    for name in names:
        save(store, THREE, name)
    assert [path.name for path in outside.iterdir()] == ["root"]
    found = [store.find(name) for name in names]
    assert len({pair.key.parent.parent for pair in found if pair is not None}) == len(names)
    for pair in found:
        assert pair is not None
        assert pair.key.resolve().is_relative_to(outside / "root")


def test_no_name_at_all(store: KeyStore) -> None:
    with pytest.raises(ValueError, match="without a name"):
        save(store, ONE, "")
    assert store.find("") is None


def test_a_planted_link_leads_nowhere(store: KeyStore, tmp_path: Path) -> None:
    save(store, ONE, "CP1")
    assert store.root is not None
    (store.root / "CP2").symlink_to(store.root / "CP1")
    assert store.find("CP2") is None
    with pytest.raises(NotADirectoryError, match="CP2: not a folder"):
        save(store, TWO, "CP2")
    assert content(store.find("CP1")) == ONE
    elsewhere = tmp_path / "pair-elsewhere"
    elsewhere.mkdir()
    (store.root / "CP3").mkdir()
    (store.root / "CP3" / "current").symlink_to(elsewhere)
    assert store.find("CP3") is None
    save(store, TWO, "CP3")
    assert list(elsewhere.iterdir()) == []


# --- what goes wrong -----------------------------------------------------------------------------

CALLS = ["fsync", "open", "replace", "symlink", "mkdir"]


class Fails:
    """Lets so many system calls of saving go well; then `how` happens."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, left: int) -> None:
        self.left = left
        for name in CALLS:
            monkeypatch.setattr(os, name, self._wrapped(getattr(os, name)))

    def _wrapped(self, call: Any) -> Any:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                raise OSError(28, "No space left on device")
            return call(*args, **kwargs)

        return wrapped


def test_a_save_that_fails_anywhere_leaves_the_pair_in_use(
    store: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(store, ONE)
    save(store, TWO)
    assert store.root is not None
    failures = 0
    for number in range(1, 100):
        failed = False
        with monkeypatch.context() as patch:
            calls = Fails(patch, number)
            try:
                save(store, THREE)
            except OSError:
                failed = True
        if failed:
            failures += 1
            assert content(store.find("CP1")) == TWO, number
            assert content(store.former("CP1")) == ONE, number
            assert len(list((store.root / "CP1").glob("pair-*"))) == 2, number
            continue
        assert content(store.find("CP1")) == THREE
        assert content(store.former("CP1")) == TWO
        if calls.left > 0:
            break
        # what failed did not matter
        save(store, ONE)
        save(store, TWO)
    assert failures >= 8


CRASH = """
    import os, sys
    from ocppsim.keystore import KeyStore

    root, key, cert, left = sys.argv[1:]
    from ocppsim import certificates  # what it opens is not meant
    left = int(left)

    def wrapped(call):
        def wrapped(*args, **kwargs):
            global left
            left -= 1
            if left == 0:
                os._exit(9)
            return call(*args, **kwargs)
        return wrapped

    for name in "fsync open replace symlink mkdir rmdir unlink".split():
        setattr(os, name, wrapped(getattr(os, name)))
    KeyStore(root).save("CP1", key=key, cert=cert)
"""


def test_a_crash_at_any_moment_leaves_a_whole_pair(store: KeyStore) -> None:
    save(store, ONE)
    save(store, TWO)
    assert store.root is not None
    crashes = 0
    seen = set()
    for number in range(1, 100):
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(CRASH), str(store.root), *THREE, str(number)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
        )
        pair, former = content(store.find("CP1")), content(store.former("CP1"))
        assert (pair, former) in [(TWO, ONE), (THREE, TWO)], number
        if done.returncode == 0:
            break
        assert done.returncode == 9
        crashes += 1
        seen.add(pair)
        if pair == THREE:
            store.restore("CP1")
            save(store, ONE)
            save(store, TWO)
    assert crashes >= 8
    assert seen == {TWO, THREE}
    assert len(list((store.root / "CP1").glob("pair-*"))) == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(store: KeyStore) -> None:
    save(store, ONE)
    assert store.root is not None
    (store.root / "CP1").chmod(0o500)
    with pytest.raises(PermissionError):
        save(store, TWO)
    (store.root / "CP1").chmod(0o700)
    assert content(store.find("CP1")) == ONE


def test_many_threads_and_one_reader(store: KeyStore) -> None:
    pairs = [ONE, TWO, THREE]
    save(store, ONE)
    broken: list[Any] = []

    def saves(mine: tuple[str, str]) -> None:
        for _ in range(15):
            save(store, mine)

    threads = [threading.Thread(target=saves, args=(pair,)) for pair in pairs]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        # one that two later saves have removed is no half of a pair
        pair = store.find("CP1")
        if pair is None:
            broken.append(pair)
        else:
            try:
                found = content(pair)
            except FileNotFoundError:
                continue
            if found not in pairs:
                broken.append(found)
    for thread in threads:
        thread.join()
    assert broken == []
    assert content(store.find("CP1")) in pairs
