"""No password and no key in anything that a full run writes: a run of the command that does what
has to do with secrets, rightly and wrongly, and a search in all that it left."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from command import ocppsim, write

from ocppsim import InvalidPayload
from ocppsim.csms import CentralSystem

PASSWORD = "Passw0rd/of:the@charge#point"
NEW_KEY = "N3wAuthorizationKey!"
RAW_KEY = "00ff10ab" * 5
PASSPHRASE = "passphrase-of-the-key"
FTP = "ftp-pa55word"
SCRIPT = """
    import logging
    import sys
    import threading
    import traceback
    from pathlib import Path

    from ocppsim import OcppsimError, connect

    # secrets come from outside, as the lines of a script stand in tracebacks
    ca, closed, wrong, raw = sys.argv[1:]
    passphrase = sys.stdin.readline()


    def attempt(function, *args, **options):
        # as scripts do: the text, the repr and the traceback are printed
        try:
            return function(*args, **options)
        except (OcppsimError, ValueError) as error:
            print(f"{error} {error!r}", file=sys.stderr)
            traceback.print_exc()


    lenient = ["ChangeConfiguration"]
    cp = connect(name="CP1", ca=ca, keystore_root="keys", response_timeout=10, lenient=lenient)
    print(cp, vars(cp), file=sys.stderr)
    cp.log("%s", cp)
    if "AuthorizationKey" not in cp.configuration:
        cp.configuration.add("AuthorizationKey", "", access="W", max_length=40)
    cp.configuration.serve()
    print(cp.configuration, vars(cp.configuration), file=sys.stderr)

    def upload(request):
        yield {"fileName": "x"}
        attempt(cp.ftp_upload, request.payload["location"], "x", timeout=5)

    cp.on("GetDiagnostics", upload)
    cp.send_boot_notification(chargePointVendor="v", chargePointModel="m")
    cp.wait_for_request("ChangeConfiguration", after=0)
    attempt(lambda: cp.configuration.__setitem__("AuthorizationKey", wrong * 20))
    cp.wait_for_request("GetDiagnostics", after=0)
    cp.wait_for_handlers()

    request = cp.generate_csr()
    print(repr(request), request, file=sys.stderr)
    chain = []
    with cp.expecting("CertificateSigned") as signed:
        cp.send_sign_certificate(csr=request.csr)
        certificate = signed.get()
        chain = certificate.payload["certificateChain"]
        certificate.reply(status="Accepted")
    cp.keystore.save("CP1", key=request.key, cert=chain)
    print(cp.keystore, cp.keystore.find("CP1"), file=sys.stderr)
    cp.reconnect()
    other = cp.generate_csr()
    attempt(cp.keystore.save, "CP1", key=other.key, cert=chain)
    attempt(cp.keystore.save, "CP1", key="-----BEGIN PRIVATE KEY-----\\n" + request.key, cert=chain)
    Path("other.pem").write_text(other.key)
    Path("chain.pem").write_text(chain)
    url = cp.url
    attempt(connect, url, ca=ca, cert="chain.pem", key="other.pem", password=passphrase)
    attempt(connect, url, ca=ca, cert="chain.pem", key="locked.pem", key_password=wrong)
    attempt(cp.reconnect, password=wrong)
    attempt(connect, url.replace("://", f"://CP1:{wrong}@"), ca=ca)
    attempt(connect, url.replace("://", f"://CP1:{wrong}/{wrong}@"), ca=ca)
    attempt(connect, closed, password=wrong)
    attempt(connect, url, ca=ca, authorization_key=wrong)
    attempt(connect, url, ca=ca, authorization_key=raw)
    attempt(cp.call, "DataTransfer", {"vendorId": "v", "data": f"look: {request.key}"})
    attempt(cp.call, "DataTransfer", {"vendorId": "v", "data": {"AuthorizationKey": wrong}})
    logging.getLogger("ocppsim.cp").warning("my own words: %s", request.key)
    thread = threading.Thread(target=lambda: cp.reconnect(password=wrong))
    thread.start()
    thread.join()
    cp.reconnect(password=None)
    raise RuntimeError("the end")
"""


@dataclass
class Run:
    """written: all but the record. keys: lines of PEM. with_secrets: that is what the record was
    asked for."""

    written: str
    record: Path
    keys: list[str]
    with_secrets: bool


def _lines(pem: str) -> list[str]:
    return [line for line in pem.splitlines() if line and not line.startswith("-----")]


@pytest.fixture(params=["lines", "json", "secrets in the record"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Everything that the command wrote, but for the keys that it was told to save."""
    folder = tmp_path / "work"
    folder.mkdir()
    path = write(tmp_path / "script.py", SCRIPT)
    _locked_key(folder / "locked.pem")
    record = folder / "record.jsonl"
    options = {"lines": ["-vv"], "json": ["-vv", "--log-json"]}.get(
        request.param, ["--record-secrets", "-vv"]
    )
    with CentralSystem(tls=True, passwords={"CP1": PASSWORD}) as csms:

        def on_boot(name: str, payload: dict[str, object]) -> Iterator[dict[str, object]]:
            yield {"status": "Accepted", "currentTime": "2026-01-31T12:00:00Z", "interval": 0}
            change = {"key": "AuthorizationKey", "value": NEW_KEY}
            csms.call(name, "ChangeConfiguration", change)
            csms.call(name, "ChangeConfiguration", {**change, "value": RAW_KEY * 2})
            csms.call(name, "GetConfiguration", {"key": ["AuthorizationKey"]})
            for value in (NEW_KEY * 40, [NEW_KEY], {"key": NEW_KEY}):
                broken = {**change, "value": value}
                csms.call(name, "ChangeConfiguration", broken, validate=False)
            with contextlib.suppress(InvalidPayload):
                csms.call(name, "ChangeConfiguration", {**change, "value": NEW_KEY * 40})
            location = f"ftp://user:{FTP}@127.0.0.1:1/folder"
            csms.call(name, "GetDiagnostics", {"location": location})

        csms.answer("BootNotification", on_boot)
        result = ocppsim(
            *options,
            "--record",
            record,
            "--state-dir",
            folder / "state",
            path,
            csms.ca_file,
            "ws://127.0.0.1:1/CP1",
            "SECRETwrong",
            "5EC3E7" * 6,
            stdin=PASSPHRASE,
            cwd=folder,
            OCPPSIM_URL=csms.url,
            OCPPSIM_NO_PLUGIN="security",  # it would connect again with the new key
            OCPPSIM_PASSWORD=PASSWORD,
        )
    assert "RuntimeError: the end" in result.stdout + result.stderr, result.stderr[-3000:]
    written = [result.stdout, result.stderr]
    keys = []
    for file in sorted(folder.rglob("*")):
        if file.is_file() and ("keys" in file.relative_to(folder).parts or file.suffix == ".pem"):
            text = file.read_text()
            keys += _lines(text) if "PRIVATE KEY" in text else []
        elif file.is_file() and file != record:
            written.append(file.read_bytes().decode("latin-1"))
    assert len(keys) > 3
    return Run("\n".join(written), record, keys, "--record-secrets" in options)


def _locked_key(path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    encryption = serialization.BestAvailableEncryption(PASSPHRASE.encode())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )
    path.write_bytes(pem)


def _secrets(run: Run) -> list[str]:
    known = [PASSWORD, NEW_KEY, RAW_KEY, PASSPHRASE, FTP, "SECRET", "5EC3E7"]
    headers = []
    for password in (PASSWORD, NEW_KEY, "SECRETwrong"):
        basic = base64.b64encode(f"CP1:{password}".encode()).decode()
        headers += [basic, basic[:20]]
    quoted = [json.dumps(secret)[1:-1] for secret in known]
    return [*known, *quoted, *headers, *run.keys]


@pytest.mark.timeout(180)
def test_nothing_that_is_written_holds_a_secret(run: Run) -> None:
    found = [secret for secret in _secrets(run) if secret in run.written]
    lines = [line for line in run.written.splitlines() if any(s in line for s in found)]
    assert not found, "\n".join(line[:500] for line in lines[:10])
    frames = run.record.read_text()
    in_record = {secret for secret in _secrets(run) if secret in frames}
    assert in_record >= {NEW_KEY, FTP} if run.with_secrets else not in_record
