/* The usual calls as Python, for the editor. */

import { context } from "./context.js";
import { callCode, code, sendCode } from "./python.js";

const STAMP = code("timestamp()");
const IMPORT = "from ocppsim import timestamp";

/* The values of a meter, as MeterValues has them. */
export const sampled = (meter, power) => [
  { value: String(meter), measurand: "Energy.Active.Import.Register", unit: "Wh" },
  { value: String(power), measurand: "Power.Active.Import", unit: "W" },
];

const status = (connectorId, value = "Available") =>
  sendCode("StatusNotification", { connectorId, errorCode: "NoError", status: value });
const boot = (before) =>
  sendCode("BootNotification", { chargePointVendor: "ocppsim", chargePointModel: "Workbench" }, { before });

/* The transaction: of the script where it begins one, else the one in progress. */
function transaction(text, found) {
  return /^\s*start\s*=/m.test(text) ? code('start["transactionId"]') : (found.transactionId ?? 1);
}

/* name: text => the lines to insert. */
const SNIPPETS = {
  Startup: () => [boot("boot = "), 'cp.start_heartbeat(boot["interval"])', status(0), status(1)].join("\n"),
  BootNotification: () => boot("boot = "),
  StatusNotification: () => status(context().connectorId),
  Authorize: () =>
    sendCode("Authorize", { idTag: context().idTag }, { before: "answer = " }) + '\nprint(answer["idTagInfo"]["status"])',
  StartTransaction: () => {
    const { connectorId, idTag, meter } = context();
    return sendCode("StartTransaction", { connectorId, idTag, meterStart: meter, timestamp: STAMP }, { before: "start = " });
  },
  MeterValues: (text) => {
    const found = context();
    const meterValue = [{ timestamp: STAMP, sampledValue: sampled(found.meter, 7360) }];
    return sendCode("MeterValues", { connectorId: found.connectorId, transactionId: transaction(text, found), meterValue });
  },
  StopTransaction: (text) => {
    const found = context();
    return sendCode("StopTransaction", {
      transactionId: transaction(text, found),
      meterStop: found.meter + 1600,
      timestamp: STAMP,
    });
  },
};

export const SNIPPET_NAMES = Object.keys(SNIPPETS);

/* The import that `text` needs and `script` does not have; "" where it needs none. */
export function headFor(text, script) {
  const needs = text.includes("timestamp()") && !/^\s*from ocppsim import\b[^\n]*\btimestamp\b/m.test(script);
  return needs ? IMPORT : "";
}

/* The lines of one, to go into `script`. */
export const snippet = (name, script) => SNIPPETS[name](script);

/* The Python that does what the switches do. */
export const heartbeatCode = (interval) => callCode("cp.start_heartbeat", [[null, interval]]);
export const meterCode = ({ connectorId, ...given }) =>
  callCode("cp.start_meter_values", [[null, connectorId], ...Object.entries(given)]);

/* A whole session, for an empty editor. */
export function example() {
  const { idTag } = context();
  return `# A charging session. cp is the charge point; each message of OCPP is a method.
from ocppsim import timestamp

answer = cp.send_authorize(idTag="${idTag}")
if answer["idTagInfo"]["status"] != "Accepted":
    raise SystemExit("this card may not charge")

start = cp.send_start_transaction(
    connectorId=1,
    idTag="${idTag}",
    meterStart=1000,
    timestamp=timestamp(),
)
print("transaction", start["transactionId"])
cp.sleep(2)
cp.send_stop_transaction(
    transactionId=start["transactionId"],
    meterStop=2600,
    timestamp=timestamp(),
)
print("1600 Wh charged")
`;
}
