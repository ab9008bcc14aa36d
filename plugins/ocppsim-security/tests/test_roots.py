"""Root certificates: how many, which ones, for how long, and whom they have trusted."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ocppsim import ChargePoint, ConnectError
from ocppsim.certificates import generate_csr, hash_data
from ocppsim.csms import CentralSystem, CertificateAuthority

PATIENCE = 30.0
CENTRAL_SYSTEM, MANUFACTURER = "CentralSystemRootCertificate", "ManufacturerRootCertificate"

Connect = Callable[..., ChargePoint]


def install(csms: CentralSystem, pem: str, use: str = CENTRAL_SYSTEM) -> str:
    payload = {"certificateType": use, "certificate": pem}
    return str(csms.call("CP1", "InstallCertificate", payload)["status"])


def delete(csms: CentralSystem, hashes: dict[str, str]) -> str:
    payload = {"certificateHashData": hashes}
    return str(csms.call("CP1", "DeleteCertificate", payload)["status"])


def serials(csms: CentralSystem, use: str = CENTRAL_SYSTEM) -> list[str]:
    answer = csms.call("CP1", "GetInstalledCertificateIds", {"certificateType": use})
    return [entry["serialNumber"] for entry in answer.get("certificateHashData", [])]


def loaded(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())


def serial(pem: str) -> str:
    return f"{loaded(pem).serial_number:x}"


def test_the_store_has_an_end(plain: CentralSystem, start: Connect) -> None:
    cp = start(f"{plain.url}/CP1")
    cp.configuration["CertificateStoreMaxLength"] = 2
    first, second, third = (CertificateAuthority().root for _ in range(3))
    assert install(plain, first) == "Accepted"
    assert install(plain, second, MANUFACTURER) == "Accepted"
    assert install(plain, third) == "Rejected"
    # what is there already takes no more room
    assert install(plain, first) == "Accepted"
    assert serials(plain) == [serial(first)]
    assert delete(plain, hash_data(loaded(second))) == "Accepted"
    assert install(plain, third) == "Accepted"
    assert serials(plain) == [serial(first), serial(third)]


def test_with_the_additional_check_a_root_is_signed_by_the_one_that_it_replaces(
    plain: CentralSystem, start: Connect
) -> None:
    cp = start(f"{plain.url}/CP1")
    cp.configuration["AdditionalRootCertificateCheck"] = True
    first = CertificateAuthority("first")
    second = CertificateAuthority("second", issuer=first)
    third = CertificateAuthority("third", issuer=second)
    assert install(plain, first.certificate) == "Accepted"
    assert install(plain, CertificateAuthority().certificate) == "Rejected"
    assert install(plain, third.certificate) == "Rejected"
    assert install(plain, second.certificate) == "Accepted"
    # the one before stays to fall back on
    assert serials(plain) == [serial(first.certificate), serial(second.certificate)]
    assert install(plain, third.certificate) == "Accepted"
    assert serials(plain) == [serial(second.certificate), serial(third.certificate)]
    # other uses are free of it
    assert install(plain, CertificateAuthority().root, MANUFACTURER) == "Accepted"


def test_one_that_nobody_here_has_signed(plain: CentralSystem, start: Connect) -> None:
    start(f"{plain.url}/CP1")
    above = CertificateAuthority("above")
    below = CertificateAuthority("below", issuer=above)
    assert install(plain, below.certificate) == "Rejected"
    assert install(plain, above.certificate) == "Accepted"
    assert install(plain, below.certificate) == "Accepted"
    hashes = hash_data(loaded(below.certificate), "SHA512", loaded(above.certificate))
    assert delete(plain, hash_data(loaded(above.certificate))) == "Accepted"
    # still told and found, though its issuer is gone
    assert serials(plain) == [serial(below.certificate)]
    assert delete(plain, hashes) == "Accepted"


def test_one_that_is_of_no_authority(plain: CentralSystem, start: Connect) -> None:
    cp = start(f"{plain.url}/CP1")
    authority = CertificateAuthority()
    assert install(plain, authority.root) == "Accepted"
    assert install(plain, authority.sign(cp.generate_csr().csr)) == "Rejected"


def test_one_that_is_not_valid_today(plain: CentralSystem, start: Connect) -> None:
    start(f"{plain.url}/CP1")
    day = timedelta(days=1)
    now = datetime.now(UTC)
    for since, until, status in (
        (now - 2 * day, now - day, "Rejected"),
        (now + day, now + 2 * day, "Rejected"),
        (now - day, now + day, "Accepted"),
    ):
        assert install(plain, root_of(since, until), MANUFACTURER) == status


def root_of(
    since: datetime, until: datetime, serial: int = 1, names: x509.ExtensionType | None = None
) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "root")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), serial, since, until)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
    if names is not None:
        builder = builder.add_extension(names, critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def test_one_that_could_not_be_told_of_is_rejected(
    plain: CentralSystem, start: Connect, tmp_path: Path
) -> None:
    """serialNumber has 40 digits (security white paper, CertificateHashDataType)."""
    cp = start(f"{plain.url}/CP1", keystore_root=tmp_path)
    day, now = timedelta(days=1), datetime.now(UTC)
    good = root_of(now - day, now + day)
    assert install(plain, good) == "Accepted"
    command = "openssl req -x509 -nodes -newkey rsa:2048 -keyout - -subj /CN=long -set_serial 0x1"
    told = subprocess.run([*f"{command}{'f' * 40}".split()], capture_output=True, check=True)
    longer = told.stdout.decode().partition("-----END PRIVATE KEY-----\n")[2]
    assert install(plain, longer) == "Rejected"
    assert serials(plain) == [serial(good)]
    cp.close()
    # nor does a file of it spoil the rest
    (file,) = (tmp_path / ".roots").rglob("*.pem")
    (file.parent / file.name.replace("000001", "000002")).write_text(longer)
    start(f"{plain.url}/CP1", keystore_root=tmp_path)
    assert serials(plain) == [serial(good)]
    assert delete(plain, hash_data(loaded(good))) == "Accepted"


def test_one_with_names_that_are_not_known_here(plain: CentralSystem, start: Connect) -> None:
    cp = start(f"{plain.url}/CP1")
    x400 = x509.UnrecognizedExtension(
        x509.ExtensionOID.SUBJECT_ALTERNATIVE_NAME, bytes.fromhex("3006a30430023000")
    )
    day, now = timedelta(days=1), datetime.now(UTC)
    assert install(plain, root_of(now - day, now + day, names=x400)) == "Rejected"
    assert cp.handler_failures == []


@pytest.mark.parametrize("use", ["../../x", "\0", "x/../../../x"])
def test_a_use_that_there_is_not_is_no_path(
    plain: CentralSystem, start: Connect, tmp_path: Path, use: str
) -> None:
    start(f"{plain.url}/CP1", keystore_root=tmp_path / "store", lenient=["InstallCertificate"])
    payload = {"certificateType": use, "certificate": CertificateAuthority().root}
    answer = plain.call("CP1", "InstallCertificate", payload, validate=False)
    assert answer == {"status": "Rejected"}
    assert list(tmp_path.rglob("*.pem")) == []


def test_a_chain_is_no_root(plain: CentralSystem, start: Connect) -> None:
    start(f"{plain.url}/CP1")
    two = CertificateAuthority().root + CertificateAuthority().root
    assert install(plain, two, MANUFACTURER) == "Rejected"


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
def test_digits_of_either_case_and_noughts_before_them_name_the_same(
    plain: CentralSystem, start: Connect, algorithm: str
) -> None:
    start(f"{plain.url}/CP1")
    root = CertificateAuthority().root
    install(plain, root)
    hashes = hash_data(loaded(root), algorithm)
    shouted = {
        **hashes,
        "issuerKeyHash": hashes["issuerKeyHash"].upper(),
        "serialNumber": hashes["serialNumber"].rjust(40, "0").upper(),
    }
    wrong = {**hashes, "issuerNameHash": hashes["issuerKeyHash"]}
    assert delete(plain, wrong) == "NotFound"
    assert delete(plain, shouted) == "Accepted"


def test_the_charge_points_own_certificate_is_not_deleted(
    mutual: CentralSystem, start: Connect, tmp_path: Path
) -> None:
    assert mutual.authority is not None
    cp = start(f"{mutual.url}/CP1", **own(mutual, tmp_path))
    chain = (tmp_path / "cp1.pem").read_text()
    hashes = hash_data(loaded(chain), "SHA256", loaded(mutual.authority.root))
    assert delete(mutual, hashes) == "Failed"
    assert cp.keystore.find("CP1") is not None


def own(csms: CentralSystem, folder: Path) -> dict[str, Any]:
    assert csms.authority is not None
    request = generate_csr("/CN=CP1")
    (folder / "cp1.key").write_text(request.key)
    (folder / "cp1.pem").write_text(csms.authority.sign(request.csr))
    return {"cert": folder / "cp1.pem", "key": folder / "cp1.key", "ca": csms.ca_file}


# --- what outlives the process -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["CP1", "..%2F..%2Fescape", "%2e%2e", "x" * 300])
def test_roots_lie_in_the_key_store_and_nowhere_else(
    plain: CentralSystem, start: Connect, tmp_path: Path, name: str
) -> None:
    store = tmp_path / "a" / "b" / "store"
    cp = start(f"{plain.url}/{name}", keystore_root=store)
    payload = {"certificateType": CENTRAL_SYSTEM, "certificate": CertificateAuthority().root}
    assert plain.call(cp.name, "InstallCertificate", payload) == {"status": "Accepted"}
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 1
    assert files[0].is_relative_to(store)
    assert files[0].stat().st_mode & 0o077 == 0
    cp.close()
    ask = {"certificateType": CENTRAL_SYSTEM}
    start(f"{plain.url}/{name}", keystore_root=store)
    assert plain.call(cp.name, "GetInstalledCertificateIds", ask)["status"] == "Accepted"
    start(f"{plain.url}/other", keystore_root=store)
    assert plain.call("other", "GetInstalledCertificateIds", ask)["status"] == "NotFound"


def test_a_file_that_is_broken_is_passed_over(
    plain: CentralSystem, start: Connect, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cp = start(f"{plain.url}/CP1", keystore_root=tmp_path)
    first, second = CertificateAuthority().root, CertificateAuthority().root
    install(plain, first)
    install(plain, second)
    cp.close()
    broken, _ = sorted((tmp_path / ".roots").rglob("*.pem"))
    broken.write_text("broken")
    (broken.parent / "README").write_text("not of ours")
    start(f"{plain.url}/CP1", keystore_root=tmp_path)
    assert serials(plain) == [serial(second)]
    assert str(broken) in caplog.text


def test_where_nothing_can_be_written_the_status_is_failed(
    plain: CentralSystem, start: Connect, tmp_path: Path
) -> None:
    (tmp_path / ".roots").write_text("in the way")
    start(f"{plain.url}/CP1", keystore_root=tmp_path)
    assert install(plain, CertificateAuthority().root) == "Failed"
    assert serials(plain) == []


# --- whom they have trusted ----------------------------------------------------------------------


def test_a_root_is_trusted_from_the_next_connection_until_it_is_deleted(
    plain: CentralSystem, secure: CentralSystem, start: Connect, tmp_path: Path
) -> None:
    assert secure.authority is not None
    root = secure.authority.root
    cp = start(f"{plain.url}/CP1", keystore_root=tmp_path)
    for certificate, use in ((CertificateAuthority().root, CENTRAL_SYSTEM), (root, MANUFACTURER)):
        assert install(plain, certificate, use) == "Accepted"
        with pytest.raises(ConnectError, match="not trusted"):
            cp.reconnect(url=secure.url)
        cp.reconnect()
    assert install(plain, root) == "Accepted"
    cp.reconnect(url=secure.url)
    # and by another process
    start(f"{secure.url}/CP1", keystore_root=tmp_path).close()
    cp.reconnect()
    hashes = hash_data(loaded(root))
    while delete(secure, hashes) == "Accepted":
        pass  # one a use
    with pytest.raises(ConnectError, match="not trusted"):
        cp.reconnect()
