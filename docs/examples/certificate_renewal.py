"""A charge point's certificate is renewed by its CSMS: asked for, signed, stored, and used.

pip install ./plugins/ocppsim-security
ocppsim -v docs/examples/certificate_renewal.py
"""

import tempfile
from pathlib import Path

from cryptography import x509

from ocppsim import connect
from ocppsim.certificates import generate_csr
from ocppsim.csms import CentralSystem


def shown(csms):
    """How the certificate reads that the charge point has shown."""
    certificate = x509.load_pem_x509_certificate(csms.client_certificate("CP1").encode())
    days = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return f"{certificate.subject.rfc4514_string()}, for {days.days} days"


folder = Path(tempfile.mkdtemp())

# TLS with an authority of its own; who has no certificate of that authority stays outside
with CentralSystem(tls=True, client_certificates=True) as csms:
    # what a charge point brings from the factory
    first = generate_csr("/CN=CP1")
    (folder / "cp1.key").write_text(first.key)
    (folder / "cp1.pem").write_text(csms.authority.sign(first.csr, days=30))

    with connect(
        f"{csms.url}/CP1",
        ca=csms.ca_file,
        cert=folder / "cp1.pem",
        key=folder / "cp1.key",
        keystore_root=folder / "store",
    ) as cp:
        cp.configuration["CpoName"] = "operator"
        cp.send_boot_notification(chargePointVendor="vendor", chargePointModel="model")
        print("security profile", cp.security_profile)
        print("shown:", shown(csms))

        trigger = {"requestedMessage": "SignChargePointCertificate"}
        print("trigger:", csms.call("CP1", "ExtendedTriggerMessage", trigger)["status"])

        # the CSMS signs the request by itself; the charge point has connected anew when it says so
        csr = csms.wait_for("SignCertificate").payload["csr"]
        print("asked for:", x509.load_pem_x509_csr(csr.encode()).subject.rfc4514_string())
        event = csms.wait_for("SecurityEventNotification").payload
        print("told:", event["type"])
        print("shown:", shown(csms))
        print("stored:", cp.keystore.find("CP1").cert.name, cp.keystore.find("CP1").key.name)
