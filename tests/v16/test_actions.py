"""The table of actions, held against lists that are written out by hand."""

import pytest

from ocppsim.v16.actions import PROTOCOL

FROM_CHARGE_POINT = """
    Authorize BootNotification DataTransfer DiagnosticsStatusNotification FirmwareStatusNotification
    Heartbeat MeterValues StartTransaction StatusNotification StopTransaction
    LogStatusNotification SecurityEventNotification SignCertificate SignedFirmwareStatusNotification
""".split()
FROM_CSMS = """
    CancelReservation ChangeAvailability ChangeConfiguration ClearCache ClearChargingProfile
    DataTransfer GetCompositeSchedule GetConfiguration GetDiagnostics GetLocalListVersion
    RemoteStartTransaction RemoteStopTransaction ReserveNow Reset SendLocalList SetChargingProfile
    TriggerMessage UnlockConnector UpdateFirmware
    CertificateSigned DeleteCertificate ExtendedTriggerMessage GetInstalledCertificateIds GetLog
    InstallCertificate SignedUpdateFirmware
""".split()
PROFILES = {
    "Core": """
        Authorize BootNotification ChangeAvailability ChangeConfiguration ClearCache DataTransfer
        GetConfiguration Heartbeat MeterValues RemoteStartTransaction RemoteStopTransaction Reset
        StartTransaction StatusNotification StopTransaction UnlockConnector
    """,
    "FirmwareManagement": """
        DiagnosticsStatusNotification FirmwareStatusNotification GetDiagnostics UpdateFirmware
    """,
    "LocalAuthListManagement": "GetLocalListVersion SendLocalList",
    "Reservation": "CancelReservation ReserveNow",
    "SmartCharging": "ClearChargingProfile GetCompositeSchedule SetChargingProfile",
    "RemoteTrigger": "TriggerMessage",
    "Security": """
        CertificateSigned DeleteCertificate ExtendedTriggerMessage GetInstalledCertificateIds GetLog
        InstallCertificate LogStatusNotification SecurityEventNotification SignCertificate
        SignedFirmwareStatusNotification SignedUpdateFirmware
    """,
}


def test_it_is_ocpp_1_6() -> None:
    assert PROTOCOL.version == "1.6"
    assert PROTOCOL.subprotocol == "ocpp1.6"
    assert len(PROTOCOL.actions) == 39


def test_directions() -> None:
    assert sorted(PROTOCOL.from_charge_point) == sorted(FROM_CHARGE_POINT)
    assert sorted(PROTOCOL.from_csms) == sorted(FROM_CSMS)


def test_only_data_transfer_goes_both_ways() -> None:
    assert [a.name for a in PROTOCOL.actions.values() if a.sender == "both"] == ["DataTransfer"]


@pytest.mark.parametrize("profile", PROFILES)
def test_profile(profile: str) -> None:
    names = [a.name for a in PROTOCOL.actions.values() if a.profile == profile]
    assert names == PROFILES[profile].split()


def test_there_is_no_other_profile() -> None:
    assert {a.profile for a in PROTOCOL.actions.values()} == set(PROFILES)


@pytest.mark.parametrize("name", PROTOCOL.actions)
def test_payloads_bear_the_name_of_their_action(name: str) -> None:
    action = PROTOCOL.actions[name]
    assert action.name == name
    assert action.request.__name__ == f"{name}Request"
    assert action.response.__name__ == f"{name}Response"


def test_error_codes() -> None:
    """OCPP-J 1.6 §4.2.3, with its spelling of Occurence and FormationViolation."""
    assert PROTOCOL.error_codes == {
        "NotImplemented",
        "NotSupported",
        "InternalError",
        "ProtocolError",
        "SecurityError",
        "FormationViolation",
        "PropertyConstraintViolation",
        "OccurenceConstraintViolation",
        "TypeConstraintViolation",
        "GenericError",
    }
