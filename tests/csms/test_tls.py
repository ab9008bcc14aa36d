"""The central system on TLS: its authority, client certificates, and the signing of requests."""

from __future__ import annotations

import gc
import logging
import queue
import re
import socket
import ssl
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from websockets.exceptions import WebSocketException

from ocppsim.certificates import check_chain, generate_csr, load_chain, to_name
from ocppsim.csms import CentralSystem, CertificateAuthority
from ocppsim.csms.__main__ import main
from ocppsim.csms.tls import hosts_of, kept_authority
from ocppsim.errors import CertificateError, ConnectionLost

REQUEST = generate_csr("/C=DE/O=Org/CN=CP1")


@pytest.fixture
def secure() -> Iterator[CentralSystem]:
    with CentralSystem(tls=True) as csms:
        yield csms


def trusting(csms: CentralSystem, *, strict: bool = True) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=csms.ca_file)
    if strict:
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def with_certificate(
    csms: CentralSystem, chain: str, folder: Path, key: str = REQUEST.key
) -> ssl.SSLContext:
    context = trusting(csms)
    (folder / "mine.pem").write_text(chain + key)
    context.load_cert_chain(folder / "mine.pem")
    return context


def openssl(*arguments: str, stdin: str = "") -> str:
    done = subprocess.run(
        ["openssl", *arguments], input=stdin, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- the connection ------------------------------------------------------------------------------


def test_a_charge_point_that_trusts_it_connects(secure: CentralSystem, client: Any) -> None:
    assert secure.url == f"wss://127.0.0.1:{secure.port}"
    cp = client(secure, ssl=trusting(secure))
    assert cp.ask("Heartbeat")[0] == 3
    assert secure.client_certificate("CP1") is None
    with pytest.raises(ConnectionLost, match="CP2 is not connected"):
        secure.client_certificate("CP2")


def test_one_that_does_not_trust_it_does_not(secure: CentralSystem, client: Any) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        client(secure, ssl=ssl.create_default_context())


def test_it_listens_under_each_name_of_this_machine() -> None:
    with CentralSystem("localhost", tls=True) as csms:
        for host in ("localhost", "127.0.0.1", "::1"):
            context = trusting(csms)
            with (
                socket.create_connection(("localhost", csms.port), timeout=10) as plain,
                context.wrap_socket(plain, server_hostname=host) as connection,
            ):
                assert connection.version() in ("TLSv1.2", "TLSv1.3")
    assert socket.gethostname() in hosts_of("0.0.0.0")
    assert hosts_of("cs.example")[0] == "cs.example"


def test_no_tls_below_1_2(secure: CentralSystem) -> None:
    context = secure.authority.server_context(["localhost"])  # type: ignore[union-attr]
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_the_file_of_the_authority_goes_away_at_stop() -> None:
    csms = CentralSystem(tls=True)
    assert csms.authority is not None
    with csms:
        path = csms.ca_file
        assert path.read_text() == csms.authority.certificate
        assert csms.ca_file == path
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not path.parent.exists()
    with csms:
        assert csms.ca_file.read_text() == csms.authority.certificate


def test_the_file_goes_away_with_the_central_system() -> None:
    csms = CentralSystem(tls=True)
    path = csms.ca_file
    assert path.exists()
    del csms
    gc.collect()
    assert not path.parent.exists()


def test_arguments_that_do_not_go_together() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with pytest.raises(ValueError, match="not both"):
        CentralSystem(tls=True, ssl_context=context)
    with pytest.raises(ValueError, match="goes with tls="):
        CentralSystem(client_certificates=True)
    with pytest.raises(TypeError, match="True or a CertificateAuthority"):
        CentralSystem(tls="ca.pem")  # type: ignore[arg-type]
    plain = CentralSystem()
    assert plain.authority is None
    for use in (lambda: plain.ca_file, plain.sign_certificates):
        with pytest.raises(ValueError, match=r"CentralSystem\(tls=True\) has one"):
            use()  # type: ignore[operator]


# --- client certificates -------------------------------------------------------------------------


def shown(pem: str | None) -> str:
    assert pem is not None
    return openssl("x509", "-noout", "-subject", stdin=pem)


def test_a_certificate_that_is_shown_is_read(
    secure: CentralSystem, client: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ocppsim.csms")
    assert secure.authority is not None
    chain = secure.authority.sign(REQUEST.csr)
    client(secure, ssl=with_certificate(secure, chain, tmp_path)).ask("Heartbeat")
    assert shown(secure.client_certificate("CP1")) == "subject=C = DE, O = Org, CN = CP1\n"
    assert re.search(r"CP1 connected from \S+ with a certificate of DE, Org, CP1", caplog.text)


def refused(client: Any, csms: CentralSystem, context: ssl.SSLContext) -> None:
    """With TLS 1.3 a client hears of it at its first read only."""
    with pytest.raises((OSError, WebSocketException)):
        client(csms, ssl=context)
    assert csms.charge_points == []


def test_certificates_are_demanded(client: Any, tmp_path: Path) -> None:
    authority = CertificateAuthority()
    chain = authority.sign(REQUEST.csr)
    with CentralSystem(tls=authority, client_certificates=True) as csms:
        assert csms.authority is authority
        refused(client, csms, trusting(csms))
        other = CertificateAuthority().sign(REQUEST.csr)
        refused(client, csms, with_certificate(csms, other, tmp_path))
        expired = authority.sign(REQUEST.csr, days=1, start=datetime.now(UTC) - timedelta(days=9))
        refused(client, csms, with_certificate(csms, expired, tmp_path))
        server, key = authority.issue_server(["localhost"])
        refused(client, csms, with_certificate(csms, server, tmp_path, key))
        cp = client(csms, ssl=with_certificate(csms, chain, tmp_path))
        assert cp.ask("Heartbeat")[0] == 3


def test_a_bad_one_is_refused_also_where_none_is_demanded(
    secure: CentralSystem, client: Any, tmp_path: Path
) -> None:
    other = CertificateAuthority().sign(REQUEST.csr)
    refused(client, secure, with_certificate(secure, other, tmp_path))


def test_none_is_asked_for(client: Any, tmp_path: Path) -> None:
    other = CertificateAuthority().sign(REQUEST.csr)
    with CentralSystem(tls=True, client_certificates=False) as csms:
        client(csms, ssl=with_certificate(csms, other, tmp_path)).ask("Heartbeat")
        assert csms.client_certificate("CP1") is None


def test_another_authority_vouches_for_charge_points(client: Any, tmp_path: Path) -> None:
    theirs = CertificateAuthority("theirs")
    (tmp_path / "theirs.pem").write_text(theirs.certificate)
    with CentralSystem(tls=True, client_certificates=tmp_path / "theirs.pem") as csms:
        assert csms.authority is not None
        own = csms.authority.sign(REQUEST.csr)
        refused(client, csms, with_certificate(csms, own, tmp_path))
        chain = theirs.sign(REQUEST.csr)
        client(csms, ssl=with_certificate(csms, chain, tmp_path)).ask("Heartbeat")
    (tmp_path / "theirs.pem").write_text("x")
    for name, why in (("theirs.pem", "no certificate in PEM"), ("none", "No such file")):
        with pytest.raises(CertificateError, match=f"{name}: {why}"):
            CentralSystem(tls=True, client_certificates=tmp_path / name)


def test_an_authority_below_another(client: Any, tmp_path: Path) -> None:
    root = CertificateAuthority("root")
    sub = CertificateAuthority("sub", issuer=root)
    with CentralSystem(tls=sub, client_certificates=True) as csms:
        assert csms.ca_file.read_text() == root.certificate
        chain = sub.sign(REQUEST.csr)
        assert chain.count("BEGIN CERTIFICATE") == 2
        cp = client(csms, ssl=with_certificate(csms, chain, tmp_path))
        assert cp.ask("Heartbeat")[0] == 3


# --- signing -------------------------------------------------------------------------------------


def ask_to_sign(cp: Any, csr: str = REQUEST.csr) -> str:
    return str(cp.ask("SignCertificate", {"csr": csr})[2]["status"])


def test_a_request_is_accepted_and_the_certificate_comes(
    secure: CentralSystem, client: Any, tmp_path: Path
) -> None:
    cp = client(secure, ssl=trusting(secure))
    assert ask_to_sign(cp) == "Accepted"
    kind, unique_id, action, payload = cp.recv()
    assert (kind, action) == (2, "CertificateSigned")
    cp.send([3, unique_id, {"status": "Accepted"}])
    chain = payload["certificateChain"]
    check_chain(load_chain(chain), load_chain(secure.ca_file.read_bytes()))
    (tmp_path / "chain").write_text(chain)
    told = openssl(
        *("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", str(secure.ca_file)),
        str(tmp_path / "chain"),
    )
    assert told.endswith("OK\n")
    assert openssl("x509", "-noout", "-pubkey", stdin=chain) == openssl(
        "pkey", "-pubout", stdin=REQUEST.key
    )
    # and it lets the charge point in
    client(secure, "CP1", ssl=with_certificate(secure, chain, tmp_path)).ask("Heartbeat")
    assert shown(secure.client_certificate("CP1")) == "subject=C = DE, O = Org, CN = CP1\n"


def test_a_request_that_is_none_is_rejected(
    secure: CentralSystem, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    cp = client(secure, ssl=trusting(secure))
    assert ask_to_sign(cp, "x") == "Rejected"
    assert "CP1: no certificate for it: CSR: no PKCS #10 in PEM" in caplog.text
    assert cp.ask("Heartbeat")[0] == 3


def test_the_common_name_has_to_match_on_demand(secure: CentralSystem, client: Any) -> None:
    secure.sign_certificates(match_name=True, days=2)
    cp = client(secure, "CP2", ssl=trusting(secure))
    assert ask_to_sign(cp) == "Rejected"
    assert ask_to_sign(cp, generate_csr("/CN=CP2").csr) == "Accepted"
    (certificate,) = load_chain(cp.recv()[3]["certificateChain"])
    length = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert length == timedelta(days=2)


def test_not_signing(secure: CentralSystem, client: Any) -> None:
    secure.sign_certificates(False)
    cp = client(secure, ssl=trusting(secure))
    assert ask_to_sign(cp, "x") == "Accepted"
    secure.sign_certificates()
    secure.answer("SignCertificate", {"status": "Rejected"})
    assert ask_to_sign(cp) == "Rejected"
    secure.answer("SignCertificate", None)
    assert ask_to_sign(cp) == "Accepted"
    assert cp.recv()[2] == "CertificateSigned"


class Lines(logging.Handler):
    """Tells when a line of the log comes."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: queue.Queue[str] = queue.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.put(record.getMessage())

    def wait(self, part: str) -> str:
        while True:
            line = self.lines.get(timeout=10)
            if part in line:
                return line


@pytest.fixture
def log() -> Iterator[Lines]:
    logger, lines = logging.getLogger("ocppsim.csms"), Lines()
    logger.addHandler(lines)
    yield lines
    logger.removeHandler(lines)


def test_a_charge_point_that_does_not_take_it_is_in_the_log(
    secure: CentralSystem, client: Any, log: Lines
) -> None:
    cp = client(secure, ssl=trusting(secure))
    ask_to_sign(cp)
    cp.send([3, cp.recv()[1], {"status": "Rejected"}])
    assert log.wait("take") == "CP1 does not take its certificate: Rejected"
    ask_to_sign(cp)
    cp.send([4, cp.recv()[1], "NotImplemented", "", {}])
    assert "NotImplemented" in log.wait("CP1 did not get its certificate")
    ask_to_sign(cp)
    cp.socket.close()
    assert log.wait("CP1 did not get its certificate")


# --- answers that go on --------------------------------------------------------------------------


def test_a_function_goes_on_after_its_answer(csms: CentralSystem, client: Any) -> None:
    def boot(name: str, payload: dict[str, Any]) -> Any:
        yield {"currentTime": "2026-01-31T12:00:00Z", "interval": 1, "status": "Pending"}
        csms.call(name, "Reset", {"type": "Soft"})

    csms.answer("BootNotification", boot)
    cp = client(csms)
    answer = cp.ask("BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"})
    assert answer[2]["status"] == "Pending"
    kind, unique_id, action, _ = cp.recv()
    assert (kind, action) == (2, "Reset")
    cp.send([3, unique_id, {"status": "Accepted"}])


@pytest.mark.parametrize(
    ("rest", "line"),
    [
        (lambda: [1, 2], "answered a second time"),
        (lambda: 1 / 0, "failed after its answer"),
    ],
)
def test_faults_after_the_answer_are_in_the_log(
    csms: CentralSystem, client: Any, log: Lines, rest: Callable[[], Any], line: str
) -> None:
    def answer(name: str, payload: dict[str, Any]) -> Any:
        yield {"currentTime": "2026-01-31T12:00:00Z"}
        yield rest()

    csms.answer("Heartbeat", answer)
    cp = client(csms)
    assert cp.ask("Heartbeat")[0] == 3
    assert log.wait(line)
    assert cp.ask("Heartbeat")[0] == 3


def test_a_function_that_fails_before_its_yield(csms: CentralSystem, client: Any) -> None:
    def answer(name: str, payload: dict[str, Any]) -> Any:
        raise RuntimeError("no")
        yield {}

    csms.answer("Heartbeat", answer)
    assert client(csms).ask("Heartbeat")[2:4] == ["InternalError", "RuntimeError: no"]


# --- the authority -------------------------------------------------------------------------------


def weak_request(key: Any) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(to_name("/CN=x"))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def test_weak_and_strange_keys_are_not_signed() -> None:
    authority = CertificateAuthority()
    for key, why in [
        (rsa.generate_private_key(public_exponent=65537, key_size=1024), "1024 bits is too weak"),
        (ec.generate_private_key(ec.SECP192R1()), "192 bits is too weak"),
        (dsa.generate_private_key(2048), "neither EC nor RSA"),
    ]:
        with pytest.raises(CertificateError, match=why):
            authority.sign(weak_request(key))


def test_a_request_with_another_signature_is_not_signed() -> None:
    der = bytearray(x509.load_pem_x509_csr(REQUEST.csr.encode()).public_bytes(Encoding.DER))
    der[der.index(b"CP1")] ^= 1
    csr = x509.load_der_x509_csr(bytes(der)).public_bytes(Encoding.PEM)
    with pytest.raises(CertificateError, match="signature"):
        CertificateAuthority().sign(csr)


def test_the_certificate_of_the_authority_is_strict(tmp_path: Path) -> None:
    authority = CertificateAuthority("Müller & Söhne")
    server, _ = authority.issue_server(["cs.example", "192.0.2.1", "bücher.example"])
    (tmp_path / "ca").write_text(authority.certificate)
    (tmp_path / "server").write_text(server)
    for host in ("-verify_hostname cs.example", "-verify_ip 192.0.2.1"):
        openssl(
            *("verify", "-x509_strict", "-purpose", "sslserver", *host.split()),
            *("-CAfile", str(tmp_path / "ca"), str(tmp_path / "server")),
        )
    assert "xn--bcher-kva.example" in openssl("x509", "-noout", "-text", stdin=server)


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda a: a.issue_server([]), "one host name at least"),
        (lambda a: a.issue_server(["a" * 64 + "ä.example"]), "host"),
        (lambda a: a.sign(REQUEST.csr, days=-1), "no certificate of -1 days"),
        (lambda a: a.sign(REQUEST.csr, days=1e9), "no certificate of"),
        (lambda a: CertificateAuthority("x" * 65), "common name"),
        (lambda a: CertificateAuthority.load(a.sign(REQUEST.csr), REQUEST.key), "not of an auth"),
        (lambda a: CertificateAuthority.load(a.certificate, REQUEST.key), "does not belong to key"),
    ],
)
def test_what_an_authority_refuses(call: Callable[[Any], Any], why: str) -> None:
    with pytest.raises(CertificateError, match=why) as caught:
        call(CertificateAuthority())
    assert str(caught.value).isprintable()


def test_an_authority_is_kept_in_files(tmp_path: Path) -> None:
    files = tmp_path / "ca.pem", tmp_path / "ca.key"
    first = kept_authority(*files)
    assert stat.S_IMODE(files[1].stat().st_mode) == 0o600
    again = kept_authority(*files)
    assert again.certificate == first.certificate == files[0].read_text()
    check_chain(load_chain(again.sign(REQUEST.csr)), load_chain(first.certificate))
    files[0].unlink()
    with pytest.raises(CertificateError, match=r"ca.key is there, .*ca.pem is not"):
        kept_authority(*files)
    files[0].write_text("x")
    with pytest.raises(CertificateError, match=r"ca.pem, .*ca.key: certificate of the authority"):
        kept_authority(*files)


# --- the program ---------------------------------------------------------------------------------


def test_the_program_has_an_authority(program: Any, client: Any, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    csms = program("--tls", "--ca-file", str(file), "--ca-key", str(tmp_path / "ca.key"))
    assert csms.url.startswith("wss://127.0.0.1:")
    cp = client(csms, ssl=ssl.create_default_context(cafile=file))
    assert ask_to_sign(cp) == "Accepted"
    _, unique_id, _, payload = cp.recv()
    cp.send([3, unique_id, {"status": "Accepted"}])
    assert f"charge points have to trust {file}\n" in csms.end()
    # the same authority at the next start, which now wants to see what it has signed
    arguments = ("--tls", "--ca-file", str(file), "--ca-key", str(tmp_path / "ca.key"))
    csms = program(*arguments, "--client-certificates")
    context = ssl.create_default_context(cafile=file)
    with pytest.raises((OSError, WebSocketException)):
        client(csms, ssl=context)
    (tmp_path / "mine").write_text(payload["certificateChain"] + REQUEST.key)
    context.load_cert_chain(tmp_path / "mine")
    assert client(csms, ssl=context).ask("Heartbeat")[0] == 3
    csms.end()


def test_the_program_without_a_file_says_where_it_is(program: Any, client: Any) -> None:
    csms = program("--tls", "-q")
    # printed before the URL is
    line = csms.process.stderr.readline()
    path = Path(line.removeprefix("charge points have to trust ").strip())
    client(csms, ssl=ssl.create_default_context(cafile=path)).ask("Heartbeat")
    csms.end()
    assert not path.exists()


@pytest.mark.parametrize("own", [True, False])
def test_the_program_with_an_authority_of_charge_points(
    program: Any, client: Any, tmp_path: Path, own: bool
) -> None:
    theirs, server = CertificateAuthority("theirs"), CertificateAuthority("server")
    (tmp_path / "theirs").write_text(theirs.certificate)
    chain, key = server.issue_server(["127.0.0.1"])
    (tmp_path / "cert").write_text(chain)
    (tmp_path / "key").write_text(key)
    (tmp_path / "ca").write_text(server.certificate)
    if own:
        arguments = ["--tls", "--ca-file", str(tmp_path / "ca")]
    else:
        arguments = ["--cert", str(tmp_path / "cert"), "--key", str(tmp_path / "key")]
    csms = program(*arguments, "--client-ca", str(tmp_path / "theirs"))
    context = ssl.create_default_context(cafile=tmp_path / "ca")
    with pytest.raises((OSError, WebSocketException)):
        client(csms, ssl=context)
    (tmp_path / "mine").write_text(theirs.sign(REQUEST.csr) + REQUEST.key)
    context.load_cert_chain(tmp_path / "mine")
    assert client(csms, ssl=context).ask("Heartbeat")[0] == 3
    csms.end()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--tls", "--cert", "x", "--key", "x"],
        ["--client-ca", "x"],
        ["--tls", "--client-ca", "x", "--client-certificates"],
        ["--ca-file", "x"],
        ["--client-certificates"],
        ["--tls", "--ca-key", "x"],
    ],
)
def test_options_that_do_not_go_together(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert arguments[-1 if len(arguments) == 1 else 0].split("=")[0] in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, "x"])
def test_a_client_ca_that_is_none(
    content: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / "ca").write_text(content)
    assert main(["--port", "0", "--tls", "--client-ca", str(tmp_path / "ca")]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith(f"ocppsim-csms: {tmp_path / 'ca'}: ")


def test_a_call_that_is_not_answered_does_not_hold_up_the_stop(
    secure: CentralSystem, client: Any
) -> None:
    cp = client(secure, ssl=trusting(secure))
    ask_to_sign(cp)
    assert cp.recv()[2] == "CertificateSigned"
    secure.stop()
    assert not [t for t in threading.enumerate() if t.name.startswith("ocppsim-csms")]
