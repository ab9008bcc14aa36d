/* What OCPP means by its messages: the docstrings and schemas of the server, asked once. */

import { get } from "./api.js";
import { check } from "./check.js";

let asked = null;
let known = null; // what was answered

/* {actions: {name: {action, sender, profile, summary, request, response}}, errorCodes: {code: meaning}} */
export function meanings() {
  asked ??= get("/actions").then(
    ({ actions, errorCodes }) =>
      (known = {
        actions: Object.fromEntries(actions.map((one) => [one.action, one])),
        errorCodes: Object.fromEntries(errorCodes.map((one) => [one.errorCode, one.meaning])),
      }),
    (error) => {
      asked = null;
      throw error;
    },
  );
  return asked;
}

/* What is wrong with a message: the verdict of the server, which lets a script send what it likes;
   so what the charge point sent is held to the schema here, once `meanings` has come. */
export function faultsOf(message) {
  const found = message.faults ?? [];
  if (found.length || !known || message.direction !== "sent" || !message.frame) return found;
  const action = known.actions[message.action];
  if (message.type === "CALL") {
    if (!action) return [{ path: "$[2]", rule: "action", message: `${message.action} is no action of OCPP 1.6` }];
    return faults(action.request, message.frame[3]);
  }
  return message.type === "CALLRESULT" && action ? faults(action.response, message.frame[2]) : found;
}

function faults(schema, payload) {
  return check(schema, payload).map(({ path, text }) => ({
    path: path.reduce((before, one) => before + (typeof one === "number" ? `[${one}]` : `.${one}`), "$"),
    rule: "schema",
    message: text,
  }));
}

/* The schema of a member: of an object by its name, of a list by its place. */
export function memberOf(schema, name) {
  if (!schema) return null;
  return schema.type === "array" ? (schema.items ?? null) : (schema.properties?.[name] ?? null);
}
