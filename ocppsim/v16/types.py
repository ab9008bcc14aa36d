"""The data types that OCPP 1.6 messages are built from (OCPP 1.6 edition 2, §7), and those of the
security extension ("Improved security for OCPP 1.6-J", edition 3, §6).

Names are the specification's own. An enumeration is a ``Literal``; a structure is a TypedDict whose
docstring says one thing about each field (`ocppsim.docstrings` reads it).
"""

from typing import Annotated, Literal, NotRequired, TypedDict

from ..schema import Rule

__all__ = [
    "URI",
    "AuthorizationData",
    "AuthorizationStatus",
    "AvailabilityStatus",
    "AvailabilityType",
    "CancelReservationStatus",
    "CertificateHashDataType",
    "CertificateSignedStatusEnumType",
    "CertificateStatusEnumType",
    "CertificateUseEnumType",
    "ChargePointErrorCode",
    "ChargePointStatus",
    "ChargingProfile",
    "ChargingProfileKindType",
    "ChargingProfilePurposeType",
    "ChargingProfileStatus",
    "ChargingRate",
    "ChargingRateUnitType",
    "ChargingSchedule",
    "ChargingSchedulePeriod",
    "CiString20Type",
    "CiString25Type",
    "CiString40Type",
    "CiString50Type",
    "CiString128Type",
    "CiString255Type",
    "CiString500Type",
    "ClearCacheStatus",
    "ClearChargingProfileStatus",
    "ConfigurationStatus",
    "DataTransferStatus",
    "DateTime",
    "DeleteCertificateStatusEnumType",
    "DiagnosticsStatus",
    "FirmwareStatus",
    "FirmwareStatusEnumType",
    "FirmwareType",
    "GenericStatusEnumType",
    "GetCompositeScheduleStatus",
    "GetInstalledCertificateStatusEnumType",
    "HashAlgorithmEnumType",
    "IdTagInfo",
    "IdToken",
    "KeyValue",
    "Location",
    "LogEnumType",
    "LogParametersType",
    "LogStatusEnumType",
    "Measurand",
    "MessageTrigger",
    "MessageTriggerEnumType",
    "MeterValue",
    "Phase",
    "ReadingContext",
    "Reason",
    "RecurrencyKindType",
    "RegistrationStatus",
    "RemoteStartStopStatus",
    "ReservationStatus",
    "ResetStatus",
    "ResetType",
    "SampledValue",
    "TriggerMessageStatus",
    "TriggerMessageStatusEnumType",
    "UnitOfMeasure",
    "UnlockStatus",
    "UpdateFirmwareStatusEnumType",
    "UpdateStatus",
    "UpdateType",
    "UploadLogStatusEnumType",
    "ValueFormat",
]

# --- text, time, numbers -------------------------------------------------------------------------

# CiString: upper and lower case mean the same ("Ci" is case-insensitive); the number is the longest
# length in characters (§7.15–§7.19; 40 and 128: security white paper §6.5, §6.6).
CiString20Type = Annotated[str, Rule(maxLength=20)]
CiString25Type = Annotated[str, Rule(maxLength=25)]
CiString40Type = Annotated[str, Rule(maxLength=40)]
CiString50Type = Annotated[str, Rule(maxLength=50)]
CiString128Type = Annotated[str, Rule(maxLength=128)]
CiString255Type = Annotated[str, Rule(maxLength=255)]
CiString500Type = Annotated[str, Rule(maxLength=500)]

# What identifies a driver: usually the UID of an RFID card (§7.28).
IdToken = CiString20Type

# RFC 3339, for example 2026-01-31T12:00:00Z. OCPP strongly recommends UTC.
DateTime = Annotated[str, Rule(format="date-time")]

# RFC 3986, for example ftp://user:password@host/folder.
URI = Annotated[str, Rule(format="uri")]

# In A per phase or in W, as a chargingRateUnit beside it says; one decimal place at most.
ChargingRate = Annotated[float, Rule(multipleOf=0.1)]

# --- enumerations --------------------------------------------------------------------------------

# §7.2
AuthorizationStatus = Literal[
    "Accepted",
    "Blocked",  # known, and barred
    "Expired",  # known, and past its expiryDate
    "Invalid",  # unknown
    "ConcurrentTx",  # busy in another transaction; makes sense for StartTransaction only
]

# §7.3
AvailabilityStatus = Literal[
    "Accepted",  # done, or so already
    "Rejected",
    "Scheduled",  # will be done when the transaction that is under way has ended
]

# §7.4
AvailabilityType = Literal["Inoperative", "Operative"]

# §7.5
CancelReservationStatus = Literal["Accepted", "Rejected"]  # Rejected: no such reservation

# §7.6
ChargePointErrorCode = Literal[
    "ConnectorLockFailure",
    "EVCommunicationError",  # the car does not talk as it should: SuspendedEVSE rather than Faulted
    "GroundFailure",  # the residual current device has tripped
    "HighTemperature",
    "InternalError",
    "LocalListConflict",  # CSMS and local authorization list disagree about an idTag
    "NoError",
    "OtherError",  # vendorErrorCode says which
    "OverCurrentFailure",
    "OverVoltage",
    "PowerMeterFailure",
    "PowerSwitchFailure",  # the contactor does not do as told
    "ReaderFailure",  # the RFID reader
    "ResetFailure",
    "UnderVoltage",
    "WeakSignal",  # of the radio modem
]

# §7.7. Connector 0, the charge point as a whole, only knows Available, Unavailable and Faulted.
ChargePointStatus = Literal[
    "Available",  # free for the next driver
    "Preparing",  # taken, without a transaction yet: a cable is in, or an idTag was shown
    "Charging",  # the contactor is closed
    "SuspendedEVSE",  # a transaction, but the charge point offers no energy
    "SuspendedEV",  # a transaction, but the car takes no energy
    "Finishing",  # the transaction is over, the connector is not free yet
    "Reserved",  # by ReserveNow
    "Unavailable",  # switched off by ChangeAvailability
    "Faulted",
]

# §7.9
ChargingProfileKindType = Literal[
    "Absolute",  # counts from startSchedule
    "Recurring",  # counts from startSchedule, again every day or week
    "Relative",  # counts from an event, such as the start of the transaction
]

# §7.10
ChargingProfilePurposeType = Literal[
    "ChargePointMaxProfile",  # a limit for all connectors together; set on connector 0
    "TxDefaultProfile",  # for every transaction that has no TxProfile
    "TxProfile",  # for one transaction, and gone with it
]

# §7.11
ChargingProfileStatus = Literal["Accepted", "Rejected", "NotSupported"]

# §7.12
ChargingRateUnitType = Literal[
    "A",  # ampere in each phase, not their sum
    "W",  # watt over all phases together
]

# §7.20
ClearCacheStatus = Literal["Accepted", "Rejected"]

# §7.21
ClearChargingProfileStatus = Literal["Accepted", "Unknown"]  # Unknown: nothing matched

# §7.22
ConfigurationStatus = Literal[
    "Accepted",
    "Rejected",  # the key is known; the value cannot be set
    "RebootRequired",  # stored, in effect after the next reboot, which does not come by itself
    "NotSupported",  # no such key
]

# §7.23
DataTransferStatus = Literal["Accepted", "Rejected", "UnknownMessageId", "UnknownVendorId"]

# §7.24. Idle only answers a TriggerMessage.
DiagnosticsStatus = Literal["Idle", "Uploaded", "UploadFailed", "Uploading"]

# §7.25. Idle only answers a TriggerMessage.
FirmwareStatus = Literal[
    "Downloaded",
    "DownloadFailed",
    "Downloading",
    "Idle",
    "InstallationFailed",
    "Installing",
    "Installed",
]

# §7.26
GetCompositeScheduleStatus = Literal["Accepted", "Rejected"]

# §7.30
Location = Literal[
    "Body",  # inside the housing
    "Cable",
    "EV",
    "Inlet",  # where the grid comes in
    "Outlet",  # at the connector; the default
]

# §7.31. Import is energy towards the car, Export is energy back to the grid. A Register is what the
# meter shows and never goes down; an Interval is what flowed since the sample before.
Measurand = Literal[
    "Current.Export",  # A
    "Current.Import",  # A
    "Current.Offered",  # A, the most that the car may draw
    "Energy.Active.Export.Register",  # Wh, kWh
    "Energy.Active.Import.Register",  # Wh, kWh; the default
    "Energy.Reactive.Export.Register",  # varh, kvarh
    "Energy.Reactive.Import.Register",  # varh, kvarh
    "Energy.Active.Export.Interval",  # Wh, kWh
    "Energy.Active.Import.Interval",  # Wh, kWh
    "Energy.Reactive.Export.Interval",  # varh, kvarh
    "Energy.Reactive.Import.Interval",  # varh, kvarh
    "Frequency",  # Hz, which UnitOfMeasure does not have: unit stays away
    "Power.Active.Export",  # W, kW
    "Power.Active.Import",  # W, kW
    "Power.Factor",  # a plain number, 1 at best
    "Power.Offered",  # W, kW, the most that the car may draw
    "Power.Reactive.Export",  # var, kvar
    "Power.Reactive.Import",  # var, kvar
    "RPM",  # of the fan, turns a minute
    "SoC",  # Percent, the car's battery
    "Temperature",  # Celsius, Fahrenheit, K, inside the charge point
    "Voltage",  # V, root mean square
]

# §7.32
MessageTrigger = Literal[
    "BootNotification",
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "MeterValues",
    "StatusNotification",
]

# §7.34. L1-N is between a phase and neutral, L1-L2 between two phases.
Phase = Literal["L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N", "L1-L2", "L2-L3", "L3-L1"]

# §7.35
ReadingContext = Literal[
    "Interruption.Begin",
    "Interruption.End",
    "Other",
    "Sample.Clock",  # on the beat of ClockAlignedDataInterval
    "Sample.Periodic",  # every MeterValueSampleInterval from the start of the transaction; default
    "Transaction.Begin",
    "Transaction.End",
    "Trigger",  # asked for by TriggerMessage
]

# §7.36
Reason = Literal[
    "DeAuthorized",  # the StartTransaction answer did not accept the idTag
    "EmergencyStop",
    "EVDisconnected",  # the cable was pulled, or the car drove off an inductive pad
    "HardReset",
    "Local",  # by the driver at the charge point; what an absent reason means
    "Other",
    "PowerLoss",
    "Reboot",  # by the charge point itself, a watchdog for instance
    "Remote",  # RemoteStopTransaction
    "SoftReset",
    "UnlockCommand",  # UnlockConnector
]

# §7.37. Counted from the startSchedule of the schedule.
RecurrencyKindType = Literal["Daily", "Weekly"]

# §7.38
RegistrationStatus = Literal[
    "Accepted",
    "Pending",  # not yet: the CSMS wants to look and configure first
    "Rejected",  # for now; the charge point asks again
]

# §7.39
RemoteStartStopStatus = Literal["Accepted", "Rejected"]

# §7.40. All but Accepted say why there is no reservation; Rejected: reservations are not supported.
ReservationStatus = Literal["Accepted", "Faulted", "Occupied", "Rejected", "Unavailable"]

# §7.41
ResetStatus = Literal["Accepted", "Rejected"]

# §7.42
ResetType = Literal[
    "Hard",  # restart the hardware at once; queued messages may be lost
    "Soft",  # end the transactions in good order, then restart the software
]

# §7.44. NotImplemented: this charge point cannot send that message.
TriggerMessageStatus = Literal["Accepted", "Rejected", "NotImplemented"]

# §7.45. "Celcius" is a misspelling in the schemas as first published. Erratum 2.1 (2025-04) of
# OCPP-J 1.6 keeps both: a CSMS has to accept both, a charge point is advised to send the wrong one.
UnitOfMeasure = Literal[
    "Wh",  # what an absent unit means
    "kWh",
    "varh",
    "kvarh",
    "W",
    "kW",
    "VA",
    "kVA",
    "var",
    "kvar",
    "A",
    "V",
    "Celsius",
    "Celcius",
    "Fahrenheit",
    "K",
    "Percent",
]

# §7.46. NotSupported also answers for a connector that is not there.
UnlockStatus = Literal["Unlocked", "UnlockFailed", "NotSupported"]

# §7.47
UpdateStatus = Literal[
    "Accepted",
    "Failed",
    "NotSupported",
    "VersionMismatch",  # a Differential whose listVersion is not above the one that is here
]

# §7.48
UpdateType = Literal[
    "Differential",  # changes to the list that is there
    "Full",  # the list that takes its place
]

# §7.49
ValueFormat = Literal["Raw", "SignedData"]

# --- structures ----------------------------------------------------------------------------------


class IdTagInfo(TypedDict):
    """What the CSMS thinks of an idTag. OCPP 1.6 §7.27.

    expiryDate: when the charge point has to forget this from its authorization cache; absent means
        never.
    parentIdTag: the group that the idTag belongs to, at most 20 characters. Two idTags of one group
        may end each other's transactions.
    status: whether the idTag may charge; only Accepted says yes.
    """

    expiryDate: NotRequired[DateTime]
    parentIdTag: NotRequired[IdToken]
    status: AuthorizationStatus


class AuthorizationData(TypedDict):
    """One line of the local authorization list, the idTags that a charge point knows without
    asking. OCPP 1.6 §7.1.

    idTag: the identifier that the line is about, at most 20 characters, upper and lower case alike.
    idTagInfo: what is known of it. Needed in a Full update; in a Differential one its absence
        deletes the line.
    """

    idTag: IdToken
    idTagInfo: NotRequired[IdTagInfo]


class ChargingSchedulePeriod(TypedDict):
    """One step of a charging schedule; it lasts until the next one starts. OCPP 1.6 §7.14.

    startPeriod: seconds (s) from the start of the schedule; 0 in the first period.
    limit: the most that may flow, in A per phase or in W over all phases as the chargingRateUnit of
        the schedule says, with at most one decimal place.
    numberPhases: how many phases may be used; 3 is assumed where it matters and this is absent.
    """

    startPeriod: int
    limit: ChargingRate
    numberPhases: NotRequired[int]


class ChargingSchedule(TypedDict):
    """Limits over time: a staircase of periods. OCPP 1.6 §7.13.

    duration: how long the schedule lasts in seconds (s); absent means that the last period goes on,
        without startSchedule until the transaction ends.
    startSchedule: when an Absolute or Recurring schedule starts; absent means at the start of
        charging.
    chargingRateUnit: the unit of limit and minChargingRate: A (ampere per phase) or W (watt, all
        phases together).
    chargingSchedulePeriod: the steps, one at least, in the order of their startPeriod.
    minChargingRate: below this rate the car charges badly, a hint for smart charging in the charge
        point; in the chargingRateUnit, with at most one decimal place.
    """

    duration: NotRequired[int]
    startSchedule: NotRequired[DateTime]
    chargingRateUnit: ChargingRateUnitType
    chargingSchedulePeriod: Annotated[list[ChargingSchedulePeriod], Rule(minItems=1)]
    minChargingRate: NotRequired[ChargingRate]


class ChargingProfile(TypedDict):
    """A charging schedule with what it is for and how long it is valid. OCPP 1.6 §7.8.

    chargingProfileId: the number that the CSMS knows the profile by; a profile with the same number
        is replaced.
    transactionId: the one transaction that a TxProfile is for; not allowed with other purposes.
    stackLevel: which profile wins where several of one purpose overlap: the highest. From 0 to the
        charge point's ChargeProfileMaxStackLevel.
    chargingProfilePurpose: what the limits are for: ChargePointMaxProfile for the whole charge
        point, TxDefaultProfile for any transaction, TxProfile for a single one.
    chargingProfileKind: where the times of the schedule count from: Absolute and Recurring from its
        startSchedule, Relative from an event such as the start of the transaction.
    recurrencyKind: with Recurring: Daily or Weekly.
    validFrom: from when the profile counts; absent means at once.
    validTo: until when the profile counts; absent means until it is replaced or cleared.
    chargingSchedule: the limits over time; 1.6 has exactly one for each profile.
    """

    chargingProfileId: int
    transactionId: NotRequired[int]
    stackLevel: int
    chargingProfilePurpose: ChargingProfilePurposeType
    chargingProfileKind: ChargingProfileKindType
    recurrencyKind: NotRequired[RecurrencyKindType]
    validFrom: NotRequired[DateTime]
    validTo: NotRequired[DateTime]
    chargingSchedule: ChargingSchedule


class KeyValue(TypedDict):
    """One configuration key of the charge point. OCPP 1.6 §7.29.

    key: its name, at most 50 characters, upper and lower case alike, for example HeartbeatInterval.
    readonly: true when ChangeConfiguration cannot set it.
    value: its value, always as text ("300", "true", "Voltage,SoC"), at most 500 characters; absent
        when the key is known but has no value.
    """

    key: CiString50Type
    readonly: bool
    value: NotRequired[CiString500Type]


class SampledValue(TypedDict):
    """One measured quantity. OCPP 1.6 §7.43.

    value: the number, as a string: "1234.5" (or signed data of any length, see format).
    context: why it was measured; absent means Sample.Periodic.
    format: Raw for a number, SignedData for an opaque signed record; absent means Raw.
    measurand: what was measured; absent means Energy.Active.Import.Register, the meter reading of
        the energy that went to the car.
    phase: on which conductor, or between which two; absent means all together.
    location: where it was measured; absent means Outlet, at the connector.
    unit: the unit of value; absent means Wh where an energy was measured. There is none for
        Frequency (always Hz) and for Power.Factor.
    """

    value: str
    context: NotRequired[ReadingContext]
    format: NotRequired[ValueFormat]
    measurand: NotRequired[Measurand]
    phase: NotRequired[Phase]
    location: NotRequired[Location]
    unit: NotRequired[UnitOfMeasure]


class MeterValue(TypedDict):
    """Quantities that were measured at one moment. OCPP 1.6 §7.33.

    timestamp: the moment.
    sampledValue: the quantities, one at least.
    """

    timestamp: DateTime
    sampledValue: Annotated[list[SampledValue], Rule(minItems=1)]


# --- security extension: the numbers are sections of the white paper -----------------------------

# §6.2. Whether the charge point could use the certificate that it got.
CertificateSignedStatusEnumType = Literal["Accepted", "Rejected"]

# §6.3
CertificateStatusEnumType = Literal[
    "Accepted",
    "Failed",  # a good certificate, but it could not be stored
    "Rejected",  # a bad certificate, or one more than there is room for
]

# §6.4
CertificateUseEnumType = Literal[
    "CentralSystemRootCertificate",  # to check the CSMS's TLS certificate against
    "ManufacturerRootCertificate",  # to check the signer of firmware against
]

# §6.7
DeleteCertificateStatusEnumType = Literal["Accepted", "Failed", "NotFound"]

# §6.8. Failed for good: DownloadFailed, InstallationFailed, InstallVerificationFailed,
# InvalidSignature. Done: Installed. Idle only answers a trigger. All others are on the way.
FirmwareStatusEnumType = Literal[
    "Downloaded",
    "DownloadFailed",
    "Downloading",
    "DownloadScheduled",  # waiting for retrieveDateTime
    "DownloadPaused",
    "Idle",
    "InstallationFailed",
    "Installing",
    "Installed",
    "InstallRebooting",  # about to reboot into the new firmware
    "InstallScheduled",  # waiting for installDateTime
    "InstallVerificationFailed",  # a checksum is wrong, for instance
    "InvalidSignature",
    "SignatureVerified",
]

# §6.10
GenericStatusEnumType = Literal["Accepted", "Rejected"]

# §6.11. NotFound: none of that type is installed.
GetInstalledCertificateStatusEnumType = Literal["Accepted", "NotFound"]

# §6.12
HashAlgorithmEnumType = Literal["SHA256", "SHA384", "SHA512"]

# §6.13
LogEnumType = Literal["DiagnosticsLog", "SecurityLog"]

# §6.15. AcceptedCanceled: accepted, and an upload that was under way is cancelled for it.
LogStatusEnumType = Literal["Accepted", "Rejected", "AcceptedCanceled"]

# §6.16. FirmwareStatusNotification asks for a SignedFirmwareStatusNotification, and
# SignChargePointCertificate for a SignCertificate.
MessageTriggerEnumType = Literal[
    "BootNotification",
    "LogStatusNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "MeterValues",
    "SignChargePointCertificate",
    "StatusNotification",
]

# §6.17. NotImplemented: this charge point cannot send that message.
TriggerMessageStatusEnumType = Literal["Accepted", "Rejected", "NotImplemented"]

# §6.18
UpdateFirmwareStatusEnumType = Literal[
    "Accepted",
    "Rejected",
    "AcceptedCanceled",  # accepted, and an update that was under way is cancelled for it
    "InvalidCertificate",  # the signer's certificate is not to be trusted
    "RevokedCertificate",  # the signer's certificate was withdrawn
]

# §6.19
UploadLogStatusEnumType = Literal[
    "BadMessage",  # the file server and the charge point do not understand each other
    "Idle",  # only answers a trigger
    "NotSupportedOperation",  # the file server cannot do this
    "PermissionDenied",
    "Uploaded",
    "UploadFailure",
    "Uploading",
]


class CertificateHashDataType(TypedDict):
    """What identifies a certificate, in the way of OCSP (RFC 6960): all in hexadecimal digits.
    Security white paper edition 3 §6.1.

    hashAlgorithm: what the two hashes were made with.
    issuerNameHash: the hash over the issuer's distinguished name in DER, two hexadecimal digits a
        byte, at most 128 characters.
    issuerKeyHash: the hash over the issuer's public key (the bits of subjectPublicKey, without tag
        and length), two hexadecimal digits a byte, at most 128 characters.
    serialNumber: the certificate's serial number in hexadecimal digits, without 0x and without
        zeros in front, at most 40 characters: 4095 is FFF.
    """

    hashAlgorithm: HashAlgorithmEnumType
    issuerNameHash: CiString128Type
    issuerKeyHash: CiString128Type
    serialNumber: CiString40Type


class FirmwareType(TypedDict):
    """A signed firmware, where to get it and when. Security white paper edition 3 §6.9.

    location: the URI to download it from, at most 512 characters.
    retrieveDateTime: the earliest time for the download.
    installDateTime: the earliest time for the installation; absent means when it is downloaded.
    signingCertificate: the signer's X.509 certificate in PEM, at most 5500 characters.
    signature: the signature over the firmware in Base64, at most 800 characters.
    """

    location: Annotated[str, Rule(maxLength=512)]
    retrieveDateTime: DateTime
    installDateTime: NotRequired[DateTime]
    signingCertificate: Annotated[str, Rule(maxLength=5500)]
    signature: Annotated[str, Rule(maxLength=800)]


class LogParametersType(TypedDict):
    """Where to send a log, and which part of it. Security white paper edition 3 §6.14.

    remoteLocation: the URL to upload to, at most 512 characters.
    oldestTimestamp: leave out what is older; absent means from the beginning.
    latestTimestamp: leave out what is newer; absent means up to now.
    """

    remoteLocation: Annotated[str, Rule(maxLength=512)]
    oldestTimestamp: NotRequired[DateTime]
    latestTimestamp: NotRequired[DateTime]
