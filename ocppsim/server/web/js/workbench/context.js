/* What is going on at the chosen charge point: first values for scripts and forms. */

import { payloadOf } from "../exchanges.js";
import { store } from "../store.js";

const TAG = "04E8C2A2";

/* {connectorId, idTag, transactionId, meter}: the connector in use, the card, the transaction in
   progress (null: none), what the meter shows, Wh. */
export function context() {
  const connectors = store.station?.connectors ?? [];
  const one =
    connectors.find(({ session }) => session?.transactionId > 0) ?? connectors.find(({ session }) => session) ?? connectors[0];
  const found = {
    connectorId: one?.connectorId ?? 1,
    idTag: one?.session?.idTag ?? localStorage.getItem("idTag") ?? TAG,
    transactionId: one?.session?.transactionId ?? null,
    meter: one?.energy ?? 0,
  };
  return store.station ? found : { ...found, ...said() };
}

/* The same, as the messages tell it: the last transaction that was begun, and not stopped. */
function said() {
  const rows = store.exchanges.rows;
  const stopped = new Set();
  for (let place = rows.length - 1, seen = 0; place >= 0 && seen < 5000; place--, seen++) {
    const { own, action, call, answer } = rows[place];
    if (!own || !call) continue;
    if (action === "StopTransaction") stopped.add(payloadOf(call)?.transactionId);
    if (action !== "StartTransaction" || !answer) continue;
    const transactionId = payloadOf(answer)?.transactionId;
    const { connectorId, idTag, meterStart } = payloadOf(call) ?? {};
    if (typeof transactionId !== "number" || stopped.has(transactionId)) return {};
    return { connectorId, idTag, transactionId, meter: meterStart ?? 0 };
  }
  return {};
}

/* Now, as OCPP writes it. */
export const now = () => new Date().toISOString();
