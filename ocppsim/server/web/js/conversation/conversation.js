/* The middle of the page: what charge point and CSMS say to each other. */

import { ask, at } from "../api.js";
import { $, button, copyText, h, save, say } from "../dom.js";
import { isBad, isError } from "../exchanges.js";
import { labelled, menu } from "../menu.js";
import { store } from "../store.js";
import { count } from "../text.js";
import { attempt, toast } from "../toast.js";
import { detailOf } from "./detail.js";
import { Filters } from "./filters.js";
import { List } from "./list.js";

const FORMS = {
  jsonl: ["JSON lines, for ocppsim-trace", "jsonl", "application/x-ndjson"],
  csv: ["CSV, for a spreadsheet", "csv", "text/csv"],
  mermaid: ["Mermaid, a diagram for documents", "mmd", "text/plain"],
  script: ["Python script, to play it again", "py", "text/x-python"],
};

/* bench: {openScript(text, name), openMessage(action, payload, options), openRaw(text)}. */
export function conversation(section, bench) {
  new Conversation(section, bench);
}

class Conversation {
  constructor(section, bench) {
    this.bench = bench;
    this.paused = false;
    this.missed = 0;
    this.exchanges = store.exchanges;
    this.filters = new Filters(() => this.sift());
    this.list = new List(
      (one) => detailOf(one, {
        again: (action, payload, row) => bench.openMessage(action, payload, { validate: !row.faults.length }),
        raw: (text) => bench.openRaw(text),
      }),
      (atEnd) => this.ended(atEnd),
    );
    this.build(section);
    store.on("rows", (rows) => this.came(rows));
    store.on("reset", () => this.begin());
    store.on("point", () => this.named());
    store.on("points", () => this.told());
    this.begin();
  }

  build(section) {
    const head = $(".head", section);
    this.said = h("span", { class: "said faint", role: "status" });
    this.pause = h("button", { type: "button", class: "small", "aria-pressed": "false", onclick: () => this.turnPause() }, labelled("pause", "Pause"));
    const clear = h("button", { type: "button", class: "small", onclick: () => this.clear() }, labelled("clear", "Clear"));
    const forms = Object.entries(FORMS).map(([form, [text]]) => [text, () => this.export(form)]);
    const exporting = menu(labelled("export", "Export"), [["Copy as text", () => this.copy()], ...forms], { class: "small" });
    const script = button(labelled("script", "Make a script"), () => this.script(), { class: "small", id: "make-script", title: "A Python script of the messages that are shown" });
    head.append(this.said, this.pause, clear, exporting, script);
    this.left = h("b", {});
    this.right = h("b", {}, "CSMS");
    const lifelines = h("div", { class: "lifelines", "aria-hidden": "true" }, h("span", {}, "time"), h("div", {}, this.left, this.right), h("span", {}, "answer"));
    this.more = h("button", { type: "button", class: "small primary more", hidden: true, onclick: () => this.toEnd() });
    this.empty = h("div", { class: "empty", hidden: true });
    section.append(this.filters.element, lifelines, this.list.element, this.empty, this.more);
    section.classList.add("conversation");
  }

  begin() {
    this.exchanges = store.exchanges;
    this.filters.forget();
    this.list.open.clear();
    this.list.follow = true;
    this.paused = false;
    this.pause.setAttribute("aria-pressed", "false");
    this.named();
    this.sift();
  }

  named() {
    say(this.left, store.chosen ?? "Charge point");
  }

  // --- what is shown ---

  sift() {
    const test = this.filters.test();
    this.dropped = this.exchanges.dropped;
    this.filters.offer(this.exchanges.rows);
    this.missed = 0;
    this.list.set(this.exchanges.rows.filter(test));
    this.told();
  }

  came(rows) {
    if (this.paused) {
      this.missed += rows.length;
      this.told();
      return;
    }
    if (this.exchanges.dropped !== this.dropped) return this.sift();
    this.filters.offer(rows);
    const test = this.filters.test();
    const last = this.list.rows.at(-1)?.place ?? -1;
    for (const one of rows) {
      if (one.place > last && one.place > (this.list.rows.at(-1)?.place ?? -1)) {
        if (test(one)) this.list.rows.push(one);
      } else this.update(one, test(one));
    }
    if (!this.list.follow) this.missed += rows.length;
    this.list.soon();
    this.told();
  }

  /* An answer came: the row may pass the filters now, or not any more. */
  update(one, passes) {
    const place = this.list.placeOf(one);
    const shown = this.list.rows[place] === one;
    if (passes && !shown) this.list.rows.splice(place, 0, one);
    else if (!passes && shown) this.list.rows.splice(place, 1);
    if (passes && shown) this.list.changed(one);
    else this.list.known = Math.min(this.list.known, place);
  }

  told() {
    cancelAnimationFrame(this.telling);
    this.telling = requestAnimationFrame(() => this.tell());
  }

  tell() {
    const shown = this.list.rows.length;
    const all = this.exchanges.rows.length;
    const rate = store.point?.rate ? ` · ${count(store.point.rate)}/s` : "";
    say(this.said, all ? `${this.filters.active ? `${count(shown)} of ` : ""}${count(all)}${rate}` : "");
    this.more.hidden = !(this.paused ? this.missed : !this.list.follow);
    say(this.more, this.paused ? `Go on (${count(this.missed)} new)` : this.missed ? `↓ ${count(this.missed)} new` : "↓ To the end");
    this.empty.hidden = shown > 0;
    this.list.element.hidden = shown === 0;
    if (!shown) this.explain(all);
  }

  explain(all) {
    if (all && this.filters.active) {
      const back = h("button", { type: "button", onclick: () => this.filters.reset() }, "Show all");
      this.empty.replaceChildren(h("h3", {}, "No message passes the filters"), back);
    } else if (all) {
      const back = h("button", { type: "button", onclick: () => this.unclear() }, "Show them again");
      this.empty.replaceChildren(h("h3", {}, "Cleared"), h("p", {}, "New messages appear here as they come."), back);
    } else if (store.chosen) {
      this.empty.replaceChildren(
        h("h3", {}, "Nothing was said yet"),
        h("p", {}, "Each message appears here as it passes: what the charge point asks (→), what the CSMS asks (←), and the answers."),
      );
    } else {
      this.empty.replaceChildren(
        h("h3", {}, "No charge point yet"),
        h("p", {}, "Connect one, at the top left. The messages between it and its CSMS appear here as they pass."),
      );
    }
  }

  ended(atEnd) {
    if (atEnd) this.missed = 0;
    this.told();
  }

  // --- what people do ---

  toEnd() {
    if (this.paused) this.turnPause();
    this.missed = 0;
    this.list.toEnd();
  }

  turnPause() {
    this.paused = !this.paused;
    this.pause.setAttribute("aria-pressed", String(this.paused));
    if (!this.paused) this.sift();
    this.told();
  }

  clear() {
    this.filters.after = this.exchanges.rows.at(-1)?.place ?? -1;
    this.list.open.clear();
    this.sift();
  }

  unclear() {
    this.filters.after = -1;
    this.sift();
  }

  numbers() {
    return this.list.rows.flatMap((one) => [one.call?.number, one.answer?.number]).filter((number) => number !== undefined);
  }

  async fetch(form) {
    const numbers = this.numbers();
    if (!numbers.length) throw new Error("There is no message to export.");
    return ask("POST", at(store.chosen, `/messages/export?format=${form}`), { numbers }, { text: true });
  }

  export(form) {
    const [, ending, type] = FORMS[form];
    return attempt(async () => save(`${store.chosen}.${ending}`, await this.fetch(form), type));
  }

  script() {
    return attempt(async () => {
      const text = await this.fetch("script");
      this.bench.openScript(text, `${store.chosen}.py`);
      const odd = this.list.rows.filter((one) => isBad(one) || isError(one)).length;
      toast("The messages are a script now", { hint: `${odd ? "Those that broke the protocol are in it too. " : ""}Save it by ⋯ beside History, and run it with: ocppsim FILE. Run here, it ends the station.` });
    });
  }

  copy() {
    return attempt(async () => {
      const text = await this.fetch("jsonl");
      const lines = text.trim().split("\n").map((line) => {
        const { time, direction, frame, text: bad } = JSON.parse(line);
        return `${time} ${direction === "sent" ? "→" : "←"} ${frame ? JSON.stringify(frame) : bad}`;
      });
      await copyText(lines.join("\n"));
      toast(`${count(lines.length)} messages copied`);
    });
  }
}
