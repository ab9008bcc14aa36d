/* What goes on by itself: heartbeats and meter values, switched on and off. */

import { at, put, remove } from "../api.js";
import { h, say } from "../dom.js";
import { store } from "../store.js";
import { complain } from "../toast.js";
import { context } from "./context.js";
import { heartbeatCode, meterCode } from "./snippets.js";

/* insert(text): put the line of Python into the editor. */
export function switches(insert) {
  const number = (label, value, min, max) => h("input", { type: "number", min, max, value, step: "any", "aria-label": label });
  const beat = number("Seconds between heartbeats", 30, 1, 86400);
  const every = number("Seconds between MeterValues", 10, 0.1, 86400);
  const power = number("Power, in watts", 7360, 0, 1e9);
  const connector = number("Connector of the MeterValues", 1, 0, 1000);
  const heart = new Switch(
    "heartbeat",
    "Heartbeats",
    beat,
    () => ({ interval: Number(beat.value) }),
    ({ interval }) => heartbeatCode(interval),
    insert,
  );
  const meter = new Switch("meter-values", "MeterValues", every, meterValues, meterCode, insert);

  function meterValues() {
    const found = context();
    const given = { interval: Number(every.value), connectorId: Number(connector.value), power: Number(power.value) };
    if (found.transactionId > 0 && found.connectorId === given.connectorId)
      Object.assign(given, { transactionId: found.transactionId, meter: found.meter });
    return given;
  }

  const element = h(
    "section",
    { class: "switches", "aria-label": "By itself" },
    heart.row(h("span", {}, "every ", beat, " s")),
    meter.row(h("span", {}, "every ", every, " s at "), h("span", {}, power, " W on connector ", connector)),
  );
  for (const input of [beat, every, power, connector]) input.addEventListener("input", () => show());
  for (const [inputs, one] of [
    [[beat], heart],
    [[every, power, connector], meter],
  ]) {
    for (const input of inputs) input.addEventListener("change", () => one.again());
  }
  function show() {
    const point = store.point;
    element.hidden = !point;
    heart.show(point?.heartbeat ?? null, Boolean(point?.connected));
    meter.show(point?.meter_values ?? null, Boolean(point?.connected));
  }
  store.on("point", show);
  store.on("chosen", () => {
    connector.value = context().connectorId;
    show();
  });
  store.on("station", () => meter.say());
  show();
  return element;
}

class Switch {
  constructor(route, name, every, body, line, insert) {
    Object.assign(this, { route, name, every, body, line, insert });
    this.input = h("input", { type: "checkbox", class: "switch", id: `switch-${route}` });
    this.input.addEventListener("change", () => this.set(this.input.checked));
    this.code = h("code", {});
    this.button = h(
      "button",
      {
        type: "button",
        class: "code-line",
        title: "Insert this into the script",
        "aria-label": `Insert the line for ${name}`,
        onclick: () => insert(this.line(this.body())),
      },
      this.code,
    );
  }

  row(...rest) {
    return h(
      "div",
      { class: "switch-row" },
      this.input,
      h("div", { class: "check" }, h("label", { for: this.input.id }, this.name), rest),
      this.button,
    );
  }

  /* interval: s, or null where there are none. */
  show(interval, connected) {
    this.input.disabled = !connected && interval === null;
    if (this.input !== document.activeElement || !this.busy) this.input.checked = interval !== null;
    if (interval !== null && !this.busy && this.every !== document.activeElement) this.every.value = interval;
    this.say();
  }

  say() {
    say(this.code, this.line(this.body()));
  }

  /* Something was changed: have it so at once, where it is on. */
  again() {
    if (this.input.checked) this.set(true);
  }

  async set(on) {
    this.busy = true;
    try {
      const path = at(store.chosen, `/${this.route}`);
      await (on ? put(path, this.body()) : remove(path));
    } catch (error) {
      this.input.checked = !on;
      complain(error);
    } finally {
      this.busy = false;
    }
    store.refresh();
  }
}
