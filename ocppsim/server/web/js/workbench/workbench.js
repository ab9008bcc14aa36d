/* The right of the page: scripts, messages by hand, faults, keys, answers, certificates. */

import { connectDialog } from "../connect.js";
import { button, h, icon, refill } from "../dom.js";
import { store } from "../store.js";
import { AnswersPane } from "./answers.js";
import { CertificatesPane } from "./certificates.js";
import { FaultsPane } from "./faults.js";
import { KeysPane } from "./keys.js";
import { ScriptPane } from "./script.js";
import { SendPane } from "./send.js";

/* key: [label, what makes it, what is said where no charge point is connected, what it is for] */
const TABS = {
  script: ["Script", ScriptPane, "A script can connect it: cp.reconnect().", "write and run Python with it"],
  send: ["Send", SendPane, "Nothing can be sent until it is; the form can be filled in.", "send any message by hand"],
  faults: ["Faults", FaultsPane, "Answers can be set; the faults of the line need one.", "break the line, and answer wrongly"],
  keys: ["Keys", KeysPane, "The keys can be looked at and set all the same.", "look at its configuration keys and set them"],
  answers: ["Answers", AnswersPane, "Who would answer is shown all the same.", "see who answers which request of the CSMS"],
  certificates: [
    "Certificates",
    CertificatesPane,
    "Its certificates are shown all the same; TLS is known once it is.",
    "see the certificates, and how the connection is secured",
  ],
};

let bench = null;

/* Fill the section; called once. */
export function workbench(section) {
  bench = new Workbench(section);
}

/* Put a script into the editor. What was there goes into the history. */
export function openScript(text, name = "") {
  bench.open("script");
  bench.panes.script.open(text, name);
}

/* Open the form of an action with a payload: "send again, edited". validate: false does not check it. */
export function openMessage(action, payload = {}, { validate = true } = {}) {
  bench.open("send");
  bench.panes.send.open(action, payload, { validate });
}

/* Open the raw mode with a text. */
export function openRaw(text) {
  bench.open("send");
  bench.panes.send.openRaw(text);
}

class Workbench {
  constructor(section) {
    this.panes = {};
    this.tabs = {};
    this.panels = {};
    const list = h("div", { class: "tabs", role: "tablist", "aria-labelledby": "workbench-title" });
    section.append(list);
    for (const [key, [label, , offline, purpose]] of Object.entries(TABS)) {
      const tab = h(
        "button",
        { type: "button", role: "tab", id: `tab-${key}`, "aria-controls": `panel-${key}`, onclick: () => this.open(key) },
        label,
      );
      tab.addEventListener("keydown", (event) => this.key(event, key));
      const notice = h("div", { class: "notice", hidden: true });
      const inner = h("div", { class: `pane ${key}` });
      const panel = h("div", { role: "tabpanel", id: `panel-${key}`, "aria-labelledby": tab.id, class: "panel" }, notice, inner);
      list.append(tab);
      section.append(panel);
      this.tabs[key] = tab;
      this.panels[key] = { panel, notice, inner, offline, purpose };
    }
    this.open(localStorage.getItem("tab") in TABS ? localStorage.getItem("tab") : "script");
    store.on("points", () => this.notice());
    store.on("point", () => this.notice());
    store.on("chosen", () => this.notice());
    this.notice();
  }

  open(key) {
    this.shown = key;
    localStorage.setItem("tab", key);
    for (const [one, tab] of Object.entries(this.tabs)) {
      tab.setAttribute("aria-selected", String(one === key));
      tab.tabIndex = one === key ? 0 : -1;
      this.panels[one].panel.hidden = one !== key;
    }
    this.tabs[key].scrollIntoView?.({ block: "nearest", inline: "nearest" });
    this.panes[key] ??= new TABS[key][1](this.panels[key].inner, this);
    this.panes[key].opened?.();
  }

  /* Put lines into the script. */
  insert(text) {
    this.open("script");
    this.panes.script.insert(text);
  }

  key(event, key) {
    const keys = Object.keys(TABS);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const end = { Home: 0, End: keys.length - 1 }[event.key];
    if (step === undefined && end === undefined) return;
    event.preventDefault();
    const next = keys[end ?? (keys.indexOf(key) + step + keys.length) % keys.length];
    this.open(next);
    this.tabs[next].focus();
  }

  /* Where no charge point is chosen, that comes first; where it is not connected, what works then. */
  notice() {
    const { point, chosen } = store;
    for (const { notice, inner, offline, purpose } of Object.values(this.panels)) {
      const state = !point ? "none" : point.connected ? "" : `offline ${chosen}`;
      if (notice.dataset.state === state) continue;
      notice.dataset.state = state;
      notice.hidden = !state;
      inner.hidden = state === "none";
      if (state === "none") {
        const connect = button("Connect a charge point", () => connectDialog({}, (name) => store.choose(name)), {
          class: "primary",
        });
        refill(
          notice,
          h(
            "div",
            { class: "empty" },
            icon("plug"),
            h("h3", {}, "Connect a charge point first"),
            h("p", {}, `Then you can ${purpose}.`),
            connect,
          ),
        );
      } else if (state) refill(notice, h("p", { class: "note warn" }, h("b", {}, `${chosen} is not connected. `), offline));
    }
  }
}
