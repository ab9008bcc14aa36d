/* What a script prints, and how it ended. */

import { button, h, icon, refill, say } from "../dom.js";
import { seconds } from "../text.js";
import { copied } from "../toast.js";

const MOST = 100_000; // characters that are shown

export class Output {
  /* go(line): a line of the traceback was chosen. */
  constructor(go) {
    this.go = go;
    this.text = "";
    this.badge = h("span", { class: "badge" });
    this.lasted = h("span", { class: "faint" });
    this.printed = h("pre", { class: "printed", role: "log", "aria-label": "Output of the script", tabindex: 0 });
    this.fault = h("div", { class: "traceback" });
    const copy = button(icon("copy"), () => this.copy(), {
      class: "quiet small square",
      "aria-label": "Copy the output",
      title: "Copy the output",
    });
    const close = button(icon("cross"), () => this.hide(), {
      class: "quiet small square",
      "aria-label": "Close the output",
      title: "Close the output",
    });
    this.state = h("span", { role: "status" }, this.badge);
    this.element = h(
      "section",
      { class: "output", "aria-label": "Output", hidden: true },
      h("div", { class: "row" }, this.state, this.lasted, h("span", { class: "grow" }), copy, close),
      this.printed,
      this.fault,
    );
  }

  hide() {
    this.element.hidden = true;
  }

  clear() {
    this.text = "";
    this.printed.replaceChildren();
    this.fault.replaceChildren();
    say(this.lasted, "");
  }

  begin(text = "runs") {
    this.clear();
    this.element.hidden = false;
    this.tell("busy", text);
  }

  tell(tone, text) {
    this.badge.className = `badge ${tone}`;
    say(this.badge, text);
  }

  /* Show how long it runs, ms. */
  tick(ms) {
    say(this.lasted, ms < 1000 ? "" : `${Math.floor(ms / 1000)} s`);
  }

  print(text) {
    const atEnd = this.printed.scrollHeight - this.printed.scrollTop - this.printed.clientHeight < 24;
    this.text += `${text}\n`;
    if (this.text.length > MOST) {
      this.text = `…\n${this.text.slice(-MOST / 2)}`;
      this.printed.textContent = this.text;
    } else this.printed.append(`${text}\n`);
    if (atEnd) this.printed.scrollTop = this.printed.scrollHeight;
  }

  /* It has ended, after `lasted` seconds. */
  end({ ok, text }, lasted) {
    const stopped = !ok && wasStopped(text);
    this.tell(ok ? "good" : stopped ? "warn" : "bad", ok ? "went well" : stopped ? "stopped" : "failed");
    say(this.lasted, lasted === undefined ? "" : `after ${seconds(lasted)}`);
    const traceback = text ? tracebackOf(text, this.go) : null;
    refill(this.fault, stopped && traceback ? h("details", {}, h("summary", {}, "Where it was"), traceback) : traceback);
    if (ok && !this.text) refill(this.fault, h("p", { class: "faint" }, "It printed nothing."));
  }

  copy() {
    return copied([this.text, this.fault.textContent].filter(Boolean).join("\n"));
  }
}

/* Whether a script ended because somebody stopped it. */
export const wasStopped = (text) => /^(ocppsim\.errors\.)?Stopped\b/m.test(text);

/* A traceback, whose places in the script are buttons. */
function tracebackOf(text, go) {
  const parts = text.trimEnd().split(/(File "<script \d+ of [^"\n]*>", line \d+)/);
  return h(
    "pre",
    { tabindex: 0, role: "group", "aria-label": "Traceback" },
    parts.map((part, place) => {
      if (place % 2 === 0) return part;
      const line = Number(/\d+$/.exec(part)[0]);
      return h("button", { type: "button", class: "place", onclick: () => go(line) }, `line ${line} of the script`);
    }),
  );
}
