"""The table of OCPP 1.6: every action, who sends it, and its feature profile.

A new action is one pair of TypedDicts, named after it, and one row here.
"""

from types import ModuleType

from ..protocol import Action, Protocol, Sender
from . import messages, security

__all__ = ["PROTOCOL"]


def _row(name: str, module: ModuleType, sender: Sender, profile: str) -> Action:
    request, response = getattr(module, f"{name}Request"), getattr(module, f"{name}Response")
    return Action(name, request, response, sender, profile)


PROTOCOL = Protocol(
    "1.6",
    "ocpp1.6",
    [
        # OCPP 1.6 edition 2; the feature profiles are in §3.3
        _row("Authorize", messages, "charge point", "Core"),
        _row("BootNotification", messages, "charge point", "Core"),
        _row("CancelReservation", messages, "CSMS", "Reservation"),
        _row("ChangeAvailability", messages, "CSMS", "Core"),
        _row("ChangeConfiguration", messages, "CSMS", "Core"),
        _row("ClearCache", messages, "CSMS", "Core"),
        _row("ClearChargingProfile", messages, "CSMS", "SmartCharging"),
        _row("DataTransfer", messages, "both", "Core"),
        _row("DiagnosticsStatusNotification", messages, "charge point", "FirmwareManagement"),
        _row("FirmwareStatusNotification", messages, "charge point", "FirmwareManagement"),
        _row("GetCompositeSchedule", messages, "CSMS", "SmartCharging"),
        _row("GetConfiguration", messages, "CSMS", "Core"),
        _row("GetDiagnostics", messages, "CSMS", "FirmwareManagement"),
        _row("GetLocalListVersion", messages, "CSMS", "LocalAuthListManagement"),
        _row("Heartbeat", messages, "charge point", "Core"),
        _row("MeterValues", messages, "charge point", "Core"),
        _row("RemoteStartTransaction", messages, "CSMS", "Core"),
        _row("RemoteStopTransaction", messages, "CSMS", "Core"),
        _row("ReserveNow", messages, "CSMS", "Reservation"),
        _row("Reset", messages, "CSMS", "Core"),
        _row("SendLocalList", messages, "CSMS", "LocalAuthListManagement"),
        _row("SetChargingProfile", messages, "CSMS", "SmartCharging"),
        _row("StartTransaction", messages, "charge point", "Core"),
        _row("StatusNotification", messages, "charge point", "Core"),
        _row("StopTransaction", messages, "charge point", "Core"),
        _row("TriggerMessage", messages, "CSMS", "RemoteTrigger"),
        _row("UnlockConnector", messages, "CSMS", "Core"),
        _row("UpdateFirmware", messages, "CSMS", "FirmwareManagement"),
        # the security extension: a white paper beside 1.6, which makes no feature profile of it
        _row("CertificateSigned", security, "CSMS", "Security"),
        _row("DeleteCertificate", security, "CSMS", "Security"),
        _row("ExtendedTriggerMessage", security, "CSMS", "Security"),
        _row("GetInstalledCertificateIds", security, "CSMS", "Security"),
        _row("GetLog", security, "CSMS", "Security"),
        _row("InstallCertificate", security, "CSMS", "Security"),
        _row("LogStatusNotification", security, "charge point", "Security"),
        _row("SecurityEventNotification", security, "charge point", "Security"),
        _row("SignCertificate", security, "charge point", "Security"),
        _row("SignedFirmwareStatusNotification", security, "charge point", "Security"),
        _row("SignedUpdateFirmware", security, "CSMS", "Security"),
    ],
    # OCPP-J 1.6 §4.2.3
    error_codes={
        "NotImplemented": "The receiver does not know this action.",
        "NotSupported": "The receiver knows this action, and does not support it.",
        "InternalError": "Something went wrong inside the receiver, so that it could not do it.",
        "ProtocolError": "The payload is incomplete: a required field is missing.",
        "SecurityError": "The receiver refused for a reason of security.",
        "FormationViolation": "The payload is not built as its action wants it.",
        "PropertyConstraintViolation": "A field has a value that it must not have.",
        # spelt so in 1.6
        "OccurenceConstraintViolation": "There are too few or too many of something.",
        "TypeConstraintViolation": "A field has a value of the wrong type.",
        "GenericError": "Something else is wrong, for which there is no code.",
    },
)
