/* A field with a list below that what is typed narrows: for actions, by their profiles. */

import { h, refill } from "../dom.js";

let numbers = 0;

export class Picker {
  /* chosen(value): after a choice. label: for screen readers. */
  constructor(label, chosen) {
    this.chosen = chosen;
    this.options = []; // [{value, group, text}]
    this.value = "";
    const id = `picker-${++numbers}`;
    this.list = h("div", { class: "picker-list", role: "listbox", id, "aria-label": label, hidden: true });
    this.input = h("input", {
      role: "combobox",
      "aria-label": label,
      "aria-expanded": "false",
      "aria-controls": id,
      "aria-autocomplete": "list",
      autocomplete: "off",
      spellcheck: "false",
    });
    this.element = h("div", { class: "picker" }, this.input, this.list);
    this.input.addEventListener("input", () => this.open(this.input.value));
    this.input.addEventListener("click", () => this.open(""));
    this.input.addEventListener("focus", () => this.input.select());
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.element.addEventListener("focusout", (event) => this.element.contains(event.relatedTarget) || this.close());
    this.list.addEventListener("mousedown", (event) => event.preventDefault());
  }

  set(options) {
    this.options = options;
  }

  show(value) {
    this.value = value;
    this.input.value = value;
  }

  open(text) {
    const wanted = text.trim().toLowerCase();
    const found = this.options.filter(({ value, text: more }) => `${value} ${more}`.toLowerCase().includes(wanted));
    found.sort(
      (one, other) => Number(!one.value.toLowerCase().includes(wanted)) - Number(!other.value.toLowerCase().includes(wanted)),
    );
    const groups = new Map();
    for (const one of found) groups.set(one.group, [...(groups.get(one.group) ?? []), one]);
    const option = ({ value, text: more }) =>
      h(
        "div",
        {
          role: "option",
          id: `${this.list.id}-${value}`,
          dataset: { value },
          "aria-selected": "false",
          onclick: () => this.take(value),
        },
        h("b", {}, value),
        more && h("small", {}, more),
      );
    const shown = [...groups].map(([group, all]) =>
      h(
        "div",
        { role: "group", "aria-label": group },
        h("div", { class: "group", "aria-hidden": "true" }, group),
        all.map(option),
      ),
    );
    refill(this.list, shown.length ? shown : h("p", { class: "faint" }, wanted ? "Nothing is called so." : "There is nothing."));
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    this.mark(this.all.find((one) => one.dataset.value === this.value && !wanted) ?? this.all[0]);
  }

  get all() {
    return [...this.list.querySelectorAll("[role=option]")];
  }

  mark(one) {
    for (const other of this.all) other.setAttribute("aria-selected", String(other === one));
    if (!one) return this.input.removeAttribute("aria-activedescendant");
    this.input.setAttribute("aria-activedescendant", one.id);
    return one.scrollIntoView({ block: "nearest" });
  }

  close() {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
    this.input.value = this.value;
  }

  take(value) {
    this.show(value);
    this.close();
    this.chosen(value);
  }

  key(event) {
    const { all } = this;
    const place = all.findIndex((one) => one.getAttribute("aria-selected") === "true");
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      if (this.list.hidden) this.open("");
      else if (all.length) this.mark(all[(place + step + all.length) % all.length]);
    } else if (event.key === "Enter" && !this.list.hidden && all[place]) {
      event.preventDefault();
      this.take(all[place].dataset.value);
    } else if (event.key === "Escape" && !this.list.hidden) {
      event.preventDefault();
      this.close();
      this.input.select();
    }
  }
}
