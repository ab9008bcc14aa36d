/* One exchange as a row of a sequence diagram. */

import { h } from "../dom.js";
import { isBad, isError, payloadOf } from "../exchanges.js";
import { brief, seconds, timeOf } from "../text.js";

export const HEIGHT = 58; // px of a row
export const FAULT = 20; // px more for what is wrong with it
export const MARK = 30; // px of a line between rows

export function heightOf(one) {
  if (one.mark) return MARK;
  return HEIGHT + (isBad(one) || isError(one) ? FAULT : 0);
}

/* What is wrong, on one line; "" where nothing is. */
export function wrong(one) {
  if (one.faults.length) {
    const more = one.faults.length > 1 ? ` (and ${one.faults.length - 1} more)` : "";
    return `${one.faults[0].path}: ${one.faults[0].message}${more}`;
  }
  if (isError(one)) {
    const [, , code, description] = one.answer.frame ?? [];
    return description ? `${code}: ${description}` : String(code);
  }
  return "";
}

/* The element of a row. open: whether it shows its detail. */
export function draw(one, open) {
  if (one.mark) return h("li", { class: "mark" }, h("span", {}, one.mark));
  const bad = isBad(one);
  const error = isError(one);
  const kind = bad ? "bad" : error ? "error" : one.answer ? "good" : "pending";
  const name = one.action || (one.call?.type === "bad" ? "not a message" : "answer to nothing");
  const says = [
    one.own ? "from the charge point" : "from the CSMS",
    { bad: "breaks the protocol", error: "CALLERROR", good: "answered", pending: "no answer yet" }[kind],
  ].join(", ");
  const [second, rest] = timeOf(one.time);
  const line = h(
    "button",
    { type: "button", class: "line", "aria-expanded": String(open), "aria-label": `${name}, ${says}` },
    h("span", { class: "time" }, second, h("span", { class: "rest" }, rest)),
    h(
      "span",
      { class: `lanes ${one.own ? "own" : "theirs"}` },
      one.call && arrow(one.own, "call", name, one.call.type === "bad" ? one.call.text : brief(payloadOf(one.call))),
      one.answer && arrow(!one.own, error ? "answer fail" : "answer", ...answerText(one)),
      !one.answer && h("span", { class: "arrow answer none" }, h("span", { class: "label" }, h("i", {}, "no answer yet"))),
      (bad || error) && h("span", { class: "fault" }, wrong(one)),
    ),
    h(
      "span",
      { class: "side" },
      h("span", { class: "latency" }, seconds(one.answer?.latency)),
      h("span", { class: `verdict ${kind}` }, { bad: "✕", error: "!", good: "✓", pending: "…" }[kind]),
    ),
  );
  return h("li", { class: `exchange ${kind}` }, line);
}

function answerText(one) {
  if (isError(one)) return ["CALLERROR", String(one.answer.frame?.[2] ?? "")];
  const payload = payloadOf(one.answer);
  if (one.call) return ["", brief(payload) || "{}"];
  return [one.action || "CALLRESULT", brief(payload)];
}

function arrow(toCsms, kind, name, text) {
  const label = h("span", { class: "label" }, name && h("b", {}, name), name && " ", h("i", {}, text));
  return h("span", { class: `arrow ${kind} ${toCsms ? "right" : "left"}` }, label);
}
