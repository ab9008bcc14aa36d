/* Faults: what a bad line, and a charge point that misbehaves, do to the CSMS. */

import { at, get, post, put, remove } from "../api.js";
import { button, field, h, icon, refill, select } from "../dom.js";
import { meanings } from "../meaning.js";
import { store } from "../store.js";
import { complain, toast } from "../toast.js";
import { choice } from "./choice.js";
import { firstOf } from "./first.js";

const number = (value, min, max) => h("input", { type: "number", value, min, max, step: "any" });
const path = (rest) => at(store.chosen, rest);

/* A card: what it does, the Python for it, when a real line does so, and its buttons. */
function card(title, python, text, ...controls) {
  return h(
    "section",
    { class: "card fault-card" },
    h("div", { class: "row" }, h("h3", {}, title), h("code", { class: "faint" }, python)),
    h("p", {}, text),
    h("div", { class: "buttons" }, controls),
  );
}

async function act(does, done) {
  try {
    await does();
    toast(done);
  } catch (error) {
    complain(error);
  }
  store.refresh();
}

export class FaultsPane {
  constructor(panel) {
    this.answers = new NextAnswer();
    const stall = number(20, 1, 3600);
    stall.setAttribute("aria-label", "Seconds to stall");
    const raw = (text) => post(path("/raw"), { text });
    panel.append(
      h("h3", { class: "section" }, "The line"),
      card(
        "Drop",
        "cp.abort(reset=False)",
        "The connection is gone at once, without a goodbye: as when the power of the router fails.",
        button("Drop the connection", () => act(() => post(path("/disconnect"), { how: "abort" }), "Dropped")),
      ),
      card(
        "Reset",
        "cp.abort()",
        "The connection ends by a TCP reset: as when a firewall has had enough of it.",
        button("Reset the connection", () => act(() => post(path("/disconnect"), { how: "reset" }), "Reset")),
      ),
      card(
        "Stall",
        "cp.stall(20)",
        "Nothing is read or written for a while, and the connection stays: as in a tunnel without a signal.",
        h("label", { class: "with-unit" }, stall, " s"),
        button("Stall", () =>
          act(() => post(path("/stall"), { seconds: Number(stall.value) }), `Nothing comes through for ${stall.value} s`),
        ),
        button("End it", () => act(() => post(path("/stall"), { seconds: 0 }), "The line is open again"), { class: "quiet" }),
      ),
      card(
        "Malform",
        "cp.send_raw(…)",
        "Something that is no message of OCPP: as a charge point with a bug sends it.",
        button("Broken JSON", () => act(() => raw('[2,"malformed","Heartbeat",{'), "Broken JSON is sent")),
        button("No payload", () => act(() => raw('[2,"no-payload","Heartbeat"]'), "A frame without payload is sent")),
      ),
      h("h3", { class: "section" }, "The answer to a request of the CSMS"),
      this.answers.element,
    );
  }

  opened() {
    this.answers.look();
  }
}

/* How the next request of an action, or each, is answered; and what is set. */
class NextAnswer {
  constructor() {
    this.actions = {};
    this.which = h("select", { "aria-label": "Action that is answered", onchange: () => this.show() });
    this.how = select(
      [
        ["delay", "late"],
        ["drop", "never"],
        ["error", "with a CALLERROR"],
        ["status", "with another status"],
        ["raw", "with raw text"],
      ],
      "delay",
      { "aria-label": "How it is answered", onchange: () => this.show() },
    );
    this.seconds = number(5, 0, 3600);
    this.code = h("select", {});
    this.description = h("input", { maxlength: 255, value: "out of order", spellcheck: "false" });
    this.status = h("select", {});
    this.raw = h("textarea", { class: "code", rows: 2, spellcheck: "false", value: '[3,"' });
    this.often = choice(
      "How often",
      [
        ["once", "Once"],
        ["always", "Always"],
      ],
      "once",
      () => null,
    );
    this.more = h("div", { class: "two" });
    this.list = h("div", { class: "set", "aria-live": "polite" });
    const go = button([icon("check"), "Set this answer"], () => this.set(), { class: "primary" });
    this.element = h(
      "div",
      { class: "stack" },
      h(
        "section",
        { class: "card fault-card" },
        h("div", { class: "two" }, field("A request", this.which), field("is answered", this.how)),
        this.more,
        h("div", { class: "row wrap" }, this.often, go),
      ),
      this.list,
    );
    this.ready = this.learn();
    store.on("chosen", () => this.look());
    store.on("rows", (rows) => rows.some((one) => !one.own && one.answer) && this.lookSoon());
    this.look();
  }

  async learn() {
    const known = await meanings().catch(() => ({ actions: {}, errorCodes: {} }));
    const all = Object.values(known.actions).filter(({ sender }) => sender !== "charge point");
    this.actions = Object.fromEntries(all.map((one) => [one.action, one]));
    refill(this.code, Object.keys(known.errorCodes).map((code) => h("option", { value: code, selected: code === "InternalError" }, code)));
    refill(
      this.which,
      Object.keys(this.actions)
        .sort()
        .map((name) => h("option", { value: name, selected: name === "RemoteStartTransaction" }, name)),
    );
    this.show();
  }

  get states() {
    return this.actions[this.which.value]?.response.properties.status?.enum ?? [];
  }

  show() {
    const { states } = this;
    const option = [...this.how.options].find(({ value }) => value === "status");
    option.hidden = option.disabled = !states.length;
    if (!states.length && this.how.value === "status") this.how.value = "delay";
    refill(
      this.status,
      states.map((one) => h("option", { selected: one !== "Accepted" && one === states[1] }, one)),
    );
    const parts = {
      delay: () => [field("Seconds late", this.seconds), states.length ? field("with the status", this.status) : null],
      drop: () => [],
      error: () => [field("errorCode", this.code), field("errorDescription", this.description)],
      status: () => [field("status", this.status)],
      raw: () => [field("Text that is sent", this.raw)],
    }[this.how.value]();
    refill(this.more, parts);
    this.more.hidden = !parts.length;
    if (this.how.value === "delay" && states.length) this.status.value = states[0];
  }

  get body() {
    const response = this.actions[this.which.value]?.response ?? {};
    const payload = () => ({ ...firstOf(response), ...(this.states.length ? { status: this.status.value } : {}) });
    return {
      delay: () => ({ payload: payload(), delay: Number(this.seconds.value) }),
      drop: () => ({ drop: true }),
      error: () => ({ error: { errorCode: this.code.value, errorDescription: this.description.value } }),
      status: () => ({ payload: payload() }),
      raw: () => ({ raw: this.raw.value }),
    }[this.how.value]();
  }

  async set() {
    const once = this.often.querySelector("input:checked").value === "once";
    try {
      const { handlers } = await (once ? post : put)(path(`/handlers/${this.which.value}`), this.body);
      this.draw(handlers);
    } catch (error) {
      complain(error);
    }
  }

  lookSoon() {
    if (this.shown?.length) this.soon ||= setTimeout(() => this.look(), 300);
  }

  async look() {
    this.soon = 0;
    const name = store.chosen;
    if (!name) return;
    const { handlers } = await get(at(name, "/handlers")).catch(() => ({ handlers: [] }));
    if (name === store.chosen) this.draw(handlers);
  }

  draw(handlers) {
    this.shown = handlers;
    const row = ({ action, message, once, answer }) =>
      h(
        "li",
        { class: "row" },
        h("span", {}, h("b", {}, action), message ? ` of ${message}` : "", h("span", { class: "soft" }, ` ${saidOf(answer)}`)),
        h("span", { class: "badge" }, once ? "once" : "always"),
        button(icon("cross"), () => this.drop(action, message), {
          class: "quiet small square",
          "aria-label": `Remove the answers set for ${action}`,
          title: "Remove",
        }),
      );
    refill(
      this.list,
      handlers.length
        ? [h("h3", {}, "Answers that are set"), h("ul", { class: "lines" }, handlers.map(row))]
        : h(
            "p",
            { class: "note" },
            "No answer is set: plugins and scripts answer. Choose a request above, and how its answer goes wrong.",
          ),
    );
  }

  async drop(action, message) {
    try {
      this.draw((await remove(path(`/handlers/${action}${message ? `?message=${message}` : ""}`))).handlers);
    } catch (error) {
      complain(error);
      this.look();
    }
  }
}

/* An answer that is set, in a few words. */
export function saidOf({ payload, error, drop, raw, delay, times }) {
  const late = [delay ? `after ${delay} s` : "", times > 1 ? `${times} times` : ""].filter(Boolean).join(", ");
  const what = drop
    ? "never"
    : error
      ? error.errorCode
      : raw !== undefined
        ? `raw “${raw.slice(0, 40)}”`
        : (payload?.status ?? JSON.stringify(payload));
  return [what, late].filter(Boolean).join(" ");
}
