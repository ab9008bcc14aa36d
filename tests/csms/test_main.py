"""The program `ocppsim-csms`."""

from __future__ import annotations

import json
import re
import signal
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trustme
from websockets.exceptions import InvalidStatus

import ocppsim.csms_parser
from ocppsim.csms import CentralSystem
from ocppsim.csms.__main__ import main
from ocppsim.csms_parser import csms_parser

BOOT = {"chargePointVendor": "v", "chargePointModel": "m"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_runs_until_it_is_told_to_end(program: Any, client: Any, number: int) -> None:
    csms = program("--interval", "60")
    assert re.fullmatch(r"ws://127\.0\.0\.1:\d+", csms.url)
    cp = client(csms)
    assert cp.ask("BootNotification", BOOT)[2]["interval"] == 60
    log = csms.end(number)
    assert cp.closed()[0] == 1001
    assert re.search(r"^\d{4}-\d\d-\d\d .* CP1 connected from 127\.0\.0\.1:\d+$", log, re.M)
    assert "CP1 → BootNotification {" in log
    assert "answer to" not in log
    assert "Traceback" not in log


def test_verbose_shows_answers(program: Any, client: Any) -> None:
    csms = program("-v")
    client(csms).ask("Heartbeat")
    log = csms.end()
    assert "CP1 → Heartbeat {}" in log
    assert "CP1 ← answer to Heartbeat {" in log


def test_quiet_shows_what_is_wrong(program: Any, client: Any) -> None:
    csms = program("-q")
    cp = client(csms)
    cp.ask("Heartbeat")
    cp.ask("Nonsense")
    log = csms.end().splitlines()
    assert len(log) == 1
    assert "CP1 broke OCPP" in log[0]


def test_passwords_from_command_line_and_file(program: Any, client: Any, tmp_path: Path) -> None:
    file = tmp_path / "passwords.json"
    file.write_text(json.dumps({"CP1": "one", "CP2": "two"}), encoding="utf-8")
    csms = program("--passwords", str(file), "--user", "CP3:three:3", "--user", "CP1:uno")
    for header, status in [
        ("CP1:uno", 101),
        ("CP2:two", 101),
        ("CP3:three:3", 101),
        ("CP1:one", 401),
    ]:
        name, _, password = header.partition(":")
        url = csms.url.replace("//", f"//{name}:{password}@")
        try:
            response = client(type("At", (), {"url": url}), name).socket.response
        except InvalidStatus as error:
            response = error.response
        assert response.status_code == status
    log = csms.end()
    assert not re.search("uno|two|three", log)


def test_an_empty_file_of_passwords_lets_nobody_in(
    program: Any, client: Any, tmp_path: Path
) -> None:
    file = tmp_path / "passwords.json"
    file.write_text("{}")
    csms = program("--passwords", str(file))
    with pytest.raises(InvalidStatus):
        client(csms)


def test_tls(program: Any, client: Any, tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    (tmp_path / "cert").write_bytes(b"".join(pem.bytes() for pem in certificate.cert_chain_pems))
    certificate.private_key_pem.write_to_path(str(tmp_path / "key"))
    csms = program("--cert", str(tmp_path / "cert"), "--key", str(tmp_path / "key"))
    assert csms.url.startswith("wss://")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    assert client(csms, ssl=context).ask("Heartbeat")[0] == 3


# what cannot start


def failure(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["--port", "0", *arguments]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("ocppsim-csms: ")
    return err


def test_a_port_in_use(csms: CentralSystem, capsys: pytest.CaptureFixture[str]) -> None:
    text = failure(capsys, "--port", str(csms.port), "-q")
    assert f"cannot listen on 127.0.0.1:{csms.port}: Address already in use" in text


@pytest.mark.parametrize("content", [None, "CP1: geheim", "[]", '{"CP1": 5}', b"\xff"])
def test_a_file_of_passwords_that_is_none(
    content: str | bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "passwords.json"
    if content is not None:
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    text = failure(capsys, "--passwords", str(file))
    assert str(file) in text
    assert "geheim" not in text


def test_certificates_that_are_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x").write_text("x")
    there, missing = str(tmp_path / "x"), str(tmp_path / "y")
    assert missing in failure(capsys, "--cert", there, "--key", missing)
    assert there in failure(capsys, "--cert", there, "--key", there)


def test_an_encrypted_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from cryptography.hazmat.primitives import serialization

    certificate = trustme.CA().issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "cert"))
    key = serialization.load_pem_private_key(certificate.private_key_pem.bytes(), None)
    (tmp_path / "key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"x"),
        )
    )
    text = failure(capsys, "--cert", str(tmp_path / "cert"), "--key", str(tmp_path / "key"))
    assert "without a passphrase" in text


@pytest.mark.parametrize(
    "arguments",
    [
        ["--port", "70000"],
        ["--port", "-1"],
        ["--port", "x"],
        ["--interval", "-5"],
        ["--user", "geheim"],
        ["--user", ":geheim"],
        ["--cert", "x"],
        ["--key", "x"],
        ["-v", "-q"],
        ["extra"],
    ],
)
def test_a_wrong_command_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "geheim" not in capsys.readouterr().err


# the parser, from which the man page is built


def test_every_option_has_a_help_text() -> None:
    parser = csms_parser()
    assert parser.description
    assert parser.epilog
    assert "Exit codes" in parser.epilog
    assert all(action.help and len(action.help) > 15 for action in parser._actions)
    parser.format_help()


def test_the_parser_needs_nothing_but_the_standard_library(tmp_path: Path) -> None:
    source = Path(ocppsim.csms_parser.__file__).read_text(encoding="utf-8")
    (tmp_path / "alone.py").write_text(source, encoding="utf-8")
    script = "import alone; print(alone.csms_parser().prog)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "ocppsim-csms\n"
