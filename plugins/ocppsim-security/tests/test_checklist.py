"""The rows of the checklist for the security extension, by their numbers, on real TLS."""

from __future__ import annotations

import hashlib
import json
import ssl
from base64 import b64decode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from ftp_server import RealFtp

from ocppsim import ChargePoint, ConnectError
from ocppsim.certificates import generate_csr
from ocppsim.csms import CentralSystem, CertificateAuthority, ReceivedRequest

PATIENCE = 30.0
FIRST, SECOND = "the-first-password", "the-second-password"

Connect = Callable[..., ChargePoint]


def ask(csms: CentralSystem, action: str, **payload: Any) -> str:
    """The status of the answer."""
    return str(csms.call("CP1", action, payload)["status"])


def change(csms: CentralSystem, key: str, value: str) -> str:
    return ask(csms, "ChangeConfiguration", key=key, value=value)


def event(csms: CentralSystem, type: str) -> ReceivedRequest:
    """This security event, when it is there."""
    return csms.wait_for(
        "SecurityEventNotification", "CP1", PATIENCE, where=lambda r: r.payload["type"] == type
    )


def told(csms: CentralSystem, key: str | None = None) -> dict[str, str | None]:
    """What GetConfiguration tells."""
    payload = {} if key is None else {"key": [key]}
    answer = csms.call("CP1", "GetConfiguration", payload)
    return {entry["key"]: entry.get("value") for entry in answer["configurationKey"]}


class Doorkeeper:
    """Knows one password, and what was shown last."""

    def __init__(self, password: str) -> None:
        self.password = password
        self.shown: list[tuple[str, str | bytes]] = []

    def __call__(self, name: str, password: str | bytes) -> bool:
        self.shown.append((name, password))
        return password == self.password


@pytest.fixture
def door() -> Doorkeeper:
    return Doorkeeper(FIRST)


@pytest.fixture
def guarded(door: Doorkeeper) -> Iterator[CentralSystem]:
    """Profile 1."""
    with CentralSystem(passwords=door) as csms:
        yield csms


@pytest.fixture
def guarded_tls(door: Doorkeeper) -> Iterator[CentralSystem]:
    """Profile 2."""
    with CentralSystem(tls=True, passwords=door) as csms:
        yield csms


def signed_by(csms: CentralSystem, folder: Path) -> dict[str, Any]:
    """Options for `connect`: a certificate of that authority, and whom to trust."""
    assert csms.authority is not None
    request = generate_csr("/CN=CP1")
    (folder / "cp1.key").write_text(request.key)
    (folder / "cp1.pem").write_text(csms.authority.sign(request.csr))
    return {"cert": folder / "cp1.pem", "key": folder / "cp1.key", "ca": csms.ca_file}


# --- TC_073 --------------------------------------------------------------------------------------


def test_tc_073_a_new_authorization_key_is_used_and_never_told(
    guarded: CentralSystem, door: Doorkeeper, start: Connect
) -> None:
    start(f"{guarded.url}/CP1", password=FIRST)
    door.password = SECOND
    assert change(guarded, "AuthorizationKey", SECOND) == "Accepted"
    event(guarded, "ReconfigurationOfSecurityParameters")
    assert door.shown == [("CP1", FIRST), ("CP1", SECOND)]
    assert "AuthorizationKey" not in told(guarded)
    assert told(guarded, "AuthorizationKey") == {"AuthorizationKey": None}


def test_tc_073_the_former_key_holds_where_the_new_one_is_refused(
    guarded: CentralSystem, door: Doorkeeper, start: Connect
) -> None:
    cp = start(f"{guarded.url}/CP1", password=FIRST)
    assert change(guarded, "AuthorizationKey", SECOND) == "Accepted"
    event(guarded, "FailedToAuthenticateAtCentralSystem")
    assert door.shown == [("CP1", FIRST), ("CP1", SECOND), ("CP1", FIRST)]
    # and the same again is no less new
    assert change(guarded, "AuthorizationKey", SECOND) == "Accepted"
    event(guarded, "FailedToAuthenticateAtCentralSystem")
    cp.wait_for_handlers(timeout=PATIENCE)
    assert cp.configuration["AuthorizationKey"] != SECOND
    assert cp.handler_failures == []


# --- TC_074 --------------------------------------------------------------------------------------


def test_tc_074_a_certificate_is_asked_for_taken_and_used(
    mutual: CentralSystem, start: Connect, tmp_path: Path
) -> None:
    old = signed_by(mutual, tmp_path)
    cp = start(f"{mutual.url}/CP1", keystore_root=tmp_path / "store", **old)
    cp.configuration["CpoName"] = 'A/B, "C"'
    before = mutual.client_certificate("CP1")
    status = ask(mutual, "ExtendedTriggerMessage", requestedMessage="SignChargePointCertificate")
    assert status == "Accepted"
    request = mutual.wait_for("SignCertificate", "CP1", PATIENCE)
    csr = x509.load_pem_x509_csr(request.payload["csr"].encode())
    assert csr.is_signature_valid
    assert csr.subject.rfc4514_string() == r"CN=CP1,O=A/B\, \"C\""
    event(mutual, "ReconfigurationOfSecurityParameters")
    after = mutual.client_certificate("CP1")
    assert after is not None
    assert after != before
    assert x509.load_pem_x509_certificate(after.encode()).public_key() == csr.public_key()
    (answer,) = cp.frames("CertificateSigned", direction="sent")
    assert answer.payload == {"status": "Accepted"}
    assert mutual.violations == []


def test_tc_074_the_former_certificate_holds_where_the_new_one_is_refused(
    mutual: CentralSystem, start: Connect, tmp_path: Path
) -> None:
    old = signed_by(mutual, tmp_path)
    cp = start(f"{mutual.url}/CP1", keystore_root=tmp_path / "store", **old)
    before = mutual.client_certificate("CP1")
    other = CertificateAuthority()
    cp.trust([other.root])  # it takes the certificate, and the CSMS will not
    ask_for_request = {"requestedMessage": "SignChargePointCertificate"}
    mutual.answer("SignCertificate", {"status": "Accepted"})
    ask(mutual, "ExtendedTriggerMessage", **ask_for_request)
    csr = mutual.wait_for("SignCertificate", "CP1", PATIENCE).payload["csr"]
    assert ask(mutual, "CertificateSigned", certificateChain=other.sign(csr)) == "Accepted"
    event(mutual, "InvalidChargePointCertificate")
    assert mutual.client_certificate("CP1") == before


# --- TC_075, TC_076 ------------------------------------------------------------------------------


def expected_hashes(pem: str, algorithm: str) -> dict[str, str]:
    """By RFC 6960 §4.1.1, on another way than the code."""
    certificate = x509.load_pem_x509_certificate(pem.encode())
    point = certificate.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )

    def hashed(data: bytes) -> str:
        return hashlib.new(algorithm.lower(), data).hexdigest()

    return {
        "hashAlgorithm": algorithm,
        "issuerNameHash": hashed(certificate.issuer.public_bytes()),
        "issuerKeyHash": hashed(point),
        "serialNumber": f"{certificate.serial_number:x}",
    }


def install_and_list(csms: CentralSystem, use: str, algorithm: str = "SHA256") -> dict[str, str]:
    root = CertificateAuthority().root
    nothing = csms.call("CP1", "GetInstalledCertificateIds", {"certificateType": use})
    assert nothing == {"status": "NotFound"}
    assert ask(csms, "InstallCertificate", certificateType=use, certificate=root) == "Accepted"
    listed = csms.call("CP1", "GetInstalledCertificateIds", {"certificateType": use})
    hashes = expected_hashes(root, algorithm)
    assert listed == {"status": "Accepted", "certificateHashData": [hashes]}
    return hashes


def test_tc_075_1_a_manufacturers_root_is_installed(plain: CentralSystem, start: Connect) -> None:
    start(f"{plain.url}/CP1")
    install_and_list(plain, "ManufacturerRootCertificate")


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
def test_tc_075_2_a_central_systems_root_is_installed(
    plain: CentralSystem, start: Connect, algorithm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCPPSIM_CERTIFICATE_HASH", algorithm)
    start(f"{plain.url}/CP1")
    install_and_list(plain, "CentralSystemRootCertificate", algorithm)


def test_tc_076_a_root_is_deleted_once(plain: CentralSystem, start: Connect) -> None:
    start(f"{plain.url}/CP1")
    hashes = install_and_list(plain, "CentralSystemRootCertificate")
    assert ask(plain, "DeleteCertificate", certificateHashData=hashes) == "Accepted"
    assert ask(plain, "DeleteCertificate", certificateHashData=hashes) == "NotFound"


# --- TC_077, TC_078 ------------------------------------------------------------------------------


def expired(authority: CertificateAuthority, csr: str) -> str:
    return authority.sign(csr, days=1, start=datetime.now(UTC) - timedelta(days=2))


@pytest.mark.parametrize("fault", ["nonsense", "another key", "expired", "another authority"])
def test_tc_077_a_bad_certificate_is_refused(
    secure: CentralSystem, start: Connect, fault: str
) -> None:
    cp = start(f"{secure.url}/CP1", ca=secure.ca_file)
    assert secure.authority is not None
    secure.answer("SignCertificate", {"status": "Accepted"})
    ask(secure, "ExtendedTriggerMessage", requestedMessage="SignChargePointCertificate")
    csr = secure.wait_for("SignCertificate", "CP1", PATIENCE).payload["csr"]
    chain = {
        "nonsense": "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----",
        "another key": secure.authority.sign(cp.generate_csr().csr),
        "expired": expired(secure.authority, csr),
        "another authority": CertificateAuthority().sign(csr),
    }[fault]
    assert ask(secure, "CertificateSigned", certificateChain=chain) == "Rejected"
    assert event(secure, "InvalidChargePointCertificate").payload["techInfo"]
    assert cp.keystore.find("CP1") is None
    # the request is still open
    good = secure.authority.sign(csr)
    assert ask(secure, "CertificateSigned", certificateChain=good) == "Accepted"


@pytest.mark.parametrize("fault", ["nonsense", "expired", "no authority"])
def test_tc_078_a_bad_root_is_refused(
    plain: CentralSystem, start: Connect, fault: str, tmp_path: Path
) -> None:
    cp = start(f"{plain.url}/CP1")
    authority = CertificateAuthority()
    csr = cp.generate_csr().csr
    certificate = {
        "nonsense": "nonsense",
        "expired": expired(authority, csr),
        "no authority": authority.sign(csr),
    }[fault]
    status = ask(
        plain,
        "InstallCertificate",
        certificateType="CentralSystemRootCertificate",
        certificate=certificate,
    )
    assert status == "Rejected"
    assert event(plain, "InvalidCentralSystemCertificate").payload["techInfo"]


# --- TC_079 --------------------------------------------------------------------------------------


def test_tc_079_the_security_log_is_uploaded(
    plain: CentralSystem, start: Connect, tmp_path: Path
) -> None:
    start(f"{plain.url}/CP1")
    install = {"certificateType": "CentralSystemRootCertificate", "certificate": "nonsense"}
    assert ask(plain, "InstallCertificate", **install) == "Rejected"
    told_of = event(plain, "InvalidCentralSystemCertificate").payload
    with RealFtp(tmp_path, users={"CP1": "secret"}) as ftp:
        log = {"remoteLocation": f"ftp://CP1:secret@{ftp.host}:{ftp.port}/"}
        get_log = {"logType": "SecurityLog", "requestId": 79, "log": log}
        answer = plain.call("CP1", "GetLog", get_log)
        assert answer["status"] == "Accepted"
        for status in ("Uploading", "Uploaded"):
            notification = plain.wait_for("LogStatusNotification", "CP1", PATIENCE)
            assert notification.payload == {"status": status, "requestId": 79}
    (file,) = tmp_path.iterdir()
    assert file.name == answer["filename"]
    started, refused = map(json.loads, file.read_text().splitlines())
    assert started["type"] == "StartupOfTheDevice"
    assert refused == told_of
    assert plain.violations == []


# --- TC_083, TC_084 ------------------------------------------------------------------------------


def test_tc_083_the_profile_goes_up_from_1_to_2(
    guarded: CentralSystem,
    guarded_tls: CentralSystem,
    start: Connect,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # one profile a port, as A00.FR.006 of the white paper has it
    monkeypatch.setenv("OCPPSIM_SECURE_URL", guarded_tls.url)
    cp = start(f"{guarded.url}/CP1", password=FIRST, keystore_root=tmp_path)
    assert told(guarded)["SecurityProfile"] == "1"
    assert guarded_tls.authority is not None
    status = ask(
        guarded,
        "InstallCertificate",
        certificateType="CentralSystemRootCertificate",
        certificate=guarded_tls.authority.root,
    )
    assert status == "Accepted"

    assert change(guarded, "SecurityProfile", "2") == "Accepted"
    event(guarded_tls, "ReconfigurationOfSecurityParameters")
    assert told(guarded_tls)["SecurityProfile"] == "2"
    assert guarded.charge_points == []

    ask(guarded_tls, "ExtendedTriggerMessage", requestedMessage="SignChargePointCertificate")
    event(guarded_tls, "ReconfigurationOfSecurityParameters")  # of the certificate
    assert told(guarded_tls)["SecurityProfile"] == "2"
    assert guarded_tls.client_certificate("CP1") is None
    assert cp.security_profile == 2


def test_tc_083_the_profile_goes_up_to_3(
    secure: CentralSystem, start: Connect, tmp_path: Path
) -> None:
    cp = start(f"{secure.url}/CP1", password=FIRST, ca=secure.ca_file, keystore_root=tmp_path)
    assert told(secure)["SecurityProfile"] == "2"
    ask(secure, "ExtendedTriggerMessage", requestedMessage="SignChargePointCertificate")
    event(secure, "ReconfigurationOfSecurityParameters")
    assert change(secure, "SecurityProfile", "3") == "Accepted"
    event(secure, "ReconfigurationOfSecurityParameters")
    assert told(secure)["SecurityProfile"] == "3"
    assert secure.client_certificate("CP1") is not None
    assert cp.security_profile == 3


def test_tc_083_the_former_profile_holds_where_the_new_one_fails(
    guarded: CentralSystem, start: Connect
) -> None:
    # nothing has TLS there
    cp = start(f"{guarded.url}/CP1", password=FIRST, ca=CertificateAuthority().root)
    before = cp.trace.last_number
    assert change(guarded, "SecurityProfile", "2") == "Accepted"
    cp.wait_for_handlers(timeout=PATIENCE)
    assert cp.trace.last_number > before
    assert cp.connected
    assert told(guarded)["SecurityProfile"] == "1"
    assert cp.url == f"{guarded.url}/CP1"


def test_tc_084_the_profile_never_goes_down(
    secure: CentralSystem, start: Connect, tmp_path: Path
) -> None:
    start(f"{secure.url}/CP1", password=FIRST, ca=secure.ca_file)
    for lower in ("1", "0"):
        assert change(secure, "SecurityProfile", lower) == "Rejected"
    assert told(secure)["SecurityProfile"] == "2"


# --- TC_085, TC_086, TC_087 ----------------------------------------------------------------------


def test_tc_085_the_user_is_the_name_of_the_charge_point(
    guarded: CentralSystem, door: Doorkeeper, start: Connect
) -> None:
    start(f"{guarded.url}/CP1", password=FIRST)
    assert door.shown == [("CP1", FIRST)]
    with pytest.raises(ConnectError) as caught:
        start(f"{guarded.url}/CP2", password="another-password")
    assert caught.value.status == 401


def test_tc_086_the_right_server_is_taken_and_a_wrong_one_refused(
    guarded: CentralSystem,
    guarded_tls: CentralSystem,
    start: Connect,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OCPPSIM_SECURE_URL", guarded_tls.url)
    right = start(f"{guarded_tls.url}/CP2", password=FIRST, ca=guarded_tls.ca_file)
    assert right.connected
    # it trusts another authority than that of the CSMS
    wrong = start(f"{guarded.url}/CP1", password=FIRST, ca=CertificateAuthority().root)
    assert change(guarded, "SecurityProfile", "2") == "Accepted"
    assert "not trusted" in event(guarded, "InvalidCentralSystemCertificate").payload["techInfo"]
    assert wrong.security_profile == 1


def test_tc_087_the_charge_point_shows_its_certificate(
    mutual: CentralSystem, start: Connect, tmp_path: Path
) -> None:
    own = signed_by(mutual, tmp_path)
    start(f"{mutual.url}/CP1", **own)
    assert told(mutual)["SecurityProfile"] == "3"
    shown = mutual.client_certificate("CP1")
    assert shown is not None
    assert ssl.PEM_cert_to_DER_cert(shown) == b64decode(
        "".join((tmp_path / "cp1.pem").read_text().split("-----")[2].split())
    )
    with pytest.raises(ConnectError):
        start(f"{mutual.url}/CP2", ca=mutual.ca_file)
