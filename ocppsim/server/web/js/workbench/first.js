/* First values for each message, so that it can be sent at once. */

import { context, now } from "./context.js";
import { sampled } from "./snippets.js";

const later = (hours) => new Date(Date.now() + hours * 3_600_000).toISOString();
const FILES = "ftp://localhost:2121/";
const PEM = "-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n";

const schedule = () => ({ chargingRateUnit: "A", chargingSchedulePeriod: [{ startPeriod: 0, limit: 16 }] });
const hash = () => ({ hashAlgorithm: "SHA256", issuerNameHash: "00", issuerKeyHash: "00", serialNumber: "1" });

/* What the charge point sends. found: the context. */
const OWN = {
  Authorize: ({ idTag }) => ({ idTag }),
  BootNotification: () => ({ chargePointVendor: "ocppsim", chargePointModel: "Workbench" }),
  DiagnosticsStatusNotification: () => ({ status: "Uploaded" }),
  FirmwareStatusNotification: () => ({ status: "Installed" }),
  MeterValues: ({ connectorId, transactionId, meter }) => ({
    connectorId,
    ...(transactionId === null ? {} : { transactionId }),
    meterValue: [{ timestamp: now(), sampledValue: sampled(meter, 7360) }],
  }),
  SecurityEventNotification: () => ({ type: "StartupOfTheDevice", timestamp: now() }),
  StartTransaction: ({ connectorId, idTag, meter }) => ({ connectorId, idTag, meterStart: meter, timestamp: now() }),
  StatusNotification: ({ connectorId }) => ({ connectorId, errorCode: "NoError", status: "Available", timestamp: now() }),
  StopTransaction: ({ transactionId, idTag, meter }) => ({
    transactionId: transactionId ?? 1,
    idTag,
    meterStop: meter + 1600,
    timestamp: now(),
    reason: "Local",
  }),
};

/* What the CSMS sends. */
const THEIRS = {
  CancelReservation: () => ({ reservationId: 1 }),
  ChangeAvailability: ({ connectorId }) => ({ connectorId, type: "Inoperative" }),
  ChangeConfiguration: () => ({ key: "MeterValueSampleInterval", value: "10" }),
  ClearChargingProfile: () => ({}),
  GetCompositeSchedule: ({ connectorId }) => ({ connectorId, duration: 3600 }),
  GetDiagnostics: () => ({ location: FILES }),
  GetLog: () => ({ logType: "DiagnosticsLog", requestId: 1, log: { remoteLocation: FILES } }),
  InstallCertificate: () => ({ certificateType: "CentralSystemRootCertificate", certificate: PEM }),
  DeleteCertificate: () => ({ certificateHashData: hash() }),
  RemoteStartTransaction: ({ connectorId, idTag }) => ({ connectorId, idTag }),
  RemoteStopTransaction: ({ transactionId }) => ({ transactionId: transactionId ?? 1 }),
  ReserveNow: ({ connectorId, idTag }) => ({ connectorId, expiryDate: later(1), idTag, reservationId: 1 }),
  Reset: () => ({ type: "Soft" }),
  SendLocalList: ({ idTag }) => ({
    listVersion: 1,
    updateType: "Full",
    localAuthorizationList: [{ idTag, idTagInfo: { status: "Accepted" } }],
  }),
  SetChargingProfile: ({ connectorId }) => ({
    connectorId,
    csChargingProfiles: {
      chargingProfileId: 1,
      stackLevel: 0,
      chargingProfilePurpose: "TxDefaultProfile",
      chargingProfileKind: "Relative",
      chargingSchedule: schedule(),
    },
  }),
  TriggerMessage: () => ({ requestedMessage: "StatusNotification" }),
  ExtendedTriggerMessage: () => ({ requestedMessage: "StatusNotification" }),
  UnlockConnector: ({ connectorId }) => ({ connectorId }),
  UpdateFirmware: () => ({ location: `${FILES}firmware.bin`, retrieveDate: now() }),
};

/* A payload to begin with. */
export function first({ action, request }) {
  const given = { ...OWN, ...THEIRS, DataTransfer: () => ({ vendorId: "ocppsim", messageId: "test", data: "hello" }) }[action];
  return given ? given(context()) : firstOf(request);
}

/* The least that a schema takes. */
export function firstOf(schema) {
  if (schema.enum) return schema.enum[0];
  if (schema.type === "object")
    return Object.fromEntries((schema.required ?? []).map((name) => [name, named(name, schema.properties[name])]));
  if (schema.type === "array") return schema.minItems ? [firstOf(schema.items ?? {})] : [];
  if (schema.type === "integer" || schema.type === "number") return schema.minimum ?? 0;
  if (schema.type === "boolean") return false;
  return schema.format === "date-time" ? now() : "";
}

/* The same for a field of which the name says what it is. */
export function named(name, schema) {
  const found = context();
  if (name === "idTag" || name === "parentIdTag") return found.idTag;
  if (name === "connectorId") return found.connectorId;
  if (name === "transactionId") return found.transactionId ?? 1;
  return firstOf(schema);
}
