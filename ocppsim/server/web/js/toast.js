/* Notices in a corner of the page. */

import { $, copyText, h } from "./dom.js";

const STAY = 8000; // ms

/* Show a text. kind: "bad" stays until it is closed. */
export function toast(text, { kind = "", hint = "" } = {}) {
  const shelf = $("#toasts");
  const close = h("button", { class: "quiet small square", "aria-label": "Close this notice", onclick: () => made.remove() }, "×");
  const made = h("div", { class: `toast ${kind}` }, h("p", {}, text, hint && h("small", {}, hint)), close);
  while (shelf.children.length > 3) shelf.firstChild.remove();
  shelf.append(made);
  if (kind !== "bad") setTimeout(() => made.remove(), STAY);
}

/* Show an error, as the server tells it. */
export function complain(error) {
  if (error.name === "AbortError") return;
  toast(error.what ?? error.message, { kind: "bad", hint: error.hint });
}

/* Put `text` into the clipboard, and say so. */
export async function copied(text) {
  if (await attempt(() => copyText(text))) toast("Copied");
}

/* Do something, and show what goes wrong. Gives whether nothing did. */
export async function attempt(act) {
  try {
    await act();
    return true;
  } catch (error) {
    complain(error);
    return false;
  }
}
