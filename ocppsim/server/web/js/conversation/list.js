/* A long list of which only the rows in sight exist. */

import { h } from "../dom.js";
import { draw, heightOf } from "./rows.js";

const AHEAD = 600; // px above and below that are drawn too
const NEAR = 40; // px from the end that count as the end

/* rows: what is shown. detail(row): the element of an open row. followed(boolean): whether the end
   is in sight, and new rows will scroll. */
export class List {
  constructor(detail, followed) {
    this.detail = detail;
    this.followed = followed;
    this.rows = [];
    this.offsets = new Float64Array(1024);
    this.known = 0; // offsets that hold
    this.open = new Map(); // row: px of its detail
    this.drawn = new Map(); // row: {element, place, stamp}
    this.follow = true;
    this.due = false;
    this.list = h("ol", { class: "rows", "aria-label": "Messages, oldest first" });
    this.element = h("div", { class: "scroll", tabindex: "-1" }, this.list);
    this.element.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.list.addEventListener("click", (event) => this.clicked(event));
    this.list.addEventListener("keydown", (event) => this.moved(event));
    this.sizes = new ResizeObserver((seen) => this.sized(seen));
    this.sizes.observe(this.element);
  }

  /* Show these rows, from now on. */
  set(rows) {
    this.rows = rows;
    this.known = 0;
    this.soon();
  }

  /* This row is not what it was. */
  changed(row) {
    const place = this.drawn.get(row)?.place;
    if (place !== undefined) {
      this.drawn.get(row).stale = true;
      this.known = Math.min(this.known, place);
    } else if (this.known) {
      // it may have another height: rare, and known again in a moment
      this.known = Math.min(this.known, Math.max(0, this.placeOf(row)));
    }
    this.soon();
  }

  placeOf(row) {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows[middle].place < row.place) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  toEnd() {
    this.follow = true;
    this.followed(true);
    this.soon();
  }

  /* Draw what is in sight, with the next frame: `rows` may have got longer. */
  soon() {
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => {
      this.due = false;
      this.render();
    });
  }

  measure() {
    const { rows } = this;
    if (this.offsets.length <= rows.length) {
      const larger = new Float64Array(Math.max(rows.length + 1, this.offsets.length * 2));
      larger.set(this.offsets);
      this.offsets = larger;
    }
    for (let place = Math.min(this.known, rows.length); place < rows.length; place++) {
      this.offsets[place + 1] = this.offsets[place] + heightOf(rows[place]) + (this.open.get(rows[place]) ?? 0);
    }
    this.known = rows.length;
    return this.offsets[rows.length];
  }

  /* The place of the row at this height. */
  at(top) {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.offsets[middle] <= top) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  render() {
    const height = this.measure();
    this.list.style.setProperty("height", `${height}px`);
    const { element } = this;
    if (this.follow && element.scrollTop + element.clientHeight < height) element.scrollTop = height;
    const top = element.scrollTop - AHEAD;
    const bottom = element.scrollTop + element.clientHeight + AHEAD;
    const wanted = new Set();
    for (let place = this.at(Math.max(0, top)); place < this.rows.length && this.offsets[place] < bottom; place++) {
      wanted.add(this.rows[place]);
      this.show(this.rows[place], place);
    }
    for (const [row, { element: one }] of this.drawn) {
      if (wanted.has(row) || (one.contains(document.activeElement) && this.rows[this.placeOf(row)] === row)) continue;
      this.forget(row, one);
    }
  }

  show(row, place) {
    let found = this.drawn.get(row);
    if (found?.stale) {
      const focused = found.element.contains(document.activeElement);
      const fresh = this.make(row);
      found.element.replaceWith(fresh);
      this.sizes.unobserve(found.element.lastChild);
      this.drawn.set(row, (found = { element: fresh, place }));
      if (focused) fresh.querySelector("button").focus({ preventScroll: true });
    } else if (!found) {
      this.drawn.set(row, (found = { element: this.make(row), place }));
      // in their order, for who reads or tabs through
      const after = this.rows[place - 1] && this.drawn.get(this.rows[place - 1])?.element;
      if (after) after.after(found.element);
      else this.list.prepend(found.element);
    }
    found.place = place;
    found.element.setAttribute("aria-posinset", place + 1);
    found.element.setAttribute("aria-setsize", this.rows.length);
    found.element.style.setProperty("transform", `translateY(${this.offsets[place]}px)`);
  }

  make(row) {
    const open = this.open.has(row);
    const element = draw(row, open);
    element.row = row;
    if (open) {
      const detail = this.detail(row);
      detail.row = row;
      element.append(detail);
      this.sizes.observe(detail);
    }
    return element;
  }

  forget(row, element) {
    if (this.open.has(row)) this.sizes.unobserve(element.lastChild);
    element.remove();
    this.drawn.delete(row);
  }

  // --- what people do ---

  scrolled() {
    const { element } = this;
    const atEnd = element.scrollTop + element.clientHeight >= element.scrollHeight - NEAR;
    if (atEnd !== this.follow) {
      this.follow = atEnd;
      this.followed(atEnd);
    }
    this.soon();
  }

  clicked(event) {
    const line = event.target.closest("button.line");
    if (line) this.toggle(line.closest("li").row);
  }

  toggle(row) {
    if (this.open.has(row)) this.open.delete(row);
    else {
      this.open.set(row, 0);
      this.follow = false;
      this.followed(false);
    }
    this.changed(row);
  }

  moved(event) {
    const step = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
    if (!step || !event.target.matches("button.line")) return;
    event.preventDefault();
    const here = this.placeOf(event.target.closest("li").row);
    let place = Math.max(0, Math.min(this.rows.length - 1, here + step));
    while (this.rows[place]?.mark && place > 0 && place < this.rows.length - 1) place += Math.sign(step);
    this.goTo(place);
  }

  /* Scroll to a row, and have the focus there. */
  goTo(place) {
    const { element } = this;
    this.measure();
    const top = this.offsets[place];
    const bottom = this.offsets[place + 1];
    if (top < element.scrollTop) element.scrollTop = top;
    else if (bottom > element.scrollTop + element.clientHeight) element.scrollTop = bottom - element.clientHeight;
    this.follow = false;
    this.render();
    this.drawn.get(this.rows[place])?.element.querySelector("button")?.focus({ preventScroll: true });
  }

  sized(seen) {
    for (const one of seen) {
      const { row } = one.target;
      if (!row) continue;
      const height = Math.ceil(one.borderBoxSize[0].blockSize);
      if (!this.open.has(row) || this.open.get(row) === height || !height) continue;
      this.open.set(row, height);
      this.known = Math.min(this.known, this.placeOf(row));
    }
    this.soon();
  }
}
