"""Certificates over HTTP, as they are in use."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from certificates_of_tests import AUTHORITY, STRANGER, pair, serving, written
from cryptography import x509
from server.client import Client, served

from ocppsim.csms import CentralSystem


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Of a server that nobody has told of certificates, by variables for all programs."""
    folder = tmp_path_factory.mktemp("server")
    with served(folder, SSL_CERT_FILE="", SSL_CERT_DIR="") as client:
        yield client


def test_without_tls_there_is_nothing(client: Client, name: str) -> None:
    assert client.get(f"/cp/{name}/certificates").json == {
        "own": [],
        "trusted": [],
        "system": True,
        "checked": True,
        "problems": [],
        "tls": None,
    }


def test_its_own_those_it_trusts_and_that_of_the_csms(
    client: Client, make: Callable[..., str], tmp_path: Path
) -> None:
    middle = AUTHORITY.create_child_ca()
    leaf = pair("CP1", middle)
    files = {what: str(path) for what, path in written(tmp_path, leaf).items()}
    ca = tmp_path / "ca.pem"
    ca.write_bytes(AUTHORITY.cert_pem.bytes() + STRANGER.cert_pem.bytes())
    context = serving(clients=(AUTHORITY,))
    with CentralSystem(ssl_context=context) as csms:
        name = make(url=csms.url, ca=str(ca), **files)
        answer = client.get(f"/cp/{name}/certificates")
        assert answer.status == 200, answer.text
        found = answer.json
        assert "PRIVATE KEY" not in answer.text
        own, issuer = found["own"]
        assert (own["use"], issuer["use"]) == ("own", "issuer")
        assert "CN=CP1" in own["subject"]
        assert own["issuer"] == issuer["subject"]
        der = ssl.PEM_cert_to_DER_cert(own["pem"])
        assert own["sha256"] == hashlib.sha256(der).hexdigest()
        certificate = x509.load_der_x509_certificate(der)
        assert int(own["serialNumber"], 16) == certificate.serial_number
        assert own["notAfter"] == f"{certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"
        assert own["notBefore"] == f"{certificate.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}"
        assert [one["use"] for one in found["trusted"]] == ["given", "given"]
        assert [one["subject"].rpartition("O=")[2] for one in found["trusted"]] == [
            "Test authority",
            "Stranger",
        ]
        assert (found["system"], found["checked"], found["problems"]) == (False, True, [])
        assert found["tls"]["version"] in ("TLSv1.2", "TLSv1.3")
        assert found["tls"]["cipher"].startswith("TLS_")
        assert found["tls"]["certificate"]["use"] == "CSMS"
        assert found["tls"]["certificate"]["issuer"] == found["trusted"][0]["subject"]
        client.post(f"/cp/{name}/disconnect")
        assert client.get(f"/cp/{name}/certificates").json["tls"] is None


def test_those_that_are_installed(client: Client, name: str) -> None:
    root = STRANGER.cert_pem.bytes().decode()
    ran = client.post(f"/cp/{name}", f"cp.trust([{root!r}])", media="text/x-python")
    assert ran.status == 200, ran.text
    (found,) = client.get(f"/cp/{name}/certificates").json["trusted"]
    assert (found["use"], found["pem"].strip()) == ("installed", root.strip())


def test_a_file_that_is_not_good(client: Client, make: Callable[..., str], tmp_path: Path) -> None:
    files = {what: str(path) for what, path in written(tmp_path, pair("CP1")).items()}
    ca = tmp_path / "ca.pem"
    ca.write_bytes(AUTHORITY.cert_pem.bytes())
    name = make(url="wss://127.0.0.1:1", connect=False, ca=str(ca), **files)
    assert len(client.get(f"/cp/{name}/certificates").json["own"]) == 1
    ca.write_text("nothing")
    found = client.get(f"/cp/{name}/certificates").json
    assert found["trusted"] == []
    (problem,) = found["problems"]
    assert problem.startswith(f"{ca}: neither PEM nor DER")
