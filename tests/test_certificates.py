"""Certificates, held against what the program openssl says about them."""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.utils import CryptographyDeprecationWarning
from hypothesis import given, settings
from hypothesis import strategies as st

import ocppsim
from ocppsim import certificates, schema
from ocppsim.certificates import (
    CertificateRequest,
    check_chain,
    check_dates,
    check_pair,
    der_hex_to_pem,
    generate_csr,
    hash_data,
    load_chain,
    load_key,
    load_pair,
    to_pem,
)
from ocppsim.csms.authority import CertificateAuthority
from ocppsim.errors import CertificateError, OcppsimError
from ocppsim.subject import common_name, parse_subject
from ocppsim.v16.types import CertificateHashDataType

ROOT = CertificateAuthority("root")
SUB = CertificateAuthority("sub", issuer=ROOT)
REQUEST = generate_csr("/CN=CP1")


def openssl(*arguments: str, stdin: str | bytes = b"") -> str:
    data = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode() + done.stderr.decode()


def refused(call: Any, *arguments: Any, **options: Any) -> str:
    """What the one line says."""
    with pytest.raises(CertificateError) as caught:
        call(*arguments, **options)
    text = str(caught.value)
    assert text.isprintable(), text
    assert not any(line in text for line in REQUEST.key.splitlines()[1:-1])
    assert isinstance(caught.value, (OcppsimError, ValueError))
    assert caught.value.__cause__ is None
    return text


# --- requests ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({}, "id-ecPublicKey Public-Key: (256 bit)"),
        ({"key_size": 384}, "id-ecPublicKey Public-Key: (384 bit)"),
        ({"key_size": 521}, "id-ecPublicKey Public-Key: (521 bit)"),
        ({"key_type": "RSA"}, "rsaEncryption Public-Key: (2048 bit)"),
        ({"key_type": "RSA", "key_size": 3072}, "rsaEncryption Public-Key: (3072 bit)"),
    ],
)
def test_openssl_takes_a_request(options: dict[str, Any], kind: str) -> None:
    request = generate_csr("/C=DE/O=Org/CN=cp1", **options)
    told = openssl("req", "-verify", "-text", "-noout", stdin=request.csr)
    assert "verify OK" in told
    assert "Subject: C = DE, O = Org, CN = cp1" in told
    assert kind in " ".join(told.replace("Public Key Algorithm:", "").split())
    public = openssl("req", "-noout", "-pubkey", stdin=request.csr)
    assert public == openssl("pkey", "-pubout", stdin=request.key)
    assert request.key.startswith("-----BEGIN PRIVATE KEY-----\n")
    assert len(request.csr) <= 5500


def test_a_request_does_not_show_its_key() -> None:
    assert "PRIVATE" not in repr(REQUEST)
    assert "CERTIFICATE REQUEST" in repr(REQUEST)


def test_each_request_has_a_key_of_its_own() -> None:
    assert generate_csr("/CN=a").key != generate_csr("/CN=a").key


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"key_size": 2048}, "an EC key has 256, 384 or 521 bits, not 2048"),
        ({"key_type": "RSA", "key_size": 1024}, "an RSA key has 2048 to 8192 bits here, not 1024"),
        ({"key_type": "RSA", "key_size": 99999}, "an RSA key has 2048 to 8192 bits here"),
        ({"key_type": "DSA"}, "a key is of type EC or RSA, not 'DSA'"),
    ],
)
def test_keys_that_there_are_not(options: dict[str, Any], why: str) -> None:
    assert why in refused(generate_csr, "/CN=a", **options)


# --- subjects ------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
PRINTABLE = st.text("abcXYZ019 '()+,-./:=?", min_size=1, max_size=20)
PAIRS = st.one_of(
    st.tuples(st.sampled_from(["CN", "O", "OU", "L", "ST", "title", "GN", "UID"]), TEXTS),
    st.tuples(st.sampled_from(["serialNumber", "dnQualifier"]), PRINTABLE),
    st.tuples(st.just("C"), st.text("ABCxyz", min_size=2, max_size=2)),
    st.tuples(st.sampled_from(["DC", "emailAddress"]), st.text("a+,.@x ", min_size=1)),
)
LEVELS = st.lists(
    st.lists(PAIRS, min_size=1, max_size=2, unique_by=lambda pair: pair[0]), min_size=1, max_size=4
)


def slashes(levels: Any) -> str:
    def escaped(value: str) -> str:
        return re.sub(r"[/+\\]", r"\\\g<0>", value)

    return "".join("/" + "+".join(f"{k}={escaped(v)}" for k, v in level) for level in levels)


def rfc4514(levels: Any) -> str:
    def escaped(value: str) -> str:
        value = re.sub(r'[,+"\\<>;]', r"\\\g<0>", value).replace("\0", r"\00")
        if value[-1] == " " and len(value) > 1:
            value = value[:-1] + "\\ "
        return "\\" + value if value[0] in " #" else value

    return ",".join("+".join(f"{k}={escaped(v)}" for k, v in level) for level in reversed(levels))


@settings(max_examples=300)
@given(LEVELS)
def test_both_ways_to_write_a_subject_mean_the_same(levels: Any) -> None:
    parsed = parse_subject(slashes(levels))
    assert [[value for _, value in level] for level in parsed] == [
        [value for _, value in level] for level in levels
    ]
    assert parse_subject(rfc4514(levels)) == parsed


@settings(max_examples=300)
@given(LEVELS)
def test_what_a_name_says_of_itself_is_a_subject(levels: Any) -> None:
    name = certificates.to_name(slashes(levels))
    written = name.rfc4514_string().replace("1.2.840.113549.1.9.1=", "emailAddress=")
    assert certificates.to_name(written) == name
    assert x509.Name.from_rfc4514_string(rfc4514([[("CN", "a,b")]])) == certificates.to_name(
        "CN=a\\,b"
    )


@settings(max_examples=40)
@given(LEVELS)
def test_openssl_reads_the_same_subject(levels: Any) -> None:
    subject = slashes(levels)
    told = openssl(
        *("req", "-noout", "-subject", "-nameopt", "RFC2253"), stdin=generate_csr(subject).csr
    )
    written = told.removeprefix("subject=").removesuffix("\n")
    # DER puts what belongs to one level into an order of its own
    assert list(map(set, parse_subject(written))) == list(map(set, parse_subject(subject)))


@given(TEXTS)
def test_a_name_as_the_common_name(name: str) -> None:
    assert parse_subject(common_name(name)) == ((("2.5.4.3", name),),)


@pytest.mark.parametrize(
    ("subject", "parsed"),
    [
        ("/C=DE/CN=cp1", ((("2.5.4.6", "DE"),), (("2.5.4.3", "cp1"),))),
        (
            "CN=cp1, O=Org, C=DE",
            ((("2.5.4.6", "DE"),), (("2.5.4.10", "Org"),), (("2.5.4.3", "cp1"),)),
        ),
        ("cn=a=b", ((("2.5.4.3", "a=b"),),)),
        ("CN=M\\C3\\BCller", ((("2.5.4.3", "Müller"),),)),
        ("CN=\\ a\\20", ((("2.5.4.3", " a "),),)),
        ("/2.5.4.3=x", ((("2.5.4.3", "x"),),)),
        ("/CN=a,b", ((("2.5.4.3", "a,b"),),)),
        ("/CN= a ", ((("2.5.4.3", " a "),),)),
    ],
)
def test_a_subject(subject: str, parsed: Any) -> None:
    assert parse_subject(subject) == parsed


@pytest.mark.parametrize(
    ("subject", "why"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("/", "TYPE=value expected"),
        ("/CN=", "CN is empty"),
        ("CN=", "CN is empty"),
        ("CN=  ", "CN is empty"),
        ("cp1", "TYPE=value expected, not 'cp1'"),
        ("/CN=a/b", "needs a backslash before it"),
        ("/CN=a+b", "needs a backslash before it"),
        ("/CN=a\\", "a backslash at the end"),
        ("/XX=a", "'XX' is no type"),
        ("/=a", "'' is no type"),
        ("/C=D/CN=a", "C is a country code of two letters (ISO 3166), not 'D'"),
        ("/C=D1", "two letters"),
        ("/C=ÄÖ", "two letters"),
        ("/C=DEU", "two letters"),
        ("/CN=" + "x" * 65, "CN has at most 64 bytes of UTF-8, not 65"),
        ("/CN=" + "ä" * 33, "CN has at most 64 bytes of UTF-8, not 66"),
        ("/O=" + "x" * 65, "O has at most 64 characters, not 65"),
        ("/L=" + "x" * 129, "L has at most 128 characters"),
        ("/serialNumber=" + "1" * 65, "serialNumber has at most 64 characters"),
        ("/serialNumber=ä", "letters, digits, spaces"),
        ("/emailAddress=ä@x", "ASCII"),
        ("/CN=\ud800", "CN is no text"),
        ("CN=a;b", "';' needs a backslash"),
        ('CN="a"', "needs a backslash"),
        ("CN=a\\", "a backslash before 'the end'"),
        ("CN=a\\q", "a backslash before 'q'"),
        ("CN=\\C3", "is no UTF-8"),
        ("CN=#0401", "hexadecimal digits"),
        ("CN=a+CN=b", "the same type twice"),
        ("CN=a,,C=DE", "TYPE=value expected"),
    ],
)
def test_what_is_no_subject(subject: str, why: str) -> None:
    text = refused(generate_csr, subject)
    assert text.startswith("subject ")
    assert why in text


def test_lengths_at_their_limit() -> None:
    told = openssl(
        "req", "-noout", "-subject", stdin=generate_csr(f"/O={'ä' * 64}/CN={'x' * 64}").csr
    )
    assert f"CN = {'x' * 64}" in told


# --- hashes --------------------------------------------------------------------------------------


def issued(authority: CertificateAuthority, **options: Any) -> x509.Certificate:
    return load_chain(authority.sign(REQUEST.csr, **options))[0]


def own(authority: CertificateAuthority) -> x509.Certificate:
    return load_chain(authority.certificate)[0]


RSA_ROOT = """
[req]
distinguished_name = name
x509_extensions = v3
prompt = no
string_mask = MASK:0x00000800
[name]
C = DE
O = Größe
CN = RSA root
[v3]
basicConstraints = critical,CA:true
"""


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """A certificate and its issuer, as files."""
    folder = tmp_path_factory.mktemp("pairs")

    def file(name: str, pem: str) -> Path:
        (folder / name).write_text(pem)
        return folder / name

    root, sub = file("root", ROOT.certificate), file("sub", SUB.certificate)
    config = file("config", RSA_ROOT)
    # its name is in BMPString: who wrote it again as UTF8String would hash something else
    openssl(
        *("req -x509 -newkey rsa:2048 -nodes -utf8 -set_serial 0x00ab -days 9").split(),
        *("-config", str(config), "-keyout", str(folder / "key"), "-out", str(folder / "rsa")),
    )
    leaf = file("leaf", to_pem([issued(SUB)]))
    return {
        "root": (root, root),
        "sub": (sub, root),
        "leaf": (leaf, sub),
        "rsa": (folder / "rsa", folder / "rsa"),
    }


@pytest.mark.parametrize("name", ["root", "sub", "leaf", "rsa"])
@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
def test_hashes_are_those_of_ocsp(
    pairs: dict[str, tuple[Path, Path]], name: str, algorithm: str
) -> None:
    cert, issuer = pairs[name]
    told = openssl(
        *("ocsp", f"-{algorithm.lower()}", "-issuer", str(issuer), "-cert", str(cert)),
        *("-req_text", "-no_nonce"),
    )
    expected = {
        key: value.lower()
        for key, value in re.findall(
            r"(Name Hash|Key Hash|Serial Number): ([0-9A-F]+)", told.replace("\\\n", "")
        )
    }
    (certificate,), (above,) = load_chain(cert.read_bytes()), load_chain(issuer.read_bytes())
    got = hash_data(certificate, algorithm, None if cert == issuer else above)
    assert got["hashAlgorithm"] == algorithm
    assert got["issuerNameHash"] == expected["Name Hash"]
    assert got["issuerKeyHash"] == expected["Key Hash"]
    assert got["serialNumber"] == expected["Serial Number"].lstrip("0")
    assert schema.check(CertificateHashDataType, got) == []
    assert got == hash_data(certificate, algorithm, above)


def test_the_serial_number_has_no_zeros_in_front(pairs: dict[str, tuple[Path, Path]]) -> None:
    (certificate,) = load_chain(pairs["rsa"][0].read_bytes())
    assert hash_data(certificate)["serialNumber"] == "ab"


@pytest.mark.parametrize("serial", ["0", "-5", f"-{1 << 155}", f"-{1 << 1030}"])
def test_a_serial_number_that_is_not_allowed_is_nothing_to_warn_of(
    serial: str, tmp_path: Path
) -> None:
    command = "req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=old"
    files = ["-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "cert")]
    openssl(*command.split(), "-set_serial", serial, *files)
    pem = (tmp_path / "cert").read_text()
    der = ssl.PEM_cert_to_DER_cert(pem)
    for data in (pem, der, f"# old\n{pem}{pem}"):
        certificate = load_chain(data)[0]
        check_chain([certificate], [certificate])
    if serial == "0":
        assert hash_data(certificate)["serialNumber"] == "0"
    else:
        assert "its serial number is not in 0 to 2^160" in refused(hash_data, certificate)
    with pytest.warns(CryptographyDeprecationWarning):
        x509.load_der_x509_certificate(der)  # nobody else's word is lost


def test_hashes_need_the_right_issuer() -> None:
    leaf = issued(SUB)
    assert "issued by CN=sub, whose certificate is needed" in refused(hash_data, leaf)
    assert "CN=CP1: issued by CN=sub, not CN=root" in refused(hash_data, leaf, "SHA256", own(ROOT))
    assert "'SHA1' is no hash; there are SHA256, SHA384, SHA512" in refused(
        hash_data, own(ROOT), "SHA1"
    )


# --- chains --------------------------------------------------------------------------------------


def openssl_verifies(
    folder: Path, chain: list[x509.Certificate], roots: list[x509.Certificate], when: datetime
) -> bool:
    files = {"leaf": chain[:1], "others": chain[1:], "roots": roots}
    for name, some in files.items():
        (folder / name).write_text(to_pem(some))
    arguments = ["verify", "-no-CApath", "-no-CAstore", "-partial_chain"]
    arguments += ["-attime", str(int(when.timestamp()))]
    arguments += ["-CAfile", str(folder / "roots")] if roots else ["-no-CAfile"]
    arguments += ["-untrusted", str(folder / "others")] if chain[1:] else []
    done = subprocess.run(
        ["openssl", *arguments, str(folder / "leaf")], capture_output=True, check=False
    )
    return done.returncode == 0


NOW = datetime.now(UTC)
LATER = NOW + timedelta(days=500)
OTHER = CertificateAuthority("root")  # of the same name, with another key
NARROW_KEY = ec.generate_private_key(ec.SECP256R1())


def narrow() -> CertificateAuthority:
    """One that may have no authority below it."""
    certificate = own(ROOT)
    signed = (
        x509.CertificateBuilder()
        .subject_name(certificates.to_name("/CN=narrow"))
        .issuer_name(certificate.subject)
        .public_key(NARROW_KEY.public_key())
        .serial_number(5)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1000))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(ROOT._key, hashes.SHA256())
    )
    key = NARROW_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return CertificateAuthority.load(to_pem([signed]) + ROOT.certificate, key)


NARROW = narrow()
BELOW_NARROW = CertificateAuthority("below", issuer=NARROW)


def by_leaf() -> list[x509.Certificate]:
    """A certificate that one that is no authority has issued."""
    leaf = issued(ROOT)
    forged = CertificateAuthority.__new__(CertificateAuthority)
    forged._key, forged._certificate, forged._above = load_key(REQUEST.key), leaf, []  # type: ignore[assignment]
    return [issued(forged), leaf]


CHAINS: dict[str, tuple[list[x509.Certificate], list[x509.Certificate], datetime, str | None]] = {
    "by the root": ([issued(ROOT)], [own(ROOT)], NOW, None),
    "with the root in it": ([issued(ROOT), own(ROOT)], [own(ROOT)], NOW, None),
    "by one below": ([issued(SUB), own(SUB)], [own(ROOT)], NOW, None),
    "trusted itself": ([issued(SUB)], [issued(ROOT), own(SUB)], NOW, None),
    "one of several roots": ([issued(ROOT)], [own(SUB), own(ROOT)], NOW, None),
    "of the same name": (
        [issued(ROOT)],
        [own(OTHER)],
        NOW,
        "issued by CN=root, which is none of the 1 roots: the signature is wrong",
    ),
    "no roots": ([issued(ROOT)], [], NOW, "issued by CN=root, which is none of the 0 roots"),
    "one is missing": ([issued(SUB)], [own(ROOT)], NOW, "issued by CN=sub, which is none of"),
    "expired": ([issued(ROOT)], [own(ROOT)], LATER, "(CN=CP1): expired on 20"),
    "not yet valid": ([issued(ROOT, start=LATER)], [own(ROOT)], NOW, "not valid before 20"),
    "no authority": (by_leaf(), [own(ROOT)], NOW, "is not issued by certificate 2 (CN=CP1): it is"),
    "too deep": (
        [issued(BELOW_NARROW), own(BELOW_NARROW), own(NARROW)],
        [own(ROOT)],
        NOW,
        "it may have 0 authorities below it, not 1",
    ),
    "just deep enough": ([issued(NARROW), own(NARROW)], [own(ROOT)], NOW, None),
}


@pytest.mark.parametrize("name", CHAINS)
def test_openssl_agrees_about_a_chain(name: str, tmp_path: Path) -> None:
    chain, roots, when, why = CHAINS[name]
    assert openssl_verifies(tmp_path, chain, roots, when) is (why is None)
    if why is None:
        check_chain(chain, roots, when)
    else:
        assert why in refused(check_chain, chain, roots, when, "x.pem")
        assert refused(check_chain, chain, roots, when, "x.pem").startswith("x.pem")


def test_the_order_of_a_chain_matters() -> None:
    chain = [own(SUB), issued(SUB)]
    check_chain(chain, [own(ROOT)])  # up to the root at once: the rest plays no part
    text = refused(check_chain, [issued(SUB), issued(SUB)], [own(ROOT)])
    assert "certificate 1 (CN=CP1) is not issued by certificate 2 (CN=CP1)" in text
    assert refused(check_chain, [], [own(ROOT)]) == "certificate: empty"


def test_dates() -> None:
    certificate = issued(ROOT, days=1)
    check_dates(certificate)
    end = certificate.not_valid_after_utc
    check_dates(certificate, end)
    text = refused(check_dates, certificate, end + timedelta(seconds=1), "cp1.pem")
    assert text == f"cp1.pem (CN=CP1): expired on {end:%Y-%m-%dT%H:%M:%SZ}"
    start = certificate.not_valid_before_utc
    text = refused(check_dates, certificate, start - timedelta(seconds=1), "cp1.pem")
    assert text == f"cp1.pem (CN=CP1): not valid before {start:%Y-%m-%dT%H:%M:%SZ}"
    told = openssl(
        "x509", "-noout", "-enddate", "-dateopt", "iso_8601", stdin=to_pem([certificate])
    )
    assert told.strip() == f"notAfter={end:%Y-%m-%d %H:%M:%SZ}"


# --- files ---------------------------------------------------------------------------------------


def test_a_pair() -> None:
    check_pair([issued(ROOT)], REQUEST.key)
    other = generate_csr("/CN=x").key
    text = refused(check_pair, [issued(ROOT)], other, what="cp1.pem", key_what="cp1.key")
    assert text == "cp1.pem (CN=CP1): does not belong to cp1.key"
    text = refused(check_pair, [own(ROOT), issued(ROOT)], REQUEST.key, what="c", key_what="k")
    assert text == "c: the key in k belongs to certificate 2, which has to be the first"
    assert refused(check_pair, [], REQUEST.key) == "certificate: empty"


def encrypted(pem: str, password: bytes = b"geheim", form: Any = PrivateFormat.PKCS8) -> bytes:
    method = serialization.BestAvailableEncryption(password)
    return load_key(pem).private_bytes(Encoding.PEM, form, method)


@pytest.mark.parametrize(
    ("cert", "key", "password", "why"),
    [
        (None, "good", None, "{cert}: No such file or directory"),
        ("good", None, None, "{key}: No such file or directory"),
        ("", "good", None, "{cert}: empty"),
        ("garbage", "good", None, "{cert}: neither PEM nor DER"),
        (b"\x30\x03abc", "good", None, "{cert}: no X.509 certificate: "),
        ("half", "good", None, "{cert}: a certificate in it has no end"),
        ("broken", "good", None, "{cert}: no X.509 certificate: "),
        ("key", "good", None, "{cert}: no certificate in it, but: PRIVATE KEY"),
        ("good", "", None, "{key}: empty"),
        ("good", "garbage", None, "{key}: no private key in PEM or DER"),
        ("good", "broken", None, "{key}: no private key in PEM or DER"),
        ("good", "cert", None, "{key}: no private key in it, but: CERTIFICATE"),
        ("good", "other", None, "{cert} (CN=CP1): does not belong to {key}"),
        ("good", "encrypted", None, "{key}: encrypted, and there is no password"),
        ("good", "encrypted", "falsch", "{key}: wrong password, or a damaged key"),
        ("good", "encrypted", "geheim", None),
        ("good", "traditional", "falsch", "{key}: wrong password, or a damaged key"),
        ("good", "traditional", "geheim", None),
        ("good", "encrypted der", "falsch", "{key}: wrong password, or a damaged key"),
        ("good", "encrypted der", "geheim", None),
        ("good", "good", "geheim", None),
        ("both", "both", None, None),
        ("der", "der", None, None),
        ("crlf", "crlf", None, None),
        ("with words", "with parameters", None, None),
    ],
)
def test_files(
    cert: str | bytes | None, key: str | None, password: str | None, why: str | None, tmp_path: Path
) -> None:
    pem = to_pem([issued(ROOT)])
    private = load_key(REQUEST.key)
    enc = serialization.BestAvailableEncryption(b"geheim")
    contents: dict[Any, str | bytes] = {
        "cert good": pem,
        "cert half": pem[:-30],
        "cert broken": pem.replace("MII", "NII"),
        "cert key": REQUEST.key,
        "cert both": REQUEST.key + pem,
        "cert der": issued(ROOT).public_bytes(Encoding.DER),
        "cert crlf": pem.replace("\n", "\r\n"),
        "cert with words": openssl("x509", "-text", stdin=pem),
        "key good": REQUEST.key,
        "key broken": REQUEST.key.replace("M", "N"),
        "key cert": pem,
        "key other": generate_csr("/CN=x").key,
        "key encrypted": encrypted(REQUEST.key),
        "key traditional": encrypted(REQUEST.key, form=PrivateFormat.TraditionalOpenSSL),
        "key encrypted der": private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, enc),
        "key both": REQUEST.key + pem,
        "key der": private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        "key crlf": REQUEST.key.replace("\n", "\r\n"),
        "key with parameters": openssl("ecparam", "-name", "prime256v1") + REQUEST.key,
    }
    paths = {"cert": tmp_path / "c.pem", "key": tmp_path / "k.pem"}
    for kind, given_ in (("cert", cert), ("key", key)):
        if given_ is not None:
            content = contents.get(f"{kind} {given_}", given_)
            paths[kind].write_bytes(content.encode() if isinstance(content, str) else content)
    arguments = (paths["cert"], paths["key"], password)
    if why is None:
        assert load_pair(*arguments)[0].public_key() == private.public_key()
        return
    text = refused(load_pair, *arguments)
    assert text.startswith(why.format(**paths))
    assert "geheim" not in text
    assert "falsch" not in text


def test_a_password_in_bytes_and_letters_beyond_ascii() -> None:
    assert load_key(encrypted(REQUEST.key, b"\xff\x00"), password=b"\xff\x00")
    assert load_key(encrypted(REQUEST.key, "Schlüssel".encode()), password="Schlüssel")


def test_other_kinds_of_keys_in_certificates() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    name = certificates.to_name("/CN=ed")
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, LATER)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, None)
    )
    check_pair([certificate], key)
    check_chain([certificate], [certificate], NOW + timedelta(days=1))


# --- hexadecimal digits --------------------------------------------------------------------------


def test_der_in_hexadecimal_digits() -> None:
    chain = [issued(SUB), own(SUB)]
    texts = [certificate.public_bytes(Encoding.DER).hex() for certificate in chain]
    pem = to_pem(chain)
    assert der_hex_to_pem(texts) == pem
    assert der_hex_to_pem("".join(texts)) == pem
    assert der_hex_to_pem(texts[0].upper()) == to_pem(chain[:1])
    assert der_hex_to_pem(bytes.fromhex(texts[0]).hex(":")) == to_pem(chain[:1])
    read = openssl("x509", "-inform", "DER", stdin=bytes.fromhex(texts[0]))
    assert read == der_hex_to_pem(texts[0])


@pytest.mark.parametrize(
    ("hexes", "why"),
    [
        ("", "certificate 1 in hexadecimal digits: empty"),
        ([], "no certificate was given"),
        ("xyz", "other characters in it, or half of a pair is missing"),
        ("308", "other characters in it, or half of a pair is missing"),
        ("3082", "neither PEM nor DER"),
        ("3003020101", "no X.509 certificate"),
        (["30"], "neither PEM nor DER"),
        (b"-----BEGIN CERTIFICATE-----".hex(), "PEM inside, where DER belongs"),
    ],
)
def test_what_is_not_that(hexes: Any, why: str) -> None:
    assert why in refused(der_hex_to_pem, hexes)


@given(st.binary(max_size=300))
def test_garbage_is_refused_in_one_line(data: bytes) -> None:
    for call in (load_chain, load_key):
        refused(call, data)
    refused(der_hex_to_pem, data.hex())


@given(st.data())
def test_a_damaged_certificate_is_refused_in_one_line(data: Any) -> None:
    der = bytearray(own(ROOT).public_bytes(Encoding.DER))
    # the last bits of the signature may play no part
    place = data.draw(st.integers(4, 3 + len(own(ROOT).tbs_certificate_bytes)))
    der[place] ^= 1 << data.draw(st.integers(0, 7))

    def check() -> None:
        check_chain(load_chain(bytes(der), "x.der"), [own(ROOT)], what="x.der")

    assert refused(check).startswith("x.der")


# --- the whole -----------------------------------------------------------------------------------


def test_importing_ocppsim_does_not_import_the_library() -> None:
    script = (
        "import sys, json, ocppsim, ocppsim.csms; ocppsim.csms.CentralSystem();"
        "print(json.dumps([m for m in sys.modules if m.startswith('cryptography')]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(ocppsim.__file__).parent.parent)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, check=True
    )
    assert json.loads(done.stdout) == []


def test_a_charge_point_makes_a_request(cp: Any) -> None:
    def subject(request: CertificateRequest) -> str:
        return openssl("req", "-noout", "-subject", "-verify", stdin=request.csr)

    assert "CN = CP1" in subject(cp.generate_csr())
    assert "C = DE, CN = x" in subject(cp.generate_csr("CN=x,C=DE"))
    request = cp.generate_csr(key_type="RSA", key_size=2048)
    assert "2048 bit" in openssl("req", "-noout", "-text", stdin=request.csr)
    assert cp.keystore.find("CP1") is None
