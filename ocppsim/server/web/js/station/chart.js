/* A live chart: power that flows, the limit in force, and the state of charge. */

import { h, s, say } from "../dom.js";

const SPAN = 180; // s that are shown
const WIDTH = 288;
const HEIGHT = 92;
const LEFT = 34;
const RIGHT = 30;
const TOP = 6;
const BOTTOM = 14;

export class Chart {
  constructor() {
    this.points = []; // {time in s, power, offered (W), soc (0 to 1)}
    this.area = s("path", { class: "area" });
    this.power = s("path", { class: "power" });
    this.limit = s("path", { class: "limit" });
    this.soc = s("path", { class: "soc" });
    this.left = [0, 1].map((place) => s("text", { class: "axis", x: LEFT - 4, y: place ? TOP + 4 : HEIGHT - BOTTOM + 3, "text-anchor": "end" }));
    const base = HEIGHT - BOTTOM;
    this.element = h("figure", { class: "chart" });
    this.values = ["power", "limit", "soc"].map(() => h("b", {}, "–"));
    const keys = ["power", "limit", "soc"].map((kind, place) => h("span", { class: `key ${kind}` }, ["Power ", "Limit ", "Car "][place], this.values[place]));
    this.element.append(
      h("figcaption", {}, keys),
      s(
        "svg",
        { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": "Power, limit and state of charge in the last three minutes" },
        s("path", { class: "grid", d: `M${LEFT} ${TOP}H${WIDTH - RIGHT}M${LEFT} ${(TOP + base) / 2}H${WIDTH - RIGHT}M${LEFT} ${base}H${WIDTH - RIGHT}` }),
        this.left,
        s("text", { class: "axis", x: WIDTH - RIGHT + 4, y: TOP + 4 }, "100 %"),
        s("text", { class: "axis", x: WIDTH - RIGHT + 4, y: base + 3 }, "0 %"),
        s("text", { class: "axis", x: LEFT, y: HEIGHT - 1 }, "−3 min"),
        s("text", { class: "axis", x: WIDTH - RIGHT, y: HEIGHT - 1, "text-anchor": "end" }, "now"),
        this.area,
        this.limit,
        this.soc,
        this.power,
      ),
    );
  }

  clear() {
    this.points = [];
  }

  /* Add what a connector says of itself, as the API tells it. */
  add(connector) {
    const now = performance.now() / 1000;
    const { power = 0, offered = null, soc } = connector;
    this.points.push({ time: now, power, offered, soc });
    while (this.points.length && this.points[0].time < now - SPAN - 5) this.points.shift();
    say(this.values[0], kilowatts(power));
    say(this.values[1], kilowatts(offered));
    say(this.values[2], `${Math.round(soc * 100)} %`);
    this.draw(now);
  }

  draw(now) {
    const most = nice(Math.max(1000, ...this.points.map((one) => Math.max(one.power, one.offered ?? 0))));
    const base = HEIGHT - BOTTOM;
    const x = (time) => Math.max(LEFT, LEFT + (1 - (now - time) / SPAN) * (WIDTH - LEFT - RIGHT));
    const y = (share) => base - share * (base - TOP);
    const path = (value, step) =>
      this.points
        .filter((one) => value(one) !== null)
        .map((one, place) => `${place ? (step ? `H${x(one.time).toFixed(1)}V` : "L") : "M"}${place && step ? "" : `${x(one.time).toFixed(1)} `}${y(value(one)).toFixed(1)}`)
        .join("");
    const power = path((one) => one.power / most);
    this.power.setAttribute("d", power);
    this.area.setAttribute("d", power ? `${power}V${base}H${x(this.points[0].time).toFixed(1)}Z` : "");
    this.limit.setAttribute("d", path((one) => (one.offered === null ? null : one.offered / most), true));
    this.soc.setAttribute("d", path((one) => one.soc));
    say(this.left[0], "0");
    say(this.left[1], most >= 1000 ? `${most / 1000} kW` : `${most} W`);
  }
}

/* Watts, short. */
function kilowatts(value) {
  if (value === null) return "–";
  return value < 1000 ? `${Math.round(value)} W` : `${(value / 1000).toFixed(value < 10_000 ? 1 : 0)} kW`;
}

/* The next of 1, 2, 5 times a power of ten. */
function nice(value) {
  const unit = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 2.5, 5, 10].map((step) => step * unit).find((step) => step >= value);
}
