/* Scripts: written, run, stopped, kept. */

import { ask, at, post } from "../api.js";
import { button, h, icon, save } from "../dom.js";
import { menu } from "../menu.js";
import { store } from "../store.js";
import { complain, toast } from "../toast.js";
import { Editor } from "./editor.js";
import { historyDialog, remember } from "./history.js";
import { Output, wasStopped } from "./output.js";
import { faultIn } from "./python.js";
import { example, headFor, snippet, SNIPPET_NAMES } from "./snippets.js";
import { switches } from "./switches.js";

const BACKGROUND = "?background=true&wait=false";
const KEY = "script";
const LATER = 300; // ms

export class ScriptPane {
  constructor(panel) {
    this.name = "script.py";
    this.mine = null; // {name, text, number, since} of the script that runs from here
    this.editor = new Editor({ changed: () => this.keepSoon(), run: () => this.run() });
    this.output = new Output((line) => this.editor.go(line));
    this.build(panel);
    this.editor.text = localStorage.getItem(KEY) ?? "";
    this.timer = 0;
    store.on("script", (data) => (data.state === "started" ? this.started(data) : this.ended(data)));
    store.on("output", (data) => this.printed(data));
    store.on("chosen", () => this.chosen());
    store.on("point", () => this.show());
    addEventListener("pagehide", () => this.keep());
    setInterval(() => this.tick(), 1000);
    this.show();
  }

  build(panel) {
    this.go = button([icon("play"), "Run"], () => this.run(), { class: "primary" });
    this.halt = button([icon("stop"), "Stop"], () => this.stop());
    const file = h("input", {
      type: "file",
      accept: ".py,text/x-python,text/plain",
      hidden: true,
      onchange: () => this.load(file),
    });
    const more = menu(
      icon("more"),
      [
        ["New script", () => this.open("", "script.py")],
        ["Open a file …", () => file.click()],
        ["Save as a file", () => save(this.name, this.editor.text, "text/x-python")],
      ],
      { class: "quiet square", "aria-label": "More for this script" },
    );
    this.bar = h(
      "div",
      { class: "toolbar" },
      this.go,
      this.halt,
      h("span", { class: "grow" }),
      button("History", () => historyDialog((text) => this.open(text)), { class: "quiet" }),
      more,
      file,
    );
    const chips = SNIPPET_NAMES.map((name) =>
      h("button", { type: "button", class: "chip", onclick: () => this.insert(snippet(name, this.editor.text)) }, name),
    );
    const tools = h(
      "div",
      { class: "chips", role: "group", "aria-label": "Insert a call" },
      h("span", { class: "label" }, "Insert"),
      chips,
    );
    this.first = h(
      "div",
      { class: "first" },
      h("p", {}, "Write Python here, or insert a call from above. ", h("code", {}, "cp"), " is this charge point."),
      button("Begin with an example", () => this.editor.replace(example()), { class: "small" }),
    );
    this.editor.element.append(this.first);
    panel.append(
      this.bar,
      tools,
      this.editor.element,
      this.output.element,
      switches((text) => this.insert(text)),
    );
  }

  /* Put another script into the editor; what was there goes into the history. */
  open(text, name = "") {
    if (this.editor.text !== text) remember(this.editor.text);
    if (name) this.name = name;
    this.editor.replace(text);
    this.keep();
  }

  // --- the text ---

  insert(text) {
    this.editor.insert(text, headFor(text, this.editor.text));
  }

  keepSoon() {
    this.first.hidden = Boolean(this.editor.text);
    clearTimeout(this.later);
    this.later = setTimeout(() => this.keep(), LATER);
  }

  keep() {
    this.first.hidden = Boolean(this.editor.text);
    try {
      localStorage.setItem(KEY, this.editor.text);
    } catch {
      // it is too long for the browser; it stays as long as the page does
    }
  }

  async load(file) {
    const [one] = file.files;
    if (!one) return;
    if (one.size > 1_000_000) {
      toast(`${one.name} is too large`, { kind: "bad", hint: "A script has at most 1 MB." });
    } else this.open((await one.text()).replaceAll("\r\n", "\n"), one.name);
    file.value = "";
  }

  // --- running ---

  async run() {
    const { text } = this.editor;
    const name = store.chosen;
    if (!name) return toast("Connect a charge point first.");
    if (!text.trim()) {
      this.editor.area.focus();
      return toast("The editor is empty: insert a call, or begin with the example.");
    }
    if (store.point?.busy || this.mine?.name === name)
      return toast(`A script runs for ${name} already.`, { hint: "Stop it, or wait for its end." });
    this.keep();
    remember(text, { name });
    this.editor.unmark();
    const mine = (this.mine = { name, text, number: null, since: Date.now() });
    this.output.begin();
    this.show();
    try {
      const answer = await ask("POST", at(name, BACKGROUND), text, { script: true });
      mine.number = answer.script;
    } catch (error) {
      if (this.mine === mine) {
        this.mine = null;
        this.output.hide();
        this.show();
        complain(error);
      }
    }
    return undefined;
  }

  started(data) {
    if (data.chargePoint !== store.chosen) return;
    if (this.mine && this.mine.name === store.chosen) this.mine.number ??= data.script;
    else this.output.begin("another script runs");
    this.since = Date.now();
    this.show();
  }

  printed(data) {
    if (data.chargePoint !== store.chosen) return;
    if (this.output.element.hidden) this.output.begin();
    this.output.print(data.text);
  }

  ended(data) {
    const mine = this.mine;
    if (mine?.name === data.chargePoint && (mine.number === null || mine.number === data.script)) this.finish(mine, data);
    else if (data.chargePoint === store.chosen) this.output.end(data, data.seconds);
    this.show();
  }

  /* The end came, as an event. */
  finish(mine, data) {
    if (this.mine !== mine) return;
    this.mine = null;
    const stopped = !data.ok && wasStopped(data.text);
    remember(mine.text, { ok: stopped ? "stopped" : data.ok, name: mine.name });
    if (mine.name === store.chosen) {
      this.output.end(data, data.seconds ?? (Date.now() - mine.since) / 1000);
      const { line, message } = faultIn(data.text);
      if (!data.ok && !stopped && line && this.editor.text === mine.text) this.editor.mark(line, message);
    }
    this.show();
  }

  async stop() {
    try {
      const { woken, interrupted, left } = await post(at(store.chosen, "/stop"));
      if (left.length) toast("It does not stop, and was left behind", { kind: "bad", hint: left.join("; ") });
      else toast(woken.length + interrupted.length ? "Stopped" : "Nothing was running");
    } catch (error) {
      complain(error);
    }
    store.refresh();
  }

  // --- what is shown ---

  chosen() {
    this.output.hide();
    this.output.clear();
    this.show();
  }

  get running() {
    return this.mine?.name === store.chosen || Boolean(store.point?.busy);
  }

  show() {
    const { point } = store;
    this.go.disabled = !point || this.running;
    this.halt.disabled = !this.running;
    this.go.title = point ? `Run it on ${point.name} (Control and Enter)` : "";
    // its end was not heard, as the line to the server was lost meanwhile
    const mine = this.mine;
    if (mine && mine.number !== null && mine.name === store.chosen && point && !point.busy && Date.now() - mine.since > 3000)
      this.lost ??= setTimeout(() => this.miss(mine), 2000);
  }

  miss(mine) {
    this.lost = undefined;
    if (this.mine !== mine || store.point?.busy) return;
    this.mine = null;
    this.output.tell("warn", "it has ended; how was not heard");
    this.show();
  }

  tick() {
    if (this.running && !this.output.element.hidden)
      this.output.tick(Date.now() - (this.mine?.since ?? this.since ?? Date.now()));
  }
}
