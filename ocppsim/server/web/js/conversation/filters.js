/* Which rows are shown. */

import { h, refill, select } from "../dom.js";
import { isBad, isError, textOf } from "../exchanges.js";

/* changed(): called when other rows are to be shown. */
export class Filters {
  constructor(changed) {
    this.changed = changed;
    this.after = -1; // the place of the last row that was cleared away
    this.actions = new Set();
    this.search = h("input", { type: "search", placeholder: "Search in messages", "aria-label": "Search in messages", oninput: () => this.typed() });
    this.action = select([["", "All actions"]], "", { "aria-label": "Action", onchange: changed });
    this.direction = select(
      [["", "Both directions"], ["own", "Charge point asks"], ["theirs", "CSMS asks"]],
      "",
      { "aria-label": "Direction", onchange: changed },
    );
    this.quiet = this.chip("Hide heartbeats");
    this.wrong = this.chip("Only problems");
    this.element = h("div", { class: "filters" }, this.search, this.action, this.direction, this.quiet, this.wrong);
    this.timer = 0;
  }

  chip(text) {
    const press = (event) => {
      const pressed = event.currentTarget.getAttribute("aria-pressed") === "true";
      event.currentTarget.setAttribute("aria-pressed", String(!pressed));
      this.changed();
    };
    return h("button", { type: "button", class: "small", "aria-pressed": "false", onclick: press }, text);
  }

  typed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(this.changed, 120);
  }

  /* Offer the actions of these rows. */
  offer(rows) {
    const before = this.actions.size;
    for (const one of rows) if (one.action) this.actions.add(one.action);
    if (this.actions.size === before) return;
    const chosen = this.action.value;
    const texts = [["", "All actions"], ...[...this.actions].sort().map((name) => [name, name])];
    refill(this.action, texts.map(([value, text]) => h("option", { value, selected: value === chosen }, text)));
  }

  /* Back to all rows of another charge point. */
  forget() {
    this.after = -1;
    this.actions.clear();
    refill(this.action, h("option", { value: "" }, "All actions"));
  }

  /* Back to no filter. */
  reset() {
    this.search.value = this.action.value = this.direction.value = "";
    for (const chip of [this.quiet, this.wrong]) chip.setAttribute("aria-pressed", "false");
    this.changed();
  }

  get active() {
    return Boolean(this.search.value || this.action.value || this.direction.value || this.pressed(this.quiet) || this.pressed(this.wrong));
  }

  pressed(chip) {
    return chip.getAttribute("aria-pressed") === "true";
  }

  /* A test of a row, as things are set now. */
  test() {
    const needle = this.search.value.trim().toLowerCase();
    const action = this.action.value;
    const direction = this.direction.value;
    const quiet = this.pressed(this.quiet);
    const wrong = this.pressed(this.wrong);
    return (one) => {
      if (one.place <= this.after) return false;
      if (one.mark) return true;
      if (action && one.action !== action) return false;
      if (direction && one.own !== (direction === "own")) return false;
      if (quiet && one.action === "Heartbeat") return false;
      if (wrong && !isBad(one) && !isError(one)) return false;
      return !needle || textOf(one).includes(needle);
    };
  }
}
