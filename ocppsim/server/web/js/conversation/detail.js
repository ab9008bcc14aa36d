/* An open row: both messages, field by field, with what OCPP means by each. */

import { button, h, icon, refill } from "../dom.js";
import { isBad, payloadOf } from "../exchanges.js";
import { meanings, memberOf } from "../meaning.js";
import { copied } from "../toast.js";

/* again(action, payload, row): "send again, edited"; raw(text): the same for what is no CALL. */
export function detailOf(one, { again, raw }) {
  const element = h("div", { class: "detail" });
  const fill = (known) => refill(element, ...parts(one, known, { again, raw }));
  fill(null);
  meanings().then(fill, () => null);
  return element;
}

function* parts(one, known, { again, raw }) {
  const action = known?.actions[one.action];
  if (action) yield h("p", { class: "summary" }, action.summary, " ", h("span", { class: "badge" }, action.profile));
  if (one.faults.length) yield faults(one, known);
  if (one.call) yield message(one.call, one.own, "CALL", action?.request);
  if (one.answer) {
    const error = one.answer.type === "CALLERROR";
    yield error ? callError(one.answer, !one.own, known) : message(one.answer, !one.own, "CALLRESULT", action?.response);
  } else if (one.call?.type === "CALL") {
    yield h("p", { class: "note" }, `No answer has come yet. ${one.own ? "The CSMS" : "The charge point"} may still send it; a CALL without an answer times out.`);
  }
  const buttons = [];
  if (one.own && one.call?.type === "CALL") {
    buttons.push(button([icon("again"), "Send again, edited"], () => again(one.action, payloadOf(one.call), one), { class: "small" }));
  } else if (one.own && one.call) {
    buttons.push(button([icon("again"), "Send again, edited"], () => raw(one.call.text ?? ""), { class: "small" }));
  }
  buttons.push(button([icon("copy"), "Copy as JSON"], () => copy([one.call, one.answer]), { class: "small" }));
  yield h("div", { class: "buttons" }, buttons);
}

function copy(messages) {
  const lines = messages.filter(Boolean).map((message) => (message.frame ? JSON.stringify(message.frame) : message.text));
  return copied(lines.join("\n"));
}

function heading(toCsms, kind, message) {
  const [from, to] = toCsms ? ["Charge point", "CSMS"] : ["CSMS", "Charge point"];
  return h("h4", {}, h("b", {}, kind), ` ${from} → ${to}`, message.uniqueId && h("small", { class: "mono" }, ` id ${message.uniqueId}`));
}

function message(one, toCsms, kind, schema) {
  if (one.frame === undefined || one.type === "bad") {
    const text = one.text ?? (one.frame ? JSON.stringify(one.frame) : (one.base64 ?? ""));
    return h("section", { class: "message" }, heading(toCsms, "Not a message of OCPP", one), h("pre", { class: "raw" }, text));
  }
  const payload = payloadOf(one);
  const empty = payload && typeof payload === "object" && !Object.keys(payload).length;
  return h(
    "section",
    { class: "message" },
    heading(toCsms, kind, one),
    empty ? h("p", { class: "faint" }, kind === "CALL" ? "No fields: the name of the action says it all." : "No fields: an empty answer says that it has arrived.") : tree(payload, schema),
    h("details", {}, h("summary", {}, "As on the wire"), h("pre", { class: "raw" }, JSON.stringify(one.frame, null, 2))),
  );
}

function callError(one, toCsms, known) {
  const [, , code, description, details] = one.frame;
  const meaning = known?.errorCodes[code];
  return h(
    "section",
    { class: "message" },
    heading(toCsms, "CALLERROR", one),
    h("p", { class: "note bad" }, h("b", {}, String(code)), meaning ? `: ${meaning}` : "", description ? h("span", { class: "said" }, `“${description}”`) : ""),
    h("details", {}, h("summary", {}, "As on the wire"), h("pre", { class: "raw" }, JSON.stringify(one.frame, null, 2))),
    details && typeof details === "object" && Object.keys(details).length ? tree(details, null) : null,
  );
}

function faults(one) {
  const title = isBad(one) && one.faults.length > 1 ? `${one.faults.length} things break the protocol` : "This breaks the protocol";
  const list = one.faults.map((fault) => h("li", {}, h("code", {}, fault.path), ` ${fault.message} `, h("small", {}, fault.rule)));
  return h("div", { class: "note bad" }, h("b", {}, title), h("ul", {}, list));
}

/* A payload as JSON, a line a member, with its meaning under it. */
function tree(value, schema) {
  if (value === null || typeof value !== "object") return scalar(value);
  const entries = Array.isArray(value) ? value.map((one, place) => [place, one]) : Object.entries(value);
  return h("ul", { class: "tree" }, entries.map(([name, one]) => branch(name, one, schema ? memberOf(schema, name) : null, schema)));
}

function branch(name, value, schema, parent) {
  const nested = value !== null && typeof value === "object";
  const unknown = parent?.properties && !schema;
  return h(
    "li",
    {},
    h("span", { class: "name" }, typeof name === "number" ? `${name + 1}.` : name),
    nested ? null : scalar(value),
    unknown ? h("span", { class: "badge bad" }, "not in OCPP") : null,
    schema?.description ? h("span", { class: "means" }, schema.description) : null,
    nested ? tree(value, schema) : null,
  );
}

function scalar(value) {
  const kind = value === null ? "word" : { string: "string", number: "number", boolean: "word" }[typeof value];
  return h("span", { class: `value ${kind}` }, JSON.stringify(value));
}
