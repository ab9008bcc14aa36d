/* The drawn charge point: a post with a display, a light and a cable for each connector, and cars. */

import { h, s, say } from "../dom.js";
import { scaled } from "../text.js";

const WIDTH = 288;
const MOST = 4; // connectors that are drawn

const COLORS = ["--preparing", "--charging", "--available", "--suspended"]; // of the cars' paint, in turns

/* picked(connectorId): an outlet or its car was clicked. */
export class Drawing {
  constructor(picked) {
    this.picked = picked;
    this.count = 0;
    this.element = h("div", { class: "drawing" });
  }

  /* station: as the API tells it; chosen: a connectorId; point: the charge point. */
  show(station, chosen, point) {
    const connectors = station.connectors.slice(0, MOST);
    if (connectors.length !== this.count) this.build(connectors);
    const [first, second] = display(station, point, chosen);
    say(this.lines[0], first);
    say(this.lines[1], second);
    this.post.dataset.status = point.connected && station.powered ? station.status : "disconnected";
    for (const [place, one] of connectors.entries()) this.paint(this.outlets[place], one, one.connectorId === chosen, place);
  }

  build(connectors) {
    this.count = connectors.length;
    this.lines = [s("text", { class: "display-1", x: WIDTH / 2, y: 36 }), s("text", { class: "display-2", x: WIDTH / 2, y: 52 })];
    this.light = s("rect", { class: "light", x: 84, y: 10, width: WIDTH - 168, height: 4, rx: 2 });
    this.post = s(
      "g",
      { class: "post" },
      s("rect", { class: "foot", x: 68, y: 124, width: WIDTH - 136, height: 7, rx: 3 }),
      s("rect", { class: "cabinet", x: 76, y: 4, width: WIDTH - 152, height: 122, rx: 12 }),
      this.light,
      s("rect", { class: "screen", x: 88, y: 20, width: WIDTH - 176, height: 42, rx: 5 }),
      this.lines,
    );
    this.outlets = connectors.map((one, place) => this.outlet(one.connectorId, place, connectors.length));
    const picture = s(
      "svg",
      { viewBox: `0 0 ${WIDTH} 216`, role: "img", "aria-label": "The charge point, its connectors, and the cars at them" },
      s("path", { class: "ground", d: `M8 206.5H${WIDTH - 8}` }),
      this.post,
      this.outlets.map((one) => one.group),
    );
    this.element.replaceChildren(picture);
  }

  outlet(connectorId, place, count) {
    const step = (WIDTH - 176) / count;
    const x = 88 + step * (place + 0.5);
    const space = WIDTH / count;
    const car = space * (place + 0.5);
    const size = Math.min(1, (space - 8) / 92);
    const ring = s("circle", { class: "ring", cx: x, cy: 92, r: 15 });
    const socket = s("g", { class: "socket" }, s("circle", { cx: x, cy: 92, r: 10 }), s("circle", { class: "pin", cx: x - 3.5, cy: 90, r: 1.6 }), s("circle", { class: "pin", cx: x + 3.5, cy: 90, r: 1.6 }), s("circle", { class: "pin", cx: x, cy: 96, r: 1.6 }));
    const port = car + (x < car ? -36 : 36) * size;
    const plugged = `M${x} 94C${x} 160 ${port} 128 ${port} 182`;
    const hanging = `M${x} 96C${x} 126 ${x + 22} 126 ${x + 22} 104V84`;
    const cable = s("path", { class: "cable", d: hanging });
    const flow = s("path", { class: "flow", d: plugged });
    const level = s("rect", { class: "level", x: -24, y: -9, width: 0, height: 7, rx: 2 });
    const body = s(
      "g",
      { class: "car", transform: `translate(${car} 196) scale(${size})`, style: { "--paint": `var(${COLORS[place % COLORS.length]})` } },
      s("path", { class: "paint", d: "M-42 4v-11c0-5 3-7 8-8l8-1.5 9-10c2-2.5 4-3.5 7-3.5h14c4 0 7 1.5 9.5 4.5l7.5 9.5 12 2.5c6 1.5 9 4 9 9v8.5a2 2 0 0 1-2 2h-80a2 2 0 0 1-2-2z" }),
      s("path", { class: "glass", d: "M-23-17l6.5-7.5c1-1.5 2.5-2 4.5-2h5v9.5zM-3-26.5h5.5c3 0 5 1 7 3.5l5.5 6h-18z" }),
      s("circle", { class: "wheel", cx: -25, cy: 6, r: 6.5 }),
      s("circle", { class: "wheel", cx: 27, cy: 6, r: 6.5 }),
      s("rect", { class: "battery", x: -25, y: -10, width: 50, height: 9, rx: 3 }),
      level,
    );
    const number = s("text", { class: "number", x, y: 73.5 }, String(connectorId));
    const bolt = s("path", { class: "cross", d: `M${x - 7} 85l14 14M${x + 7} 85l-14 14` });
    const hit = s("rect", { class: "hit", x: x - Math.min(20, step / 2), y: 72, width: Math.min(40, step), height: 52 });
    const group = s("g", { class: "outlet", onclick: () => this.picked(connectorId) }, body, ring, socket, cable, flow, bolt, number, hit);
    return { group, cable, flow, level, body, plugged, hanging };
  }

  paint({ group, cable, flow, level, body, plugged, hanging }, one, chosen, place) {
    const cableIn = one.plugged.station && one.plugged.car;
    const there = one.plugged.station || one.plugged.car || one.session !== null;
    group.dataset.status = one.status;
    group.classList.toggle("chosen", chosen);
    group.classList.toggle("charging", one.status === "Charging");
    group.classList.toggle("empty-place", !there);
    cable.setAttribute("d", cableIn ? plugged : hanging);
    cable.toggleAttribute("hidden", !cableIn && !one.fixed);
    flow.toggleAttribute("hidden", !(cableIn && one.status === "Charging"));
    level.setAttribute("width", Math.max(0, Math.min(46, 46 * one.soc)));
    level.setAttribute("x", -23);
    body.toggleAttribute("data-there", there);
    body.dataset.place = place;
  }
}

function display(station, point, chosen) {
  if (!station.powered) return ["", ""];
  if (!point.connected) return ["No connection", point.reconnecting ? "trying again …" : "offline"];
  if (station.registration !== "Accepted") return [station.registration ?? "Starting …", "not registered yet"];
  const one = station.connectors.find(({ connectorId }) => connectorId === chosen) ?? station.connectors[0];
  const says = {
    Available: ["Welcome", "plug in, or hold up a card"],
    Preparing: one.session ? ["Starting …", `connector ${one.connectorId}`] : one.plugged.car ? ["Who is it?", "hold up a card"] : ["Plug in, please", `connector ${one.connectorId}`],
    Charging: ["Charging", `${scaled(one.power, "W")} · ${Math.round(one.soc * 100)} %`],
    SuspendedEV: ["Paused by the car", `${Math.round(one.soc * 100)} % charged`],
    SuspendedEVSE: ["Paused", "no power is offered"],
    Finishing: ["Done", "unplug the cable"],
    Reserved: ["Reserved", `connector ${one.connectorId}`],
    Unavailable: ["Out of service", `connector ${one.connectorId}`],
    Faulted: ["Out of order", one.errorCode],
  };
  return says[one.status] ?? [one.status, ""];
}
