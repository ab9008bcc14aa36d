/* An editor for Python: a text field over a coloured copy of its text, line by line. */

import { h } from "../dom.js";
import { tokens } from "./python.js";

const MOST = 4000; // lines that are coloured; longer texts stay plain
const INDENT = "    ";
const LONG = 5000; // characters

export class Editor {
  /* changed(text): after each change. run(): Ctrl+Enter. */
  constructor({ changed, run }) {
    this.changed = changed;
    this.keys = [];
    this.leaving = false;
    this.lines = h("div", { class: "code-lines", "aria-hidden": "true" });
    const help = h(
      "p",
      { class: "unseen", id: "editor-help" },
      "Python. Control and Enter runs it. Tab indents; to leave the editor, press Escape, then Tab.",
    );
    this.area = h("textarea", {
      class: "code-text",
      "aria-label": "Script",
      "aria-describedby": "editor-help",
      spellcheck: "false",
      autocapitalize: "off",
      autocomplete: "off",
      rows: 1,
    });
    this.area.addEventListener("input", () => this.update());
    this.area.addEventListener("keydown", (event) => this.key(event, run));
    this.area.addEventListener("paste", (event) => {
      const text = event.clipboardData.getData("text/plain").replaceAll("\r\n", "\n");
      if (text.length < LONG) return;
      event.preventDefault();
      this.type(text);
    });
    this.area.addEventListener("blur", () => (this.leaving = false));
    this.bubble = h("div", { class: "code-fault", hidden: true });
    this.sheet = h("div", { class: "code-sheet" }, this.lines, this.area, this.bubble);
    this.element = h("div", { class: "editor" }, help, this.sheet);
    this.element.addEventListener("mousedown", (event) => {
      if (event.target !== this.element && event.target !== this.sheet) return;
      event.preventDefault();
      this.area.focus();
    });
    this.draw();
  }

  get text() {
    return this.area.value;
  }

  set text(text) {
    this.area.value = text;
    this.update();
  }

  /* Have all of it be another text; Ctrl+Z takes it back, unless it is long. */
  replace(text) {
    this.area.focus({ preventScroll: true });
    this.area.select();
    this.type(text);
    this.area.setSelectionRange(0, 0);
    this.element.scrollTop = 0;
  }

  /* Put text at the cursor, as if it were typed. */
  type(text) {
    this.area.focus({ preventScroll: true });
    // what it inserts can be taken back by Ctrl+Z; a long text takes minutes
    const kept = text.length < LONG && (text ? document.execCommand("insertText", false, text) : document.execCommand("delete"));
    if (!kept) {
      this.area.setRangeText(text, this.area.selectionStart, this.area.selectionEnd, "end");
      this.update();
    }
  }

  /* Put lines after the line of the cursor, indented as it is; `head` (an import) at the beginning. */
  insert(text, head = "") {
    const area = this.area;
    if (head) {
      const before = area.selectionStart;
      const place = headPlace(area.value);
      area.setSelectionRange(place, place);
      const added = `${head}\n${/^(from|import) /.test(area.value.slice(place)) || area.value.slice(place).startsWith("\n") ? "" : "\n"}`;
      this.type(added);
      const cursor = before >= place ? before + added.length : before;
      area.setSelectionRange(cursor, cursor);
    }
    const value = area.value;
    const start = value.lastIndexOf("\n", area.selectionEnd - 1) + 1;
    const ends = value.indexOf("\n", area.selectionEnd);
    const end = ends < 0 ? value.length : ends;
    const line = value.slice(start, end);
    const indent = /^[ \t]*/.exec(line)[0] + (/:\s*(#.*)?$/.test(line) ? INDENT : "");
    const lines = text
      .split("\n")
      .map((one) => (one ? indent + one : one))
      .join("\n");
    const empty = !line.trim();
    area.setSelectionRange(empty ? start : end, end);
    this.type(`${empty ? "" : "\n"}${lines}${value.slice(end) ? "" : "\n"}`);
    this.reveal();
  }

  // --- the fault ---

  /* Mark the line (from 1) at which a script failed. */
  mark(line, message) {
    this.unmark();
    const marked = this.lines.children[line - 1];
    if (!marked) return;
    marked.classList.add("at-fault");
    this.marked = marked;
    this.bubble.textContent = message;
    this.bubble.hidden = false;
    this.bubble.style.setProperty("top", `${marked.offsetTop + marked.offsetHeight}px`);
    this.area.setAttribute("aria-invalid", "true");
    const middle = marked.offsetTop - this.element.clientHeight / 3;
    this.element.scrollTo({ top: Math.max(0, middle) });
  }

  unmark() {
    this.marked?.classList.remove("at-fault");
    this.marked = null;
    this.bubble.hidden = true;
    this.area.removeAttribute("aria-invalid");
  }

  /* Set the cursor to a line (from 1), and show it. */
  go(line) {
    const before = this.text
      .split("\n")
      .slice(0, line - 1)
      .join("\n").length;
    const place = line > 1 ? before + 1 : 0;
    this.area.focus({ preventScroll: true });
    this.area.setSelectionRange(place, place);
    this.reveal();
  }

  // --- inside ---

  update() {
    this.unmark();
    this.draw();
    this.changed?.(this.text);
  }

  /* Draw the lines that are others than before. */
  draw() {
    const text = this.text;
    const plain = text.split("\n");
    const all = plain.length > MOST ? plain.map((line) => (line ? [["", line]] : [])) : tokens(text);
    const keys = all.map((line) => line.map(([kind, part]) => `${kind}\u0001${part}`).join("\u0002"));
    const old = this.keys;
    let first = 0;
    while (first < keys.length && first < old.length && keys[first] === old[first]) first++;
    let rest = 0;
    while (rest < keys.length - first && rest < old.length - first && keys.at(-1 - rest) === old.at(-1 - rest)) rest++;
    const after = this.lines.children[old.length - rest] ?? null;
    for (let place = old.length - rest - 1; place >= first; place--) this.lines.children[place]?.remove();
    const made = document.createDocumentFragment();
    for (let place = first; place < keys.length - rest; place++) made.append(lineOf(all[place]));
    this.lines.insertBefore(made, after);
    this.keys = keys;
    this.element.classList.toggle("long", keys.length > 999);
  }

  /* Scroll so that the line of the cursor is seen: the text field itself never scrolls. */
  reveal() {
    const place = this.text.slice(0, this.area.selectionEnd).split("\n").length - 1;
    const line = this.lines.children[place];
    if (!line) return;
    const top = line.offsetTop;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop) this.element.scrollTop = top - 8;
    else if (top + line.offsetHeight > scrollTop + clientHeight)
      this.element.scrollTop = top + line.offsetHeight - clientHeight + 8;
  }

  key(event, run) {
    if (event.isComposing) return;
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      run();
    } else if (event.key === "Escape") {
      this.bubble.hidden = true;
      this.leaving = true;
      return;
    } else if (event.key === "Tab" && plain && !this.leaving) {
      event.preventDefault();
      this.indent(event.shiftKey);
    } else if (event.key === "Enter" && plain && !event.shiftKey) {
      event.preventDefault();
      const before = this.text.slice(0, this.area.selectionStart);
      const line = before.slice(before.lastIndexOf("\n") + 1);
      this.type(`\n${/^[ \t]*/.exec(line)[0]}${/:\s*$/.test(line) ? INDENT : ""}`);
    }
    if (event.key !== "Shift") this.leaving = false;
    requestAnimationFrame(() => this.reveal());
  }

  indent(back) {
    const area = this.area;
    const { selectionStart: start, selectionEnd: end, value } = area;
    const first = value.lastIndexOf("\n", start - 1) + 1;
    if (!back && start === end) return this.type(INDENT.slice((start - first) % 4));
    const ends = value.indexOf("\n", Math.max(start, end - 1));
    const last = ends < 0 ? value.length : ends;
    const lines = value.slice(first, last).split("\n");
    const moved = lines.map((line) => (back ? line.replace(/^( {1,4}|\t)/, "") : line && INDENT + line));
    const text = moved.join("\n");
    if (text === value.slice(first, last)) return undefined;
    area.setSelectionRange(first, last);
    this.type(text);
    const from = Math.max(first, start + moved[0].length - lines[0].length);
    area.setSelectionRange(from, Math.max(from, end + text.length - (last - first)));
    return undefined;
  }
}

function lineOf(parts) {
  return h(
    "div",
    {},
    parts.map(([kind, text]) => (kind ? h("span", { class: `py-${kind}` }, text) : text)),
    parts.length ? null : "\n",
  );
}

/* Where an import belongs: after a docstring and comments at the beginning. */
function headPlace(text) {
  return /^(?:#[^\n]*\n|\s*\n)*(?:(?:"""[^]*?"""|'''[^]*?''')[ \t]*\n\n?)?/.exec(text)[0].length;
}
