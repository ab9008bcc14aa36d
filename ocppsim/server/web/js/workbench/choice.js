/* One of a few: radio buttons that look like one bar. */

import { h } from "../dom.js";

let numbers = 0;

/* options: [value, text] pairs; chosen(value). Gives an element with choose(value), which tells,
   mark(value), which does not, and allow(value, whether). */
export function choice(label, options, value, chosen) {
  const name = `choice-${++numbers}`;
  const inputs = new Map();
  const made = h(
    "div",
    { class: "choice", role: "radiogroup", "aria-label": label },
    options.map(([own, text], place) => {
      const input = h("input", {
        type: "radio",
        name,
        value: own,
        id: `${name}-${place}`,
        checked: own === value,
        onchange: () => chosen(own),
      });
      inputs.set(own, input);
      return h("div", {}, input, h("label", { for: input.id }, text));
    }),
  );
  made.mark = (one) => (inputs.get(one).checked = true);
  made.choose = (one) => {
    if (inputs.get(one).checked) return;
    made.mark(one);
    chosen(one);
  };
  made.allow = (one, whether) => (inputs.get(one).parentElement.hidden = !whether);
  return made;
}
