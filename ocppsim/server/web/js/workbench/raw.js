/* The raw mode: any text as one message, with a choice of nonsense. */

import { at, post } from "../api.js";
import { button, field, h, icon, select } from "../dom.js";
import { store } from "../store.js";
import { errorCard, noteCard } from "./answer.js";
import { callCode } from "./python.js";

const id = () => Math.random().toString(36).slice(2, 10);
const usedId = () => store.exchanges.rows.findLast((one) => one.own && one.call?.type === "CALL")?.call.uniqueId ?? "1";
const frame = (...parts) => JSON.stringify(parts);

/* name: [what it is, text => or {base64}] */
const NONSENSE = {
  plain: ["A Heartbeat, as it should be", () => frame(2, id(), "Heartbeat", {})],
  unknown: ["An unknown action", () => frame(2, id(), "MakeCoffee", { strength: "strong" })],
  broken: ["Broken JSON", () => `[2,"${id()}","Heartbeat",{`],
  words: ["No JSON at all", () => "Hello, is anybody there?"],
  object: ["JSON, but no list", () => '{"action":"Heartbeat"}'],
  short: ["A frame without payload", () => frame(2, id(), "Heartbeat")],
  type: ["A wrong message type", () => frame(7, id(), "Heartbeat", {})],
  fields: ["Fields of the wrong type", () => frame(2, id(), "StatusNotification", { connectorId: "one", status: 1 })],
  twice: ["An id that was used before", () => frame(2, usedId(), "Heartbeat", {})],
  long: ["An id that is too long", () => frame(2, "x".repeat(40), "Heartbeat", {})],
  answer: ["An answer that nobody asked for", () => frame(3, id(), { status: "Accepted" })],
  error: ["An error that nobody asked for", () => frame(4, id(), "InternalError", "out of order", {})],
  empty: ["Empty text", () => ""],
  binary: ["A binary message", () => ({ base64: btoa("\x00\x01\xfe\xff ocpp") })],
  huge: ["A huge message (200 kB)", () => frame(2, id(), "DataTransfer", { vendorId: "ocppsim", data: "x".repeat(200_000) })],
};

/* The id of a text that is a CALL, "" where it has none. */
function idOf(text = "") {
  try {
    const id = JSON.parse(text)?.[1];
    return typeof id === "string" ? id : "";
  } catch {
    return "";
  }
}

const SHOWN = 4000; // characters of a text that is not edited

export class Raw {
  /* answered(card), python(text): where the answer and the line of Python are shown. */
  constructor({ answered, python }) {
    Object.assign(this, { answered, python, base64: null, whole: null });
    const options = [["", "Choose an example …"], ...Object.entries(NONSENSE).map(([name, [text]]) => [name, text])];
    this.which = select(options, "", { onchange: () => this.choose(this.which.value) });
    this.area = h("textarea", { class: "code", rows: 7, spellcheck: "false", placeholder: '[2, "1", "Heartbeat", {}]' });
    this.area.addEventListener("input", () => this.edited());
    this.parts = h("input", { type: "number", min: 1, max: 1000, value: 1, oninput: () => this.tell() });
    this.kind = h("p", { class: "note", hidden: true });
    this.go = button([icon("send"), "Send"], () => this.send(), { class: "primary" });
    this.element = h(
      "div",
      { class: "stack" },
      field("Nonsense", this.which),
      field("Text of the message", this.area, "It is sent as it is, whatever it is."),
      this.kind,
      h("div", { class: "row bottom" }, field("WebSocket frames", this.parts), this.go),
    );
    store.on("rows", (rows) => this.heard(rows));
  }

  open(text) {
    this.which.value = "";
    this.base64 = null;
    this.whole = null;
    this.area.readOnly = false;
    this.kind.hidden = true;
    this.area.value = text;
    this.tell();
  }

  choose(name) {
    if (!name) return;
    const made = NONSENSE[name][1]();
    this.open(typeof made === "string" ? made : made.base64);
    this.which.value = name;
    if (typeof made !== "string") {
      this.base64 = true;
      this.note("This is Base64: its bytes are sent as one binary message.");
    } else if (made.length > SHOWN) {
      this.whole = made;
      this.area.value = `${made.slice(0, 200)} …`;
      this.area.readOnly = true;
      this.note(`Only the beginning is shown; ${made.length} characters are sent.`);
    }
    this.tell();
  }

  note(text) {
    this.kind.textContent = text;
    this.kind.hidden = false;
  }

  edited() {
    if (!this.base64) this.which.value = "";
    this.tell();
  }

  get body() {
    const text = this.whole ?? this.area.value;
    const fragments = Number(this.parts.value) > 1 ? { fragments: Number(this.parts.value) } : {};
    return this.base64 ? { base64: text, ...fragments } : { text, ...fragments };
  }

  tell() {
    const { text, base64, fragments } = this.body;
    const more = fragments ? [["fragments", fragments]] : [];
    if (base64 !== undefined)
      this.python(
        `import base64\n${callCode("cp.send_raw", [[null, 0]]).replace("0", `base64.b64decode(${JSON.stringify(base64)})`)}`,
      );
    else if (text.length > SHOWN) this.python("");
    else this.python(callCode("cp.send_raw", [[null, text], ...more]));
  }

  async send() {
    try {
      const { body } = this;
      const { number } = await post(at(store.chosen, "/raw"), body); // of the answer, where that came first
      this.answered(noteCard("", "Sent", "What comes back, if anything, stands in the messages too."));
      this.sent = { number, name: store.chosen, id: idOf(body.text) };
      this.heard(store.exchanges.rows.slice(-50));
    } catch (error) {
      this.answered(await errorCard(error));
    }
  }

  /* An answer with its id; or a CALLERROR, which has another one where the id could not be read. */
  heard(rows) {
    if (!this.sent || this.sent.name !== store.chosen) return;
    const { number, id } = this.sent;
    const fits = (one) =>
      one?.direction === "received" &&
      one.number >= number &&
      (id && one.uniqueId === id ? one.type !== "CALL" : one.type === "CALLERROR");
    const [came] = rows
      .flatMap((one) => [one.call, one.answer])
      .filter(fits)
      .sort((one, other) => one.number - other.number);
    if (!came) return;
    this.sent = null;
    const text = h("pre", {}, came.frame ? JSON.stringify(came.frame, null, 1) : (came.text ?? came.base64));
    this.answered(noteCard(came.type === "CALLRESULT" ? "good" : "bad", came.type, text));
  }
}
