/* The answer to a message that was sent by hand, as a card. */

import { button, h } from "../dom.js";
import { meanings, memberOf } from "../meaning.js";
import { seconds } from "../text.js";

/* What an errorCode of OCPP means, "" where it is none. */
const meaningOf = async (code) => (await meanings().catch(() => null))?.errorCodes[code] ?? "";

function card(tone, title, lasted, ...rest) {
  const time = h("span", { class: "faint latency" }, lasted === undefined ? "" : seconds(lasted));
  return h(
    "section",
    { class: "card answer", "aria-label": "Answer" },
    h("div", { class: "row" }, h("span", { class: `badge ${tone}` }, title), time),
    rest,
  );
}

/* A CALLRESULT. lasted: s. */
export function resultCard(payload, schema, lasted) {
  const none = !Object.keys(payload).length;
  return card(
    "good",
    "CALLRESULT",
    lasted,
    none ? h("p", { class: "faint" }, "No fields: an empty answer says that it has arrived.") : tree(payload, schema),
  );
}

/* What went wrong: a CALLERROR, no answer, or what the server refuses to send. all(): send it all the same. */
export async function errorCard(error, lasted, all) {
  const said = error.body?.error ?? {};
  if (said.kind === "CallError") {
    const details = said.errorDetails && Object.keys(said.errorDetails).length ? tree(said.errorDetails, null) : null;
    const meaning = await meaningOf(said.errorCode);
    return card(
      "bad",
      "CALLERROR",
      lasted,
      h(
        "p",
        { class: "note bad" },
        h("b", {}, said.errorCode),
        meaning ? `: ${meaning}` : "",
        said.errorDescription ? h("span", { class: "said" }, `“${said.errorDescription}”`) : null,
      ),
      details,
    );
  }
  const title = error.status === 422 ? "Not sent" : error.status === 424 ? "No good answer" : "It did not work";
  const faults = (said.faults ?? []).map(({ path, message }) => h("li", {}, h("code", {}, path), ` ${message}`));
  return card(
    error.status === 424 ? "bad" : "warn",
    title,
    undefined,
    h("p", {}, error.what ?? error.message),
    faults.length > 1 ? h("ul", {}, faults) : null,
    error.hint && !/validate=false/.test(error.hint) ? h("p", { class: "faint" }, error.hint) : null,
    said.kind === "InvalidPayload" && error.status === 422
      ? h("div", { class: "buttons" }, button("Send it all the same", all, { class: "small" }))
      : null,
  );
}

/* A card with a text alone. */
export const noteCard = (tone, title, ...rest) =>
  card(
    tone,
    title,
    undefined,
    rest.map((one) => (typeof one === "string" ? h("p", {}, one) : one)),
  );

/* A payload, a line a member, with what it means. */
export function tree(value, schema) {
  const entries = Array.isArray(value) ? value.map((one, place) => [place, one]) : Object.entries(value);
  return h(
    "ul",
    { class: "tree" },
    entries.map(([name, one]) => {
      const own = memberOf(schema, name);
      const nested = one !== null && typeof one === "object";
      const kind = one === null ? "word" : { string: "string", number: "number", boolean: "word" }[typeof one];
      return h(
        "li",
        {},
        h("span", { class: "name" }, typeof name === "number" ? `${name + 1}.` : name),
        nested ? null : h("span", { class: `value ${kind}` }, JSON.stringify(one)),
        own?.description ? h("span", { class: "means" }, own.description) : null,
        nested ? tree(one, own) : null,
      );
    }),
  );
}
