"""Every message and every field says what it is for, and where the specification has it."""

import re
from collections.abc import Iterator
from typing import Any, TypedDict, get_args, get_type_hints, is_typeddict

import pytest

from ocppsim.docstrings import field_docs, summary
from ocppsim.schema import derive
from ocppsim.v16 import types
from ocppsim.v16.actions import PROTOCOL

# OCPP 1.6 edition 2: §4.1, §4.2, … and §5.1, §5.2, …
OPERATIONS_4 = """
    Authorize BootNotification DataTransfer DiagnosticsStatusNotification FirmwareStatusNotification
    Heartbeat MeterValues StartTransaction StatusNotification StopTransaction
""".split()
OPERATIONS_5 = """
    CancelReservation ChangeAvailability ChangeConfiguration ClearCache ClearChargingProfile
    DataTransfer GetCompositeSchedule GetConfiguration GetDiagnostics GetLocalListVersion
    RemoteStartTransaction RemoteStopTransaction ReserveNow Reset SendLocalList SetChargingProfile
    TriggerMessage UnlockConnector UpdateFirmware
""".split()
# §6.1, §6.2 are the first action's, and so on; the white paper's §5 goes the same way.
MESSAGES_6 = sorted({*OPERATIONS_4, *OPERATIONS_5})
WHITE_PAPER_5 = """
    CertificateSigned DeleteCertificate ExtendedTriggerMessage GetInstalledCertificateIds GetLog
    InstallCertificate LogStatusNotification SecurityEventNotification SignCertificate
    SignedFirmwareStatusNotification SignedUpdateFirmware
""".split()
STRUCTURES = {
    types.AuthorizationData: "OCPP 1.6 §7.1.",
    types.ChargingProfile: "OCPP 1.6 §7.8.",
    types.ChargingSchedule: "OCPP 1.6 §7.13.",
    types.ChargingSchedulePeriod: "OCPP 1.6 §7.14.",
    types.IdTagInfo: "OCPP 1.6 §7.27.",
    types.KeyValue: "OCPP 1.6 §7.29.",
    types.MeterValue: "OCPP 1.6 §7.33.",
    types.SampledValue: "OCPP 1.6 §7.43.",
    types.CertificateHashDataType: "Security white paper edition 3 §6.1.",
    types.FirmwareType: "Security white paper edition 3 §6.9.",
    types.LogParametersType: "Security white paper edition 3 §6.14.",
}
MESSAGES = [m for a in PROTOCOL.actions.values() for m in (a.request, a.response)]


def structures(hint: Any) -> Iterator[type]:
    """The TypedDicts inside a type hint."""
    if is_typeddict(hint):
        yield hint
        for field in get_type_hints(hint, include_extras=True).values():
            yield from structures(field)
    for inner in get_args(hint):
        yield from structures(inner)


EVERY = sorted({s for m in MESSAGES for s in structures(m)}, key=lambda s: s.__name__)


def cited(action: str, place: int) -> str:
    if action in WHITE_PAPER_5:
        return f"Security white paper edition 3 §5.{2 * WHITE_PAPER_5.index(action) + place}."
    operations = []
    if action in OPERATIONS_4:
        operations.append(f"§4.{OPERATIONS_4.index(action) + 1}")
    if action in OPERATIONS_5:
        operations.append(f"§5.{OPERATIONS_5.index(action) + 1}")
    number = 2 * MESSAGES_6.index(action) + place
    return f"OCPP 1.6 {' and '.join(operations)} (operation), §6.{number} (message)."


def test_every_structure_is_met() -> None:
    assert set(EVERY) == {*MESSAGES, *STRUCTURES}
    assert len(MESSAGES_6) == 28
    assert len(WHITE_PAPER_5) == 11


@pytest.mark.parametrize("name", PROTOCOL.actions)
def test_a_message_names_its_section(name: str) -> None:
    action = PROTOCOL.actions[name]
    assert cited(name, 1) in summary(action.request)
    assert cited(name, 2) in summary(action.response)


@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda s: s.__name__)
def test_a_structure_names_its_section(structure: type) -> None:
    assert summary(structure).endswith(STRUCTURES[structure])


@pytest.mark.parametrize("structure", EVERY, ids=lambda s: s.__name__)
def test_every_field_is_documented_and_nothing_else(structure: type) -> None:
    docs = field_docs(structure)
    assert list(docs) == list(structure.__annotations__)
    for text in docs.values():
        assert text.endswith((".", ".)"))
    assert ("no fields" in summary(structure)) == (not docs)


@pytest.mark.parametrize("structure", EVERY, ids=lambda s: s.__name__)
def test_the_text_of_a_field_tells_how_long_it_may_be(structure: type) -> None:
    docs = field_docs(structure)
    for name, schema in derive(structure)["properties"].items():
        longest = schema.get("items", schema).get("maxLength")
        if longest:
            assert re.search(rf"at most {longest}\b", docs[name]), name


@pytest.mark.parametrize("structure", EVERY, ids=lambda s: s.__name__)
def test_the_text_of_a_field_tells_its_unit(structure: type) -> None:
    units = {
        **dict.fromkeys(("meterStart", "meterStop"), "Wh"),
        **dict.fromkeys(("interval", "retryInterval", "duration", "startPeriod"), "(s)"),
        **dict.fromkeys(("limit", "chargingRateUnit"), "A"),
    }
    for name, text in field_docs(structure).items():
        assert units.get(name, "") in text, name


class Example(TypedDict):
    """What it is,
    on two lines.

    And a remark: with a colon.

    first: the first
        one: with more.
    second: the second one.
    """

    first: str
    second: int


class Empty(TypedDict):
    """What it is.

    remark: this is no field.
    """


class Bare(TypedDict):
    field: str


def test_field_docs_folds_lines() -> None:
    assert field_docs(Example) == {
        "first": "the first one: with more.",
        "second": "the second one.",
    }


def test_summary_is_all_before_the_fields() -> None:
    assert summary(Example) == "What it is, on two lines. And a remark: with a colon."


def test_a_message_without_fields_has_a_summary_only() -> None:
    assert field_docs(Empty) == {}
    assert summary(Empty) == "What it is. remark: this is no field."


def test_without_a_docstring_there_is_nothing() -> None:
    assert field_docs(Bare) == {}
    assert summary(Bare) == ""
