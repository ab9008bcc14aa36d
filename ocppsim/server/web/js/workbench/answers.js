/* Who answers which request of the CSMS, and the plugins. */

import { at, get, remove } from "../api.js";
import { button, h, icon, refill } from "../dom.js";
import { meanings } from "../meaning.js";
import { store } from "../store.js";
import { complain } from "../toast.js";
import { saidOf } from "./faults.js";
import { breakable } from "./keys.js";

export class AnswersPane {
  constructor(panel) {
    this.table = h("div", {});
    this.plugins = h("div", { class: "stack" });
    this.search = h("input", {
      type: "search",
      placeholder: "Search",
      "aria-label": "Search the actions and plugins",
      oninput: () => this.draw(),
    });
    panel.append(
      h(
        "p",
        { class: "soft small-text" },
        "A request of the CSMS goes to these, one after the other, until one answers. Answers are set under Faults, by scripts (",
        h("code", {}, "@cp.on"),
        "), and by plugins.",
      ),
      this.search,
      this.table,
      h("h3", { class: "section" }, "Plugins"),
      this.plugins,
    );
    store.on("chosen", () => this.look());
    store.on("point", () => this.visible && this.lookSoon());
    store.on("script", () => this.visible && this.lookSoon());
  }

  get visible() {
    return this.table.offsetParent !== null;
  }

  opened() {
    this.look();
  }

  lookSoon() {
    this.soon ||= setTimeout(() => this.look(), 500);
  }

  async look() {
    this.soon = 0;
    const name = store.chosen;
    if (!name) return;
    try {
      const [{ answering }, { handlers }, plugins, known] = await Promise.all([
        get(at(name, "/answering")),
        get(at(name, "/handlers")),
        get("/plugins"),
        meanings().catch(() => ({ actions: {} })),
      ]);
      if (name !== store.chosen) return;
      const state = JSON.stringify([name, answering, handlers, plugins]);
      if (state === this.state) return;
      Object.assign(this, { state, answering, handlers, known: known.actions });
      this.draw();
      this.drawPlugins(plugins);
    } catch (error) {
      refill(this.table, h("p", { class: "note bad" }, error.what ?? error.message));
    }
  }

  draw() {
    const wanted = this.search.value.trim().toLowerCase();
    const all = (this.answering ?? []).filter(({ action, asked }) =>
      `${action} ${asked.map(({ who, name, what }) => `${who} ${name} ${what}`).join(" ")}`.toLowerCase().includes(wanted),
    );
    const answered = all.filter(({ asked }) => asked.some(({ who }) => who !== "default"));
    const others = all.filter(({ asked }) => asked.every(({ who }) => who === "default"));
    refill(
      this.table,
      h(
        "table",
        { class: "asked" },
        h("caption", { class: "unseen" }, "Who answers which request"),
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Request"), h("th", { scope: "col" }, "Asked, in turn"))),
        h(
          "tbody",
          {},
          [...answered, ...others].map((one) => this.row(one)),
        ),
      ),
      all.length ? null : h("p", { class: "faint" }, "Nothing is called so."),
    );
  }

  row({ action, asked }) {
    const summary = this.known[action]?.summary?.replace(/\s*OCPP 1\.6 §.*$/, "");
    const set = this.handlers.filter((one) => one.action === action);
    return h(
      "tr",
      {},
      h("th", { scope: "row", title: summary }, breakable(action)),
      h(
        "td",
        {},
        set.map((one) => this.ours(one)),
        chain(asked),
      ),
    );
  }

  /* An answer that was set here. */
  ours({ action, message, once, answer }) {
    const drop = button(icon("cross"), () => this.drop(action, message), {
      class: "quiet small square",
      "aria-label": `Remove the answers set for ${action}`,
      title: "Remove",
    });
    return h(
      "div",
      { class: "ours" },
      h("span", {}, saidOf(answer), message ? ` to ${message}` : ""),
      h("span", { class: "badge" }, once ? "once" : "always"),
      drop,
    );
  }

  drawPlugins({ plugins, problems }) {
    const trouble = problems.map((text) => h("p", { class: "note bad" }, text));
    const one = ({ name, version, source, hooks }) => {
      const actions = hooks.filter((hook) => /^ocpp\d/.test(hook)).length;
      return h(
        "details",
        { class: "card plugin" },
        h(
          "summary",
          {},
          h("b", {}, name),
          h("span", { class: "faint" }, ` ${version}`),
          h("span", { class: "faint from" }, source === name ? "" : source),
        ),
        h(
          "p",
          { class: "faint" },
          `${actions} request${actions === 1 ? "" : "s"} answered, ${hooks.length - actions} other hook${hooks.length - actions === 1 ? "" : "s"}`,
        ),
        h(
          "ul",
          { class: "hooks" },
          hooks.map((hook) => h("li", {}, h("code", {}, hook))),
        ),
      );
    };
    const none = h(
      "p",
      { class: "note" },
      "No plugin is installed. ",
      h("code", {}, "pip install ocppsim-core"),
      " brings a station that answers for itself.",
    );
    refill(this.plugins, trouble, plugins.length ? plugins.map(one) : none);
  }

  async drop(action, message) {
    try {
      await remove(at(store.chosen, `/handlers/${action}${message ? `?message=${message}` : ""}`));
    } catch (error) {
      complain(error);
    }
    this.look();
  }
}

const titleOf = ({ who, name, what }) =>
  ({ server: "set here", plugin: name, script: name ? `script: ${name}` : "script", default: what })[who] ?? who;

/* Those who are asked, in turn: their names, and unfolded what they say of it. */
function chain(asked) {
  const names = asked.map(titleOf).filter((name, place, all) => name !== all[place - 1]);
  const one = (entry) =>
    h(
      "li",
      {},
      h("b", {}, titleOf(entry)),
      entry.message ? h("span", { class: "badge" }, entry.message) : null,
      entry.once ? h("span", { class: "badge" }, "once") : null,
      entry.hook ? h("code", {}, entry.hook) : null,
      entry.who === "default" ? h("small", {}, "where nobody has answered") : entry.what ? h("small", {}, entry.what) : null,
    );
  const end = asked.at(-1)?.who === "default" ? names.pop() : "";
  const said = [names.join(" › "), end && h("span", { class: "faint" }, `${names.length ? ", else " : ""}${end}`)];
  return h("details", {}, h("summary", {}, said), h("ol", {}, asked.map(one)));
}
