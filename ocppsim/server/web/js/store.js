/* What the page knows: the charge points of the server, and of the chosen one all messages.
   Parts of the page listen with `on(event, act)`:
     points           the list changed, or something in it
     chosen           another charge point was chosen
     point            something of the chosen one changed: its entry
     rows             rows were added to, or changed in, its messages: a list of them
     reset            its messages are others now
     output, script   a script of any printed, began, ended: the data of the event
     station          its station was looked at: the answer, or null where none lives
     line             the connection to the server: "live", "waiting", "lost"
     log, error       what the server logs: the data of the event */

import { at, get } from "./api.js";
import { Exchanges } from "./exchanges.js";
import { Live } from "./live.js";
import { meanings } from "./meaning.js";

const LOOK = 1000; // ms between looks at the chosen station
const LATER = 250; // ms in which changes of the list are gathered
const BACK = 5000; // how many of its last messages are fetched when a charge point is chosen

class Store extends EventTarget {
  constructor() {
    super();
    this.points = new Map(); // name: what GET /cp says, and `connectors`: {id: status}, `rate`
    this.chosen = null; // a name
    this.station = null;
    this.exchanges = new Exchanges();
    this.line = "waiting";
    this.counts = new Map();
    this.held = []; // messages of the chosen one while older ones are fetched
    this.fetching = false;
    this.soon = 0;
  }

  on(kind, act) {
    this.addEventListener(kind, (event) => act(event.detail));
  }

  tell(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }

  get point() {
    return this.points.get(this.chosen) ?? null;
  }

  /* Begin to listen. */
  async start() {
    await meanings().catch(() => null); // without them no verdict on what the charge point says
    const { event } = await get("/admin").catch(() => ({ event: "" }));
    this.live = new Live(
      (kind, data) => this.heard(kind, data),
      (line) => {
        const came = line === "live" && this.line !== "live";
        this.line = line;
        this.tell("line", line);
        if (came) {
          this.refresh();
          this.fetch();
        }
      },
      event,
    ).open();
    setInterval(() => this.measure(), 1000);
    setInterval(() => this.look(), LOOK);
    await this.refresh();
  }

  /* Look at all charge points anew. Gives whether the server answered. */
  async refresh() {
    clearTimeout(this.soon);
    this.soon = 0;
    let listed;
    try {
      listed = (await get("/cp")).chargePoints;
    } catch {
      return false;
    }
    const before = this.points;
    this.points = new Map(
      listed.map((one) => {
        const old = before.get(one.name);
        // without a station the page has it from StatusNotifications alone
        return [one.name, { rate: 0, ...old, ...one, connectors: { ...old?.connectors, ...one.connectors } }];
      }),
    );
    if (!this.points.has(this.chosen)) this.choose(listed[0]?.name ?? null);
    this.tell("points");
    if (this.point) this.tell("point", this.point);
    return true;
  }

  /* The same, soon. */
  refreshSoon() {
    this.soon ||= setTimeout(() => this.refresh(), LATER);
  }

  choose(name) {
    if (name === this.chosen) return;
    this.chosen = name;
    this.station = null;
    this.exchanges = new Exchanges();
    this.held = [];
    this.fetching = false;
    this.tell("chosen", name);
    this.tell("reset");
    this.tell("station", null);
    if (this.point) this.tell("point", this.point);
    this.fetch();
    this.look();
  }

  /* Look at the chosen station now. */
  async look() {
    const name = this.chosen;
    if (!name || document.hidden || this.line === "lost") return;
    try {
      const now = await get(at(name));
      if (name !== this.chosen || !this.point) return;
      Object.assign(this.point, now, { connectors: { ...this.point.connectors, ...now.connectors } });
      this.tell("point", this.point);
      if (!now.station) {
        if (this.station) this.tell("station", (this.station = null));
        return;
      }
      const station = await get(at(name, "/station"));
      if (name !== this.chosen || !this.point) return;
      this.station = station;
      for (const one of station.connectors) this.point.connectors[one.connectorId] = one.status;
      this.point.connectors[0] = station.status;
      this.tell("station", station);
    } catch (error) {
      if (error.status === 409 || error.status === 404) this.refreshSoon();
    }
  }

  // --- what comes ---

  heard(kind, data) {
    const name = data.chargePoint;
    if (kind === "frame") this.framed(name, data);
    else if (kind === "state") this.changed(name, data);
    else if (kind === "gap") this.gap(data);
    else if (kind === "output" || kind === "script") {
      if (kind === "script") this.refreshSoon();
      this.tell(kind, data);
    } else this.tell(kind, data);
  }

  framed(name, message) {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
    const point = this.points.get(name);
    if (!point) return this.refreshSoon();
    point.messages = Math.max(point.messages, message.number);
    if (message.type === "CALL" && message.action === "StatusNotification" && message.direction === "sent") {
      const payload = message.frame?.[3];
      if (typeof payload?.connectorId === "number") point.connectors[payload.connectorId] = String(payload.status);
      this.tell("points");
    }
    if ((message.faults ?? []).length) this.refreshSoon();
    if (name !== this.chosen) return;
    if (this.fetching) this.held.push(message);
    else this.take([message]);
  }

  take(messages) {
    const rows = [];
    for (const [place, message] of messages.entries()) {
      const taken = this.exchanges.add(message);
      if (taken === null) {
        this.held.push(...messages.slice(place));
        this.fetch();
        break;
      }
      rows.push(...taken);
    }
    if (rows.length) this.tell("rows", rows);
  }

  changed(name, data) {
    const point = this.points.get(name);
    if (point && "status" in data) {
      point.connectors[data.connectorId] = data.status;
      this.tell("points");
      if (name === this.chosen) this.look();
      return;
    }
    if (point && "connected" in data) point.connected = data.connected;
    if (name === this.chosen && data.connected === false && data.reason) this.tell("log", { level: "INFO", chargePoint: name, message: data.reason });
    this.refreshSoon();
  }

  gap(data) {
    if (data.missed === null) {
      const mark = this.exchanges.mark("the server was started anew");
      this.exchanges.last = 0;
      this.tell("rows", [mark]);
    }
    this.refresh().then(() => this.fetch());
  }

  /* Get the messages of the chosen one that did not come as events. */
  async fetch() {
    const name = this.chosen;
    if (!name || this.fetching) return;
    this.fetching = true;
    const mine = this.exchanges;
    try {
      let after = mine.last;
      if (!mine.rows.length) {
        const { messages } = await get(at(name));
        after = Math.max(0, messages - BACK);
        mine.last = after;
      }
      while (after !== null) {
        const page = await get(at(name, `/messages?limit=1000&after=${after}`));
        if (mine !== this.exchanges) return;
        const first = page.messages[0];
        if (first && first.number > mine.last + 1) mine.last = first.number - 1; // not kept there any more
        this.take(page.messages);
        after = page.next;
      }
      const missing = (this.held[0]?.number ?? 0) - mine.last - 1;
      if (mine.last && missing > 0) {
        this.tell("rows", [mine.mark(`${missing} messages came that the server did not keep`)]);
        mine.last += missing;
      }
    } catch {
      // gone, or the server is: it is tried again when that is there again
    } finally {
      if (mine === this.exchanges) {
        this.fetching = false;
        const held = this.held.splice(0);
        if (held.length) this.take(held);
      }
    }
  }

  measure() {
    let changed = false;
    for (const [name, point] of this.points) {
      const rate = this.counts.get(name) ?? 0;
      changed ||= rate !== point.rate;
      point.rate = rate;
    }
    this.counts.clear();
    if (changed) this.tell("points");
  }
}

export const store = new Store();
