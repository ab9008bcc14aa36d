/* What OCPP means by its messages: the docstrings and schemas of the server, asked once. */

import { get } from "./api.js";

let asked = null;

/* {actions: {name: {action, sender, profile, summary, request, response}}, errorCodes: {code: meaning}} */
export function meanings() {
  asked ??= get("/actions").then(
    ({ actions, errorCodes }) => ({ actions: Object.fromEntries(actions.map((one) => [one.action, one])), errorCodes }),
    (error) => {
      asked = null;
      throw error;
    },
  );
  return asked;
}

/* The schema of a member: of an object by its name, of a list by its place. */
export function memberOf(schema, name) {
  if (!schema) return null;
  return schema.type === "array" ? (schema.items ?? null) : (schema.properties?.[name] ?? null);
}
