/* A message by hand: a form, its JSON, or anything at all. */

import { ask, at, get } from "../api.js";
import { button, h, icon, refill } from "../dom.js";
import { meanings } from "../meaning.js";
import { store } from "../store.js";
import { errorCard, resultCard } from "./answer.js";
import { check, named } from "../check.js";
import { first } from "./first.js";
import { Form } from "./form.js";
import { Picker } from "./picker.js";
import { callCode, sendCode, stamped } from "./python.js";
import { Raw } from "./raw.js";
import { choice } from "./choice.js";

const PROFILES = {
  Core: "Core",
  FirmwareManagement: "Firmware management",
  LocalAuthListManagement: "Local list",
  Reservation: "Reservation",
  SmartCharging: "Smart charging",
  RemoteTrigger: "Remote trigger",
  Security: "Security",
};
const OWN = "charge point";
const ids = () => Array.from(crypto.getRandomValues(new Uint8Array(8)), (one) => one.toString(16).padStart(2, "0")).join("");

export class SendPane {
  constructor(panel, bench) {
    this.bench = bench;
    this.known = {};
    this.action = "";
    this.payload = {};
    this.touched = false;
    this.side = OWN;
    this.mode = "form";
    this.form = new Form(() => this.took(this.form.value));
    this.raw = new Raw({ answered: (card) => this.answered(card), python: (text) => this.tell(text) });
    this.build(panel);
    store.on("rows", (rows) => this.heard(rows));
    store.on("point", () => this.ask());
    store.on("chosen", () => this.begin());
    this.ready = this.learn();
    this.ask();
  }

  build(panel) {
    this.picker = new Picker("Action to send", (action) => this.choose(action));
    this.sides = choice(
      "Send as",
      [
        [OWN, "As charge point"],
        ["CSMS", "As CSMS"],
      ],
      this.side,
      (side) => this.turn(side),
    );
    this.modes = choice(
      "How",
      [
        ["form", "Form"],
        ["json", "JSON"],
        ["raw", "Raw"],
      ],
      this.mode,
      (mode) => this.show(mode),
    );
    this.summary = h("p", { class: "faint summary" });
    this.json = h("textarea", {
      class: "code",
      rows: 10,
      spellcheck: "false",
      "aria-label": "Payload as JSON",
      oninput: () => this.typed(),
    });
    this.wrong = h("div", { class: "note warn", role: "status", hidden: true });
    this.go = button([icon("send"), "Send"], () => this.send(true), { class: "primary" });
    this.all = button("Send it all the same", () => this.send(false), { hidden: true });
    this.fresh = button("First values", () => this.choose(this.action), { class: "quiet" });
    this.python = h("button", {
      type: "button",
      class: "code-line",
      title: "Insert this into the script",
      "aria-label": "Insert this line into the script",
      onclick: () => this.bench.insert(this.code),
    });
    this.shown = h("div", { class: "answers", "aria-live": "polite" });
    this.call = h(
      "div",
      { class: "stack" },
      h("div", { class: "stack tight" }, this.picker.element, this.summary),
      this.form.element,
      this.json,
      this.wrong,
      h("div", { class: "buttons bar" }, this.go, this.all, h("span", { class: "grow" }), this.fresh),
    );
    panel.append(
      h("div", { class: "choices" }, this.sides, this.modes),
      this.call,
      this.raw.element,
      this.shown,
      h("div", { class: "stack tight" }, h("span", { class: "label" }, "The same in Python"), this.python),
    );
  }

  async learn() {
    try {
      this.known = (await meanings()).actions;
    } catch {
      this.known = {};
    }
    this.offer();
    if (!this.action) this.choose(this.known.StatusNotification ? "StatusNotification" : (this.picker.options[0]?.value ?? ""));
  }

  /* Whether the CSMS of this server can be played. */
  async ask() {
    const state = `${store.chosen} ${store.point?.connected}`;
    if (state === this.asked) return;
    this.asked = state;
    const { csms } = await get("/admin").catch(() => ({ csms: null }));
    const can = Boolean(csms?.chargePoints.includes(store.chosen));
    this.sides.hidden = !can;
    if (!can && this.side !== OWN) this.sides.choose(OWN);
  }

  begin() {
    this.shown.replaceChildren();
    if (!this.touched && this.action) this.choose(this.action);
  }

  opened() {
    if (!this.touched && this.action) this.choose(this.action);
  }

  offer() {
    const all = Object.values(this.known).filter(({ sender }) => sender === "both" || (sender === OWN) === (this.side === OWN));
    const rank = Object.keys(PROFILES);
    all.sort((one, other) => rank.indexOf(one.profile) - rank.indexOf(other.profile) || one.action.localeCompare(other.action));
    this.picker.set(
      all.map(({ action, profile, summary }) => ({
        value: action,
        group: PROFILES[profile] ?? profile,
        text: summary.replace(/\s*OCPP 1\.6 §.*$/, ""),
      })),
    );
  }

  turn(side) {
    this.side = side;
    this.offer();
    this.modes.allow("raw", side === OWN);
    if (side !== OWN && this.mode === "raw") this.modes.choose("form");
    if (!this.picker.options.some(({ value }) => value === this.action))
      this.choose(side === OWN ? "StatusNotification" : "RemoteStartTransaction");
    else this.judge();
  }

  // --- the payload ---

  choose(action) {
    this.action = action;
    const known = this.known[action];
    this.touched = false;
    this.set(known ? first(known) : {});
  }

  /* Show an action with a payload. */
  async open(action, payload) {
    await this.ready;
    this.action = action;
    const sender = this.known[action]?.sender ?? OWN;
    if (sender !== "both" && (sender === OWN) !== (this.side === OWN) && !this.sides.hidden) this.sides.choose(sender);
    this.action = action;
    this.touched = true;
    this.set(payload ?? {});
    if (this.mode === "raw") this.modes.choose("form");
    this.go.focus();
  }

  async openRaw(text) {
    await this.ready;
    this.sides.choose(OWN);
    this.modes.choose("raw");
    this.raw.open(text);
    this.raw.area.focus();
  }

  set(payload) {
    this.payload = payload;
    this.picker.show(this.action);
    const known = this.known[this.action];
    this.summary.textContent = known?.summary ?? (this.action ? `OCPP has no action ${this.action}.` : "");
    this.json.value = JSON.stringify(payload, null, 2);
    this.bad = "";
    const object = payload !== null && typeof payload === "object" && !Array.isArray(payload);
    if (object) this.form.show(known?.request ?? { type: "object", properties: {} }, payload);
    this.show(object ? this.mode : "json");
  }

  took(payload) {
    this.payload = payload;
    this.touched = true;
    this.json.value = JSON.stringify(payload, null, 2);
    this.bad = "";
    this.judge();
  }

  typed() {
    this.touched = true;
    try {
      this.payload = JSON.parse(this.json.value);
      this.bad = "";
    } catch (error) {
      this.bad = `This is no JSON: ${error.message.replace(/^JSON\.parse: /, "")}.`;
    }
    this.judge();
  }

  show(mode) {
    if (mode === "form" && this.mode === "json") {
      const object = this.payload !== null && typeof this.payload === "object" && !Array.isArray(this.payload);
      if (this.bad || !object) {
        this.modes.mark("json");
        return this.json.focus();
      }
      this.form.show(this.known[this.action]?.request ?? { type: "object", properties: {} }, this.payload);
    }
    this.mode = mode;
    this.modes.mark(mode);
    this.form.element.hidden = mode !== "form";
    this.json.hidden = mode !== "json";
    this.json.rows = Math.min(24, Math.max(6, this.json.value.split("\n").length + 1));
    this.call.hidden = mode === "raw";
    this.raw.element.hidden = mode !== "raw";
    return mode === "raw" ? this.raw.tell() : this.judge();
  }

  judge() {
    if (this.mode === "raw") return;
    const schema = this.known[this.action]?.request;
    const faults = this.bad || !schema ? [] : check(schema, this.payload);
    const none = !schema && this.action ? `OCPP has no action ${this.action}.` : "";
    const lines = faults.map(({ path, text }) => h("li", {}, h("b", {}, named(path)), ` ${text}`));
    this.wrong.hidden = !(this.bad || none || faults.length);
    refill(
      this.wrong,
      this.bad || none || h("ul", {}, lines.slice(0, 8), lines.length > 8 ? h("li", {}, `and ${lines.length - 8} more`) : null),
    );
    this.go.hidden = Boolean(none || faults.length);
    this.go.disabled = Boolean(this.bad);
    this.all.hidden = !(none || faults.length);
    const validate = !none && !faults.length;
    if (this.bad) return;
    this.tell(
      this.side === OWN
        ? sendCode(this.action, stamped(this.payload), { known: Boolean(schema), validate })
        : callCode("csms.call", [
            [null, store.chosen],
            [null, this.action],
            ...(Object.keys(this.payload ?? {}).length ? [[null, this.payload]] : []),
            ...(validate ? [] : [["validate", false]]),
          ]),
    );
  }

  tell(text) {
    this.code = text;
    refill(this.python, h("code", {}, text));
    this.python.parentElement.hidden = !text;
  }

  // --- sending ---

  async send(validate) {
    if (!this.touched && this.known[this.action]) this.choose(this.action); // its moments are of now
    const { action, payload, side } = this;
    const name = store.chosen;
    const schema = this.known[action]?.response;
    const id = ids();
    const query = [validate ? "" : "validate=false", side === OWN ? `unique_id=${id}` : ""].filter(Boolean).join("&");
    const path = `${side === OWN ? at(name) : `/csms/${encodeURIComponent(name)}`}/call/${encodeURIComponent(action)}?${query}`;
    const began = performance.now();
    this.waiting = null;
    this.shown.replaceChildren();
    try {
      const answer = await ask("POST", path, payload);
      this.answered(resultCard(answer, schema, (performance.now() - began) / 1000));
    } catch (error) {
      this.answered(await errorCard(error, (performance.now() - began) / 1000, () => this.send(false)));
    }
    this.waiting = id;
    this.heard(store.exchanges.rows.slice(-100));
  }

  answered(card) {
    this.raw.sent = null;
    refill(this.shown, card);
    card.scrollIntoView({ block: "nearest" });
  }

  /* The latency on the wire is known with the message. */
  heard(rows) {
    if (!this.waiting) return;
    const answer = rows.find((one) => one.call?.uniqueId === this.waiting)?.answer;
    if (!answer) return;
    this.waiting = null;
    const place = this.shown.querySelector(".latency");
    if (place && answer.latency) place.textContent = `${(answer.latency * 1000).toPrecision(2)} ms`;
  }
}
