// Draws the conversation that stands in #data. Whatever comes from the wire becomes text nodes only.

const CHUNK = 100; // rows that are drawn at once, when they come into sight
const ROW = 44; // pixels, about, of a row that is not drawn yet
const LANES = 6; // more charge points than this share one lifeline
const PAUSE = 3000; // ms without a frame that are worth a word
const TYPES = ["CALL", "CALLRESULT", "CALLERROR", "bad"];

const data = JSON.parse(document.getElementById("data").textContent);
const frames = data.frames;
const at = (id) => document.getElementById(id);
const opened = new Set();
let rows = new Map(); // index of a frame -> its element, as far as drawn
let shown = []; // indices of the frames that pass the filters
let places = new Map(); // index of a frame -> its place in shown
let chunks = [];
let current = 0; // the place that the Tab key goes to
let watcher = null;
let lanes = [];

// the head of the page

function drawTop() {
  at("span").textContent = data.span;
  at("verdict").textContent = data.verdict;
  at("verdict").classList.add(data.judged);
  for (const [name, value, unit, alarm] of data.tiles) {
    const number = make("dd", "", value);
    if (unit) number.append(make("small", "", " " + unit));
    at("tiles").append(make("div", alarm ? "alarm" : "", make("dt", "", name), number));
  }
  if (data.problems.length) {
    const box = at("problems");
    box.hidden = false;
    box.querySelector("summary").textContent = "Not readable in the record: " + data.unread;
    box.querySelector("ul").append(...data.problems.map((text) => make("li", "", text)));
  }
  if (data.actions.length > 1) drawActions();
}

function drawActions() {
  const [head, ...body] = data.actions;
  const cells = head.map((text) => make("th", "", text));
  for (const cell of cells) cell.scope = "col";
  const lines = body.map(([name, ...rest]) => {
    const line = make("tr", name === null ? "sum" : "");
    const first = make("td", "", name === null ? "all" : "");
    if (name) {
      const button = make("button", "", name);
      button.type = "button";
      button.title = "Show only " + name;
      button.addEventListener("click", () => { at("search").value = name; filter(); });
      first.append(button);
    } else if (name === "") first.append("(no action)");
    line.append(first, ...rest.map((text) => make("td", "", text)));
    return line;
  });
  at("actions").querySelector("table").append(make("thead", "", make("tr", "", ...cells)), make("tbody", "", ...lines));
  at("actions").hidden = false;
}

// filters

const chips = {};
let onlyFaults = null;

function chip(text, count, name) {
  const button = make("button", "chip " + name, text + " ", make("small", "", String(count)));
  button.type = "button";
  button.addEventListener("click", () => {
    button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
    filter();
  });
  at("chips").append(button);
  return button;
}

function drawTools() {
  for (const type of TYPES) {
    const count = frames.filter((frame) => frame.type === type).length;
    if (!count) continue;
    chips[type] = chip(type, count, "t-" + type);
    chips[type].setAttribute("aria-pressed", "true");
  }
  const faulty = frames.filter((frame) => frame.faults).length;
  if (faulty) {
    onlyFaults = chip("only violations", faulty, "t-bad");
    onlyFaults.setAttribute("aria-pressed", "false");
  }
  if (data.chargePoints.length > 1) {
    const all = make("option", "", "all charge points");
    all.value = "";
    const names = data.chargePoints.map((name, place) => {
      const option = make("option", "", name);
      option.value = String(place);
      return option;
    });
    at("who").append(all, ...names);
    at("who").hidden = false;
    at("who").addEventListener("change", filter);
  }
  let timer = 0;
  at("search").addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(filter, 120); });
  at("tools").addEventListener("submit", (event) => { event.preventDefault(); filter(); });
}

const pressed = (button) => button !== null && button.getAttribute("aria-pressed") === "true";

function filter() {
  const words = at("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const who = at("who").hidden || at("who").value === "" ? null : Number(at("who").value);
  const faults = pressed(onlyFaults);
  shown = [];
  frames.forEach((frame, index) => {
    if (!pressed(chips[frame.type]) || (faults && !frame.faults)) return;
    if (who !== null && frame.cp !== who) return;
    if (words.length) {
      frame.hay ??= [frame.action, frame.id, frame.body, ...(frame.faults || []).flat()].join(" ").toLowerCase();
      if (!words.every((word) => frame.hay.includes(word))) return;
    }
    shown.push(index);
  });
  at("count").textContent = shown.length === frames.length
    ? frames.length + (frames.length === 1 ? " frame" : " frames")
    : shown.length + " of " + frames.length + " frames";
  drawLanes(who);
  drawFrames();
}

// lifelines

function drawLanes(who) {
  const all = data.chargePoints;
  if (who !== null) lanes = [who];
  else lanes = all.length > LANES ? [null] : all.map((_, place) => place);
  const last = lanes.length || 1;
  const lines = [];
  at("names").replaceChildren();
  for (let place = 0; place <= last; place++) {
    const x = position(place / last);
    lines.push(`linear-gradient(var(--line), var(--line)) ${x} 0 / 1px 100% no-repeat`);
    const cp = lanes[place];
    const name = place === last ? "CSMS" : cp === null ? all.length + " charge points" : all[cp] ?? "";
    const label = make("b", "", name);
    label.title = name;
    label.style.setProperty("--at", x);
    label.style.setProperty("--most", last === 1 ? "60%" : `${Math.floor(92 / (last + 1))}%`);
    at("names").append(label);
  }
  at("frames").style.setProperty("--lifelines", lines.join(", "));
  at("frames").classList.toggle("many", lanes.length > 1);
}

const position = (share) => `calc(var(--pad) + (100% - 2 * var(--pad)) * ${share.toFixed(4)})`;

function lane(frame) {
  const place = lanes.indexOf(frame.cp);
  return (place < 0 ? 0 : place) / (lanes.length || 1);
}

// rows

function drawFrames() {
  if (watcher) watcher.disconnect();
  rows = new Map();
  places = new Map(shown.map((index, place) => [index, place]));
  chunks = [];
  current = 0;
  watcher = new IntersectionObserver((seen) => {
    for (const one of seen) if (one.isIntersecting) fill(one.target.place);
  }, { rootMargin: "1500px 0px" });
  for (let start = 0; start < shown.length; start += CHUNK) {
    const height = Math.min(CHUNK, shown.length - start) * ROW + "px";
    const chunk = make("div", "chunk");
    chunk.setAttribute("role", "presentation");
    chunk.place = chunks.length;
    chunk.style.minHeight = height;
    chunk.style.containIntrinsicSize = "auto " + height;
    chunks.push(chunk);
  }
  at("frames").replaceChildren(...chunks);
  if (chunks.length) fill(0);
  for (const chunk of chunks) watcher.observe(chunk);
  at("empty").hidden = shown.length > 0;
  at("empty").textContent = frames.length ? "No frame passes the filters." : "This record has no frames.";
}

function fill(place) {
  const chunk = chunks[place];
  if (!chunk || chunk.firstChild) return;
  watcher.unobserve(chunk);
  const start = place * CHUNK;
  const drawn = [];
  for (let i = start; i < Math.min(start + CHUNK, shown.length); i++) drawn.push(row(i));
  chunk.append(...drawn);
  chunk.style.minHeight = "";
}

function row(place) {
  const index = shown[place];
  const frame = frames[index];
  const element = make("div", `frame t-${frame.type}${frame.faults ? " faulty" : ""}`);
  element.setAttribute("role", "listitem");
  const share = lane(frame);
  element.style.setProperty("--from", position(share));
  element.style.setProperty("--to", position(1));
  element.style.setProperty("--text", lanes.length > 1
    ? `min(${position(share)} + .75rem, 100% - 17rem)` : `calc(${position(share)} + .75rem)`);
  const before = place ? frames[shown[place - 1]] : null;
  const pause = before && frame.ms !== null && before.ms !== null ? frame.ms - before.ms : 0;
  if (pause >= PAUSE) element.append(make("div", "pause", make("span", "", duration(pause) + " later"), make("div", "lanes")));
  const button = make("button", "line",
    make("span", "no", String(frame.number)),
    make("span", "time", frame.time ? frame.time.slice(11, 23) : "?"),
    middle(frame), latency(frame));
  button.type = "button";
  button.tabIndex = place === current ? 0 : -1;
  button.setAttribute("aria-label", spoken(frame));
  button.setAttribute("aria-expanded", "false");
  button.addEventListener("click", () => toggle(index));
  button.addEventListener("focus", () => { choose(place); pair(index, true); });
  button.addEventListener("blur", () => pair(index, false));
  element.addEventListener("mouseenter", () => pair(index, true));
  element.addEventListener("mouseleave", () => pair(index, false));
  element.append(button);
  rows.set(index, element);
  if (opened.has(index)) open(index);
  return element;
}

function middle(frame) {
  const text = make("span", "");
  if (lanes.length === 1 && lanes[0] === null) text.append(make("u", "", data.chargePoints[frame.cp]), " ");
  text.append(make("b", "", frame.action ?? frame.type));
  if (frame.summary) text.append(" ", make("i", "", frame.summary));
  const box = make("span", "lanes", make("span", "label", text), make("span", "shaft", arrow(frame)));
  for (const [path, message, rule] of frame.faults || []) {
    box.append(make("span", "fault", make("span", "", path + ": " + message + " ", make("code", "", "[" + rule + "]"))));
  }
  return box;
}

function spoken(frame) {
  const cp = data.chargePoints[frame.cp];
  const ends = frame.sent ? cp + " to CSMS" : "CSMS to " + cp;
  const words = [frame.number, frame.time ? frame.time.slice(11, 23) : "no time", ends, frame.type, frame.action ?? ""];
  if (frame.took) words.push((frame.late ? "late, " : "") + "after " + frame.took);
  if (frame.lost) words.push("no answer");
  for (const fault of frame.faults || []) words.push("violation: " + fault[0] + " " + fault[1]);
  return words.filter((word) => word !== "").join(", ");
}

function pair(index, on) {
  const other = frames[index].pair;
  if (other === null) return;
  for (const one of [index, other]) rows.get(one)?.classList.toggle("pair", on);
}

// one frame, opened

function toggle(index) {
  if (opened.delete(index)) {
    const element = rows.get(index);
    element.classList.remove("open");
    element.querySelector(".panelrow").remove();
    element.querySelector(".line").setAttribute("aria-expanded", "false");
  } else {
    opened.add(index);
    open(index);
  }
}

function open(index) {
  const frame = frames[index];
  const element = rows.get(index);
  const facts = make("dl", "facts");
  const fact = (name, value) => facts.append(make("div", "", make("dt", "", name), make("dd", "", value)));
  fact("type", frame.type);
  if (frame.id !== null) fact("uniqueId", frame.id);
  if (frame.time) fact("time", frame.time.replace("T", " "));
  fact("charge point", data.chargePoints[frame.cp]);
  if (frame.pair !== null) {
    const button = make("button", "", "#" + frames[frame.pair].number);
    button.type = "button";
    button.addEventListener("click", () => go(frame.pair));
    fact(frame.took ? "answers" : "answered by", button);
  }
  const [code, copy] = payload(frame);
  const panel = make("div", "panel", facts, copy, code);
  element.append(make("div", "panelrow", make("div", "lanes", panel)));
  element.classList.add("open");
  element.querySelector(".line").setAttribute("aria-expanded", "true");
}

// keys

function choose(place) {
  const line = (one) => rows.get(shown[one])?.querySelector(".line");
  const before = line(current);
  if (before) before.tabIndex = -1;
  current = place;
  if (line(place)) line(place).tabIndex = 0;
}

function focus(place) {
  if (place < 0 || place >= shown.length) return;
  fill(Math.floor(place / CHUNK));
  rows.get(shown[place]).querySelector(".line").focus();
}

function go(index) {
  if (!places.has(index)) {
    at("search").value = "";
    at("who").value = "";
    for (const button of Object.values(chips)) button.setAttribute("aria-pressed", "true");
    if (onlyFaults) onlyFaults.setAttribute("aria-pressed", "false");
    filter();
  }
  focus(places.get(index));
}

function keys(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const line = event.target.closest(".line");
  const frame = event.target.closest(".frame");
  if (event.key === "/" && !event.target.matches("input, select")) {
    event.preventDefault();
    at("search").focus();
  } else if (event.key === "Escape" && frame) {
    const index = shown[current];
    if (opened.has(index)) toggle(index);
    focus(current);
  } else if (event.key === "ArrowDown" && event.target === at("search")) {
    event.preventDefault();
    focus(current);
  } else if (line) {
    const index = shown[current];
    const steps = { ArrowDown: current + 1, ArrowUp: current - 1, Home: 0, End: shown.length - 1 };
    if (event.key in steps) {
      event.preventDefault();
      focus(steps[event.key]);
    } else if ((event.key === "ArrowRight") !== opened.has(index) && event.key.startsWith("Arrow")) {
      event.preventDefault();
      toggle(index);
    } else if (event.key.toLowerCase() === "p" && frames[index].pair !== null) go(frames[index].pair);
  }
}

const bar = () => document.documentElement.style.setProperty("scroll-padding-top", at("bar").offsetHeight + 8 + "px");

drawTop();
drawTools();
filter();
document.addEventListener("keydown", keys);
new ResizeObserver(bar).observe(at("bar"));
