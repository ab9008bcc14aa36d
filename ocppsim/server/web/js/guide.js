/* The first charge, step by step: each step is ticked off when it was done. */

import { h, icon, refill } from "./dom.js";
import { store } from "./store.js";

const STEPS = [
  ["plug-in", "Plug in the cable", "Press “Plug in” below the drawing. The station tells its CSMS: StatusNotification, Preparing."],
  ["present-id-tag", "Hold up a card", "Press “Hold up card”. The CSMS is asked (Authorize), and the charging begins (StartTransaction)."],
  ["open", "Read a message", "Click a row of the messages: each field says what it means."],
  ["stop", "End the charging", "Hold up the card once more, or unplug. StopTransaction tells what was charged."],
  ["script", "Take it home", "Press “Make a script” above the messages: what you did is Python now. Save it by ⋯ beside History."],
];

export class Guide {
  constructor() {
    this.done = new Set(JSON.parse(localStorage.getItem("guide") ?? "[]"));
    this.element = h("section", { class: "guide", "aria-label": "Your first charge" });
    store.on("station", (now) => Boolean(now) === this.element.hidden && this.show());
    this.show();
  }

  /* Something was done: the name of a step, or of an act on the station. */
  did(name) {
    const charging = store.station?.connectors.some((one) => one.session !== null);
    if (name === "unplug" || (name === "present-id-tag" && this.done.has("present-id-tag") && !charging)) name = "stop";
    if (name === "stop" && !this.done.has("present-id-tag")) return;
    if (this.done.has(name) || !STEPS.some(([step]) => step === name)) return;
    this.done.add(name);
    this.keep();
    this.show();
  }

  keep() {
    localStorage.setItem("guide", JSON.stringify([...this.done]));
  }

  show() {
    this.element.hidden = this.done.has("closed") || !store.station;
    const next = STEPS.findIndex(([step]) => !this.done.has(step));
    document.body.dataset.next = next < 0 || this.element.hidden ? "" : STEPS[next][0];
    const close = h("button", { type: "button", class: "quiet small square", "aria-label": "Close the first steps", onclick: () => this.close() }, icon("cross"));
    const bars = STEPS.map(([step, title], place) =>
      h("li", { class: this.done.has(step) ? "done" : place === next ? "now" : "", "aria-current": place === next ? "step" : false }, h("span", { class: "unseen" }, `${title}${this.done.has(step) ? ", done" : ""}`)),
    );
    const head = next < 0 ? "You have charged a car" : `Your first charge: step ${next + 1} of ${STEPS.length}`;
    const [title, text] = next < 0 ? ["", ""] : STEPS[next].slice(1);
    const now = next < 0
      ? h("p", {}, "And the script is yours. ", h("a", { href: "/docs/tutorial.html", target: "_blank" }, "The tutorial"), " goes on from here.")
      : h("p", {}, h("b", {}, `${title}. `), text);
    refill(this.element, h("div", { class: "row" }, h("h3", {}, head), close), h("ol", {}, bars), now);
  }

  close() {
    this.done.add("closed");
    this.keep();
    this.show();
  }
}
