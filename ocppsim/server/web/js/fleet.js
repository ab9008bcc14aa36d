/* All charge points at once: a tile each, coloured by state; and acts on many of them. */

import { at, ask, post, remove, several } from "./api.js";
import { $, button, h, icon, refill, say } from "./dom.js";
import { connectDialog } from "./connect.js";
import { store } from "./store.js";
import { count } from "./text.js";
import { complain, toast } from "./toast.js";

const AT_ONCE = 4; // requests; a browser has six connections
const TAG = () => localStorage.getItem("idTag") ?? "04E8C2A2";

const ACTS = [
  ["Connect", (name) => post(at(name, "/connect"))],
  ["Disconnect", (name) => post(at(name, "/disconnect"))],
  ["Drop the line", (name) => post(at(name, "/disconnect"), { how: "reset" })],
  ["Plug in", (name) => post(at(name, "/station/plug-in"), { connector: 1 })],
  ["Hold up card", (name) => post(at(name, "/station/present-id-tag"), { idTag: TAG(), connector: 1, wait: false })],
  ["Unplug", (name) => post(at(name, "/station/unplug"), { connector: 1 })],
  ["Heartbeat", (name) => post(at(name, "/call/Heartbeat"))],
];

/* opened(name): a tile was opened. */
export class Fleet {
  constructor(section, opened) {
    this.section = section;
    this.opened = opened;
    this.chosen = new Set();
    this.tiles = new Map();
    this.due = false;
    this.build();
    store.on("points", () => this.soon());
    this.show();
  }

  build() {
    const head = $(".head", this.section);
    this.said = h("span", { class: "faint", role: "status" });
    this.search = h("input", { type: "search", placeholder: "Find by name, URL or state", "aria-label": "Find charge points", oninput: () => this.soon() });
    const add = h("button", { type: "button", class: "primary", onclick: () => connectDialog({}) }, icon("plus"), "Add charge points");
    head.append(this.said, this.search, add);
    this.all = h("input", { type: "checkbox", id: "fleet-all", onchange: () => this.chooseAll() });
    this.progress = h("progress", { hidden: true, "aria-label": "Charge points done" });
    this.acts = ACTS.map(([text, act]) => button(text, () => this.each(text, act), { class: "small" }));
    this.acts.push(button("Run the script", () => this.run(), { class: "small" }));
    this.acts.push(button("Remove", () => this.drop(), { class: "small danger" }));
    this.bar = h("div", { class: "bulk" }, h("div", { class: "check" }, this.all, h("label", { for: "fleet-all" }, "All")), this.acts, this.progress);
    this.legend = h("ul", { class: "legend", "aria-label": "How many are in which state" });
    this.grid = h("ul", { class: "tiles" });
    this.empty = h("div", { class: "empty" }, h("h3", {}, "No charge points"), h("p", {}, "Add one, or a hundred: they are numbered on from the first name."));
    $(".body", this.section).append(this.bar, this.legend, this.grid, this.empty);
  }

  soon() {
    if (this.due) return;
    this.due = true;
    // not faster than people see
    setTimeout(() => {
      this.due = false;
      this.show();
    }, 200);
  }

  found() {
    const needle = this.search.value.trim().toLowerCase();
    return [...store.points.values()].filter((one) => !needle || `${one.name} ${one.url} ${stateOf(one)}`.toLowerCase().includes(needle));
  }

  show() {
    const points = this.found();
    const rate = points.reduce((sum, one) => sum + one.rate, 0);
    say(this.said, `${count(points.length)} · ${count(points.filter((one) => one.connected).length)} connected · ${count(rate)} messages/s`);
    this.empty.hidden = store.points.size > 0;
    this.bar.hidden = !store.points.size;
    if (this.section.hidden) return;
    const names = new Set(points.map((one) => one.name));
    for (const [name, tile] of this.tiles) {
      if (names.has(name)) continue;
      tile.element.remove();
      this.tiles.delete(name);
      if (!store.points.has(name)) this.chosen.delete(name);
    }
    for (const one of points) {
      if (!this.tiles.has(one.name)) {
        const tile = this.tile(one.name);
        this.tiles.set(one.name, tile);
        this.grid.append(tile.element);
      }
      this.paint(this.tiles.get(one.name), one);
    }
    const states = new Map();
    for (const one of points) states.set(stateOf(one), (states.get(stateOf(one)) ?? 0) + 1);
    refill(this.legend, [...states].map(([state, many]) => h("li", { dataset: { status: state } }, h("span", { class: "dot" }), `${words(state)} ${many}`)));
    this.allow();
  }

  tile(name) {
    const box = h("input", { type: "checkbox", "aria-label": `Choose ${name}`, onchange: () => this.choose(name, box.checked) });
    const [status, rate, queue] = [h("span", { class: "status" }), h("span", { class: "rate" }), h("span", { class: "badge warn" })];
    const dots = h("span", { class: "dots" });
    const open = h("button", { type: "button", class: "open", onclick: () => this.opened(name) }, h("b", {}, name), status, dots);
    const element = h("li", { class: "tile" }, box, open, h("div", { class: "foot" }, rate, queue));
    return { element, box, status, rate, queue, dots, open };
  }

  paint(tile, one) {
    const state = stateOf(one);
    tile.element.dataset.status = state;
    tile.element.toggleAttribute("data-chosen", this.chosen.has(one.name));
    tile.box.checked = this.chosen.has(one.name);
    say(tile.status, words(state));
    tile.open.setAttribute("aria-label", `Open ${one.name}, ${words(state)}`);
    say(tile.rate, one.rate ? `${count(one.rate)} messages/s` : `${count(one.messages)} messages`);
    tile.queue.hidden = !one.queue && !one.violations;
    say(tile.queue, [one.queue && `${one.queue} queued`, one.violations && `${one.violations} wrong`].filter(Boolean).join(", "));
    const dots = Object.entries(one.connectors).filter(([id]) => id !== "0").map(([, status]) => status);
    if (tile.dots.dataset.shown !== dots.join()) {
      tile.dots.dataset.shown = dots.join();
      refill(tile.dots, dots.slice(0, 8).map((status) => h("span", { class: "dot", dataset: { status }, title: status })));
    }
  }

  choose(name, whether) {
    if (whether) this.chosen.add(name);
    else this.chosen.delete(name);
    this.show();
  }

  chooseAll() {
    for (const one of this.found()) this.chosen[this.all.checked ? "add" : "delete"](one.name);
    this.show();
  }

  allow() {
    const some = this.chosen.size > 0;
    for (const one of this.acts) one.disabled = !some;
    this.all.checked = some && this.found().every((one) => this.chosen.has(one.name));
    this.all.indeterminate = some && !this.all.checked;
  }

  /* Do it to each that is chosen, a few at a time. */
  async each(text, act) {
    const names = [...this.chosen];
    const wrong = [];
    let done = 0;
    Object.assign(this.progress, { max: names.length, value: 0, hidden: false });
    await several(names, AT_ONCE, async (name) => {
      try {
        await act(name);
      } catch (error) {
        wrong.push([name, error]);
      }
      this.progress.value = ++done;
    });
    this.progress.hidden = true;
    if (wrong.length === 1) complain(wrong[0][1]);
    else if (wrong.length) toast(`${text}: ${wrong.length} of ${names.length} refused`, { kind: "bad", hint: `${wrong[0][0]}: ${wrong[0][1].message}` });
    else toast(`${text}: ${count(names.length)} done`);
    store.refresh();
  }

  run() {
    const text = localStorage.getItem("script") ?? "";
    if (!text.trim()) return toast("The editor of the workbench is empty: write a script there first.");
    return this.each("Run the script", (name) => ask("POST", at(name, "?background=true&wait=false"), text, { script: true }));
  }

  drop() {
    const names = [...this.chosen];
    const sure = h(
      "dialog",
      { "aria-label": "Remove", onclose: () => sure.remove() },
      h("h2", {}, `Remove ${names.length === 1 ? names[0] : `${names.length} charge points`}?`),
      h("p", {}, "Their connections are closed and their messages forgotten."),
      h("div", { class: "buttons end" }, button("Cancel", () => sure.close()), button("Remove", () => (sure.close(), this.each("Remove", (name) => remove(at(name)))), { class: "danger" })),
    );
    document.body.append(sure);
    sure.showModal();
  }
}

/* The state that a tile shows: the worst, or the most lively, of its connectors. */
function stateOf(one) {
  if (!one.connected) return "disconnected";
  const all = Object.values(one.connectors);
  const first = ["Faulted", "Charging", "SuspendedEV", "SuspendedEVSE", "Preparing", "Finishing", "Reserved", "Unavailable", "Available"];
  return first.find((status) => all.includes(status)) ?? "connected";
}

const words = (state) => ({ connected: "Connected", disconnected: "Not connected" })[state] ?? state;
