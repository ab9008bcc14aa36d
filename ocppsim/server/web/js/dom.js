/* Elements, made from text alone: nothing here takes HTML, so nothing from the wire becomes any. */

const SVG = "http://www.w3.org/2000/svg";

/* h("button", {class: "primary", onclick: save, "aria-label": "Save"}, "Save"): an element.
   A property that is null, undefined or false is left out; `on…` is a listener; `dataset` an object;
   children are elements, texts, lists of them; null and false are left out. */
export function h(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/* The same for SVG. */
export function s(tag, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "dataset") Object.assign(element.dataset, value);
    else if (name === "value" && "value" in element) element.value = value;
    else if (name === "style") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
    else element.setAttribute(name, value === true ? "" : value);
  }
  add(element, children);
  return element;
}

function add(element, children) {
  for (const child of children) {
    if (Array.isArray(child)) add(element, child);
    else if (child !== null && child !== undefined && child !== false) element.append(child);
  }
}

/* Put other children into an element; the focus stays where it was, by `data-key`. */
export function refill(element, ...children) {
  const key = element.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  element.replaceChildren();
  add(element, children);
  if (key) element.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

/* Set the text of an element, if it is another one. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export const $ = (selector, within = document) => within.querySelector(selector);

/* An icon of icons.svg, for the eye alone. */
export function icon(name) {
  return s("svg", { class: "icon", "aria-hidden": "true", viewBox: "0 0 20 20" }, s("use", { href: `/web/icons.svg#${name}` }));
}

let numbers = 0;

/* A label over its control. control: an element; hint: a line below. */
export function field(label, control, hint = "") {
  control.id ||= `f${++numbers}`;
  const said = hint ? h("small", { id: `${control.id}-hint` }, hint) : null;
  if (said) control.setAttribute("aria-describedby", said.id);
  return h("div", { class: "field" }, h("label", { for: control.id }, label), control, said);
}

/* A drop-down. options: values, or [value, text] pairs. */
export function select(options, value, properties = {}) {
  const made = options.map((option) => {
    const [own, text] = Array.isArray(option) ? option : [option, option];
    return h("option", { value: own, selected: own === value }, text);
  });
  return h("select", properties, made);
}

/* A button that works as long as its act does, and cannot be pressed twice meanwhile. */
export function button(text, act, properties = {}) {
  const made = h("button", { type: "button", ...properties }, text);
  made.addEventListener("click", async (event) => {
    if (made.getAttribute("aria-busy") === "true") return;
    made.setAttribute("aria-busy", "true");
    try {
      await act(event);
    } finally {
      made.removeAttribute("aria-busy");
    }
  });
  return made;
}

/* Have `text` saved as a file. */
export function save(name, text, type = "text/plain") {
  const url = URL.createObjectURL(new Blob([text], { type }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/* Put `text` into the clipboard. Over plain HTTP from another machine there is no `navigator.clipboard`. */
export async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = h("textarea", { class: "unseen", value: text });
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("The browser does not let this page copy.");
  return undefined;
}
