"""The table of OCPP 1.6: every action, its two payloads, who sends it, and its feature profile.

A new action is one pair of TypedDicts and one row here.
"""

from ..protocol import Action, Protocol
from . import messages, security

__all__ = ["PROTOCOL"]

PROTOCOL = Protocol(
    "1.6",
    "ocpp1.6",
    [
        # OCPP 1.6 edition 2; the feature profiles are in §3.3
        Action(
            "Authorize",
            messages.AuthorizeRequest,
            messages.AuthorizeResponse,
            "charge point",
            "Core",
        ),
        Action(
            "BootNotification",
            messages.BootNotificationRequest,
            messages.BootNotificationResponse,
            "charge point",
            "Core",
        ),
        Action(
            "CancelReservation",
            messages.CancelReservationRequest,
            messages.CancelReservationResponse,
            "CSMS",
            "Reservation",
        ),
        Action(
            "ChangeAvailability",
            messages.ChangeAvailabilityRequest,
            messages.ChangeAvailabilityResponse,
            "CSMS",
            "Core",
        ),
        Action(
            "ChangeConfiguration",
            messages.ChangeConfigurationRequest,
            messages.ChangeConfigurationResponse,
            "CSMS",
            "Core",
        ),
        Action(
            "ClearCache",
            messages.ClearCacheRequest,
            messages.ClearCacheResponse,
            "CSMS",
            "Core",
        ),
        Action(
            "ClearChargingProfile",
            messages.ClearChargingProfileRequest,
            messages.ClearChargingProfileResponse,
            "CSMS",
            "SmartCharging",
        ),
        Action(
            "DataTransfer",
            messages.DataTransferRequest,
            messages.DataTransferResponse,
            "both",
            "Core",
        ),
        Action(
            "DiagnosticsStatusNotification",
            messages.DiagnosticsStatusNotificationRequest,
            messages.DiagnosticsStatusNotificationResponse,
            "charge point",
            "FirmwareManagement",
        ),
        Action(
            "FirmwareStatusNotification",
            messages.FirmwareStatusNotificationRequest,
            messages.FirmwareStatusNotificationResponse,
            "charge point",
            "FirmwareManagement",
        ),
        Action(
            "GetCompositeSchedule",
            messages.GetCompositeScheduleRequest,
            messages.GetCompositeScheduleResponse,
            "CSMS",
            "SmartCharging",
        ),
        Action(
            "GetConfiguration",
            messages.GetConfigurationRequest,
            messages.GetConfigurationResponse,
            "CSMS",
            "Core",
        ),
        Action(
            "GetDiagnostics",
            messages.GetDiagnosticsRequest,
            messages.GetDiagnosticsResponse,
            "CSMS",
            "FirmwareManagement",
        ),
        Action(
            "GetLocalListVersion",
            messages.GetLocalListVersionRequest,
            messages.GetLocalListVersionResponse,
            "CSMS",
            "LocalAuthListManagement",
        ),
        Action(
            "Heartbeat",
            messages.HeartbeatRequest,
            messages.HeartbeatResponse,
            "charge point",
            "Core",
        ),
        Action(
            "MeterValues",
            messages.MeterValuesRequest,
            messages.MeterValuesResponse,
            "charge point",
            "Core",
        ),
        Action(
            "RemoteStartTransaction",
            messages.RemoteStartTransactionRequest,
            messages.RemoteStartTransactionResponse,
            "CSMS",
            "Core",
        ),
        Action(
            "RemoteStopTransaction",
            messages.RemoteStopTransactionRequest,
            messages.RemoteStopTransactionResponse,
            "CSMS",
            "Core",
        ),
        Action(
            "ReserveNow",
            messages.ReserveNowRequest,
            messages.ReserveNowResponse,
            "CSMS",
            "Reservation",
        ),
        Action("Reset", messages.ResetRequest, messages.ResetResponse, "CSMS", "Core"),
        Action(
            "SendLocalList",
            messages.SendLocalListRequest,
            messages.SendLocalListResponse,
            "CSMS",
            "LocalAuthListManagement",
        ),
        Action(
            "SetChargingProfile",
            messages.SetChargingProfileRequest,
            messages.SetChargingProfileResponse,
            "CSMS",
            "SmartCharging",
        ),
        Action(
            "StartTransaction",
            messages.StartTransactionRequest,
            messages.StartTransactionResponse,
            "charge point",
            "Core",
        ),
        Action(
            "StatusNotification",
            messages.StatusNotificationRequest,
            messages.StatusNotificationResponse,
            "charge point",
            "Core",
        ),
        Action(
            "StopTransaction",
            messages.StopTransactionRequest,
            messages.StopTransactionResponse,
            "charge point",
            "Core",
        ),
        Action(
            "TriggerMessage",
            messages.TriggerMessageRequest,
            messages.TriggerMessageResponse,
            "CSMS",
            "RemoteTrigger",
        ),
        Action(
            "UnlockConnector",
            messages.UnlockConnectorRequest,
            messages.UnlockConnectorResponse,
            "CSMS",
            "Core",
        ),
        Action(
            "UpdateFirmware",
            messages.UpdateFirmwareRequest,
            messages.UpdateFirmwareResponse,
            "CSMS",
            "FirmwareManagement",
        ),
        # the security extension: a white paper beside 1.6, which makes no feature profile of it
        Action(
            "CertificateSigned",
            security.CertificateSignedRequest,
            security.CertificateSignedResponse,
            "CSMS",
            "Security",
        ),
        Action(
            "DeleteCertificate",
            security.DeleteCertificateRequest,
            security.DeleteCertificateResponse,
            "CSMS",
            "Security",
        ),
        Action(
            "ExtendedTriggerMessage",
            security.ExtendedTriggerMessageRequest,
            security.ExtendedTriggerMessageResponse,
            "CSMS",
            "Security",
        ),
        Action(
            "GetInstalledCertificateIds",
            security.GetInstalledCertificateIdsRequest,
            security.GetInstalledCertificateIdsResponse,
            "CSMS",
            "Security",
        ),
        Action("GetLog", security.GetLogRequest, security.GetLogResponse, "CSMS", "Security"),
        Action(
            "InstallCertificate",
            security.InstallCertificateRequest,
            security.InstallCertificateResponse,
            "CSMS",
            "Security",
        ),
        Action(
            "LogStatusNotification",
            security.LogStatusNotificationRequest,
            security.LogStatusNotificationResponse,
            "charge point",
            "Security",
        ),
        Action(
            "SecurityEventNotification",
            security.SecurityEventNotificationRequest,
            security.SecurityEventNotificationResponse,
            "charge point",
            "Security",
        ),
        Action(
            "SignCertificate",
            security.SignCertificateRequest,
            security.SignCertificateResponse,
            "charge point",
            "Security",
        ),
        Action(
            "SignedFirmwareStatusNotification",
            security.SignedFirmwareStatusNotificationRequest,
            security.SignedFirmwareStatusNotificationResponse,
            "charge point",
            "Security",
        ),
        Action(
            "SignedUpdateFirmware",
            security.SignedUpdateFirmwareRequest,
            security.SignedUpdateFirmwareResponse,
            "CSMS",
            "Security",
        ),
    ],
    # OCPP-J 1.6 §4.2.3
    error_codes=[
        "NotImplemented",  # no such action
        "NotSupported",  # an action of OCPP 1.6, but not here
        "InternalError",
        "ProtocolError",  # a payload is incomplete
        "SecurityError",
        "FormationViolation",  # a payload is not built as its action wants
        "PropertyConstraintViolation",  # a field has a value that it must not have
        "OccurenceConstraintViolation",  # too few or too many of something; spelt so in 1.6
        "TypeConstraintViolation",  # a field has a value of the wrong type
        "GenericError",
    ],
)
