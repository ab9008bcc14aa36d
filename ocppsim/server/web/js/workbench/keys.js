/* The configuration keys: looked at, set, added. */

import { at, get, post, put } from "../api.js";
import { button, field, h, icon, refill, select } from "../dom.js";
import { store } from "../store.js";
import { complain, toast } from "../toast.js";

const ACCESS = { RW: "read and write", R: "the CSMS may only read it", W: "the CSMS may only write it" };

export class KeysPane {
  constructor(panel) {
    this.keys = [];
    this.search = h("input", {
      type: "search",
      placeholder: "Search the keys",
      "aria-label": "Search the keys",
      oninput: () => this.sift(),
    });
    this.list = h("div", { class: "key-list" });
    this.serve = h("div", {});
    panel.append(
      h(
        "div",
        { class: "row" },
        this.search,
        button([icon("plus"), "Add a key"], () => this.add()),
      ),
      this.serve,
      this.list,
    );
    store.on("chosen", () => this.look());
    store.on("rows", (rows) => rows.some((one) => one.action === "ChangeConfiguration" && one.answer) && this.look());
    let lived = null;
    store.on("point", () => {
      const lives = store.point?.station;
      if (lived !== null && lives !== lived) this.look();
      lived = lives;
      this.offer();
    });
    this.look();
    this.offer();
  }

  opened() {
    this.look();
  }

  offer() {
    const needed = store.point && !store.point.station;
    const state = `${needed} ${store.chosen} ${this.served === store.chosen}`;
    if (state === this.offered) return;
    this.offered = state;
    const serves = this.served === store.chosen;
    refill(
      this.serve,
      needed && serves
        ? h("p", { class: "note good" }, "GetConfiguration and ChangeConfiguration are answered from these keys.")
        : null,
      needed && !serves
        ? h(
            "div",
            { class: "note" },
            h("p", {}, "No station lives here, so nobody may answer for these keys."),
            button("Answer GetConfiguration from these", () => this.begin(), { class: "small" }),
          )
        : null,
    );
  }

  async begin() {
    try {
      await post(at(store.chosen, "/configuration-serve"));
      this.served = store.chosen;
      this.offer();
    } catch (error) {
      complain(error);
    }
  }

  async look() {
    const name = store.chosen;
    if (!name || this.list.contains(document.activeElement)) return;
    try {
      const [{ configuration }, { answering }] = await Promise.all([
        get(at(name, "/configuration")),
        get(at(name, "/answering")),
      ]);
      if (name !== store.chosen) return;
      const asked = answering.find(({ action }) => action === "GetConfiguration")?.asked ?? [];
      if (asked.some(({ who }) => who === "script" || who === "server")) this.served = name;
      this.offer();
      this.keys = configuration.sort((one, other) => one.key.localeCompare(other.key));
      this.draw();
    } catch (error) {
      refill(this.list, h("p", { class: "note bad" }, error.what ?? error.message));
    }
  }

  draw() {
    this.rows = this.keys.map((one) => ({ text: `${one.key} ${one.description}`.toLowerCase(), element: this.row(one) }));
    this.none = h("p", { class: "faint", hidden: true }, "No key is called so.");
    refill(
      this.list,
      this.rows.map(({ element }) => element),
      this.none,
    );
    this.sift();
  }

  sift() {
    const wanted = this.search.value.trim().toLowerCase();
    let seen = 0;
    for (const { text, element } of this.rows ?? []) {
      element.hidden = !text.includes(wanted);
      seen += Number(!element.hidden);
    }
    if (this.none) this.none.hidden = seen > 0;
  }

  row(key) {
    const state = h("span", { class: "state", role: "status" });
    const control = controlOf(key, async (value) => {
      state.textContent = "";
      try {
        Object.assign(key, await put(at(store.chosen, `/configuration/${encodeURIComponent(key.key)}`), { value }));
        state.className = "state good";
        state.textContent = key.reboot ? "kept; it holds after a reboot" : "kept";
        control.removeAttribute("aria-invalid");
      } catch (error) {
        control.setAttribute("aria-invalid", "true");
        state.className = "state bad";
        state.textContent = error.what;
      }
    });
    control.setAttribute("aria-label", key.key);
    const limits = [key.minimum !== null ? `from ${key.minimum}` : "", key.maximum !== null ? `to ${key.maximum}` : ""]
      .filter(Boolean)
      .join(" ");
    const help = [key.description, key.type === "bool" || key.choices ? "" : limits].filter(Boolean).join("; ");
    return h(
      "div",
      { class: `key ${key.type}` },
      h(
        "div",
        { class: "what" },
        h("b", {}, breakable(key.key)),
        h(
          "span",
          { class: "badges" },
          key.access === "RW"
            ? null
            : h("span", { class: "badge", title: ACCESS[key.access] }, key.access === "R" ? "read only" : "write only"),
          key.reboot ? h("span", { class: "badge warn" }, "reboot") : null,
        ),
        help
          ? h(
              "small",
              {},
              help.replace(/^./, (one) => one.toUpperCase()),
            )
          : null,
        state,
      ),
      h("div", { class: "set-value" }, control, key.unit ? h("span", { class: "unit" }, key.unit) : null),
    );
  }

  add() {
    const key = h("input", { required: true, maxlength: 50, pattern: "[!-.0-~]+", autocomplete: "off", spellcheck: "false" });
    const type = select(
      [
        ["str", "text"],
        ["int", "whole number"],
        ["float", "number"],
        ["bool", "true or false"],
        ["list", "list, with commas"],
      ],
      "str",
    );
    const value = h("input", { autocomplete: "off", spellcheck: "false" });
    const access = select(Object.entries(ACCESS), "RW");
    const unit = h("input", { maxlength: 20 });
    const description = h("input", { maxlength: 500 });
    const said = h("p", { class: "note bad", role: "alert", hidden: true });
    const submit = async (event) => {
      event.preventDefault();
      const body = { key: key.value, value: typed(type.value, value.value), type: type.value, access: access.value };
      if (unit.value) body.unit = unit.value;
      if (description.value) body.description = description.value;
      try {
        await post(at(store.chosen, "/configuration"), body);
        dialog.close();
        toast(`${body.key} is there`);
        this.look();
      } catch (error) {
        said.textContent = [error.what, error.hint].filter(Boolean).join(" – ");
        said.hidden = false;
      }
    };
    const form = h(
      "form",
      { onsubmit: submit },
      h("h2", {}, "Add a configuration key"),
      field("Key", key),
      h("div", { class: "two" }, field("Type", type), field("Value", value)),
      h("div", { class: "two" }, field("Access", access), field("Unit", unit)),
      field("Description", description),
      said,
      h(
        "div",
        { class: "buttons end" },
        button("Cancel", () => dialog.close()),
        h("button", { type: "submit", class: "primary" }, "Add"),
      ),
    );
    const dialog = h("dialog", { "aria-label": "Add a configuration key", onclose: () => dialog.remove() }, form);
    document.body.append(dialog);
    dialog.showModal();
  }
}

/* A long name, which may break before its capitals. */
export const breakable = (name) => name.split(/(?=[A-Z][a-z])/).flatMap((part, place) => (place ? [h("wbr"), part] : [part]));

function typed(type, text) {
  if (type === "bool") return /^(true|1|yes)$/i.test(text.trim());
  if (type === "list")
    return text
      .split(",")
      .map((one) => one.trim())
      .filter(Boolean);
  const value = Number(text);
  return (type === "int" || type === "float") && text.trim() && Number.isFinite(value) ? value : text;
}

/* What edits a key; set(value). */
function controlOf({ type, value, choices, minimum, maximum, access }, set) {
  if (type === "bool") {
    const made = h("input", { type: "checkbox", class: "switch", checked: value === true });
    made.addEventListener("change", () => set(made.checked));
    return made;
  }
  if (choices && type !== "list") {
    const made = select(choices.map(String), String(value));
    made.addEventListener("change", () => set(typed(type, made.value)));
    return made;
  }
  const numeric = type === "int" || type === "float";
  const text = value === null ? "" : Array.isArray(value) ? value.join(",") : String(value);
  const made = h("input", {
    type: numeric ? "number" : "text",
    value: text,
    min: minimum,
    max: maximum,
    step: numeric ? (type === "int" ? 1 : "any") : false,
    placeholder: access === "W" ? "hidden" : false,
    spellcheck: "false",
    autocomplete: "off",
  });
  made.addEventListener("change", () => set(typed(type, made.value)));
  made.addEventListener("keydown", (event) => event.key === "Enter" && made.blur());
  return made;
}
