/* The scripts that were run, or gave way to another: the last 20, kept by the browser. */

import { button, h } from "../dom.js";

const KEY = "scripts";
const MOST = 20;
const STATES = new Map([
  [true, ["good", "went well"]],
  [false, ["bad", "failed"]],
  ["stopped", ["warn", "stopped"]],
]);
const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat([], { month: "short", day: "numeric" });

/* Newest first, each {time (ms), ok (true, false, "stopped"; null: it was not run), text, name (of the charge point)}. */
export function past() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "[]");
  } catch {
    return [];
  }
}

/* Add one. The same text is not kept twice. */
export function remember(text, { ok = null, name = "" } = {}) {
  if (!text.trim()) return;
  const others = past().filter((one) => one.text !== text);
  const before = past().find((one) => one.text === text);
  const kept = [{ time: Date.now(), ok: ok ?? before?.ok ?? null, text, name }, ...others].slice(0, MOST);
  while (kept.length) {
    try {
      localStorage.setItem(KEY, JSON.stringify(kept));
      return;
    } catch {
      kept.pop(); // the browser keeps a few megabytes
    }
  }
}

function firstLine(text) {
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
  return lines.find((line) => !/^("""|'''|from |import )/.test(line)) ?? lines[0] ?? "";
}

/* Open the list; take(text): one was chosen. */
export function historyDialog(take) {
  const all = past();
  const row = ({ time, ok, text, name }) => {
    const today = new Date(time).toDateString() === new Date().toDateString();
    const when = today ? clock.format(time) : day.format(time);
    const [tone, said] = STATES.get(ok) ?? ["", "not run"];
    const lines = text.trimEnd().split("\n").length;
    const choose = () => {
      dialog.close();
      take(text);
    };
    return h(
      "li",
      {},
      h(
        "button",
        { type: "button", class: "past", onclick: choose },
        h(
          "span",
          { class: "row" },
          h("span", { class: "faint" }, `${when}${name ? ` · ${name}` : ""} · ${lines} line${lines === 1 ? "" : "s"}`),
          h("span", { class: `badge ${tone}` }, said),
        ),
        h("code", {}, firstLine(text)),
      ),
    );
  };
  const list = all.length
    ? h("ul", { class: "pasts" }, all.map(row))
    : h("p", { class: "note" }, "Nothing was run yet. Each script that you run is kept here, in this browser.");
  const dialog = h(
    "dialog",
    { "aria-label": "Scripts that were run", onclose: () => dialog.remove() },
    h(
      "div",
      { class: "stack" },
      h("h2", {}, "Scripts that were run"),
      list,
      h(
        "div",
        { class: "buttons end" },
        button("Close", () => dialog.close()),
      ),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
}
