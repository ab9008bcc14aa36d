"""CertificateSigned in every form, and what it is checked for."""

from __future__ import annotations

import contextlib
import json
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ocppsim_security.forms import vendors_payload, wanted_chain

from ocppsim import CallError, ChargePoint
from ocppsim.csms import CentralSystem, CertificateAuthority
from ocppsim.errors import CertificateError

PATIENCE = 30.0
LENIENT = ["CertificateSigned", "DataTransfer"]

Connect = Callable[..., ChargePoint]


def requested(csms: CentralSystem) -> str:
    """The CSR that comes when the CSMS asks for one."""
    csms.answer("SignCertificate", {"status": "Accepted"})
    payload = {"requestedMessage": "SignChargePointCertificate"}
    assert csms.call("CP1", "ExtendedTriggerMessage", payload)["status"] == "Accepted"
    return str(csms.wait_for("SignCertificate", "CP1", PATIENCE).payload["csr"])


def hexes(chain: str) -> list[str]:
    parts = [part + "-----END CERTIFICATE-----" for part in chain.split("-----END CERT")[:-1]]
    end = "IFICATE-----"
    return [
        ssl.PEM_cert_to_DER_cert(part.removeprefix(end).strip()).hex().upper() for part in parts
    ]


# --- forms ---------------------------------------------------------------------------------------


@pytest.fixture
def authority() -> CertificateAuthority:
    """Below a root, so that a chain has two certificates."""
    return CertificateAuthority("below", issuer=CertificateAuthority("root"))


@pytest.mark.parametrize("whole", [False, True], ids=["a list", "one text"])
def test_the_form_of_charin(
    plain: CentralSystem, start: Connect, authority: CertificateAuthority, whole: bool
) -> None:
    cp = start(f"{plain.url}/CP1", lenient=LENIENT)
    chain = authority.sign(requested(plain))
    cert = hexes(chain)
    assert len(cert) == 2
    payload = {"cert": "".join(cert) if whole else cert}
    answer = plain.call("CP1", "CertificateSigned", payload, validate=False)
    assert answer == {"status": "Accepted"}
    pair = cp.keystore.find("CP1")
    assert pair is not None
    assert pair.cert.read_text().split() == chain.split()


@pytest.mark.parametrize("as_text", [False, True], ids=["an object", "a JSON text"])
@pytest.mark.parametrize("charin", [False, True], ids=["PEM", "DER"])
def test_the_form_of_vendors(
    plain: CentralSystem,
    start: Connect,
    authority: CertificateAuthority,
    as_text: bool,
    charin: bool,
) -> None:
    cp = start(f"{plain.url}/CP1", lenient=LENIENT)
    chain = authority.sign(requested(plain))
    data: Any = {"cert": hexes(chain)} if charin else {"certificateChain": chain}
    payload = {
        "vendorId": "vendor",
        "messageId": "CertificateSigned",
        "data": json.dumps(data) if as_text else data,
    }
    answer = plain.call("CP1", "DataTransfer", payload, validate=False)
    assert answer["status"] == "Accepted"
    assert json.loads(answer["data"]) == {"status": "Accepted"}
    assert cp.keystore.find("CP1") is not None


@pytest.mark.parametrize("data", ["{", "[]", "null", None, 7, {"cert": []}, {"cert": ["zz"]}])
def test_vendors_nonsense_is_rejected(plain: CentralSystem, start: Connect, data: Any) -> None:
    cp = start(f"{plain.url}/CP1", lenient=LENIENT)
    payload = {"vendorId": "vendor", "messageId": "CertificateSigned", "data": data}
    assert plain.call("CP1", "DataTransfer", payload, validate=False)["status"] == "Rejected"
    plain.wait_for("SecurityEventNotification", "CP1", PATIENCE)
    assert cp.handler_failures == []


def test_another_data_transfer_is_left_to_others(plain: CentralSystem, start: Connect) -> None:
    start(f"{plain.url}/CP1")
    with pytest.raises(CallError) as caught:
        plain.call("CP1", "DataTransfer", {"vendorId": "vendor", "messageId": "Hello"})
    assert caught.value.code == "NotSupported"


def test_without_lenient_the_odd_forms_break_the_schema(
    plain: CentralSystem, start: Connect
) -> None:
    start(f"{plain.url}/CP1")
    with pytest.raises(CallError) as caught:
        plain.call("CP1", "CertificateSigned", {"cert": ["00"]}, validate=False)
    assert caught.value.code == "FormationViolation"


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("cert"), inner),
)


@given(JSON)
def test_any_payload_is_read_or_refused(payload: Any) -> None:
    for read in (wanted_chain, lambda data: wanted_chain(vendors_payload({"data": data}))):
        with contextlib.suppress(CertificateError):
            assert isinstance(read(payload), str)


# --- what is checked -----------------------------------------------------------------------------


def test_a_chain_that_is_too_long(
    plain: CentralSystem, start: Connect, authority: CertificateAuthority
) -> None:
    cp = start(f"{plain.url}/CP1")
    cp.configuration["CertificateSignedMaxChainSize"] = 1000
    chain = authority.sign(requested(plain))
    assert len(chain) > 1000
    assert signed(plain, chain) == "Rejected"


def signed(csms: CentralSystem, chain: str) -> str:
    return str(csms.call("CP1", "CertificateSigned", {"certificateChain": chain})["status"])


def test_one_that_is_not_valid_today(
    plain: CentralSystem, start: Connect, authority: CertificateAuthority
) -> None:
    start(f"{plain.url}/CP1")
    csr, now = requested(plain), datetime.now(UTC)
    for start_in in (-2, 1):
        chain = authority.sign(csr, days=1, start=now + timedelta(days=start_in))
        assert signed(plain, chain) == "Rejected"


def test_a_chain_has_to_lead_to_a_root_that_is_known(
    plain: CentralSystem, start: Connect, authority: CertificateAuthority
) -> None:
    start(f"{plain.url}/CP1", ca=authority.root)
    csr = requested(plain)
    assert signed(plain, CertificateAuthority().sign(csr)) == "Rejected"
    assert signed(plain, authority.sign(csr).split("\n\n")[0]) == "Accepted"


def test_without_a_request_or_a_key_there_is_nothing_to_sign(
    plain: CentralSystem, start: Connect, authority: CertificateAuthority
) -> None:
    cp = start(f"{plain.url}/CP1")
    assert signed(plain, authority.sign(cp.generate_csr().csr)) == "Rejected"


def test_the_key_in_use_may_get_a_new_certificate(
    plain: CentralSystem, start: Connect, authority: CertificateAuthority
) -> None:
    cp = start(f"{plain.url}/CP1")
    csr = requested(plain)
    assert signed(plain, authority.sign(csr)) == "Accepted"
    first = cp.keystore.find("CP1")
    assert first is not None
    key = first.key.read_bytes()
    assert signed(plain, authority.sign(csr)) == "Accepted"
    second = cp.keystore.find("CP1")
    assert second is not None
    assert second.key.read_bytes() == key
    assert second.cert != first.cert


def test_an_older_request_may_still_be_answered(
    plain: CentralSystem, start: Connect, authority: CertificateAuthority
) -> None:
    start(f"{plain.url}/CP1")
    older, newer = requested(plain), requested(plain)
    assert older != newer
    assert signed(plain, authority.sign(older)) == "Accepted"
    assert signed(plain, authority.sign(newer)) == "Accepted"


def test_the_same_delivered_many_times_at_once_is_taken_each_time(
    plain: CentralSystem, start: Connect
) -> None:
    cp = start(f"{plain.url}/CP1")
    payload = {"certificateChain": CertificateAuthority().sign(requested(plain))}
    for number in range(16):
        plain.send_raw("CP1", json.dumps([2, f"id {number}", "CertificateSigned", payload]))
    for number in range(16):
        named = f"id {number}"
        cp.wait_for_frame(
            direction="sent",
            where=lambda frame, named=named: frame.unique_id == named,
            after=0,
            timeout=PATIENCE,
        )
    cp.wait_for_handlers(timeout=PATIENCE)
    assert cp.handler_failures == []
    answers = cp.frames("CertificateSigned", direction="sent")
    assert [answer.payload for answer in answers] == [{"status": "Accepted"}] * 16


def test_a_request_that_the_csms_does_not_take_is_forgotten(
    plain: CentralSystem, start: Connect, authority: CertificateAuthority
) -> None:
    cp = start(f"{plain.url}/CP1")
    plain.answer("SignCertificate", {"status": "Rejected"})
    payload = {"requestedMessage": "SignChargePointCertificate"}
    plain.call("CP1", "ExtendedTriggerMessage", payload)
    csr = plain.wait_for("SignCertificate", "CP1", PATIENCE).payload["csr"]
    cp.wait_for_handlers(timeout=PATIENCE)
    assert signed(plain, authority.sign(csr)) == "Rejected"


def test_a_name_that_no_certificate_can_have(plain: CentralSystem, start: Connect) -> None:
    cp = start(f"{plain.url}/{'x' * 65}")
    cp.configuration["CpoName"] = "operator"
    payload = {"requestedMessage": "SignChargePointCertificate"}
    assert plain.call(cp.name, "ExtendedTriggerMessage", payload) == {"status": "Rejected"}


def test_other_messages_are_left_to_others(plain: CentralSystem, start: Connect) -> None:
    start(f"{plain.url}/CP1")
    payload = {"requestedMessage": "Heartbeat"}
    answer = plain.call("CP1", "ExtendedTriggerMessage", payload)
    assert answer == {"status": "NotImplemented"}


# --- where it is kept ----------------------------------------------------------------------------


def test_without_a_root_the_pair_is_kept_for_the_process(
    plain: CentralSystem, start: Connect, authority: CertificateAuthority
) -> None:
    cp = start(f"{plain.url}/CP1")
    assert cp.keystore.root is None
    assert signed(plain, authority.sign(requested(plain))) == "Accepted"
    pair = cp.keystore.find("CP1")
    assert pair is not None
    assert pair.key.stat().st_mode & 0o077 == 0


def test_a_pair_that_cannot_be_stored_is_rejected_without_an_event(
    plain: CentralSystem, start: Connect, authority: CertificateAuthority, tmp_path: Path
) -> None:
    in_the_way = tmp_path / "store"
    in_the_way.write_text("")
    cp = start(f"{plain.url}/CP1", keystore_root=in_the_way)
    assert signed(plain, authority.sign(requested(plain))) == "Rejected"
    cp.wait_for_handlers(timeout=PATIENCE)
    assert plain.received("SecurityEventNotification") == []
