/* A form for a payload, made from its JSON Schema. A field that is not there is not sent. */

import { h, icon, refill } from "../dom.js";
import { check, demands } from "../check.js";
import { now } from "./context.js";
import { named } from "./first.js";

let numbers = 0;

export class Form {
  /* changed(): after each change. */
  constructor(changed) {
    this.changed = changed;
    this.element = h("div", { class: "form" });
    this.faults = [];
    this.root = null;
  }

  /* Show `value` by `schema`, an object. */
  show(schema, value) {
    this.schema = schema;
    this.root = nodeOf(schema, value, { told: () => this.told(), name: "" });
    refill(this.element, this.root.element);
    this.judge();
  }

  get value() {
    return this.root.value;
  }

  told() {
    this.judge();
    this.changed();
  }

  judge() {
    this.faults = check(this.schema, this.value);
    const byPath = new Map();
    for (const { path, text } of this.faults) if (!byPath.has(path.join("\n"))) byPath.set(path.join("\n"), text);
    this.root.judge([], byPath);
  }
}

/* A node: {element, value, judge(path, faults)}. given: {told, name, label}. */
function nodeOf(schema, value, given) {
  const plain = value !== null && typeof value === "object" && !Array.isArray(value);
  if (schema.type === "object" && schema.properties && plain) return new Members(schema, value, given);
  if (schema.type === "array" && Array.isArray(value)) return new Items(schema, value, given);
  return new Leaf(schema, value, given);
}

/* A text, number, choice: what is no such value is sent as it was typed, or as JSON. */
class Leaf {
  constructor(schema, value, { told, name, label = name }) {
    this.schema = schema;
    const id = `v${++numbers}`;
    this.said = h("small", { id: `${id}-said`, class: "bad", hidden: true });
    const common = { id, "aria-label": label, "aria-describedby": `${id}-help ${id}-said`, dataset: { name } };
    const kind = kindOf(schema, value);
    if (kind === "choice") {
      const values = schema.type === "boolean" ? ["true", "false"] : schema.enum;
      const known = values.includes(String(value)) ? values : [String(value), ...values];
      this.input = h(
        "select",
        common,
        known.map((one) => h("option", { value: one, selected: one === String(value) }, one)),
      );
    } else if (kind === "long") {
      this.input = h("textarea", { ...common, rows: 2, spellcheck: "false", value: written(value) });
    } else {
      this.input = h("input", {
        ...common,
        value: written(value),
        spellcheck: "false",
        autocomplete: "off",
        inputmode: kind === "number" ? "decimal" : false,
      });
    }
    this.json = kind === "json";
    this.input.addEventListener("input", told);
    const stamp =
      schema.format === "date-time"
        ? h(
            "button",
            { type: "button", class: "small", "aria-label": `Set ${label} to now`, onclick: () => this.set(now(), told) },
            "Now",
          )
        : null;
    this.element = h("div", { class: "value" }, stamp ? h("div", { class: "with" }, this.input, stamp) : this.input, this.said);
    this.id = id;
  }

  set(text, told) {
    this.input.value = text;
    told();
  }

  get value() {
    const text = this.input.value;
    const { type } = this.schema;
    if ((type === "integer" || type === "number") && /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(text))
      return Number(text);
    if (type === "boolean" && (text === "true" || text === "false")) return text === "true";
    if (!this.json) return text;
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }

  judge(path, faults) {
    const text = faults.get(path.join("\n")) ?? "";
    this.input.setAttribute("aria-invalid", String(Boolean(text)));
    this.said.textContent = text && `${text[0].toUpperCase()}${text.slice(1)}.`;
    this.said.hidden = !text;
  }
}

function kindOf(schema, value) {
  if (value !== null && typeof value === "object") return "json";
  if (schema.enum || schema.type === "boolean") return "choice";
  if (schema.type === "integer" || schema.type === "number") return "number";
  if (!schema.type || schema.type === "object" || schema.type === "array") return "json";
  return schema.maxLength > 100 || String(value).length > 60 ? "long" : "text";
}

const written = (value) => (typeof value === "string" ? value : JSON.stringify(value));

/* An object: its fields, the required ones first; others are added by a drop-down. */
class Members {
  constructor(schema, value, { told, name }) {
    Object.assign(this, { schema, told, name, nodes: new Map(), rows: new Map() });
    this.list = h("div", { class: "members" });
    this.more = h("select", {
      class: "add",
      "aria-label": `Add a field to ${name || "the message"}`,
      onchange: () => this.add(this.more.value),
    });
    this.element = h("div", { class: "object" }, this.list, this.more);
    const required = schema.required ?? [];
    const order = [
      ...required,
      ...Object.keys(schema.properties).filter((one) => !required.includes(one)),
      ...Object.keys(value),
    ];
    for (const one of new Set(order)) if (one in value) this.make(one, value[one]);
    this.offer();
  }

  make(name, value) {
    const schema = this.schema.properties[name] ?? {};
    const required = (this.schema.required ?? []).includes(name);
    const node = nodeOf(schema, value, { told: this.told, name, label: name });
    const known = name in this.schema.properties;
    const help = [schema.description ?? (known ? "" : "OCPP has no such field."), demands(schema)];
    const leaf = node instanceof Leaf;
    const drop = h(
      "button",
      {
        type: "button",
        class: "quiet small square",
        "aria-label": `Leave out ${name}`,
        title: "Leave it out",
        onclick: () => this.drop(name),
      },
      icon("cross"),
    );
    const said = helpText(help[0], help[1]);
    const row = h(
      leaf ? "div" : "fieldset",
      { class: leaf ? "member" : "member nest" },
      leaf ? null : h("legend", { class: "unseen" }, name),
      h(
        "div",
        { class: "name" },
        leaf ? h("label", { for: node.id }, name) : h("span", {}, name),
        required
          ? h(
              "span",
              { class: "must", title: "required" },
              h("span", { "aria-hidden": "true" }, "*"),
              h("span", { class: "unseen" }, "required"),
            )
          : null,
        h("span", { class: "grow" }),
        drop,
      ),
      node.element,
      said && h("small", { id: leaf ? `${node.id}-help` : false, class: "help" }, said),
    );
    this.nodes.set(name, node);
    this.rows.set(name, row);
    this.list.append(row);
    return row;
  }

  add(name) {
    if (!name) return;
    const row = this.make(name, named(name, this.schema.properties[name]));
    this.offer();
    this.told();
    row.querySelector("input, select, textarea")?.focus();
  }

  drop(name) {
    this.rows.get(name).remove();
    this.rows.delete(name);
    this.nodes.delete(name);
    this.offer();
    this.told();
    this.more.focus();
  }

  offer() {
    const left = Object.keys(this.schema.properties).filter((name) => !this.nodes.has(name));
    const required = this.schema.required ?? [];
    this.more.hidden = !left.length;
    const option = (name) => h("option", { value: name }, required.includes(name) ? `${name} (required)` : name);
    refill(this.more, h("option", { value: "" }, `Add a field (${left.length})`), left.map(option));
  }

  get value() {
    return Object.fromEntries([...this.nodes].map(([name, node]) => [name, node.value]));
  }

  judge(path, faults) {
    for (const [name, node] of this.nodes) node.judge([...path, name], faults);
    const missing = (this.schema.required ?? []).some((name) => !this.nodes.has(name));
    this.more.setAttribute("aria-invalid", String(missing));
  }
}

/* A list: items that are added, and taken out. */
class Items {
  constructor(schema, value, { told, name }) {
    Object.assign(this, { schema: schema.items ?? {}, told, name, nodes: [] });
    this.list = h("div", { class: "items" });
    const add = h("button", { type: "button", class: "small", onclick: () => this.add() }, icon("plus"), `Add ${name}`);
    this.element = h("div", { class: "array" }, this.list, add);
    for (const one of value) this.make(one);
    this.number();
  }

  make(value) {
    const node = nodeOf(this.schema, value, { told: this.told, name: this.name, label: this.name });
    const title = h("b", {});
    const drop = h("button", { type: "button", class: "quiet small square", onclick: () => this.drop(node) }, icon("cross"));
    node.title = title;
    node.out = drop;
    node.row = h(
      "div",
      { class: "item", role: "group" },
      h("div", { class: "name" }, title, h("span", { class: "grow" }), drop),
      node.element,
    );
    this.nodes.push(node);
    this.list.append(node.row);
    return node;
  }

  /* One more like the last one: it is what a tester wants most often. */
  add() {
    const last = this.nodes.at(-1);
    const value = last ? last.value : named("", this.schema);
    const node = this.make(value);
    this.number();
    this.told();
    node.row.querySelector("input, select, textarea")?.focus();
  }

  drop(node) {
    node.row.remove();
    this.nodes.splice(this.nodes.indexOf(node), 1);
    this.number();
    this.told();
    this.element.lastChild.focus();
  }

  number() {
    for (const [place, node] of this.nodes.entries()) {
      node.title.textContent = `${this.name} ${place + 1}`;
      node.row.setAttribute("aria-label", `${this.name} ${place + 1}`);
      node.out.setAttribute("aria-label", `Take out ${this.name} ${place + 1}`);
    }
  }

  get value() {
    return this.nodes.map((node) => node.value);
  }

  judge(path, faults) {
    for (const [place, node] of this.nodes.entries()) node.judge([...path, place], faults);
  }
}

/* A description, and what it does not say of the constraints. */
function helpText(description, rules) {
  const said = (description ?? "").replace(/^./, (one) => one.toUpperCase());
  const rest = rules
    .split(", ")
    .filter((rule) => rule && !said.includes(rule))
    .join(", ");
  if (!rest) return said;
  return `${said}${said && !said.endsWith(".") ? "." : ""}${said ? " " : ""}${rest[0].toUpperCase()}${rest.slice(1)}.`;
}
