/* The left of the page: the station, what people do to it, and what it measures. */

import { at, post } from "../api.js";
import { $, button, field, h, icon, refill, say } from "../dom.js";
import { store } from "../store.js";
import { scaled } from "../text.js";
import { attempt, toast } from "../toast.js";
import { Chart } from "./chart.js";
import { Drawing } from "./drawing.js";

const TAG = "04E8C2A2";
const ERRORS = [
  "ConnectorLockFailure", "EVCommunicationError", "GroundFailure", "HighTemperature", "InternalError", "LocalListConflict",
  "OtherError", "OverCurrentFailure", "OverVoltage", "PowerMeterFailure", "PowerSwitchFailure", "ReaderFailure", "ResetFailure",
  "UnderVoltage", "WeakSignal",
];

/* acted(name): told of each act that worked: "plug-in", "present-id-tag", "unplug", … */
export function station(section, acted) {
  new StationPane(section, acted);
}

class StationPane {
  constructor(section, acted) {
    this.acted = acted;
    this.head = $(".head", section);
    this.body = $(".body", section);
    this.connector = 1;
    this.drawing = new Drawing((connectorId) => this.choose(connectorId));
    this.chart = new Chart();
    this.tag = h("input", { value: localStorage.getItem("idTag") ?? TAG, maxlength: 20, "aria-label": "idTag of the card", spellcheck: "false" });
    this.tag.addEventListener("change", () => localStorage.setItem("idTag", this.tag.value));
    this.fault = h("select", { "aria-label": "What breaks" }, ERRORS.map((code) => h("option", { selected: code === "GroundFailure" }, code)));
    this.build();
    store.on("chosen", () => this.begin());
    store.on("station", (now) => this.show(now));
    store.on("point", () => this.show(store.station));
    this.show(null);
  }

  build() {
    const act = (name, text, what, body, properties = {}) =>
      button([icon(what), h("span", {}, text)], () => this.act(name, body()), { dataset: { key: name }, ...properties });
    const here = () => ({ connector: this.connector });
    this.acts = {
      in: act("plug-in", "Plug in", "plug", here),
      out: act("unplug", "Unplug", "unplug", here),
      tag: button([icon("card"), h("span", {}, "Hold up card")], () => this.present(), { dataset: { key: "card" } }),
      fault: act("fault", "Break", "break", () => ({ ...here(), errorCode: this.fault.value })),
      mend: act("mend", "Mend", "mend", here),
      pause: act("pause-car", "Pause car", "pause", here),
      resume: act("resume-car", "Resume car", "play", here),
      off: act("power-off", "Power off", "power", () => ({})),
      on: act("power-on", "Power on", "power", () => ({ wait: false })),
    };
    this.tabs = h("div", { class: "connectors", role: "group", "aria-label": "Connectors" });
    this.facts = ["Meter", "Transaction"].map((name) => [name, h("dd", {}, "–")]);
    this.live = h(
      "div",
      { class: "live" },
      this.drawing.element,
      this.tabs,
      h("div", { class: "acts" }, this.acts.in, this.acts.out),
      h("div", { class: "acts with" }, this.tag, this.acts.tag),
      h("dl", { class: "numbers" }, this.facts.map(([name, value]) => h("div", {}, h("dt", {}, name), value))),
      this.chart.element,
      h(
        "details",
        { class: "rare" },
        h("summary", {}, "Break, mend, pause, cut the power"),
        h("div", { class: "acts with" }, this.fault, this.acts.fault, this.acts.mend),
        h("div", { class: "acts" }, this.acts.pause, this.acts.resume),
        h(
          "div",
          { class: "acts" },
          this.acts.off,
          this.acts.on,
        ),
      ),
    );
    this.none = h("div", { class: "empty" });
    this.body.append(this.live, this.none);
    this.state = h("span", { class: "badge" });
    this.head.append(this.state);
  }

  begin() {
    this.connector = 1;
    this.chart.clear();
  }

  choose(connectorId) {
    if (connectorId !== this.connector) this.chart.clear();
    this.connector = connectorId;
    this.show(store.station);
  }

  show(now) {
    const point = store.point;
    this.live.hidden = !now || !point;
    this.none.hidden = !this.live.hidden;
    this.state.hidden = this.live.hidden;
    if (this.live.hidden) return this.explain(point);
    const one = now.connectors.find(({ connectorId }) => connectorId === this.connector) ?? now.connectors[0];
    this.connector = one.connectorId;
    this.state.className = `badge ${now.online ? "good" : "warn"}`;
    say(this.state, stateOf(now, point));
    this.drawing.show(now, this.connector, point);
    this.list(now);
    this.allow(one);
    this.acts.off.disabled = !now.powered;
    this.acts.on.disabled = now.powered;
    const said = [scaled(one.energy, "Wh"), session(one)];
    for (const [place, [, value]] of this.facts.entries()) say(value, said[place]);
    if (now !== this.last) this.chart.add(one);
    this.last = now;
  }

  list(now) {
    const shown = now.connectors.map((one) => `${one.connectorId}${one.status}`).join() + this.connector;
    if (shown === this.shown) return;
    this.shown = shown;
    refill(
      this.tabs,
      now.connectors.map((one) =>
        h(
          "button",
          {
            type: "button",
            class: "small",
            "aria-pressed": String(one.connectorId === this.connector),
            dataset: { status: one.status, key: `connector-${one.connectorId}` },
            onclick: () => this.choose(one.connectorId),
          },
          h("span", { class: "dot" }),
          `${one.connectorId} `,
          h("span", { class: "status" }, one.status),
        ),
      ),
    );
  }

  allow(one) {
    const { station, car } = one.plugged;
    this.acts.in.disabled = station && car;
    this.acts.out.disabled = !car && !(station && !one.fixed);
    const charging = one.session !== null;
    say(this.acts.tag.lastChild, charging ? "Card: stop" : "Hold up card");
  }

  explain(point) {
    if (point?.station) return refill(this.none, h("p", {}, "Looking at the station …"));
    if (!point) {
      return refill(this.none, icon("station"), h("h3", {}, "No charge point"), h("p", {}, "A station has connectors, cables and cars, and lives by itself. Connect a charge point first."));
    }
    const connectors = h("input", { type: "number", min: 1, max: 20, value: 2 });
    const speed = h("input", { type: "number", min: 1, max: 1000, value: 60 });
    const make = button("Make it a station", () => this.make(Number(connectors.value), Number(speed.value)), { class: "primary" });
    if (this.asked === point.name && this.none.contains(document.activeElement)) return undefined;
    this.asked = point.name;
    return refill(
      this.none,
      icon("station"),
      h("h3", {}, `${point.name} says only what you tell it to`),
      h("p", {}, "Make it a station, and it boots, charges, measures and reports by itself; you plug in the cable."),
      h("div", { class: "two" }, field("Connectors", connectors), field("Speed of its time", speed, "60: a minute in a second")),
      make,
    );
  }

  async make(connectors, speed) {
    await attempt(async () => {
      await post(at(store.chosen, "/station"), { connectors, speed });
      this.acted("station");
      await store.refresh();
      await store.look();
    });
  }

  /* Do something to the station. */
  async act(name, body) {
    const done = await attempt(() => post(at(store.chosen, `/station/${name}`), body));
    await store.look();
    if (done) this.acted(name);
  }

  async present() {
    const idTag = this.tag.value.trim();
    const done = await attempt(async () => {
      const { shown } = await post(at(store.chosen, "/station/present-id-tag"), { idTag, connector: this.connector });
      if (shown) toast(`The reader shows: ${shown}`);
    });
    await store.look();
    if (done) this.acted("present-id-tag");
  }
}

function stateOf(now, point) {
  if (now.online) return "in service";
  if (!now.powered) return "no power";
  return point.connected ? (now.registration ?? "starting") : "offline";
}

function session(one) {
  if (!one.session) return "none";
  const { idTag, transactionId } = one.session;
  return `${transactionId ?? "…"} · ${idTag}`;
}
