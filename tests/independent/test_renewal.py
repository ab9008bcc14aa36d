"""A certificate is renewed against a central system on TLS that shares no code with ours: its
messages are those of the package `ocpp`, its authority is the program openssl."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command import environment

from ocppsim import ChargePoint, Plugins, connect

pytest.importorskip("ocpp")
ocppsim_security = pytest.importorskip("ocppsim_security")

SCRIPT = Path(__file__).with_name("secure_central_system.py")
EC = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """For the central system: two authorities, a server's certificate, and one of CP1 by the first;
    all made by openssl."""
    for authority in ("clients", "other"):
        run(tmp_path, f"req -x509 {EC} -keyout {authority}.key -out {authority}.pem", authority)
    (tmp_path / "names").write_text("subjectAltName = DNS:localhost, IP:127.0.0.1\n")
    for name, extra in (("server", "-extfile names"), ("CP1", "")):
        run(tmp_path, f"req {EC} -keyout {name}.key -out {name}.csr", name)
        by = "-CA clients.pem -CAkey clients.key -CAcreateserial"
        run(tmp_path, f"x509 -req -in {name}.csr {by} -out {name}.pem -days 7 {extra}")
    return tmp_path


def run(folder: Path, command: str, name: str = "") -> str:
    subject = ["-subj", f"/CN={name}"] if name else []
    done = subprocess.run(
        ["openssl", *command.split(), *subject],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def serial(folder: Path, certificate: str) -> str:
    return run(folder, f"x509 -in {certificate} -noout -serial").strip().partition("=")[2]


def renewed(folder: Path, signer: str, ca: Path) -> tuple[dict[str, Any], ChargePoint]:
    """What the central system tells of it, and the charge point, closed."""
    for suffix in ("pem", "key"):
        (folder / f"signer.{suffix}").write_text((folder / f"{signer}.{suffix}").read_text())
    plugins = Plugins()
    assert plugins.register(ocppsim_security), plugins.problems
    with subprocess.Popen(
        [sys.executable, str(SCRIPT), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=environment(),
    ) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            with connect(
                f"wss://localhost:{port}/CP1",
                security_profile=3,
                ca=ca,
                cert=folder / "CP1.pem",
                key=folder / "CP1.key",
                keystore_root=folder / "store",
                plugins=plugins,
            ) as cp:
                cp.send_boot_notification(chargePointVendor="v", chargePointModel="m")
                output = process.stdout.readline()
                cp.wait_for_handlers(timeout=30)
            _, problems = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 0, problems
    assert cp.handler_failures == []
    return json.loads(output), cp


def test_a_certificate_is_renewed(folder: Path) -> None:
    report, cp = renewed(folder, "clients", folder / "clients.pem")
    old, new = serial(folder, "CP1.pem"), serial(folder, "new.pem")
    assert old != new
    assert report["connected"] == [[old, "TLSv1.3"], [new, "TLSv1.3"]]
    assert report["events"] == ["ReconfigurationOfSecurityParameters"]
    answers = report["answers"]
    statuses = {action: answer["status"] for action, answer in answers.items()}
    assert statuses == dict.fromkeys(answers, "Accepted")
    assert list(answers) == [
        "InstallCertificate",
        "GetInstalledCertificateIds",
        "ExtendedTriggerMessage",
        "CertificateSigned",
    ]
    (installed,) = answers["GetInstalledCertificateIds"]["certificate_hash_data"]
    number = serial(folder, "clients.pem").lower().lstrip("0")
    assert installed["serial_number"] == number
    assert run(folder, "req -in request.csr -noout -subject -verify").strip().endswith("CN = CP1")
    # what it kept is good in the eyes of openssl, too
    pair = cp.keystore.find("CP1")
    assert pair is not None
    run(folder, f"verify -CAfile clients.pem {pair.cert}")
    public = run(folder, f"x509 -in {pair.cert} -noout -pubkey")
    assert run(folder, f"pkey -in {pair.key} -pubout") == public


def test_one_that_is_refused_is_left_for_the_former(folder: Path) -> None:
    both = folder / "both.pem"
    both.write_text((folder / "clients.pem").read_text() + (folder / "other.pem").read_text())
    report, cp = renewed(folder, "other", both)
    old = serial(folder, "CP1.pem")
    assert report["connected"] == [[old, "TLSv1.3"]] * 2
    assert report["events"] == ["InvalidChargePointCertificate"]
    assert report["answers"]["CertificateSigned"]["status"] == "Accepted"
    pair = cp.keystore.find("CP1")
    assert pair is not None
    assert pair.cert == folder / "CP1.pem"
