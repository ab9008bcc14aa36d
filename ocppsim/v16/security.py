"""The messages of the security extension: a request and a response for each of its 11 actions.

They come from the white paper "Improved security for OCPP 1.6-J", edition 3, which brings the
security of OCPP 2.0.1 to 1.6. Three have another name than there, as 1.6 already uses that one:
ExtendedTriggerMessage, SignedFirmwareStatusNotification, SignedUpdateFirmware.
"""

from typing import Annotated, NotRequired, TypedDict

from ..schema import Rule
from .types import (
    CertificateHashDataType,
    CertificateSignedStatusEnumType,
    CertificateStatusEnumType,
    CertificateUseEnumType,
    DateTime,
    DeleteCertificateStatusEnumType,
    FirmwareStatusEnumType,
    FirmwareType,
    GenericStatusEnumType,
    GetInstalledCertificateStatusEnumType,
    LogEnumType,
    LogParametersType,
    LogStatusEnumType,
    MessageTriggerEnumType,
    TriggerMessageStatusEnumType,
    UpdateFirmwareStatusEnumType,
    UploadLogStatusEnumType,
)

__all__ = [
    "CertificateSignedRequest",
    "CertificateSignedResponse",
    "DeleteCertificateRequest",
    "DeleteCertificateResponse",
    "ExtendedTriggerMessageRequest",
    "ExtendedTriggerMessageResponse",
    "GetInstalledCertificateIdsRequest",
    "GetInstalledCertificateIdsResponse",
    "GetLogRequest",
    "GetLogResponse",
    "InstallCertificateRequest",
    "InstallCertificateResponse",
    "LogStatusNotificationRequest",
    "LogStatusNotificationResponse",
    "SecurityEventNotificationRequest",
    "SecurityEventNotificationResponse",
    "SignCertificateRequest",
    "SignCertificateResponse",
    "SignedFirmwareStatusNotificationRequest",
    "SignedFirmwareStatusNotificationResponse",
    "SignedUpdateFirmwareRequest",
    "SignedUpdateFirmwareResponse",
]


class CertificateSignedRequest(TypedDict):
    """The CSMS delivers the certificate that SignCertificate asked for.
    Security white paper edition 3 §5.1.

    certificateChain: the charge point's new X.509 certificate in PEM, followed by those of the
        authorities between it and the root, at most 10000 characters. The charge point may allow
        less: CertificateSignedMaxChainSize.
    """

    certificateChain: Annotated[str, Rule(maxLength=10000)]


class CertificateSignedResponse(TypedDict):
    """The charge point says whether the certificate is good. Security white paper edition 3 §5.2.

    status: Accepted; Rejected when it does not fit the key, is expired, or does not lead to a root.
    """

    status: CertificateSignedStatusEnumType


class DeleteCertificateRequest(TypedDict):
    """The CSMS has a root certificate removed. Security white paper edition 3 §5.3.

    certificateHashData: which one, as GetInstalledCertificateIds listed it.
    """

    certificateHashData: CertificateHashDataType


class DeleteCertificateResponse(TypedDict):
    """The charge point says whether it is gone. Security white paper edition 3 §5.4.

    status: Accepted; NotFound when there is no such certificate; Failed.
    """

    status: DeleteCertificateStatusEnumType


class ExtendedTriggerMessageRequest(TypedDict):
    """The CSMS asks for a message, as with TriggerMessage, with those of the security extension.
    Security white paper edition 3 §5.5.

    requestedMessage: which one. Here FirmwareStatusNotification stands for
        SignedFirmwareStatusNotification, and SignChargePointCertificate for SignCertificate.
    connectorId: for which connector, from 1; absent means for all, where the message has one.
    """

    requestedMessage: MessageTriggerEnumType
    connectorId: NotRequired[int]


class ExtendedTriggerMessageResponse(TypedDict):
    """The charge point says whether the message will come; it comes after this answer.
    Security white paper edition 3 §5.6.

    status: Accepted; Rejected; NotImplemented when it cannot send that message at all.
    """

    status: TriggerMessageStatusEnumType


class GetInstalledCertificateIdsRequest(TypedDict):
    """The CSMS asks which root certificates the charge point has.
    Security white paper edition 3 §5.7.

    certificateType: of which use: CentralSystemRootCertificate or ManufacturerRootCertificate.
    """

    certificateType: CertificateUseEnumType


class GetInstalledCertificateIdsResponse(TypedDict):
    """The charge point lists them. Security white paper edition 3 §5.8.

    status: Accepted, or NotFound when there is none of that use.
    certificateHashData: what identifies each certificate, one at least; absent when there is none.
    """

    status: GetInstalledCertificateStatusEnumType
    certificateHashData: NotRequired[Annotated[list[CertificateHashDataType], Rule(minItems=1)]]


class GetLogRequest(TypedDict):
    """The CSMS has the charge point upload a log. Security white paper edition 3 §5.9.

    logType: which log: DiagnosticsLog or SecurityLog.
    requestId: the number of this request; LogStatusNotification repeats it.
    retries: how often to try the upload before giving up; absent leaves it to the charge point.
    retryInterval: seconds (s) between two tries; absent leaves it to the charge point.
    log: where to upload it, and which part of it.
    """

    logType: LogEnumType
    requestId: int
    retries: NotRequired[int]
    retryInterval: NotRequired[int]
    log: LogParametersType


class GetLogResponse(TypedDict):
    """The charge point names the file; LogStatusNotification tells of the upload.
    Security white paper edition 3 §5.10.

    status: Accepted; AcceptedCanceled when another upload is cancelled for this one; Rejected.
    filename: the name of the file, at most 255 characters; absent when there is nothing to upload.
        (GetDiagnostics writes fileName.)
    """

    status: LogStatusEnumType
    filename: NotRequired[Annotated[str, Rule(maxLength=255)]]


class InstallCertificateRequest(TypedDict):
    """The CSMS has a root certificate installed. Security white paper edition 3 §5.11.

    certificateType: its use: CentralSystemRootCertificate to check the CSMS by,
        ManufacturerRootCertificate to check firmware by.
    certificate: the X.509 certificate in PEM, at most 5500 characters.
    """

    certificateType: CertificateUseEnumType
    certificate: Annotated[str, Rule(maxLength=5500)]


class InstallCertificateResponse(TypedDict):
    """The charge point says whether it is installed. Security white paper edition 3 §5.12.

    status: Accepted; Rejected when the certificate is bad or CertificateStoreMaxLength is reached;
        Failed when it is good but could not be stored.
    """

    status: CertificateStatusEnumType


class LogStatusNotificationRequest(TypedDict):
    """The charge point tells how the upload that GetLog asked for is going.
    Security white paper edition 3 §5.13.

    status: Uploading, Uploaded, or why it failed; Idle (nothing to upload) only when an
        ExtendedTriggerMessage asked.
    requestId: the requestId of the GetLog; absent with Idle.
    """

    status: UploadLogStatusEnumType
    requestId: NotRequired[int]


class LogStatusNotificationResponse(TypedDict):
    """The CSMS has taken note. It has no fields. Security white paper edition 3 §5.14."""


class SecurityEventNotificationRequest(TypedDict):
    """The charge point tells of something that matters to security.
    Security white paper edition 3 §5.15.

    type: what happened, at most 50 characters; §8 of the white paper has the known ones, such as
        StartupOfTheDevice or InvalidFirmwareSignature.
    timestamp: when it happened.
    techInfo: more about it, free text of at most 255 characters.
    """

    type: Annotated[str, Rule(maxLength=50)]
    timestamp: DateTime
    techInfo: NotRequired[Annotated[str, Rule(maxLength=255)]]


class SecurityEventNotificationResponse(TypedDict):
    """The CSMS has taken note. It has no fields. Security white paper edition 3 §5.16."""


class SignCertificateRequest(TypedDict):
    """The charge point asks for a certificate for its new key.
    Security white paper edition 3 §5.17.

    csr: the certificate signing request (PKCS #10, RFC 2986) in PEM, at most 5500 characters.
    """

    csr: Annotated[str, Rule(maxLength=5500)]


class SignCertificateResponse(TypedDict):
    """The CSMS says whether it will see to it; the certificate comes with CertificateSigned.
    Security white paper edition 3 §5.18.

    status: Accepted or Rejected.
    """

    status: GenericStatusEnumType


class SignedFirmwareStatusNotificationRequest(TypedDict):
    """The charge point tells how the update that SignedUpdateFirmware asked for is going.
    Security white paper edition 3 §5.19.

    status: how far it is; DownloadFailed, InstallationFailed, InstallVerificationFailed and
        InvalidSignature end it badly, Installed ends it well; Idle only when a trigger asked.
    requestId: the requestId of the SignedUpdateFirmware; absent only with a triggered Idle.
    """

    status: FirmwareStatusEnumType
    requestId: NotRequired[int]


class SignedFirmwareStatusNotificationResponse(TypedDict):
    """The CSMS has taken note. It has no fields. Security white paper edition 3 §5.20."""


class SignedUpdateFirmwareRequest(TypedDict):
    """The CSMS has the charge point download, check and install a signed firmware.
    Security white paper edition 3 §5.21.

    retries: how often to try the download before giving up; absent leaves it to the charge point.
    retryInterval: seconds (s) between two tries; absent leaves it to the charge point.
    requestId: the number of this request; SignedFirmwareStatusNotification repeats it.
    firmware: where it is, when to get and install it, and who signed it.
    """

    retries: NotRequired[int]
    retryInterval: NotRequired[int]
    requestId: int
    firmware: FirmwareType


class SignedUpdateFirmwareResponse(TypedDict):
    """The charge point says whether it will; SignedFirmwareStatusNotification tells how it goes.
    Security white paper edition 3 §5.22.

    status: Accepted; AcceptedCanceled when another update is cancelled for this one; Rejected;
        InvalidCertificate or RevokedCertificate when the signer is not to be trusted.
    """

    status: UpdateFirmwareStatusEnumType
