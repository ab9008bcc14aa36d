"""The messages of OCPP 1.6: a request and a response for each of its 28 actions.

Each TypedDict is a payload, field by field as on the wire; a JSON Schema is derived from it. Its
docstring names the sections of OCPP 1.6 edition 2 and says one thing about each field
(`ocppsim.docstrings` reads it).

A connectorId counts from 1; 0 is the charge point as a whole, where the field says so. As in the
official schemas its range is no rule of the schema: a wrong one is for the receiver to answer.
"""

from typing import Annotated, NotRequired, TypedDict

from ..schema import Rule
from .types import (
    URI,
    AuthorizationData,
    AvailabilityStatus,
    AvailabilityType,
    CancelReservationStatus,
    ChargePointErrorCode,
    ChargePointStatus,
    ChargingProfile,
    ChargingProfilePurposeType,
    ChargingProfileStatus,
    ChargingRateUnitType,
    ChargingSchedule,
    CiString20Type,
    CiString25Type,
    CiString50Type,
    CiString255Type,
    CiString500Type,
    ClearCacheStatus,
    ClearChargingProfileStatus,
    ConfigurationStatus,
    DataTransferStatus,
    DateTime,
    DiagnosticsStatus,
    FirmwareStatus,
    GetCompositeScheduleStatus,
    IdTagInfo,
    IdToken,
    KeyValue,
    MessageTrigger,
    MeterValue,
    Reason,
    RegistrationStatus,
    RemoteStartStopStatus,
    ReservationStatus,
    ResetStatus,
    ResetType,
    TriggerMessageStatus,
    UnlockStatus,
    UpdateStatus,
    UpdateType,
)

__all__ = [
    "AuthorizeRequest",
    "AuthorizeResponse",
    "BootNotificationRequest",
    "BootNotificationResponse",
    "CancelReservationRequest",
    "CancelReservationResponse",
    "ChangeAvailabilityRequest",
    "ChangeAvailabilityResponse",
    "ChangeConfigurationRequest",
    "ChangeConfigurationResponse",
    "ClearCacheRequest",
    "ClearCacheResponse",
    "ClearChargingProfileRequest",
    "ClearChargingProfileResponse",
    "DataTransferRequest",
    "DataTransferResponse",
    "DiagnosticsStatusNotificationRequest",
    "DiagnosticsStatusNotificationResponse",
    "FirmwareStatusNotificationRequest",
    "FirmwareStatusNotificationResponse",
    "GetCompositeScheduleRequest",
    "GetCompositeScheduleResponse",
    "GetConfigurationRequest",
    "GetConfigurationResponse",
    "GetDiagnosticsRequest",
    "GetDiagnosticsResponse",
    "GetLocalListVersionRequest",
    "GetLocalListVersionResponse",
    "HeartbeatRequest",
    "HeartbeatResponse",
    "MeterValuesRequest",
    "MeterValuesResponse",
    "RemoteStartTransactionRequest",
    "RemoteStartTransactionResponse",
    "RemoteStopTransactionRequest",
    "RemoteStopTransactionResponse",
    "ReserveNowRequest",
    "ReserveNowResponse",
    "ResetRequest",
    "ResetResponse",
    "SendLocalListRequest",
    "SendLocalListResponse",
    "SetChargingProfileRequest",
    "SetChargingProfileResponse",
    "StartTransactionRequest",
    "StartTransactionResponse",
    "StatusNotificationRequest",
    "StatusNotificationResponse",
    "StopTransactionRequest",
    "StopTransactionResponse",
    "TriggerMessageRequest",
    "TriggerMessageResponse",
    "UnlockConnectorRequest",
    "UnlockConnectorResponse",
    "UpdateFirmwareRequest",
    "UpdateFirmwareResponse",
]


class AuthorizeRequest(TypedDict):
    """The charge point asks whether a driver may charge, or may stop what another one started.
    OCPP 1.6 §4.1 (operation), §6.1 (message).

    idTag: the identifier that the driver showed, at most 20 characters, upper and lower case alike.
    """

    idTag: IdToken


class AuthorizeResponse(TypedDict):
    """The CSMS says what it knows of the idTag. OCPP 1.6 §4.1 (operation), §6.2 (message).

    idTagInfo: the verdict; the charge point may keep it in its authorization cache.
    """

    idTagInfo: IdTagInfo


class BootNotificationRequest(TypedDict):
    """The charge point introduces itself, after each start and before anything else.
    OCPP 1.6 §4.2 (operation), §6.3 (message).

    chargeBoxSerialNumber: the serial number of the box inside the charge point, at most 25
        characters; deprecated in 1.6.
    chargePointModel: the model, at most 20 characters.
    chargePointSerialNumber: the serial number of the charge point, at most 25 characters.
    chargePointVendor: who made it, at most 20 characters.
    firmwareVersion: the firmware that runs, at most 50 characters.
    iccid: the number of the modem's SIM card, at most 20 characters.
    imsi: the subscriber number on that SIM card, at most 20 characters.
    meterSerialNumber: the serial number of the main energy meter, at most 25 characters.
    meterType: the type of the main energy meter, at most 25 characters.
    """

    chargeBoxSerialNumber: NotRequired[CiString25Type]
    chargePointModel: CiString20Type
    chargePointSerialNumber: NotRequired[CiString25Type]
    chargePointVendor: CiString20Type
    firmwareVersion: NotRequired[CiString50Type]
    iccid: NotRequired[CiString20Type]
    imsi: NotRequired[CiString20Type]
    meterSerialNumber: NotRequired[CiString25Type]
    meterType: NotRequired[CiString25Type]


class BootNotificationResponse(TypedDict):
    """The CSMS takes the charge point on, or lets it wait.
    OCPP 1.6 §4.2 (operation), §6.4 (message).

    currentTime: the time of the CSMS, for the charge point to set its clock by.
    interval: in seconds (s). With Accepted the time between two heartbeats; otherwise the least
        time to wait before the next BootNotification, where 0 leaves it to the charge point.
    status: Accepted; Pending: the CSMS will ask and configure first, and the charge point only
        sends what it is asked for; Rejected: the charge point sends nothing until interval has
        passed.
    """

    currentTime: DateTime
    interval: int
    status: RegistrationStatus


class CancelReservationRequest(TypedDict):
    """The CSMS gives a reserved connector free. OCPP 1.6 §5.1 (operation), §6.5 (message).

    reservationId: the number that the reservation got in ReserveNow.
    """

    reservationId: int


class CancelReservationResponse(TypedDict):
    """The charge point says whether there was such a reservation.
    OCPP 1.6 §5.1 (operation), §6.6 (message).

    status: Accepted when it is cancelled, Rejected when the charge point has no such reservation.
    """

    status: CancelReservationStatus


class ChangeAvailabilityRequest(TypedDict):
    """The CSMS puts a connector, or all of them, out of service or back into it.
    OCPP 1.6 §5.2 (operation), §6.7 (message).

    connectorId: the connector, from 1; 0 means the charge point with all its connectors.
    type: Inoperative takes it out of service, Operative puts it back; it stays so after a reboot.
    """

    connectorId: int
    type: AvailabilityType


class ChangeAvailabilityResponse(TypedDict):
    """The charge point says whether it will. A StatusNotification tells when it is done.
    OCPP 1.6 §5.2 (operation), §6.8 (message).

    status: Accepted (also when it is so already), Rejected, or Scheduled: when the transaction that
        is under way has ended.
    """

    status: AvailabilityStatus


class ChangeConfigurationRequest(TypedDict):
    """The CSMS sets one configuration key. OCPP 1.6 §5.3 (operation), §6.9 (message).

    key: the name of the key, at most 50 characters, upper and lower case alike; §9 has the standard
        ones.
    value: what to set it to, always as text ("300", "true", "Voltage,SoC"), at most 500 characters.
    """

    key: CiString50Type
    value: CiString500Type


class ChangeConfigurationResponse(TypedDict):
    """The charge point says what became of the change. OCPP 1.6 §5.3 (operation), §6.10 (message).

    status: Accepted: set, and in effect; RebootRequired: set, in effect after the next reboot;
        Rejected: the key is known, but not this value, or it is read-only; NotSupported: no such
        key.
    """

    status: ConfigurationStatus


class ClearCacheRequest(TypedDict):
    """The CSMS has the authorization cache emptied. It has no fields.
    OCPP 1.6 §5.4 (operation), §6.11 (message).
    """


class ClearCacheResponse(TypedDict):
    """The charge point says whether the cache is empty. OCPP 1.6 §5.4 (operation), §6.12 (message).

    status: Accepted when it is, Rejected when it is not.
    """

    status: ClearCacheStatus


class ClearChargingProfileRequest(TypedDict):
    """The CSMS removes one charging profile by its id, or all that match the other fields; without
    any field, all. OCPP 1.6 §5.5 (operation), §6.13 (message).

    id: the chargingProfileId of the one to remove.
    connectorId: only profiles of this connector; 0 means those of the charge point as a whole.
        Absent means any connector.
    chargingProfilePurpose: only profiles of this purpose.
    stackLevel: only profiles of this stack level.
    """

    id: NotRequired[int]
    connectorId: NotRequired[int]
    chargingProfilePurpose: NotRequired[ChargingProfilePurposeType]
    stackLevel: NotRequired[int]


class ClearChargingProfileResponse(TypedDict):
    """The charge point says whether it removed any. OCPP 1.6 §5.5 (operation), §6.14 (message).

    status: Accepted, or Unknown when no profile matched.
    """

    status: ClearChargingProfileStatus


class DataTransferRequest(TypedDict):
    """Either side sends something that OCPP has no message for.
    OCPP 1.6 §4.3 and §5.6 (operation), §6.15 (message).

    vendorId: whose extension this is, at most 255 characters; a reversed domain name keeps it
        unique (com.example).
    messageId: which message of that extension, at most 50 characters.
    data: anything, as one string of any length; often JSON inside it.
    """

    vendorId: CiString255Type
    messageId: NotRequired[CiString50Type]
    data: NotRequired[str]


class DataTransferResponse(TypedDict):
    """The other side answers a DataTransfer. OCPP 1.6 §4.3 and §5.6 (operation), §6.16 (message).

    status: UnknownVendorId or UnknownMessageId when the receiver does not know the extension or its
        message; Accepted or Rejected by the extension itself.
    data: what the extension answers, as one string of any length.
    """

    status: DataTransferStatus
    data: NotRequired[str]


class DiagnosticsStatusNotificationRequest(TypedDict):
    """The charge point tells how the upload that GetDiagnostics asked for is going.
    OCPP 1.6 §4.4 (operation), §6.17 (message).

    status: Uploading, Uploaded, UploadFailed; Idle (nothing to upload) only when a TriggerMessage
        asked.
    """

    status: DiagnosticsStatus


class DiagnosticsStatusNotificationResponse(TypedDict):
    """The CSMS has taken note. It has no fields. OCPP 1.6 §4.4 (operation), §6.18 (message)."""


class FirmwareStatusNotificationRequest(TypedDict):
    """The charge point tells how the update that UpdateFirmware asked for is going.
    OCPP 1.6 §4.5 (operation), §6.19 (message).

    status: Downloading, Downloaded, Installing, Installed, or DownloadFailed, InstallationFailed;
        Idle (no update under way) only when a TriggerMessage asked.
    """

    status: FirmwareStatus


class FirmwareStatusNotificationResponse(TypedDict):
    """The CSMS has taken note. It has no fields. OCPP 1.6 §4.5 (operation), §6.20 (message)."""


class GetCompositeScheduleRequest(TypedDict):
    """The CSMS asks what limits follow, from now on, from all charging profiles together.
    OCPP 1.6 §5.7 (operation), §6.21 (message).

    connectorId: the connector, from 1; 0 means all that the charge point draws from the grid.
    duration: how far to look ahead, in seconds (s).
    chargingRateUnit: A or W to have the answer in that unit; absent leaves it to the charge point.
    """

    connectorId: int
    duration: int
    chargingRateUnit: NotRequired[ChargingRateUnitType]


class GetCompositeScheduleResponse(TypedDict):
    """The charge point answers with one schedule. OCPP 1.6 §5.7 (operation), §6.22 (message).

    status: Accepted; Rejected when it cannot, or does not know the connector: the other fields may
        be absent then.
    connectorId: the connector that the schedule is for; 0 is the charge point as a whole.
    scheduleStart: when the schedule starts; its periods count from here.
    chargingSchedule: the limits over time.
    """

    status: GetCompositeScheduleStatus
    connectorId: NotRequired[int]
    scheduleStart: NotRequired[DateTime]
    chargingSchedule: NotRequired[ChargingSchedule]


class GetConfigurationRequest(TypedDict):
    """The CSMS reads configuration keys. OCPP 1.6 §5.8 (operation), §6.23 (message).

    key: the names of the keys, each at most 50 characters; absent or empty means all. The charge
        point's GetConfigurationMaxKeys limits how many.
    """

    key: NotRequired[list[CiString50Type]]


class GetConfigurationResponse(TypedDict):
    """The charge point answers with the keys that it knows.
    OCPP 1.6 §5.8 (operation), §6.24 (message).

    configurationKey: the keys with their values.
    unknownKey: the names that were asked for and do not exist here, each at most 50 characters.
    """

    configurationKey: NotRequired[list[KeyValue]]
    unknownKey: NotRequired[list[CiString50Type]]


class GetDiagnosticsRequest(TypedDict):
    """The CSMS has the charge point upload a file with diagnostics.
    OCPP 1.6 §5.9 (operation), §6.25 (message).

    location: the folder to upload to, as a URI: ftp://user:password@host/folder.
    retries: how often to try before giving up; absent leaves it to the charge point.
    retryInterval: seconds (s) between two tries; absent leaves it to the charge point.
    startTime: leave out what is older.
    stopTime: leave out what is newer.
    """

    location: URI
    retries: NotRequired[int]
    retryInterval: NotRequired[int]
    startTime: NotRequired[DateTime]
    stopTime: NotRequired[DateTime]


class GetDiagnosticsResponse(TypedDict):
    """The charge point names the file; DiagnosticsStatusNotification tells of the upload.
    OCPP 1.6 §5.9 (operation), §6.26 (message).

    fileName: the name of the file in the folder, at most 255 characters; absent when there is
        nothing to upload.
    """

    fileName: NotRequired[CiString255Type]


class GetLocalListVersionRequest(TypedDict):
    """The CSMS asks which local authorization list the charge point has. It has no fields.
    OCPP 1.6 §5.10 (operation), §6.27 (message).
    """


class GetLocalListVersionResponse(TypedDict):
    """The charge point tells the version of its list. OCPP 1.6 §5.10 (operation), §6.28 (message).

    listVersion: the listVersion of the last SendLocalList; 0 means that the list is empty, -1 that
        the charge point does not support one.
    """

    listVersion: int


class HeartbeatRequest(TypedDict):
    """The charge point shows that it is alive, and asks for the time. It has no fields.
    OCPP 1.6 §4.6 (operation), §6.29 (message).
    """


class HeartbeatResponse(TypedDict):
    """The CSMS tells its time. OCPP 1.6 §4.6 (operation), §6.30 (message).

    currentTime: the time of the CSMS, for the charge point to set its clock by.
    """

    currentTime: DateTime


class MeterValuesRequest(TypedDict):
    """The charge point reports what it measured. OCPP 1.6 §4.7 (operation), §6.31 (message).

    connectorId: the connector, from 1; 0 means the main meter of the charge point.
    transactionId: the transaction that was under way, if any.
    meterValue: the readings, one moment each, one at least.
    """

    connectorId: int
    transactionId: NotRequired[int]
    meterValue: Annotated[list[MeterValue], Rule(minItems=1)]


class MeterValuesResponse(TypedDict):
    """The CSMS has taken note. It has no fields. OCPP 1.6 §4.7 (operation), §6.32 (message)."""


class RemoteStartTransactionRequest(TypedDict):
    """The CSMS has the charge point start a transaction, as if the driver had shown an idTag there.
    OCPP 1.6 §5.11 (operation), §6.33 (message).

    connectorId: the connector, from 1; absent leaves the choice to the charge point.
    idTag: for whom, at most 20 characters, upper and lower case alike. With
        AuthorizeRemoteTxRequests the charge point checks it by Authorize first.
    chargingProfile: limits for this transaction; its purpose has to be TxProfile, without a
        transactionId, as there is none yet.
    """

    connectorId: NotRequired[int]
    idTag: IdToken
    chargingProfile: NotRequired[ChargingProfile]


class RemoteStartTransactionResponse(TypedDict):
    """The charge point says whether it will try. OCPP 1.6 §5.11 (operation), §6.34 (message).

    status: Accepted means that it will try; the transaction itself comes as a StartTransaction.
    """

    status: RemoteStartStopStatus


class RemoteStopTransactionRequest(TypedDict):
    """The CSMS has the charge point stop a transaction.
    OCPP 1.6 §5.12 (operation), §6.35 (message).

    transactionId: the transaction, by the number that StartTransaction was answered with.
    """

    transactionId: int


class RemoteStopTransactionResponse(TypedDict):
    """The charge point says whether it will stop. OCPP 1.6 §5.12 (operation), §6.36 (message).

    status: Accepted, and a StopTransaction follows; Rejected when no such transaction is under way.
    """

    status: RemoteStartStopStatus


class ReserveNowRequest(TypedDict):
    """The CSMS keeps a connector free for one driver. OCPP 1.6 §5.13 (operation), §6.37 (message).

    connectorId: the connector, from 1; 0 means that any one has to stay free, which only works with
        ReserveConnectorZeroSupported.
    expiryDate: when the reservation ends by itself.
    idTag: for whom, at most 20 characters, upper and lower case alike.
    parentIdTag: any idTag of this group may use the reservation too, at most 20 characters.
    reservationId: the number of the reservation; one with the same number is replaced.
    """

    connectorId: int
    expiryDate: DateTime
    idTag: IdToken
    parentIdTag: NotRequired[IdToken]
    reservationId: int


class ReserveNowResponse(TypedDict):
    """The charge point says whether it reserved, or why not.
    OCPP 1.6 §5.13 (operation), §6.38 (message).

    status: Accepted; Faulted, Occupied or Unavailable when the connector is so; Rejected when the
        charge point takes no reservations.
    """

    status: ReservationStatus


class ResetRequest(TypedDict):
    """The CSMS has the charge point restart. OCPP 1.6 §5.14 (operation), §6.39 (message).

    type: Soft stops the transactions in good order and restarts the software; Hard restarts the
        hardware at once, and queued messages may be lost.
    """

    type: ResetType


class ResetResponse(TypedDict):
    """The charge point says whether it will restart; it answers before it does.
    OCPP 1.6 §5.14 (operation), §6.40 (message).

    status: Accepted or Rejected.
    """

    status: ResetStatus


class SendLocalListRequest(TypedDict):
    """The CSMS writes the local authorization list, the idTags that the charge point knows without
    asking. OCPP 1.6 §5.15 (operation), §6.41 (message).

    listVersion: the version of the list after this update.
    localAuthorizationList: the lines of the list, each idTag once. Absent or empty it clears the
        list with Full, and changes nothing with Differential. The charge point's
        SendLocalListMaxLength limits how many.
    updateType: Full: this is the new list; Differential: these lines are added, changed, or
        (without idTagInfo) deleted.
    """

    listVersion: int
    localAuthorizationList: NotRequired[list[AuthorizationData]]
    updateType: UpdateType


class SendLocalListResponse(TypedDict):
    """The charge point says whether the list is updated.
    OCPP 1.6 §5.15 (operation), §6.42 (message).

    status: Accepted; Failed; NotSupported when there is no such list; VersionMismatch when a
        Differential update is not newer than the list that is there.
    """

    status: UpdateStatus


class SetChargingProfileRequest(TypedDict):
    """The CSMS limits how much power or current may flow.
    OCPP 1.6 §5.16 (operation), §6.43 (message).

    connectorId: the connector, from 1; 0 means the charge point as a whole (ChargePointMaxProfile),
        or a TxDefaultProfile for every connector.
    csChargingProfiles: the profile, a single one in spite of the name.
    """

    connectorId: int
    csChargingProfiles: ChargingProfile


class SetChargingProfileResponse(TypedDict):
    """The charge point says whether it took the profile.
    OCPP 1.6 §5.16 (operation), §6.44 (message).

    status: Accepted does not promise that all of it will flow: other limits may be lower; Rejected;
        NotSupported when the charge point does no smart charging.
    """

    status: ChargingProfileStatus


class StartTransactionRequest(TypedDict):
    """The charge point tells that a transaction has started, now or while it was offline.
    OCPP 1.6 §4.8 (operation), §6.45 (message).

    connectorId: the connector, from 1.
    idTag: who charges, at most 20 characters, upper and lower case alike.
    meterStart: what the connector's meter shows at the start, in Wh.
    reservationId: the reservation that this transaction uses up.
    timestamp: when it started.
    """

    connectorId: int
    idTag: IdToken
    meterStart: int
    reservationId: NotRequired[int]
    timestamp: DateTime


class StartTransactionResponse(TypedDict):
    """The CSMS numbers the transaction, which it cannot refuse, and judges the idTag.
    OCPP 1.6 §4.8 (operation), §6.46 (message).

    idTagInfo: the verdict on the idTag; if it is not Accepted, StopTransactionOnInvalidId decides
        whether the charge point ends the transaction or only stops the energy.
    transactionId: the number that MeterValues, StopTransaction and RemoteStopTransaction name it
        by.
    """

    idTagInfo: IdTagInfo
    transactionId: int


class StatusNotificationRequest(TypedDict):
    """The charge point tells that a connector, or it itself, is in another state or has an error.
    OCPP 1.6 §4.9 (operation), §6.47 (message).

    connectorId: the connector, from 1; 0 means the charge point itself, which is only ever
        Available, Unavailable or Faulted.
    errorCode: what is wrong; NoError when nothing is.
    info: more about the error, free text of at most 50 characters.
    status: the state that the connector is in now.
    timestamp: the moment that this is about; absent means when the CSMS receives it.
    vendorId: whose vendorErrorCode it is, at most 255 characters.
    vendorErrorCode: the vendor's own code for the error, at most 50 characters.
    """

    connectorId: int
    errorCode: ChargePointErrorCode
    info: NotRequired[CiString50Type]
    status: ChargePointStatus
    timestamp: NotRequired[DateTime]
    vendorId: NotRequired[CiString255Type]
    vendorErrorCode: NotRequired[CiString50Type]


class StatusNotificationResponse(TypedDict):
    """The CSMS has taken note. It has no fields. OCPP 1.6 §4.9 (operation), §6.48 (message)."""


class StopTransactionRequest(TypedDict):
    """The charge point tells that a transaction has ended, now or while it was offline.
    OCPP 1.6 §4.10 (operation), §6.49 (message).

    idTag: who ended it, at most 20 characters, upper and lower case alike; absent when nobody did,
        as with a reset.
    meterStop: what the connector's meter shows at the end, in Wh; less meterStart it is the energy.
    timestamp: when it ended.
    transactionId: the transaction, by the number that StartTransaction was answered with.
    reason: why it ended; absent means Local, by the driver at the charge point.
    transactionData: readings of the whole transaction, for the bill.
    """

    idTag: NotRequired[IdToken]
    meterStop: int
    timestamp: DateTime
    transactionId: int
    reason: NotRequired[Reason]
    transactionData: NotRequired[list[MeterValue]]


class StopTransactionResponse(TypedDict):
    """The CSMS has taken note, which it cannot refuse. OCPP 1.6 §4.10 (operation), §6.50 (message).

    idTagInfo: the verdict on the idTag, for the charge point's cache; absent when there was none.
    """

    idTagInfo: NotRequired[IdTagInfo]


class TriggerMessageRequest(TypedDict):
    """The CSMS asks for a message that the charge point would otherwise send of its own accord.
    OCPP 1.6 §5.17 (operation), §6.51 (message).

    requestedMessage: which one.
    connectorId: for which connector, from 1; absent means for all, where the message has one.
    """

    requestedMessage: MessageTrigger
    connectorId: NotRequired[int]


class TriggerMessageResponse(TypedDict):
    """The charge point says whether the message will come; it comes after this answer.
    OCPP 1.6 §5.17 (operation), §6.52 (message).

    status: Accepted; Rejected; NotImplemented when it cannot send that message at all.
    """

    status: TriggerMessageStatus


class UnlockConnectorRequest(TypedDict):
    """The CSMS has a stuck cable released, for a driver who called for help. A transaction there is
    stopped first. OCPP 1.6 §5.18 (operation), §6.53 (message).

    connectorId: the connector, from 1.
    """

    connectorId: int


class UnlockConnectorResponse(TypedDict):
    """The charge point says whether the cable is free. OCPP 1.6 §5.18 (operation), §6.54 (message).

    status: Unlocked; UnlockFailed when the lock did not open; NotSupported when there is no lock,
        or no such connector.
    """

    status: UnlockStatus


class UpdateFirmwareRequest(TypedDict):
    """The CSMS has the charge point download and install a firmware.
    OCPP 1.6 §5.19 (operation), §6.55 (message).

    location: the file to download, as a URI: ftp://user:password@host/file.
    retries: how often to try the download before giving up; absent leaves it to the charge point.
    retrieveDate: the earliest time for the download.
    retryInterval: seconds (s) between two tries; absent leaves it to the charge point.
    """

    location: URI
    retries: NotRequired[int]
    retrieveDate: DateTime
    retryInterval: NotRequired[int]


class UpdateFirmwareResponse(TypedDict):
    """The charge point has taken note; FirmwareStatusNotification tells how it goes. It has no
    fields. OCPP 1.6 §5.19 (operation), §6.56 (message).
    """
