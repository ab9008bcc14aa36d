/* A button that opens a list of acts. */

import { h, icon } from "./dom.js";

/* items: [text, act] pairs; what: an element or text. */
export function menu(what, items, properties = {}) {
  const list = h("div", { class: "menu-list", hidden: true });
  const opener = h("button", { type: "button", "aria-haspopup": "true", "aria-expanded": "false", ...properties }, what);
  const show = (open) => {
    list.hidden = !open;
    opener.setAttribute("aria-expanded", String(open));
  };
  for (const [text, act] of items) {
    const close = () => {
      show(false);
      opener.focus();
      act();
    };
    list.append(h("button", { type: "button", class: "quiet", onclick: close }, text));
  }
  opener.addEventListener("click", () => {
    show(list.hidden);
    if (!list.hidden) list.firstChild.focus();
  });
  const made = h("div", { class: "menu" }, opener, list);
  made.addEventListener("focusout", (event) => made.contains(event.relatedTarget) || show(false));
  made.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") {
      show(false);
      opener.focus();
    } else if (step && !list.hidden) {
      event.preventDefault();
      const all = [...list.children];
      all[(all.indexOf(document.activeElement) + step + all.length) % all.length].focus();
    }
  });
  return made;
}

/* An icon with a text that a narrow page hides. */
export const labelled = (name, text) => [icon(name), h("span", { class: "label-text" }, text)];
